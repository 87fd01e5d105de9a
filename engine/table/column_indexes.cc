#include "engine/table/column_indexes.h"

#include "engine/table/dead_rows.h"
#include "engine/table/table_version.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <new>
#include <span>
#include <utility>

namespace omendb::table {
namespace {

using column::BlockIndex;
using Block = LiveBitmap::Block;
static_assert(column::kRowsPerBlock == LiveBitmap::kRowsPerBlock);

// Nanoseconds a row, about.
uint64_t build_cost(column::ValueKind kind) {
  switch (kind) {
    case column::ValueKind::kInt64:
    case column::ValueKind::kFloat64: return 60;
    case column::ValueKind::kString: return 150;
    default: return 250;
  }
}

uint64_t pays_at(column::ValueKind kind, uint32_t block_count) {
  return ColumnIndexes::kPaysAt * block_count * LiveBitmap::kRowsPerBlock * build_cost(kind);
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

uint64_t total_bytes(std::span<const std::shared_ptr<ColumnIndexes>> tables) {
  uint64_t bytes = 0;
  for (const auto& table : tables) bytes += table->memory_bytes();
  return bytes;
}

size_t name_bytes(const column::Source& source) {
  size_t bytes = 0;
  for (const column::Member& member : source.path) {
    if (const auto* name = std::get_if<std::string>(&member)) bytes += name->size();
  }
  return bytes;
}

// When, for indexes of any tables.
uint64_t now() { return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()); }

}  // namespace

std::optional<column::ValueKind> indexed_values(Type type) {
  switch (type) {
    case Type::kInt64:
    case Type::kTimestamp: return column::ValueKind::kInt64;
    case Type::kFloat64: return column::ValueKind::kFloat64;
    case Type::kString:
    case Type::kText: return column::ValueKind::kString;
    case Type::kStringList: return column::ValueKind::kStringList;
    case Type::kJson: return column::ValueKind::kJson;
    default: return {};
  }
}

std::optional<column::Source> member_source(uint32_t column, std::string_view path) {
  column::Source source{column, column::ValueKind::kJson, {}};
  for (const auto& [suffix, kind] :
       {std::pair<std::string_view, column::ValueKind>{"::int8", column::ValueKind::kJsonInt64},
        {"::float8", column::ValueKind::kJsonFloat64}}) {
    if (!path.ends_with(suffix)) continue;
    source.kind = kind;
    path.remove_suffix(suffix.size());
    break;
  }
  for (size_t end = 0; end != std::string_view::npos;) {
    end = path.find('.');
    const std::string_view name = path.substr(0, end);
    if (name.empty() || source.path.size() == column::kPathMembersMax) return {};
    source.path.emplace_back(std::string(name));
    path.remove_prefix(end == std::string_view::npos ? path.size() : end + 1);
  }
  return source;
}

ColumnIndexes::ColumnIndexes(const Schema& schema, std::span<const column::Source> earned) {
  for (uint32_t c = 0; c < schema.columns.size(); ++c) {
    const ColumnSpec& spec = schema.columns[c];
    const auto ask = [&](column::Source source) {
      indexes_.push_back({.source = std::move(source), .by_schema = true, .blocks = std::make_shared<const Blocks>()});
    };
    if (spec.index.mode == IndexMode::kNever) refused_.push_back(c);
    if (spec.index.mode != IndexMode::kAlways) continue;
    for (const std::string& path : spec.index.paths) ask(*member_source(c, path));
    if (spec.index.paths.empty()) ask({c, *indexed_values(spec.type), {}});
  }
  for (const column::Source& source : earned) {
    if (std::ranges::binary_search(refused_, source.column) || find(source) != nullptr) continue;
    indexes_.push_back({.source = source, .asked = true, .blocks = std::make_shared<const Blocks>()});
  }
}

const ColumnIndexes::Index* ColumnIndexes::find(const column::Source& source) const {
  const auto found = std::ranges::find(indexes_, source, &Index::source);
  return found == indexes_.end() ? nullptr : &*found;
}

ColumnIndexes::Index* ColumnIndexes::find(const column::Source& source) {
  return const_cast<Index*>(std::as_const(*this).find(source));
}

std::vector<column::IndexView> ColumnIndexes::views(const TableVersion& version,
                                                    std::span<const column::Source> sources) {
  std::vector<std::shared_ptr<const Blocks>> blocks(sources.size());
  {
    const uint64_t asked_at = now();
    const std::lock_guard lock(mutex_);
    last_asked_ = asked_at;
    for (size_t i = 0; i < sources.size(); ++i) {
      Index* const index = find(sources[i]);
      if (index == nullptr) continue;
      index->asked = true;
      index->last_asked = asked_at;
      blocks[i] = index->blocks;
    }
  }
  std::vector<column::IndexView> views;
  views.reserve(sources.size());
  for (auto& known : blocks) views.push_back(view_of(std::move(known), version));
  return views;
}

void ColumnIndexes::add_read_cost(const column::Source& source, uint64_t nanoseconds) {
  if (std::ranges::binary_search(refused_, source.column)) return;
  const std::lock_guard lock(mutex_);
  Index* index = find(source);
  if (index == nullptr) {
    // Of many sources those go that have not paid, the first ones first.
    const auto unpaid = [](const Index& old) { return old.blocks == nullptr; };
    const auto count = std::ranges::count(indexes_, false, &Index::by_schema);
    if (count >= static_cast<ptrdiff_t>(kIndexesMax)) {
      const auto old = std::ranges::find_if(indexes_, unpaid);
      if (old == indexes_.end()) return;
      indexes_.erase(old);
    }
    index = &indexes_.emplace_back(Index{.source = source, .last_asked = last_asked_});
  }
  index->read_cost += nanoseconds;
}

bool ColumnIndexes::pays(const Index& index, uint32_t full_blocks) {
  if (index.blocks != nullptr) return true;
  return full_blocks != 0 && index.read_cost >= pays_at(index.source.kind, full_blocks);
}

std::optional<ColumnIndexes::Work> ColumnIndexes::next_work(const TableVersion& version,
                                                            std::span<const column::Source> passed_over) {
  const uint32_t count = full_blocks(version);
  const std::lock_guard lock(mutex_);
  for (Index& index : indexes_) {
    if (!pays(index, count) || std::ranges::find(passed_over, index.source) != passed_over.end()) continue;
    const bool wanted = index.asked || index.by_schema || index.blocks == nullptr;
    for (uint32_t b = 0; b < count; ++b) {
      const bool has_block = index.blocks != nullptr && b < index.blocks->size();
      const BlockIndex* const made = has_block ? (*index.blocks)[b].get() : nullptr;
      const Block& live = *version.live.blocks()[b];
      const bool lives = column::any_bit(live);
      if (made != nullptr && !lives) return Work{index.source, b, true, index.by_schema, index.last_asked};
      if (lives && wanted && (made == nullptr || !may_use(*made, live)))
        return Work{index.source, b, false, index.by_schema, index.last_asked};
    }
    index.asked = false;
  }
  return {};
}

void ColumnIndexes::publish(const Work& work, std::shared_ptr<const BlockIndex> made) {
  std::shared_ptr<const Blocks> before;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  Index* const index = find(work.source);
  if (index == nullptr) return;  // it gave way to another one meanwhile
  auto blocks = index->blocks == nullptr ? std::make_shared<Blocks>() : std::make_shared<Blocks>(*index->blocks);
  if (index->blocks == nullptr) index->asked = true;
  if (blocks->size() <= work.block) blocks->resize(work.block + 1);
  std::shared_ptr<const BlockIndex>& block = (*blocks)[work.block];
  index->bytes += (made == nullptr ? 0 : made->memory_bytes()) - (block == nullptr ? 0 : block->memory_bytes());
  block = std::move(made);
  index->no_room = false;
  before = std::exchange(index->blocks, std::move(blocks));
}

void ColumnIndexes::note_no_room(const column::Source& source) {
  const std::lock_guard lock(mutex_);
  if (Index* const index = find(source)) index->no_room = true;
}

// When the one was asked that no condition has asked for longest, of those that may give way.
std::optional<uint64_t> ColumnIndexes::longest_unasked() const {
  std::optional<uint64_t> longest;
  const std::lock_guard lock(mutex_);
  for (const Index& index : indexes_) {
    if (!index.by_schema && index.bytes != 0) longest = std::min(longest.value_or(UINT64_MAX), index.last_asked);
  }
  return longest;
}

// It has to pay once more.
void ColumnIndexes::drop_unasked(uint64_t last_asked) {
  std::shared_ptr<const Blocks> before;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  for (Index& index : indexes_) {
    if (index.by_schema || index.bytes == 0 || index.last_asked > last_asked) continue;
    before = std::exchange(index.blocks, nullptr);
    index = {.source = std::move(index.source), .last_asked = index.last_asked};
    return;
  }
}

// False: all others were asked for since.
bool ColumnIndexes::make_room(const IndexRoom& room, uint64_t last_asked) {
  while (total_bytes(room.tables) >= room.bytes_max) {
    ColumnIndexes* table = nullptr;
    uint64_t longest = last_asked;
    for (const auto& other : room.tables) {
      const auto unasked = other->longest_unasked();
      if (!unasked || *unasked >= longest) continue;
      longest = *unasked;
      table = other.get();
    }
    if (table == nullptr) return false;
    table->drop_unasked(longest);
  }
  return true;
}

Result<bool> ColumnIndexes::build_some(const TableVersion& version, const IndexRoom& room) {
  try {
    const std::lock_guard building(building_);
    std::vector<column::Source> passed_over;
    while (const auto work = next_work(version, passed_over)) {
      const bool has_room = work->drop || make_room(room, work->by_schema ? UINT64_MAX : work->last_asked);
      if (!has_room && !work->by_schema) {
        note_no_room(work->source);
        passed_over.push_back(work->source);
        continue;
      }
      std::shared_ptr<const BlockIndex> made;
      if (!work->drop)
        made = column::make_block_index(version.columns[work->source.column].arrays(), work->source, work->block,
                                        *version.live.blocks()[work->block]);
      publish(*work, std::move(made));
      return true;
    }
    return false;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory for an index behind conditions"};
  }
}

std::vector<column::Source> ColumnIndexes::earned() const {
  std::vector<std::pair<uint64_t, column::Source>> found;
  {
    const std::lock_guard lock(mutex_);
    for (const Index& index : indexes_) {
      const bool is_there = index.blocks != nullptr && !(index.no_room && index.bytes == 0);
      if (is_there && !index.by_schema && name_bytes(index.source) <= kMemberBytesMax)
        found.emplace_back(index.last_asked, index.source);
    }
  }
  std::ranges::stable_sort(found, std::greater(), &std::pair<uint64_t, column::Source>::first);
  std::vector<column::Source> sources;
  sources.reserve(found.size());
  for (auto& [last_asked, source] : found) sources.push_back(std::move(source));
  return sources;
}

IndexState ColumnIndexes::state(const TableVersion& version, const column::Source& source) const {
  using Why = IndexState::Why;
  IndexState state{.full_blocks = full_blocks(version)};
  state.pays_at = pays_at(source.kind, state.full_blocks);
  if (std::ranges::binary_search(refused_, source.column)) state.why = Why::kNever;
  std::shared_ptr<const Blocks> blocks;
  {
    const std::lock_guard lock(mutex_);
    const Index* const index = find(source);
    if (index == nullptr) return state;
    blocks = index->blocks;
    state.read_cost = index->read_cost;
    state.why = index->by_schema    ? Why::kAsked
                : index->no_room    ? Why::kNoRoom
                : blocks != nullptr ? Why::kEarned
                                    : Why::kNotYet;
  }
  for (const BlockIndex* block : view_of(std::move(blocks), version).blocks)
    state.usable_blocks += block != nullptr ? 1 : 0;
  return state;
}

std::vector<ColumnIndexes::Figures> ColumnIndexes::figures() const {
  std::vector<Figures> figures;
  const std::lock_guard lock(mutex_);
  for (const Index& index : indexes_) {
    if (index.blocks == nullptr) continue;
    const auto made = [](const auto& block) { return block != nullptr; };
    figures.push_back({index.source, index.by_schema ? IndexState::Why::kAsked : IndexState::Why::kEarned,
                       static_cast<uint32_t>(std::ranges::count_if(*index.blocks, made)), index.bytes});
  }
  return figures;
}

uint64_t ColumnIndexes::memory_bytes() const {
  uint64_t bytes = 0;
  const std::lock_guard lock(mutex_);
  for (const Index& index : indexes_) bytes += index.bytes;
  return bytes;
}

std::optional<uint64_t> ColumnIndexes::memory_bytes(uint32_t column) const {
  std::optional<uint64_t> bytes;
  for (const Figures& index : figures()) {
    if (index.source.column == column) bytes = bytes.value_or(0) + index.bytes;
  }
  return bytes;
}

}  // namespace omendb::table
