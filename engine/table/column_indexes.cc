#include "engine/table/column_indexes.h"

#include "engine/table/dead_rows.h"
#include "engine/table/table_version.h"

#include <algorithm>
#include <new>
#include <span>
#include <utility>

namespace omendb::table {
namespace {

using column::BlockIndex;
using Block = LiveBitmap::Block;
static_assert(column::kRowsPerBlock == LiveBitmap::kRowsPerBlock);

constexpr size_t kIndexesMax = 256;  // members of JSON are any text

// Nanoseconds a row, about.
uint64_t build_cost(column::ValueKind kind) {
  switch (kind) {
    case column::ValueKind::kInt64:
    case column::ValueKind::kFloat64: return 60;
    case column::ValueKind::kString: return 150;
    default: return 250;
  }
}

// The bytes of a region of which a version shows no row may be gone. An index that is sorted by values there would be lost in zeros.
bool may_use(const BlockIndex& index, const Block& live) {
  constexpr size_t kWordsPerRegion = DeadRows::kRowsPerRegion / 64;
  for (size_t word = 0; word < live.size(); word += kWordsPerRegion) {
    if (column::any_bit(std::span(index.covered).subspan(word, kWordsPerRegion)) &&
        !column::any_bit(std::span(live).subspan(word, kWordsPerRegion)))
      return false;
  }
  return true;
}

uint32_t full_blocks(const TableVersion& version) { return version.row_count() / LiveBitmap::kRowsPerBlock; }

column::IndexView view_of(std::shared_ptr<const column::IndexView::Blocks> blocks, const TableVersion& version) {
  column::IndexView view;
  if (blocks == nullptr) return view;
  const size_t count = std::min<size_t>(blocks->size(), full_blocks(version));
  view.blocks.reserve(count);
  for (size_t b = 0; b < count; ++b) {
    const BlockIndex* index = (*blocks)[b].get();
    view.blocks.push_back(index != nullptr && may_use(*index, *version.live.blocks()[b]) ? index : nullptr);
  }
  view.pin = std::move(blocks);
  return view;
}

}  // namespace

ColumnIndexes::Index* ColumnIndexes::find(const column::Source& source) {
  const auto found = std::ranges::find(indexes_, source, &Index::source);
  return found == indexes_.end() ? nullptr : &*found;
}

std::vector<column::IndexView> ColumnIndexes::views(const TableVersion& version,
                                                    std::span<const column::Source> sources) {
  std::vector<std::shared_ptr<const Blocks>> blocks(sources.size());
  {
    const std::lock_guard lock(mutex_);
    for (size_t i = 0; i < sources.size(); ++i) {
      Index* const index = find(sources[i]);
      if (index == nullptr) continue;
      index->asked = true;
      blocks[i] = index->blocks;
    }
  }
  std::vector<column::IndexView> views;
  views.reserve(sources.size());
  for (auto& known : blocks) views.push_back(view_of(std::move(known), version));
  return views;
}

void ColumnIndexes::add_read_cost(const column::Source& source, uint64_t nanoseconds) {
  const std::lock_guard lock(mutex_);
  Index* index = find(source);
  if (index == nullptr) {
    // Of many sources those go that have not paid, the first ones first.
    const auto unpaid = [](const Index& old) { return old.blocks == nullptr; };
    if (indexes_.size() >= kIndexesMax) {
      const auto old = std::ranges::find_if(indexes_, unpaid);
      if (old == indexes_.end()) return;
      indexes_.erase(old);
    }
    index = &indexes_.emplace_back(Index{.source = source});
  }
  index->read_cost += nanoseconds;
}

// Also begins an index that pays.
std::optional<ColumnIndexes::Work> ColumnIndexes::next_work(const TableVersion& version) {
  const uint32_t count = full_blocks(version);
  const std::lock_guard lock(mutex_);
  for (Index& index : indexes_) {
    const uint64_t cost = uint64_t{count} * LiveBitmap::kRowsPerBlock * build_cost(index.source.kind);
    if (index.blocks == nullptr && (count == 0 || index.read_cost < kPaysAt * cost)) continue;
    if (index.blocks == nullptr) {
      index.blocks = std::make_shared<const Blocks>();
      index.asked = true;
    }
    for (uint32_t b = 0; b < count; ++b) {
      const BlockIndex* const made = b < index.blocks->size() ? (*index.blocks)[b].get() : nullptr;
      const Block& live = *version.live.blocks()[b];
      const bool lives = column::any_bit(live);
      if (made != nullptr && !lives) return Work{index.source, b, true};
      if (lives && index.asked && (made == nullptr || !may_use(*made, live))) return Work{index.source, b};
    }
    index.asked = false;
  }
  return {};
}

void ColumnIndexes::publish(const Work& work, std::shared_ptr<const BlockIndex> made) {
  std::shared_ptr<const Blocks> before;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  Index* const index = find(work.source);
  auto blocks = std::make_shared<Blocks>(*index->blocks);
  if (blocks->size() <= work.block) blocks->resize(work.block + 1);
  (*blocks)[work.block] = std::move(made);
  before = std::exchange(index->blocks, std::move(blocks));
}

Result<bool> ColumnIndexes::build_some(const TableVersion& version) {
  try {
    const std::lock_guard building(building_);
    const auto work = next_work(version);
    if (!work) return false;
    std::shared_ptr<const BlockIndex> made;
    if (!work->drop)
      made = column::make_block_index(version.columns[work->source.column].arrays(), work->source, work->block,
                                      *version.live.blocks()[work->block]);
    publish(*work, std::move(made));
    return true;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory for an index behind conditions"};
  }
}

std::optional<uint64_t> ColumnIndexes::memory_bytes(uint32_t column) const {
  std::optional<uint64_t> bytes;
  const std::lock_guard lock(mutex_);
  for (const Index& index : indexes_) {
    if (index.source.column != column || index.blocks == nullptr) continue;
    uint64_t all = bytes.value_or(0);
    for (const auto& block : *index.blocks) all += block == nullptr ? 0 : block->memory_bytes();
    bytes = all;
  }
  return bytes;
}

}  // namespace omendb::table
