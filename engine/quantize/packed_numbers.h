#pragma once

// Numbers of 1 to 8 bits as simd::CodeKernels::packed and unpack read them: planes of 8, 4, 2 and 1 bits (engine/simd/code_distance.h).

#include <cstddef>
#include <cstdint>

namespace omendb::quantize {

// `dims` is a multiple of 64. Writes dims * bits / 8 bytes. Only the lowest `bits` bits of a number count.
void pack_numbers(const uint8_t* numbers, size_t dims, size_t bits, std::byte* out);

}  // namespace omendb::quantize
