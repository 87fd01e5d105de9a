#pragma once

// One bit a dimension: the sign of each component, seen from the mean and after a random rotation. The share of bits that differ grows with the angle between two
// vectors (Charikar 2002). No factors and no estimate of the distance itself: the number of differing bits is the distance. kRabitq with 1 bit keeps lengths too and
// ranks better (0.90 against 0.77 of the nearest ten of siftsmall among fifty); this is half as large at 128 dimensions and compares two to four times as fast.

#include "engine/quantize/codec.h"
#include "engine/quantize/rotated_space.h"
#include "engine/simd/code_distance.h"

#include <memory>
#include <vector>

namespace omendb::quantize {

class Binary final : public Codec {
 public:
  explicit Binary(RotatedSpace space);
  static std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);
  static Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims,
                                                   std::span<const std::byte> saved);

  Storage storage() const override { return Storage::kBinary; }
  size_t dims() const override { return space_.l2().dims(); }
  size_t code_bytes() const override { return bytes_; }
  size_t query_bytes() const override { return bytes_; }
  bool encode(const float* vector, std::byte* code) const override;
  bool prepare(const float* query, std::byte* prepared) const override;
  void prepare_code(const std::byte* code, std::byte* prepared) const override;
  void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const override;
  float coarse_below() const override { return 0; }
  size_t rerank_rows(size_t, size_t ef) const override { return ef; }
  bool builds_graphs() const override { return false; }
  std::vector<std::byte> save() const override;

 private:
  void take_signs(const Rotated& placed, std::byte* out) const;

  RotatedSpace space_;
  size_t bytes_;
  const simd::CodeKernels& kernels_;
};

}  // namespace omendb::quantize
