#pragma once

// 128 numbers in as many bits each as the largest needs. Number i is number i / 4 of lane i % 4, and the four lanes' words lie beside each other, so that one instruction of any
// CPU with registers of 128 bits treats four numbers (Lemire, Boytsov: Decoding billions of integers per second through vectorization, 2015: SIMD-BP128). Threads: any.

#include <cstddef>
#include <cstdint>

namespace omendb::text {

inline constexpr uint32_t kPackedValues = 128;
inline constexpr uint32_t kPackedWidthMax = 32;

constexpr size_t packed_bytes(uint32_t width) { return size_t{16} * width; }

// The narrowest width for all 128.
uint32_t packed_width(const uint32_t* values);

// `out` gets packed_bytes(width). Values must fit.
void pack_block(const uint32_t* values, uint32_t width, std::byte* out);

// Reads packed_bytes(width), `width` at most kPackedWidthMax, and sets 128 numbers: what was packed, plus `added`. Cost: 20 to 30 ns.
void unpack_block(const std::byte* packed, uint32_t width, uint32_t added, uint32_t* values);

// The same for gaps: sums[i] = before + the sum of the first i + 1 packed numbers + i + 1, modulo 2^32.
void unpack_sums(const std::byte* packed, uint32_t width, uint32_t before, uint32_t* sums);

}  // namespace omendb::text
