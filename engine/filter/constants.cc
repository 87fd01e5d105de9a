#include "engine/filter/constants.h"

#include "engine/filter/float_order.h"
#include "engine/filter/scalar_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

namespace omendb::filter {
namespace {

bool is_null(const Expression& constant) { return std::holds_alternative<std::monostate>(constant.constant); }

// The whole number that equals `value`, if there is one.
std::optional<int64_t> exact_int64(double value) {
  constexpr double kLimit = 9'223'372'036'854'775'808.0;  // 2^63
  if (!(value >= -kLimit && value < kLimit) || value != std::trunc(value)) return {};
  return static_cast<int64_t>(value);
}

std::optional<double> exact_float64(int64_t value) {
  const auto rounded = static_cast<double>(value);
  return exact_int64(rounded) == value ? std::optional(rounded) : std::nullopt;
}

std::optional<int64_t> as_int64(const Expression& constant) {
  if (constant.kind == Kind::kBool) return std::get<bool>(constant.constant) ? 1 : 0;
  if (constant.kind == Kind::kFloat64) return exact_int64(std::get<double>(constant.constant));
  return std::get<int64_t>(constant.constant);
}

std::optional<double> as_float64(const Expression& constant) {
  if (constant.kind == Kind::kInt64) return exact_float64(std::get<int64_t>(constant.constant));
  return std::get<double>(constant.constant);
}

std::optional<std::string> as_string(const Expression& constant) { return std::get<std::string>(constant.constant); }

// The constants that are known, sorted, each once.
template <class T, class Convert, class Less = std::less<T>, class Equal = std::equal_to<T>>
std::vector<T> set_of(const std::vector<Expression>& constants, const Convert& convert, Less less = {},
                      Equal equal = {}) {
  std::vector<T> values;
  for (const Expression& constant : constants) {
    if (is_null(constant)) continue;
    if (auto value = convert(constant)) values.push_back(std::move(*value));
  }
  std::sort(values.begin(), values.end(), less);
  values.erase(std::unique(values.begin(), values.end(), equal), values.end());
  return values;
}

template <class T>
std::string store(Expression& constant, Kind kind, std::optional<T> value) {
  if (!value) return fmt::format("'{}' is no {}", std::get<std::string>(constant.constant), to_string(kind));
  constant.constant = std::move(*value);
  constant.kind = kind;
  constant.untyped = false;
  return "";
}

}  // namespace

std::optional<Expression> constant_of(const Value& value, size_t place) {
  Expression out{.place = place};
  if (const auto* is = std::get_if<bool>(&value.is)) {
    out.kind = Kind::kBool;
    out.constant = *is;
  } else if (const auto* whole = std::get_if<int64_t>(&value.is)) {
    out.kind = Kind::kInt64;
    out.constant = *whole;
  } else if (const auto* real = std::get_if<double>(&value.is)) {
    out.kind = Kind::kFloat64;
    out.constant = *real;
  } else if (const auto* string = std::get_if<std::string>(&value.is)) {
    out.kind = Kind::kString;
    out.constant = *string;
    out.untyped = true;
  } else if (const auto* time = std::get_if<Timestamp>(&value.is)) {
    out.kind = Kind::kTimestamp;
    out.constant = time->microseconds;
  } else if (!std::holds_alternative<std::monostate>(value.is)) {
    return {};
  }
  return out;
}

std::string convert_untyped(Expression& constant, Kind kind) {
  if (constant.kind == Kind::kNull) {
    constant.kind = kind;
    return "";
  }
  const std::string& text = std::get<std::string>(constant.constant);
  switch (kind) {
    case Kind::kBool: return store(constant, kind, bool_of(text));
    case Kind::kInt64: return store(constant, kind, int64_of(text));
    case Kind::kFloat64: return store(constant, kind, float64_of(text));
    case Kind::kTimestamp: return store(constant, kind, timestamp_of(text));
    case Kind::kStringList: return store(constant, kind, list_of(text));
    case Kind::kString: constant.untyped = false; return "";
    default: return fmt::format("a string is no {}", to_string(kind));
  }
}

Expression in_set(Expression input, const std::vector<Expression>& constants, size_t place) {
  Expression out{.op = Op::kIn, .kind = Kind::kBool, .place = place};
  out.null_in_set = std::ranges::any_of(constants, is_null);
  if (input.kind == Kind::kFloat64) {
    out.set = set_of<double>(constants, as_float64, LessFloat(), EqualFloat());
  } else if (input.kind == Kind::kString) {
    out.set = set_of<std::string>(constants, as_string);
  } else {
    out.set = set_of<int64_t>(constants, as_int64);
  }
  out.inputs.push_back(std::move(input));
  return out;
}

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::kNull: return "null";
    case Kind::kBool: return "bool";
    case Kind::kInt64: return "int64";
    case Kind::kFloat64: return "float64";
    case Kind::kTimestamp: return "timestamp";
    case Kind::kString: return "string";
    case Kind::kStringList: return "string[]";
    case Kind::kJson: return "json";
    case Kind::kVector: return "vector";
  }
  return "unknown";
}

}  // namespace omendb::filter
