#include "engine/filter/expression.h"
#include "engine/filter/shortcut.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

constexpr int64_t kIntMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kIntMax = std::numeric_limits<int64_t>::max();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kIntLimit = 9'223'372'036'854'775'808.0;  // 2^63
constexpr IntRange kNoInt{1, 0};

FloatRange no_float(bool nan) { return {.low = kInfinity, .high = -kInfinity, .nan = nan}; }

enum class Order : uint8_t { kEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };  // of the column to the constant

IntRange range_of(Order order, int64_t value) {
  switch (order) {
    case Order::kEqual: return {value, value};
    case Order::kLess: return value == kIntMin ? kNoInt : IntRange{kIntMin, value - 1};
    case Order::kLessOrEqual: return {kIntMin, value};
    case Order::kGreater: return value == kIntMax ? kNoInt : IntRange{value + 1, kIntMax};
    case Order::kGreaterOrEqual: break;
  }
  return {value, kIntMax};
}

// Whole numbers beside a float, exactly; NaN is above them all.
IntRange range_of_ints(Order order, double value) {
  const bool below = order == Order::kLess || order == Order::kLessOrEqual;
  if (std::isnan(value) || value >= kIntLimit) return below ? IntRange{} : kNoInt;
  if (value < -kIntLimit) return below || order == Order::kEqual ? kNoInt : IntRange{};
  const double floor = std::floor(value);
  const auto whole = static_cast<int64_t>(floor);
  if (floor == value) return range_of(order, whole);
  if (order == Order::kEqual) return kNoInt;
  return range_of(below ? Order::kLessOrEqual : Order::kGreater, whole);
}

// Floats beside a number that lies between two of them, or is one: `under` <= number <= `over`.
FloatRange range_of_floats(Order order, double under, double over) {
  const bool exact = under == over;
  switch (order) {
    case Order::kEqual: return exact ? FloatRange{under, under, false} : no_float(false);
    case Order::kLess:
      if (!exact) return {-kInfinity, under, false};
      return under == -kInfinity ? no_float(false) : FloatRange{-kInfinity, std::nextafter(under, -kInfinity), false};
    case Order::kLessOrEqual: return {-kInfinity, under, false};
    case Order::kGreater:
      if (!exact) return {over, kInfinity, true};
      return over == kInfinity ? no_float(true) : FloatRange{std::nextafter(over, kInfinity), kInfinity, true};
    case Order::kGreaterOrEqual: break;
  }
  return {over, kInfinity, true};
}

FloatRange range_of(Order order, double value) {
  if (!std::isnan(value)) return range_of_floats(order, value, value);
  switch (order) {
    case Order::kLess: return {};
    case Order::kLessOrEqual: return {-kInfinity, kInfinity, true};
    case Order::kGreater: return no_float(false);
    default: return no_float(true);
  }
}

FloatRange range_of_floats(Order order, int64_t value) {
  const auto near = static_cast<double>(value);
  // Whether the nearest float is above or below: as a whole number, 2^63 being above all.
  const bool above = near >= kIntLimit || static_cast<int64_t>(near) > value;
  const bool below = !above && static_cast<int64_t>(near) < value;
  return range_of_floats(order, above ? std::nextafter(near, -kInfinity) : near,
                         below ? std::nextafter(near, kInfinity) : near);
}

IntRange overlap(const IntRange& a, const IntRange& b) { return {std::max(a.low, b.low), std::min(a.high, b.high)}; }
FloatRange overlap(const FloatRange& a, const FloatRange& b) {
  const FloatRange both{std::max(a.low, b.low), std::min(a.high, b.high), a.nan && b.nan};
  return both.low <= both.high ? both : no_float(both.nan);
}

bool is_column(const Expression& expression) { return expression.op == Op::kColumn; }

std::optional<column::ValueKind> values_of(Kind kind) {
  switch (kind) {
    case Kind::kInt64:
    case Kind::kTimestamp: return column::ValueKind::kInt64;
    case Kind::kFloat64: return column::ValueKind::kFloat64;
    case Kind::kString: return column::ValueKind::kString;
    case Kind::kStringList: return column::ValueKind::kStringList;
    default: return {};
  }
}

