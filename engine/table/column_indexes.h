#pragma once

// Indexes behind conditions (engine/column): which of them a table has, which would pay, and which of their blocks a version may use.

#include <omendb/status.h>

#include "engine/column/block_index.h"
#include "engine/table/live_bitmap.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

struct TableVersion;

// An index is made when reading its column for conditions has taken kPaysAt times as long as making it would; then of every full block, and of later ones as long as conditions
// ask. Nothing of it is on disk. Threads: any; readers hold a lock for as long as it takes to copy a pointer.
class ColumnIndexes {
 public:
  static constexpr uint64_t kPaysAt = 4;

  // What there is of each source that `version`, which must stay pinned, may use.
  std::vector<column::IndexView> views(const TableVersion& version, std::span<const column::Source> sources);
  // Nanoseconds that reading rows of full blocks took for conditions.
  void add_read_cost(const column::Source& source, uint64_t nanoseconds);
  // Makes one block of an index that pays, of the newest published version; false if there is none to make. Cost: some milliseconds. Fails: kOutOfMemory.
  Result<bool> build_some(const TableVersion& version);
  // Bytes of the indexes of a column; nothing where it has none.
  std::optional<uint64_t> memory_bytes(uint32_t column) const;

 private:
  using Blocks = column::IndexView::Blocks;
  struct Index {
    column::Source source;
    uint64_t read_cost = 0;
    bool asked = false;                      // since all blocks that there are were made
    std::shared_ptr<const Blocks> blocks{};  // null until it pays
  };
  struct Work {
    column::Source source;
    uint32_t block = 0;
    bool drop = false;  // no row of it lives
  };
  Index* find(const column::Source& source);
  std::optional<Work> next_work(const TableVersion& version);
  void publish(const Work& work, std::shared_ptr<const column::BlockIndex> made);

  std::mutex building_;       // one block at a time; taken first
  mutable std::mutex mutex_;  // guards indexes_
  std::vector<Index> indexes_;
};

}  // namespace omendb::table
