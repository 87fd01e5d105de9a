#pragma once

// Memory for the values of a block of rows, used again and again: a condition over a million rows allocates as often as one over a thousand. One thread.

#include "engine/filter/filter.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::filter {

class BlockBuffers {
 public:
  static constexpr size_t kBufferBytes = kRowsPerBlock * sizeof(std::string_view);

  class Return {
   public:
    explicit Return(BlockBuffers* to = nullptr) : to_(to) {}
    void operator()(std::byte* buffer) const { to_->free_.emplace_back(buffer); }

   private:
    BlockBuffers* to_;
  };
  using Buffer = std::unique_ptr<std::byte[], Return>;

  // kBufferBytes of anything, aligned for every value; must go before its BlockBuffers do.
  Buffer take() {
    if (free_.empty()) {
      free_.reserve(++made_);  // so that giving one back never allocates
      return Buffer(new std::byte[kBufferBytes], Return(this));
    }
    Buffer buffer(free_.back().release(), Return(this));
    free_.pop_back();
    return buffer;
  }

 private:
  std::vector<std::unique_ptr<std::byte[]>> free_;
  size_t made_ = 0;
};

// Bytes of strings that were made for the rows of a block; what they were copied to does not move.
class BlockBytes {
 public:
  std::string_view keep(std::string_view string, BlockBuffers& buffers) {
    char* to = room(string.size(), buffers);
    std::copy_n(string.data(), string.size(), to);
    return {to, string.size()};
  }
  // Takes over all that the other keeps.
  void take(BlockBytes& other) {
    for (auto& buffer : other.buffers_) buffers_.push_back(std::move(buffer));
    for (auto& large : other.large_) large_.push_back(std::move(large));
    other = BlockBytes();
    used_ = BlockBuffers::kBufferBytes;  // the last buffer is another's, filled to who knows where
  }

 private:
  char* room(size_t size, BlockBuffers& buffers) {
    if (size > BlockBuffers::kBufferBytes / 4) {
      large_.push_back(std::make_unique_for_overwrite<char[]>(size));
      return large_.back().get();
    }
    if (buffers_.empty() || used_ + size > BlockBuffers::kBufferBytes) {
      buffers_.push_back(buffers.take());
      used_ = 0;
    }
    char* at = reinterpret_cast<char*>(buffers_.back().get()) + used_;
    used_ += size;
    return at;
  }

  std::vector<BlockBuffers::Buffer> buffers_;
  std::vector<std::unique_ptr<char[]>> large_;
  size_t used_ = 0;
};

}  // namespace omendb::filter
