#include "engine/base/crc32c.h"

#include <algorithm>

#include <isa-l/crc.h>

namespace omendb::base {

uint32_t crc32c(std::span<const std::byte> bytes, uint32_t seed) {
  constexpr size_t kPieceBytesMax = size_t{1} << 30;  // the library counts in int
  uint32_t state = ~seed;
  while (!bytes.empty()) {
    const std::span<const std::byte> piece = bytes.first(std::min(bytes.size(), kPieceBytesMax));
    // The library's signature lacks const; it only reads.
    auto* data = const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(piece.data()));
    state = crc32_iscsi(data, static_cast<int>(piece.size()), state);
    bytes = bytes.subspan(piece.size());
  }
  return ~state;
}

}  // namespace omendb::base
