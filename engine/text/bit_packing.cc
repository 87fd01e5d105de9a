#include "engine/text/bit_packing.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

namespace omendb::text {
namespace {

// Four lanes, as g++ and clang++ spell them for every CPU.
using Lanes = uint32_t __attribute__((vector_size(16)));
constexpr uint32_t kLaneValues = kPackedValues / 4;

Lanes load(const void* at) {
  Lanes lanes;
  std::memcpy(&lanes, at, sizeof(lanes));
  return lanes;
}

void store(Lanes lanes, void* at) { std::memcpy(at, &lanes, sizeof(lanes)); }

// Number kIndex of each lane.
template <uint32_t kWidth, uint32_t kIndex>
inline Lanes extract(const std::byte* packed) {
  if constexpr (kWidth == 0) {
    return Lanes{};
  } else {
    constexpr uint32_t kWord = kIndex * kWidth / 32;
    constexpr uint32_t kShift = kIndex * kWidth % 32;
    Lanes value = load(packed + size_t{16} * kWord) >> kShift;
    if constexpr (kShift + kWidth > 32) value |= load(packed + size_t{16} * (kWord + 1)) << (32 - kShift);
    if constexpr (kWidth < 32) value &= (uint32_t{1} << kWidth) - 1;
    return value;
  }
}

struct AddedSink {
  Lanes added;
  inline Lanes operator()(Lanes value) const { return value + added; }
};

struct SumSink {
  Lanes before;  // the last sum, in all lanes
  inline Lanes operator()(Lanes value) {
    value += 1;
    const Lanes zero{};
    value += __builtin_shufflevector(value, zero, 4, 0, 1, 2);
    value += __builtin_shufflevector(value, zero, 4, 5, 0, 1);
    value += before;
    before = __builtin_shufflevector(value, value, 3, 3, 3, 3);
    return value;
  }
};

template <uint32_t kWidth, typename Sink, uint32_t... kIndexes>
inline void unpack_all(const std::byte* packed, Sink sink, uint32_t* values,
                       std::integer_sequence<uint32_t, kIndexes...>) {
  (store(sink(extract<kWidth, kIndexes>(packed)), values + size_t{4} * kIndexes), ...);
}

template <uint32_t kWidth, typename Sink>
void unpack(const std::byte* packed, uint32_t start, uint32_t* values) {
  unpack_all<kWidth>(packed, Sink{Lanes{start, start, start, start}}, values,
                     std::make_integer_sequence<uint32_t, kLaneValues>());
}

using Unpack = void (*)(const std::byte*, uint32_t, uint32_t*);

template <typename Sink, uint32_t... kWidths>
constexpr std::array<Unpack, sizeof...(kWidths)> unpack_by_width(std::integer_sequence<uint32_t, kWidths...>) {
  return {unpack<kWidths, Sink>...};
}

using Widths = std::make_integer_sequence<uint32_t, kPackedWidthMax + 1>;
constexpr std::array<Unpack, kPackedWidthMax + 1> kUnpackAdded = unpack_by_width<AddedSink>(Widths());
constexpr std::array<Unpack, kPackedWidthMax + 1> kUnpackSums = unpack_by_width<SumSink>(Widths());

}  // namespace

uint32_t packed_width(const uint32_t* values) {
  Lanes all{};
  for (uint32_t index = 0; index < kPackedValues; index += 4) all |= load(values + index);
  return static_cast<uint32_t>(std::bit_width(all[0] | all[1] | all[2] | all[3]));
}

void pack_block(const uint32_t* values, uint32_t width, std::byte* out) {
  assert(width <= kPackedWidthMax);
  if (width == 0) return;
  Lanes word{};
  uint32_t filled = 0;
  for (uint32_t index = 0; index < kPackedValues; index += 4) {
    const Lanes value = load(values + index);
    word |= value << filled;
    filled += width;
    if (filled < 32) continue;
    store(word, out);
    out += sizeof(word);
    filled -= 32;
    word = filled == 0 ? Lanes{} : value >> (width - filled);
  }
}

void unpack_block(const std::byte* packed, uint32_t width, uint32_t added, uint32_t* values) {
  kUnpackAdded[width](packed, added, values);
}

void unpack_sums(const std::byte* packed, uint32_t width, uint32_t before, uint32_t* sums) {
  kUnpackSums[width](packed, before, sums);
}

}  // namespace omendb::text
