#include "engine/base/bytes.h"

#include "engine/base/try.h"

#include <array>
#include <cassert>

namespace omendb::base {

void ByteWriter::put_varint(uint64_t value) {
  std::array<std::byte, kVarintBytesMax> encoded;
  size_t length = 0;
  while (value >= 0x80) {
    encoded[length++] = static_cast<std::byte>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  encoded[length++] = static_cast<std::byte>(value);
  put_bytes(std::span(encoded).first(length));
}

void ByteWriter::put_sized_bytes(std::span<const std::byte> bytes) {
  put_varint(bytes.size());
  put_bytes(bytes);
}

void ByteWriter::overwrite_u32(size_t offset, uint32_t value) {
  assert(offset <= bytes_.size() && bytes_.size() - offset >= sizeof(value));
  std::memcpy(bytes_.data() + offset, &value, sizeof(value));
}

Error ByteReader::corruption(std::string_view what) const {
  return Error{ErrorCode::kCorruption, std::string(source_) + " at byte " + std::to_string(base_offset_ + position_) +
                                           ": " + std::string(what)};
}

Error ByteReader::too_short(uint64_t wanted_bytes, std::string_view what) const {
  return corruption(std::string(what) + " wants " + std::to_string(wanted_bytes) + " bytes, " +
                    std::to_string(remaining_bytes()) + " are left");
}

Result<uint64_t> ByteReader::varint(std::string_view what) {
  uint64_t value = 0;
  for (size_t index = 0; index < kVarintBytesMax; ++index) {
    if (index >= remaining_bytes()) return too_short(index + 1, what);
    const auto group = std::to_integer<uint64_t>(bytes_[position_ + index]);
    const uint64_t bits = group & 0x7f;
    if (index == kVarintBytesMax - 1 && group > 1) return corruption(std::string(what) + " has more than 64 bits");
    value |= bits << (7 * index);
    if ((group & 0x80) == 0) {
      if (bits == 0 && index > 0) return corruption(std::string(what) + " is encoded longer than needed");
      position_ += index + 1;
      return value;
    }
  }
  return corruption(std::string(what) + " has more than 64 bits");
}

Result<std::span<const std::byte>> ByteReader::bytes(uint64_t count, std::string_view what) {
  if (count > remaining_bytes()) return too_short(count, what);
  const std::span<const std::byte> piece = bytes_.subspan(position_, static_cast<size_t>(count));
  position_ += piece.size();
  return piece;
}

Result<std::span<const std::byte>> ByteReader::sized_bytes(uint64_t size_bytes_max, std::string_view what) {
  const size_t start = position_;
  TRY(length, varint(what));
  if (length > size_bytes_max) {
    position_ = start;
    return corruption(std::string(what) + " of " + std::to_string(length) + " bytes is longer than the limit of " +
                      std::to_string(size_bytes_max));
  }
  Result<std::span<const std::byte>> piece = bytes(length, what);
  if (!piece.ok()) position_ = start;
  return piece;
}

Result<std::string_view> ByteReader::string(uint64_t size_bytes_max, std::string_view what) {
  TRY(piece, sized_bytes(size_bytes_max, what));
  return std::string_view(reinterpret_cast<const char*>(piece.data()), piece.size());
}

Result<uint64_t> ByteReader::count(uint64_t item_bytes_min, std::string_view what) {
  assert(item_bytes_min >= 1);
  const size_t start = position_;
  TRY(items, varint(what));
  if (items > remaining_bytes() / item_bytes_min) {
    position_ = start;
    return corruption(std::string(what) + " of " + std::to_string(items) + " does not fit into the rest");
  }
  return items;
}

Result<void> ByteReader::expect_end(std::string_view what) const {
  if (at_end()) return {};
  return corruption(std::to_string(remaining_bytes()) + " bytes follow the end of " + std::string(what));
}

}  // namespace omendb::base
