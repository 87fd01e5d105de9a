#include "engine/storage/file_names.h"

#include <charconv>

namespace omendb::storage {
namespace {

constexpr std::string_view kSegmentPrefix = "log-";
constexpr std::string_view kOwnSpacePrefix = "vectors-";
constexpr size_t kArrayDigits = 16;

std::optional<uint64_t> number_after(std::string_view prefix, std::string_view name, int base) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size());
  uint64_t value = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (failure != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string segment_name(uint64_t segment) { return std::string(kSegmentPrefix) + std::to_string(segment); }

std::string own_space_name(uint64_t array) {
  std::string digits(kArrayDigits, '0');
  for (size_t i = kArrayDigits; i-- > 0; array >>= 4) digits[i] = "0123456789abcdef"[array & 0xf];
  return std::string(kOwnSpacePrefix) + digits;
}

std::optional<uint64_t> segment_of_name(std::string_view name) {
  const std::optional<uint64_t> segment = number_after(kSegmentPrefix, name, 10);
  if (segment.has_value() && segment_name(*segment) == name) return segment;
  return std::nullopt;
}

std::optional<uint64_t> array_of_name(std::string_view name) {
  const std::optional<uint64_t> array = number_after(kOwnSpacePrefix, name, 16);
  if (array.has_value() && own_space_name(*array) == name) return array;
  return std::nullopt;
}

}  // namespace omendb::storage
