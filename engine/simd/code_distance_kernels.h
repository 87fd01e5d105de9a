#pragma once

// The one source of the kernels over codes: templates over register types V, compiled once per instruction set by the code_distance_<target>.cc files, under the
// rules of distance_kernels.h (V in an anonymous namespace, nothing of the standard library is called). Not for other rooms; they include code_distance.h.
//
// Each kernel is a struct that knows its query and does 1 or 4 codes at once; walk() leads it over a list. What each wants of V stands above it.

#include "engine/simd/code_distance.h"
#include "engine/simd/prefetch.h"

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace omendb::simd::code_kernels_of {

template <class Kernel, class Out>
[[gnu::always_inline]] inline void walk(const Kernel& kernel, const std::byte* const* codes, size_t count,
                                        size_t code_bytes, Out* out) {
  const size_t ahead = entries_ahead(code_bytes);
  for (size_t i = 0; i < ahead && i < count; ++i) prefetch(codes[i], code_bytes);
  size_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t next = i + ahead; next < i + ahead + 4 && next < count; ++next) prefetch(codes[next], code_bytes);
    kernel.template run<4>(codes + i, out + i);
  }
  for (; i < count; ++i) kernel.template run<1>(codes + i, out + i);
}

// V: Reg, kDims (components a step), zero(), add_square(sum, query, code) = sum + (query - code)^2 by lanes of 32 bits, add_square_half for half as many
// components, sum(reg), sum4(regs, out).
template <class V>
struct Bytes {
  const int16_t* query;
  size_t length;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, float* out) const {
    typename V::Reg sums[kCodes];
    for (size_t c = 0; c < kCodes; ++c) sums[c] = V::zero();
    size_t i = 0;
    for (; i + V::kDims <= length; i += V::kDims) {
#pragma GCC unroll 4
      for (size_t c = 0; c < kCodes; ++c) sums[c] = V::add_square(sums[c], query + i, codes[c] + i);
    }
    if constexpr (V::kDims > kCodeDimsStep) {
      if (i < length) {
        for (size_t c = 0; c < kCodes; ++c) sums[c] = V::add_square_half(sums[c], query + i, codes[c] + i);
      }
    }
    if constexpr (kCodes == 4) {
      V::sum4(sums, out);
    } else {
      out[0] = V::sum(sums[0]);
    }
  }
};

template <class V>
void bytes(const int16_t* query, const std::byte* const* codes, size_t count, size_t length, float* out) {
  walk(Bytes<V>{query, length}, codes, count, length, out);
}

// V: Reg, kDims, zero(), add(a, b), add_square(sum, query, code) for kDims numbers of two bytes, add_square_half for 8 where kDims is 16, sum(reg),
// sum4(regs, out).
template <class V>
struct Halves {
  const float* query;
  size_t length;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, float* out) const {
    typename V::Reg sums[2][kCodes];  // two of each hide the latency of the sums
    for (size_t c = 0; c < kCodes; ++c) sums[0][c] = sums[1][c] = V::zero();
    size_t i = 0;
    for (; i + 2 * V::kDims <= length; i += 2 * V::kDims) {
#pragma GCC unroll 4
      for (size_t c = 0; c < kCodes; ++c) {
        sums[0][c] = V::add_square(sums[0][c], query + i, codes[c] + 2 * i);
        sums[1][c] = V::add_square(sums[1][c], query + i + V::kDims, codes[c] + 2 * (i + V::kDims));
      }
    }
    if (i + V::kDims <= length) {
      for (size_t c = 0; c < kCodes; ++c) sums[0][c] = V::add_square(sums[0][c], query + i, codes[c] + 2 * i);
      i += V::kDims;
    }
    if constexpr (V::kDims > kHalfDimsStep) {
      if (i < length) {
        for (size_t c = 0; c < kCodes; ++c) sums[1][c] = V::add_square_half(sums[1][c], query + i, codes[c] + 2 * i);
      }
    }
    for (size_t c = 0; c < kCodes; ++c) sums[0][c] = V::add(sums[0][c], sums[1][c]);
    if constexpr (kCodes == 4) {
      V::sum4(sums[0], out);
    } else {
      out[0] = V::sum(sums[0][0]);
    }
  }
};

