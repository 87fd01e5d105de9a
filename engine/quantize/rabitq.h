#pragma once

// RaBitQ (Gao and Long, SIGMOD 2024) with 1 to 8 bits a dimension (Gao et al. 2025, arXiv 2409.09913): the direction of a vector, seen from the mean of the sample
// and rotated at random, is replaced by the nearest direction of a grid; its length and what the grid lost stay beside it, so that the estimate is unbiased.
//
// With r the rotated vector less the mean, y the grid point (each component a whole number plus one half) and q the query treated alike:
//   <r, q> is estimated by |r|^2 / <y, r> * <y, q>,   |r - q|^2 by |r|^2 + |q|^2 - 2 <r, q>.
// The error of <r, q> has mean 0 over rotations and a standard deviation of at most |r| |q| sqrt((1 / c^2 - 1) / (D - 1)), c the cosine between r and y (their
// Theorem 3.2).
//
// We differ: the query is rounded to one byte a dimension (two for codes of more than 4 bits) instead of 4 bits at random, whose error is small beside the code's and
// goes into the bound; the grid's step is searched in the neighbourhood of what suits a normal distribution, not by going through all critical values; there is one
// centre. Codes among themselves: the code's grid point stands for the vector, so that equal codes have distance 0 and the estimate is close to symmetric.

#include "engine/quantize/codec.h"
#include "engine/quantize/rotated_space.h"
#include "engine/simd/code_distance.h"

#include <memory>
#include <vector>

namespace omendb::quantize {

// How many standard deviations of the estimate its bound is wide: 99.7 % of a normal distribution. The paper's default of 1.9 would be 94 %.
inline constexpr float kRabitqBoundDeviations = 3.0F;

class Rabitq final : public Codec {
 public:
  Rabitq(RotatedSpace space, size_t bits, float coarse_below);
  static std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);
  static Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims,
                                                   std::span<const std::byte> saved);

  Storage storage() const override { return Storage::kRabitq; }
  size_t dims() const override { return space_.l2().dims(); }
  size_t code_bytes() const override;
  size_t query_bytes() const override;
  bool encode(const float* vector, std::byte* code) const override;
  bool prepare(const float* query, std::byte* prepared) const override;
  void prepare_code(const std::byte* code, std::byte* prepared) const override;
  void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const override;
  float coarse_below() const override { return coarse_below_; }
  size_t rerank_rows(size_t k, size_t ef) const override;
  bool builds_graphs() const override;
  std::vector<std::byte> save() const override;

  // The same, and how far the squared distance in the codec's L2Space may be from the estimate: |true - out[i]| <= errors[i] for at least 99 of 100 pairs of a
  // prepared query (not of a prepared code) and a code.
  void distances_with_bounds(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out,
                             float* errors) const;
  // Units of both: so many times the squared L2 distance, or of what L2Space makes of the metric.
  const RotatedSpace& space() const { return space_; }

 private:
  bool has_fine_bytes() const { return bits_ > simd::kCoarseBitsMax; }
  int64_t highest_number() const { return (int64_t{1} << bits_) - 1; }
  void write_doubled(const uint8_t* numbers, std::byte* prepared) const;
  simd::PackedQuery query_of(const std::byte* prepared) const;

  RotatedSpace space_;
  size_t bits_;
  float coarse_below_;
  const simd::CodeKernels& kernels_;
};

}  // namespace omendb::quantize
