#include "engine/text/text_query.h"

#include "engine/base/try.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <string>
#include <utility>

namespace omendb::text {
namespace {

using Kind = QueryNode::Kind;
using Occur = QueryNode::Occur;
using NodePointer = std::unique_ptr<QueryNode>;

constexpr float kBoostMax = 1e6F;  // a million words of the greatest boost still have a finite score
constexpr uint32_t kSlopMax = 1U << 20;
constexpr uint32_t kEditsMax = 2;
constexpr size_t kShownBytes = 40;

bool begins_character(char c) { return (c & 0xc0) != 0x80; }

size_t characters_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

// "query, character 7: what (near 'red ^')", as conditions name their places.
Error fault_at(std::string_view text, size_t offset_bytes, std::string_view what) {
  size_t offset = std::min(offset_bytes, text.size());
  while (offset > 0 && offset < text.size() && !begins_character(text[offset])) --offset;
  size_t end = std::min(text.size(), offset + kShownBytes);
  while (end < text.size() && !begins_character(text[end])) --end;
  std::string message = "query, character " + std::to_string(characters_of(text.substr(0, offset)) + 1) + ": ";
  message += what;
  if (end <= offset) return {ErrorCode::kInvalidArgument, message + " (at its end)"};
  std::string shown(text.substr(offset, end - offset));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  message += " (near '" + shown;
  return {ErrorCode::kInvalidArgument, message + (end < text.size() ? "...')" : "')")};
}

class QueryParser {
 public:
  explicit QueryParser(std::string_view text) : text_(text) {}

  Result<NodePointer> parse() {
    if (text_.size() > kQueryBytesMax)
      return Error{ErrorCode::kInvalidArgument,
                   "query: " + std::to_string(text_.size()) + " bytes, at most " + std::to_string(kQueryBytesMax)};
    TRY(node, take_list(0));
    if (at_ < text_.size()) return fault_at(text_, at_, "this parenthesis was never opened");
    return node;
  }

 private:
  struct Operand {
    NodePointer node;
    std::optional<Occur> occur;  // as written before it: +, -, NOT
  };

  // Clauses up to the end or a closing parenthesis, with or without OR between them.
  Result<NodePointer> take_list(size_t depth) {
    NodePointer list = make_node(Kind::kOr, at_);
    bool after_or = false;
    for (skip_space(); at_ < text_.size() && text_[at_] != ')'; skip_space()) {
      if (is_operator("AND")) return fault_at(text_, at_, "nothing stands before AND");
      if (is_operator("OR")) {
        if (list->children.empty() || after_or) return fault_at(text_, at_, "nothing stands before OR");
        at_ += 2;
        after_or = true;
        continue;
      }
      TRY(clause, take_conjunction(depth));
      list->children.push_back(std::move(clause.node));
      list->occurs.push_back(clause.occur.value_or(Occur::kShould));
      after_or = false;
    }
    if (after_or) return fault_at(text_, at_, "nothing stands after OR");
    return tidied(std::move(list), Occur::kShould);
  }

  Result<Operand> take_conjunction(size_t depth) {
    NodePointer all = make_node(Kind::kAnd, at_);
    TRY(first, take_operand(depth));
    if (!is_operator("AND")) return first;
    const auto put = [&all](Operand operand) {
      all->children.push_back(std::move(operand.node));
      all->occurs.push_back(operand.occur.value_or(Occur::kMust));
    };
    put(std::move(first));
    while (is_operator("AND")) {
      at_ += 3;
      TRY(next, take_operand(depth));
      put(std::move(next));
    }
    return Operand{tidied(std::move(all), Occur::kMust), std::nullopt};
  }

