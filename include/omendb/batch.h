#pragma once

// Rows go in as borrowed columns (ColumnView, Apache Arrow's idea of a column: a pointer each for values, offsets and validity) and come out as
// owned columns (ColumnData). Neither direction copies more than once.

#include <omendb/schema.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

// One column of rows to write. Everything is borrowed until the call returns. Which pointers are used depends on the column's type:
//   bool                    bools: 1 byte a row, 0 or 1
//   int64, timestamp        ints: 1 value a row
//   float64                 doubles: 1 value a row
//   string, text, json      offsets: rows + 1 values into chars; row i is chars[offsets[i] .. offsets[i + 1])
//   string[]                list_offsets: rows + 1 values counting strings; offsets: one more value than there are strings; chars
//   vector                  floats: rows x dims values, row after row
//   vectors                 list_offsets: rows + 1 values counting vectors; floats: dims values a vector; row i has vectors list_offsets[i] .. list_offsets[i + 1)
//   sparse                  list_offsets: rows + 1 values counting pairs; uints: the index of each pair; floats: its weight. In any order, no index twice in a row;
//                           weights are finite, and those that are 0 are left out
//   vector of bits          bits: rows x (dims + 7) / 8 bytes, row after row; the first bit is the most significant one of the first byte, bits behind the last
//                           one are 0
struct ColumnView {
  std::string_view name;
  const uint8_t* validity = nullptr;  // one byte a row, 0 = null; nullptr = no nulls. Values of null rows are ignored
  const uint8_t* bools = nullptr;
  const int64_t* ints = nullptr;
  const double* doubles = nullptr;
  const int64_t* list_offsets = nullptr;
  const int64_t* offsets = nullptr;
  const char* chars = nullptr;
  const float* floats = nullptr;
  const uint32_t* uints = nullptr;
  const uint8_t* bits = nullptr;
  size_t dims = 0;  // of `floats`; must equal the column's. Of `bits`: as many as make the same number of bytes
};

struct BatchView {
  size_t row_count = 0;
  std::span<const ColumnView> columns;  // any order; columns left out become null; the primary key must be there
};

// One column of rows read. Fields as in ColumnView; only those of `type` are filled.
struct ColumnData {
  std::string name;
  Type type = Type::kInt64;
  std::vector<uint8_t> validity;  // one byte a row; empty = no nulls
  std::vector<uint8_t> bools;
  std::vector<int64_t> ints;
  std::vector<double> doubles;
  std::vector<int64_t> list_offsets;
  std::vector<int64_t> offsets;
  std::string chars;
  std::vector<float> floats;
  std::vector<uint32_t> uints;  // of a row rising
  std::vector<uint8_t> bits;
  size_t dims = 0;
  Element element = Element::kF32;  // of a vector

  bool is_null(size_t row) const { return !validity.empty() && validity[row] == 0; }
  std::string_view string_at(size_t row) const {
    return std::string_view(chars).substr(static_cast<size_t>(offsets[row]),
                                          static_cast<size_t>(offsets[row + 1] - offsets[row]));
  }
};

struct Batch {
  size_t row_count = 0;
  std::vector<ColumnData> columns;
};

// Keys of several rows: one of the two members, as the primary key's type says.
struct KeysView {
  std::span<const int64_t> ints;
  std::span<const std::string_view> strings;
  size_t size() const { return ints.empty() ? strings.size() : ints.size(); }
};

}  // namespace omendb
