#include "engine/quantize/fixed_encoding.h"

#include "engine/base/random.h"
#include "engine/quantize/unit_vectors.h"
#include "engine/simd/distance.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <limits>

namespace omendb::quantize {
namespace {

constexpr uint64_t kSeed = 0x6d757665'72610001;  // on disk, in every encoding
constexpr size_t kPerRepetition = FixedEncoding::kCuts + FixedEncoding::kProjected;
constexpr size_t kDirections = FixedEncoding::kRepetitions * kPerRepetition;
constexpr size_t kCellDims = FixedEncoding::kProjected;
// Sums of numbers up to here stay finite in what is made of encodings.
constexpr double kComponentMax = 1e30;

}  // namespace

// Inner products of all directions with all vectors.
struct FixedEncoding::Products {
  std::vector<float> negated;  // as the kernels give them: directions x vectors
  size_t count = 0;

  float at(size_t direction, size_t vector) const { return -negated[direction * count + vector]; }
  uint32_t cell(size_t repetition, size_t vector) const {
    uint32_t cell = 0;
    for (size_t cut = 0; cut < kCuts; ++cut)
      cell |= static_cast<uint32_t>(at(repetition * kPerRepetition + cut, vector) > 0) << cut;
    return cell;
  }
  float projected(size_t repetition, size_t i, size_t vector) const {
    return at(repetition * kPerRepetition + kCuts + i, vector);
  }
};

namespace {

// Parts of one repetition.
struct Cells {
  std::array<std::array<double, kCellDims>, FixedEncoding::kCells> sums{};
  std::array<uint32_t, FixedEncoding::kCells> counts{};
};

// Of every cell the first vector whose cell differs by the fewest cuts.
std::array<uint32_t, FixedEncoding::kCells> nearest_vectors(std::span<const uint32_t> cells) {
  std::array<uint32_t, FixedEncoding::kCells> first_in{};
  first_in.fill(UINT32_MAX);
  for (uint32_t v = 0; v < cells.size(); ++v) first_in[cells[v]] = std::min(first_in[cells[v]], v);
  std::array<uint32_t, FixedEncoding::kCells> nearest{};
  for (uint32_t wanted = 0; wanted < nearest.size(); ++wanted) {
    int least = std::numeric_limits<int>::max();
    for (uint32_t cell = 0; cell < first_in.size(); ++cell) {
      if (first_in[cell] == UINT32_MAX) continue;
      const int cuts = std::popcount(wanted ^ cell);
      if (cuts > least || (cuts == least && first_in[cell] > nearest[wanted])) continue;
      least = cuts;
      nearest[wanted] = first_in[cell];
    }
  }
  return nearest;
}

}  // namespace

FixedEncoding::FixedEncoding(size_t dims, bool normalized)
    : dims_(dims), normalized_(normalized), directions_(kDirections * dims) {
  base::Random random(kSeed);
  const float sign = 1 / std::sqrt(static_cast<float>(kProjected));
  float* next = directions_.data();
  for (size_t direction = 0; direction < kDirections; ++direction) {
    const bool is_hyperplane = direction % kPerRepetition < kCuts;
    for (size_t d = 0; d < dims; ++d) *next++ = is_hyperplane ? random.normal() : random.one_in(2) ? sign : -sign;
  }
}

void FixedEncoding::encode(std::span<const float> given, bool of_row, std::span<float> encoding) const {
  assert(given.size() % dims_ == 0 && encoding.size() == kDims);
  std::ranges::fill(encoding, 0.0F);
  if (given.empty()) return;
  const std::vector<float> copy = normalized_ ? unit_vectors(given, dims_) : std::vector<float>();
  const float* vectors = normalized_ ? copy.data() : given.data();
  Products products{{}, given.size() / dims_};
  products.negated.resize(kDirections * products.count);
  simd::distance_kernels(simd::Metric::kInnerProduct)
      .many_to_many(directions_.data(), kDirections, vectors, products.count, dims_, products.negated.data());
  std::vector<uint32_t> cells(products.count);
  for (size_t r = 0; r < kRepetitions; ++r) {
    Cells parts;
    for (size_t v = 0; v < products.count; ++v) {
      cells[v] = products.cell(r, v);
      ++parts.counts[cells[v]];
      for (size_t i = 0; i < kProjected; ++i)
        parts.sums[cells[v]][i] += static_cast<double>(products.projected(r, i, v));
    }
    const auto nearest = nearest_vectors(cells);
    float* out = encoding.data() + r * kCells * kProjected;
    for (size_t cell = 0; cell < kCells; ++cell) {
      const bool filled = of_row && parts.counts[cell] == 0;
      const double share = of_row && !filled ? 1.0 / parts.counts[cell] : 1.0;
      for (size_t i = 0; i < kProjected; ++i) {
        const double number =
            filled ? static_cast<double>(products.projected(r, i, nearest[cell])) : share * parts.sums[cell][i];
        *out++ = static_cast<float>(std::clamp(number, -kComponentMax, kComponentMax));
      }
    }
  }
}

}  // namespace omendb::quantize
