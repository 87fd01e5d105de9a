#pragma once

// The arrays of a column, as versions of a table see them; borrowed.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb::column {

struct Arrays {
  const std::byte* values = nullptr;  // fixed width: row after row
  const std::byte* ends =
      nullptr;  // variable width: a u64 a row, where its bytes end; they begin where those before end
  const std::byte* chars = nullptr;
  const std::byte* validity = nullptr;  // a byte a row, 0 = null; none where no row is null
};

// A timestamp is a kInt64. The last two are of JSON: a member's text, cast to a number. Numbers are on disk and never reused.
enum class ValueKind : uint8_t {
  kInt64 = 0,
  kFloat64 = 1,
  kString = 2,
  kStringList = 3,
  kJson = 4,
  kJsonInt64 = 5,
  kJsonFloat64 = 6
};

inline bool of_json(ValueKind kind) {
  return kind == ValueKind::kJson || kind == ValueKind::kJsonInt64 || kind == ValueKind::kJsonFloat64;
}

inline constexpr size_t kPathMembersMax = 16;
using Member = std::variant<std::string, int64_t>;  // of an object, by its name; of an array, by its place

// What an index is of: a column, or of one of JSON a member, or a member of that, and so on, as text or cast to a number.
struct Source {
  uint32_t column = 0;  // its position in the schema
  ValueKind kind{};
  std::vector<Member> path{};  // not empty where it is of JSON, else empty
  friend bool operator==(const Source&, const Source&) = default;
};
// As conditions say it: year, extra->'size'->>'width', (extra->>'n')::int8.
std::string source_text(const Source& source, std::string_view column_name);

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
