#pragma once

// A condition after binding: every node has a type, every constant has been converted. Not for other rooms; they include filter.h.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace omendb::filter {

enum class Kind : uint8_t { kNull, kBool, kInt64, kFloat64, kTimestamp, kString, kStringList, kJson, kVector };
std::string_view to_string(Kind kind);

enum class Op : uint8_t {
  kColumn,    // column
  kConstant,  // constant
  kAnd,       // of all inputs
  kOr,
  kNot,
  kIsNull,  // of any kind
  kIsTrue,  // never null
  kIsFalse,
  kEqual,  // of two inputs of one kind, or of kInt64 and kFloat64, compared exactly
  kLess,
  kLessOrEqual,
  kSame,  // IS NOT DISTINCT FROM: as kEqual, but null equals null
  kIn,    // the input is among `set`, which is sorted; null where it is not and a null was listed
  kLike,  // input, pattern; folds ASCII case where `fold_case`
  kAdd,   // of two kInt64 or two kFloat64
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
  kNegate,
  kCast,        // to `kind`
  kContains,    // list, list: all of the second's are in the first
  kOverlaps,    // list, list: one is in both
  kElement,     // string, list: equals one of its strings
  kMember,      // json, string or kInt64: the member of an object, the element of an array, as JSON
  kMemberText,  // the same as text; null where it is JSON's null
};

struct List {
  std::vector<std::string> strings;
  std::vector<bool> known;  // false: null
};

using Scalar =
    std::variant<std::monostate, bool, int64_t, double, std::string, List>;  // kTimestamp is an int64_t, kJson a string

struct Shortcut;

struct Expression {
  Op op = Op::kConstant;
  Kind kind = Kind::kNull;
  size_t place = 0;  // in the author's text
  std::vector<Expression> inputs{};
  uint32_t column = 0;
  Scalar constant{};
  bool untyped = false;  // a string constant that takes the type of what it meets
  bool fold_case = false;
  bool null_in_set = false;
  std::variant<std::vector<int64_t>, std::vector<double>, std::vector<std::string>> set{};
  bool can_fail = false;         // as find_shortcuts() finds it: there may be rows without an answer
  uint32_t source = UINT32_MAX;  // of what an index is asked, as Filter::sources() counts them; of others none
  std::shared_ptr<const Shortcut> shortcut{};  // where there is one, it gives the same answer as the inputs, sooner
  std::shared_ptr<const Shortcut>
      indexed{};  // the same, but only of an index of a block, which knows that each of its rows has an answer

  const Shortcut* asked_of_index() const { return shortcut != nullptr ? shortcut.get() : indexed.get(); }
};

}  // namespace omendb::filter
