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

using WholeNumbers = std::array<int32_t, kRotatedDimsMax>;

Factors factors_of(const GridPoint& point, size_t dims) {
  if (point.dot <= 0) return {};
  const float rescale = point.vector_square / point.dot;
  // 1 / c^2 = |r|^2 |y|^2 / <y, r>^2
  const double lost = std::max(static_cast<double>(rescale) * static_cast<double>(point.square / point.dot) - 1, 0.0);
  const float deviation = 2 * std::sqrt(point.vector_square * static_cast<float>(lost) / static_cast<float>(dims - 1));
  return {point.vector_square, rescale, deviation, 0};
}

// In one byte a dimension, or in two whose upper counts kFineStep.
void write_query(const WholeNumbers& numbers, size_t dims, bool with_fine, QueryHeader header, std::byte* prepared) {
  auto* coarse = reinterpret_cast<int8_t*>(prepared + kHeaderBytes);
  header.sum = 0;
  for (size_t d = 0; d < dims; ++d) header.sum += numbers[d];
  for (size_t d = 0; d < dims; ++d) {
    constexpr int32_t kStep = simd::kFineStep;
    const int32_t upper = with_fine ? (numbers[d] + kStep / 2 + kStep * kStep) / kStep - kStep : numbers[d];
    coarse[d] = static_cast<int8_t>(upper);
    if (with_fine) coarse[dims + d] = static_cast<int8_t>(numbers[d] - upper * kStep);
  }
  std::memcpy(prepared, &header, sizeof(header));
}

}  // namespace

Rabitq::Rabitq(RotatedSpace space, size_t bits)
    : space_(std::move(space)), bits_(bits), kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Rabitq::train(const CodecOptions& options, const Sample& sample) {
  return std::make_unique<Rabitq>(RotatedSpace::learn(options, sample), options.rabitq_bits);
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
  write_query(numbers, dims, has_fine_bytes(), header, prepared);
  return fits;
}

// The point y of the grid, brought to the length of r's part in its direction, <y, r> / |y|; all in whole numbers, since 2 y is one.
void Rabitq::prepare_code(const std::byte* code, std::byte* prepared) const {
  const size_t dims = space_.dims();
  Factors factors{};
  std::memcpy(&factors, code, sizeof(factors));
  std::array<uint8_t, kRotatedDimsMax> numbers;
  unpack_numbers(code + sizeof(factors), dims, bits_, numbers.data());
  WholeNumbers doubled;
  int64_t square_of_doubled = 0;
  const int32_t centre = (1 << bits_) - 1;
  for (size_t d = 0; d < dims; ++d) {
    doubled[d] = 2 * int32_t{numbers[d]} - centre;
    square_of_doubled += int64_t{doubled[d]} * doubled[d];
  }
  const double dot =
      factors.rescale > 0 ? static_cast<double>(factors.square) / static_cast<double>(factors.rescale) : 0;
  QueryHeader header{};
  header.square = factors.square;
  header.step = static_cast<float>(2 * dot / static_cast<double>(square_of_doubled));
  write_query(doubled, dims, has_fine_bytes(), header, prepared);
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
  const int64_t centre_sum = ((int64_t{1} << bits_) - 1) * int64_t{header.sum};
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
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Rabitq::load(const CodecOptions& options, size_t dims,
                                                  std::span<const std::byte> saved) {
  base::ByteReader in(saved, "rabitq codec");
  TRY(bits, in.u8("bits"));
  if (bits != options.rabitq_bits) return in.corruption("as many bits a dimension as the column does not have");
  TRY(space, RotatedSpace::load(options.metric, dims, in));
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Rabitq>(std::move(space), bits));
}

}  // namespace omendb::quantize