template <class V>
void halves(const float* query, const std::byte* const* codes, size_t count, size_t length, float* out) {
  walk(Halves<V>{query, length}, codes, count, 2 * length, out);
}

// V: Reg (sums of 32 bits), Query and Numbers (64 of each), zero(), load(query), unpack<kWidth>(code), append<kWidth>(numbers, below) = numbers * 2^kWidth + below,
// store(to, numbers), add_products<kBits>(sum, numbers, query), sum(reg).

// The 64 numbers from dimension d on, put together from all planes: cheaper than sums over each plane, which multiply by the query once a plane.
template <class V, size_t kBits>
[[gnu::always_inline]] inline typename V::Numbers numbers_at(const std::byte* plane, size_t dims, size_t d) {
  constexpr size_t kWidest = kBits >= 8 ? 8 : kBits >= 4 ? 4 : kBits >= 2 ? 2 : 1;
  typename V::Numbers numbers = V::template unpack<kWidest>(plane + d * kWidest / 8);
  plane += dims * kWidest / 8;
  if constexpr (kWidest > 2 && (kBits & 2) != 0) {
    numbers = V::template append<2>(numbers, V::template unpack<2>(plane + d * 2 / 8));
    plane += dims * 2 / 8;
  }
  if constexpr (kWidest > 1 && (kBits & 1) != 0) {
    numbers = V::template append<1>(numbers, V::template unpack<1>(plane + d / 8));
  }
  return numbers;
}

template <class V, size_t kBits>
struct Packed {
  static constexpr bool kFine = kBits > kCoarseBitsMax;
  const PackedQuery& query;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, int64_t* out) const {
    typename V::Reg coarse[kCodes];
    typename V::Reg fine[kCodes];
    for (size_t c = 0; c < kCodes; ++c) coarse[c] = fine[c] = V::zero();
    for (size_t d = 0; d < query.dims; d += kPackedDimsStep) {
      const typename V::Query high = V::load(query.coarse + d);
      typename V::Query low = high;
      if constexpr (kFine) low = V::load(query.fine + d);
#pragma GCC unroll 4
      for (size_t c = 0; c < kCodes; ++c) {
        const typename V::Numbers numbers = numbers_at<V, kBits>(codes[c] + query.offset_bytes, query.dims, d);
        coarse[c] = V::template add_products<kBits>(coarse[c], numbers, high);
        if constexpr (kFine) fine[c] = V::template add_products<kBits>(fine[c], numbers, low);
      }
    }
    for (size_t c = 0; c < kCodes; ++c) {
      out[c] = V::sum(coarse[c]);
      if constexpr (kFine) out[c] = out[c] * kFineStep + V::sum(fine[c]);
    }
  }
};

// Calls run(std::integral_constant<size_t, bits>) for 1 to 8 bits.
template <class Run>
auto for_bits(size_t bits, const Run& run) {
  switch (bits) {
    case 1: return run(std::integral_constant<size_t, 1>());
    case 2: return run(std::integral_constant<size_t, 2>());
    case 3: return run(std::integral_constant<size_t, 3>());
    case 4: return run(std::integral_constant<size_t, 4>());
    case 5: return run(std::integral_constant<size_t, 5>());
    case 6: return run(std::integral_constant<size_t, 6>());
    case 7: return run(std::integral_constant<size_t, 7>());
    default: return run(std::integral_constant<size_t, 8>());
  }
}

template <class V>
void packed(const PackedQuery& query, const std::byte* const* codes, size_t count, int64_t* out) {
  for_bits(query.bits, [&](auto bits) {
    walk(Packed<V, bits>{query}, codes, count, query.offset_bytes + query.dims * bits / 8, out);
  });
}

template <class V>
int64_t unpack(const std::byte* planes, size_t dims, size_t bits, uint8_t* numbers) {
  alignas(64) int8_t ones[kPackedDimsStep];
  for (int8_t& one : ones) one = 1;
  return for_bits(bits, [&](auto bits_now) {
    const typename V::Query query = V::load(ones);
    typename V::Reg sum = V::zero();
    for (size_t d = 0; d < dims; d += kPackedDimsStep) {
      const typename V::Numbers now = numbers_at<V, bits_now>(planes, dims, d);
      V::store(numbers + d, now);
      sum = V::template add_products<bits_now>(sum, now, query);
    }
    return V::sum(sum);
  });
}

