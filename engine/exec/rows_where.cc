#include "engine/exec/rows_where.h"

#include "engine/base/thread_pool.h"
#include "engine/base/try.h"

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

Result<void> evaluate_part(const filter::Filter& filter, std::span<const filter::ColumnSpan> columns, Part& part,
                           base::Stop* stop) {
  if (base::asked(stop)) return stop->error();
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
                      std::vector<Part>& parts, base::Stop* stop) {
  const unsigned threads = threads_for(filter, parts.size());
  if (threads <= 1) {
    for (Part& part : parts) TRY_OK(evaluate_part(filter, columns, part, stop));
    return {};
  }
  std::vector<Result<void>> results(parts.size());
  base::ThreadPool pool({.name = "omen-where", .thread_count = threads - 1});
  pool.parallel_for(parts.size(), threads,
                    [&](size_t p) { results[p] = evaluate_part(filter, columns, parts[p], stop); });
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

// `filter`: null until it is needed.
Result<LiveBitmap> find_rows(const table::TableVersion& version, const Where* where, const filter::Filter* filter,
                             std::string key, const LiveBitmap& among, base::Stop* stop) {
  const std::shared_ptr<const table::KeptBitmap> kept = key.empty() ? nullptr : version.kept->find(key);
  if (kept != nullptr && same_rows(among, kept->among)) return kept->passing;
  Work work = plan_work(among, kept.get());
  std::shared_ptr<const filter::Filter> made;
  if (filter == nullptr && (kept == nullptr || !work.parts.empty())) {
    TRY(parsed, filter::Filter::make(version.info->schema, *where));
    made = std::move(parsed);
    filter = made.get();
  }
  if (!work.parts.empty()) {
    std::vector<filter::ColumnSpan> columns(version.columns.size());
    for (const uint32_t column : filter->columns()) columns[column] = span_of(version.columns[column]);
    TRY_OK(evaluate(*filter, columns, work.parts, stop));
  }
  join(work);
  LiveBitmap rows;
  rows.assign(among.row_count(), std::move(work.blocks));
  if (!key.empty()) version.kept->keep(std::move(key), {among, rows});
  return rows;
}

Result<LiveBitmap> find_rows_or_no_memory(const table::TableVersion& version, const Where* where,
                                          const filter::Filter* filter, const LiveBitmap& among, base::Stop* stop) {
  TRY_OK(base::begin_stage(stop, "finding the rows for which a condition is true"));
  try {
    return find_rows(version, where, filter, filter == nullptr ? filter::Filter::key_of(*where) : filter->key(), among,
                     stop);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "no memory to find the rows that a condition is true for"};
  }
}

}  // namespace

Result<LiveBitmap> rows_where(const table::TableVersion& version, const filter::Filter& filter, const LiveBitmap& among,
                              base::Stop* stop) {
  return find_rows_or_no_memory(version, nullptr, &filter, among, stop);
}

Result<LiveBitmap> rows_where(const table::TableVersion& version, const Where& where, const LiveBitmap& among,
                              base::Stop* stop) {
  if (where.text.empty()) return among;
  return find_rows_or_no_memory(version, &where, nullptr, among, stop);
}

}  // namespace omendb::exec
