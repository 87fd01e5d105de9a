#include "engine/quantize/packed_numbers.h"

#include "engine/simd/code_distance.h"

#include <cstring>

namespace omendb::quantize {
namespace {

constexpr size_t kGroup = simd::kPackedDimsStep;

// Field f of byte j belongs to dimension f * bytes + j of the group.
template <unsigned kWidth>
void pack_plane(const uint8_t* numbers, size_t dims, unsigned bits_below, std::byte* out) {
  constexpr size_t kBytes = 8 * kWidth;
  constexpr unsigned kMask = (1U << kWidth) - 1;
  for (size_t group = 0; group < dims; group += kGroup, out += kBytes) {
    uint8_t bytes[kBytes] = {};
    for (unsigned field = 0; field < 8 / kWidth; ++field) {
      const uint8_t* from = numbers + group + field * kBytes;
      for (size_t j = 0; j < kBytes; ++j) {
        bytes[j] = static_cast<uint8_t>(bytes[j] | (((from[j] >> bits_below) & kMask) << (field * kWidth)));
      }
    }
    std::memcpy(out, bytes, kBytes);
  }
}

}  // namespace

void pack_numbers(const uint8_t* numbers, size_t dims, size_t bits, std::byte* out) {
  auto below = static_cast<unsigned>(bits);
  const size_t plane_bits = dims / 8;  // bytes of a plane for each bit of its width
  if ((bits & 8) != 0) {
    below -= 8;
    pack_plane<8>(numbers, dims, below, out);
    out += 8 * plane_bits;
  }
  if ((bits & 4) != 0) {
    below -= 4;
    pack_plane<4>(numbers, dims, below, out);
    out += 4 * plane_bits;
  }
  if ((bits & 2) != 0) {
    below -= 2;
    pack_plane<2>(numbers, dims, below, out);
    out += 2 * plane_bits;
  }
  if ((bits & 1) != 0) pack_plane<1>(numbers, dims, below - 1, out);
}

}  // namespace omendb::quantize
