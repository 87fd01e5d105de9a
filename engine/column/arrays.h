#pragma once

// The arrays of a column, as versions of a table see them; borrowed.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>

namespace omendb::column {

struct Arrays {
  const std::byte* values = nullptr;  // fixed width: row after row
  const std::byte* ends =
      nullptr;  // variable width: a u64 a row, where its bytes end; they begin where those before end
  const std::byte* chars = nullptr;
  const std::byte* validity = nullptr;  // a byte a row, 0 = null; none where no row is null
};

enum class ValueKind : uint8_t { kInt64, kFloat64, kString, kStringList, kJson };  // a timestamp is a kInt64

// What an index is of: a column, or of one of JSON a member (an element), as text.
struct Source {
  uint32_t column = 0;  // its position in the schema
  ValueKind kind{};
  std::variant<std::monostate, std::string, int64_t> member{};
  friend bool operator==(const Source&, const Source&) = default;
};

template <class T>
T value_at(const std::byte* values, uint64_t at) {
  T value;
  std::memcpy(&value, values + at * sizeof(T), sizeof(T));
  return value;
}

inline std::string_view text_at(const Arrays& arrays, uint64_t row) {
  const uint64_t begin = row == 0 ? 0 : value_at<uint64_t>(arrays.ends, row - 1);
  return {reinterpret_cast<const char*>(arrays.chars) + begin,
          static_cast<size_t>(value_at<uint64_t>(arrays.ends, row) - begin)};
}

// Visits the strings of a list as columns keep it, until visit(string) returns true; none of them is null.
template <class Visit>
bool find_string(std::string_view list, const Visit& visit) {
  uint32_t count = 0;
  if (list.size() < sizeof count) return false;
  std::memcpy(&count, list.data(), sizeof count);
  list.remove_prefix(sizeof count);
  for (uint32_t i = 0; i < count && list.size() >= sizeof(uint32_t); ++i) {
    uint32_t length = 0;
    std::memcpy(&length, list.data(), sizeof length);
    list.remove_prefix(sizeof length);
    const std::string_view string = list.substr(0, length);
    list.remove_prefix(string.size());
    if (visit(string)) return true;
  }
  return false;
}

}  // namespace omendb::column