  // Leaves `at_` at the next token.
  Result<Operand> take_operand(size_t depth) {
    Operand operand;
    skip_space();
    const size_t begin = at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) {
      operand.occur = text_[at_++] == '+' ? Occur::kMust : Occur::kMustNot;
      if (at_ == text_.size() || space_bytes() != 0) return fault_at(text_, begin, "nothing stands after this sign");
    } else if (is_operator("NOT")) {
      operand.occur = Occur::kMustNot;
      at_ += 3;
      skip_space();
    }
    if (at_ == text_.size() || text_[at_] == ')') return fault_at(text_, at_, "a word is missing here");
    if (is_operator("NOT") || is_operator("AND") || is_operator("OR"))
      return fault_at(text_, at_, "an operator after an operator");
    TRY(node, take_scoped(depth));
    TRY_OK(take_boost(*node));
    skip_space();
    operand.node = std::move(node);
    return operand;
  }

  // With or without `column:`.
  Result<NodePointer> take_scoped(size_t depth) {
    const size_t begin = at_;
    const size_t character = character_of(begin);
    std::string column;
    if (!is_one_of(text_[at_], "\"(")) {
      TRY(word, take_word());
      if (at_ == text_.size() || text_[at_] != ':') return take_word_end(std::move(word), begin);
      column = std::move(word);
      if (column.empty())
        return fault_at(text_, at_, "no column's name stands before this colon; write \\: for the character");
      ++at_;
    }
    if (at_ == text_.size() || space_bytes() != 0 || is_one_of(text_[at_], ")*~^:"))
      return fault_at(text_, at_, "a word is missing after the colon; write \\: for the character");
    TRY(node, take_primary(depth));
    node->column = std::move(column);
    node->place = begin;
    node->character = character;
    return node;
  }

  Result<NodePointer> take_primary(size_t depth) {
    const size_t begin = at_;
    if (text_[at_] == '(') return take_group(depth + 1);
    if (text_[at_] == '"') return take_phrase();
    TRY(word, take_word());
    if (at_ < text_.size() && text_[at_] == ':')
      return fault_at(text_, at_, "a second column's name; write \\: for the character");
    return take_word_end(std::move(word), begin);
  }

  Result<NodePointer> take_group(size_t depth) {
    const size_t begin = at_++;
    if (depth > kQueryDepthMax)
      return fault_at(text_, begin, "parentheses lie more than " + std::to_string(kQueryDepthMax) + " deep");
    TRY(node, take_list(depth));
    if (at_ == text_.size()) return fault_at(text_, begin, "this parenthesis is never closed");
    if (node->kind == Kind::kOr && node->children.empty())
      return fault_at(text_, begin, "nothing stands between these parentheses");
    ++at_;
    return node;
  }

  Result<NodePointer> take_phrase() {
    NodePointer phrase = make_node(Kind::kPhrase, at_);
    const size_t begin = at_++;
    for (; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      phrase->word += text_[at_];
    }
    if (at_ == text_.size()) return fault_at(text_, begin, "this quote is never closed");
    ++at_;
    if (at_ == text_.size() || text_[at_] != '~') return phrase;
    const size_t tilde = at_++;
    const std::optional<uint32_t> slop = take_number();
    if (!slop || *slop > kSlopMax)
      return fault_at(text_, tilde, "after a phrase ~ takes a number from 0 to " + std::to_string(kSlopMax));
    phrase->slop = *slop;
    return phrase;
  }

  // Up to a space or a character with a meaning; a backslash takes the meaning of the next one.
  Result<std::string> take_word() {
    std::string word;
    while (at_ < text_.size() && space_bytes() == 0 && !is_one_of(text_[at_], "()\":*~^")) {
      if (text_[at_] == '\\' && ++at_ == text_.size())
        return fault_at(text_, at_ - 1, "nothing stands after this backslash");
      word += text_[at_++];
    }
    return word;
  }