// The column that members are of by constant names, by way of other members. Nothing: it is none.
std::optional<uint32_t> find_path(const Expression& expression, std::vector<column::Member>& path) {
  if (is_column(expression)) return expression.column;
  if (expression.op != Op::kMember && expression.op != Op::kMemberText) return {};
  const auto column = find_path(expression.inputs[0], path);
  const Scalar& key = expression.inputs[1].constant;
  if (!column || path.size() == column::kPathMembersMax) return {};
  if (const auto* name = std::get_if<std::string>(&key)) {
    path.emplace_back(*name);
  } else if (const auto* place = std::get_if<int64_t>(&key)) {
    path.emplace_back(*place);
  } else {
    return {};
  }
  return column;
}

// A column, or a member of one as text, or as a number that this is cast to. Nothing: it is none of them.
std::optional<Shortcut> source_of(const Expression& expression) {
  if (expression.op == Op::kCast && (expression.kind == Kind::kInt64 || expression.kind == Kind::kFloat64)) {
    auto member = source_of(expression.inputs[0]);
    if (!member || member->values != column::ValueKind::kJson) return {};
    member->values = expression.kind == Kind::kInt64 ? column::ValueKind::kJsonInt64 : column::ValueKind::kJsonFloat64;
    return member;
  }
  Shortcut shortcut;
  if (is_column(expression)) {
    shortcut.column = expression.column;
    shortcut.is_vector = expression.kind == Kind::kVector;
    shortcut.values = values_of(expression.kind);
    return shortcut;
  }
  if (expression.op != Op::kMemberText) return {};
  const auto column = find_path(expression, shortcut.path);
  if (!column) return {};
  shortcut.column = *column;
  shortcut.values = column::ValueKind::kJson;
  return shortcut;
}

std::optional<Shortcut> of_comparison(const Expression& expression) {
  const bool turned = expression.inputs[0].op == Op::kConstant;
  const Expression& constant = expression.inputs[turned ? 0 : 1];
  const Expression& input = expression.inputs[turned ? 1 : 0];
  auto shortcut = source_of(input);
  if (!shortcut || constant.op != Op::kConstant) return {};
  Order order = Order::kEqual;
  if (expression.op == Op::kLess) order = turned ? Order::kGreater : Order::kLess;
  if (expression.op == Op::kLessOrEqual) order = turned ? Order::kGreaterOrEqual : Order::kLessOrEqual;
  const auto* whole = std::get_if<int64_t>(&constant.constant);
  const auto* real = std::get_if<double>(&constant.constant);
  const auto* text = std::get_if<std::string>(&constant.constant);
  if (input.kind == Kind::kString && text != nullptr && order == Order::kEqual) {
    shortcut->test = TextMatch::equal_to(*text);
  } else if (input.kind == Kind::kString && text != nullptr) {
    const bool below = order == Order::kLess || order == Order::kLessOrEqual;
    shortcut->test = TextBound{*text, below, order == Order::kLessOrEqual || order == Order::kGreaterOrEqual};
  } else if (input.kind == Kind::kFloat64 && real != nullptr) {
    shortcut->test = range_of(order, *real);
  } else if (input.kind == Kind::kFloat64 && whole != nullptr) {
    shortcut->test = range_of_floats(order, *whole);
  } else if (input.kind == Kind::kInt64 && real != nullptr) {
    shortcut->test = range_of_ints(order, *real);
  } else if ((input.kind == Kind::kInt64 || input.kind == Kind::kTimestamp) && whole != nullptr) {
    shortcut->test = range_of(order, *whole);
  } else {
    return {};
  }
  return shortcut;
}

NumberSet bits_of(const std::vector<double>& floats) {
  std::vector<int64_t> bits;
  for (const double value : floats) {
    const double shown = value == 0 ? 0 : std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
    bits.push_back(std::bit_cast<int64_t>(shown));
  }
  std::ranges::sort(bits);
  return NumberSet(std::move(bits));
}

