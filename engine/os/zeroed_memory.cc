#include "engine/os/zeroed_memory.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace omendb::os {
namespace {

constexpr size_t kPageBytes = 4096;
constexpr size_t kHugePageBytes = size_t{2} << 20;

size_t rounded_up(size_t size_bytes, size_t unit) { return (size_bytes + unit - 1) / unit * unit; }

std::byte* map_or_throw(size_t size_bytes) {
  void* memory = ::mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

// Maps more than wanted and gives back what lies before and behind the aligned part.
std::byte* map_aligned_or_throw(size_t size_bytes) {
  std::byte* const begin = map_or_throw(size_bytes + kHugePageBytes);
  const size_t before =
      rounded_up(reinterpret_cast<uintptr_t>(begin), kHugePageBytes) - reinterpret_cast<uintptr_t>(begin);
  if (before != 0) ::munmap(begin, before);
  if (before != kHugePageBytes) ::munmap(begin + before + size_bytes, kHugePageBytes - before);
  return begin + before;
}

}  // namespace

ZeroedMemory::ZeroedMemory(size_t size_bytes, Pages pages) : size_bytes_(rounded_up(size_bytes, kPageBytes)) {
  if (size_bytes_ == 0) return;
  if (pages == Pages::kSmall || size_bytes_ < kHugePageBytes) {
    data_ = map_or_throw(size_bytes_);
    return;
  }
  data_ = map_aligned_or_throw(size_bytes_);
  (void)::madvise(data_, size_bytes_, MADV_HUGEPAGE);  // where the system has none, small ones do
}

void ZeroedMemory::release() {
  if (data_ != nullptr) (void)::madvise(data_, size_bytes_, MADV_DONTNEED);
}

ZeroedMemory::~ZeroedMemory() {
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
}

}  // namespace omendb::os
