#include "engine/quantize/rabitq.h"

#include "engine/base/try.h"
#include "engine/quantize/packed_numbers.h"
#include "engine/quantize/rabitq_grid.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>

namespace omendb::quantize {
namespace {

// Graphs of siftsmall and of 10,647 BGE sentences, m = 16, neighbours chosen by codes, searched with full vectors at a beam of 40: recall@10 was 0.992 and 0.975 with
// 4 bits, 0.996 and 0.972 with full vectors, and 0.983 and 0.972 with 1 bit.
constexpr size_t kGraphBitsMin = 4;

// What stands before the numbers of a code; docs/format/codecs.md.
struct Factors {
  float square;    // |r|^2
  float rescale;   // |r|^2 / <y, r>
  float error;     // standard deviation of the squared distance's estimate for |q| = 1
  float reserved;  // 0
};
static_assert(sizeof(Factors) == 16);

constexpr size_t kHeaderBytes = 64;
struct QueryHeader {
  float square;    // |q|^2
  float step;      // q is about step times its whole numbers
  float rounding;  // |q - that|^2
  int32_t sum;     // of the whole numbers: 8,256 * 127 * 128 < 2^31
};
static_assert(sizeof(QueryHeader) <= kHeaderBytes);

constexpr int32_t kCoarseMax = 127;
// What float sums of rotated components may be off by, as a share of the squares that they are made of.
constexpr float kRoundingShare = 4e-6F;

// An estimate may be off by so large a share of a squared distance, one standard deviation, before rows have to be compared by full vectors. With enough bits for graphs
// few rows beyond k are compared again, so the order has to be nearly right; with fewer it is the whole beam, and only rows that are all alike are beyond it.
constexpr float kTrustedShare = 1.0F / 8;
constexpr float kTrustedShareOfFewBits = 1;
constexpr size_t kRowsMeasured = 1000;  // of the sample

using WholeNumbers = std::array<int32_t, kRotatedDimsMax>;

Factors factors_of(const GridPoint& point, size_t dims) {
  if (point.dot <= 0) return {};
  const float rescale = point.vector_square / point.dot;
  // 1 / c^2 = |r|^2 |y|^2 / <y, r>^2
  const double lost = std::max(static_cast<double>(rescale) * static_cast<double>(point.square / point.dot) - 1, 0.0);
  const float deviation = 2 * std::sqrt(point.vector_square * static_cast<float>(lost) / static_cast<float>(dims - 1));
  return {point.vector_square, rescale, deviation, 0};
}

// Of the squared distance between two rows of the sample, whose lengths are like those of all.
double deviation_of(const RotatedSpace& space, size_t bits, const Sample& sample) {
  Rotated placed;
  std::array<uint8_t, kRotatedDimsMax> numbers;
  const size_t count = std::min(sample.count, kRowsMeasured);
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    (void)space.place_row(sample.rows + i * sample.count / count * sample.dims, placed);
    const GridPoint point = nearest_grid_point(simd::code_kernels(), placed.data(), space.dims(), bits, numbers.data());
    const Factors factors = factors_of(point, space.dims());
    sum += static_cast<double>(factors.error) * std::sqrt(static_cast<double>(factors.square));
  }
  return sum / static_cast<double>(count);
}

// In one byte a dimension, or in two whose upper counts kFineStep.
void write_components(const WholeNumbers& numbers, size_t dims, bool with_fine, std::byte* prepared) {
  auto* coarse = reinterpret_cast<int8_t*>(prepared + kHeaderBytes);
  for (size_t d = 0; d < dims; ++d) {
    constexpr int32_t kStep = simd::kFineStep;
    const int32_t upper = with_fine ? (numbers[d] + kStep / 2 + kStep * kStep) / kStep - kStep : numbers[d];
    coarse[d] = static_cast<int8_t>(upper);
    if (with_fine) coarse[dims + d] = static_cast<int8_t>(numbers[d] - upper * kStep);
  }
}

}  // namespace

