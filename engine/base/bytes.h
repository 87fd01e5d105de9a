#pragma once

// Little-endian encoding and bounded decoding: what all format code is written with.

#include <omendb/status.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::base {

static_assert(std::endian::native == std::endian::little,
              "formats are little-endian and so is every supported machine");

inline constexpr size_t kVarintBytesMax = 10;  // 64 bits in groups of seven

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// Appends to a byte vector of its own. Memory: what was put. Threads: one.
class ByteWriter {
 public:
  void put_u8(uint8_t value) { put_fixed(value); }
  void put_u16(uint16_t value) { put_fixed(value); }
  void put_u32(uint32_t value) { put_fixed(value); }
  void put_u64(uint64_t value) { put_fixed(value); }
  void put_i64(int64_t value) { put_fixed(value); }
  void put_f32(float value) { put_fixed(value); }
  void put_f64(double value) { put_fixed(value); }
  // LEB128: seven bits a byte, lowest first, the high bit says that more follow; always the shortest form.
  void put_varint(uint64_t value);
  void put_bytes(std::span<const std::byte> bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // Length as a varint, then the bytes.
  void put_sized_bytes(std::span<const std::byte> bytes);
  void put_string(std::string_view text) { put_sized_bytes(as_bytes(text)); }
  void put_zeros(size_t count) { bytes_.resize(bytes_.size() + count); }

  // Sets bytes put before: a length or a checksum that is known only now. `offset + 4` must not pass size_bytes().
  void overwrite_u32(size_t offset, uint32_t value);

  size_t size_bytes() const { return bytes_.size(); }
  std::span<const std::byte> bytes() const { return bytes_; }
  std::vector<std::byte> take() && { return std::move(bytes_); }
  void clear() { bytes_.clear(); }  // keeps the memory

 private:
  template <typename T>
  void put_fixed(T value) {
    const size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
  }

  std::vector<std::byte> bytes_;
};

// Walks a span and never past its end. Every call takes the name of what is read; a failure is kCorruption and says
// "<source>: <what>: 4 bytes wanted at offset 12, 2 left". After a failure the position is where it was. Memory:
// borrows the bytes and `source`; spans and views it returns point into them. Threads: one.
class ByteReader {
 public:
  // `base_offset` is where `bytes` begin inside the file, for messages.
  ByteReader(std::span<const std::byte> bytes, std::string_view source, uint64_t base_offset = 0)
      : bytes_(bytes), source_(source), base_offset_(base_offset) {}

  Result<uint8_t> u8(std::string_view what) { return fixed<uint8_t>(what); }
  Result<uint16_t> u16(std::string_view what) { return fixed<uint16_t>(what); }
  Result<uint32_t> u32(std::string_view what) { return fixed<uint32_t>(what); }
  Result<uint64_t> u64(std::string_view what) { return fixed<uint64_t>(what); }
  Result<int64_t> i64(std::string_view what) { return fixed<int64_t>(what); }
  Result<float> f32(std::string_view what) { return fixed<float>(what); }
  Result<double> f64(std::string_view what) { return fixed<double>(what); }
  // Refuses more than ten bytes, more than 64 bits and forms longer than needed: one number has one encoding.
  Result<uint64_t> varint(std::string_view what);
  // The next `count` bytes.
  Result<std::span<const std::byte>> bytes(uint64_t count, std::string_view what);
  // What put_sized_bytes wrote; more than `size_bytes_max` is refused before anything else is done with it.
  Result<std::span<const std::byte>> sized_bytes(uint64_t size_bytes_max, std::string_view what);
  Result<std::string_view> string(uint64_t size_bytes_max, std::string_view what);
  // A varint count of things that take at least `item_bytes_min` (>= 1) bytes each: more than the rest can hold is
  // refused, so that the count may be trusted for an allocation.
  Result<uint64_t> count(uint64_t item_bytes_min, std::string_view what);

  size_t offset() const { return position_; }
  size_t remaining_bytes() const { return bytes_.size() - position_; }
  bool at_end() const { return position_ == bytes_.size(); }
  // kCorruption unless everything was read.
  Result<void> expect_end(std::string_view what) const;
  // kCorruption with source and position, for checks that the caller makes itself: "root at byte 40: <what>".
  Error corruption(std::string_view what) const;

 private:
  template <typename T>
  Result<T> fixed(std::string_view what) {
    if (remaining_bytes() < sizeof(T)) [[unlikely]]
      return too_short(sizeof(T), what);
    T value;
    std::memcpy(&value, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return value;
  }
  Error too_short(uint64_t wanted_bytes, std::string_view what) const;

  std::span<const std::byte> bytes_;
  std::string_view source_;
  uint64_t base_offset_ = 0;
  size_t position_ = 0;
};

}  // namespace omendb::base
