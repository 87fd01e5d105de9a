#include "engine/exec/rows_where.h"

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
#include "engine/column/block_index.h"
#include "engine/exec/patched_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace omendb::exec {
namespace {

using table::LiveBitmap;
using Block = LiveBitmap::Block;
using BlockPointer = std::shared_ptr<const Block>;

// A block of rows that a condition is asked for: what is known already, and what is not.
struct Part {
  size_t block = 0;
  Block missing{};  // rows to be evaluated; then those of them that pass
};

// What was kept, for the rows of another version: its blocks where nothing changed, and parts where rows are missing.
struct Work {
  std::vector<BlockPointer> blocks;
  std::vector<Part> parts;
};

void plan_block(const LiveBitmap& among, const table::KeptBitmap* kept, size_t b, Work& work) {
  const BlockPointer& wanted = among.blocks()[b];
  if (kept == nullptr || b >= kept->among.blocks().size()) {
    work.blocks[b] = nullptr;
    if (column::any_bit(*wanted)) work.parts.push_back({b, *wanted});
    return;
  }
  work.blocks[b] = kept->passing.blocks()[b];
  if (wanted == kept->among.blocks()[b]) return;
  Part part{.block = b};
  auto passing = std::make_shared<Block>();
  for (size_t w = 0; w < LiveBitmap::kWordsPerBlock; ++w) {
    part.missing[w] = (*wanted)[w] & ~(*kept->among.blocks()[b])[w];
    (*passing)[w] = (*wanted)[w] & (*work.blocks[b])[w];
  }
  if (*passing != *work.blocks[b]) work.blocks[b] = std::move(passing);
  if (column::any_bit(part.missing)) work.parts.push_back(part);
}

Work plan_work(const LiveBitmap& among, const table::KeptBitmap* kept) {
  Work work;
  work.blocks.resize(among.blocks().size());
  if (kept == nullptr) work.parts.reserve(work.blocks.size());
  for (size_t b = 0; b < work.blocks.size(); ++b) plan_block(among, kept, b, work);
  return work;
}

// What a condition is asked of: columns, and the indexes of some of their blocks.
struct Sources {
  std::span<const filter::ColumnSpan> columns;
  std::span<const column::IndexView> views;  // none, or one for each of filter.sources()
  base::Stop* stop = nullptr;
};

// `read_cost`: of reading columns, by source.
Result<void> evaluate_part(const filter::Filter& filter, const Sources& sources, Part& part,
                           std::span<uint64_t> read_cost) {
  if (base::asked(sources.stop)) return sources.stop->error();
  try {
    return filter.evaluate(sources.columns, static_cast<uint32_t>(part.block * LiveBitmap::kRowsPerBlock), part.missing,
                           {sources.views, read_cost});
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

// Another thread takes some tens of microseconds to begin, and more on a machine that is busy; it gets ten times as much to do.
unsigned threads_for(const filter::Filter& filter, std::span<const column::IndexView> views,
                     std::span<const Part> parts) {
  constexpr uint64_t kNanosecondsPerThread = 2'000'000;
  uint64_t cost = 0;
  for (const Part& part : parts) cost += uint64_t{LiveBitmap::kRowsPerBlock} * filter.row_cost(views, part.block);
  const uint64_t worth = std::min<uint64_t>(cost / kNanosecondsPerThread, parts.size());
  return worth <= 1 ? 1 : static_cast<unsigned>(std::min<uint64_t>(worth, base::default_worker_count()));
}

// `read_costs`: of each part in turn.
Result<void> evaluate(const filter::Filter& filter, const Sources& sources, std::vector<Part>& parts,
                      std::span<uint64_t> read_costs) {
  const size_t source_count = filter.sources().size();
  const auto evaluate_one = [&](size_t p) {
    return evaluate_part(filter, sources, parts[p], read_costs.subspan(p * source_count, source_count));
  };
  const unsigned threads = threads_for(filter, sources.views, parts);
  if (threads <= 1) {
    for (size_t p = 0; p < parts.size(); ++p) TRY_OK(evaluate_one(p));
    return {};
  }
  std::vector<Result<void>> results(parts.size());
  base::ThreadPool pool({.name = "omen-where", .thread_count = threads - 1});
  pool.parallel_for(parts.size(), threads, [&](size_t p) { results[p] = evaluate_one(p); });
  for (Result<void>& result : results) TRY_OK(std::move(result));  // the first row's error, as on one thread
  return {};
}

// Indexes are made where reading columns without them costs much. A block that is not full could have none.
void count_reads(const table::TableVersion& version, const filter::Filter& filter, std::span<const Part> parts,
                 std::span<const column::IndexView> views, std::span<const uint64_t> read_costs) {
  const std::span<const column::Source> sources = filter.sources();
  for (size_t s = 0; s < sources.size(); ++s) {
    uint64_t cost = 0;
    for (size_t p = 0; p < parts.size(); ++p) {
      const size_t block = parts[p].block;
      const bool full = (block + 1) * LiveBitmap::kRowsPerBlock <= version.row_count();
      const bool indexed = block < views[s].blocks.size() && views[s].blocks[block] != nullptr;
      if (full && !indexed) cost += read_costs[p * sources.size() + s];
    }
    if (cost != 0) version.indexes->add_read_cost(sources[s], cost);
  }
}

void join(Work& work) {
  for (const Part& part : work.parts) {
    auto passing = std::make_shared<Block>(part.missing);
    if (const BlockPointer& known = work.blocks[part.block]; known != nullptr) {
      for (size_t w = 0; w < LiveBitmap::kWordsPerBlock; ++w) (*passing)[w] |= (*known)[w];
    }
    work.blocks[part.block] = std::move(passing);
  }
  BlockPointer none;
  for (BlockPointer& block : work.blocks) {
    if (block == nullptr && none == nullptr) none = std::make_shared<const Block>();
    if (block == nullptr) block = none;
  }
}

bool same_rows(const LiveBitmap& a, const LiveBitmap& b) {
  return a.row_count() == b.row_count() && std::ranges::equal(a.blocks(), b.blocks());
}

// Whether slots of patches are asked instead of rows; kWithRows: and the condition also reads columns that patches do not have.
enum class Slots : uint8_t { kNone, kAlone, kWithRows };

// What a condition is asked of: rows by the values that they were written with, or slots.
struct Asked {
  std::span<const table::ColumnReader> columns;
  table::KeptBitmaps& kept;
  Slots slots = Slots::kNone;
};

Asked rows_as_written(const table::TableVersion& version) { return {version.columns, *version.kept}; }

Result<void> evaluate_all_patched(const table::TableVersion& version, const filter::Filter& filter,
                                  std::vector<Part>& parts, base::Stop* stop) {
  for (Part& part : parts) {
    const auto first_slot = static_cast<uint32_t>(part.block * LiveBitmap::kRowsPerBlock);
    TRY_OK(evaluate_patched(version, filter, first_slot, part.missing, stop));
  }
  return {};
}

// Rows as they were written have indexes.
Result<void> evaluate(const table::TableVersion& version, const Asked& asked, const filter::Filter& filter,
                      std::vector<Part>& parts, base::Stop* stop) {
  if (asked.slots == Slots::kWithRows) return evaluate_all_patched(version, filter, parts, stop);
  std::vector<filter::ColumnSpan> columns(asked.columns.size());
  for (const uint32_t column : filter.columns()) columns[column] = asked.columns[column].arrays();
  std::vector<column::IndexView> views;
  if (asked.slots == Slots::kNone) views = version.indexes->views(version, filter.sources());
  std::vector<uint64_t> read_costs(parts.size() * filter.sources().size());
  TRY_OK(evaluate(filter, {columns, views, stop}, parts, read_costs));
  if (asked.slots == Slots::kNone) count_reads(version, filter, parts, views, read_costs);
  return {};
}

// `filter`: null until it is needed.
Result<LiveBitmap> find_rows(const table::TableVersion& version, const Asked& asked, const Where* where,
                             const filter::Filter* filter, std::string key, const LiveBitmap& among, base::Stop* stop) {
  const std::shared_ptr<const table::KeptBitmap> kept = key.empty() ? nullptr : asked.kept.find(key);
  if (kept != nullptr && same_rows(among, kept->among)) return kept->passing;
  Work work = plan_work(among, kept.get());
  std::shared_ptr<const filter::Filter> made;
  if (filter == nullptr && (kept == nullptr || !work.parts.empty())) {
    TRY(parsed, filter::Filter::make(version.info->schema, *where));
    made = std::move(parsed);
    filter = made.get();
  }
  if (!work.parts.empty()) TRY_OK(evaluate(version, asked, *filter, work.parts, stop));
  join(work);
  LiveBitmap rows;
  rows.assign(among.row_count(), std::move(work.blocks));
  if (!key.empty()) asked.kept.keep(std::move(key), {among, rows});
  return rows;
}

LiveBitmap slots_of(const table::Patches& patches, const LiveBitmap& among) {
  LiveBitmap slots = patches.slots;
  patches.slots.for_each([&](RowId slot) {
    if (!among.contains(patches.row_of(slot.value))) slots.erase(slot);
  });
  return slots;
}

// Where rows show values of patches, those are asked for what they hold.
Result<LiveBitmap> find_rows(const table::TableVersion& version, const filter::Filter& filter, const LiveBitmap& among,
                             base::Stop* stop) {
  const Reads reads = reads_of(filter, version.info->schema);
  const bool all = same_rows(among, version.live);
  const std::string key = all ? filter.key() : "";  // what is known of some rows must not stand where more is known
  if (!version.patches || reads == Reads::kOthers)
    return find_rows(version, rows_as_written(version), nullptr, &filter, key, among, stop);
  const table::Patches& patches = *version.patches;
  const LiveBitmap plain = all ? patches.plain : intersection(among, patches.plain);
  TRY(rows, find_rows(version, rows_as_written(version), nullptr, &filter, key, plain, stop));
  const Asked asked{patches.columns, *patches.kept, reads == Reads::kBoth ? Slots::kWithRows : Slots::kAlone};
  TRY(slots, find_rows(version, asked, nullptr, &filter, key, all ? patches.slots : slots_of(patches, among), stop));
  return with_rows_of(patches, slots, among, rows);
}

Result<LiveBitmap> find_rows(const table::TableVersion& version, const Where& where, const LiveBitmap& among,
                             base::Stop* stop) {
  if (!version.patches) {
    const std::string key = same_rows(among, version.live) ? filter::Filter::key_of(where) : "";
    return find_rows(version, rows_as_written(version), &where, nullptr, key, among, stop);
  }
  TRY(filter, filter::Filter::make(version.info->schema, where));
  return find_rows(version, *filter, among, stop);
}

template <typename Condition>
Result<LiveBitmap> find_rows_or_no_memory(const table::TableVersion& version, const Condition& condition,
                                          const LiveBitmap& among, base::Stop* stop) {
  TRY_OK(base::begin_stage(stop, "finding the rows for which a condition is true"));
  try {
    return find_rows(version, condition, among, stop);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

}  // namespace

Result<LiveBitmap> rows_where(const table::TableVersion& version, const filter::Filter& filter, const LiveBitmap& among,
                              base::Stop* stop) {
  return find_rows_or_no_memory(version, filter, among, stop);
}

Result<LiveBitmap> rows_where(const table::TableVersion& version, const Where& where, const LiveBitmap& among,
                              base::Stop* stop) {
  if (where.text.empty()) return among;
  return find_rows_or_no_memory(version, where, among, stop);
}

}  // namespace omendb::exec