  // What may follow a word: * or ~.
  Result<NodePointer> take_word_end(std::string word, size_t begin) {
    NodePointer node = make_node(Kind::kWord, begin);
    const char mark = at_ < text_.size() ? text_[at_] : ' ';
    if (word.empty())
      return fault_at(text_, at_,
                      std::string("no word stands before ") + mark + "; write \\" + mark + " for the character");
    node->word = std::move(word);
    if (mark == '*') {
      node->kind = Kind::kPrefix;
      ++at_;
    } else if (mark == '~') {
      node->kind = Kind::kFuzzy;
      const size_t tilde = at_++;
      if (at_ < text_.size() && is_digit(text_[at_])) node->edits = take_number().value_or(0);
      if (at_ - tilde > 1 && (node->edits < 1 || node->edits > kEditsMax))
        return fault_at(text_, tilde, "after a word ~ takes 1 or 2, or nothing");
    }
    if (node->kind != Kind::kWord && at_ < text_.size() && space_bytes() == 0 && !is_one_of(text_[at_], ")^"))
      return fault_at(text_, at_, std::string("a word ends at ") + mark + "; write \\" + mark + " for the character");
    return node;
  }

  Result<void> take_boost(QueryNode& node) {
    if (at_ == text_.size() || text_[at_] != '^') return {};
    const size_t begin = at_++;
    const char* const first = text_.data() + at_;
    float boost = 0;
    const auto [end, error] = std::from_chars(first, text_.data() + text_.size(), boost, std::chars_format::fixed);
    if (error != std::errc() || !(boost > 0) || boost > kBoostMax)
      return fault_at(text_, begin, "^ takes a number above 0, at most 1000000");
    at_ += static_cast<size_t>(end - first);
    if (at_ < text_.size() && space_bytes() == 0 && text_[at_] != ')')
      return fault_at(text_, at_, "a space is missing after the boost");
    node.boost = boost;
    return {};
  }

  // One clause alone needs no list; signs make it a boolean one.
  static NodePointer tidied(NodePointer list, Occur plain) {
    const bool all_plain =
        std::all_of(list->occurs.begin(), list->occurs.end(), [plain](Occur o) { return o == plain; });
    if (all_plain && list->children.size() == 1) return std::move(list->children.front());
    if (all_plain)
      list->occurs.clear();
    else
      list->kind = Kind::kBoolean;
    return list;
  }

  NodePointer make_node(Kind kind, size_t place) {
    auto node = std::make_unique<QueryNode>();
    node->kind = kind;
    node->place = place;
    node->character = character_of(place);
    return node;
  }

  // Places are asked for as they rise, so that a long query is counted once.
  size_t character_of(size_t place) {
    assert(place >= counted_bytes_);
    characters_ += characters_of(text_.substr(counted_bytes_, place - counted_bytes_));
    counted_bytes_ = place;
    return characters_;
  }

  // Nothing where the number is longer than any that is allowed.
  std::optional<uint32_t> take_number() {
    const size_t begin = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    uint32_t number = 0;
    const auto parsed = std::from_chars(text_.data() + begin, text_.data() + at_, number);
    return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
  }

  // Of the space at `at_`: ASCII's, U+00A0 and U+3000, which stand between words of East Asian texts.
  size_t space_bytes() const {
    const std::string_view rest = text_.substr(at_);
    if (rest.empty()) return 0;
    if (is_one_of(rest.front(), " \t\n\r\v\f")) return 1;
    if (rest.starts_with("\u00a0")) return 2;
    return rest.starts_with("\u3000") ? 3 : 0;
  }
  void skip_space() {
    while (space_bytes() != 0) at_ += space_bytes();
  }

  bool is_operator(std::string_view name) const {
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(name)) return false;
    const std::string_view after = rest.substr(name.size());
    return after.empty() || is_one_of(after.front(), " \t\n\r\v\f()\"") || after.starts_with("\u00a0") ||
           after.starts_with("\u3000");
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

  std::string_view text_;
  size_t at_ = 0;
  size_t counted_bytes_ = 0;
  size_t characters_ = 1;  // the one at counted_bytes_
};

}  // namespace

std::unique_ptr<QueryNode> plain_query(std::string_view text) {
  auto node = std::make_unique<QueryNode>();
  node->kind = Kind::kText;
  node->word = text;
  return node;
}

Result<std::unique_ptr<QueryNode>> parse_query(std::string_view text) { return QueryParser(text).parse(); }

}  // namespace omendb::text
