// What a table reads from the root when it is opened, and what it writes there at a checkpoint.

#include "engine/base/try.h"
#include "engine/table/row_vectors.h"
#include "engine/table/table_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace omendb::table {
namespace {

constexpr size_t kBlocksPerExtent = storage::kExtentBytes / LiveBitmap::kBlockBytes;
static_assert(graph::Graph::kBlockBytes == storage::kExtentBytes, "a block of the graph is written as one extent");

storage::ArrayId graph_array(StorageId storage, size_t column, graph::Graph::Stream stream) {
  return array_id(storage, static_cast<uint32_t>(column), graph_part(stream));
}

storage::ArrayId live_rows_array(StorageId storage) { return array_id(storage, kTableColumn, Part::kLiveRows); }

uint32_t block_count(uint32_t row_count) {
  return row_count / LiveBitmap::kRowsPerBlock + (row_count % LiveBitmap::kRowsPerBlock != 0 ? 1 : 0);
}

bool has_bits_past_end(const LiveBitmap& live) {
  bool past = false;
  if (live.row_count() % LiveBitmap::kRowsPerBlock == 0) return false;
  live.for_each([&](RowId row) { past = past || row.value >= live.row_count(); });
  return past;
}

}  // namespace

Result<void> TableStore::load_live_rows(const TableSummary& summary, LiveBitmap& live) const {
  const auto corrupt = [this](std::string_view what) {
    return Error{ErrorCode::kCorruption, fmt::format("table '{}': the live rows {}", info_->name, what)};
  };
  const uint32_t blocks = block_count(summary.row_count);
  const storage::ArrayId array = live_rows_array(info_->storage);
  if (store_.array_bytes(array) != uint64_t{blocks} * LiveBitmap::kBlockBytes) return corrupt("have the wrong length");
  std::vector<std::byte> extent(storage::kExtentBytes);
  std::vector<std::shared_ptr<const LiveBitmap::Block>> loaded;
  for (uint32_t first = 0; first < blocks; first += kBlocksPerExtent) {
    const size_t count = std::min<size_t>(kBlocksPerExtent, blocks - first);
    TRY_OK(store_.read(array, uint64_t{first} * LiveBitmap::kBlockBytes,
                       std::span(extent).first(count * LiveBitmap::kBlockBytes)));
    for (size_t b = 0; b < count; ++b) {
      auto block = std::make_shared<LiveBitmap::Block>();
      std::copy_n(extent.begin() + static_cast<ptrdiff_t>(b * LiveBitmap::kBlockBytes), LiveBitmap::kBlockBytes,
                  std::as_writable_bytes(std::span(*block)).begin());
      loaded.push_back(std::move(block));
    }
  }
  live.assign(summary.row_count, std::move(loaded));
  if (live.live_count() != summary.live_count) return corrupt("are not as many as the root says");
  if (has_bits_past_end(live)) return corrupt("reach past the last row");
  return {};
}

// Vector columns with rows that have none need bits of their own; they follow from the live rows and the column's validity.
Result<void> TableStore::load_graphs(const TableSummary& summary, TableVersion& version) {
  size_t next = 0;
  for (uint32_t c = 0; c < info_->schema.columns.size(); ++c) {
    const ColumnSpec& spec = info_->schema.columns[c];
    if (!is_searched_by_vector(spec)) continue;
    if (next == summary.vectors.size())
      return Error{ErrorCode::kCorruption, fmt::format("table '{}': the root misses a graph", info_->name)};
    const TableSummary::VectorIndexSummary& saved = summary.vectors[next++];
    const VectorOptions vectors = graph_vectors(spec);
    const auto encoding = make_encoding(spec);
    auto index = std::make_shared<VectorIndex>(c, vectors, encoding);
    const auto source = [&](graph::Graph::Stream stream, uint64_t block, std::span<std::byte> into) {
      return store_.read(graph_array(info_->storage, c, stream), block * storage::kExtentBytes, into);
    };
    const bool plausible = saved.watermark <= summary.row_count && saved.shape.row_count <= summary.row_count;
    Result<void> loaded = plausible ? index->graph().load(saved.shape, vectors.dims, source)
                                    : Error{ErrorCode::kCorruption, "the graph is larger than its table"};
    if (loaded.ok()) {
      index->start_at(saved.watermark, version.live);
      index->graph().release_regions(saved.watermark);
      index->set_calibration(saved.calibration);
    } else if (loaded.error().code == ErrorCode::kCorruption) {
      index = std::make_shared<VectorIndex>(c, vectors, encoding);
      index->start_at(0, version.live);
    } else {
      return loaded;
    }
    VectorColumnVersion column{std::move(index), version.live};
    if (!version.columns[c].all_have_vectors()) {
      version.live.for_each([&](RowId row) {
        if (!version.columns[c].has_vector(row)) column.searchable.erase(row);
      });
    }
    version.vectors.push_back(std::move(column));
  }
  return {};
}

