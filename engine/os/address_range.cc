#include "engine/os/file.h"

#include <limits>
#include <utility>

#include <sys/mman.h>

namespace omendb::os {

AddressRange::AddressRange(AddressRange&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_bytes_(std::exchange(other.size_bytes_, 0)) {}

AddressRange& AddressRange::operator=(AddressRange&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) ::munmap(data_, size_bytes_);
    data_ = std::exchange(other.data_, nullptr);
    size_bytes_ = std::exchange(other.size_bytes_, 0);
  }
  return *this;
}

AddressRange::~AddressRange() {
  if (data_ != nullptr) ::munmap(data_, size_bytes_);
}

Result<AddressRange> AddressRange::reserve(size_t size_bytes) {
  if (size_bytes > std::numeric_limits<size_t>::max() - kPageBytes) {
    return Error{ErrorCode::kOutOfMemory, "cannot reserve " + std::to_string(size_bytes) + " bytes of addresses"};
  }
  const size_t pages_bytes = (size_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  AddressRange range;
  if (pages_bytes == 0) return range;
  void* data = ::mmap(nullptr, pages_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return Error{ErrorCode::kOutOfMemory, "the system refused to reserve " + std::to_string(pages_bytes) +
                                              " bytes of addresses (see ulimit -v and vm.max_map_count)"};
  }
  range.data_ = static_cast<std::byte*>(data);
  range.size_bytes_ = pages_bytes;
  return range;
}

Result<void> AddressRange::map_zeros(size_t at, size_t length) {
  if (length == 0) return {};
  if (at % kPageBytes != 0 || length % kPageBytes != 0 || at > size_bytes_ || length > size_bytes_ - at) {
    return Error{ErrorCode::kInvalidArgument, "cannot map " + std::to_string(length) + " zeros at " +
                                                  std::to_string(at) + " of a range of " + std::to_string(size_bytes_) +
                                                  " bytes"};
  }
  // In one call, so that there is no moment at which nothing is mapped. All its pages are the system's one page of zeros.
  void* mapped = ::mmap(data_ + at, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  if (mapped != MAP_FAILED) return {};
  return Error{ErrorCode::kOutOfMemory, "the system refused to map " + std::to_string(length) +
                                            " bytes of zeros (see ulimit -v and vm.max_map_count)"};
}

}  // namespace omendb::os
