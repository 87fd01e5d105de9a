#pragma once

// Two bytes a dimension: IEEE half precision, or bfloat16. Half the memory of full vectors and nearly their order; nothing is learned but a scale.

#include "engine/quantize/codec.h"
#include "engine/quantize/l2_space.h"
#include "engine/simd/code_distance.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace omendb::quantize {

class Half final : public Codec {
 public:
  // `magnitude`: of the components of the sample, the root of their mean square.
  Half(Storage storage, const L2Space& space, float magnitude);
  static std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);
  static Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims,
                                                   std::span<const std::byte> saved);

  Storage storage() const override { return storage_; }
  size_t dims() const override { return space_.dims(); }
  size_t code_bytes() const override { return 2 * length_; }
  size_t query_bytes() const override { return length_ * sizeof(float); }
  bool encode(const float* vector, std::byte* code) const override;
  bool prepare(const float* query, std::byte* prepared) const override;
  void prepare_code(const std::byte* code, std::byte* prepared) const override;
  void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const override;
  float coarse_below() const override;
  size_t rerank_rows(size_t k, size_t) const override { return k + std::max<size_t>(8, k / 2); }
  bool builds_graphs() const override { return space_.builds_graphs(); }
  std::vector<std::byte> save() const override;

 private:
  Storage storage_;
  L2Space space_;
  size_t length_;  // dimensions of the space, rounded up to what the kernels take
  float magnitude_;
  const simd::CodeKernels& kernels_;
};

// Round to nearest, ties to even. `value` lies within +-kPlacedMax.
uint16_t to_half(float value);
float from_half(uint16_t half);
uint16_t to_bfloat(float value);
float from_bfloat(uint16_t bfloat);

}  // namespace omendb::quantize