std::optional<Shortcut> of_set(const Expression& expression) {
  const Expression& input = expression.inputs.front();
  auto shortcut = source_of(input);
  if (!shortcut || input.kind == Kind::kBool) return {};
  shortcut->null_in_set = expression.null_in_set;
  if (const auto* texts = std::get_if<std::vector<std::string>>(&expression.set)) {
    shortcut->test = TextMatch::among(*texts);
  } else if (const auto* floats = std::get_if<std::vector<double>>(&expression.set)) {
    shortcut->test = FloatSet{bits_of(*floats)};
  } else {
    shortcut->test = NumberSet(std::get<std::vector<int64_t>>(expression.set));
  }
  return shortcut;
}

std::optional<Shortcut> of_two_texts(const Expression& expression) {
  const bool element = expression.op == Op::kElement;  // string, list
  const auto* text = std::get_if<std::string>(&expression.inputs[element ? 0 : 1].constant);
  const Expression& input = expression.inputs[element ? 1 : 0];
  auto shortcut = source_of(input);
  if (!shortcut || text == nullptr) return {};
  if (element) {
    shortcut->test = ListElement{*text};
  } else {
    shortcut->test = TextMatch::like(*text, expression.fold_case);
  }
  return shortcut;
}

std::optional<Shortcut> shortcut_of(const Expression& expression) {
  switch (expression.op) {
    case Op::kEqual:
    case Op::kLess:
    case Op::kLessOrEqual: return of_comparison(expression);
    case Op::kIn: return of_set(expression);
    case Op::kLike:
    case Op::kElement: return of_two_texts(expression);
    case Op::kIsNull: {
      auto shortcut = source_of(expression.inputs.front());
      if (shortcut) shortcut->test = NullTest{};
      return shortcut;
    }
    default: return {};
  }
}

// Whatever its inputs are.
bool fails_itself(const Expression& expression) {
  switch (expression.op) {
    case Op::kAdd:
    case Op::kSubtract:
    case Op::kMultiply:
    case Op::kDivide:
    case Op::kRemainder:
    case Op::kNegate: return true;
    case Op::kCast: return expression.kind != Kind::kString;
    case Op::kLike: return expression.inputs[1].op != Op::kConstant;
    default: return false;
  }
}

constexpr unsigned kMember = 30;  // of JSON, that is looked for: nanoseconds a row, about

// Nanoseconds a row, about.
unsigned cost_of(const Shortcut& shortcut) {
  constexpr unsigned kList = 30;
  constexpr unsigned kBound = 8;
  const unsigned member = static_cast<unsigned>(shortcut.path.size()) * kMember;
  if (const auto* match = std::get_if<TextMatch>(&shortcut.test)) return member + match->cost();
  if (std::holds_alternative<ListElement>(shortcut.test)) return kList;
  if (std::holds_alternative<TextBound>(shortcut.test)) return member + kBound;
  return member + (std::holds_alternative<NullTest>(shortcut.test) ? 0 : 1);
}

}  // namespace

unsigned row_cost(const Expression& expression) {
  constexpr unsigned kOperator = 8;
  if (expression.shortcut != nullptr) return cost_of(*expression.shortcut);
  if (is_column(expression)) return expression.kind == Kind::kBool ? 0 : 2;
  if (expression.op == Op::kConstant) return 0;
  const bool of_bits = expression.op == Op::kAnd || expression.op == Op::kOr ||
                       (expression.kind == Kind::kBool && expression.inputs.size() == 1);
  const bool of_member = expression.op == Op::kMember || expression.op == Op::kMemberText;
  unsigned cost = of_bits ? 0 : of_member ? kMember : kOperator;
  for (const Expression& input : expression.inputs) cost = std::min(cost + row_cost(input), 1'000'000U);
  return cost;
}

