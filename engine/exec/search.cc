#include "engine/exec/search.h"

#include "engine/base/try.h"
#include "engine/exec/explain_condition.h"
#include "engine/exec/fuse.h"
#include "engine/exec/max_sim_search.h"
#include "engine/exec/rows_where.h"
#include "engine/exec/sparse_search.h"
#include "engine/exec/text_search.h"
#include "engine/exec/vector_search.h"
#include "engine/plan/vector_strategy.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>

namespace omendb::exec {
namespace {

constexpr float kNoDistance = std::numeric_limits<float>::quiet_NaN();
constexpr size_t kCandidatesMin = 50;

bool has_vectors(const SearchQuery& query) {
  return !query.vectors.empty() || !query.bits.empty() || !query.vector_counts.empty();
}
bool has_text(const SearchQuery& query) { return query.text || query.text_query; }
bool has_sparse(const SearchQuery& query) { return query.sparse.has_value(); }
bool text_filters(const SearchQuery& query) { return query.fusion.method == Fusion::Method::kTextFilters; }
FusedBy searches_of(const SearchQuery& query) { return {has_vectors(query), has_text(query), has_sparse(query)}; }

// A search by vector or by text counts the weights of both, whether it is fused or not.
std::string fault_of_weights(const SearchQuery& query) {
  const Fusion& fusion = query.fusion;
  const auto is_weight = [](double weight) { return weight >= 0 && std::isfinite(weight); };
  const bool good = is_weight(fusion.vector_weight) && is_weight(fusion.text_weight) && is_weight(fusion.sparse_weight);
  const FusedBy by = searches_of(query);
  if (!by.sparse) {
    if (good && fusion.vector_weight + fusion.text_weight != 0) return "";
    return fmt::format("the weights of vector and text are numbers from 0, not both 0: {} and {}", fusion.vector_weight,
                       fusion.text_weight);
  }
  if (good && (by.vector ? fusion.vector_weight : 0) + (by.text ? fusion.text_weight : 0) + fusion.sparse_weight != 0)
    return "";
  return fmt::format("the weights of vector, text and sparse are numbers from 0, not all 0: {}, {} and {}",
                     fusion.vector_weight, fusion.text_weight, fusion.sparse_weight);
}

std::string fault_of_filter(const SearchQuery& query) {
  if (!text_filters(query) || !has_sparse(query)) return "";
  if (has_vectors(query)) return "fuse by filter ranks by the vector or by the sparse one, not by both";
  return has_text(query) ? "" : "fuse by filter goes with a text";
}

std::string fault_of_fusion(const SearchQuery& query) {
  if (query.query_count != 1)
    return fmt::format("a {} goes with one vector, not with {}; search for one at a time",
                       has_text(query) ? "text" : "sparse vector", query.query_count);
  if (query.radius && !has_vectors(query)) return "a radius goes with a vector";
  if (std::string fault = fault_of_weights(query); !fault.empty()) return fault;
  if (std::string fault = fault_of_filter(query); !fault.empty()) return fault;
  const Fusion& fusion = query.fusion;
  if (fusion.candidates > kSearchRowsMax)
    return fmt::format("candidates are at most {}, not {}", kSearchRowsMax, fusion.candidates);
  return "";
}

// A search by vector alone checks its vectors itself, none included.
std::string fault_of(const SearchQuery& query) {
  if (query.k < 1 || query.k > kSearchRowsMax) return fmt::format("k is 1 to {}, not {}", kSearchRowsMax, query.k);
  if (query.offset > kSearchRowsMax - query.k)
    return fmt::format("offset and k together are at most {}, not {} and {}", kSearchRowsMax, query.offset, query.k);
  if (query.min_score && std::isnan(*query.min_score)) return "min_score is not a number";
  return has_text(query) || has_sparse(query) ? fault_of_fusion(query) : "";
}

Result<void> check_query(const table::TableVersion& version, const SearchQuery& query) {
  const std::string fault = fault_of(query);
  if (fault.empty()) return {};
  return Error{ErrorCode::kInvalidArgument, fmt::format("search in table '{}': {}", version.info->name, fault)};
}

// Larger is better.
float score_of(Metric metric, float distance) {
  return metric == Metric::kCosine || metric == Metric::kJaccard ? 1 - distance : -distance;
}

size_t candidate_count(const SearchQuery& query) {
  const size_t wanted = query.fusion.candidates != 0 ? query.fusion.candidates : std::max(kCandidatesMin, 2 * query.k);
  return std::clamp(wanted, query.k, kSearchRowsMax);
}

// --- reports ---

// A step of a report, with the time from here to the end of the scope; nothing where nobody asks.
class Reporting {
 public:
  Reporting(plan::Step* parent, const std::string& title) {
    if (parent == nullptr) return;
    parent->steps.push_back({title, {}, std::nullopt, {}});
    step_ = &parent->steps.back();  // until the next one is added, which is after this one's end
    begin_ = std::chrono::steady_clock::now();
  }
  ~Reporting() {
    if (step_ == nullptr) return;
    step_->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin_).count();
  }
  Reporting(const Reporting&) = delete;
  Reporting& operator=(const Reporting&) = delete;

