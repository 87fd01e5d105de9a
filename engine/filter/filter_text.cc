#include "engine/filter/filter_text.h"

#include "engine/base/try.h"
#include "engine/filter/characters.h"
#include "engine/filter/filter.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace omendb::filter {
namespace {

constexpr std::string_view kBefore = "SELECT WHERE (";
constexpr std::string_view kAfter = "\n)";  // a comment may end the text

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || (c & 0x80) != 0; }
bool is_name_part(char c) { return is_name_start(c) || std::isdigit(static_cast<unsigned char>(c)) != 0 || c == '$'; }
bool is_operator(char c) { return std::string_view("+-*/<>=~!@#%^&|`").find(c) != std::string_view::npos; }

bool equals_folded(std::string_view word, std::string_view wanted) {
  return std::ranges::equal(word, wanted, [](char a, char b) { return lower(a) == b; });
}

// Reads the text token by token, as far as it takes to tell quotes, comments and parameters from the rest.
class Rewriter {
 public:
  explicit Rewriter(const Where& where) : where_(where), text_(where.text) { out_.sql = kBefore; }

  Result<Statement> run() {
    shift(kBefore.size());
    while (at_ < text_.size()) TRY_OK(take_token());
    if (!open_.empty()) return fault_at(text_, open_.back().place, "this parenthesis is never closed");
    if (next_value_ != where_.values.size())
      return Error{ErrorCode::kInvalidArgument,
                   fmt::format("where: {} values are given for {} question marks", where_.values.size(), next_value_)};
    out_.sql += kAfter;
    return std::move(out_);
  }

 private:
  struct Parenthesis {
    size_t place = 0;
    size_t operators = 0;  // and words, that may lie in each other at this level
  };

  Result<void> take_token() {
    const char c = text_[at_];
    if (std::isspace(static_cast<unsigned char>(c)) != 0) return copy(1);
    if (starts("--") || starts("/*")) return take_comment();
    const bool after_in = std::exchange(after_in_, false);
    if (c == '\'') return take_quoted(at_ + 1, '\'', false);
    if (c == '"') return take_quoted(at_ + 1, '"', false, after_in);
    if (c == '$') return take_dollar();
    if (c == '?') return take_parameter(1, after_in);
    if (c == ':' && !starts("::") && at_ + 1 < text_.size() && is_name_start(text_[at_ + 1]))
      return take_parameter(1 + name_length(at_ + 1), after_in);
    if (is_name_start(c)) return take_word(after_in);
    if (c == '(' || c == '[') return open();
    if (c == ')' || c == ']') return close();
    if (c == ';') return fault_at(text_, at_, "a condition ends without a semicolon");
    if (c == ',') operators() = 0;
    if (starts("::") || is_operator(c)) return take_operator();
    return copy(1);
  }

  bool starts(std::string_view with) const { return text_.substr(at_).starts_with(with); }
  size_t name_length(size_t from) const {
    size_t end = from;
    while (end < text_.size() && is_name_part(text_[end])) ++end;
    return end - from;
  }
  size_t& operators() { return open_.empty() ? outside_ : open_.back().operators; }

  Result<void> copy(size_t count) {
    out_.sql += text_.substr(at_, count);
    at_ += count;
    return {};
  }
  // What comes next in `sql` is `count` bytes farther from its place in the text.
  void shift(size_t count) {
    shift_ += static_cast<ptrdiff_t>(count);
    out_.insertions.push_back({out_.sql.size(), shift_});
  }
  Result<void> skip(size_t count) {
    out_.sql += ' ';
    at_ += count;
    shift_ += 1 - static_cast<ptrdiff_t>(count);
    out_.insertions.push_back({out_.sql.size(), shift_});
    return {};
  }
  void insert(std::string_view what) {
    out_.sql += what;
    shift(what.size());
  }

  // PostgreSQL's scanner takes a time that grows with the square of comments in each other: it never sees them.
  Result<void> take_comment() {
    const size_t begin = at_;
    if (starts("--")) {
      const size_t end = text_.find('\n', at_);
      return skip((end == std::string_view::npos ? text_.size() : end) - at_);
    }
    size_t depth = 0;
    size_t end = at_;
    do {
      const std::string_view two = text_.substr(end, 2);
      if (two.size() < 2) return fault_at(text_, begin, "this comment is never closed");
      depth += two == "/*" ? 1U : 0U;
      depth -= two == "*/" ? 1U : 0U;
      end += two == "/*" || two == "*/" ? 2U : 1U;
    } while (depth != 0);
    return skip(end - begin);
  }

  Result<void> take_quoted(size_t from, char quote, bool backslashes, bool in_parentheses = false) {
    size_t end = from;
    for (;; ++end) {
      if (end >= text_.size()) return fault_at(text_, at_, "this quote is never closed");
      if (backslashes && text_[end] == '\\') {
        ++end;
      } else if (text_[end] == quote) {
        if (end + 1 >= text_.size() || text_[end + 1] != quote) break;
        ++end;
      }
    }
    return wrapped(end + 1 - at_, in_parentheses);
  }

  // $tag$ ... $tag$. Parameters are `?` and `:name`: numbers would be of the statement that this becomes.
  Result<void> take_dollar() {
    size_t end = at_ + 1;
    while (end < text_.size() && is_name_part(text_[end]) && text_[end] != '$') ++end;
    if (end >= text_.size() || text_[end] != '$') return fault_at(text_, at_, "parameters are written ? or :name");
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const size_t close = text_.find(tag, end + 1);
    if (close == std::string_view::npos) return fault_at(text_, at_, "this quote is never closed");
    return copy(close + tag.size() - at_);
  }

