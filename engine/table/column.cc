#include "engine/table/column.h"

#include "engine/base/try.h"
#include "engine/table/dead_rows.h"
#include "engine/table/row_vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace omendb::table {
namespace {

uint64_t end_of(const storage::Mapping& ends, uint32_t row) {
  uint64_t end = 0;
  std::memcpy(&end, ends.data() + uint64_t{row} * sizeof(end), sizeof(end));
  return end;
}

bool is_dead(const LiveBitmap& live, uint64_t region) {
  return (region + 1) * DeadRows::kRowsPerRegion <= live.row_count() &&
         is_dead_region(live, static_cast<uint32_t>(region));
}

// Of a row of several vectors; where rows before a dead one are gone, by its end alone.
bool ends_whole(const ColumnSpec& spec, uint64_t previous, uint64_t end, bool dead) {
  if (dead) return end % (uint64_t{spec.vector.dims} * sizeof(float)) == 0;
  return are_whole_vectors(end - previous, spec.vector.dims);
}

// Ends never fall and stay inside the bytes, and values of vectors are whole: checked once at open, so that readers need not. Of dead regions only the last one of all before
// a living region counts (extents_of): the others may be gone.
Result<void> check_ends(const storage::AppendArray& ends, uint64_t byte_count, const LiveBitmap& live,
                        const ColumnSpec& spec) {
  const auto mapping = ends.mapping();
  uint64_t previous = 0;
  for (uint64_t row = 0; row < live.row_count(); ++row) {
    bool dead = false;
    if (row % DeadRows::kRowsPerRegion == 0 && is_dead(live, row / DeadRows::kRowsPerRegion)) {
      row += DeadRows::kRowsPerRegion - 1;
      if (is_dead(live, row / DeadRows::kRowsPerRegion + 1)) continue;
      dead = true;
    }
    const uint64_t end = end_of(*mapping, static_cast<uint32_t>(row));
    if (end < previous || end > byte_count) {
      return Error{ErrorCode::kCorruption, fmt::format("column '{}': row {} ends at byte {} of {}, after {}", spec.name,
                                                       row, end, byte_count, previous)};
    }
    if (spec.type == Type::kVectors && !ends_whole(spec, previous, end, dead)) {
      return Error{ErrorCode::kCorruption, fmt::format("column '{}': row {} has {} bytes, which are not whole vectors",
                                                       spec.name, row, end - previous)};
    }
    previous = end;
  }
  return {};
}

}  // namespace

int64_t ColumnReader::int64(RowId row) const {
  int64_t value = 0;
  std::memcpy(&value, fixed(row), sizeof(value));
  return value;
}

column::Arrays ColumnReader::arrays() const {
  const auto first = [](const std::shared_ptr<const storage::Mapping>& array) {
    return array == nullptr ? nullptr : array->data();
  };
  return {first(values_), first(ends_), first(chars_), first(validity_)};
}

// What ends at the last row is where the next one begins: that entry of `ends` stays, with its extent.
std::vector<ColumnReader::ArrayExtents> ColumnReader::extents_of(RowRange rows) const {
  std::vector<ArrayExtents> extents;
  if (rows.first >= rows.end) return extents;
  const auto add = [&extents](Part part, uint64_t begin_bytes, uint64_t end_bytes) {
    const uint64_t first = (begin_bytes + storage::kExtentBytes - 1) / storage::kExtentBytes;
    const uint64_t end = end_bytes / storage::kExtentBytes;
    if (first < end) extents.push_back({part, first, end - first});
  };
  if (values_ != nullptr) add(Part::kValues, uint64_t{rows.first} * array_width_, uint64_t{rows.end} * array_width_);
  if (validity_ != nullptr) add(Part::kValidity, rows.first, rows.end);
  if (ends_ == nullptr) return extents;
  add(Part::kEnds, uint64_t{rows.first} * sizeof(uint64_t), uint64_t{rows.end - 1} * sizeof(uint64_t));
  add(Part::kBytes, rows.first == 0 ? 0 : end_of(*ends_, rows.first - 1), end_of(*ends_, rows.end - 1));
  return extents;
}

std::string_view ColumnReader::bytes(RowId row) const {
  const uint64_t begin = row.value == 0 ? 0 : end_of(*ends_, row.value - 1);
  return {reinterpret_cast<const char*>(chars_->data()) + begin,
          static_cast<size_t>(end_of(*ends_, row.value) - begin)};
}

namespace {

Error wrong_length(const ColumnSpec& spec, const storage::AppendArray& array, uint32_t row_count, uint64_t expected) {
  return {ErrorCode::kCorruption, fmt::format("column '{}' holds {} bytes where {} rows need {}", spec.name,
                                              array.size_bytes(), row_count, expected)};
}

}  // namespace

Result<void> Column::open_values(const ColumnSpec& spec, uint32_t row_count) {
  const auto space = is_searched_by_vector(spec) ? storage::SpaceKind::kOwn : storage::SpaceKind::kShared;
  TRY(values, store_->append_array(array_id(storage_, index_, Part::kValues), space));
  values_ = values;
  const uint64_t expected = uint64_t{row_count} * array_width_;
  return values->size_bytes() == expected ? Result<void>() : wrong_length(spec, *values, row_count, expected);
}

