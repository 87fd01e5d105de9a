#pragma once

// Sparse vectors as texts, so that they get runs (text/run.h): a pair is a token whose term is its index, four bytes with the highest first, and whose position is the bits of
// its weight. A row has an index once at most, so the first position of each posting is the whole of it, and runs keep positions of 32 bits exactly. Cost: 4 bytes a pair for
// the weight, beside 1 to 2 for the row. Frequencies are all 1: bounds of blocks, which are made of them, say nothing here.

#include "engine/text/analyzer.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

namespace omendb::sparse {

// The term of an index.
struct IndexTerm {
  explicit IndexTerm(uint32_t index);
  std::string_view view() const { return {bytes.data(), bytes.size()}; }
  std::array<char, sizeof(uint32_t)> bytes;
};

// What takes the place of an analyzer in the index of a column of sparse vectors. Its texts are values (sparse_vector.h).
std::shared_ptr<const text::Analyzer> make_analyzer();

}  // namespace omendb::sparse