Result<void> TableStore::write_live_rows(storage::Checkpoint& checkpoint, const LiveBitmap& live) const {
  const auto blocks = live.blocks();
  const auto old = checkpointed_live_.blocks();
  const storage::ArrayId array = live_rows_array(info_->storage);
  std::vector<std::byte> extent;
  for (size_t first = 0; first < blocks.size(); first += kBlocksPerExtent) {
    const size_t last = std::min(blocks.size(), first + kBlocksPerExtent);
    const bool unchanged =
        last <= old.size() &&
        std::equal(blocks.begin() + static_cast<ptrdiff_t>(first), blocks.begin() + static_cast<ptrdiff_t>(last),
                   old.begin() + static_cast<ptrdiff_t>(first)) &&
        (last < blocks.size() || blocks.size() == old.size());
    if (unchanged) continue;
    extent.clear();
    for (size_t b = first; b < last; ++b) {
      const auto bytes = std::as_bytes(std::span(*blocks[b]));
      extent.insert(extent.end(), bytes.begin(), bytes.end());
    }
    TRY_OK(checkpoint.write(array, first * LiveBitmap::kBlockBytes, extent));
  }
  checkpoint.set_array_bytes(array, blocks.size() * LiveBitmap::kBlockBytes);
  return {};
}

namespace {

bool all_inside(const std::vector<RowRange>& inner, const std::vector<RowRange>& outer) {
  return std::all_of(inner.begin(), inner.end(), [&outer](const RowRange& rows) {
    return std::any_of(outer.begin(), outer.end(), [&rows](const RowRange& around) {
      return around.first <= rows.first && rows.end <= around.end;
    });
  });
}

}  // namespace

// Regions whose bytes nobody needs, joined where they touch: dead for every version there is and will be, and no longer in a graph, whose walks and repairs read
// the vectors of dead rows. Graph workers are paused, and never link a row that was forgotten, so what holds now holds for good.
std::vector<RowRange> TableStore::dead_ranges(const TableVersion& version) const {
  std::vector<RowRange> ranges;
  auto known = released_.begin();
  for (const uint32_t region : dead_rows_->regions(version.live)) {
    const RowRange rows{region * DeadRows::kRowsPerRegion, (region + 1) * DeadRows::kRowsPerRegion};
    while (known != released_.end() && known->end <= rows.first) ++known;
    const bool was_released = known != released_.end() && known->first <= rows.first;
    const bool in_graph =
        !was_released && std::any_of(version.vectors.begin(), version.vectors.end(), [&](const auto& column) {
          for (uint32_t row = rows.first; row < rows.end; ++row) {
            if (column.index->graph().contains({row})) return true;
          }
          return false;
        });
    if (in_graph) continue;
    if (!ranges.empty() && ranges.back().end == rows.first) {
      ranges.back().end = rows.end;
    } else {
      ranges.push_back(rows);
    }
  }
  return ranges;
}

// Whole ranges each time, not what is new: where two join, the extents between them go too. What is gone already is no work.
Result<void> TableStore::release_dead_rows(storage::Checkpoint& checkpoint, const TableVersion& version) {
  releasing_ = dead_ranges(version);
  if (releasing_ == released_) return {};
  // Otherwise a range could begin behind an end that is gone (ColumnReader::extents_of).
  assert(all_inside(released_, releasing_) && "what is dead stays dead");
  for (const RowRange rows : releasing_) {
    for (uint32_t c = 0; c < version.columns.size(); ++c) {
      for (const ColumnReader::ArrayExtents& extents : version.columns[c].extents_of(rows)) {
        TRY_OK(checkpoint.release_extents(array_id(info_->storage, c, extents.part), extents.first, extents.count));
      }
    }
  }
  return {};
}

Result<TableSummary> TableStore::write_checkpoint(storage::Checkpoint& checkpoint, const TableVersion& version) {
  TableSummary summary;
  summary.row_count = version.row_count();
  summary.live_count = version.live.live_count();
  if (version.patches) {
    summary.patch_storage = version.patches->storage;
    summary.patch_slot_count = version.patches->slot_count();
  }
  TRY_OK(write_live_rows(checkpoint, version.live));
  for (const VectorColumnVersion& column : version.vectors) {
    graph::Graph& graph = column.index->graph();
    const auto write_block = [&](graph::Graph::Stream stream, uint64_t block, std::span<const std::byte> bytes) {
      written_blocks_.push_back({column.index.get(), stream, block});
      return checkpoint.write(graph_array(info_->storage, column.index->column(), stream),
                              block * storage::kExtentBytes, bytes);
    };
    TRY_OK(graph.copy_changed_blocks(write_block));
    const graph::Graph::Shape shape = graph.shape();
    for (const graph::Graph::Stream stream : graph::Graph::kStreams) {
      checkpoint.set_array_bytes(graph_array(info_->storage, column.index->column(), stream),
                                 graph::Graph::stream_bytes(shape, stream));
    }
    summary.vectors.push_back({shape, column.index->watermark(), column.index->calibration()});
  }
  for (size_t i = 0; i < version.texts.size(); ++i) {
    TRY(saved, write_text(checkpoint, version.texts[i], checkpointed_dead_terms_[i]));
    summary.texts.push_back(std::move(saved));
  }
  summary.earned_indexes = version.indexes->earned();
  TRY_OK(release_dead_rows(checkpoint, version));
  return summary;
}

void TableStore::checkpoint_published(const TableVersion& version) {
  written_blocks_.clear();
  checkpointed_live_ = version.live;
  checkpointed_dead_terms_.clear();
  for (const TextColumnVersion& column : version.texts) checkpointed_dead_terms_.push_back(column.dead_terms);
  released_ = releasing_;
}

void TableStore::checkpoint_failed() {
  for (const WrittenBlock& written : written_blocks_)
    written.index->graph().mark_block_changed(written.stream, written.block);
  written_blocks_.clear();
}

}  // namespace omendb::table