Result<void> Column::open_bytes(const ColumnSpec& spec, const LiveBitmap& live) {
  const uint32_t row_count = live.row_count();
  TRY(ends, store_->append_array(array_id(storage_, index_, Part::kEnds), storage::SpaceKind::kShared));
  TRY(chars, store_->append_array(array_id(storage_, index_, Part::kBytes), storage::SpaceKind::kShared));
  ends_ = ends;
  chars_ = chars;
  if (ends->size_bytes() != uint64_t{row_count} * sizeof(uint64_t))
    return wrong_length(spec, *ends, row_count, uint64_t{row_count} * sizeof(uint64_t));
  TRY_OK(check_ends(*ends, chars->size_bytes(), live, spec));
  const uint64_t used = row_count == 0 ? 0 : end_of(*ends->mapping(), row_count - 1);
  return chars->size_bytes() == used ? Result<void>() : wrong_length(spec, *chars, row_count, used);
}

Result<Column> Column::open(storage::Store& store, StorageId storage, uint32_t index, const ColumnSpec& spec,
                            const LiveBitmap& live) {
  const uint32_t row_count = live.row_count();
  Column column;
  column.store_ = &store;
  column.storage_ = storage;
  column.index_ = index;
  column.width_ = fixed_width(spec);
  column.array_width_ = table::array_width(spec);
  if (column.array_width_ != 0) TRY_OK(column.open_values(spec, row_count));
  if (column.width_ == 0) TRY_OK(column.open_bytes(spec, live));
  if (store.array_bytes(array_id(storage, index, Part::kValidity)) != 0) {
    TRY(validity, store.append_array(array_id(storage, index, Part::kValidity), storage::SpaceKind::kShared));
    column.validity_ = validity;
    if (validity->size_bytes() != row_count) return wrong_length(spec, *validity, row_count, row_count);
  }
  return column;
}

// The first null of a column: from now on every row has a validity byte.
Result<void> Column::start_validity(uint32_t row_count) {
  TRY(validity, store_->append_array(array_id(storage_, index_, Part::kValidity), storage::SpaceKind::kShared));
  TRY_OK(validity->reserve(row_count));
  TRY_OK(validity->append(std::vector<std::byte>(row_count, std::byte{1})));
  validity_ = validity;
  return {};
}

Result<void> Column::reserve(const RowsColumn& rows, uint32_t row_count, uint32_t added_count) {
  if (rows.nulls != Nulls::kNone && validity_ == nullptr) TRY_OK(start_validity(row_count));
  if (validity_ != nullptr) TRY_OK(validity_->reserve(added_count));
  if (values_ != nullptr) TRY_OK(values_->reserve(uint64_t{added_count} * array_width_));
  if (ends_ == nullptr) return {};
  TRY_OK(ends_->reserve(uint64_t{added_count} * sizeof(uint64_t)));
  return chars_->reserve(rows.values.size());
}

Result<void> Column::append_ends(const RowsColumn& rows, uint32_t added_count) {
  std::vector<uint64_t> ends(added_count);
  uint64_t end = chars_->size_bytes();
  for (uint32_t row = 0; row < added_count; ++row) ends[row] = end += rows.nulls == Nulls::kAll ? 0 : rows.length(row);
  return ends_->append(std::as_bytes(std::span(ends)));
}

Result<void> Column::append(const RowsColumn& rows, [[maybe_unused]] uint32_t row_count, uint32_t added_count) {
  if (validity_ != nullptr) {
    assert(validity_->size_bytes() == row_count);
    if (rows.nulls == Nulls::kSome) {
      TRY_OK(validity_->append(rows.validity));
    } else {
      TRY_OK(validity_->append(
          std::vector<std::byte>(added_count, rows.nulls == Nulls::kAll ? std::byte{0} : std::byte{1})));
    }
  }
  if (ends_ != nullptr) {
    TRY_OK(append_ends(rows, added_count));
    TRY_OK(chars_->append(rows.values));
  }
  if (values_ == nullptr) return {};
  if (rows.nulls == Nulls::kAll) return values_->append(std::vector<std::byte>(added_count * array_width_));
  const std::span<const std::byte> values = width_ != 0 ? rows.values : rows.encodings;
  assert(values.size() == added_count * array_width_);
  return values_->append(values);
}

void Column::truncate(uint32_t row_count) {
  if (validity_ != nullptr) validity_->truncate(row_count);
  if (values_ != nullptr) values_->truncate(uint64_t{row_count} * array_width_);
  if (ends_ == nullptr) return;
  ends_->truncate(uint64_t{row_count} * sizeof(uint64_t));
  chars_->truncate(row_count == 0 ? 0 : end_of(*ends_->mapping(), row_count - 1));
}

ColumnReader Column::reader() const {
  ColumnReader reader;
  reader.width_ = width_;
  reader.array_width_ = array_width_;
  if (values_ != nullptr) reader.values_ = values_->mapping();
  if (ends_ != nullptr) reader.ends_ = ends_->mapping();
  if (chars_ != nullptr) reader.chars_ = chars_->mapping();
  if (validity_ != nullptr) reader.validity_ = validity_->mapping();
  return reader;
}

uint64_t Column::disk_bytes(const storage::Store& store) const {
  uint64_t total = 0;
  for (const Part part : {Part::kValues, Part::kEnds, Part::kBytes, Part::kValidity})
    total += store.array_disk_bytes(array_id(storage_, index_, part));
  return total;
}

}  // namespace omendb::table
