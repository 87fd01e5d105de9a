#pragma once

// Conditions over a table's columns, in SQL (docs/filters.md).

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb {

struct Timestamp {
  int64_t microseconds = 0;  // since 1970-01-01 UTC
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

// What a parameter stands for: null, one value, or several of them for `in` and `= any(...)`.
struct Value;
using ValueList = std::vector<Value>;
struct Value {
  std::variant<std::monostate, bool, int64_t, double, std::string, Timestamp, ValueList> is;
};

// A condition and its parameters; borrowed until the call returns. Values never become part of the text.
struct Where {
  std::string_view text{};          // empty: every row
  std::span<const Value> values{};  // the n-th `?` stands for the n-th value
  struct Named {
    std::string_view name;
    Value value;
  };
  std::span<const Named> named{};  // `:name`
};

}  // namespace omendb
