#pragma once

// PostgreSQL's parser: a statement in, its tree out.

#include <omendb/status.h>

#include "engine/filter/filter_text.h"

#include <simdjson.h>

#include <memory>
#include <string_view>

namespace omendb::filter {

// A tree of one condition, as libpg_query's JSON: nodes are objects of one member, its name says what they are.
class Tree {
 public:
  // Fails: kInvalidArgument, with the parser's words and the place in `text`, what the author wrote.
  static Result<std::unique_ptr<Tree>> parse(const Statement& statement, std::string_view text);

  // What stands behind WHERE; nothing where nothing does.
  const simdjson::dom::element* condition() const { return empty_ ? nullptr : &condition_; }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element condition_;
  bool empty_ = true;
};

}  // namespace omendb::filter