  plan::Step* step() const { return step_; }
  template <typename... Args>
  void note(fmt::format_string<Args...> format, Args&&... args) {
    if (step_ != nullptr) step_->notes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  plan::Step* step_ = nullptr;
  std::chrono::steady_clock::time_point begin_{};
};

// "vector and text"
void add_part(std::string& list, std::string_view part) {
  if (!list.empty()) list += " and ";
  list += part;
}

std::string root_title(const table::TableVersion& version, const SearchQuery& query) {
  const FusedBy searches = searches_of(query);
  std::string by;
  if (searches.vector || !(searches.text || searches.sparse)) add_part(by, "vector");
  if (searches.text) add_part(by, "text");
  if (searches.sparse) add_part(by, "sparse vector");
  return fmt::format("search by {} in table '{}', {} rows: the best {}", by, version.info->name,
                     plan::with_commas(version.live.live_count()), query.k);
}

std::string condition_title(const Where& where) { return fmt::format("condition: {}", where.text); }

Result<std::string> vector_title(const table::TableVersion& version, const SearchQuery& query) {
  TRY(column, find_vector_column(version, query.column));
  const ColumnSpec& spec = version.info->schema.columns[column->index->column()];
  if (spec.type == Type::kVectors)
    return fmt::format("best {} by MaxSim of {} vectors in column '{}' ({}, {} dimensions)", query.k,
                       query.vectors.size() / spec.vector.dims, spec.name, to_string(spec.vector.metric),
                       spec.vector.dims);
  return fmt::format("nearest {} by column '{}' ({}, {} {})", query.k, spec.name, to_string(spec.vector.metric),
                     spec.vector.dims, spec.vector.element == Element::kBit ? "bits" : "dimensions");
}

std::string text_title(const TextSearch& texts, const SearchQuery& query) {
  const std::string_view words = query.text ? *query.text : *query.text_query;
  return fmt::format("best {} by BM25 in {}: {}{}", query.k, texts.column_names(), words.substr(0, 60),
                     words.size() > 60 ? "..." : "");
}

std::string sparse_title(const SparseSearch& sparse, const SearchQuery& query) {
  return fmt::format("best {} by inner product in {}: a sparse vector of {} pairs", query.k, sparse.column_name(),
                     sparse.pair_count());
}

std::string fusion_note(const SearchQuery& query) {
  const FusedBy by = searches_of(query);
  std::string weights;
  if (by.vector) add_part(weights, fmt::format("{}", query.fusion.vector_weight));
  if (by.text) add_part(weights, fmt::format("{}", query.fusion.text_weight));
  if (by.sparse) add_part(weights, fmt::format("{}", query.fusion.sparse_weight));
  weights.insert(0, "weights ");
  switch (query.fusion.method) {
    case Fusion::Method::kReciprocalRank: return "fused by reciprocal rank, " + weights;
    case Fusion::Method::kRelative: return "fused by relative scores, " + weights;
    case Fusion::Method::kDistribution: return "fused by scores in standard deviations, " + weights;
    case Fusion::Method::kTextFilters: return "rows that match the text, ranked by the vector";
  }
  return "";
}

// --- the parts of a search ---

// Those for which the condition is true; nothing where there is none.
Result<std::optional<table::LiveBitmap>> passing_rows(const table::TableVersion& version, const Where& where,
                                                      plan::Step* report, base::Stop* stop) {
  if (where.text.empty()) return std::optional<table::LiveBitmap>();
  std::vector<std::string> notes;
  if (report != nullptr) {
    TRY(found, condition_notes(version, where));
    notes = std::move(found);
  }
  Reporting reporting(report, condition_title(where));
  TRY(rows, rows_where(version, where, version.live, stop));
  reporting.note("true for {} of {} rows ({})", plan::with_commas(rows.live_count()),
                 plan::with_commas(version.live.live_count()),
                 plan::share(rows.live_count(), version.live.live_count()));
  for (const std::string& note : notes) reporting.note("{}", note);
  return std::optional<table::LiveBitmap>(std::move(rows));
}

Result<VectorHits> near_rows(const table::TableVersion& version, const SearchQuery& query,
                             const table::LiveBitmap* passing, plan::Step* report, base::Stop* stop) {
  if (report == nullptr) return vector_search(version, query, passing, nullptr, stop);
  TRY(title, vector_title(version, query));
  Reporting reporting(report, title);
  TRY(found, vector_search(version, query, passing, reporting.step(), stop));
  reporting.note("found {}", plan::with_commas(found.rows.size()));
  return found;
}

Result<std::vector<text::ScoredRow>> matching_rows(const TextSearch& texts, const SearchQuery& query,
                                                   const table::LiveBitmap& rows, plan::Step* report) {
  if (report == nullptr) return texts.best(rows, query.k);
  Reporting reporting(report, text_title(texts, query));
  text::TextSearchStats stats;
  TRY(found, texts.best(rows, query.k, &stats));
  reporting.note("at most {} rows have one of the words; {} were scored",
                 plan::with_commas(std::min<uint64_t>(stats.matching_rows_max, rows.live_count())),
                 plan::with_commas(stats.scored_rows));
  reporting.note("found {}", plan::with_commas(found.size()));
  return found;
}

Result<std::vector<text::ScoredRow>> matching_rows(const SparseSearch& sparse, const SearchQuery& query,
                                                   const table::LiveBitmap& rows, plan::Step* report) {
  Reporting reporting(report, report == nullptr ? "" : sparse_title(sparse, query));
  SparseSearchStats stats;
  TRY(found, sparse.best(rows, query.k, &stats));
  if (stats.by_rows) {
    reporting.note("compared with each of {} rows", plan::with_commas(rows.live_count()));
  } else {
    reporting.note("at most {} rows have one of the indexes; {} were scored",
                   plan::with_commas(std::min<uint64_t>(stats.posting_count, rows.live_count())),
                   plan::with_commas(stats.scored_rows));
  }
  reporting.note("found {}", plan::with_commas(found.size()));
  return found;
}

// --- searches ---

Result<SearchHits> search_vectors(const table::TableVersion& version, const SearchQuery& query,
                                  const table::LiveBitmap* passing, plan::Step* report, base::Stop* stop) {
  TRY(found, near_rows(version, query, passing, report, stop));
  SearchHits hits{std::move(found.offsets), std::move(found.rows), std::move(found.distances), {}, {}, {}};
  hits.scores.reserve(hits.distances.size());
  for (const float distance : hits.distances) hits.scores.push_back(score_of(found.metric, distance));
  return hits;
}

// Of a text or a sparse vector alone; the scores stand in `kScores` once more.
template <std::vector<float> SearchHits::*kScores>
SearchHits ranked_hits(std::span<const text::ScoredRow> found) {
  SearchHits hits;
  for (const text::ScoredRow& row : found) {
    hits.rows.push_back({row.row});
    hits.scores.push_back(row.score);
  }
  hits.*kScores = hits.scores;
  hits.distances.assign(hits.rows.size(), kNoDistance);
  hits.offsets = {0, static_cast<uint32_t>(hits.rows.size())};
  return hits;
}

// What a query looks for beside vectors.
struct Searches {
  std::optional<TextSearch> texts;
  std::optional<SparseSearch> sparse;
};

Result<Searches> make_searches(const table::TableVersion& version, const SearchQuery& query, base::Stop* stop) {
  Searches searches;
  if (has_text(query)) {
    TRY(texts, TextSearch::make(version, query, stop));
    searches.texts = std::move(texts);
  }
  if (has_sparse(query)) {
    TRY(sparse, SparseSearch::make(version, query, stop));
    searches.sparse = std::move(sparse);
  }
  return searches;
}

// The text is one more condition.
Result<SearchHits> search_among_matching(const table::TableVersion& version, const SearchQuery& query,
                                         const Searches& searches, const table::LiveBitmap& rows, plan::Step* report,
                                         base::Stop* stop) {
  const TextSearch& texts = *searches.texts;
  std::optional<table::LiveBitmap> matching;
  {
    Reporting reporting(report, fmt::format("rows that match in {}", texts.column_names()));
    TRY(found, texts.matching(rows));
    reporting.note("{} of {} rows ({})", plan::with_commas(found.live_count()), plan::with_commas(rows.live_count()),
                   plan::share(found.live_count(), rows.live_count()));
    matching = std::move(found);
  }
  SearchHits hits;
  if (searches.sparse) {
    TRY(found, matching_rows(*searches.sparse, query, *matching, report));
    hits = ranked_hits<&SearchHits::sparse_scores>(found);
  } else {
    TRY(found, search_vectors(version, query, &*matching, report, stop));
    hits = std::move(found);
  }
  TRY(scored, texts.scores_of(hits.rows));
  hits.text_scores = std::move(scored);
  return hits;
}

// The rows of several lists, each once, with what the searches say of it.
class Candidates {
 public:
  void add(const VectorHits& near) {
    for (size_t i = 0; i < near.rows.size(); ++i) {
      Candidate& candidate = at(near.rows[i]);
      candidate.vector_rank = i + 1;
      candidate.distance = near.distances[i];
    }
    found_ += near.rows.size();
  }
  void add(std::span<const text::ScoredRow> found, std::optional<size_t> Candidate::*rank, float Candidate::*score) {
    for (size_t i = 0; i < found.size(); ++i) {
      Candidate& candidate = at({found[i].row});
      candidate.*rank = i + 1;
      candidate.*score = found[i].score;
    }
    found_ += found.size();
  }
  std::vector<Candidate>& list() { return list_; }
  size_t found_count() const { return found_; }

