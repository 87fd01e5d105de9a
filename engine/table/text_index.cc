#include "engine/table/text_index.h"

#include "engine/base/bytes.h"
#include "engine/base/try.h"
#include "engine/table/table_version.h"
#include "engine/text/query_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <new>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace omendb::table {
namespace {

constexpr uint32_t kBuiltRowsMax = 32'768;             // of one run that is made at once
constexpr size_t kBuilderBytesMax = size_t{64} << 20;  // the same, in memory on the way
constexpr uint32_t kMergedAtCommitRowsMax = 4096;      // a statement waits for such a merge, a few milliseconds
constexpr size_t kMergeWidth = 4;                      // runs of a size that become one of the next
constexpr uint64_t kMergedTokensMax = uint64_t{1} << 31;
constexpr uint32_t kDeadDocumentsMin = 1024;  // fewer dead rows are not worth a merge
constexpr size_t kIdleTokenizersMax = 16;

Error out_of_memory() { return {ErrorCode::kOutOfMemory, "no memory for an index of texts"}; }

}  // namespace

// --- runs ---

Result<std::shared_ptr<const TextRun>> TextRun::in_memory(std::vector<std::byte> bytes) {
  std::shared_ptr<TextRun> run(new TextRun());
  run->owned_ = std::move(bytes);
  TRY(opened, text::Run::open(run->owned_));
  run->run_ = opened;
  return std::shared_ptr<const TextRun>(std::move(run));
}

Result<std::shared_ptr<const TextRun>> TextRun::on_disk(StorageId storage,
                                                        std::shared_ptr<const storage::Mapping> bytes,
                                                        size_t size_bytes) {
  std::shared_ptr<TextRun> run(new TextRun());
  TRY(opened, text::Run::open({bytes->data(), size_bytes}));
  run->run_ = opened;
  run->mapping_ = std::move(bytes);
  run->storage_ = storage;
  return std::shared_ptr<const TextRun>(std::move(run));
}

uint64_t TextColumnVersion::memory_bytes() const {
  uint64_t bytes = dead_terms.memory_usage();
  for (const PlacedTextRun& placed : runs) bytes += placed.run->memory_bytes();
  return bytes;
}

TextIndex::Lease::Lease(const TextIndex& index) : index_(index) {
  {
    const std::lock_guard lock(index.mutex_);
    if (!index.idle_.empty()) {
      tokenizer_ = std::move(index.idle_.back());
      index.idle_.pop_back();
    }
  }
  if (tokenizer_ == nullptr) tokenizer_ = index.analyzer_->tokenizer();
}

TextIndex::Lease::~Lease() {
  const std::lock_guard lock(index_.mutex_);
  if (index_.idle_.size() < kIdleTokenizersMax) index_.idle_.push_back(std::move(tokenizer_));
}

// --- making runs ---

