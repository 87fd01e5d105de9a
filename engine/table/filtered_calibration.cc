#include "engine/table/filtered_calibration.h"

#include "engine/base/hash.h"
#include "engine/graph/flat_scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>

namespace omendb::table {
namespace {

// Rows are in the region of the nearest of so many rows. Conditions often follow what vectors say (a language, a kind of goods): those that pass are some regions of the
// space, and a query lies in them or away from them. Of few regions those that are far reach to where the query is: with 16 over 40 clusters beams for 0.9 found 0.79.
constexpr uint32_t kRegions = 64;

struct Class {
  ConditionKind kind;
  double share;  // of the rows, or of the regions
};
// Below the least share of the scattered classes hardly any walk goes on (graph::rows_within_two_links), between them beams grow evenly.
constexpr Class kClasses[] = {{ConditionKind::kScattered, 0.5},
                              {ConditionKind::kScattered, 0.1},
                              {ConditionKind::kScattered, 0.03},
                              {ConditionKind::kAway, 0.5},
                              {ConditionKind::kAway, 0.125}};

constexpr size_t kQueriesMax = 128;
constexpr double kProductsPerStep = 0x1p23;
constexpr double kProductsOfARow = 8;             // that marking it is worth
constexpr size_t kBeamRowsPerStep = 1024;         // searches of one step: beams together
constexpr size_t kNeighborsMax = kFilteredK + 6;  // some more than are wanted, for those that die meanwhile
// The widest beam that is measured, and the bound at which a curve ends: what is wanted beyond is compared row by row. So is what wider beams do not reach: a curve ends
// too where two of them in a row gain less than this.
constexpr uint32_t kEfMax = 1024;
constexpr double kBoundEnough = 0.99;
constexpr float kGainMin = 0.002F;

// Evenly spread over [0, 1).
double hash_of(uint32_t row) { return static_cast<double>(base::mix64(row) >> 11) * 0x1p-53; }

// A multiple of 64.
uint32_t rows_of_a_step(double products_of_a_row) {
  return 64 * std::max(1U, static_cast<uint32_t>(kProductsPerStep / products_of_a_row / 64));
}

}  // namespace

RowSet::RowSet(uint32_t row_count) : row_count_(row_count) {
  constexpr size_t kRows = graph::LiveRows::kRowsPerBlock;
  const size_t blocks = (row_count + kRows - 1) / kRows;
  words_.resize(blocks * (kRows / 64));
  for (size_t b = 0; b < blocks; ++b) blocks_.push_back(&words_[b * (kRows / 64)]);
}

uint64_t RowSet::assign_living(const RowSet& other, const graph::LiveRows& live) {
  constexpr size_t kWords = graph::LiveRows::kRowsPerBlock / 64;
  for (size_t w = 0; w < words_.size(); ++w) {
    const uint64_t* block = w / kWords < live.blocks.size() ? live.blocks[w / kWords] : nullptr;
    words_[w] = block == nullptr ? 0 : other.words_[w] & block[w % kWords];
  }
  return graph::count_live(view());
}

FilteredCalibrator::FilteredCalibrator(const graph::Graph& graph, const Calibration& so_far,
                                       std::span<const RowId> rows, std::span<const std::byte> queries,
                                       const graph::VectorsView& vectors, uint32_t passing_rows_min)
    : graph_(graph),
      kernels_(simd::distance_kernels(graph.options().metric)),
      known_(so_far),
      dims_(vectors.dims),
      row_bytes_(vectors.row_bytes),
      row_count_(so_far.row_count),
      passing_rows_min_(passing_rows_min),
      living_(row_count_) {
  choose_queries(rows, queries);
  region_of_.reserve(row_count_);
}

// As many of the rows as there are regions stand for these; they are spread over the table, as all of them are.
void FilteredCalibrator::choose_queries(std::span<const RowId> rows, std::span<const std::byte> queries) {
  const auto vector = [&](size_t i) { return queries.subspan(i * row_bytes_, row_bytes_); };
  const size_t regions = std::min<size_t>(kRegions, rows.size());
  for (size_t i = 0; i < regions; ++i) {
    const auto centre = vector(i * rows.size() / regions);
    centres_.insert(centres_.end(), centre.begin(), centre.end());
  }
  const size_t count = std::min(kQueriesMax, rows.size());
  std::vector<std::pair<uint32_t, size_t>> chosen;  // region, place
  for (size_t i = 0; i < count; ++i) {
    const size_t place = i * rows.size() / count;
    chosen.emplace_back(nearest_region(vector(place).data()), place);
  }
  std::sort(chosen.begin(), chosen.end());
  for (const auto& [region, place] : chosen) {
    asked_.push_back({rows[place], region});
    queries_.insert(queries_.end(), vector(place).begin(), vector(place).end());
  }
}

uint32_t FilteredCalibrator::nearest_region(const std::byte* vector) const {
  uint32_t nearest = 0;
  float least = 0;
  for (uint32_t region = 0; region < centres_.size() / row_bytes_; ++region) {
    const float distance = kernels_.one(vector, centres_.data() + region * row_bytes_, dims_);
    if (region != 0 && !(distance < least)) continue;
    nearest = region;
    least = distance;
  }
  return nearest;
}

// A class has its conditions made, its true neighbours found, and is searched with beam after beam.
bool FilteredCalibrator::step(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  if (class_ == std::size(kClasses) || known_.curves.empty()) return true;
  if (row_count_ * kClasses[class_].share < passing_rows_min_) {
    ++class_;
  } else if (kClasses[class_].kind == ConditionKind::kAway && region_of_.size() < row_count_) {
    find_regions(vectors);
  } else if (conditions_.empty()) {
    make_conditions();
  } else if (scanned_condition_ < conditions_.size()) {
    scan_some(vectors, live);
  } else {
    search_some(vectors, live);
  }
  return class_ == std::size(kClasses);
}

// Of rows that are dead, or have no vector, it is nobody's.
void FilteredCalibrator::find_regions(const graph::VectorsView& vectors) {
  const double products = static_cast<double>(row_bytes_) / sizeof(float) * kRegions;
  const auto first = static_cast<uint32_t>(region_of_.size());
  const uint32_t last = first + std::min(row_count_ - first, rows_of_a_step(products));
  for (uint32_t row = first; row < last; ++row) {
    const bool linked = graph_.contains({row});
    region_of_.push_back(linked ? static_cast<uint8_t>(nearest_region(vectors.row(row))) : uint8_t{kRegions});
  }
}

void FilteredCalibrator::make_conditions() {
  if (kClasses[class_].kind == ConditionKind::kScattered) {
    conditions_.push_back({RowSet(row_count_), 0, asked_.size()});
  } else {
    for (size_t first = 0, last = 0; first < asked_.size(); first = last) {
      const uint32_t region = asked_[first].region;
      while (last < asked_.size() && asked_[last].region == region) ++last;
      conditions_.push_back({RowSet(row_count_), first, last, far_regions(region)});
    }
  }
  scanned_condition_ = 0;
  begin_condition_scan();
}

std::vector<bool> FilteredCalibrator::far_regions(uint32_t from) const {
  const auto count = static_cast<uint32_t>(centres_.size() / row_bytes_);
  std::vector<std::pair<float, uint32_t>> order;
  for (uint32_t region = 0; region < count; ++region) {
    if (region == from) continue;
    const std::byte* own = centres_.data() + from * row_bytes_;
    order.emplace_back(kernels_.one(own, centres_.data() + region * row_bytes_, dims_), region);
  }
  std::sort(order.rbegin(), order.rend());
  std::vector<bool> far(kRegions + 1);
  const auto wanted = static_cast<size_t>(kClasses[class_].share * count);
  for (size_t i = 0; i < std::min(wanted, order.size()); ++i) far[order[i].second] = true;
  return far;
}

bool FilteredCalibrator::passes(const Condition& condition, uint32_t row) const {
  return condition.regions.empty() ? hash_of(row) < kClasses[class_].share : condition.regions[region_of_[row]];
}

void FilteredCalibrator::begin_condition_scan() {
  scan_row_ = 0;
  nearest_.clear();
  if (scanned_condition_ == conditions_.size()) return begin_searches();
  const Condition& condition = conditions_[scanned_condition_];
  for (size_t q = condition.first; q < condition.last; ++q) {
    asked_[q].neighbors.clear();
    nearest_.emplace_back(asked_[q].neighbors, kNeighborsMax);
  }
}

// Marks which of the next rows pass, and compares the condition's queries with them.
void FilteredCalibrator::scan_some(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  Condition& condition = conditions_[scanned_condition_];
  const size_t query_count = condition.last - condition.first;
  const double products = static_cast<double>(row_bytes_) / sizeof(float) * static_cast<double>(query_count);
  const uint32_t row_count = std::min(row_count_, live.row_count);
  const uint32_t last = scan_row_ + std::min(row_count - scan_row_, rows_of_a_step(products + kProductsOfARow));
  for (uint32_t row = scan_row_; row < last; ++row) {
    if (live.contains(row) && passes(condition, row)) condition.passing.add(row);
  }
  graph::flat_scan_part(graph_.options().metric, vectors, query(condition.first), condition.passing.view(), {scan_row_},
                        {last}, nearest_);
  scan_row_ = last;
  if (last < row_count) return;
  for (size_t q = condition.first; q < condition.last; ++q) {
    nearest_[q - condition.first].sort();
    std::erase_if(asked_[q].neighbors, [&](const graph::Neighbor& n) { return n.row == asked_[q].row; });
  }
  ++scanned_condition_;
  begin_condition_scan();
}

// Amid rows that pass a beam is SearchOptions::ef; away from them it is ef_wide, beside the ef that such a search would have.
void FilteredCalibrator::begin_searches() {
  const Class& measured = kClasses[class_];
  const Effort unfiltered = effort_for(&known_, kFilteredK, kRecallDefault, row_count_);
  const Effort amid =
      filtered_effort_for(known_, ConditionKind::kScattered, measured.share, kFilteredK, kRecallDefault, row_count_)
          .value_or(unfiltered);
  ef_amid_ = static_cast<uint32_t>(std::max<size_t>({amid.ef, unfiltered.ef, kFilteredK}));
  ef_ = measured.kind == ConditionKind::kAway ? ef_amid_ : kFilteredK;
  points_.clear();
  query_ = answered_ = 0;
  sum_ = sum_of_squares_ = share_sum_ = 0;
}

void FilteredCalibrator::search_some(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  const auto condition_of = [&](size_t q) {
    return std::find_if(conditions_.begin(), conditions_.end(), [q](const Condition& c) { return q < c.last; });
  };
  live_total_ = graph::count_live(live);
  auto condition = condition_of(query_);
  living_count_ = living_.assign_living(condition->passing, live);
  for (size_t spent = 0; spent < kBeamRowsPerStep && query_ < asked_.size(); spent += ef_ + 16, ++query_) {
    if (query_ >= condition->last) living_count_ = living_.assign_living((++condition)->passing, live);
    const std::optional<double> recall = recall_of(query_, *condition, vectors);
    if (!recall) continue;
    ++answered_;
    sum_ += *recall;
    sum_of_squares_ += *recall * *recall;
    share_sum_ += static_cast<double>(living_count_) / static_cast<double>(std::max<uint64_t>(1, live_total_));
  }
  if (query_ == asked_.size() && !next_beam()) {
    conditions_.clear();
    ++class_;
  }
}

std::optional<double> FilteredCalibrator::recall_of(size_t query, const Condition& condition,
                                                    const graph::VectorsView& vectors) {
  const bool away = !condition.regions.empty();
  const graph::SearchOptions options{
      .k = kFilteredK,
      .ef = away ? ef_amid_ : ef_,
      .left_out = asked_[query].row.value,
      .filtered = graph::Filtered::kWalk,
      .passing_count = living_count_,
      .passing_share = static_cast<double>(living_count_) / static_cast<double>(std::max<uint64_t>(1, live_total_)),
      .ef_wide = ef_};
  return table::recall_of(graph_, vectors, this->query(query), asked_[query].neighbors, living_.view(), options,
                          found_);
}

// Notes the point; false at the end of the class, whose curve is then known if there was anything to be found.
bool FilteredCalibrator::next_beam() {
  if (answered_ == 0) return false;
  points_.push_back(recall_point(ef_, answered_, sum_, sum_of_squares_));
  const auto share = static_cast<float>(share_sum_ / static_cast<double>(answered_));
  query_ = answered_ = 0;
  sum_ = sum_of_squares_ = share_sum_ = 0;
  const size_t count = points_.size();
  const bool gains = count < 3 || points_[count - 1].recall >= points_[count - 3].recall + kGainMin;
  if (lower_bound_of(points_.back()) < kBoundEnough && ef_ < kEfMax && gains) {
    ef_ = std::min(kEfMax, ef_ + std::max(1U, ef_ / 2));
    return true;
  }
  const ConditionKind kind = kClasses[class_].kind;
  std::vector<FilteredCurve>& curves = known_.filtered;
  // Regions differ in size: a class of few of them may hold more rows than one of many.
  const bool in_order = curves.empty() || curves.back().kind != kind || share < curves.back().share;
  if (in_order && share > 0 && share <= 1) curves.push_back({kind, share, std::move(points_)});
  return false;
}

}  // namespace omendb::table
