#include "engine/column/json_path.h"

#include <algorithm>
#include <cstring>

namespace omendb::column {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool ends_number(char c) { return is_blank(c) || c == ',' || c == ']' || c == '}' || c == ':'; }

// Steps through a value, never past its end, whatever the bytes are.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) { skip_blanks(); }

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    skip_blanks();
    return true;
  }

  std::string_view value() {
    const size_t begin = at_;
    if (peek() == '"') {
      skip_string();
    } else if (peek() == '{' || peek() == '[') {
      skip_nested();
    } else {
      while (!at_end() && !ends_number(text_[at_])) ++at_;
    }
    const std::string_view value = text_.substr(begin, at_ - begin);
    skip_blanks();
    return value;
  }
  // Whether the last value had a backslash in a string of its own.
  bool escaped() const { return escaped_; }

 private:
  void skip_blanks() {
    while (!at_end() && is_blank(text_[at_])) ++at_;
  }
  void skip_string() {
    escaped_ = false;
    for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
      if (text_[at_] != '\\') continue;
      escaped_ = true;
      ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }
  void skip_nested() {
    size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      depth += c == '{' || c == '[' ? 1 : 0;
      depth -= c == '}' || c == ']' ? 1 : 0;
      ++at_;
    } while (depth != 0 && !at_end());
  }

  std::string_view text_;
  size_t at_ = 0;
  bool escaped_ = false;
};

uint32_t hex_of(std::string_view four) {
  uint32_t value = 0;
  for (const char c : four) value = value * 16 + static_cast<uint32_t>(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
  return value;
}

void append_utf8(uint32_t code, std::string& out) {
  const auto add = [&out](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return add(code);
  if (code < 0x800) {
    add(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      add(0xe0 | code >> 12);
    } else {
      add(0xf0 | code >> 18);
      add(0x80 | (code >> 12 & 0x3f));
    }
    add(0x80 | (code >> 6 & 0x3f));
  }
  add(0x80 | (code & 0x3f));
}

// What follows a backslash; returns how many bytes that is.
size_t append_escaped(std::string_view rest, std::string& out) {
  constexpr std::string_view kNames = "bfnrt";
  constexpr std::string_view kMeant = "\b\f\n\r\t";
  if (rest.empty()) return 0;
  if (const size_t at = kNames.find(rest.front()); at != std::string_view::npos) {
    out += kMeant[at];
    return 1;
  }
  if (rest.front() != 'u' || rest.size() < 5) {
    out += rest.front();
    return 1;
  }
  const uint32_t code = hex_of(rest.substr(1, 4));
  const bool leads = code >= 0xd800 && code < 0xdc00 && rest.size() >= 11 && rest.substr(5, 2) == "\\u";
  if (!leads) {
    append_utf8(code, out);
    return 5;
  }
  append_utf8(0x10000 + ((code - 0xd800) << 10) + (hex_of(rest.substr(7, 4)) - 0xdc00), out);
  return 11;
}

std::string_view unescaped(std::string_view string, std::string& buffer) {
  string = string.substr(1, string.size() - std::min<size_t>(2, string.size()));
  if (string.find('\\') == std::string_view::npos) return string;
  buffer.clear();
  for (size_t at = 0; at < string.size();) {
    if (string[at] != '\\') {
      buffer += string[at++];
    } else {
      at += 1 + append_escaped(string.substr(at + 1), buffer);
    }
  }
  return buffer;
}

}  // namespace

MemberName::MemberName(std::string_view name)
    : name_(name), has_backslash_(name.find('\\') != std::string_view::npos) {}

std::optional<std::string_view> MemberName::find_in(std::string_view json) const {
  // Where nothing is written with a backslash, a name that is not in the text is no member's.
  constexpr size_t kLongBytes = 128;
  if (json.size() >= kLongBytes && ::memmem(json.data(), json.size(), name_.data(), name_.size()) == nullptr &&
      std::memchr(json.data(), '\\', json.size()) == nullptr)
    return {};
  Scanner scan(json);
  if (!scan.take('{')) return {};
  std::optional<std::string_view> found;
  std::string buffer;
  while (!scan.at_end() && scan.peek() == '"') {
    const std::string_view quoted = scan.value();
    const bool named =
        scan.escaped()
            ? unescaped(quoted, buffer) == name_
            : !has_backslash_ && quoted.substr(1, quoted.size() - std::min<size_t>(2, quoted.size())) == name_;
    if (!scan.take(':')) return {};
    const std::string_view value = scan.value();
    if (named) found = value;
    if (!scan.take(',')) break;
  }
  return found;
}

std::optional<std::string_view> element_of(std::string_view json, int64_t index) {
  const auto walk = [json](int64_t wanted, std::string_view& value) {
    Scanner scan(json);
    if (!scan.take('[') || scan.peek() == ']') return int64_t{0};
    for (int64_t count = 1;; ++count) {
      value = scan.value();
      if (count - 1 == wanted || !scan.take(',')) return count;
    }
  };
  std::string_view value;
  if (index < 0) index += walk(-1, value);
  if (index < 0) return {};
  if (walk(index, value) <= index) return {};
  return value;
}

std::optional<std::string_view> text_of_json(std::string_view json, std::string& buffer) {
  Scanner scan(json);
  const std::string_view value = scan.value();
  if (value == "null") return {};
  if (value.starts_with('"')) return unescaped(value, buffer);
  return value;
}

JsonPath::JsonPath(std::span<const Member> path) {
  for (const Member& member : path) {
    if (const auto* name = std::get_if<std::string>(&member)) {
      steps_.emplace_back(MemberName(*name));
    } else {
      steps_.emplace_back(std::get<int64_t>(member));
    }
  }
}

std::optional<std::string_view> JsonPath::text_in(std::string_view json, std::string& buffer) const {
  for (const auto& step : steps_) {
    const auto* name = std::get_if<MemberName>(&step);
    const auto member = name != nullptr ? name->find_in(json) : element_of(json, std::get<int64_t>(step));
    if (!member) return {};
    json = *member;
  }
  return text_of_json(json, buffer);
}

std::string source_text(const Source& source, std::string_view column_name) {
  std::string text(column_name);
  for (size_t i = 0; i < source.path.size(); ++i) {
    text += i + 1 < source.path.size() ? "->" : "->>";
    if (const auto* place = std::get_if<int64_t>(&source.path[i])) {
      text += std::to_string(*place);
      continue;
    }
    text += '\'';
    for (const char c : std::get<std::string>(source.path[i]))
      text += c == '\'' ? std::string(2, c) : std::string(1, c);
    text += '\'';
  }
  if (source.kind == ValueKind::kJsonInt64) return "(" + text + ")::int8";
  if (source.kind == ValueKind::kJsonFloat64) return "(" + text + ")::float8";
  return text;
}

}  // namespace omendb::column
