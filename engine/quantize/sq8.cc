#include "engine/quantize/sq8.h"

#include <omendb/schema.h>

#include "engine/base/bytes.h"
#include "engine/base/try.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace omendb::quantize {
namespace {

constexpr int kCodeMax = 255;
// Share of the sample that may be clipped at either end of a dimension, and how much finer the step must get for it.
constexpr double kClippedShare = 0.0005;
constexpr float kWorthClipping = 1.5F;

// Rounding moves a distance of d steps by about 0.4 of them (both sides are off by 1/sqrt(12) in the direction that counts): at 20 steps its square is off by
// 4 %, which the rows compared again beyond the k nearest make good.
constexpr float kTrustedSteps = 20;

// Flags of the saved codec.
constexpr uint8_t kHasExtra = 1;
constexpr uint8_t kExact = 2;

using Placed = std::array<float, kVectorDimsMax + 1>;  // on the stack: encoding allocates nothing

struct Range {
  float low;
  float high;
};

size_t rounded_up(size_t dims) { return (dims + simd::kCodeDimsStep - 1) / simd::kCodeDimsStep * simd::kCodeDimsStep; }

// Sample rows in the space of the codec, one dimension after the other.
std::vector<float> columns_of(const L2Space& space, const Sample& sample) {
  std::vector<float> columns(space.dims_out() * sample.count);
  Placed placed;
  for (size_t r = 0; r < sample.count; ++r) {
    (void)space.place_row(sample.rows + r * sample.dims, placed.data());
    for (size_t d = 0; d < space.dims_out(); ++d) columns[d * sample.count + r] = placed[d];
  }
  return columns;
}

Range whole_range(std::span<const float> sorted) { return {sorted.front(), sorted.back()}; }

Range middle_range(std::span<const float> sorted) {
  const auto clipped = static_cast<size_t>(kClippedShare * static_cast<double>(sorted.size()));
  return {sorted[clipped], sorted[sorted.size() - 1 - clipped]};
}

float step_for(std::span<const Range> ranges) {
  double widest = 0;
  for (const Range& range : ranges) {
    widest = std::max(widest, static_cast<double>(range.high) - static_cast<double>(range.low));
  }
  return static_cast<float>(widest / kCodeMax);
}

bool is_whole(float value) { return value == std::floor(value) && std::fabs(value) < 1e6F; }

float lowest_for(const Range& range, float step) {
  const double middle = (static_cast<double>(range.low) + static_cast<double>(range.high)) / 2;
  return static_cast<float>(middle -
                            static_cast<double>(step) * kCodeMax / 2);  // room on both sides for what is still to come
}

}  // namespace

Sq8::Sq8(L2Space space, std::vector<float> lows, float step, bool is_exact)
    : space_(space),
      length_(rounded_up(space.dims_out())),
      lows_(std::move(lows)),
      step_(step),
      inverse_step_(1.0F / step),
      is_exact_(is_exact),
      coarse_below_(is_exact ? 0.0F : kTrustedSteps * kTrustedSteps + static_cast<float>(lows_.size()) / 6),
      kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Sq8::train(simd::Metric metric, const Sample& sample) {
  const L2Space space = L2Space::learn(metric, sample.rows, sample.count, sample.dims);
  std::vector<float> columns = columns_of(space, sample);
  std::vector<Range> whole;
  std::vector<Range> middle;
  for (size_t d = 0; d < space.dims_out(); ++d) {
    const std::span<float> column = std::span(columns).subspan(d * sample.count, sample.count);
    std::sort(column.begin(), column.end());
    whole.push_back(whole_range(column));
    middle.push_back(middle_range(column));
  }
  // Whole numbers of a small range, as of pixels, are kept as they are.
  if (std::all_of(columns.begin(), columns.end(), is_whole) && step_for(whole) <= 1) {
    std::vector<float> lows;
    for (const Range& range : whole) lows.push_back(std::floor(lowest_for(range, 1)));
    return std::make_unique<Sq8>(space, std::move(lows), 1.0F, true);
  }
  const bool clip = step_for(whole) > kWorthClipping * step_for(middle) && step_for(middle) > 0;
  const std::span<const Range> ranges = clip ? middle : whole;
  // Equal rows have no range, tiny ones none that a float can divide by.
  const float step = std::max(step_for(ranges), std::numeric_limits<float>::min() * 4);
  std::vector<float> lows;
  for (const Range& range : ranges) lows.push_back(lowest_for(range, step));
  return std::make_unique<Sq8>(space, std::move(lows), step, false);
}

