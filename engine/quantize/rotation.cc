#include "engine/quantize/rotation.h"

#include "engine/base/random.h"

#include <bit>
#include <cmath>
#include <cstring>

namespace omendb::quantize {
namespace {

constexpr size_t kStep = simd::kTransformStep;
constexpr size_t kRounds = 4;

// (left, right) becomes (left + right, left - right) * factor.
void butterfly(float* __restrict left, float* __restrict right, size_t count, float factor) {
  for (size_t i = 0; i < count; ++i) {
    const float sum = left[i] + right[i];
    right[i] = (left[i] - right[i]) * factor;
    left[i] = sum * factor;
  }
}

}  // namespace

Rotation::Rotation(size_t dims_in, uint64_t seed)
    : dims_in_(dims_in),
      dims_out_((dims_in + kStep - 1) / kStep * kStep),
      block_(std::bit_floor(dims_out_)),
      signs_(kRounds * dims_out_),
      kernels_(simd::code_kernels()) {
  base::Random random(seed);
  uint64_t word = 0;
  for (size_t i = 0; i < signs_.size(); ++i) {
    if (i % 64 == 0) word = random.next();
    signs_[i] = ((word >> (i % 64)) & 1U) != 0 ? -1.0F : 1.0F;
  }
}

void Rotation::apply(const float* in, float* out) const {
  std::memmove(out, in, dims_in_ * sizeof(float));
  std::memset(out + dims_in_, 0, (dims_out_ - dims_in_) * sizeof(float));
  const size_t half = dims_out_ / 2;
  const float root = std::sqrt(0.5F);
  for (size_t round = 0; round < kRounds; ++round) {
    const float* signs = signs_.data() + round * dims_out_;
    for (size_t i = 0; i < dims_out_; ++i) out[i] *= signs[i];
    const bool at_front = round % 2 == 0;
    kernels_.hadamard(at_front ? out : out + (dims_out_ - block_), block_);
    if (!at_front && block_ < dims_out_) butterfly(out, out + half, half, root);
  }
}

}  // namespace omendb::quantize
