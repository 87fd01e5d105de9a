#include "engine/quantize/sq8.h"

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
// The finest step as a share of the largest value: a float of that size has no finer ones.
constexpr float kStepShareMin = 0x1p-23F;

struct Range {
  float low;
  float high;
};

size_t rounded_up(size_t dims) { return (dims + simd::kCodeDimsStep - 1) / simd::kCodeDimsStep * simd::kCodeDimsStep; }

// Sample rows in the space of the codec, one dimension after the other.
std::vector<float> columns_of(const L2Space& space, const Sample& sample) {
  std::vector<float> columns(space.dims_out() * sample.count);
  PlacedVector placed;
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

// In units of what the space makes of 1.
bool is_whole(float value, float unit) {
  return value / unit == std::floor(value / unit) && std::fabs(value) < 1e6F * unit;
}

float largest_of(std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::fabs(value));
  return largest;
}

// Equal rows say nothing of how far others will lie apart: room for any of their size. Where even that is zero, any step will do.
float step_without_range(float largest) { return largest > 0 ? 2 * largest / kCodeMax : 1.0F; }

float lowest_for(const Range& range, float step) {
  const double middle = (static_cast<double>(range.low) + static_cast<double>(range.high)) / 2;
  return static_cast<float>(middle -
                            static_cast<double>(step) * kCodeMax / 2);  // room on both sides for what is still to come
}

}  // namespace

Sq8::Sq8(const L2Space& space, std::vector<float> lows, float step, bool is_exact)
    : space_(space),
      length_(rounded_up(space.dims_out())),
      lows_(std::move(lows)),
      step_(step),
      inverse_step_(1.0F / step),
      is_exact_(is_exact),
      coarse_below_(is_exact ? 0.0F : kTrustedSteps * kTrustedSteps + static_cast<float>(lows_.size()) / 6),
      kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Sq8::train(const CodecOptions& options, const Sample& sample) {
  const L2Space space = L2Space::learn(options.metric, sample.rows, sample.count, sample.dims);
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
  const float unit = space.scale();
  const bool all_whole = options.metric == simd::Metric::kL2 &&
                         std::all_of(columns.begin(), columns.end(), [unit](float v) { return is_whole(v, unit); });
  if (all_whole && step_for(whole) <= unit) {
    std::vector<float> lows;
    lows.reserve(whole.size());
    for (const Range& range : whole) lows.push_back(std::floor(lowest_for(range, unit) / unit) * unit);
    return std::make_unique<Sq8>(space, std::move(lows), unit, true);
  }
  // The longest rows are what a search by inner product finds: none of them may be clipped.
  const bool clip = options.metric != simd::Metric::kInnerProduct && step_for(middle) > 0 &&
                    step_for(whole) > kWorthClipping * step_for(middle);
  const std::span<const Range> ranges = clip ? middle : whole;
  const float largest = largest_of(columns);
  const float range_step = step_for(ranges);
  const float step = range_step > 0 ? std::max(range_step, largest * kStepShareMin) : step_without_range(largest);
  std::vector<float> lows;
  lows.reserve(ranges.size());
  for (const Range& range : ranges) lows.push_back(lowest_for(range, step));
  return std::make_unique<Sq8>(space, std::move(lows), step, false);
}

// The numbers that stand for a placed vector, clamped to [low, high]; returns the square of how far that moved it, in steps.
float Sq8::numbers_of(const PlacedVector& placed, float low, float high, int16_t* out) const {
  float clipped_square = 0;
  for (size_t d = 0; d < lows_.size(); ++d) {
    const float number = (placed[d] - lows_[d]) * inverse_step_ + 0.5F;
    const float capped = number < low ? low : number >= high + 1 ? high : number;
    clipped_square += number >= low && number < high + 1 ? 0 : (number - capped) * (number - capped);
    out[d] = static_cast<int16_t>(static_cast<int32_t>(capped - low) +
                                  static_cast<int32_t>(low));  // rounds down below zero too
  }
  return clipped_square;
}

bool Sq8::encode(const float* vector, std::byte* code) const {
  PlacedVector placed;
  std::array<int16_t, kPlacedDimsMax> numbers;
  const bool placed_well = space_.place_row(vector, placed.data());
  const float clipped_square = numbers_of(placed, 0, kCodeMax, numbers.data());
  for (size_t d = 0; d < lows_.size(); ++d) code[d] = static_cast<std::byte>(numbers[d]);
  std::fill(code + lows_.size(), code + length_, std::byte{0});
  // What is clipped moves a row by no more than twelve times what the rounding of every dimension does.
  return placed_well && clipped_square <= static_cast<float>(lows_.size());
}

bool Sq8::prepare(const float* query, std::byte* prepared) const {
  PlacedVector placed;
  const bool placed_well = space_.place_query(query, placed.data());
  auto* numbers = reinterpret_cast<int16_t*>(prepared);
  const float clipped_square = numbers_of(placed, simd::kByteQueryMin, simd::kByteQueryMax, numbers);
  std::fill(numbers + lows_.size(), numbers + length_, int16_t{0});
  return placed_well && clipped_square == 0;
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
  space_.save(out);
  out.put_u8(is_exact_ ? 1 : 0);
  out.put_f32(step_);
  for (const float low : lows_) out.put_f32(low);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Sq8::load(const CodecOptions& options, size_t dims,
                                               std::span<const std::byte> saved) {
  base::ByteReader in(saved, "sq8 codec");
  TRY(space, L2Space::load(options.metric, dims, in));
  TRY(is_exact, in.u8("flag"));
  if (is_exact > 1) return in.corruption("a flag that is not known");
  TRY(step, in.f32("step"));
  if (!(step > 0 && std::isfinite(step) && std::isfinite(1 / step))) return in.corruption("a step that is none");
  std::vector<float> lows;
  for (size_t d = 0; d < space.dims_out(); ++d) {
    TRY(low, in.f32("lowest value"));
    if (!std::isfinite(low)) return in.corruption("a lowest value that is not finite");
    lows.push_back(low);
  }
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Sq8>(space, std::move(lows), step, is_exact != 0));
}

}  // namespace omendb::quantize
