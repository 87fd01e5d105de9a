#include "engine/filter/filter.h"

#include "engine/base/try.h"
#include "engine/filter/bind.h"
#include "engine/filter/evaluate.h"
#include "engine/filter/expression.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/parse.h"

#include <algorithm>
#include <utility>

namespace omendb::filter {
namespace {

void collect_columns(const Expression& expression, std::vector<uint32_t>& columns) {
  if (expression.op == Op::kColumn) columns.push_back(expression.column);
  for (const Expression& input : expression.inputs) collect_columns(input, columns);
}

}  // namespace

Filter::Filter(std::string text, std::unique_ptr<const Expression> root, std::vector<uint32_t> columns)
    : text_(std::move(text)), root_(std::move(root)), columns_(std::move(columns)) {}

Filter::~Filter() = default;

Result<std::shared_ptr<const Filter>> Filter::make(const Schema& schema, const Where& where) {
  TRY(statement, make_statement(where));
  TRY(tree, Tree::parse(statement, where.text));
  TRY(root, bind(*tree, statement, where.text, schema));
  std::vector<uint32_t> columns;
  collect_columns(root, columns);
  std::ranges::sort(columns);
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return std::shared_ptr<const Filter>(
      new Filter(std::string(where.text), std::make_unique<const Expression>(std::move(root)), std::move(columns)));
}

Result<void> Filter::evaluate(std::span<const ColumnSpan> columns, uint32_t first_row, std::span<uint64_t> rows) const {
  for (size_t first = 0; first < rows.size(); first += kWordsPerBlock) {
    const size_t count = std::min(kWordsPerBlock, rows.size() - first);
    Bits block{};
    std::ranges::copy(rows.subspan(first, count), block.begin());
    TRY_OK(evaluate_block(*root_, text_, columns, first_row + static_cast<uint32_t>(first * 64), block));
    std::copy_n(block.begin(), count, rows.begin() + static_cast<ptrdiff_t>(first));
  }
  return {};
}

}  // namespace omendb::filter
