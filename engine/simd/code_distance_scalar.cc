// Plain C++: any CPU, and what the others are compared with. The compiler turns it into whatever the build's own instruction set has.

#include "engine/simd/code_distance_kernels.h"

#include "engine/simd/code_distance_words.h"

namespace omendb::simd {
namespace {

struct ScalarBytes {
  struct Reg {
    int32_t total;
  };
  static constexpr size_t kDims = kCodeDimsStep;

  static Reg zero() { return {0}; }
  static Reg add_square(Reg sum, const int16_t* query, const std::byte* code) {
    for (size_t i = 0; i < kDims; ++i) {
      const int32_t d = int32_t{query[i]} - static_cast<int32_t>(code[i]);
      sum.total += d * d;
    }
    return sum;
  }
  static float sum(Reg reg) { return static_cast<float>(reg.total); }
  static void sum4(const Reg* regs, float* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = sum(regs[i]);
  }
};

// The bits of a half moved to where a float has them mean 2^-112 of its value, subnormal numbers included: the exponents are biased by 15 and 127.
struct IeeeHalf {
  static float widen(uint16_t half) {
    const uint32_t magnitude = uint32_t{half & 0x7fffU} << 13;
    const float value = __builtin_bit_cast(float, magnitude) * 0x1p112F;
    return (half & 0x8000U) != 0 ? -value : value;
  }
};
struct Bfloat {
  static float widen(uint16_t half) { return __builtin_bit_cast(float, uint32_t{half} << 16); }
};

template <class Format>
struct ScalarHalves {
  static constexpr size_t kDims = kHalfDimsStep;
  struct Reg {
    float lanes[kDims];
  };

  static Reg zero() { return {}; }
  static Reg add(Reg left, const Reg& right) {
    for (size_t i = 0; i < kDims; ++i) left.lanes[i] += right.lanes[i];
    return left;
  }
  static Reg add_square(Reg sum, const float* query, const std::byte* code) {
    for (size_t i = 0; i < kDims; ++i) {
      uint16_t half = 0;
      __builtin_memcpy(&half, code + 2 * i, sizeof(half));
      const float d = query[i] - Format::widen(half);
      sum.lanes[i] += d * d;
    }
    return sum;
  }
  static float sum(const Reg& reg) {
    const float* l = reg.lanes;
    return ((l[0] + l[4]) + (l[1] + l[5])) + ((l[2] + l[6]) + (l[3] + l[7]));
  }
  static void sum4(const Reg* regs, float* out) {
    for (size_t i = 0; i < 4; ++i) out[i] = sum(regs[i]);
  }
};

struct ScalarPacked {
  struct Reg {
    int32_t total;
  };
  using Query = const int8_t*;
  struct Numbers {
    uint8_t values[kPackedDimsStep];
  };

  static Reg zero() { return {0}; }
  static Query load(const int8_t* query) { return query; }
  template <size_t kWidth>
  static Numbers unpack(const std::byte* code) {
    constexpr size_t kBytes = 8 * kWidth;
    Numbers numbers;
    for (size_t i = 0; i < kPackedDimsStep; ++i) {
      const uint32_t shifted = static_cast<uint32_t>(code[i % kBytes]) >> (i / kBytes * kWidth);
      numbers.values[i] = static_cast<uint8_t>(shifted & ((1U << kWidth) - 1));
    }
    return numbers;
  }
  template <size_t kWidth>
  static Numbers append(Numbers numbers, const Numbers& below) {
    for (size_t i = 0; i < kPackedDimsStep; ++i) {
      numbers.values[i] = static_cast<uint8_t>((numbers.values[i] << kWidth) | below.values[i]);
    }
    return numbers;
  }
  static void store(uint8_t* to, const Numbers& numbers) {
    __builtin_memcpy(to, numbers.values, sizeof(numbers.values));
  }
  template <size_t kBits>
  static Reg add_products(Reg sum, const Numbers& numbers, Query query) {
    for (size_t i = 0; i < kPackedDimsStep; ++i) sum.total += int32_t{numbers.values[i]} * int32_t{query[i]};
    return sum;
  }
  static int64_t sum(Reg reg) { return reg.total; }
};

struct NibbleLookups {
  const uint8_t* tables;
  size_t length;

  template <size_t kCodes>
  void run(const std::byte* const* codes, uint32_t* out) const {
    uint32_t sums[kCodes] = {};
    for (size_t j = 0; j < length; ++j) {
      const size_t piece = j / kNibbleBytesStep * kNibblePiecesStep + j % kNibbleBytesStep;
      const uint8_t* low = tables + piece * kNibbleCentroids;
      const uint8_t* high = low + kNibbleBytesStep * kNibbleCentroids;
      for (size_t c = 0; c < kCodes; ++c) {
        const auto byte = static_cast<size_t>(codes[c][j]);
        sums[c] += uint32_t{low[byte % kNibbleCentroids]} + uint32_t{high[byte / kNibbleCentroids]};
      }
    }
    for (size_t c = 0; c < kCodes; ++c) out[c] = sums[c];
  }
};

void nibble_lookups(const uint8_t* tables, const std::byte* const* codes, size_t count, size_t length, uint32_t* out) {
  code_kernels_of::walk(NibbleLookups{tables, length}, codes, count, length, out);
}

struct ScalarFloats {
  static constexpr size_t kLanes = 4;
  struct Reg {
    float lanes[kLanes];
  };