// V: nothing but a type of its own target. Loads from tables are what it costs, and these the CPU does two or three at a time without vectors. AVX-512's gather took
// 8.7 ns for 32 bytes against 11.8, and loses on the many CPUs whose microcode slows gathers down.
template <class V>
struct Lookups {
  const uint16_t* tables;
  size_t length;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, uint32_t* out) const {
    uint32_t sums[kCodes] = {};
    const uint16_t* table = tables;
    for (size_t j = 0; j < length; ++j, table += kCentroids) {
#pragma GCC unroll 4
      for (size_t c = 0; c < kCodes; ++c) sums[c] += table[static_cast<size_t>(codes[c][j])];
    }
    for (size_t c = 0; c < kCodes; ++c) out[c] = sums[c];
  }
};

template <class V>
void lookups(const uint16_t* tables, const std::byte* const* codes, size_t count, size_t length, uint32_t* out) {
  walk(Lookups<V>{tables, length}, codes, count, length, out);
}

// V: Reg, kRegs (so many hold 16 bytes of 16 codes), zero(), transpose(codes, offset, regs): register r holds from `offset` on bytes r * 16 / kRegs and following of
// 16 codes, 16 codes a byte; low_nibbles(reg), high_nibbles(reg), lookup(tables, nibbles) = what 16 / kRegs tables hold, add, subtract, down(reg), up(reg) (numbers of
// 16 bits, by 8 bits), store(even, odd, out).
//
// Fast scan (Andre, Kermarrec, Le Scouarnec, "Quicker ADC", 2019): a table of 16 bytes is a register, and one instruction looks up what 16 codes have there. Their
// lists hold codes transposed already; ours lie wherever a walk meets them, so we transpose 16 at a time, a third of the work. A block that is not full costs as
// much as a full one, about as much as two codes one by one. Tables of 64 entries in a register and products of bytes (AVX-512 VBMI, VNNI) were another 12 to 15 %
// faster for 8 to 24 codes: not worth a file of its own.
inline constexpr size_t kCodesAtOnce = 16;

template <class V>
[[gnu::always_inline]] inline void lookup_block(const uint8_t* tables, const std::byte* const* codes, size_t length,
                                                uint32_t* out) {
  constexpr size_t kTablesBytes = kNibbleBytesStep / V::kRegs * kNibbleCentroids;
  // Numbers of 16 bits: of two codes each, and of the second of these alone.
  typename V::Reg both = V::zero();
  typename V::Reg odd = V::zero();
  for (size_t offset = 0; offset < length; offset += kNibbleBytesStep) {
    typename V::Reg regs[V::kRegs];
    V::transpose(codes, offset, regs);
#pragma GCC unroll 8
    for (size_t r = 0; r < V::kRegs; ++r, tables += kTablesBytes) {
      const typename V::Reg low = V::lookup(tables, V::low_nibbles(regs[r]));
      const typename V::Reg high = V::lookup(tables + V::kRegs * kTablesBytes, V::high_nibbles(regs[r]));
      both = V::add(both, V::add(low, high));
      odd = V::add(odd, V::add(V::down(low), V::down(high)));
    }
    tables += V::kRegs * kTablesBytes;
  }
  V::store(V::subtract(both, V::up(odd)), odd, out);
}

template <class V>
void nibble_lookups(const uint8_t* tables, const std::byte* const* codes, size_t count, size_t length, uint32_t* out) {
  for (size_t i = 0; i < kCodesAtOnce && i < count; ++i) prefetch(codes[i], length);
  size_t first = 0;
  for (; first + kCodesAtOnce <= count; first += kCodesAtOnce) {
    const size_t next = first + kCodesAtOnce;
    for (size_t i = next; i < next + kCodesAtOnce && i < count; ++i) prefetch(codes[i], length);
    lookup_block<V>(tables, codes + first, length, out + first);
  }
  if (first == count) return;
  const std::byte* block[kCodesAtOnce];
  uint32_t sums[kCodesAtOnce];
  for (size_t i = 0; i < kCodesAtOnce; ++i) block[i] = codes[first + i < count ? first + i : first];
  lookup_block<V>(tables, block, length, sums);
  for (size_t i = 0; first + i < count; ++i) out[first + i] = sums[i];
}

