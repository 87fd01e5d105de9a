#pragma once

// Columns of several vectors a row. A value is its vectors, one after the other, as bytes of variable length. Beside it stands one vector of fixed length, its encoding
// (quantize/fixed_encoding.h), in the array where other vector columns have their values: graph, tail and calibration are those of a vector column over the
// encodings. Encodings follow from the values, so that the log does not have them.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/quantize/fixed_encoding.h"
#include "engine/table/rows.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace omendb::table {

struct TableVersion;

inline bool is_searched_by_vector(const ColumnSpec& spec) {
  return spec.type == Type::kVector || spec.type == Type::kVectors;
}

// What the graph of a vector column is made of: its vectors, or their encodings. Those of vectors that count by their direction are compared by cosine: they rank
// as well as by inner product (bench/multi_vector.py's set, 5,000 rows of 128 dimensions: 0.967 and 0.962 of the true 10 among the first 100), and graphs over
// cosine are built by codes.
VectorOptions graph_vectors(const ColumnSpec& spec);
// Null for a column of one vector a row.
std::shared_ptr<const quantize::FixedEncoding> make_encoding(const ColumnSpec& spec);

// Whether a value of so many bytes is one.
bool are_whole_vectors(uint64_t size_bytes, size_t dims);
// The vectors of a value: dims numbers a piece; of bytes that are no value those that are whole. The bytes of a row begin at a multiple of 4.
std::span<const float> vectors_of(std::string_view value, size_t dims);

// Makes the encodings of rows that have none yet. Cost: as FixedEncoding says. Fails: kOutOfMemory.
Result<void> encode_vectors(const TableVersion& version, Rows& rows);

}  // namespace omendb::table
