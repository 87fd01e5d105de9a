#pragma once

// A condition as its author wrote it, made into a statement that PostgreSQL's grammar knows.

#include <omendb/filter.h>
#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::filter {

// The statement "SELECT WHERE (...)" for a condition. Parameters become $1, $2, ...; `in tags` and `in ?` get their parentheses.
struct Statement {
  std::string sql;
  std::vector<const Value*> parameters;  // of $1, $2, ...

  // Where in the author's text a byte of `sql` comes from.
  size_t place_of(size_t sql_offset) const;

  struct Insertion {
    size_t sql_end;  // from here on, places lie `shift` bytes ahead of the text's
    ptrdiff_t shift;
  };
  std::vector<Insertion> insertions;
};

// Fails: kInvalidArgument for what can not be a condition whatever the schema: too long, not UTF-8, too deep, parentheses or quotes that do not match, parameters
// without values and values without parameters.
Result<Statement> make_statement(const Where& where);

// "where, character 7: what (near 'price <')": places are told in characters, from 1, with some of the text.
Error fault_at(std::string_view text, size_t offset_bytes, const std::string& what,
               ErrorCode code = ErrorCode::kInvalidArgument);

}  // namespace omendb::filter