namespace {

// `text_of(row)`: the row's text, or nothing.
template <typename TextOf>
Result<std::vector<std::shared_ptr<const TextRun>>> build_runs(const TextIndex& index, uint32_t row_count,
                                                               const TextOf& text_of) {
  try {
    std::vector<std::shared_ptr<const TextRun>> runs;
    const TextIndex::Lease tokenizer(index);
    text::RunBuilder builder;
    for (uint32_t row = 0; row < row_count; ++row) {
      builder.begin_row();
      const std::optional<std::string_view> text = text_of(row);
      if (text) (*tokenizer).run(*text, builder);
      const bool full = builder.row_count() == kBuiltRowsMax || builder.memory_bytes() > kBuilderBytesMax;
      if (!full && row + 1 < row_count) continue;
      TRY(run, TextRun::in_memory(builder.finish()));
      runs.push_back(std::move(run));
    }
    return runs;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::vector<std::shared_ptr<const TextRun>>> index_texts(const TextIndex& index, const RowsColumn& column,
                                                                uint32_t row_count) {
  size_t at = 0;
  return build_runs(index, row_count, [&](uint32_t row) -> std::optional<std::string_view> {
    if (column.is_null(row)) return std::nullopt;
    const auto bytes = column.values.subspan(at, column.length(row));
    at += bytes.size();
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

}  // namespace

Result<TextRuns> index_texts(const TableVersion& version, const Rows& rows) {
  TextRuns all;
  for (const TextColumnVersion& column : version.texts) {
    TRY(runs, index_texts(*column.index, rows.columns[column.index->column()], rows.row_count));
    all.push_back(std::move(runs));
  }
  return all;
}

Result<std::vector<std::shared_ptr<const TextRun>>> index_texts(const TextIndex& index, const ColumnReader& column,
                                                                const LiveBitmap& live, uint32_t first_row,
                                                                uint32_t end_row) {
  return build_runs(index, end_row - first_row, [&](uint32_t offset) -> std::optional<std::string_view> {
    const RowId row{first_row + offset};
    if (!live.contains(row) || column.is_null(row)) return std::nullopt;
    return column.bytes(row);
  });
}

// --- merging ---

namespace {

// Sizes by powers of kMergeWidth. Tokens and rows: both cost something.
int level_of(const text::Run& run) {
  const uint64_t size = run.token_count() / 64 + run.row_count() / 8 + 1;
  return static_cast<int>(std::bit_width(size) / std::bit_width(kMergeWidth - 1));
}

bool may_merge(std::span<const PlacedTextRun> runs, std::optional<uint32_t> rows_max) {
  uint64_t token_count = 0;
  uint64_t row_count = 0;
  bool in_memory = true;
  for (const PlacedTextRun& placed : runs) {
    token_count += placed.run->run().token_count();
    row_count += placed.run->run().row_count();
    in_memory = in_memory && !placed.run->is_on_disk();
  }
  return token_count <= kMergedTokensMax && (!rows_max || (row_count <= *rows_max && in_memory));
}

bool is_mostly_dead(const PlacedTextRun& placed) {
  return placed.dead_documents >= kDeadDocumentsMin && placed.dead_documents > placed.run->run().document_count() / 4;
}

class LiveFilter final : public text::RowFilter {
 public:
  LiveFilter(const LiveBitmap& live, uint32_t first_row) : live_(live), first_row_(first_row) {}
  bool keep(uint32_t row) const override { return live_.contains({first_row_ + row}); }

 private:
  const LiveBitmap& live_;
  uint32_t first_row_;
};

void subtract(DeadTerms& terms, std::span<const text::DroppedTerm> dropped) {
  if (dropped.empty()) return;
  auto changed = std::move(terms).transient();
  for (const text::DroppedTerm& term : dropped) {
    const uint32_t* const count = changed.find(term.term);
    if (count == nullptr) continue;
    if (*count <= term.document_count) {
      changed.erase(term.term);
    } else {
      changed.set(term.term, *count - term.document_count);
    }
  }
  terms = std::move(changed).persistent();
}

uint32_t dead_documents(std::span<const PlacedTextRun> runs) {
  uint32_t count = 0;
  for (const PlacedTextRun& placed : runs) count += placed.dead_documents;
  return count;
}

}  // namespace

// As a log-structured merge tree does, from the oldest runs on: all up to the last one of the largest size that is left, if there are enough; smaller ones between
// them go along.
std::optional<TextMerge> choose_text_merge(std::span<const PlacedTextRun> runs, std::optional<uint32_t> rows_max) {
  std::vector<int> levels;
  for (const PlacedTextRun& placed : runs) levels.push_back(level_of(placed.run->run()));
  for (size_t first = 0; first < runs.size();) {
    const int level = *std::max_element(levels.begin() + static_cast<ptrdiff_t>(first), levels.end());
    size_t end = runs.size();
    while (levels[end - 1] != level) --end;
    const bool enough = end - first >= kMergeWidth;
    if (enough && may_merge(runs.subspan(first, end - first), rows_max)) return TextMerge{0, first, end - first};
    first = end;
  }
  if (rows_max) return std::nullopt;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (is_mostly_dead(runs[i])) return TextMerge{0, i, 1};
  }
  return std::nullopt;
}

Result<MergedText> merge_text(std::span<const PlacedTextRun> runs, const LiveBitmap& live) {
  try {
    std::vector<const text::Run*> merged;
    for (const PlacedTextRun& placed : runs) merged.push_back(&placed.run->run());
    const LiveFilter filter(live, runs.front().first_row);
    const bool all_live = dead_documents(runs) == 0;
    MergedText result;
    TRY(bytes, text::merge_runs(merged, all_live ? nullptr : &filter, &result.dropped));
    result.bytes = std::move(bytes);
    return result;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

bool replace_text_runs(TextColumnVersion& column, std::span<const PlacedTextRun> seen,
                       const std::shared_ptr<const TextRun>& run, std::span<const text::DroppedTerm> dropped) {
  const auto same = [](const PlacedTextRun& a, const PlacedTextRun& b) { return a.run == b.run; };
  const auto first = std::search(column.runs.begin(), column.runs.end(), seen.begin(), seen.end(), same);
  if (first == column.runs.end()) return false;
  const auto end = first + static_cast<ptrdiff_t>(seen.size());
  // The merged run lacks what was dead when it was made; rows have died since.
  const uint32_t died_since = dead_documents({first, end}) - dead_documents(seen);
  *first = {run, first->first_row, died_since};
  column.runs.erase(first + 1, end);
  subtract(column.dead_terms, dropped);
  return true;
}

Result<void> add_text_runs(TextColumnVersion& column, const std::vector<std::shared_ptr<const TextRun>>& runs,
                           const LiveBitmap& live) {
  for (const auto& run : runs) {
    const uint32_t first_row = column.runs.empty() ? 0 : column.runs.back().end_row();
    column.runs.push_back({run, first_row, 0});
    column.document_count += run->run().document_count();
    column.token_count += run->run().token_count();
  }
  for (;;) {
    const auto merge = choose_text_merge(column.runs, kMergedAtCommitRowsMax);
    if (!merge) return {};
    const std::vector<PlacedTextRun> seen(column.runs.begin() + static_cast<ptrdiff_t>(merge->first),
                                          column.runs.begin() + static_cast<ptrdiff_t>(merge->first + merge->count));
    TRY(merged, merge_text(seen, live));
    TRY(run, TextRun::in_memory(std::move(merged.bytes)));
    replace_text_runs(column, seen, run, merged.dropped);
  }
}

// --- rows that die ---

namespace {

PlacedTextRun& run_of(TextColumnVersion& column, RowId row) {
  const auto after = std::upper_bound(column.runs.begin(), column.runs.end(), row.value,
                                      [](uint32_t value, const PlacedTextRun& run) { return value < run.first_row; });
  return *(after - 1);
}

}  // namespace

void remove_texts(TextColumnVersion& column, const ColumnReader& texts, std::span<const RowId> rows) {
  if (rows.empty()) return;
  std::unordered_map<std::string, uint32_t> counts;
  const TextIndex::Lease tokenizer(*column.index);
  for (const RowId row : rows) {
    if (texts.is_null(row)) continue;
    auto terms = text::counted_terms(*tokenizer, texts.bytes(row));
    if (terms.empty()) continue;
    --column.document_count;
    ++run_of(column, row).dead_documents;
    for (auto& [term, token_count] : terms) {
      column.token_count -= token_count;
      if (column.index->counts_dead_terms()) ++counts[std::move(term)];
    }
  }
  auto dead_terms = std::move(column.dead_terms).transient();
  for (const auto& [term, count] : counts)
    dead_terms.update(term, [count = count](uint32_t before) { return before + count; });
  column.dead_terms = std::move(dead_terms).persistent();
}

// --- bytes of dead terms: u32 count, then per term, rising by its bytes: string, u32 rows ---

std::vector<std::byte> encode(const DeadTerms& terms) {
  std::vector<std::pair<std::string_view, uint32_t>> sorted;
  terms.for_each([&](const auto& entry) { sorted.emplace_back(entry.key, entry.value); });
  std::sort(sorted.begin(), sorted.end());
  base::ByteWriter writer;
  writer.put_varint(sorted.size());
  for (const auto& [term, count] : sorted) {
    writer.put_string(term);
    writer.put_u32(count);
  }
  return std::move(writer).take();
}

Result<DeadTerms> decode_dead_terms(std::span<const std::byte> bytes) {
  base::ByteReader reader(bytes, "dead terms");
  TRY(count, reader.count(5, "dead terms"));
  auto terms = DeadTerms().transient();
  for (uint64_t i = 0; i < count; ++i) {
    TRY(term, reader.string(text::kTermBytesMax, "a dead term"));
    TRY(rows, reader.u32("rows of a dead term"));
    if (rows == 0 || !terms.insert(std::string(term), rows))
      return reader.corruption("a dead term of no rows, or twice");
  }
  TRY_OK(reader.expect_end("the last dead term"));
  return std::move(terms).persistent();
}

// --- check ---

namespace {

Error corrupt(const TableVersion& version, const TextColumnVersion& column, std::string_view what) {
  return {ErrorCode::kCorruption, fmt::format("table '{}': the index of column '{}' {}", version.info->name,
                                              version.info->schema.columns[column.index->column()].name, what)};
}

bool same_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// One run without its dead rows against one that is made of the live rows anew: the same rows have the same bytes. The terms that the run has too many are counted.
Result<void> check_text_run(const TableVersion& version, const TextColumnVersion& column, const PlacedTextRun& placed,
                            std::unordered_map<std::string, uint32_t>& dead, uint64_t& token_count) {
  TRY_OK(text::check_run(placed.run->run()));
  const std::vector<PlacedTextRun> alone = {{placed.run, placed.first_row, 1}};  // 1: do look for dead rows
  TRY(living, merge_text(alone, version.live));
  TRY(parts, index_texts(*column.index, version.columns[column.index->column()], version.live, placed.first_row,
                         placed.end_row()));
  std::vector<const text::Run*> expected;
  expected.reserve(parts.size());
  for (const auto& part : parts) expected.push_back(&part->run());
  TRY(bytes, text::merge_runs(expected, nullptr, nullptr));
  if (!same_bytes(living.bytes, bytes))
    return corrupt(version, column, fmt::format("differs from rows {} to {}", placed.first_row, placed.end_row()));
  TRY(lives, text::Run::open(living.bytes));
  if (placed.run->run().document_count() - lives.document_count() != placed.dead_documents)
    return corrupt(version, column, "counts dead rows wrongly");
  token_count += lives.token_count();
  for (text::DroppedTerm& term : living.dropped) dead[std::move(term.term)] += term.document_count;
  return {};
}

}  // namespace

Result<void> check_text(const TableVersion& version, const TextColumnVersion& column) {
  std::unordered_map<std::string, uint32_t> dead;
  uint32_t next_row = 0;
  uint64_t document_count = 0;
  uint64_t token_count = 0;
  for (const PlacedTextRun& placed : column.runs) {
    if (placed.first_row != next_row) return corrupt(version, column, "has a gap between two runs");
    TRY_OK(check_text_run(version, column, placed, dead, token_count));
    document_count += placed.run->run().document_count() - placed.dead_documents;
    next_row = placed.end_row();
  }
  if (next_row != version.row_count()) return corrupt(version, column, "does not cover all rows");
  if (document_count != column.document_count || token_count != column.token_count)
    return corrupt(version, column, "counts its rows or tokens wrongly");
  if (!column.index->counts_dead_terms()) dead.clear();
  if (column.dead_terms.size() != dead.size()) return corrupt(version, column, "counts the terms of dead rows wrongly");
  for (const auto& [term, count] : dead) {
    const uint32_t* const kept = column.dead_terms.find(term);
    if (kept == nullptr || *kept != count) return corrupt(version, column, "counts the terms of dead rows wrongly");
  }
  return {};
}

}  // namespace omendb::table
