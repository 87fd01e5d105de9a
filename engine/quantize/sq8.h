#pragma once

// Scalar quantization: a byte a dimension. Each dimension has its own lowest value; the step from one number to the next is the same for all, so that distances are
// sums of small integers. Values outside of the middle 99.9 % of the sample are clipped where that makes the step finer.

#include "engine/quantize/codec.h"
#include "engine/quantize/l2_space.h"
#include "engine/simd/code_distance.h"

#include <algorithm>
#include <vector>

namespace omendb::quantize {

class Sq8 final : public Codec {
 public:
  // `is_exact`: what it learned from lies on the grid of steps.
  Sq8(const L2Space& space, std::vector<float> lows, float step, bool is_exact);
  static std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);
  static Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims,
                                                   std::span<const std::byte> saved);

  Storage storage() const override { return Storage::kSq8; }
  size_t dims() const override { return space_.dims(); }
  size_t code_bytes() const override { return length_; }
  size_t query_bytes() const override { return length_ * sizeof(int16_t); }
  bool encode(const float* vector, std::byte* code) const override;
  bool prepare(const float* query, std::byte* prepared) const override;
  void prepare_code(const std::byte* code, std::byte* prepared) const override;
  void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const override;
  float coarse_below() const override { return coarse_below_; }
  size_t rerank_rows(size_t k, size_t) const override { return k + std::max<size_t>(8, k / 2); }
  bool builds_graphs() const override { return space_.builds_graphs(); }
  std::vector<std::byte> save() const override;

 private:
  float numbers_of(const PlacedVector& placed, float low, float high, int16_t* out) const;

  L2Space space_;
  size_t length_;            // dimensions of the space, rounded up to what the kernels take
  std::vector<float> lows_;  // of each dimension of the space
  float step_;               // > 0
  float inverse_step_;
  bool is_exact_;
  float coarse_below_;
  const simd::CodeKernels& kernels_;
};

}  // namespace omendb::quantize
