#include "engine/filter/evaluate.h"

#include "engine/base/try.h"
#include "engine/column/json_path.h"
#include "engine/filter/column_block.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/float_order.h"
#include "engine/filter/like.h"
#include "engine/filter/scalar_text.h"
#include "engine/filter/shortcut.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

using column::element_of;
using column::find_string;
using column::MemberName;
using column::text_of_json;

// What an expression is for every row of a block. Values of rows that are not asked for, or not known, are anything.
struct Values {
  Bits known{};  // not null
  Bits truth{};  // kBool
  // Of row i: at i, or at 0 for constants.
  const int64_t* ints = nullptr;
  const double* floats = nullptr;
  const std::string_view* texts = nullptr;  // also JSON, and lists as columns keep them
  bool constant = false;

  // A constant's, or nothing in particular.
  int64_t one_int = 0;
  double one_float = 0;
  std::string_view one_text{};

  BlockBuffers::Buffer own_values{};
  BlockBytes own_bytes{};  // what texts point into

  size_t at(size_t row) const { return constant ? 0 : row; }
  int64_t* make_ints(BlockBuffers& buffers) { return make(buffers, ints); }
  double* make_floats(BlockBuffers& buffers) { return make(buffers, floats); }
  std::string_view* make_texts(BlockBuffers& buffers) { return make(buffers, texts); }

 private:
  template <class T>
  T* make(BlockBuffers& buffers, const T*& read) {
    own_values = buffers.take();
    T* const values = reinterpret_cast<T*>(own_values.get());
    read = values;
    return values;
  }
};

// -1, 0, 1. Exact, where a conversion to a float would round.
int compare_exactly(int64_t whole, double real) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;  // 2^63
  if (std::isnan(real) || real >= kLimit) return -1;
  if (real < -kLimit) return 1;
  const double floor = std::floor(real);
  const auto floor_whole = static_cast<int64_t>(floor);
  if (whole != floor_whole) return whole < floor_whole ? -1 : 1;
  return real > floor ? -1 : 0;
}

bool holds(Op op, int order) { return op == Op::kLess ? order < 0 : op == Op::kLessOrEqual ? order <= 0 : order == 0; }

template <class T, class Compare>
Bits compare_values(const T* left, bool left_constant, const T* right, bool right_constant, const Compare& compare) {
  std::array<uint8_t, kRowsPerBlock> bytes;
  if (right_constant && !left_constant) {
    const T value = *right;
    for (size_t i = 0; i < kRowsPerBlock; ++i) bytes[i] = compare(left[i], value) ? 1 : 0;
  } else if (left_constant && !right_constant) {
    const T value = *left;
    for (size_t i = 0; i < kRowsPerBlock; ++i) bytes[i] = compare(value, right[i]) ? 1 : 0;
  } else if (left_constant) {
    bytes.fill(compare(*left, *right) ? 1 : 0);
  } else {
    for (size_t i = 0; i < kRowsPerBlock; ++i) bytes[i] = compare(left[i], right[i]) ? 1 : 0;
  }
  return packed(bytes);
}

class Evaluation {
 public:
  Evaluation(const Asked& asked, uint32_t first_row, size_t row_count)
      : text_(asked.text),
        columns_(asked.columns),
        read_cost_(asked.read_cost),
        first_row_(first_row),
        row_count_(row_count),
        buffers_(asked.buffers) {}

  // `rows`: whose values are wanted.
  Result<void> evaluate(const Expression& expression, const Bits& rows, Values& out) {
    if (expression.source < read_cost_.size())
      read_cost_[expression.source] += uint64_t{count_of(rows)} * row_cost(expression);
    if (expression.shortcut != nullptr) {
      const Shortcut& shortcut = *expression.shortcut;
      const Truth found = filter::evaluate(shortcut, columns_[shortcut.column], first_row_, row_count_, rows);
      out.known = found.known;
      out.truth = found.truth;
      return {};
    }
    switch (expression.op) {
      case Op::kColumn: return read_column(expression, rows, out);
      case Op::kConstant: return make_constant(expression, out);
      case Op::kAnd:
      case Op::kOr: return connect(expression, rows, out);
      case Op::kNot:
      case Op::kIsNull:
      case Op::kIsTrue:
      case Op::kIsFalse: return test_truth(expression, rows, out);
      case Op::kNegate:
      case Op::kCast:
      case Op::kIn: return of_one_input(expression, rows, out);
      default: return of_two_inputs(expression, rows, out);
    }
  }