// The kernels over floats below want of V: Reg, kLanes (a power of two up to 32), zero(), broadcast(float), load(p), store(p, reg), add, subtract, multiply,
// multiply_add(a, b, c) = a * b + c, min, max, whole_part, sum(reg), min_of(reg), max_of(reg), first_equal(p, value) = the first lane at p that holds it or
// kLanes, inner_butterflies(reg) = the Hadamard transform of its lanes.
template <class V, size_t kCount>
void squares_to(const float* point, const float* by_dim, size_t dims, float* out) {
  constexpr size_t kRegs = kCount < 8 * V::kLanes ? kCount / V::kLanes : 8;  // 8 chains hide the latency of a sum
  for (size_t first = 0; first < kCount; first += kRegs * V::kLanes) {
    typename V::Reg sums[kRegs];
    for (size_t r = 0; r < kRegs; ++r) sums[r] = V::zero();
    for (size_t d = 0; d < dims; ++d) {
      const typename V::Reg value = V::broadcast(point[d]);
      const float* line = by_dim + d * kCount + first;
#pragma GCC unroll 8
      for (size_t r = 0; r < kRegs; ++r) {
        const typename V::Reg difference = V::subtract(value, V::load(line + r * V::kLanes));
        sums[r] = V::multiply_add(difference, difference, sums[r]);
      }
    }
    for (size_t r = 0; r < kRegs; ++r) V::store(out + first + r * V::kLanes, sums[r]);
  }
}

template <class V>
void centroids(const float* point, const float* by_dim, size_t count, size_t dims, float* out) {
  count == kCentroids ? squares_to<V, kCentroids>(point, by_dim, dims, out)
                      : squares_to<V, kNibbleCentroids>(point, by_dim, dims, out);
}

template <class V>
Range range(const float* values, size_t count) {
  typename V::Reg low = V::load(values);
  typename V::Reg high = low;
  for (size_t i = V::kLanes; i < count; i += V::kLanes) {
    low = V::min(low, V::load(values + i));
    high = V::max(high, V::load(values + i));
  }
  return {V::min_of(low), V::max_of(high)};
}

template <class V>
Nearest nearest(const float* point, const float* by_dim, size_t count, size_t dims) {
  alignas(64) float squares[kCentroids];
  centroids<V>(point, by_dim, count, dims, squares);
  const float lowest = range<V>(squares, count).low;
  size_t c = 0;
  for (size_t i = 0; i < count; i += V::kLanes) {
    const size_t lane = V::first_equal(squares + i, lowest);
    c = i + lane;
    if (lane < V::kLanes) break;
  }
  return {static_cast<uint8_t>(c), lowest};
}

// Sums and differences of values `stride` apart, for four such at once: two levels of the transform in one pass over memory.
template <class V>
void two_hadamard_levels(float* values, size_t count, size_t stride) {
  for (size_t first = 0; first < count; first += 4 * stride) {
    for (size_t i = first; i < first + stride; i += V::kLanes) {
      float* at = values + i;
      const typename V::Reg a = V::load(at);
      const typename V::Reg b = V::load(at + stride);
      const typename V::Reg c = V::load(at + 2 * stride);
      const typename V::Reg d = V::load(at + 3 * stride);
      const typename V::Reg ab = V::add(a, b);
      const typename V::Reg ba = V::subtract(a, b);
      const typename V::Reg cd = V::add(c, d);
      const typename V::Reg dc = V::subtract(c, d);
      V::store(at, V::add(ab, cd));
      V::store(at + stride, V::add(ba, dc));
      V::store(at + 2 * stride, V::subtract(ab, cd));
      V::store(at + 3 * stride, V::subtract(ba, dc));
    }
  }
}

template <class V>
void hadamard(float* values, size_t count) {
  const typename V::Reg factor = V::broadcast(1.0F / __builtin_sqrtf(static_cast<float>(count)));
  for (size_t i = 0; i < count; i += V::kLanes) {
    V::store(values + i, V::inner_butterflies(V::multiply(V::load(values + i), factor)));
  }
  size_t stride = V::kLanes;
  for (; 4 * stride <= count; stride *= 4) two_hadamard_levels<V>(values, count, stride);
  for (size_t i = 0; stride < count && i < stride; i += V::kLanes) {
    const typename V::Reg left = V::load(values + i);
    const typename V::Reg right = V::load(values + stride + i);
    V::store(values + i, V::add(left, right));
    V::store(values + stride + i, V::subtract(left, right));
  }
}

