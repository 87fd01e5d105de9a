#include "engine/table/calibration.h"

#include "engine/base/random.h"
#include "engine/table/filtered_calibration.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace omendb::table {
namespace {

// A beam is chosen by what its recall is at least: this many standard errors below what was measured. With one, a beam in six would be too narrow by chance;
// two cost a fifth more at 0.95 and up to two fifths at 0.99.
constexpr double kErrorsBelow = 1.5;
// And rows of the table, asked with as if they were not in it, miss less than queries from outside do: those missed 0.9 to 1.35 times as much, most where links are few.
constexpr double kMissesUnseen = 1.25;
// A graph that has grown since needs a wider beam: by measurement 1.0 to 1.2 times at twice the rows (docs/tuning.md).
constexpr double kGrowthExponent = 0.25;

constexpr double kRounding = 1e-6;  // of a share kept as a float

// Exact scans of all queries together stay below so many products of two components: about 3 seconds of one core.
constexpr double kProductsMax = 0x1p35;
constexpr double kProductsPerStep = 0x1p24;
constexpr size_t kBeamRowsPerStep = 2048;  // searches of one step: beams together
constexpr uint32_t kRowTriesMax = 64;      // for one query, where most rows are dead
constexpr size_t kSpareShare = 8;  // more true neighbours than are wanted, one in so many, for those that die meanwhile
constexpr double kRecallEnough = 0.9999;  // of a curve
constexpr double kRecallHard = 0.99;      // what a curve reaches by kCalibratedEfMax, or it goes on

// Of a pair of rows; 32 bits cost no more than a float does.
double products_of(const graph::VectorsView& vectors) { return static_cast<double>(vectors.row_bytes) / sizeof(float); }

uint32_t query_count_for(const CalibratorOptions& options, uint32_t row_count, const graph::VectorsView& vectors) {
  const double affordable = kProductsMax / (static_cast<double>(std::max(1U, row_count)) * products_of(vectors));
  // Small tables differ less from row to row, and are measured often.
  const uint32_t sixteenth = std::max(64U, row_count / 16);
  const auto count = static_cast<uint32_t>(std::min<double>(affordable, options.query_count_max));
  return std::min({std::max(count, options.query_count_min), options.query_count_max, sixteenth});
}

// The beam at which the curve, straight between its points over the logarithm of ef, reaches the recall.
std::optional<double> ef_on(std::span<const RecallPoint> points, double recall) {
  double before_ef = 0;
  double before_bound = 0;
  for (const RecallPoint& point : points) {
    const double ef = point.ef;
    const double bound = lower_bound_of(point);
    if (bound >= recall - kRounding) {
      if (before_ef == 0) return ef;
      return before_ef * std::pow(ef / before_ef, std::min(1.0, (recall - before_bound) / (bound - before_bound)));
    }
    before_ef = ef;
    before_bound = std::max(bound, before_bound);
  }
  return std::nullopt;
}

double recall_on(std::span<const RecallPoint> points, double ef) {
  const RecallPoint* before = nullptr;
  for (const RecallPoint& point : points) {
    if (point.ef < ef) {
      before = &point;
      continue;
    }
    if (before == nullptr) return static_cast<double>(point.recall);
    const double share = std::log(ef / before->ef) / std::log(static_cast<double>(point.ef) / before->ef);
    return static_cast<double>(before->recall) + share * static_cast<double>(point.recall - before->recall);
  }
  return before == nullptr ? 0 : static_cast<double>(before->recall);
}

double mix(double a, double b, double share) { return a * std::pow(b / a, share); }

// The curves on both sides of k, and where between them k lies by its logarithm. Outside of them: the nearest one twice.
struct Bracket {
  const RecallCurve& below;
  const RecallCurve& above;
  double share;
};

Bracket bracket(const Calibration& calibration, size_t k) {
  const std::vector<RecallCurve>& curves = calibration.curves;
  const auto above = std::find_if(curves.begin(), curves.end(), [k](const RecallCurve& c) { return c.k >= k; });
  if (above == curves.end()) return {curves.back(), curves.back(), 0};
  if (above == curves.begin() || above->k == k) return {*above, *above, 0};
  const auto below = above - 1;
  const double share = std::log(static_cast<double>(k) / below->k) / std::log(static_cast<double>(above->k) / below->k);
  return {*below, *above, share};
}

// Past the last curve beams grow as k does.
double stretch(const Calibration& calibration, size_t k) {
  return std::max(1.0, static_cast<double>(k) / calibration.curves.back().k);
}

Effort effort_unmeasured(size_t k, double recall) {
  if (recall <= 0.95) return {std::max<size_t>(96, 2 * k), false};
  if (recall <= 0.99) return {std::max<size_t>(256, 4 * k), false};
  return {std::max<size_t>(kCalibratedEfMax, 8 * k), false};
}

// Conditions from outside whose rows are away can be harder than those that were made up: a fifth of 60,000 x 784, by k-means, was found with 0.931 without a margin, with
// 0.942 and 0.953 by one of 1.25 and with 0.966 by 1.5.
constexpr double kAwayMargin = 1.75;

// Those whose rows are here and there have edges too where they follow what vectors say. (The same set: half of the rows, the query's cluster among them, were found with
// 0.949 and 0.952 without a margin.)
constexpr double kScatteredMargin = 1.3;

// A beam, with its margin, over the one that finds as much without a condition; nothing where no beam that was measured does.
std::optional<double> widening_of(const FilteredCurve& curve, double ef_unfiltered, double recall) {
  const std::optional<double> ef = ef_on(curve.points, recall);
  if (!ef) return std::nullopt;
  return *ef / ef_unfiltered * (curve.kind == ConditionKind::kScattered ? kScatteredMargin : kAwayMargin);
}

// Of classes of one kind by falling share, at least one. Conditions whose rows are away differ more among themselves than their shares say: the wider beam of two classes.
std::optional<double> widening(std::span<const FilteredCurve> curves, double share, double ef_unfiltered,
                               double recall) {
  const bool scattered = curves.front().kind == ConditionKind::kScattered;
  const auto found =
      std::find_if(curves.begin(), curves.end(), [share](const FilteredCurve& c) { return double{c.share} <= share; });
  const bool below_all = found == curves.end();
  const FilteredCurve& lower = below_all ? curves.back() : *found;
  const std::optional<double> at_lower = widening_of(lower, ef_unfiltered, recall);
  if (!at_lower) return std::nullopt;
  const double lower_share = double{lower.share};
  if (below_all && !scattered) return at_lower;
  // With fewer rows than in any class that was measured beams grow by the rule, and are no narrower than by it alone. (60,000 x 784, where 10 % is the last class: at 4 %
  // the former found 0.914 to 0.948.)
  if (below_all) return std::max(*at_lower * widening_by_rule(share / lower_share), widening_by_rule(share));
  const bool above_all = found == curves.begin();
  if (above_all && !scattered) return at_lower;
  // Where all rows pass, a condition widens nothing.
  const auto at_upper = above_all ? std::optional(1.0) : widening_of(*(found - 1), ef_unfiltered, recall);
  if (!at_upper) return std::nullopt;
  if (!scattered) return std::max(*at_lower, *at_upper);
  const double upper_share = above_all ? 1 : double{(found - 1)->share};
  return mix(*at_lower, *at_upper, std::log(share / lower_share) / std::log(upper_share / lower_share));
}

}  // namespace