 private:
  Error fault(const Expression& expression, const std::string& what) const {
    return fault_at(text_, expression.place, what);
  }

  // --- leaves ---

  Result<void> read_column(const Expression& expression, const Bits& rows, Values& out) const {
    const ColumnSpan& column = columns_[expression.column];
    out.known = known_rows(column, first_row_, row_count_, rows);
    switch (expression.kind) {
      case Kind::kBool: read_bools(column, out); break;
      case Kind::kInt64:
      case Kind::kTimestamp: out.ints = numbers<int64_t>(column, out); break;
      case Kind::kFloat64: out.floats = numbers<double>(column, out); break;
      case Kind::kVector: break;
      default: read_texts(column, out);
    }
    return {};
  }

  // A column whose rows are all null has no arrays.
  static void read_nothing(Values& out) { out.known = {}; }

  void read_bools(const ColumnSpan& column, Values& out) const {
    if (column.values == nullptr) return read_nothing(out);
    const simd::SelectKernels& kernels = simd::select_kernels();
    for_whole_words<uint8_t>(column.values, first_row_, row_count_,
                             [&](const uint8_t* bytes, size_t word, size_t count) {
                               kernels.bytes_odd(bytes, out.known.data() + word, count, out.truth.data() + word);
                             });
  }

  // In place where a whole block is there to be read.
  template <class T>
  const T* numbers(const ColumnSpan& column, Values& out) const {
    if (column.values == nullptr) read_nothing(out);
    const std::byte* from = column.values == nullptr ? nullptr : column.values + size_t{first_row_} * sizeof(T);
    if (from != nullptr && row_count_ == kRowsPerBlock) return reinterpret_cast<const T*>(from);
    T* into = nullptr;
    if constexpr (std::is_same_v<T, double>) {
      into = out.make_floats(buffers_);
    } else {
      into = out.make_ints(buffers_);
    }
    std::fill_n(into, kRowsPerBlock, T{});
    if (from != nullptr) std::memcpy(into, from, row_count_ * sizeof(T));
    return into;
  }

  void read_texts(const ColumnSpan& column, Values& out) const {
    std::string_view* texts = out.make_texts(buffers_);
    if (column.ends == nullptr) return read_nothing(out);
    const TextBlock block(column, first_row_);
    for_each_row(out.known, [&](size_t row) { texts[row] = block.at(row); });
  }

  static Result<void> make_constant(const Expression& expression, Values& out) {
    out.constant = true;
    const Scalar& scalar = expression.constant;
    out.ints = &out.one_int;
    out.floats = &out.one_float;
    out.texts = &out.one_text;
    if (std::holds_alternative<std::monostate>(scalar)) return {};
    out.known.fill(~uint64_t{0});
    if (const auto* truth = std::get_if<bool>(&scalar)) {
      out.truth.fill(*truth ? ~uint64_t{0} : 0);
    } else if (const auto* whole = std::get_if<int64_t>(&scalar)) {
      out.one_int = *whole;
    } else if (const auto* real = std::get_if<double>(&scalar)) {
      out.one_float = *real;
    } else if (const auto* string = std::get_if<std::string>(&scalar)) {
      out.one_text = *string;
    }
    return {};
  }

  // --- truth ---

  // Inputs from left to right, each only for rows that those before it leave open.
  Result<void> connect(const Expression& expression, const Bits& rows, Values& out) {
    const bool is_and = expression.op == Op::kAnd;
    Bits open = rows;  // not decided: true so far of an AND, false of an OR, or null
    Bits met_null{};
    for (const Expression& input : expression.inputs) {
      if (!any(open)) break;
      Values values;
      TRY_OK(evaluate(input, open, values));
      const Bits truth = both(values.known, values.truth);
      const Bits decided = is_and ? without(values.known, truth) : truth;
      met_null = either(met_null, without(open, values.known));
      open = without(open, decided);
    }
    // A row that was decided is false of an AND, true of an OR; one that is open is the opposite, or null.
    const Bits decided = without(rows, open);
    out.known = either(decided, without(open, met_null));
    out.truth = is_and ? without(open, met_null) : decided;
    return {};
  }

