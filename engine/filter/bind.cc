#include "engine/filter/bind.h"

#include "engine/base/try.h"
#include "engine/filter/characters.h"
#include "engine/filter/constants.h"
#include "engine/filter/like.h"
#include "engine/filter/scalar_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

// A node of the tree, or that there is none: taking a member of nothing is nothing, and nothing throws.
using Node = simdjson::simdjson_result<simdjson::dom::element>;

Kind kind_of(const ColumnSpec& spec) {
  switch (spec.type) {
    case Type::kBool: return Kind::kBool;
    case Type::kInt64: return Kind::kInt64;
    case Type::kFloat64: return Kind::kFloat64;
    case Type::kTimestamp: return Kind::kTimestamp;
    case Type::kString:
    case Type::kText: return Kind::kString;
    case Type::kStringList: return Kind::kStringList;
    case Type::kJson: return Kind::kJson;
    case Type::kVector:
    case Type::kVectors:
    case Type::kSparse: return Kind::kVector;
  }
  return Kind::kNull;
}

bool is_number(Kind kind) { return kind == Kind::kInt64 || kind == Kind::kFloat64; }
bool is_constant(const Expression& expression) { return expression.op == Op::kConstant; }
bool is_untyped(const Expression& expression) {
  return is_constant(expression) && (expression.untyped || expression.kind == Kind::kNull);
}