bool Sq8::encode(const float* vector, std::byte* code) const {
  Placed placed;
  const bool has_place = space_.place_row(vector, placed.data());
  float clipped_square = 0;  // in steps
  for (size_t d = 0; d < lows_.size(); ++d) {
    const float number = (placed[d] - lows_[d]) * inverse_step_ + 0.5F;
    const float kept = std::clamp(number, 0.0F, kCodeMax + 0.5F);
    clipped_square += (number - kept) * (number - kept);
    code[d] = static_cast<std::byte>(kept);
  }
  std::fill(code + lows_.size(), code + length_, std::byte{0});
  // What is clipped may move a row as far as twelve times the rounding of every dimension does.
  return has_place && clipped_square <= static_cast<float>(lows_.size());
}

bool Sq8::prepare(const float* query, std::byte* prepared) const {
  constexpr float kMin = simd::kByteQueryMin;
  constexpr float kMax = simd::kByteQueryMax;
  Placed placed;
  space_.place_query(query, placed.data());
  auto* numbers = reinterpret_cast<int16_t*>(prepared);
  bool fits = true;
  for (size_t d = 0; d < lows_.size(); ++d) {
    const float number = std::floor((placed[d] - lows_[d]) * inverse_step_ + 0.5F);
    fits = fits && number >= kMin && number <= kMax;
    numbers[d] = static_cast<int16_t>(std::clamp(number, kMin, kMax));
  }
  std::fill(numbers + lows_.size(), numbers + length_, int16_t{0});
  return fits;
}

void Sq8::prepare_code(const std::byte* code, std::byte* prepared) const {
  auto* numbers = reinterpret_cast<int16_t*>(prepared);
  for (size_t d = 0; d < length_; ++d) numbers[d] = static_cast<int16_t>(code[d]);
}

void Sq8::distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const {
  kernels_.bytes(reinterpret_cast<const int16_t*>(prepared), codes, count, length_, out);
}

std::vector<std::byte> Sq8::save() const {
  base::ByteWriter out;
  out.put_u8(static_cast<uint8_t>((space_.has_extra() ? kHasExtra : 0) | (is_exact_ ? kExact : 0)));
  out.put_f32(space_.longest_norm());
  out.put_f32(step_);
  for (const float low : lows_) out.put_f32(low);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Sq8::load(simd::Metric metric, size_t dims, std::span<const std::byte> saved) {
  base::ByteReader in(saved, "sq8 codec");
  TRY(flags, in.u8("flags"));
  TRY(longest_norm, in.f32("longest norm"));
  TRY(step, in.f32("step"));
  const bool has_extra = (flags & kHasExtra) != 0;
  if (flags > (kHasExtra | kExact) || (has_extra && metric == simd::Metric::kL2))
    return in.corruption("flags that are not known");
  if (!(longest_norm >= 0 && std::isfinite(longest_norm))) return in.corruption("a longest norm that is none");
  if (!(step > 0 && std::isfinite(step) && std::isfinite(1 / step))) return in.corruption("a step that is none");
  const L2Space space(metric, dims, longest_norm, has_extra);
  std::vector<float> lows;
  for (size_t d = 0; d < space.dims_out(); ++d) {
    TRY(low, in.f32("lowest value"));
    if (!std::isfinite(low)) return in.corruption("a lowest value that is not finite");
    lows.push_back(low);
  }
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Sq8>(space, std::move(lows), step, (flags & kExact) != 0));
}

}  // namespace omendb::quantize