  Result<void> take_word(bool after_in) {
    const size_t length = name_length(at_);
    const std::string_view word = text_.substr(at_, length);
    const size_t behind = at_ + length;
    if (behind < text_.size() && text_[behind] == '\'' && equals_folded(word, "e"))
      return take_quoted(behind + 1, '\'', true);
    const bool closes_between = betweens_ > 0 && equals_folded(word, "and");
    if (equals_folded(word, "between")) ++betweens_;
    if (closes_between) --betweens_;
    if (!closes_between && (equals_folded(word, "and") || equals_folded(word, "or"))) operators() = 0;
    TRY_OK(go_deeper());  // `not`, `is`, `in` and others nest; which do is PostgreSQL's business
    after_in_ = equals_folded(word, "in");
    return wrapped(length, after_in);
  }

  // PostgreSQL has `in (...)` alone.
  Result<void> wrapped(size_t length, bool in_parentheses) {
    if (in_parentheses) insert("(");
    TRY_OK(copy(length));
    if (in_parentheses) insert(")");
    return {};
  }

  Result<void> take_operator() {
    TRY_OK(go_deeper());
    if (starts("::")) return copy(2);
    size_t end = at_ + 1;  // of a run, which PostgreSQL may take for several signs
    const auto begins_comment = [this](size_t at) {
      const std::string_view two = text_.substr(at, 2);
      return two == "--" || two == "/*";
    };
    for (; end < text_.size() && is_operator(text_[end]) && !begins_comment(end); ++end) {
      if (text_[end] == '+' || text_[end] == '-') TRY_OK(go_deeper());
    }
    return copy(end - at_);
  }

  Result<void> take_parameter(size_t length, bool in_parentheses) {
    const std::string_view name = text_.substr(at_ + 1, length - 1);
    const Value* value = nullptr;
    if (name.empty()) {
      if (next_value_ >= where_.values.size())
        return fault_at(
            text_, at_,
            fmt::format("question mark {} has no value: {} are given", next_value_ + 1, where_.values.size()));
      value = &where_.values[next_value_++];
    } else {
      const auto found = std::ranges::find(where_.named, name, &Where::Named::name);
      if (found == where_.named.end()) return fault_at(text_, at_, fmt::format("parameter ':{}' has no value", name));
      value = &found->value;
    }
    out_.parameters.push_back(value);
    // Blanks keep it apart from operators before it: `price<?`.
    insert(in_parentheses ? "(" : " ");
    const std::string number = fmt::format("${}", out_.parameters.size());
    out_.sql += number;
    at_ += length;
    shift_ += static_cast<ptrdiff_t>(number.size()) - static_cast<ptrdiff_t>(length);
    out_.insertions.push_back({out_.sql.size(), shift_});
    insert(in_parentheses ? ")" : " ");
    return {};
  }

  Result<void> open() {
    open_.push_back({at_, 0});
    TRY_OK(check_depth());
    return copy(1);
  }

  Result<void> close() {
    if (open_.empty()) return fault_at(text_, at_, "this parenthesis was never opened");
    open_.pop_back();
    return copy(1);
  }

  Result<void> go_deeper() {
    ++operators();
    return check_depth();
  }

  Result<void> check_depth() const {
    size_t depth = open_.size() + outside_;
    for (const Parenthesis& parenthesis : open_) depth += parenthesis.operators;
    if (depth <= kDepthMax) return {};
    return fault_at(text_, at_,
                    fmt::format("more than {} operators, words and parentheses may lie in each other", kDepthMax));
  }

  const Where& where_;
  const std::string_view text_;
  Statement out_;
  size_t at_ = 0;
  size_t next_value_ = 0;
  ptrdiff_t shift_ = 0;
  bool after_in_ = false;
  size_t outside_ = 0;   // operators outside of all parentheses
  size_t betweens_ = 0;  // whose `and` has not come yet
  std::vector<Parenthesis> open_;
};

}  // namespace

size_t Statement::place_of(size_t sql_offset) const {
  const auto behind = std::ranges::upper_bound(insertions, sql_offset, {}, &Insertion::sql_end);
  const ptrdiff_t shift = behind == insertions.begin() ? 0 : std::prev(behind)->shift;
  return static_cast<size_t>(std::max<ptrdiff_t>(static_cast<ptrdiff_t>(sql_offset) - shift, 0));
}

Error fault_at(std::string_view text, size_t offset_bytes, const std::string& what, ErrorCode code) {
  constexpr size_t kShownBytes = 40;
  size_t offset = std::min(offset_bytes, text.size());
  while (offset > 0 && offset < text.size() && !begins_character(text[offset])) --offset;
  const auto character =
      1 + std::count_if(text.begin(), text.begin() + static_cast<ptrdiff_t>(offset), begins_character);
  size_t end = std::min(text.size(), offset + kShownBytes);
  while (end < text.size() && !begins_character(text[end])) --end;
  std::string shown(text.substr(offset, end - offset));
  std::ranges::replace_if(
      shown, [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  const std::string near =
      shown.empty() ? "at its end" : fmt::format("near '{}{}'", shown, end < text.size() ? "..." : "");
  return {code, fmt::format("where, character {}: {} ({})", character, what, near)};
}

Result<Statement> make_statement(const Where& where) {
  if (where.text.size() > kTextBytesMax)
    return Error{ErrorCode::kInvalidArgument,
                 fmt::format("where: a condition has at most {} bytes, not {}; long lists are better parameters",
                             kTextBytesMax, where.text.size())};
  if (!simdjson::validate_utf8(where.text.data(), where.text.size()) || where.text.find('\0') != std::string_view::npos)
    return Error{ErrorCode::kInvalidArgument, "where: the condition is not valid UTF-8, or has a byte that is zero"};
  return Rewriter(where).run();
}

}  // namespace omendb::filter