  Result<void> test_truth(const Expression& expression, const Bits& rows, Values& out) {
    Values values;
    TRY_OK(evaluate(expression.inputs.front(), rows, values));
    out.known = rows;
    const Bits truth = both(values.known, values.truth);
    switch (expression.op) {
      case Op::kNot: out.known = both(rows, values.known); [[fallthrough]];
      case Op::kIsFalse: out.truth = without(values.known, truth); break;
      case Op::kIsTrue: out.truth = truth; break;
      default: out.truth = without(rows, values.known);
    }
    return {};
  }

  // --- one input ---

  Result<void> of_one_input(const Expression& expression, const Bits& rows, Values& out) {
    Values input;
    TRY_OK(evaluate(expression.inputs.front(), rows, input));
    out.known = both(rows, input.known);
    if (expression.op == Op::kIn) return look_up(expression, input, out);
    if (expression.op == Op::kNegate) return negate(expression, input, out);
    return cast(expression, expression.inputs.front().kind, input, out);
  }

  Result<void> look_up(const Expression& expression, const Values& input, Values& out) const {
    const auto find = [&](const auto& set_of_values, const auto& value_at, const auto& less) {
      for_each_row(out.known, [&](size_t row) {
        if (std::binary_search(set_of_values.begin(), set_of_values.end(), value_at(row), less)) set(out.truth, row);
      });
    };
    const Kind kind = expression.inputs.front().kind;
    if (const auto* floats = std::get_if<std::vector<double>>(&expression.set)) {
      find(
          *floats, [&](size_t row) { return input.floats[input.at(row)]; }, LessFloat());
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&expression.set)) {
      find(
          *texts, [&](size_t row) { return input.texts[input.at(row)]; }, std::less<std::string_view>());
    } else {
      const auto value_at = [&](size_t row) {
        return kind == Kind::kBool ? int64_t{test(input.truth, row)} : input.ints[input.at(row)];
      };
      find(std::get<std::vector<int64_t>>(expression.set), value_at, std::less<int64_t>());
    }
    if (expression.null_in_set) out.known = both(out.known, out.truth);
    return {};
  }

  Result<void> negate(const Expression& expression, const Values& input, Values& out) const {
    bool overflow = false;
    if (expression.kind == Kind::kFloat64) {
      double* floats = out.make_floats(buffers_);
      for_each_row(out.known, [&](size_t row) { floats[row] = -input.floats[input.at(row)]; });
      return {};
    }
    int64_t* ints = out.make_ints(buffers_);
    for_each_row(out.known,
                 [&](size_t row) { overflow |= __builtin_sub_overflow(0, input.ints[input.at(row)], &ints[row]); });
    if (overflow) return fault(expression, "a whole number leaves the range of 64 bits");
    return {};
  }

  Result<void> cast(const Expression& expression, Kind from, const Values& input, Values& out) const {
    switch (expression.kind) {
      case Kind::kString: return cast_to_string(from, input, out);
      case Kind::kFloat64:
        if (from == Kind::kInt64) {
          double* floats = out.make_floats(buffers_);
          for_each_row(out.known, [&](size_t row) { floats[row] = static_cast<double>(input.ints[input.at(row)]); });
          return {};
        }
        return parse(expression, float64_of, input, out, out.make_floats(buffers_));
      case Kind::kTimestamp: return parse(expression, timestamp_of, input, out, out.make_ints(buffers_));
      case Kind::kBool: return cast_to_bool(expression, from, input, out);
      default: return cast_to_int(expression, from, input, out);
    }
  }

  template <class T, class Parse>
  Result<void> parse(const Expression& expression, const Parse& parse_text, const Values& input, const Values& out,
                     T* into) const {
    std::optional<std::string_view> bad;
    for_each_row(out.known, [&](size_t row) {
      const auto value = parse_text(input.texts[input.at(row)]);
      if (!value && !bad) bad = input.texts[input.at(row)];
      into[row] = value.value_or(T{});
    });
    return bad ? Result<void>(no_value(expression, *bad)) : Result<void>();
  }

  Error no_value(const Expression& expression, std::string_view text) const {
    constexpr size_t kShownBytes = 60;
    return fault(expression,
                 fmt::format("'{}' in a row is no {}", text.substr(0, kShownBytes), to_string(expression.kind)));
  }

  Result<void> cast_to_bool(const Expression& expression, Kind from, const Values& input, Values& out) const {
    if (from == Kind::kInt64) {
      for_each_row(out.known, [&](size_t row) {
        if (input.ints[input.at(row)] != 0) set(out.truth, row);
      });
      return {};
    }
    std::optional<std::string_view> bad;
    for_each_row(out.known, [&](size_t row) {
      const auto value = bool_of(input.texts[input.at(row)]);
      if (!value && !bad) bad = input.texts[input.at(row)];
      if (value.value_or(false)) set(out.truth, row);
    });
    return bad ? Result<void>(no_value(expression, *bad)) : Result<void>();
  }

  Result<void> cast_to_int(const Expression& expression, Kind from, const Values& input, Values& out) const {
    int64_t* ints = out.make_ints(buffers_);
    if (from == Kind::kString) return parse(expression, int64_of, input, out, ints);
    if (from == Kind::kBool) {
      for_each_row(out.known, [&](size_t row) { ints[row] = test(input.truth, row) ? 1 : 0; });
      return {};
    }
    bool outside = false;
    for_each_row(out.known, [&](size_t row) {
      const double rounded = std::nearbyint(input.floats[input.at(row)]);  // halves to the even number
      const bool fits = rounded >= -9'223'372'036'854'775'808.0 && rounded < 9'223'372'036'854'775'808.0;
      outside |= !fits;
      ints[row] = fits ? static_cast<int64_t>(rounded) : 0;
    });
    if (outside) return fault(expression, "a number leaves the range of 64 bits");
    return {};
  }

  Result<void> cast_to_string(Kind from, const Values& input, Values& out) const {
    std::string_view* texts = out.make_texts(buffers_);
    for_each_row(out.known, [&](size_t row) {
      const size_t at = input.at(row);
      const auto keep = [&](std::string_view text) { texts[row] = out.own_bytes.keep(text, buffers_); };
      switch (from) {
        case Kind::kBool: texts[row] = test(input.truth, row) ? "true" : "false"; break;
        case Kind::kInt64: keep(std::to_string(input.ints[at])); break;
        case Kind::kFloat64: keep(text_of(input.floats[at])); break;
        case Kind::kTimestamp: keep(text_of_timestamp(input.ints[at])); break;
        default: keep(input.texts[at]);  // JSON, as it stands
      }
    });
    return {};
  }

  // --- two inputs ---

  Result<void> of_two_inputs(const Expression& expression, const Bits& rows, Values& out) {
    Values left;
    Values right;
    TRY_OK(evaluate(expression.inputs[0], rows, left));
    TRY_OK(evaluate(expression.inputs[1], rows, right));
    out.known = both(rows, both(left.known, right.known));
    switch (expression.op) {
      case Op::kEqual:
      case Op::kLess:
      case Op::kLessOrEqual: out.truth = compare(expression, left, right, out.known); return {};
      case Op::kSame: {
        const Bits equal = both(out.known, compare(expression, left, right, out.known));
        out.truth = either(equal, without(without(rows, left.known), right.known));
        out.known = rows;
        return {};
      }
      case Op::kLike: return match(expression, left, right, out);
      case Op::kElement: out.known = both(rows, right.known); return find_element(expression, left, right, out);
      case Op::kContains:
      case Op::kOverlaps: return compare_lists(expression, left, right, out);
      case Op::kMember:
      case Op::kMemberText: return take_member(expression, left, right, out);
      default: return calculate(expression, left, right, out);
    }
  }

  static Bits compare(const Expression& expression, const Values& left, const Values& right, const Bits& rows) {
    const Kind kind = expression.inputs[0].kind;
    const Op op = expression.op;
    if (kind != expression.inputs[1].kind) return compare_mixed(expression, left, right, rows);
    if (kind == Kind::kInt64 || kind == Kind::kTimestamp) {
      const auto with = [&](const auto& how) {
        return compare_values(left.ints, left.constant, right.ints, right.constant, how);
      };
      if (op == Op::kLess) return with(std::less<int64_t>());
      if (op == Op::kLessOrEqual) return with(std::less_equal<int64_t>());
      return with(std::equal_to<int64_t>());
    }
    if (kind == Kind::kFloat64) {
      const auto with = [&](const auto& how) {
        return compare_values(left.floats, left.constant, right.floats, right.constant, how);
      };
      if (op == Op::kLess) return with(LessFloat());
      if (op == Op::kLessOrEqual) return with(LessOrEqualFloat());
      return with(EqualFloat());
    }
    Bits truth{};
    for_each_row(rows, [&](size_t row) {
      const int order = kind == Kind::kBool ? int{test(left.truth, row)} - int{test(right.truth, row)}
                                            : left.texts[left.at(row)].compare(right.texts[right.at(row)]);
      if (holds(op, order)) set(truth, row);
    });
    return truth;
  }

  // A whole number and a float.
  static Bits compare_mixed(const Expression& expression, const Values& left, const Values& right, const Bits& rows) {
    const bool whole_first = expression.inputs[0].kind == Kind::kInt64;
    Bits truth{};
    for_each_row(rows, [&](size_t row) {
      const int order = whole_first ? compare_exactly(left.ints[left.at(row)], right.floats[right.at(row)])
                                    : -compare_exactly(right.ints[right.at(row)], left.floats[left.at(row)]);
      // NaN is above every number, from either side.
      if (holds(expression.op, order)) set(truth, row);
    });
    return truth;
  }

  Result<void> match(const Expression& expression, const Values& texts, const Values& patterns, Values& out) const {
    bool bad = false;
    for_each_row(out.known, [&](size_t row) {
      const std::string_view pattern = patterns.texts[patterns.at(row)];
      bad |= !patterns.constant && ends_in_escape(pattern);
      if (like(texts.texts[texts.at(row)], pattern, expression.fold_case)) set(out.truth, row);
    });
    if (bad) return fault(expression, "a pattern does not end in a backslash");
    return {};
  }

  // --- lists ---

  // Strings of the list in a row; of a constant they are not in the form of columns. `has_null`: one of them is unknown.
  template <class Visit>
  static bool find_in(const Expression& expression, const Values& values, size_t row, const Visit& visit) {
    if (const List* list = std::get_if<List>(&expression.constant)) {
      for (size_t i = 0; i < list->strings.size(); ++i) {
        if (list->known[i] && visit(std::string_view(list->strings[i]))) return true;
      }
      return false;
    }
    return find_string(values.texts[values.at(row)], visit);
  }
  static bool has_null(const Expression& expression) {
    const List* list = std::get_if<List>(&expression.constant);
    return list != nullptr && std::ranges::find(list->known, false) != list->known.end();
  }

  Result<void> compare_lists(const Expression& expression, const Values& left, const Values& right, Values& out) const {
    const Expression& first = expression.inputs[0];
    const Expression& second = expression.inputs[1];
    const auto in_first = [&](size_t row, std::string_view wanted) {
      return find_in(first, left, row, [wanted](std::string_view string) { return string == wanted; });
    };
    const bool second_has_null = has_null(second);
    for_each_row(out.known, [&](size_t row) {
      bool truth = false;
      if (expression.op == Op::kOverlaps) {
        truth = find_in(second, right, row, [&](std::string_view string) { return in_first(row, string); });
      } else {  // a null is contained in nothing
        truth = !second_has_null &&
                !find_in(second, right, row, [&](std::string_view string) { return !in_first(row, string); });
      }
      if (truth) set(out.truth, row);
    });
    return {};
  }

  // As `in`: nothing is in an empty list, not even null; what equals none of a list with nulls may equal one of them.
  static Result<void> find_element(const Expression& expression, const Values& left, const Values& right, Values& out) {
    const Expression& list = expression.inputs[1];
    const bool list_has_null = has_null(list);
    const Bits in_list = out.known;
    for_each_row(in_list, [&](size_t row) {
      const bool known = test(left.known, row);
      const std::string_view wanted = known ? left.texts[left.at(row)] : std::string_view();
      const bool found = known && find_in(list, right, row, [&](std::string_view string) { return string == wanted; });
      const bool empty = !list_has_null && !find_in(list, right, row, [](std::string_view) { return true; });
      if (found) set(out.truth, row);
      if (!found && !empty && (!known || list_has_null)) clear(out.known, row);
    });
    return {};
  }

  // --- JSON ---

  Result<void> take_member(const Expression& expression, Values& json, const Values& keys, Values& out) const {
    const bool by_name = expression.inputs[1].kind == Kind::kString;
    const bool as_text = expression.op == Op::kMemberText;
    std::string_view* texts = out.make_texts(buffers_);
    std::string buffer;
    Bits found{};
    for_each_row(out.known, [&](size_t row) {
      const std::string_view whole = json.texts[json.at(row)];
      auto member =
          by_name ? MemberName(keys.texts[keys.at(row)]).find_in(whole) : element_of(whole, keys.ints[keys.at(row)]);
      if (member && as_text) {
        member = text_of_json(*member, buffer);
        if (member && member->data() == buffer.data()) member = out.own_bytes.keep(*member, buffers_);
      }
      if (!member) return;
      texts[row] = *member;
      set(found, row);
    });
    out.known = found;
    out.own_bytes.take(json.own_bytes);  // a member lies in the bytes of the value it was taken out of
    return {};
  }

  // --- numbers ---

  Result<void> calculate(const Expression& expression, const Values& left, const Values& right, Values& out) const {
    if (expression.kind == Kind::kFloat64) return calculate_floats(expression, left, right, out);
    int64_t* ints = out.make_ints(buffers_);
    bool overflow = false;
    bool by_zero = false;
    const auto each = [&](const auto& operation) {
      for_each_row(out.known, [&](size_t row) {
        overflow |= operation(left.ints[left.at(row)], right.ints[right.at(row)], &ints[row]);
      });
    };
    const auto divides = [&by_zero](int64_t a, int64_t b, int64_t* result, bool remainder) {
      *result = 0;
      by_zero |= b == 0;
      if (b == 0) return false;
      if (b == -1) return remainder ? false : __builtin_sub_overflow(0, a, result);
      *result = remainder ? a % b : a / b;
      return false;
    };
    switch (expression.op) {
      case Op::kAdd: each([](int64_t a, int64_t b, int64_t* c) { return __builtin_add_overflow(a, b, c); }); break;
      case Op::kSubtract: each([](int64_t a, int64_t b, int64_t* c) { return __builtin_sub_overflow(a, b, c); }); break;
      case Op::kMultiply: each([](int64_t a, int64_t b, int64_t* c) { return __builtin_mul_overflow(a, b, c); }); break;
      case Op::kDivide: each([&](int64_t a, int64_t b, int64_t* c) { return divides(a, b, c, false); }); break;
      default: each([&](int64_t a, int64_t b, int64_t* c) { return divides(a, b, c, true); });
    }
    if (by_zero) return fault(expression, "division by zero");
    if (overflow) return fault(expression, "a whole number leaves the range of 64 bits");
    return {};
  }

  Result<void> calculate_floats(const Expression& expression, const Values& left, const Values& right,
                                Values& out) const {
    double* floats = out.make_floats(buffers_);
    const bool is_product = expression.op == Op::kMultiply || expression.op == Op::kDivide;
    bool by_zero = false;
    bool overflow = false;
    bool underflow = false;
    for_each_row(out.known, [&](size_t row) {
      const double a = left.floats[left.at(row)];
      const double b = right.floats[right.at(row)];
      double& c = floats[row];
      switch (expression.op) {
        case Op::kAdd: c = a + b; break;
        case Op::kSubtract: c = a - b; break;
        case Op::kMultiply: c = a * b; break;
        default: by_zero |= b == 0 && !std::isnan(a); c = a / b;
      }
      overflow |= std::isinf(c) && std::isfinite(a) && std::isfinite(b);
      underflow |= is_product && c == 0 && a != 0 && b != 0 && std::isfinite(b);
    });
    if (by_zero) return fault(expression, "division by zero");
    if (overflow) return fault(expression, "a number leaves the range of float64");
    if (underflow) return fault(expression, "a number is too small for float64");
    return {};
  }

  const std::string_view text_;
  const std::span<const ColumnSpan> columns_;
  const std::span<uint64_t> read_cost_;
  const uint32_t first_row_;
  const size_t row_count_;  // that may be read from arrays
  BlockBuffers& buffers_;
};

}  // namespace

Result<void> evaluate_block(const Expression& condition, const Asked& asked, uint32_t first_row, const Bits& rows,
                            Truth& out) {
  const size_t row_count = rows_to_read(rows);
  if (row_count == 0) {
    out = {};
    return {};
  }
  Values values;
  TRY_OK(Evaluation(asked, first_row, row_count).evaluate(condition, rows, values));
  out.known = values.known;
  out.truth = values.truth;
  return {};
}

Result<void> evaluate_block(const Expression& condition, const Asked& asked, uint32_t first_row, Bits& rows) {
  Truth found;
  TRY_OK(evaluate_block(condition, asked, first_row, rows, found));
  rows = both(rows, both(found.known, found.truth));
  return {};
}

}  // namespace omendb::filter
