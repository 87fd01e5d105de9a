#pragma once

// Rows that come from Arrow, as the columns that the engine takes.

#include <omendb/batch.h>
#include <omendb/status.h>

#include "arrow_abi.h"

#include <cstdint>
#include <deque>
#include <vector>

namespace omendb::python {

// A struct array (a record batch) seen as a BatchView. 64-bit numbers, 64-bit offsets, characters and floats are borrowed; bitmaps become bytes and
// 32-bit offsets become 64-bit ones, which is the only copying. Accepts bool, int64, double, timestamp[us], (large_)string, (large_)list of strings or of
// structs of a uint32 and a float (sparse vectors), fixed-size list of float, fixed-size binary (bits) and null. Fails: kSchema for any other
// type, and for nulls inside of a list or a vector; the message names column and row.
class ArrowRows {
 public:
  // Borrows both structs for as long as view() is used.
  static Result<ArrowRows> read(const ArrowSchema& schema, const ArrowArray& array);

  BatchView view() const { return {row_count_, columns_}; }

 private:
  Result<ColumnView> read_column(const ArrowSchema& schema, const ArrowArray& array, size_t first);
  void read_validity(const ArrowArray& array, size_t first, ColumnView& view);
  void read_strings(const ArrowArray& array, size_t first, size_t count, bool wide, ColumnView& view);
  Result<void> read_list(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide, ColumnView& view);
  Result<void> read_vector_lists(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide,
                                 ColumnView& view);
  Result<void> read_pairs(const ArrowSchema& schema, const ArrowArray& array, size_t first, bool wide,
                          ColumnView& view);
  static void read_bits(const ArrowSchema& schema, const ArrowArray& array, size_t first, ColumnView& view);
  Result<void> read_vectors(const ArrowSchema& schema, const ArrowArray& array, size_t first, ColumnView& view);
  const int64_t* read_offsets(const void* buffer, size_t first, size_t count, bool wide);
  const uint8_t* unpack_bits(const void* buffer, size_t first, size_t count);

  size_t row_count_ = 0;
  std::vector<ColumnView> columns_;
  std::deque<std::vector<uint8_t>> bytes_;  // deques: what has been handed out stays where it is
  std::deque<std::vector<int64_t>> offsets_;
};

}  // namespace omendb::python