double widening_by_rule(double passing_share) {
  constexpr double kExponent = 0.3;
  return std::pow(passing_share, -kExponent);
}

double lower_bound_of(const RecallPoint& point) {
  const double misses = 1 - static_cast<double>(point.recall);
  return 1 - kMissesUnseen * misses - kErrorsBelow * static_cast<double>(point.error);
}

RecallPoint recall_point(uint32_t ef, size_t count, double sum, double sum_of_squares) {
  const auto n = static_cast<double>(count);
  const double mean = sum / n;
  const double variance = std::max(0.0, sum_of_squares / n - mean * mean);
  return {ef, static_cast<float>(mean), static_cast<float>(std::sqrt(variance / n))};
}

std::optional<Effort> filtered_effort_for(const Calibration& calibration, ConditionKind kind, double share, size_t k,
                                          double recall, uint32_t row_count_now) {
  const std::vector<FilteredCurve>& all = calibration.filtered;
  const auto first = std::find_if(all.begin(), all.end(), [kind](const FilteredCurve& c) { return c.kind == kind; });
  const auto last = std::find_if(first, all.end(), [kind](const FilteredCurve& c) { return c.kind != kind; });
  if (first == last) return std::nullopt;
  const Effort unfiltered = effort_for(&calibration, k, recall, row_count_now);
  if (unfiltered.exact) return unfiltered;
  const Effort at_measured_k = effort_for(&calibration, kFilteredK, recall, calibration.row_count);
  if (at_measured_k.exact) return at_measured_k;
  const std::optional<double> wider = widening({first, last}, share, static_cast<double>(at_measured_k.ef), recall);
  if (!wider) return Effort{0, true};
  return Effort{std::max(k, static_cast<size_t>(std::ceil(static_cast<double>(unfiltered.ef) * *wider - 1e-3))), false};
}

