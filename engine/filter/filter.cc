#include "engine/filter/filter.h"

#include "engine/base/try.h"
#include "engine/filter/bind.h"
#include "engine/filter/evaluate.h"
#include "engine/filter/evaluate_indexed.h"
#include "engine/filter/expression.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/parse.h"
#include "engine/filter/shortcut.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace omendb::filter {
namespace {

enum class Parts : uint8_t { kAll, kBesideSources };

void collect_columns(const Expression& expression, Parts parts, std::vector<uint32_t>& columns) {
  if (parts == Parts::kBesideSources && expression.source != UINT32_MAX) return;
  if (expression.op == Op::kColumn) columns.push_back(expression.column);
  for (const Expression& input : expression.inputs) collect_columns(input, parts, columns);
}

std::vector<uint32_t> columns_of(const Expression& expression, Parts parts) {
  std::vector<uint32_t> columns;
  collect_columns(expression, parts, columns);
  std::ranges::sort(columns);
  columns.erase(std::unique(columns.begin(), columns.end()), columns.end());
  return columns;
}

void collect_sources(Expression& expression, std::vector<column::Source>& sources) {
  for (Expression& input : expression.inputs) collect_sources(input, sources);
  const Shortcut* const shortcut = expression.asked_of_index();
  if (shortcut == nullptr) return;
  auto wanted = indexed_source(*shortcut);
  if (!wanted) return;
  const auto found = std::ranges::find(sources, *wanted);
  expression.source = static_cast<uint32_t>(found - sources.begin());
  if (found == sources.end()) sources.push_back(*std::move(wanted));
}

void append_bytes(std::string& key, const void* bytes, size_t size) {
  key.append(static_cast<const char*>(bytes), size);
}

void append_string(std::string& key, std::string_view string) {
  const size_t size = string.size();
  append_bytes(key, &size, sizeof size);
  key += string;
}

// What kind it is, then its bytes; strings and lists begin with their sizes.
void append_value(std::string& key, const Value& value) {
  key += static_cast<char>(value.is.index());
  std::visit(
      [&key](const auto& is) {
        using T = std::decay_t<decltype(is)>;
        if constexpr (std::is_same_v<T, std::string>) {
          append_string(key, is);
        } else if constexpr (std::is_same_v<T, ValueList>) {
          const size_t count = is.size();
          append_bytes(key, &count, sizeof count);
          for (const Value& item : is) {
            if (key.size() <= kKeyBytesMax) append_value(key, item);
          }
        } else if constexpr (!std::is_same_v<T, std::monostate>) {
          append_bytes(key, &is, sizeof is);
        }
      },
      value.is);
}

}  // namespace

std::string Filter::key_of(const Where& where) {
  std::string key;
  if (where.text.size() > kKeyBytesMax) return key;
  append_string(key, where.text);
  for (const Value& value : where.values) {
    if (key.size() <= kKeyBytesMax) append_value(key, value);
  }
  for (const Where::Named& named : where.named) {
    if (key.size() > kKeyBytesMax) break;
    key += 'n';  // no kind of a value
    append_string(key, named.name);
    append_value(key, named.value);
  }
  if (key.size() > kKeyBytesMax) key.clear();
  return key;
}

Filter::Filter(const Where& where, std::unique_ptr<const Expression> root, std::vector<column::Source> sources)
    : text_(where.text),
      key_(key_of(where)),
      row_cost_(std::max(1U, filter::row_cost(*root))),
      root_(std::move(root)),
      columns_(columns_of(*root_, Parts::kAll)),
      sources_(std::move(sources)),
      columns_beside_sources_(columns_of(*root_, Parts::kBesideSources)) {}

Filter::~Filter() = default;

unsigned Filter::row_cost(std::span<const column::IndexView> views, size_t block) const {
  return uses_index(*root_, views, block) ? row_cost_left(*root_, views, block) : row_cost_;
}

Result<std::shared_ptr<const Filter>> Filter::make(const Schema& schema, const Where& where) {
  TRY(statement, make_statement(where));
  TRY(tree, Tree::parse(statement, where.text));
  TRY(root, bind(*tree, statement, where.text, schema));
  find_shortcuts(root);
  std::vector<column::Source> sources;
  collect_sources(root, sources);
  return std::shared_ptr<const Filter>(
      new Filter(where, std::make_unique<const Expression>(std::move(root)), std::move(sources)));
}

Result<void> Filter::evaluate(std::span<const ColumnSpan> columns, uint32_t first_row, std::span<uint64_t> rows,
                              const Indexes& indexes) const {
  BlockBuffers buffers;
  const Asked asked{text_, columns, indexes.read_cost, buffers};
  const size_t indexed_block = first_row / column::kRowsPerBlock;
  if (first_row % column::kRowsPerBlock == 0 && rows.size() == column::kWordsPerBlock &&
      uses_index(*root_, indexes.views, indexed_block))
    return evaluate_indexed(*root_, asked, indexes.views, indexed_block, rows);
  for (size_t first = 0; first < rows.size(); first += kWordsPerBlock) {
    const size_t count = std::min(kWordsPerBlock, rows.size() - first);
    Bits block{};
    std::ranges::copy(rows.subspan(first, count), block.begin());
    TRY_OK(evaluate_block(*root_, asked, first_row + static_cast<uint32_t>(first * 64), block));
    std::copy_n(block.begin(), count, rows.begin() + static_cast<ptrdiff_t>(first));
  }
  return {};
}

}  // namespace omendb::filter
