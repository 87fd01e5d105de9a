#pragma once

// One vector that stands for a set of vectors, so that inner products of two such encodings follow MaxSim: the sum, over the vectors of a query, of the largest inner product
// that one of a row's vectors has with it. MUVERA's fixed dimensional encoding (Dhulipala, Hadian, Jayaram, Lee, Mirrokni 2024, arXiv 2405.19504, section 2).
//
// Each of kRepetitions cuts space by kCuts random hyperplanes into 2^kCuts cells (SimHash). A query's part for a cell is the sum of its vectors there; a row's is their mean, and
// where a cell has none of them, the vector whose cell differs by the fewest cuts (the first of equal ones). Each part goes through a projection by random signs to kProjected
// numbers, of its own in each repetition; so the inner product of two encodings sums, over the query's vectors, that with the mean of what lies near them.
// Where we differ: no last projection of the whole.
//
// The random numbers are the same for every column of as many dimensions, on every machine, for ever: encodings are on disk. Their last bits depend on the CPU's kernels.
// Cost: kRepetitions * (kCuts + kProjected) inner products a vector; 20 to 60 us for 30 vectors of 64 to 128 dimensions. Memory: 4 bytes for each of these products. Threads: any.

#include <cstddef>
#include <span>
#include <vector>

namespace omendb::quantize {

class FixedEncoding {
 public:
  static constexpr size_t kRepetitions = 20;
  static constexpr size_t kCuts = 4;
  static constexpr size_t kCells = size_t{1} << kCuts;
  static constexpr size_t kProjected = 8;
  static constexpr size_t kDims = kRepetitions * kCells * kProjected;  // of an encoding

  // Of vectors of so many dimensions. `normalized`: they count by their direction only.
  FixedEncoding(size_t dims, bool normalized);

  // `vectors`: finite, dims a piece, row after row; none make zeros. `encoding`: kDims numbers, finite. Throws std::bad_alloc.
  void encode_row(std::span<const float> vectors, std::span<float> encoding) const { encode(vectors, true, encoding); }
  void encode_query(std::span<const float> vectors, std::span<float> encoding) const {
    encode(vectors, false, encoding);
  }

 private:
  struct Products;
  void encode(std::span<const float> vectors, bool of_row, std::span<float> encoding) const;

  size_t dims_;
  bool normalized_;
  std::vector<float> directions_;  // of each repetition the hyperplanes, then the projection; dims_ numbers each
};

}  // namespace omendb::quantize