double expected_recall(const FilteredCurve& curve, size_t ef) {
  return recall_on(curve.points, static_cast<double>(ef));
}

std::optional<double> recall_of(const graph::Graph& graph, const graph::VectorsView& vectors, const std::byte* query,
                                std::span<const graph::Neighbor> neighbors, const graph::LiveRows& rows,
                                const graph::SearchOptions& options, std::vector<graph::Neighbor>& found) {
  uint32_t wanted = 0;
  uint32_t last_row = 0;
  for (const graph::Neighbor& neighbor : neighbors) {
    if (wanted == options.k) break;
    if (!rows.contains(neighbor.row.value)) continue;
    last_row = neighbor.row.value;
    ++wanted;
  }
  if (wanted == 0) return std::nullopt;
  // The distance of the last true neighbour by the kernel that searches use, so that equal ones are equal to the last bit.
  float limit = 0;
  simd::distance_kernels(graph.options().metric).gather(query, vectors.bytes, &last_row, 1, vectors.dims, &limit);
  found.resize(options.k);
  const size_t count = graph.search(vectors, query, rows, options, found);
  const auto right = std::count_if(found.begin(), found.begin() + static_cast<ptrdiff_t>(count),
                                   [limit](const graph::Neighbor& neighbor) { return neighbor.distance <= limit; });
  return std::min(1.0, static_cast<double>(right) / wanted);
}

Effort effort_for(const Calibration* calibration, size_t k, double recall, uint32_t row_count_now) {
  if (recall >= 1) return {0, true};
  if (calibration == nullptr || calibration->curves.empty()) return effort_unmeasured(k, recall);
  const Bracket at = bracket(*calibration, k);
  const std::optional<double> below = ef_on(at.below.points, recall);
  const std::optional<double> above = ef_on(at.above.points, recall);
  if (!below || !above) return {0, true};
  const double growth = static_cast<double>(row_count_now) / std::max(1U, calibration->row_count);
  const double wider = std::pow(std::max(1.0, growth), kGrowthExponent);
  const double ef = mix(*below, *above, at.share) * wider * stretch(*calibration, k);
  return {std::max(k, static_cast<size_t>(std::ceil(ef - 1e-3))), false};
}

std::optional<double> expected_recall(const Calibration& calibration, size_t k, size_t ef) {
  if (calibration.curves.empty()) return std::nullopt;
  const Bracket at = bracket(calibration, k);
  const double beam = static_cast<double>(std::max(ef, k)) / stretch(calibration, k);
  // On each curve the beam that is as wide beside its k as this one is beside k.
  const double relative = beam / static_cast<double>(std::min<size_t>(k, calibration.curves.back().k));
  const double below = recall_on(at.below.points, at.below.k == k ? beam : relative * at.below.k);
  const double above = recall_on(at.above.points, at.above.k == k ? beam : relative * at.above.k);
  return below + at.share * (above - below);
}

Calibrator::Calibrator(const graph::Graph& graph, const graph::VectorsView& vectors, const LiveBitmap& rows,
                       const Calibration& seen, CalibratorOptions options)
    : graph_(graph), options_(std::move(options)), result_(seen) {
  result_.curves.clear();
  result_.filtered.clear();
  result_.has_filtered = false;
  choose_rows(vectors, rows);
  result_.query_count = static_cast<uint32_t>(rows_.size());
  const size_t neighbors_max =
      options_.ks.back() + options_.ks.back() / kSpareShare + 2;  // the row itself is among them
  neighbors_.resize(rows_.size());
  for (std::vector<graph::Neighbor>& neighbors : neighbors_) nearest_.emplace_back(neighbors, neighbors_max);
}

// One row of each of as many equal stretches, so that every age is asked for.
void Calibrator::choose_rows(const graph::VectorsView& vectors, const LiveBitmap& candidates) {
  const uint32_t row_count = std::min(candidates.row_count(), result_.row_count);
  const uint32_t count = query_count_for(options_, row_count, vectors);
  const uint32_t entry_row = graph_.stats().entry_row;
  base::Random random(options_.seed);
  for (uint64_t i = 0; i < count && row_count != 0; ++i) {
    const uint64_t first = i * row_count / count;
    const uint64_t last = std::max(first + 1, (i + 1) * row_count / count);
    for (uint32_t tries = 0; tries < kRowTriesMax; ++tries) {
      const RowId row{static_cast<uint32_t>(first + random.below(last - first))};
      if (row.value == entry_row || !candidates.contains(row) || !graph_.contains(row)) continue;
      if (!rows_.empty() && rows_.back() == row) continue;
      rows_.push_back(row);
      queries_.insert(queries_.end(), vectors.row(row.value), vectors.row(row.value) + vectors.row_bytes);
      break;
    }
  }
}

