#pragma once

// hamt::text_ref: a text as a key, in 8 bytes. A map from texts to 8-byte values has items of 16 bytes with it, of 24 with std::string_view; and a text of up
// to 7 bytes is found without a look at the caller's memory.
//
// What      Any bytes, zeros too. Up to 7 of them lie in the key itself; of a longer text it holds the address and the length, up to max_size() bytes.
// Cost      Making one: a load or two; hashing: O(size); comparing: one word, and memcmp only between long texts of one length.
// Memory    The bytes of a text longer than 7 are the caller's, as with std::string_view, and must stay as long as any version holds the key. A set() or
//           update() of a key that is there keeps the bytes that came last. For a lookup any text will do, a temporary one as well.
// Threads   As any number.
// Failure   A text longer than max_size() throws std::length_error, in a lookup as well. Nothing else throws.
// On little-endian 64-bit machines with addresses of 48 bits.

#include <hamt/hash.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace hamt {

class text_ref {
 public:
  text_ref() = default;  // the empty text
  text_ref(std::string_view text) : word_(packed(text.data(), text.size())) {}
  text_ref(const std::string& text) : text_ref(std::string_view(text)) {}
  text_ref(const char* text) : text_ref(std::string_view(text)) {}  // ends at its first zero byte
  text_ref(std::nullptr_t) = delete;

  static constexpr size_t max_size() { return (size_t{1} << kSizeBits) - 1; }
  size_t size() const { return is_inline() ? word_ >> kInlineSizeShift : word_ >> kAddressBits & max_size(); }
  [[nodiscard]] bool empty() const { return word_ == 0; }

  // The characters. Those of a short text lie in this very object, so the view lasts only as long as it does.
  std::string_view view() const& { return {data(), size()}; }
  std::string_view view() const&& = delete;
  explicit operator std::string() const { return std::string(view()); }

  friend bool operator==(text_ref a, text_ref b) {
    const uint64_t difference = a.word_ ^ b.word_;
    if (difference == 0) return true;
    if (a.is_inline() || difference >> kAddressBits != 0) return false;
    return std::memcmp(a.outside(), b.outside(), a.size()) == 0;
  }

 private:
  friend struct hash<text_ref>;

  // A short text: its bytes from the lowest up, zeros, its size in the highest byte. A long one: bit 63, 15 bits of size, 48 of address. Equal short texts
  // are equal words.
  static constexpr size_t kInlineSizeMax = 7;
  static constexpr unsigned kInlineSizeShift = 56;
  static constexpr unsigned kAddressBits = 48;
  static constexpr unsigned kSizeBits = 15;
  static constexpr uint64_t kOutside = uint64_t{1} << 63;
  static_assert(std::endian::native == std::endian::little, "the bytes of a short text are the lowest of its word");
  static_assert(sizeof(const char*) == sizeof(uint64_t) && kAddressBits + kSizeBits == 63);

  static uint64_t packed(const char* data, size_t size_bytes) {
    if (size_bytes <= kInlineSizeMax) return short_bytes(data, size_bytes) | uint64_t{size_bytes} << kInlineSizeShift;
    if (size_bytes > max_size()) refuse(size_bytes);
    return reinterpret_cast<uintptr_t>(data) | uint64_t{size_bytes} << kAddressBits | kOutside;
  }
  // In loads that overlap: no loop over bytes, and nothing outside of the text is read.
  static uint64_t short_bytes(const char* data, size_t size_bytes) {
    using detail::load;
    if (size_bytes >= 4) return load<uint32_t>(data) | load<uint32_t>(data + size_bytes - 4) << 8 * (size_bytes - 4);
    if (size_bytes == 0) return 0;
    const size_t middle = size_bytes / 2;
    const size_t last = size_bytes - 1;
    return load<uint8_t>(data) | load<uint8_t>(data + middle) << 8 * middle | load<uint8_t>(data + last) << 8 * last;
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void refuse(size_t size_bytes) {
    throw std::length_error("hamt::text_ref: a text of " + std::to_string(size_bytes) + " bytes, longer than the " +
                            std::to_string(max_size()) + " that a key can have");
  }

  bool is_inline() const { return (word_ & kOutside) == 0; }
  const char* outside() const { return reinterpret_cast<const char*>(word_ & ((uint64_t{1} << kAddressBits) - 1)); }
  const char* data() const { return is_inline() ? reinterpret_cast<const char*>(&word_) : outside(); }

  uint64_t word_ = 0;
};
static_assert(sizeof(text_ref) == 8 && std::is_trivially_copyable_v<text_ref>);

// Seeded as the hash of strings is; it gives other values for short texts. Those take two multiplications. The first is by the seed: what becomes of the
// difference between two texts depends on it, so nobody can look for texts that collide. (A factor of 0 or of all ones would lose the text: two seeds of
// 2^64.) It alone would not do: a change of a byte adds a multiple of the seed, which the top bits may hardly notice, or always notice in the same way.
template <>
struct hash<text_ref> {
  using is_avalanching = void;
  hash() = default;
  explicit hash(uint64_t seed_value) : seed(seed_value) {}
  uint64_t operator()(text_ref key) const {
    if (!key.is_inline()) return detail::hash_bytes(key.outside(), key.size(), seed);
    return detail::mix(detail::multiply_fold(key.word_ ^ detail::kMultiplierA, seed ^ detail::kMultiplierB));
  }
  uint64_t seed = detail::process_seed();
};

}  // namespace hamt
