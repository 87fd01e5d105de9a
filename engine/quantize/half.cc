#include "engine/quantize/half.h"

#include "engine/base/try.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace omendb::quantize {
namespace {

constexpr size_t kLengthMax = kVectorDimsMax + simd::kHalfDimsStep;

size_t rounded_up(size_t dims) { return (dims + simd::kHalfDimsStep - 1) / simd::kHalfDimsStep * simd::kHalfDimsStep; }

}  // namespace

uint16_t to_half(float value) {
  constexpr uint32_t kNormalMin = 0x38800000;  // 2^-14
  constexpr uint32_t kBiasChange = (127U - 15U) << 23;
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = bits & 0x80000000U;
  const uint32_t magnitude = bits ^ sign;
  uint32_t half = 0;
  if (magnitude < kNormalMin) {
    // The last bit of a float near 1/2 weighs 2^-24, as the last bit of a subnormal half: the sum rounds where it must.
    half = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<uint32_t>(0.5F);
  } else {
    half = (magnitude - kBiasChange + 0x0fffU + ((magnitude >> 13) & 1U)) >> 13;
  }
  return static_cast<uint16_t>(half | (sign >> 16));
}

float from_half(uint16_t half) {
  // Moved to where a float has them, the bits mean 2^-112 of the value, subnormal numbers included.
  const float value = std::bit_cast<float>(uint32_t{half & 0x7fffU} << 13) * 0x1p112F;
  return (half & 0x8000U) != 0 ? -value : value;
}

uint16_t to_bfloat(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16);
}

float from_bfloat(uint16_t bfloat) { return std::bit_cast<float>(uint32_t{bfloat} << 16); }

Half::Half(Storage storage, const L2Space& space, float magnitude)
    : storage_(storage),
      space_(space),
      length_(rounded_up(space.dims_out())),
      magnitude_(magnitude),
      kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Half::train(const CodecOptions& options, const Sample& sample) {
  const L2Space space = L2Space::learn(options.metric, sample.rows, sample.count, sample.dims);
  PlacedVector placed;
  double square = 0;
  for (size_t r = 0; r < sample.count; ++r) {
    (void)space.place_row(sample.rows + r * sample.dims, placed.data());
    for (size_t d = 0; d < space.dims_out(); ++d) square += double{placed[d]} * double{placed[d]};
  }
  const double mean_square = square / static_cast<double>(sample.count * space.dims_out());
  return std::make_unique<Half>(options.storage, space, static_cast<float>(std::sqrt(mean_square)));
}

// As for sq8, twenty steps; a step is what the last bit of a component of usual size is worth.
float Half::coarse_below() const {
  const float step = magnitude_ * (storage_ == Storage::kF16 ? 0x1p-10F : 0x1p-7F);
  return (20 * step) * (20 * step);
}

bool Half::encode(const float* vector, std::byte* code) const {
  std::array<float, kLengthMax> placed;
  const bool fits = space_.place_row(vector, placed.data());
  std::fill(placed.begin() + static_cast<ptrdiff_t>(space_.dims_out()),
            placed.begin() + static_cast<ptrdiff_t>(length_), 0.0F);
  for (size_t d = 0; d < length_; ++d) {
    const uint16_t half = storage_ == Storage::kF16 ? to_half(placed[d]) : to_bfloat(placed[d]);
    std::memcpy(code + 2 * d, &half, sizeof(half));
  }
  return fits;
}

bool Half::prepare(const float* query, std::byte* prepared) const {
  auto* values = reinterpret_cast<float*>(prepared);
  const bool fits = space_.place_query(query, values);
  std::fill(values + space_.dims_out(), values + length_, 0.0F);
  return fits;
}

void Half::prepare_code(const std::byte* code, std::byte* prepared) const {
  auto* values = reinterpret_cast<float*>(prepared);
  for (size_t d = 0; d < length_; ++d) {
    uint16_t half = 0;
    std::memcpy(&half, code + 2 * d, sizeof(half));
    values[d] = storage_ == Storage::kF16 ? from_half(half) : from_bfloat(half);
  }
}

void Half::distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const {
  const auto kernel = storage_ == Storage::kF16 ? kernels_.halves : kernels_.bfloats;
  kernel(reinterpret_cast<const float*>(prepared), codes, count, length_, out);
}

std::vector<std::byte> Half::save() const {
  base::ByteWriter out;
  space_.save(out);
  out.put_f32(magnitude_);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Half::load(const CodecOptions& options, size_t dims,
                                                std::span<const std::byte> saved) {
  base::ByteReader in(saved, "half codec");
  TRY(space, L2Space::load(options.metric, dims, in));
  TRY(magnitude, in.f32("magnitude"));
  if (!(magnitude >= 0 && magnitude <= kPlacedMax)) return in.corruption("a magnitude that is none");
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Half>(options.storage, space, magnitude));
}

}  // namespace omendb::quantize
