#pragma once

// Members of a JSON value that is known to be valid (checked when the row was written): a scan, nothing is built.

#include "engine/column/arrays.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb::column {

// A member to be looked for; the name is borrowed.
class MemberName {
 public:
  explicit MemberName(std::string_view name);
  // The member of an object, as it stands in the text; of equal names the last. Nothing: no object, or no such member.
  std::optional<std::string_view> find_in(std::string_view json) const;

 private:
  std::string_view name_;
  bool has_backslash_;
};
// The element of an array, from 0, or from -1 backwards.
std::optional<std::string_view> element_of(std::string_view json, int64_t index);
// A string without its quotes and escapes, in `buffer` where it has some; anything else as it stands. Nothing: null.
std::optional<std::string_view> text_of_json(std::string_view json, std::string& buffer);

// A member of a member and so on, to be looked for; names are borrowed.
class JsonPath {
 public:
  explicit JsonPath(std::span<const Member> path);
  // As text_of_json says it. Nothing: there is none, or it is null.
  std::optional<std::string_view> text_in(std::string_view json, std::string& buffer) const;

 private:
  std::vector<std::variant<MemberName, int64_t>> steps_;
};

}  // namespace omendb::column
