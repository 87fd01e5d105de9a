#include "engine/exec/rows_where.h"

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
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

filter::ColumnSpan span_of(const table::ColumnReader& column) {
  const table::ColumnReader::Arrays arrays = column.arrays();
  return {.values = arrays.values, .ends = arrays.ends, .chars = arrays.chars, .validity = arrays.validity};
}

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

bool has_bits(const Block& block) {
  return std::ranges::any_of(block, [](uint64_t word) { return word != 0; });
}

void plan_block(const LiveBitmap& among, const table::KeptBitmap* kept, size_t b, Work& work) {
  const BlockPointer& wanted = among.blocks()[b];
  if (kept == nullptr || b >= kept->among.blocks().size()) {
    work.blocks[b] = nullptr;
    if (has_bits(*wanted)) work.parts.push_back({b, *wanted});
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
  if (has_bits(part.missing)) work.parts.push_back(part);
}

Work plan_work(const LiveBitmap& among, const table::KeptBitmap* kept) {
  Work work;
  work.blocks.resize(among.blocks().size());
  for (size_t b = 0; b < work.blocks.size(); ++b) plan_block(among, kept, b, work);
  return work;
}

Result<void> evaluate_part(const filter::Filter& filter, std::span<const filter::ColumnSpan> columns, Part& part) {
  try {
    return filter.evaluate(columns, static_cast<uint32_t>(part.block * LiveBitmap::kRowsPerBlock), part.missing);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

// Another thread takes some tens of microseconds to begin, and more on a machine that is busy; it gets ten times as much to do.
unsigned threads_for(const filter::Filter& filter, size_t part_count) {
  constexpr uint64_t kNanosecondsPerThread = 2'000'000;
  const uint64_t cost = uint64_t{part_count} * LiveBitmap::kRowsPerBlock * filter.row_cost();
  const uint64_t worth = std::min<uint64_t>(cost / kNanosecondsPerThread, part_count);
  return worth <= 1 ? 1 : static_cast<unsigned>(std::min<uint64_t>(worth, base::default_worker_count()));
}

Result<void> evaluate(const filter::Filter& filter, std::span<const filter::ColumnSpan> columns,
                      std::vector<Part>& parts) {
  const unsigned threads = threads_for(filter, parts.size());
  if (threads <= 1) {
    for (Part& part : parts) TRY_OK(evaluate_part(filter, columns, part));
    return {};
  }
  std::vector<Result<void>> results(parts.size());
  base::ThreadPool pool({.name = "omen-where", .thread_count = threads - 1});
  pool.parallel_for(parts.size(), threads, [&](size_t p) { results[p] = evaluate_part(filter, columns, parts[p]); });
  for (Result<void>& result : results) TRY_OK(std::move(result));  // the first row's error, as on one thread
  return {};
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

// What a condition is asked of: rows by the values that they were written with, or slots of patches.
struct Asked {
  std::span<const table::ColumnReader> columns;
  table::KeptBitmaps& kept;
  bool of_patches = false;  // slots, and the condition also reads columns that patches do not have
};

Asked rows_as_written(const table::TableVersion& version) { return {version.columns, *version.kept, false}; }

Result<void> evaluate_all_patched(const table::TableVersion& version, const filter::Filter& filter,
                                  std::vector<Part>& parts) {
  for (Part& part : parts) {
    const auto first_slot = static_cast<uint32_t>(part.block * LiveBitmap::kRowsPerBlock);
    TRY_OK(evaluate_patched(version, filter, first_slot, part.missing));
  }
  return {};
}

// `filter`: null until it is needed.
Result<LiveBitmap> find_rows(const table::TableVersion& version, const Asked& asked, const Where* where,
                             const filter::Filter* filter, std::string key, const LiveBitmap& among) {
  const std::shared_ptr<const table::KeptBitmap> kept = key.empty() ? nullptr : asked.kept.find(key);
  if (kept != nullptr && same_rows(among, kept->among)) return kept->passing;
  Work work = plan_work(among, kept.get());
  std::shared_ptr<const filter::Filter> made;
  if (filter == nullptr && (kept == nullptr || !work.parts.empty())) {
    TRY(parsed, filter::Filter::make(version.info->schema, *where));
    made = std::move(parsed);
    filter = made.get();
  }
  if (!work.parts.empty() && asked.of_patches) {
    TRY_OK(evaluate_all_patched(version, *filter, work.parts));
  } else if (!work.parts.empty()) {
    std::vector<filter::ColumnSpan> columns(asked.columns.size());
    for (const uint32_t column : filter->columns()) columns[column] = span_of(asked.columns[column]);
    TRY_OK(evaluate(*filter, columns, work.parts));
  }
  join(work);
  LiveBitmap rows;
  rows.assign(among.row_count(), std::move(work.blocks));
  if (!key.empty()) asked.kept.keep(std::move(key), {among, rows});
  return rows;
}

// Where rows show values of patches, those are asked for what they hold.
Result<LiveBitmap> find_rows(const table::TableVersion& version, const filter::Filter& filter,
                             const LiveBitmap& among) {
  const Reads reads = reads_of(filter, version.info->schema);
  if (!version.patches || reads == Reads::kOthers)
    return find_rows(version, rows_as_written(version), nullptr, &filter, filter.key(), among);
  const table::Patches& patches = *version.patches;
  const LiveBitmap plain = same_rows(among, version.live) ? patches.plain : intersection(among, patches.plain);
  TRY(rows, find_rows(version, rows_as_written(version), nullptr, &filter, filter.key(), plain));
  const Asked asked{patches.columns, *patches.kept, reads == Reads::kBoth};
  TRY(slots, find_rows(version, asked, nullptr, &filter, filter.key(), patches.slots));
  return with_rows_of(patches, slots, among, rows);
}

Result<LiveBitmap> find_rows(const table::TableVersion& version, const Where& where, const LiveBitmap& among) {
  if (!version.patches)
    return find_rows(version, rows_as_written(version), &where, nullptr, filter::Filter::key_of(where), among);
  TRY(filter, filter::Filter::make(version.info->schema, where));
  return find_rows(version, *filter, among);
}

template <typename Condition>
Result<LiveBitmap> find_rows_or_no_memory(const table::TableVersion& version, const Condition& condition,
                                          const LiveBitmap& among) {
  try {
    return find_rows(version, condition, among);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

}  // namespace

Result<LiveBitmap> rows_where(const table::TableVersion& version, const filter::Filter& filter,
                              const LiveBitmap& among) {
  return find_rows_or_no_memory(version, filter, among);
}

Result<LiveBitmap> rows_where(const table::TableVersion& version, const Where& where, const LiveBitmap& among) {
  if (where.text.empty()) return among;
  return find_rows_or_no_memory(version, where, among);
}

}  // namespace omendb::exec
