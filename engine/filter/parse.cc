#include "engine/filter/parse.h"

#include "engine/filter/characters.h"

#include <fmt/format.h>
#include <pg_query.h>

#include <string>

namespace omendb::filter {
namespace {

struct ParserAnswer {
  PgQueryParseResult result;
  explicit ParserAnswer(const std::string& sql) : result(pg_query_parse(sql.c_str())) {}
  ~ParserAnswer() { pg_query_free_parse_result(result); }
  ParserAnswer(const ParserAnswer&) = delete;
  ParserAnswer& operator=(const ParserAnswer&) = delete;
};

// Of a character, from 1, in bytes.
size_t offset_of(std::string_view sql, int character) {
  size_t offset = 0;
  for (int left = character; offset < sql.size(); ++offset) {
    if (begins_character(sql[offset]) && --left <= 0) break;
  }
  return offset;
}

// "SELECT WHERE (...)" and nothing else.
bool is_condition_alone(const simdjson::dom::object& select) {
  for (const auto& [key, value] : select) {
    if (key != "whereClause" && key != "limitOption" && key != "op") return false;
  }
  return true;
}

}  // namespace

Result<std::unique_ptr<Tree>> Tree::parse(const Statement& statement, std::string_view text) {
  const ParserAnswer answer(statement.sql);
  if (const PgQueryError* error = answer.result.error; error != nullptr) {
    const size_t place = statement.place_of(offset_of(statement.sql, error->cursorpos));
    return fault_at(text, place, place >= text.size() ? "the condition is not complete" : error->message);
  }
  auto tree = std::make_unique<Tree>();
  simdjson::dom::element root;
  simdjson::dom::array statements;
  simdjson::dom::object select;
  const std::string_view json(answer.result.parse_tree);
  if (tree->parser_.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS ||
      root["stmts"].get(statements) != simdjson::SUCCESS)
    return fault_at(text, 0, "this condition is too deep");
  if (statements.size() != 1 || statements.at(0)["stmt"]["SelectStmt"].get(select) != simdjson::SUCCESS ||
      !is_condition_alone(select))
    return fault_at(text, 0, "this is not one condition");
  tree->empty_ = select["whereClause"].get(tree->condition_) != simdjson::SUCCESS;
  return tree;
}

}  // namespace omendb::filter