 private:
  Candidate& at(RowId row) {
    const auto [place, fresh] = places_.emplace(row.value, list_.size());
    if (fresh) list_.push_back({.row = row, .distance = kNoDistance});
    return list_[place->second];
  }

  std::vector<Candidate> list_;
  std::unordered_map<uint32_t, size_t> places_;
  size_t found_ = 0;
};

// Asks for the number that the other search gave the candidates, of those without a rank in this one.
template <typename Ask>
Result<void> fill(std::vector<Candidate>& candidates, std::optional<size_t> Candidate::*rank, float Candidate::*number,
                  const Ask& ask) {
  std::vector<RowId> rows;
  std::vector<Candidate*> asked;
  for (Candidate& candidate : candidates) {
    if (candidate.*rank) continue;
    rows.push_back(candidate.row);
    asked.push_back(&candidate);
  }
  if (rows.empty()) return {};
  TRY(numbers, ask(rows));
  for (size_t i = 0; i < asked.size(); ++i) asked[i]->*number = numbers[i];
  return {};
}

// Of every candidate the numbers of all searches, whichever found it. `all_texts`: those that the text did not find do not match it.
Result<void> complete(const table::TableVersion& version, const SearchQuery& query, const Searches& searches,
                      bool all_texts, Metric metric, std::vector<Candidate>& candidates) {
  if (has_vectors(query)) {
    TRY_OK(fill(candidates, &Candidate::vector_rank, &Candidate::distance,
                [&](std::span<const RowId> rows) { return distances_to(version, query, rows); }));
  }
  if (searches.texts && !all_texts) {
    TRY_OK(fill(candidates, &Candidate::text_rank, &Candidate::text_score,
                [&](std::span<const RowId> rows) { return searches.texts->scores_of(rows); }));
  }
  if (searches.sparse) {
    TRY_OK(fill(candidates, &Candidate::sparse_rank, &Candidate::sparse_score,
                [&](std::span<const RowId> rows) { return searches.sparse->scores_of(rows); }));
  }
  for (Candidate& candidate : candidates) {
    if (!std::isnan(candidate.distance)) candidate.vector_score = score_of(metric, candidate.distance);
  }
  return {};
}

SearchHits to_hits(std::span<const Candidate> candidates, FusedBy by) {
  SearchHits hits;
  for (const Candidate& candidate : candidates) {
    hits.rows.push_back(candidate.row);
    hits.scores.push_back(static_cast<float>(candidate.score));
    if (by.text) hits.text_scores.push_back(candidate.text_score);
    if (by.sparse) hits.sparse_scores.push_back(candidate.sparse_score);
    hits.distances.push_back(candidate.distance);
  }
  hits.offsets = {0, static_cast<uint32_t>(hits.rows.size())};
  return hits;
}

std::string_view title_of_fusion(FusedBy by) {
  return by.count() > 2 ? "all lists become one" : "both lists become one";
}

Result<SearchHits> search_fused(const table::TableVersion& version, const SearchQuery& query, const Searches& searches,
                                const table::LiveBitmap* passing, plan::Step* report, base::Stop* stop) {
  SearchQuery wider = query;
  wider.k = candidate_count(query);
  const FusedBy by = searches_of(query);
  const table::LiveBitmap& rows = passing != nullptr ? *passing : version.live;
  Metric metric = Metric::kL2;
  bool all_texts = false;
  Candidates found;
  if (by.vector) {
    TRY(near, near_rows(version, wider, passing, report, stop));
    metric = near.metric;
    found.add(near);
  }
  if (by.text) {
    TRY(matching, matching_rows(*searches.texts, wider, rows, report));
    found.add(matching, &Candidate::text_rank, &Candidate::text_score);
    all_texts = matching.size() < wider.k;
  }
  if (by.sparse) {
    TRY(matching, matching_rows(*searches.sparse, wider, rows, report));
    found.add(matching, &Candidate::sparse_rank, &Candidate::sparse_score);
  }
  TRY_OK(base::begin_stage(stop, "making one list of several"));
  Reporting reporting(report, std::string(title_of_fusion(by)));
  std::vector<Candidate>& candidates = found.list();
  TRY_OK(complete(version, query, searches, all_texts, metric, candidates));
  if (query.radius) std::erase_if(candidates, [&](const Candidate& row) { return !(row.distance <= *query.radius); });
  fuse(query.fusion, by, candidates);
  reporting.note("{}; {} candidates of {} that were found", fusion_note(query), candidates.size(), found.found_count());
  return to_hits(std::span(candidates).first(std::min(candidates.size(), query.k)), by);
}

void take(const SearchHits& from, size_t at, SearchHits& to) {
  to.rows.push_back(from.rows[at]);
  to.distances.push_back(from.distances[at]);
  to.scores.push_back(from.scores[at]);
  if (!from.text_scores.empty()) to.text_scores.push_back(from.text_scores[at]);
  if (!from.sparse_scores.empty()) to.sparse_scores.push_back(from.sparse_scores[at]);
}

// The bytes of a value; nothing for null.
std::optional<std::string_view> value_bytes(const table::ColumnValues& column, RowId row) {
  if (column.is_null(row)) return std::nullopt;
  if (column.width() == 0) return column.bytes(row);
  return std::string_view(reinterpret_cast<const char*>(column.fixed(row)), column.width());
}

// Which hits of each query are given back: not the first `offset`, and none that score less than `min_score`. They are best first.
SearchHits cut(const SearchHits& all, size_t offset, std::optional<float> min_score) {
  SearchHits hits;
  hits.offsets.push_back(0);
  for (size_t q = 0; q + 1 < all.offsets.size(); ++q) {
    for (size_t i = all.offsets[q] + offset; i < all.offsets[q + 1]; ++i) {
      if (min_score && !(all.scores[i] >= *min_score)) break;
      take(all, i, hits);
    }
    hits.offsets.push_back(static_cast<uint32_t>(hits.rows.size()));
  }
  return hits;
}

Result<SearchHits> search_all(const table::TableVersion& version, const SearchQuery& query, plan::Step* report,
                              base::Stop* stop) {
  TRY(passing, passing_rows(version, query.where, report, stop));
  const table::LiveBitmap* const rows = passing ? &*passing : nullptr;
  const FusedBy by = searches_of(query);
  if (!by.text && !by.sparse) return search_vectors(version, query, rows, report, stop);
  TRY(searches, make_searches(version, query, stop));
  const table::LiveBitmap& among = rows != nullptr ? *rows : version.live;
  if (!by.vector && !by.sparse) {
    TRY(found, matching_rows(*searches.texts, query, among, report));
    return ranked_hits<&SearchHits::text_scores>(found);
  }
  if (!by.vector && !by.text) {
    TRY(found, matching_rows(*searches.sparse, query, among, report));
    return ranked_hits<&SearchHits::sparse_scores>(found);
  }
  if (text_filters(query)) return search_among_matching(version, query, searches, among, report, stop);
  return search_fused(version, query, searches, rows, report, stop);
}

// --- groups ---

// Of the hits of each query the first one of every group, at most `count` of them.
SearchHits first_of_groups(const SearchHits& all, const table::ColumnValues& groups, size_t count) {
  SearchHits hits;
  hits.offsets.push_back(0);
  for (size_t q = 0; q + 1 < all.offsets.size(); ++q) {
    std::set<std::optional<std::string_view>> met;
    for (size_t i = all.offsets[q]; i < all.offsets[q + 1] && met.size() < count; ++i) {
      if (met.insert(value_bytes(groups, all.rows[i])).second) take(all, i, hits);
    }
    hits.offsets.push_back(static_cast<uint32_t>(hits.rows.size()));
  }
  return hits;
}

bool has_all_groups(const SearchHits& all, const SearchHits& grouped, size_t asked, size_t wanted) {
  for (size_t q = 0; q + 1 < all.offsets.size(); ++q) {
    const bool more_rows = all.offsets[q + 1] - all.offsets[q] == asked;
    if (more_rows && grouped.offsets[q + 1] - grouped.offsets[q] < wanted) return false;
  }
  return true;
}

Result<table::ColumnValues> group_column(const table::TableVersion& version, std::string_view name) {
  const auto position = version.info->schema.find(name);
  if (!position)
    return Error{ErrorCode::kSchema, fmt::format("group_by: table '{}' has no column '{}'", version.info->name, name)};
  const Type type = version.info->schema.columns[*position].type;
  constexpr Type kTypes[] = {Type::kBool, Type::kInt64, Type::kFloat64, Type::kTimestamp, Type::kString};
  if (std::find(std::begin(kTypes), std::end(kTypes), type) == std::end(kTypes))
    return Error{ErrorCode::kSchema, fmt::format("group_by: column '{}' is of type {}; groups are made by numbers, "
                                                 "times, bools and strings",
                                                 name, to_string(type))};
  return version.values(*position);
}

// How many rows fall into a group is not known: more and more of them are asked for.
Result<SearchHits> search_groups(const table::TableVersion& version, const SearchQuery& query, plan::Step* report,
                                 base::Stop* stop) {
  constexpr size_t kRowsPerGroup = 4;
  TRY(groups, group_column(version, query.group_by));
  SearchQuery wider = query;
  for (;;) {
    wider.k = std::min(kRowsPerGroup * wider.k, kSearchRowsMax);
    if (report != nullptr) *report = {};
    TRY(all, search_all(version, wider, report, stop));
    TRY_OK(base::begin_stage(stop, "looking for the best row of each group"));
    SearchHits grouped = first_of_groups(all, groups, query.k);
    if (wider.k == kSearchRowsMax || has_all_groups(all, grouped, wider.k, query.k)) return grouped;
  }
}

// With the hits that offset= leaves out.
SearchQuery with_offset_hits(const SearchQuery& query) {
  SearchQuery whole = query;
  whole.k = query.k + query.offset;
  return whole;
}

// --- what is expected ---

constexpr uint32_t kSampledRows = 32'768;  // of more rows, a condition is tried on about so many

// The same rows, but only those of stretches of 1,024 that lie apart.
table::LiveBitmap sample_of(const table::LiveBitmap& live) {
  constexpr size_t kStretchWords = 16;
  const size_t step = std::max<size_t>(1, live.row_count() / kSampledRows);
  std::vector<std::shared_ptr<const table::LiveBitmap::Block>> blocks;
  size_t stretch = 0;
  for (const auto& block : live.blocks()) {
    auto sampled = std::make_shared<table::LiveBitmap::Block>();
    for (size_t word = 0; word < table::LiveBitmap::kWordsPerBlock; word += kStretchWords) {
      if (stretch++ % step != 0) continue;
      std::copy_n(block->begin() + static_cast<ptrdiff_t>(word), kStretchWords,
                  sampled->begin() + static_cast<ptrdiff_t>(word));
    }
    blocks.push_back(std::move(sampled));
  }
  table::LiveBitmap sample;
  sample.assign(live.row_count(), std::move(blocks));
  return sample;
}

Result<std::optional<uint64_t>> expected_rows(const table::TableVersion& version, const Where& where, plan::Step& root,
                                              base::Stop* stop) {
  if (where.text.empty()) return std::optional<uint64_t>();
  TRY(notes, condition_notes(version, where));
  const table::LiveBitmap sample = sample_of(version.live);
  TRY(passing, rows_where(version, where, sample, stop));
  const double part = sample.live_count() == 0 ? 0 : static_cast<double>(passing.live_count()) / sample.live_count();
  const auto expected = static_cast<uint64_t>(std::llround(part * version.live.live_count()));
  notes.insert(notes.begin(), fmt::format("expected to be true for about {} rows ({}), by a look at {} of them",
                                          plan::with_commas(expected), plan::share(expected, version.live.live_count()),
                                          plan::with_commas(sample.live_count())));
  root.steps.push_back({condition_title(where), std::move(notes), std::nullopt, {}});
  return std::optional<uint64_t>(expected);
}

Result<void> explain_vectors(const table::TableVersion& version, const SearchQuery& query,
                             std::optional<uint64_t> expected, plan::Step& root) {
  TRY(column, find_vector_column(version, query.column));
  TRY_OK(check_vectors(version, query, *column));
  TRY(title, vector_title(version, query));
  const uint64_t row_count = column->searchable.live_count();
  std::string why =
      column->index->encoding() != nullptr
          ? plan::choose_max_sim_strategy(query, std::min(expected.value_or(row_count), row_count), true).why
          : plan::choose_vector_strategy(version, *column, query, expected, true).why;
  root.steps.push_back({title, {std::move(why)}, std::nullopt, {}});
  return {};
}

Result<void> explain_searches(const Searches& searches, const SearchQuery& query, plan::Step& root) {
  if (searches.texts) {
    TRY(matching, searches.texts->matching_rows_max());
    root.steps.push_back({text_title(*searches.texts, query),
                          {fmt::format("at most {} rows have one of the words", plan::with_commas(matching))},
                          std::nullopt,
                          {}});
  }
  if (searches.sparse) {
    TRY(matching, searches.sparse->matching_rows_max());
    root.steps.push_back({sparse_title(*searches.sparse, query),
                          {fmt::format("at most {} rows have one of the indexes", plan::with_commas(matching))},
                          std::nullopt,
                          {}});
  }
  return {};
}

// Of a search whose text is one more condition.
Result<void> explain_among_matching(const table::TableVersion& version, const SearchQuery& query, Searches& searches,
                                    std::optional<uint64_t> expected, plan::Step& root) {
  TRY(matching, searches.texts->matching_rows_max());
  root.steps.push_back({fmt::format("rows that match in {}", searches.texts->column_names()),
                        {fmt::format("at most {}", plan::with_commas(matching))},
                        std::nullopt,
                        {}});
  searches.texts.reset();
  if (searches.sparse) return explain_searches(searches, query, root);
  return explain_vectors(version, query, std::min(expected.value_or(matching), matching), root);
}

}  // namespace

Result<SearchHits> search(const table::TableVersion& version, const SearchQuery& query, plan::Step* report,
                          base::Stop* stop) {
  TRY_OK(check_query(version, query));
  TRY_OK(base::begin_stage(stop, "beginning"));
  const auto begin = std::chrono::steady_clock::now();
  const SearchQuery whole = with_offset_hits(query);
  TRY(hits,
      query.group_by.empty() ? search_all(version, whole, report, stop) : search_groups(version, whole, report, stop));
  if (report != nullptr) {
    report->title = root_title(version, query);
    report->milliseconds = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  }
  if (query.offset == 0 && !query.min_score) return hits;
  return cut(hits, query.offset, query.min_score);
}

Result<plan::Step> explain(const table::TableVersion& version, const SearchQuery& given, base::Stop* stop) {
  TRY_OK(check_query(version, given));
  TRY_OK(base::begin_stage(stop, "beginning"));
  SearchQuery query = with_offset_hits(given);
  plan::Step root{root_title(version, given), {}, std::nullopt, {}};
  TRY(expected, expected_rows(version, query.where, root, stop));
  const FusedBy by = searches_of(query);
  if (!by.text && !by.sparse) {
    TRY_OK(explain_vectors(version, query, expected, root));
    return root;
  }
  TRY(searches, make_searches(version, query, stop));
  const bool fused = by.count() > 1;
  if (fused && text_filters(query)) {
    TRY_OK(explain_among_matching(version, query, searches, expected, root));
    return root;
  }
  if (fused) query.k = candidate_count(query);
  if (by.vector) TRY_OK(explain_vectors(version, query, expected, root));
  TRY_OK(explain_searches(searches, query, root));
  if (fused) root.steps.push_back({std::string(title_of_fusion(by)), {fusion_note(query)}, std::nullopt, {}});
  return root;
}

Result<plan::Step> explain_rows(const table::TableVersion& version, const Where& where, bool analyze,
                                base::Stop* stop) {
  plan::Step root{fmt::format("rows of table '{}', {} rows, for which a condition is true", version.info->name,
                              plan::with_commas(version.live.live_count())),
                  {},
                  std::nullopt,
                  {}};
  if (analyze) {
    TRY_OK(passing_rows(version, where, &root, stop));
  } else {
    TRY_OK(expected_rows(version, where, root, stop));
  }
  return root;
}

}  // namespace omendb::exec
