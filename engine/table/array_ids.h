#pragma once

#include "engine/base/ids.h"
#include "engine/graph/graph.h"
#include "engine/storage/append_array.h"

#include <cstdint>

namespace omendb::table {

// Names the rows of one table between two clear() calls, one run of a text column, or the patches of a table between two times that the dead ones were left behind: what
// array ids are made of, so that bytes that were cleared, dropped or merged away can not be mistaken for anybody else's. Drawn from the same counter as TableId; never reused.
using StorageId = Id<struct StorageTag, uint32_t>;

// Which array of a column. Numbers are on disk and never reused.
enum class Part : uint8_t {
  kValues = 1,      // fixed width x rows
  kEnds = 2,        // u64 x rows: where the bytes of a row end
  kBytes = 3,       // bytes of strings, one row after the other
  kValidity = 4,    // one byte a row; the array exists from the first null on
  kGraphRows = 5,   // graph::Graph::Stream::kRows
  kGraphUpper = 6,  // graph::Graph::Stream::kUpperLevels
  kLiveRows = 7,    // one bit a row; of the table, at column kTableColumn
  kGraphCodes = 8,  // graph::Graph::Stream::kCodes
  kGraphCodec = 9,  // graph::Graph::Stream::kCodec
  kTextRun = 10,    // a run of a text column, whole; its storage id is the run's own
  kDeadTerms = 11,  // of a text column: which terms dead rows have
  kPatchedRows =
      12,  // u32 x slots: the row of a patch; at column kTableColumn of a storage of patches, whose columns have parts 1 to 4
};

inline constexpr uint32_t kTableColumn = 0xFFFF;  // parts that belong to the table as a whole
inline constexpr uint32_t kColumnsMax = 4096;

inline storage::ArrayId array_id(StorageId storage, uint32_t column, Part part) {
  return {(uint64_t{storage.value} << 32) | (uint64_t{column} << 8) | static_cast<uint64_t>(part)};
}
inline Part graph_part(graph::Graph::Stream stream) {
  switch (stream) {
    case graph::Graph::Stream::kRows: return Part::kGraphRows;
    case graph::Graph::Stream::kUpperLevels: return Part::kGraphUpper;
    case graph::Graph::Stream::kCodes: return Part::kGraphCodes;
    case graph::Graph::Stream::kCodec: return Part::kGraphCodec;
  }
  return Part::kGraphRows;
}
inline StorageId storage_of(storage::ArrayId id) { return {static_cast<uint32_t>(id.value >> 32)}; }

}  // namespace omendb::table