Calibrator::~Calibrator() = default;

bool Calibrator::step(const graph::VectorsView& vectors, const LiveBitmap& rows) {
  if (rows_.empty()) {
    result_.has_filtered = options_.filtered;
    return true;
  }
  graph::LiveRows live = rows.view();
  live.row_count = std::min(live.row_count, result_.row_count);  // what is linked meanwhile is none of its business
  if (!nearest_.empty()) {
    scan_some(vectors, live);
    return false;
  }
  if (curve_ == options_.ks.size()) return filtered_step(vectors, live);
  search_some(vectors, live);
  return curve_ == options_.ks.size() && !options_.filtered;
}

bool Calibrator::filtered_step(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  if (filtered_ == nullptr) {
    filtered_ = std::make_unique<FilteredCalibrator>(graph_, result_, rows_, queries_, vectors,
                                                     options_.filtered_passing_rows_min);
  }
  if (!filtered_->step(vectors, live)) return false;
  result_.filtered = filtered_->curves();
  result_.has_filtered = true;
  return true;
}

void Calibrator::scan_some(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  const auto rows_a_step = kProductsPerStep / (static_cast<double>(rows_.size()) * products_of(vectors));
  const auto words = static_cast<uint32_t>(std::min<double>(rows_a_step, live.row_count) / 64);
  const uint32_t last = std::min<uint32_t>(live.row_count, scan_row_ + 64 * std::max(1U, words));
  graph::flat_scan_part(graph_.options().metric, vectors, queries_.data(), live, {scan_row_}, {last}, nearest_);
  scan_row_ = last;
  if (last == live.row_count) finish_scan();
}

void Calibrator::finish_scan() {
  for (size_t q = 0; q < rows_.size(); ++q) {
    nearest_[q].sort();
    std::erase_if(neighbors_[q], [&](const graph::Neighbor& neighbor) { return neighbor.row == rows_[q]; });
  }
  nearest_ = {};
  begin_curve();
}

void Calibrator::begin_curve() {
  if (curve_ == options_.ks.size()) return;
  const uint32_t k = options_.ks[curve_];
  result_.curves.push_back({k, {}});
  ef_at_ = 0;
  ef_ = options_.efs.empty() ? std::max(k, kCalibratedEfMin) : options_.efs.front();
  query_ = 0;
  sum_ = sum_of_squares_ = 0;
}

void Calibrator::search_some(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  for (size_t spent = 0; spent < kBeamRowsPerStep && query_ < rows_.size(); spent += ef_ + 16, ++query_) {
    const double recall = recall_of_query(vectors, live);
    sum_ += recall;
    sum_of_squares_ += recall * recall;
  }
  if (query_ == rows_.size() && !next_beam()) {
    ++curve_;
    begin_curve();
  }
}

double Calibrator::recall_of_query(const graph::VectorsView& vectors, const graph::LiveRows& live) {
  const uint32_t k = options_.ks[curve_];
  const graph::SearchOptions options{.k = k, .ef = std::max(ef_, k), .left_out = rows_[query_].value};
  const std::byte* query = queries_.data() + query_ * vectors.row_bytes;
  return recall_of(graph_, vectors, query, neighbors_[query_], live, options, found_).value_or(1);
}

// Notes the point; false at the end of the curve.
bool Calibrator::next_beam() {
  const RecallPoint point = recall_point(ef_, rows_.size(), sum_, sum_of_squares_);
  result_.curves.back().points.push_back(point);
  query_ = 0;
  sum_ = sum_of_squares_ = 0;
  if (!options_.efs.empty()) {
    if (++ef_at_ == options_.efs.size()) return false;
    ef_ = options_.efs[ef_at_];
    return true;
  }
  const bool hard = lower_bound_of(point) < kRecallHard;
  const uint32_t ef_max = hard ? kCalibratedEfMaxHard : kCalibratedEfMax;
  if (static_cast<double>(point.recall) >= kRecallEnough || ef_ >= ef_max) return false;
  ef_ = std::min(ef_max, ef_ + std::max(1U, ef_ / 4));
  return true;
}

}  // namespace omendb::table
