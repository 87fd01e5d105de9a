#pragma once

// Constants: from parameters, and made into other kinds.

#include <omendb/filter.h>

#include "engine/filter/expression.h"

#include <optional>
#include <string>

namespace omendb::filter {

// A parameter that is not a list of values; nothing if it is one. Strings take the type of what they meet, as strings in the text do.
std::optional<Expression> constant_of(const Value& value, size_t place);

// Makes a constant of `kind` out of an untyped string or a null. Returns what is wrong, or "".
std::string convert_untyped(Expression& constant, Kind kind);

// `input IN (constants)`, all of them of a kind that compares with the input's. Constants that can not equal any value of the input are dropped.
Expression in_set(Expression input, const std::vector<Expression>& constants, size_t place);

}  // namespace omendb::filter
