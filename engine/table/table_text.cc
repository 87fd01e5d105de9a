// A table's text indexes: read from the root, written at a checkpoint, and their runs merged.

#include "engine/base/try.h"
#include "engine/sparse/sparse_analyzer.h"
#include "engine/table/table_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>
#include <utility>

namespace omendb::table {
namespace {

storage::ArrayId run_array(StorageId run, size_t column) {
  return array_id(run, static_cast<uint32_t>(column), Part::kTextRun);
}

storage::ArrayId dead_terms_array(StorageId table, size_t column) {
  return array_id(table, static_cast<uint32_t>(column), Part::kDeadTerms);
}

Result<std::shared_ptr<const text::Analyzer>> make_analyzer(const ColumnSpec& spec) {
  if (spec.type == Type::kSparse) return sparse::make_analyzer();
  return text::Analyzer::make(spec.text.analyzer);
}

}  // namespace

// --- the root ---

Result<void> TableStore::load_text_runs(const TableSummary::TextIndexSummary& saved, TextColumnVersion& column) const {
  const auto corrupt = [this](std::string_view what) {
    return Error{ErrorCode::kCorruption, fmt::format("table '{}': an index of texts {}", info_->name, what)};
  };
  uint64_t row_count = 0;
  uint64_t document_count = 0;
  for (const TableSummary::TextRunSummary& run_saved : saved.runs) {
    const storage::ArrayId id = run_array(run_saved.storage, column.index->column());
    if (store_.array_bytes(id) != run_saved.size_bytes) return corrupt("has a run of the wrong length");
    TRY(array, store_.append_array(id, storage::SpaceKind::kShared));
    TRY(run, TextRun::on_disk(run_saved.storage, array->mapping(), run_saved.size_bytes));
    if (run->run().row_count() != run_saved.row_count || run->run().document_count() < run_saved.dead_documents)
      return corrupt("has a run that is not the one the root names");
    column.runs.push_back({run, static_cast<uint32_t>(row_count), run_saved.dead_documents});
    row_count += run_saved.row_count;
    document_count += run->run().document_count() - run_saved.dead_documents;
    if (row_count > UINT32_MAX) return corrupt("has more rows than a table");
  }
  if (document_count != saved.document_count) return corrupt("counts its rows wrongly");
  column.document_count = saved.document_count;
  column.token_count = saved.token_count;
  const storage::ArrayId dead_terms = dead_terms_array(info_->storage, column.index->column());
  if (store_.array_bytes(dead_terms) != saved.dead_terms_bytes) return corrupt("has dead terms of the wrong length");
  if (saved.dead_terms_bytes == 0) return {};
  std::vector<std::byte> bytes(saved.dead_terms_bytes);
  TRY_OK(store_.read(dead_terms, 0, bytes));
  TRY(terms, decode_dead_terms(bytes));
  column.dead_terms = std::move(terms);
  return {};
}

// Like graphs they are derived: where the root has none, or damaged ones, they are made from the rows.
Result<void> TableStore::load_texts(const TableSummary& summary, TableVersion& version) {
  size_t next = 0;
  for (uint32_t c = 0; c < info_->schema.columns.size(); ++c) {
    const ColumnSpec& spec = info_->schema.columns[c];
    if (!has_text_runs(spec)) continue;
    TRY(analyzer, make_analyzer(spec));
    TextColumnVersion column;
    column.index = std::make_shared<const TextIndex>(c, analyzer, spec.type == Type::kText);
    const size_t position = next++;
    checkpointed_dead_terms_.emplace_back();
    Result<void> loaded = position < summary.texts.size()
                              ? load_text_runs(summary.texts[position], column)
                              : Error{ErrorCode::kCorruption, "the root has no index of this column"};
    const uint32_t row_count = column.runs.empty() ? 0 : column.runs.back().end_row();
    if (loaded.ok() && row_count != version.row_count())
      loaded = Error{ErrorCode::kCorruption, "the index does not cover all rows"};
    if (!loaded.ok() && loaded.error().code != ErrorCode::kCorruption) return loaded;
    if (loaded.ok()) {
      checkpointed_dead_terms_.back() = column.dead_terms;
    } else {
      column = {.index = column.index, .runs = {}, .document_count = 0, .token_count = 0, .dead_terms = {}};
      TRY(runs, index_texts(*column.index, version.columns[c], version.live, 0, version.row_count()));
      TRY_OK(add_text_runs(column, runs, version.live));
    }
    version.texts.push_back(std::move(column));
  }
  return {};
}

Result<TableSummary::TextIndexSummary> TableStore::write_text(storage::Checkpoint& checkpoint,
                                                              const TextColumnVersion& column,
                                                              const DeadTerms& before) const {
  TableSummary::TextIndexSummary summary{column.document_count, column.token_count, 0, {}};
  for (const PlacedTextRun& placed : column.runs) {
    const text::Run& run = placed.run->run();
    summary.runs.push_back({placed.run->storage(), run.bytes().size(), run.row_count(), placed.dead_documents});
  }
  const storage::ArrayId array = dead_terms_array(info_->storage, column.index->column());
  const std::vector<std::byte> bytes = column.dead_terms.empty() ? std::vector<std::byte>() : encode(column.dead_terms);
  if (!column.dead_terms.identical(before)) TRY_OK(checkpoint.write(array, 0, bytes));
  checkpoint.set_array_bytes(array, bytes.size());
  summary.dead_terms_bytes = bytes.size();
  return summary;
}

// --- runs ---

Result<std::shared_ptr<const TextRun>> TableStore::make_text_run(std::vector<std::byte> bytes, size_t column,
                                                                 std::optional<StorageId> storage) const {
  if (!storage) return TextRun::in_memory(std::move(bytes));
  TRY(array, store_.append_array(run_array(*storage, column), storage::SpaceKind::kShared));
  TRY_OK(array->reserve(bytes.size()));
  TRY_OK(array->append(bytes));
  return TextRun::on_disk(*storage, array->mapping(), bytes.size());
}

bool TableStore::install_text_merge(size_t column, std::span<const PlacedTextRun> seen,
                                    const std::shared_ptr<const TextRun>& run,
                                    std::span<const text::DroppedTerm> dropped) {
  const std::shared_ptr<TableVersion> version = draft();
  if (!replace_text_runs(version->texts[column], seen, run, dropped)) return false;
  version_ = version;
  return true;
}

namespace {

// A statement may have to wait for what is merged here, so it is bounded.
constexpr uint64_t kMergedAtCheckpointTokensMax = uint64_t{2} << 20;

// The neighbours from `first` on that are in memory, as many as are worth writing as one.
std::vector<PlacedTextRun> runs_in_memory(std::span<const PlacedTextRun> runs, size_t first) {
  std::vector<PlacedTextRun> found;
  uint64_t token_count = 0;
  for (const PlacedTextRun& placed : runs.subspan(first)) {
    token_count += placed.run->run().token_count();
    if (placed.run->is_on_disk() || (!found.empty() && token_count > kMergedAtCheckpointTokensMax)) break;
    found.push_back(placed);
  }
  return found;
}

Result<MergedText> joined(std::span<const PlacedTextRun> runs, const LiveBitmap& live) {
  if (runs.size() > 1) return merge_text(runs, live);
  const auto bytes = runs.front().run->run().bytes();
  return MergedText{{bytes.begin(), bytes.end()}, {}};
}

}  // namespace

Result<void> TableStore::write_text_runs(TextColumnVersion& column, const LiveBitmap& live, const DrawStorageId& draw,
                                         std::vector<StorageId>& written) const {
  for (size_t first = 0; first < column.runs.size(); ++first) {
    const std::vector<PlacedTextRun> runs = runs_in_memory(column.runs, first);
    if (runs.empty()) continue;
    TRY(merged, joined(runs, live));
    written.push_back(draw());
    TRY(run, make_text_run(std::move(merged.bytes), column.index->column(), written.back()));
    if (runs.size() > 1) {
      replace_text_runs(column, runs, run, merged.dropped);
    } else {
      column.runs[first].run = run;
    }
  }
  return {};
}

Result<bool> TableStore::write_text_runs(const DrawStorageId& draw, std::vector<StorageId>& lost) {
  const auto in_memory = [](const PlacedTextRun& placed) { return !placed.run->is_on_disk(); };
  const bool any = std::any_of(version_->texts.begin(), version_->texts.end(), [&](const TextColumnVersion& column) {
    return std::any_of(column.runs.begin(), column.runs.end(), in_memory);
  });
  if (!any) return false;
  std::vector<StorageId> written;
  try {
    const std::shared_ptr<TableVersion> version = draft();
    for (TextColumnVersion& column : version->texts) {
      const auto done = write_text_runs(column, version->live, draw, written);
      if (done.ok()) continue;
      lost.insert(lost.end(), written.begin(), written.end());
      return done.error();
    }
    version_ = version;
    return true;
  } catch (const std::bad_alloc&) {
    lost.insert(lost.end(), written.begin(), written.end());
    return Error{ErrorCode::kOutOfMemory, "no memory to write indexes of texts"};
  }
}

}  // namespace omendb::table
