#pragma once

// The parser's tree against a schema.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/filter/expression.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/parse.h"

#include <string_view>

namespace omendb::filter {

// An expression of kind kBool. Fails: kInvalidArgument, kSchema, with the place in `text`.
Result<Expression> bind(const Tree& tree, const Statement& statement, std::string_view text, const Schema& schema);

}  // namespace omendb::filter