std::string_view text_at(const Node& node, const char* key) {
  std::string_view text;
  return node[key].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

// 0, false and empty lists are left out of the tree.
int64_t number_at(const Node& node, const char* key) {
  int64_t number = 0;
  return node[key].get(number) == simdjson::SUCCESS ? number : 0;
}

bool truth_at(const Node& node, const char* key) {
  bool truth = false;
  return node[key].get(truth) == simdjson::SUCCESS && truth;
}

std::vector<Node> list_at(const Node& node, const char* key) {
  simdjson::dom::array list;
  if (node[key].get(list) != simdjson::SUCCESS) return {};
  std::vector<Node> nodes;
  for (const simdjson::dom::element item : list) nodes.emplace_back(simdjson::dom::element(item));
  return nodes;
}

bool has(const Node& node, const char* key) { return node[key].error() == simdjson::SUCCESS; }

// The last of a list of names, as of an operator or a type.
std::string_view last_name(const Node& node, const char* key) {
  const std::vector<Node> names = list_at(node, key);
  return names.empty() ? std::string_view() : text_at(names.back()["String"], "sval");
}

Expression combined(Op op, Kind kind, size_t place, Expression left, Expression right) {
  Expression out{.op = op, .kind = kind, .place = place};
  out.inputs.push_back(std::move(left));
  out.inputs.push_back(std::move(right));
  return out;
}

Expression of_one(Op op, Kind kind, size_t place, Expression input) {
  Expression out{.op = op, .kind = kind, .place = place};
  out.inputs.push_back(std::move(input));
  return out;
}

size_t count_nodes(const Expression& expression) {
  size_t count = 1;
  for (const Expression& input : expression.inputs) count += count_nodes(input);
  return count;
}

Expression negated(Expression input) {
  const size_t place = input.place;
  return of_one(Op::kNot, Kind::kBool, place, std::move(input));
}

class Binder {
 public:
  Binder(const Statement& statement, std::string_view text, const Schema& schema)
      : statement_(statement), text_(text), schema_(schema) {}

  Result<Expression> bind_condition(const Node& node) {
    TRY(bound, bind(node));
    return as_condition(std::move(bound));
  }

 private:
  Error fault(size_t place, const std::string& what, ErrorCode code = ErrorCode::kInvalidArgument) const {
    return fault_at(text_, place, what, code);
  }
  size_t place_of(const Node& node) const {
    int64_t location = 0;
    if (node["location"].get(location) != simdjson::SUCCESS || location < 0) return last_place_;
    return statement_.place_of(static_cast<size_t>(location));
  }

  // What is written once and looked at several times. Such copies could double the tree at every level.
  Result<Expression> copy_of(const Expression& expression) {
    constexpr size_t kCopiedMax = 100'000;
    copied_nodes_ += count_nodes(expression);
    if (copied_nodes_ > kCopiedMax) return fault(expression.place, "too much is looked at several times here");
    return expression;
  }

  // One member, whose name is the kind of the node.
  Result<Expression> bind(const Node& node) {
    simdjson::dom::object object;
    if (node.get(object) != simdjson::SUCCESS || object.size() != 1)
      return fault(last_place_, "nothing that has a value");
    const auto member = *object.begin();
    const std::string_view name = member.key;
    const Node body(simdjson::dom::element(member.value));
    last_place_ = place_of(body);
    using Bind = Result<Expression> (Binder::*)(const Node&);
    constexpr std::array<std::pair<std::string_view, Bind>, 9> kNodes{{
        {"ColumnRef", &Binder::bind_column},
        {"A_Const", &Binder::bind_constant},
        {"ParamRef", &Binder::bind_parameter},
        {"A_Expr", &Binder::bind_expression},
        {"BoolExpr", &Binder::bind_connective},
        {"NullTest", &Binder::bind_null_test},
        {"BooleanTest", &Binder::bind_truth_test},
        {"TypeCast", &Binder::bind_cast},
        {"A_ArrayExpr", &Binder::bind_array},
    }};
    for (const auto& [known, bind_it] : kNodes) {
      if (name == known) return (this->*bind_it)(body);
    }
    if (name == "FuncCall" || name == "CoalesceExpr" || name == "SQLValueFunction" || name == "MinMaxExpr")
      return fault(last_place_, "a condition knows no functions");
    if (name == "SubLink") return fault(last_place_, "a condition has no queries in it");
    return fault(last_place_, fmt::format("this part of SQL ({}) is unknown to conditions", name));
  }

  Result<Expression> bind_column(const Node& node) {
    const size_t place = last_place_;
    const std::vector<Node> fields = list_at(node, "fields");
    if (fields.size() != 1 || !has(fields[0], "String")) return fault(place, "a column is named by one word");
    const std::string_view name = text_at(fields[0]["String"], "sval");
    const auto found = find_column(name);
    if (found == schema_.columns.end()) return fault(place, unknown_column(name), ErrorCode::kSchema);
    Expression out{.op = Op::kColumn, .kind = kind_of(*found), .place = place};
    out.column = static_cast<uint32_t>(found - schema_.columns.begin());
    return out;
  }

  // PostgreSQL cuts names off where they are longer than 63 bytes; such a one stands for the column that begins so, if there is but one.
  std::vector<ColumnSpec>::const_iterator find_column(std::string_view name) const {
    constexpr size_t kWholeBytesMax = 63;
    constexpr size_t kCutBytesMin = kWholeBytesMax - 3;  // whole characters are left
    const auto begins_so = [&](const ColumnSpec& column) {
      return column.name.size() > kWholeBytesMax && column.name.starts_with(name);
    };
    const auto found = std::ranges::find(schema_.columns, name, &ColumnSpec::name);
    if (found != schema_.columns.end() || name.size() < kCutBytesMin) return found;
    return std::ranges::count_if(schema_.columns, begins_so) == 1 ? std::ranges::find_if(schema_.columns, begins_so)
                                                                  : found;
  }

  // PostgreSQL reads names without quotes as lower case.
  std::string unknown_column(std::string_view name) const {
    std::string known;
    for (const ColumnSpec& column : schema_.columns) {
      const bool same_but_for_case =
          std::ranges::equal(column.name, name, [](char a, char b) { return lower(a) == lower(b); });
      const bool capitals = std::ranges::any_of(column.name, [](char c) { return c != lower(c); });
      const std::string_view quote = capitals ? "\"" : "";
      if (same_but_for_case)
        return fmt::format("no column '{}', but {}{}{}{}", name, quote, column.name, quote,
                           capitals ? ": capitals need quotes" : "");
      known += fmt::format("{}{}", known.empty() ? "" : ", ", column.name);
    }
    return fmt::format("no column '{}'; there are {}", name, known);
  }

  Result<Expression> bind_constant(const Node& node) {
    Expression out{.place = last_place_};
    if (has(node, "isnull")) return out;
    if (has(node, "boolval")) {
      out.kind = Kind::kBool;
      out.constant = truth_at(node["boolval"], "boolval");
    } else if (has(node, "ival")) {
      out.kind = Kind::kInt64;
      out.constant = number_at(node["ival"], "ival");
    } else if (has(node, "fval")) {
      const std::string_view digits = text_at(node["fval"], "fval");
      if (const auto whole = int64_of(digits)) {
        out.kind = Kind::kInt64;
        out.constant = *whole;
      } else if (const auto value = float64_of(digits)) {
        out.kind = Kind::kFloat64;
        out.constant = *value;
      } else {
        return fault(out.place, "this number is too large, or not written in decimal");
      }
    } else if (has(node, "sval")) {
      out.kind = Kind::kString;
      out.constant = std::string(text_at(node["sval"], "sval"));
      out.untyped = true;
    } else {
      return fault(out.place, "a constant is a number, a string, true, false or null");
    }
    return out;
  }

  const Value& value_of(const Node& node) const {
    const int64_t number = number_at(node, "number");
    assert(number >= 1 && static_cast<size_t>(number) <= statement_.parameters.size());
    return *statement_.parameters[static_cast<size_t>(number) - 1];
  }

  Result<Expression> bind_parameter(const Node& node) {
    auto constant = constant_of(value_of(node), last_place_);
    if (!constant) return fault(last_place_, "a parameter of several values stands behind `in` or in `= any(...)`");
    return std::move(*constant);
  }

  Result<Expression> as_condition(Expression bound) {
    if (is_untyped(bound)) TRY_OK(convert(bound, Kind::kBool));
    if (bound.kind != Kind::kBool)
      return fault(bound.place, fmt::format("a condition is true or false, and this is {}", to_string(bound.kind)));
    return bound;
  }

  Result<Expression> bind_connective(const Node& node) {
    const std::string_view which = text_at(node, "boolop");
    Expression out{.op = which == "AND_EXPR"  ? Op::kAnd
                         : which == "OR_EXPR" ? Op::kOr
                                              : Op::kNot,
                   .kind = Kind::kBool,
                   .place = last_place_};
    for (const Node& input : list_at(node, "args")) {
      TRY(bound, bind_condition(input));
      out.inputs.push_back(std::move(bound));
    }
    return out;
  }

  Result<Expression> bind_null_test(const Node& node) {
    const size_t place = last_place_;
    TRY(input, bind(node["arg"]));
    Expression test = of_one(Op::kIsNull, Kind::kBool, place, std::move(input));
    return text_at(node, "nulltesttype") == "IS_NULL" ? std::move(test) : negated(std::move(test));
  }

  Result<Expression> bind_truth_test(const Node& node) {
    const size_t place = last_place_;
    const std::string_view which = text_at(node, "booltesttype");
    TRY(input, bind_condition(node["arg"]));
    const Op op = which.ends_with("TRUE") ? Op::kIsTrue : which.ends_with("FALSE") ? Op::kIsFalse : Op::kIsNull;
    Expression test = of_one(op, Kind::kBool, place, std::move(input));
    return which.starts_with("IS_NOT") ? negated(std::move(test)) : std::move(test);
  }

  Result<Expression> bind_expression(const Node& node) {
    const std::string_view kind = text_at(node, "kind");
    const std::string_view name = last_name(node, "name");
    const size_t place = last_place_;
    if (kind == "AEXPR_OP") return bind_operator(node, name, place);
    if (kind == "AEXPR_IN") return bind_in(node, name, place);
    if (kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") return bind_any(node, kind, name, place);
    if (kind == "AEXPR_LIKE" || kind == "AEXPR_ILIKE") return bind_like(node, name, place);
    if (kind.find("BETWEEN") != std::string_view::npos) return bind_between(node, kind, place);
    if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT") {
      TRY(left, bind(node["lexpr"]));
      TRY(right, bind(node["rexpr"]));
      TRY(same, compared(Op::kSame, place, std::move(left), std::move(right)));
      return kind == "AEXPR_DISTINCT" ? negated(std::move(same)) : std::move(same);
    }
    return fault(place, fmt::format("'{}' is unknown to conditions", name));
  }

  Result<Expression> bind_operator(const Node& node, std::string_view name, size_t place) {
    if (name.ends_with("~~") || name.ends_with("~~*")) return bind_like(node, name, place);
    TRY(right, bind(node["rexpr"]));
    if (!has(node, "lexpr")) return bind_sign(name, place, std::move(right));
    TRY(left, bind(node["lexpr"]));
    if (name == "=") return compared(Op::kEqual, place, std::move(left), std::move(right));
    if (name == "<") return compared(Op::kLess, place, std::move(left), std::move(right));
    if (name == "<=") return compared(Op::kLessOrEqual, place, std::move(left), std::move(right));
    if (name == ">") return compared(Op::kLess, place, std::move(right), std::move(left));
    if (name == ">=") return compared(Op::kLessOrEqual, place, std::move(right), std::move(left));
    if (name == "<>") {
      TRY(equal, compared(Op::kEqual, place, std::move(left), std::move(right)));
      return negated(std::move(equal));
    }
    if (name.size() == 1 && std::string_view("+-*/%").find(name) != std::string_view::npos)
      return bind_arithmetic(name.front(), place, std::move(left), std::move(right));
    if (name == "->" || name == "->>") return bind_member(name, place, std::move(left), std::move(right));
    if (name == "@>") return bind_lists(Op::kContains, name, place, std::move(left), std::move(right));
    if (name == "<@") return bind_lists(Op::kContains, name, place, std::move(right), std::move(left));
    if (name == "&&") return bind_lists(Op::kOverlaps, name, place, std::move(left), std::move(right));
    return fault(place, fmt::format("the operator {} is unknown to conditions", name));
  }

  Result<Expression> bind_sign(std::string_view name, size_t place, Expression input) {
    if (is_untyped(input)) TRY_OK(convert(input, Kind::kFloat64));
    if ((name != "-" && name != "+") || !is_number(input.kind))
      return fault(place, fmt::format("there is no {} of {}", name, to_string(input.kind)));
    if (name == "+") return input;
    const Kind kind = input.kind;
    return of_one(Op::kNegate, kind, place, std::move(input));
  }

  Result<void> convert(Expression& constant, Kind kind) const {
    if (std::string what = convert_untyped(constant, kind); !what.empty()) return fault(constant.place, what);
    return {};
  }

  // Both sides of a comparison or an operator of two equals: untyped constants take the other's kind.
  Result<void> agree(Expression& left, Expression& right) const {
    if (is_untyped(left) && is_untyped(right)) {
      const Kind kind = left.untyped ? left.kind : right.untyped ? right.kind : Kind::kString;
      TRY_OK(convert(left, kind));
      return convert(right, kind);
    }
    if (is_untyped(left)) return convert(left, right.kind);
    if (is_untyped(right)) return convert(right, left.kind);
    return {};
  }

  // Whether two sides are compared at all; untyped constants take the other's kind.
  Result<void> check_comparison(size_t place, Expression& left, Expression& right) const {
    const auto either_is = [&](Kind kind) { return left.kind == kind || right.kind == kind; };
    if (either_is(Kind::kJson))
      return fault(place, "JSON is not compared: take a text out of it, column->>'name', and cast that if need be");
    if (either_is(Kind::kStringList)) return fault(place, "lists are compared by @>, <@, && and = any(...)");
    if (either_is(Kind::kVector)) return fault(place, "vectors are searched, not compared");
    TRY_OK(agree(left, right));
    const bool numbers = is_number(left.kind) && is_number(right.kind);
    if (left.kind != right.kind && !numbers)
      return fault(place, fmt::format("{} and {} are not compared", to_string(left.kind), to_string(right.kind)));
    return {};
  }

  Result<Expression> compared(Op op, size_t place, Expression left, Expression right) const {
    TRY_OK(check_comparison(place, left, right));
    return combined(op, Kind::kBool, place, std::move(left), std::move(right));
  }

  Result<Expression> bind_arithmetic(char name, size_t place, Expression left, Expression right) const {
    TRY_OK(agree(left, right));
    if (!is_number(left.kind) || !is_number(right.kind))
      return fault(place,
                   fmt::format("there is no {} of {} and {}", name, to_string(left.kind), to_string(right.kind)));
    const bool whole = left.kind == Kind::kInt64 && right.kind == Kind::kInt64;
    if (name == '%' && !whole) return fault(place, "% takes whole numbers");
    if (!whole) {
      left = as_float(std::move(left));
      right = as_float(std::move(right));
    }
    constexpr std::string_view kNames = "+-*/%";
    constexpr std::array<Op, 5> kOps{Op::kAdd, Op::kSubtract, Op::kMultiply, Op::kDivide, Op::kRemainder};
    return combined(kOps[kNames.find(name)], whole ? Kind::kInt64 : Kind::kFloat64, place, std::move(left),
                    std::move(right));
  }

  static Expression as_float(Expression input) {
    if (input.kind == Kind::kFloat64) return input;
    const size_t place = input.place;
    return of_one(Op::kCast, Kind::kFloat64, place, std::move(input));
  }

  Result<Expression> bind_member(std::string_view name, size_t place, Expression json, Expression key) const {
    if (json.kind != Kind::kJson)
      return fault(place, fmt::format("{} takes a member out of json, and this is {}", name, to_string(json.kind)));
    if (is_untyped(key)) TRY_OK(convert(key, Kind::kString));
    if (key.kind != Kind::kString && key.kind != Kind::kInt64)
      return fault(place,
                   fmt::format("a member is named by a string or a whole number, not by {}", to_string(key.kind)));
    const bool as_text = name == "->>";
    return combined(as_text ? Op::kMemberText : Op::kMember, as_text ? Kind::kString : Kind::kJson, place,
                    std::move(json), std::move(key));
  }

  Result<Expression> bind_lists(Op op, std::string_view name, size_t place, Expression left, Expression right) const {
    TRY_OK(agree(left, right));
    if (left.kind == Kind::kString && is_constant(left)) TRY_OK(convert(left, Kind::kStringList));
    if (left.kind != Kind::kStringList || right.kind != Kind::kStringList)
      return fault(place, fmt::format("{} takes two string[], not {} and {}", name, to_string(left.kind),
                                      to_string(right.kind)));
    return combined(op, Kind::kBool, place, std::move(left), std::move(right));
  }

  Result<Expression> bind_like(const Node& node, std::string_view name, size_t place) {
    TRY(input, bind(node["lexpr"]));
    TRY(pattern, bind(node["rexpr"]));
    for (Expression* side : {&input, &pattern}) {
      if (is_untyped(*side)) TRY_OK(convert(*side, Kind::kString));
      if (side->kind != Kind::kString)
        return fault(side->place, fmt::format("like compares strings, and this is {}", to_string(side->kind)));
    }
    if (const auto* text = std::get_if<std::string>(&pattern.constant); text != nullptr && ends_in_escape(*text))
      return fault(pattern.place, "a pattern does not end in a backslash");
    Expression out = combined(Op::kLike, Kind::kBool, place, std::move(input), std::move(pattern));
    out.fold_case = name.ends_with('*');
    return name.starts_with('!') ? negated(std::move(out)) : std::move(out);
  }

  Result<Expression> bind_between(const Node& node, std::string_view kind, size_t place) {
    const std::vector<Node> bounds = list_at(node["rexpr"]["List"], "items");
    if (bounds.size() != 2) return fault(place, "between takes two bounds");
    TRY(input, bind(node["lexpr"]));
    TRY(low, bind(bounds[0]));
    TRY(high, bind(bounds[1]));
    if (!kind.ends_with("SYM")) {
      TRY(inside, is_between(place, std::move(input), std::move(low), std::move(high)));
      return kind.find("NOT") == std::string_view::npos ? std::move(inside) : negated(std::move(inside));
    }
    TRY(input_again, copy_of(input));
    TRY(low_again, copy_of(low));
    TRY(high_again, copy_of(high));
    TRY(inside, is_between(place, std::move(input_again), std::move(low_again), std::move(high_again)));
    TRY(other_way, is_between(place, std::move(input), std::move(high), std::move(low)));
    inside = combined(Op::kOr, Kind::kBool, place, std::move(inside), std::move(other_way));
    return kind.find("NOT") == std::string_view::npos ? std::move(inside) : negated(std::move(inside));
  }

  Result<Expression> is_between(size_t place, Expression input, Expression low, Expression high) {
    TRY(twice, copy_of(input));
    TRY(above, compared(Op::kLessOrEqual, place, std::move(low), std::move(twice)));
    TRY(below, compared(Op::kLessOrEqual, place, std::move(input), std::move(high)));
    return combined(Op::kAnd, Kind::kBool, place, std::move(above), std::move(below));
  }

  // What stands behind `in` or in an array, with the values of parameters that have several.
  Result<std::vector<Expression>> bind_items(const std::vector<Node>& nodes) {
    std::vector<Expression> items;
    for (const Node& node : nodes) {
      const Node parameter = node["ParamRef"];
      const ValueList* list = nullptr;
      if (parameter.error() == simdjson::SUCCESS) list = std::get_if<ValueList>(&value_of(parameter).is);
      if (list == nullptr) {
        TRY(item, bind(node));
        items.push_back(std::move(item));
        continue;
      }
      for (const Value& value : *list) {
        auto constant = constant_of(value, place_of(parameter));
        if (!constant) return fault(place_of(parameter), "a list of values holds no lists");
        items.push_back(std::move(*constant));
      }
    }
    return items;
  }

  Result<Expression> bind_in(const Node& node, std::string_view name, size_t place) {
    TRY(input, bind(node["lexpr"]));
    TRY(items, bind_items(list_at(node["rexpr"]["List"], "items")));
    TRY(among, is_among(place, std::move(input), std::move(items)));
    return name == "<>" ? negated(std::move(among)) : std::move(among);
  }

  // = any(...), <> all(...)
  Result<Expression> bind_any(const Node& node, std::string_view kind, std::string_view name, size_t place) {
    const bool any = kind == "AEXPR_OP_ANY";
    if (name != (any ? "=" : "<>")) return fault(place, "any takes =, and all takes <>");
    TRY(input, bind(node["lexpr"]));
    std::vector<Expression> items;
    const Node parameter = node["rexpr"]["ParamRef"];
    if (has(node["rexpr"], "A_ArrayExpr")) {
      TRY(bound, bind_items(list_at(node["rexpr"]["A_ArrayExpr"], "elements")));
      items = std::move(bound);
    } else if (parameter.error() == simdjson::SUCCESS && std::holds_alternative<ValueList>(value_of(parameter).is)) {
      TRY(bound, bind_items({node["rexpr"]}));
      items = std::move(bound);
    } else {
      TRY(list, bind(node["rexpr"]));
      if (is_untyped(list)) TRY_OK(convert(list, Kind::kStringList));
      if (list.kind != Kind::kStringList) return fault(list.place, "any and all take a string[] or an array");
      items.push_back(std::move(list));
    }
    TRY(among, is_among(place, std::move(input), std::move(items)));
    return any ? std::move(among) : negated(std::move(among));
  }

  Result<Expression> is_among(size_t place, Expression input, std::vector<Expression> items) {
    std::vector<Expression> constants;
    Expression out{.op = Op::kOr, .kind = Kind::kBool, .place = place};
    for (Expression& item : items) {
      if (item.kind == Kind::kStringList) {
        if (is_untyped(input)) TRY_OK(convert(input, Kind::kString));
        if (input.kind != Kind::kString)
          return fault(place, fmt::format("{} is not looked for in a string[]", to_string(input.kind)));
        TRY(looked_for, copy_of(input));
        out.inputs.push_back(combined(Op::kElement, Kind::kBool, place, std::move(looked_for), std::move(item)));
        continue;
      }
      if (is_constant(item)) {
        TRY_OK(check_comparison(place, input, item));
        constants.push_back(std::move(item));
        continue;
      }
      TRY(compared_with, copy_of(input));
      TRY(equal, compared(Op::kEqual, place, std::move(compared_with), std::move(item)));
      out.inputs.push_back(std::move(equal));
    }
    if (items.empty()) {  // nothing is among nothing, not even null; but what can not be calculated still says so
      Expression never{.kind = Kind::kBool, .place = place};
      never.constant = false;
      return combined(Op::kAnd, Kind::kBool, place, of_one(Op::kIsNull, Kind::kBool, place, std::move(input)),
                      std::move(never));
    }
    if (!constants.empty()) out.inputs.push_back(in_set(std::move(input), constants, place));
    if (out.inputs.size() == 1) return std::move(out.inputs.front());
    return out;
  }

  Result<Expression> bind_array(const Node& node) {
    const size_t place = last_place_;
    TRY(items, bind_items(list_at(node, "elements")));
    List list;
    for (Expression& item : items) {
      if (is_untyped(item)) TRY_OK(convert(item, Kind::kString));
      const auto* text = std::get_if<std::string>(&item.constant);
      if (!is_constant(item) || item.kind != Kind::kString)
        return fault(item.place, "an array has constant strings here");
      list.strings.push_back(text == nullptr ? "" : *text);
      list.known.push_back(text != nullptr);
    }
    Expression out{.kind = Kind::kStringList, .place = place};
    out.constant = std::move(list);
    return out;
  }

  Result<Expression> bind_cast(const Node& node) {
    const size_t place = last_place_;
    TRY(input, bind(node["arg"]));
    const Node type = node["typeName"];
    const std::string_view name = last_name(type, "names");
    const bool list = has(type, "arrayBounds");
    const auto kind = list ? (name == "text" || name == "varchar" ? std::optional(Kind::kStringList) : std::nullopt)
                           : cast_kind(name);
    if (!kind || has(type, "typmods"))
      return fault(
          place, fmt::format("a condition casts to bool, bigint, float8, text, timestamp and text[], not to {}{}", name,
                             list                   ? "[]"
                             : has(type, "typmods") ? "(...)"
                                                    : ""));
    if (name == "date" && (!is_untyped(input) || input.kind == Kind::kNull))
      return fault(place, "only constants are cast to date");
    if (is_untyped(input)) {
      TRY_OK(convert(input, *kind));
      if (name == "date") input.constant = midnight_before(std::get<int64_t>(input.constant));
      return input;
    }
    if (input.kind == *kind) return input;
    if (!can_cast(input.kind, *kind))
      return fault(place, fmt::format("{} is not cast to {}", to_string(input.kind), to_string(*kind)));
    return of_one(Op::kCast, *kind, place, std::move(input));
  }

  static std::optional<Kind> cast_kind(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, Kind>, 12> kTypes{{
        {"bool", Kind::kBool},
        {"int2", Kind::kInt64},
        {"int4", Kind::kInt64},
        {"int8", Kind::kInt64},
        {"float4", Kind::kFloat64},
        {"float8", Kind::kFloat64},
        {"numeric", Kind::kFloat64},
        {"text", Kind::kString},
        {"varchar", Kind::kString},
        {"timestamp", Kind::kTimestamp},
        {"timestamptz", Kind::kTimestamp},
        {"date", Kind::kTimestamp},
    }};
    for (const auto& [known, kind] : kTypes) {
      if (name == known) return kind;
    }
    return {};
  }

  static bool can_cast(Kind from, Kind to) {
    const bool plain = is_number(from) || from == Kind::kBool || from == Kind::kTimestamp || from == Kind::kString;
    if (to == Kind::kString) return plain || from == Kind::kJson;
    if (from == Kind::kString) return is_number(to) || to == Kind::kBool || to == Kind::kTimestamp;
    if (is_number(from) && is_number(to)) return true;
    return (from == Kind::kBool && to == Kind::kInt64) || (from == Kind::kInt64 && to == Kind::kBool);
  }

  const Statement& statement_;
  const std::string_view text_;
  const Schema& schema_;
  size_t last_place_ = 0;  // of nodes that do not say where they are
  size_t copied_nodes_ = 0;
};

}  // namespace

Result<Expression> bind(const Tree& tree, const Statement& statement, std::string_view text, const Schema& schema) {
  if (tree.condition() == nullptr) return fault_at(text, 0, "there is no condition");
  return Binder(statement, text, schema).bind_condition(Node(simdjson::dom::element(*tree.condition())));
}

}  // namespace omendb::filter
