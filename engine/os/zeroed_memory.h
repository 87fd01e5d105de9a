#pragma once

// Memory of the process's own in large pieces: zero, page-aligned, and costing nothing until it is touched.

#include <cstddef>
#include <cstdint>
#include <utility>

namespace omendb::os {

enum class Pages : uint8_t {
  kSmall,
  kHuge,  // 2 MiB where the system gives them: random reads of many megabytes miss the address cache less often (10 to 20 % of a search)
};

class ZeroedMemory {
 public:
  ZeroedMemory() = default;
  // Throws std::bad_alloc.
  ZeroedMemory(size_t size_bytes, Pages pages);
  ZeroedMemory(ZeroedMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  ZeroedMemory& operator=(ZeroedMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_bytes_, other.size_bytes_);
    return *this;
  }
  ~ZeroedMemory();

  std::byte* data() const { return data_; }
  // Gives the pages back to the system; all bytes are zero again.
  void release();

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;  // of the mapping
};

}  // namespace omendb::os
