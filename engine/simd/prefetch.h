#pragma once

// How kernels over lists of rows or codes ask for memory ahead of themselves. Not for other rooms. Always inline: the linker must not merge what was compiled for
// different CPUs.

#include <cstddef>

namespace omendb::simd {

inline constexpr size_t kLineBytes = 64;
inline constexpr size_t kPrefetchBytes = 4096;  // about what the line fill buffers of one core hold, twice

[[gnu::always_inline]] inline void prefetch(const void* from, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kLineBytes) __builtin_prefetch(static_cast<const char*>(from) + i, 0, 3);
}

// How many entries of a list to ask for before they are needed.
[[gnu::always_inline]] inline constexpr size_t entries_ahead(size_t entry_bytes) {
  const size_t wanted = kPrefetchBytes / (entry_bytes == 0 ? 1 : entry_bytes);
  return wanted < 4 ? 4 : wanted > 16 ? 16 : wanted;
}

}  // namespace omendb::simd