  template <class Operation>
  static Reg each(const Operation& operation) {
    return {{operation(0), operation(1), operation(2), operation(3)}};
  }
  static Reg zero() { return {}; }
  static Reg broadcast(float value) { return {{value, value, value, value}}; }
  static Reg load(const float* from) { return {{from[0], from[1], from[2], from[3]}}; }
  static void store(float* to, const Reg& reg) {
    for (size_t i = 0; i < kLanes; ++i) to[i] = reg.lanes[i];
  }
  static Reg add(const Reg& a, const Reg& b) {
    return each([&](size_t i) { return a.lanes[i] + b.lanes[i]; });
  }
  static Reg subtract(const Reg& a, const Reg& b) {
    return each([&](size_t i) { return a.lanes[i] - b.lanes[i]; });
  }
  static Reg multiply(const Reg& a, const Reg& b) {
    return each([&](size_t i) { return a.lanes[i] * b.lanes[i]; });
  }
  static Reg multiply_add(const Reg& a, const Reg& b, const Reg& c) { return add(multiply(a, b), c); }
  static Reg min(const Reg& a, const Reg& b) {
    return each([&](size_t i) { return a.lanes[i] < b.lanes[i] ? a.lanes[i] : b.lanes[i]; });
  }
  static Reg max(const Reg& a, const Reg& b) {
    return each([&](size_t i) { return a.lanes[i] > b.lanes[i] ? a.lanes[i] : b.lanes[i]; });
  }
  static Reg whole_part(const Reg& a) {
    return each([&](size_t i) { return static_cast<float>(static_cast<int32_t>(a.lanes[i])); });
  }
  static float sum(const Reg& a) { return (a.lanes[0] + a.lanes[2]) + (a.lanes[1] + a.lanes[3]); }
  static float min_of(const Reg& a) {
    const Reg pairs = min(a, {{a.lanes[2], a.lanes[3], a.lanes[0], a.lanes[1]}});
    return pairs.lanes[0] < pairs.lanes[1] ? pairs.lanes[0] : pairs.lanes[1];
  }
  static float max_of(const Reg& a) { return -min_of(subtract({}, a)); }
  static size_t first_equal(const float* from, float value) {
    size_t i = 0;
    while (i < kLanes && from[i] != value) ++i;
    return i;
  }
  static Reg inner_butterflies(const Reg& a) {
    const float* l = a.lanes;
    const Reg b = {{l[0] + l[1], l[0] - l[1], l[2] + l[3], l[2] - l[3]}};
    return {{b.lanes[0] + b.lanes[2], b.lanes[1] + b.lanes[3], b.lanes[0] - b.lanes[2], b.lanes[1] - b.lanes[3]}};
  }
};

// Pairs, nibbles and bytes of sums side by side; the product adds the bytes up.
struct ByParts {
  static uint64_t count_ones(uint64_t word) {
    word -= (word >> 1) & 0x5555555555555555U;
    word = (word & 0x3333333333333333U) + ((word >> 2) & 0x3333333333333333U);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    return (word * 0x0101010101010101U) >> 56;
  }
};
using ScalarBits = BitWords<ByParts>;

}  // namespace

const CodeKernels* scalar_code_kernels() {
  static constexpr CodeKernels kKernels = {
      .bytes = &code_kernels_of::bytes<ScalarBytes>,
      .halves = &code_kernels_of::halves<ScalarHalves<IeeeHalf>>,
      .bfloats = &code_kernels_of::halves<ScalarHalves<Bfloat>>,
      .packed = &code_kernels_of::packed<ScalarPacked>,
      .unpack = &code_kernels_of::unpack<ScalarPacked>,
      .lookups = &code_kernels_of::lookups<ScalarBytes>,
      .nibble_lookups = &nibble_lookups,
      .hamming = &code_kernels_of::hamming<ScalarBits>,
      .jaccard = &code_kernels_of::jaccard<ScalarBits>,
      .centroids = &code_kernels_of::centroids<ScalarFloats>,
      .nearest = &code_kernels_of::nearest<ScalarFloats>,
      .range = &code_kernels_of::range<ScalarFloats>,
      .hadamard = &code_kernels_of::hadamard<ScalarFloats>,
      .grid_fit = &code_kernels_of::grid_fit<ScalarFloats>,
  };
  return &kKernels;
}

}  // namespace omendb::simd