template <class V>
GridFit grid_fit(const float* values, size_t count, float inverse_step, float top) {
  const typename V::Reg scale = V::broadcast(inverse_step);
  const typename V::Reg cap = V::broadcast(top);
  const typename V::Reg half = V::broadcast(0.5F);
  typename V::Reg dots[2] = {V::zero(), V::zero()};
  typename V::Reg squares[2] = {V::zero(), V::zero()};
  for (size_t i = 0; i < count; i += 2 * V::kLanes) {
#pragma GCC unroll 2
    for (size_t turn = 0; turn < 2; ++turn) {
      const typename V::Reg value = V::load(values + i + turn * V::kLanes);
      const typename V::Reg y = V::add(V::whole_part(V::min(V::multiply(value, scale), cap)), half);
      dots[turn] = V::multiply_add(y, value, dots[turn]);
      squares[turn] = V::multiply_add(y, y, squares[turn]);
    }
  }
  return {V::sum(V::add(dots[0], dots[1])), V::sum(V::add(squares[0], squares[1]))};
}

// V: Reg, Count, kBytes, load(p), load_first(p, count) (the others 0), zero(), exclusive_or, both, either, add_ones(count, reg), sum(count).
template <class V>
struct Hamming {
  const std::byte* query;
  size_t byte_count;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, float* out) const {
    typename V::Count ones[kCodes];
    for (size_t c = 0; c < kCodes; ++c) ones[c] = V::zero();
    size_t i = 0;
    for (; i + V::kBytes <= byte_count; i += V::kBytes) {
#pragma GCC unroll 4
      for (size_t c = 0; c < kCodes; ++c) {
        ones[c] = V::add_ones(ones[c], V::exclusive_or(V::load(query + i), V::load(codes[c] + i)));
      }
    }
    if (const size_t rest = byte_count - i; rest > 0) {
      for (size_t c = 0; c < kCodes; ++c) {
        ones[c] =
            V::add_ones(ones[c], V::exclusive_or(V::load_first(query + i, rest), V::load_first(codes[c] + i, rest)));
      }
    }
    for (size_t c = 0; c < kCodes; ++c) out[c] = static_cast<float>(V::sum(ones[c]));
  }
};

template <class V>
struct Jaccard {
  const std::byte* query;
  size_t byte_count;

  template <size_t kCodes>
  [[gnu::always_inline]] void run(const std::byte* const* codes, float* out) const {
    for (size_t c = 0; c < kCodes; ++c) {
      typename V::Count both = V::zero();
      typename V::Count either = V::zero();
      size_t i = 0;
      for (; i + V::kBytes <= byte_count; i += V::kBytes) add(V::load(query + i), V::load(codes[c] + i), both, either);
      if (const size_t rest = byte_count - i; rest > 0) {
        add(V::load_first(query + i, rest), V::load_first(codes[c] + i, rest), both, either);
      }
      const auto all = static_cast<float>(V::sum(either));
      out[c] = all == 0 ? 0.0F : 1.0F - static_cast<float>(V::sum(both)) / all;
    }
  }

  [[gnu::always_inline]] static void add(typename V::Reg left, typename V::Reg right, typename V::Count& both,
                                         typename V::Count& either) {
    both = V::add_ones(both, V::both(left, right));
    either = V::add_ones(either, V::either(left, right));
  }
};

template <class V>
void hamming(const std::byte* query, const std::byte* const* codes, size_t count, size_t byte_count, float* out) {
  walk(Hamming<V>{query, byte_count}, codes, count, byte_count, out);
}

template <class V>
void jaccard(const std::byte* query, const std::byte* const* codes, size_t count, size_t byte_count, float* out) {
  walk(Jaccard<V>{query, byte_count}, codes, count, byte_count, out);
}

}  // namespace omendb::simd::code_kernels_of

namespace omendb::simd {

// Null where the compiler does not build for that target.
const CodeKernels* scalar_code_kernels();
const CodeKernels* avx2_code_kernels();
const CodeKernels* avx512_code_kernels();
// What CPUs with more than the target asks for do better; members that are null are not among it.
CodeKernels avx512_vnni_code_kernels();
CodeKernels avx512_popcount_code_kernels();

}  // namespace omendb::simd