namespace {

// Whether `other` was made part of `range`: two ranges of one column, both of which have to hold.
bool join(Expression& range, const Expression& other) {
  if (range.shortcut == nullptr || other.shortcut == nullptr || range.shortcut->column != other.shortcut->column)
    return false;
  const auto join_as = [&]<class Range>(Range) {
    const auto* a = std::get_if<Range>(&range.shortcut->test);
    const auto* b = std::get_if<Range>(&other.shortcut->test);
    if (a == nullptr || b == nullptr) return false;
    auto joined = std::make_shared<Shortcut>(*range.shortcut);
    joined->test = overlap(*a, *b);
    range.shortcut = std::move(joined);
    return true;
  };
  return join_as(IntRange()) || join_as(FloatRange());
}

using Inputs = std::vector<Expression>;

// Inputs none of which can fail: what they leave open does not depend on their order.
void arrange(Inputs& inputs, size_t first, size_t last, bool is_and, Inputs& out) {
  Inputs run;
  for (size_t i = first; i < last; ++i) {
    // Few are looked through, as lists of conditions may be long.
    constexpr size_t kLookedAtMax = 8;
    const size_t from = run.size() < kLookedAtMax ? 0 : run.size() - kLookedAtMax;
    const auto joins = [&](Expression& earlier) { return join(earlier, inputs[i]); };
    if (is_and && std::any_of(run.begin() + static_cast<ptrdiff_t>(from), run.end(), joins)) continue;
    run.push_back(std::move(inputs[i]));
  }
  std::vector<std::pair<unsigned, size_t>> order;
  for (size_t i = 0; i < run.size(); ++i) order.emplace_back(row_cost(run[i]), i);
  std::ranges::sort(order);
  for (const auto& [cost, i] : order) out.push_back(std::move(run[i]));
}

void arrange(Expression& expression) {
  Inputs inputs;
  for (Expression& input : expression.inputs) {
    if (input.op != expression.op) {
      inputs.push_back(std::move(input));
      continue;
    }
    for (Expression& inner : input.inputs) inputs.push_back(std::move(inner));
  }
  Inputs arranged;
  for (size_t first = 0; first < inputs.size();) {
    size_t last = first;
    while (last < inputs.size() && !inputs[last].can_fail) ++last;
    arrange(inputs, first, last, expression.op == Op::kAnd, arranged);
    if (last < inputs.size()) arranged.push_back(std::move(inputs[last++]));
    first = last;
  }
  expression.inputs = std::move(arranged);
}

// tags @> array['a', 'b'] and tags && array['a', 'b'] are as much as what they say of each string, where that is not null.
bool split_lists(Expression& expression) {
  constexpr size_t kStringsMax = 16;
  if (expression.op != Op::kContains && expression.op != Op::kOverlaps) return false;
  const bool is_and = expression.op == Op::kContains;
  const bool turned = !is_and && is_column(expression.inputs[1]);
  const Expression& column = expression.inputs[turned ? 1 : 0];
  const List* list = std::get_if<List>(&expression.inputs[turned ? 0 : 1].constant);
  if (!is_column(column) || list == nullptr || list->strings.empty() || list->strings.size() > kStringsMax ||
      std::ranges::find(list->known, false) != list->known.end())
    return false;
  Expression split{.op = is_and ? Op::kAnd : Op::kOr, .kind = Kind::kBool, .place = expression.place};
  for (const std::string& string : list->strings) {
    Expression text{.op = Op::kConstant, .kind = Kind::kString, .place = expression.place, .constant = string};
    Expression element{.op = Op::kElement, .kind = Kind::kBool, .place = expression.place};
    element.inputs = {std::move(text), column};
    split.inputs.push_back(std::move(element));
  }
  if (split.inputs.size() == 1) split = Expression(std::move(split.inputs.front()));
  expression = std::move(split);
  return true;
}

}  // namespace

void find_shortcuts(Expression& expression) {
  if (split_lists(expression)) return find_shortcuts(expression);
  if (auto shortcut = shortcut_of(expression)) {
    const bool can_fail =
        shortcut->values == column::ValueKind::kJsonInt64 || shortcut->values == column::ValueKind::kJsonFloat64;
    (can_fail ? expression.indexed : expression.shortcut) = std::make_shared<const Shortcut>(*std::move(shortcut));
    if (!can_fail) return;
  }
  expression.can_fail = fails_itself(expression);
  for (Expression& input : expression.inputs) {
    find_shortcuts(input);
    expression.can_fail = expression.can_fail || input.can_fail;
  }
  if (expression.op == Op::kAnd || expression.op == Op::kOr) arrange(expression);
}

}  // namespace omendb::filter
