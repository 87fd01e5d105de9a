#include "engine/exec/rows_where.h"

#include "engine/base/try.h"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace omendb::exec {
namespace {

filter::ColumnSpan span_of(const table::ColumnReader& column) {
  const table::ColumnReader::Arrays arrays = column.arrays();
  return {.values = arrays.values, .ends = arrays.ends, .chars = arrays.chars, .validity = arrays.validity};
}

}  // namespace

Result<table::LiveBitmap> rows_where(const table::TableVersion& version, const filter::Filter& filter,
                                     const table::LiveBitmap& among) {
  using Block = table::LiveBitmap::Block;
  try {
    std::vector<filter::ColumnSpan> columns(version.columns.size());
    for (const uint32_t column : filter.columns()) columns[column] = span_of(version.columns[column]);
    std::vector<std::shared_ptr<const Block>> blocks;
    blocks.reserve(among.blocks().size());
    for (const auto& block : among.blocks()) {
      const auto first_row = static_cast<uint32_t>(blocks.size()) * table::LiveBitmap::kRowsPerBlock;
      auto passing = std::make_shared<Block>(*block);
      TRY_OK(filter.evaluate(columns, first_row, *passing));
      blocks.push_back(std::move(passing));
    }
    table::LiveBitmap rows;
    rows.assign(among.row_count(), std::move(blocks));
    return rows;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

Result<table::LiveBitmap> rows_where(const table::TableVersion& version, const Where& where,
                                     const table::LiveBitmap& among) {
  if (where.text.empty()) return among;
  TRY(filter, filter::Filter::make(version.info->schema, where));
  return rows_where(version, *filter, among);
}

}  // namespace omendb::exec
