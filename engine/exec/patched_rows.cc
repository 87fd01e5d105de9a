#include "engine/exec/patched_rows.h"

#include "engine/base/try.h"
#include "engine/column/block_bits.h"

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace omendb::exec {
namespace {

using table::LiveBitmap;
using Block = LiveBitmap::Block;

bool test_bit(const Block& block, uint32_t bit) { return (block[bit / 64] >> (bit % 64) & 1) != 0; }

// Where the bytes of each value end.
std::span<const std::byte> ends_of(const table::RowsColumn& column, size_t row_count, table::Rows& owner) {
  const std::span<std::byte> ends = owner.own(row_count * sizeof(uint64_t));
  uint64_t end = 0;
  for (size_t i = 0; i < row_count; ++i) {
    end += column.nulls == table::Nulls::kAll ? 0 : column.length(i);
    std::memcpy(ends.data() + i * sizeof(end), &end, sizeof(end));
  }
  return ends;
}

// A column of its own for `rows`; a condition asks of vectors only whether they are null.
filter::ColumnSpan copied_column(const table::ColumnValues& values, Type type, std::span<const RowId> rows,
                                 table::Rows& owner) {
  if (type == Type::kVector || type == Type::kVectors || type == Type::kSparse) {
    const std::span<std::byte> validity = owner.own(rows.size());
    for (size_t i = 0; i < rows.size(); ++i) validity[i] = values.is_null(rows[i]) ? std::byte{0} : std::byte{1};
    return {.values = nullptr, .ends = nullptr, .chars = nullptr, .validity = validity.data()};
  }
  const table::RowsColumn column = values.copy(rows, owner);
  filter::ColumnSpan span;
  if (column.nulls == table::Nulls::kSome) span.validity = column.validity.data();
  if (column.nulls == table::Nulls::kAll) span.validity = owner.own(rows.size()).data();
  if (values.width() != 0) {
    span.values =
        column.nulls == table::Nulls::kAll ? owner.own(rows.size() * values.width()).data() : column.values.data();
  } else {
    span.ends = ends_of(column, rows.size(), owner).data();
    span.chars = column.values.data();
  }
  return span;
}

}  // namespace

Reads reads_of(const filter::Filter& filter, const Schema& schema) {
  bool metadata = false;
  bool others = false;
  for (const uint32_t column : filter.columns())
    (table::is_metadata(schema.columns[column]) ? metadata : others) = true;
  if (!metadata) return Reads::kOthers;
  return others ? Reads::kBoth : Reads::kMetadata;
}

// A part of them, so that copies of their values stay small.
Result<void> evaluate_some(const table::TableVersion& version, const filter::Filter& filter, uint32_t first_slot,
                           std::span<uint64_t> slots) {
  std::vector<RowId> rows;
  column::for_each_bit(slots, [&](uint32_t bit) { rows.push_back(version.patches->row_of(first_slot + bit)); });
  if (rows.empty()) return {};
  table::Rows owner;
  std::vector<filter::ColumnSpan> columns(version.columns.size());
  for (const uint32_t c : filter.columns())
    columns[c] = copied_column(version.values(c), version.info->schema.columns[c].type, rows, owner);
  Block passing{};
  for (uint32_t i = 0; i < rows.size(); ++i) passing[i / 64] |= uint64_t{1} << (i % 64);
  TRY_OK(filter.evaluate(columns, 0, std::span(passing).first((rows.size() + 63) / 64)));
  uint32_t i = 0;
  column::for_each_bit(slots, [&](uint32_t bit) {
    if (!test_bit(passing, i++)) slots[bit / 64] &= ~(uint64_t{1} << (bit % 64));
  });
  return {};
}

Result<void> evaluate_patched(const table::TableVersion& version, const filter::Filter& filter, uint32_t first_slot,
                              Block& slots, base::Stop* stop) {
  constexpr uint32_t kWordsAtOnce = 16;
  for (uint32_t w = 0; w < LiveBitmap::kWordsPerBlock; w += kWordsAtOnce) {
    if (base::asked(stop)) return stop->error();
    TRY_OK(evaluate_some(version, filter, first_slot + 64 * w, std::span(slots).subspan(w, kWordsAtOnce)));
  }
  return {};
}

LiveBitmap with_rows_of(const table::Patches& patches, const LiveBitmap& slots, const LiveBitmap& among,
                        const LiveBitmap& rows) {
  std::vector<std::shared_ptr<const Block>> blocks(rows.blocks().begin(), rows.blocks().end());
  std::vector<Block*> owned(blocks.size());
  slots.for_each([&](RowId slot) {
    const RowId row = patches.row_of(slot.value);
    if (!among.contains(row)) return;
    const uint32_t b = row.value / LiveBitmap::kRowsPerBlock;
    if (owned[b] == nullptr) {
      auto block = std::make_shared<Block>(*blocks[b]);
      owned[b] = block.get();
      blocks[b] = std::move(block);
    }
    const uint32_t bit = row.value % LiveBitmap::kRowsPerBlock;
    (*owned[b])[bit / 64] |= uint64_t{1} << (bit % 64);
  });
  LiveBitmap all;
  all.assign(rows.row_count(), std::move(blocks));
  return all;
}

}  // namespace omendb::exec