Rabitq::Rabitq(RotatedSpace space, size_t bits, float coarse_below)
    : space_(std::move(space)), bits_(bits), coarse_below_(coarse_below), kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Rabitq::train(const CodecOptions& options, const Sample& sample) {
  RotatedSpace space = RotatedSpace::learn(options, sample);
  const float share = options.rabitq_bits < kGraphBitsMin ? kTrustedShareOfFewBits : kTrustedShare;
  const auto deviation = static_cast<float>(deviation_of(space, options.rabitq_bits, sample));
  return std::make_unique<Rabitq>(std::move(space), options.rabitq_bits, deviation / share);
}

size_t Rabitq::code_bytes() const {
  const size_t bytes = sizeof(Factors) + space_.dims() * bits_ / 8;
  return (bytes + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment;
}

size_t Rabitq::query_bytes() const { return kHeaderBytes + space_.dims() * (has_fine_bytes() ? 2 : 1); }

bool Rabitq::builds_graphs() const { return bits_ >= kGraphBitsMin && space_.l2().builds_graphs(); }

// Each bit halves the error: of four bits the nearest ten of siftsmall are among the first twenty; of fewer any row of the beam may be one of them (README.md).
size_t Rabitq::rerank_rows(size_t k, size_t ef) const {
  return bits_ < kGraphBitsMin ? ef : k + std::max<size_t>(10, k);
}

bool Rabitq::encode(const float* vector, std::byte* code) const {
  Rotated placed;
  std::array<uint8_t, kRotatedDimsMax> numbers;
  const bool fits = space_.place_row(vector, placed);
  const Factors factors =
      factors_of(nearest_grid_point(kernels_, placed.data(), space_.dims(), bits_, numbers.data()), space_.dims());
  std::memcpy(code, &factors, sizeof(factors));
  pack_numbers(numbers.data(), space_.dims(), bits_, code + sizeof(factors));
  std::fill(code + sizeof(factors) + space_.dims() * bits_ / 8, code + code_bytes(), std::byte{0});
  return fits;
}

bool Rabitq::prepare(const float* query, std::byte* prepared) const {
  const size_t dims = space_.dims();
  Rotated placed;
  const bool fits = space_.place_query(query, placed);
  int32_t largest_bits = 0;  // magnitudes order like their bits, which compilers find the largest of in vectors
  for (size_t d = 0; d < dims; ++d) largest_bits = std::max(largest_bits, std::bit_cast<int32_t>(std::fabs(placed[d])));
  const auto largest = std::bit_cast<float>(largest_bits);
  const auto top = static_cast<float>(has_fine_bytes() ? kCoarseMax * simd::kFineStep : kCoarseMax);
  QueryHeader header{};
  header.step = largest / top;
  const float steps = header.step > 0 && std::isfinite(1 / header.step) ? 1 / header.step : 0;
  WholeNumbers numbers;
  Rotated lost;
  for (size_t d = 0; d < dims; ++d) {
    const float wanted = placed[d] * steps;
    numbers[d] =
        static_cast<int32_t>(wanted + (wanted < 0 ? -0.5F : 0.5F));  // within +-top: the largest is divided by itself
    lost[d] = placed[d] - static_cast<float>(numbers[d]) * header.step;
  }
  const auto product = simd::distance_kernels(simd::Metric::kInnerProduct).one;
  header.square = -product(placed.data(), placed.data(), dims);
  header.rounding = -product(lost.data(), lost.data(), dims);
  for (size_t d = 0; d < dims; ++d) header.sum += numbers[d];
  write_components(numbers, dims, has_fine_bytes(), prepared);
  std::memcpy(prepared, &header, sizeof(header));
  return fits && space_.is_near(header.square);
}

// The point y of the grid, brought to the length of r's part in its direction, <y, r> / |y|; all in whole numbers, since 2 y is one. Graphs are built by this: two
// thirds of the time of linking a row went into it before it was done by kernels.
void Rabitq::prepare_code(const std::byte* code, std::byte* prepared) const {
  const size_t dims = space_.dims();
  Factors factors{};
  std::memcpy(&factors, code, sizeof(factors));
  std::array<uint8_t, kRotatedDimsMax> numbers;
  const int64_t sum = kernels_.unpack(code + sizeof(factors), dims, bits_, numbers.data());
  write_doubled(numbers.data(), prepared);
  int64_t dot_with_numbers = 0;
  kernels_.packed(query_of(prepared), &code, 1, &dot_with_numbers);
  const int64_t sum_of_doubled = 2 * sum - highest_number() * static_cast<int64_t>(dims);
  const int64_t square_of_doubled = 2 * dot_with_numbers - highest_number() * sum_of_doubled;
  const double dot =
      factors.rescale > 0 ? static_cast<double>(factors.square) / static_cast<double>(factors.rescale) : 0;
  const QueryHeader header{.square = factors.square,
                           .step = static_cast<float>(2 * dot / static_cast<double>(square_of_doubled)),
                           .rounding = 0,
                           .sum = static_cast<int32_t>(sum_of_doubled)};
  std::memcpy(prepared, &header, sizeof(header));
}

// 2 y, whose middle is zero.
void Rabitq::write_doubled(const uint8_t* numbers, std::byte* prepared) const {
  const size_t dims = space_.dims();
  const auto highest = static_cast<int32_t>(highest_number());
  if (!has_fine_bytes()) {
    auto* coarse = reinterpret_cast<int8_t*>(prepared + kHeaderBytes);
    for (size_t d = 0; d < dims; ++d) coarse[d] = static_cast<int8_t>(2 * numbers[d] - highest);
    return;
  }
  WholeNumbers doubled;
  for (size_t d = 0; d < dims; ++d) doubled[d] = 2 * int32_t{numbers[d]} - highest;
  write_components(doubled, dims, true, prepared);
}

simd::PackedQuery Rabitq::query_of(const std::byte* prepared) const {
  const auto* coarse = reinterpret_cast<const int8_t*>(prepared + kHeaderBytes);
  return {.coarse = coarse,
          .fine = has_fine_bytes() ? coarse + space_.dims() : nullptr,
          .dims = space_.dims(),
          .bits = bits_,
          .offset_bytes = sizeof(Factors)};
}

void Rabitq::distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const {
  constexpr size_t kAtOnce = 64;
  QueryHeader header{};
  std::memcpy(&header, prepared, sizeof(header));
  const simd::PackedQuery query = query_of(prepared);
  const int64_t centre_sum = highest_number() * int64_t{header.sum};
  std::array<int64_t, kAtOnce> dots;
  for (size_t first = 0; first < count; first += kAtOnce) {
    const size_t now = std::min(kAtOnce, count - first);
    kernels_.packed(query, codes + first, now, dots.data());
    for (size_t i = 0; i < now; ++i) {
      Factors factors{};
      std::memcpy(&factors, codes[first + i], sizeof(factors));
      const auto doubled_dot = static_cast<float>(2 * dots[i] - centre_sum);  // 2 <y, q> in steps
      out[first + i] = header.square + factors.square - factors.rescale * (header.step * doubled_dot);
    }
  }
}

void Rabitq::distances_with_bounds(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out,
                                   float* errors) const {
  distances(prepared, codes, count, out);
  QueryHeader header{};
  std::memcpy(&header, prepared, sizeof(header));
  const float rounding_share = header.rounding / static_cast<float>(space_.dims());
  for (size_t i = 0; i < count; ++i) {
    Factors factors{};
    std::memcpy(&factors, codes[i], sizeof(factors));
    // Both errors are random and independent; that of the query's rounding meets |r| / c, the length of r as the estimate sees it.
    const float code_variance = factors.error * factors.error * (header.square + header.rounding);
    const float query_variance = 4 * factors.square * rounding_share;
    errors[i] = kRabitqBoundDeviations * std::sqrt(code_variance + query_variance) +
                kRoundingShare * (header.square + factors.square);
  }
}

std::vector<std::byte> Rabitq::save() const {
  base::ByteWriter out;
  out.put_u8(static_cast<uint8_t>(bits_));
  space_.save(out);
  out.put_f32(coarse_below_);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Rabitq::load(const CodecOptions& options, size_t dims,
                                                  std::span<const std::byte> saved) {
  base::ByteReader in(saved, "rabitq codec");
  TRY(bits, in.u8("bits"));
  if (bits != options.rabitq_bits) return in.corruption("as many bits a dimension as the column does not have");
  TRY(space, RotatedSpace::load(options.metric, dims, in));
  TRY(coarse_below, in.f32("trusted distance"));
  if (!(coarse_below >= 0 && std::isfinite(coarse_below))) return in.corruption("a trusted distance that is none");
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Rabitq>(std::move(space), bits, coarse_below));
}

}  // namespace omendb::quantize
