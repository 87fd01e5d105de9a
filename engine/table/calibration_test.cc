#include "engine/table/calibration.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <numeric>
#include <span>
#include <string>

namespace omendb::table {
namespace {

using When = VectorIndex::CalibrateWhen;

// Points around centres, as embeddings are: rows and queries of one seed and `centre_seed` are of one distribution.
std::vector<float> clustered(size_t count, size_t dims, uint64_t centre_seed, uint64_t seed) {
  constexpr size_t kCentres = 40;
  base::Random centre_random(centre_seed);
  std::vector<float> centres(kCentres * dims);
  for (float& component : centres) component = centre_random.normal();
  base::Random random(seed);
  std::vector<float> vectors;
  for (size_t i = 0; i < count; ++i) {
    const size_t centre = random.below(kCentres);
    for (size_t d = 0; d < dims; ++d) vectors.push_back(centres[centre * dims + d] + 0.6F * random.normal());
  }
  return vectors;
}

// Rows of bits, in whole bytes, around centres: about one bit in six differs.
std::vector<uint8_t> clustered_bits(size_t count, size_t row_bytes, uint64_t centre_seed, uint64_t seed) {
  constexpr size_t kCentres = 40;
  base::Random centre_random(centre_seed);
  std::vector<uint8_t> centres(kCentres * row_bytes);
  for (uint8_t& byte : centres) byte = static_cast<uint8_t>(centre_random.below(256));
  base::Random random(seed);
  std::vector<uint8_t> rows;
  for (size_t i = 0; i < count; ++i) {
    const size_t centre = random.below(kCentres);
    for (size_t b = 0; b < row_bytes; ++b) {
      unsigned differing = 0;
      for (int bit = 0; bit < 8; ++bit) differing = 2 * differing + (random.one_in(6) ? 1U : 0U);
      rows.push_back(static_cast<uint8_t>(centres[centre * row_bytes + b] ^ differing));
    }
  }
  return rows;
}

std::vector<int64_t> keys_from(int64_t first, size_t count) {
  std::vector<int64_t> keys(count);
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

void calibrate(TestTable& table) {
  while (base::must(table.index().calibrate_some(*table.version(), When::kIdle))) {
  }
}

double recall_of(TestTable& table, std::span<const std::byte> queries, size_t k, size_t ef) {
  const VectorIndex& index = table.index();
  const auto version = table.version();
  const graph::VectorsView vectors = version->vectors_view(index);
  const graph::LiveRows live = version->vectors.front().searchable.view();
  std::vector<graph::Neighbor> found(k);
  std::vector<graph::Neighbor> truth;
  size_t right = 0;
  const size_t count = queries.size() / vectors.row_bytes;
  for (size_t q = 0; q < count; ++q) {
    const std::byte* query = queries.data() + q * vectors.row_bytes;
    graph::flat_scan(index.graph().options().metric, vectors, query, live, {0}, {live.row_count}, k, truth);
    const size_t size = index.graph().search(vectors, query, live, {.k = k, .ef = ef}, found);
    for (size_t i = 0; i < size; ++i) right += found[i].distance <= truth.back().distance * (1 + 1e-6F) ? 1U : 0U;
  }
  return static_cast<double>(right) / static_cast<double>(count * k);
}

// The oracle: queries that were never rows of the table, and an exact scan.
void expect_recalls(TestTable& table, std::span<const std::byte> queries) {
  table.link();
  calibrate(table);
  const auto calibration = table.index().calibration();
  ASSERT_NE(calibration, nullptr);
  for (const size_t k : {size_t{1}, size_t{10}, size_t{30}, size_t{100}}) {
    for (const double recall : {0.9, 0.95, 0.99}) {
      const Effort effort = effort_for(calibration.get(), k, recall, table.index().watermark());
      ASSERT_FALSE(effort.exact) << "k " << k << ", recall " << recall;
      const double measured = recall_of(table, queries, k, effort.ef);
      EXPECT_GE(measured, recall - (k == 1 ? 0.03 : 0.01)) << "k " << k << ", ef " << effort.ef;
      EXPECT_NEAR(*expected_recall(*calibration, k, effort.ef), measured, k == 1 ? 0.06 : 0.03)
          << "k " << k << ", ef " << effort.ef;
    }
  }
}

TEST(Calibration, ABeamChosenForARecallGivesItToQueriesFromOutside) {
  for (uint64_t seed = 1; seed <= std::max<uint64_t>(1, base::scaled(3)); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const size_t dims = seed % 2 == 1 ? 24 : 12;  // with codes and without
    const size_t row_count = std::max<size_t>(2000, base::scaled(8000));
    TestTable table(static_cast<uint32_t>(dims));
    table.write(keys_from(0, row_count), clustered(row_count, dims, seed, 100 + seed));
    const std::vector<float> queries = clustered(300, dims, seed, 200 + seed);
    ASSERT_NO_FATAL_FAILURE(expect_recalls(table, std::as_bytes(std::span(queries))));
  }
}

TEST(Calibration, OfTheMetricL1AndOfBitsGivesTheRecallToo) {
  const size_t row_count = std::max<size_t>(2000, base::scaled(5000));
  TestTable absolute(16, Metric::kL1);
  absolute.write(keys_from(0, row_count), clustered(row_count, 16, 21, 22));
  const std::vector<float> queries = clustered(300, 16, 21, 23);
  ASSERT_NO_FATAL_FAILURE(expect_recalls(absolute, std::as_bytes(std::span(queries))));
  const std::vector<uint8_t> bit_queries = clustered_bits(300, 32, 24, 26);
  for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
    SCOPED_TRACE(to_string(metric));
    TestTable bits({.dims = 256, .metric = metric, .element = Element::kBit});
    bits.write_bits(keys_from(0, row_count), clustered_bits(row_count, 32, 24, 25));
    ASSERT_NO_FATAL_FAILURE(expect_recalls(bits, std::as_bytes(std::span(bit_queries))));
  }
}

// Classes however few rows of them pass.
std::shared_ptr<const Calibration> calibrated_with_conditions(TestTable& table) {
  CalibratorOptions options;
  options.filtered = true;
  options.filtered_passing_rows_min = 1;
  const auto version = table.version();
  const auto calibrator = table.index().make_calibrator(*version, std::move(options));
  while (!calibrator->step(version->vectors_view(table.index()), version->vectors.front().searchable)) {
  }
  return std::make_shared<const Calibration>(calibrator->result());
}

// Which rows pass for a query: `share` of them by chance, or those farthest from its centre, by whole centres.
struct Condition {
  ConditionKind kind;
  double share;
};

class OutsideConditions {
 public:
  OutsideConditions(size_t dims, uint64_t centre_seed, const graph::VectorsView& rows, uint32_t row_count)
      : dims_(dims), centres_(40 * dims) {
    base::Random random(centre_seed);
    for (float& component : centres_) component = random.normal();
    for (uint32_t row = 0; row < row_count; ++row) of_row_.push_back(nearest(rows.floats(row)));
  }
  std::vector<uint64_t> passing(const Condition& condition, const float* query, uint64_t seed) const {
    std::vector<uint64_t> words((of_row_.size() + 32767) / 32768 * 512);
    base::Random random(seed);
    std::vector<size_t> order(40);
    std::iota(order.begin(), order.end(), 0);
    const size_t own = nearest(query);
    std::sort(order.begin(), order.end(),
              [&](size_t a, size_t b) { return distance(a, centre(own)) > distance(b, centre(own)); });
    std::vector<bool> far(40);
    for (size_t i = 0; i < static_cast<size_t>(condition.share * 40); ++i) far[order[i]] = true;
    for (size_t row = 0; row < of_row_.size(); ++row) {
      const bool passes =
          condition.kind == ConditionKind::kScattered ? random.uniform() < condition.share : far[of_row_[row]];
      if (passes) words[row / 64] |= uint64_t{1} << (row % 64);
    }
    return words;
  }

 private:
  const float* centre(size_t at) const { return centres_.data() + at * dims_; }
  float distance(size_t at, const float* vector) const {
    return simd::distance_kernels(simd::Metric::kL2).one(centre(at), vector, dims_);
  }
  size_t nearest(const float* vector) const {
    size_t best = 0;
    for (size_t at = 1; at < 40; ++at) best = distance(at, vector) < distance(best, vector) ? at : best;
    return best;
  }
  size_t dims_;
  std::vector<float> centres_;
  std::vector<size_t> of_row_;
};

// Recall@10 of walks with these beams over the rows that pass; `queries` were never rows.
double filtered_recall(TestTable& table, const OutsideConditions& conditions, const Condition& condition,
                       const std::vector<float>& queries, size_t dims, size_t ef, size_t ef_wide) {
  const auto version = table.version();
  const graph::VectorsView rows = version->vectors_view(table.index());
  const uint32_t row_count = version->row_count();
  double sum = 0;
  const size_t count = queries.size() / dims;
  for (size_t q = 0; q < count; ++q) {
    const float* query = queries.data() + q * dims;
    const std::vector<uint64_t> words = conditions.passing(condition, query, q);
    std::vector<const uint64_t*> blocks;
    for (size_t b = 0; b < words.size() / 512; ++b) blocks.push_back(&words[b * 512]);
    const graph::LiveRows live{blocks, row_count};
    const uint64_t passing = graph::count_live(live);
    std::vector<graph::Neighbor> truth;
    graph::flat_scan(simd::Metric::kL2, rows, query, live, {0}, {row_count}, 10, truth);
    std::vector<graph::Neighbor> found(10);
    const graph::SearchOptions options{.k = 10,
                                       .ef = ef,
                                       .filtered = graph::Filtered::kWalk,
                                       .passing_count = passing,
                                       .passing_share = static_cast<double>(passing) / row_count,
                                       .ef_wide = ef_wide};
    found.resize(table.index().graph().search(rows, query, live, options, found));
    EXPECT_EQ(found.size(), truth.size());
    const auto right = std::count_if(found.begin(), found.end(),
                                     [&](const auto& n) { return n.distance <= truth.back().distance * (1 + 1e-6F); });
    sum += truth.empty() ? 1 : static_cast<double>(right) / static_cast<double>(truth.size());
  }
  return sum / static_cast<double>(count);
}

// The oracle: queries and conditions from outside, and exact scans.
TEST(Calibration, BeamsForConditionsGiveTheirRecallToQueriesAndConditionsFromOutside) {
  constexpr size_t kDims = 24;
  const auto row_count = static_cast<uint32_t>(std::max<size_t>(3000, base::scaled(15'000)));
  TestTable table(kDims);
  table.write(keys_from(0, row_count), clustered(row_count, kDims, 31, 131));
  table.link();
  const auto calibration = calibrated_with_conditions(table);
  ASSERT_TRUE(calibration->has_filtered);
  ASSERT_GE(calibration->filtered.size(), 4U);
  const std::vector<float> queries = clustered(100, kDims, 31, 231);
  const OutsideConditions conditions(kDims, 31, table.version()->vectors_view(table.index()), row_count);
  using enum ConditionKind;
  for (const Condition& condition : {Condition{kScattered, 0.5},
                                     {kScattered, 0.2},
                                     {kScattered, 0.1},
                                     {kScattered, 0.05},
                                     {kAway, 0.5},
                                     {kAway, 0.25},
                                     {kAway, 0.1}}) {
    for (const double recall : {0.9, 0.95}) {
      const auto beam = [&](ConditionKind kind) {
        const Effort effort = *filtered_effort_for(*calibration, kind, condition.share, 10, recall, row_count);
        return effort.exact ? row_count : effort.ef;
      };
      const double measured = filtered_recall(table, conditions, condition, queries, kDims, beam(kScattered),
                                              condition.kind == kAway ? beam(kAway) : beam(kScattered));
      std::printf("kind %d, %.0f %%, recall %.2f: beams %zu and %zu, %.4f\n", static_cast<int>(condition.kind),
                  100 * condition.share, recall, beam(kScattered), beam(kAway), measured);
      EXPECT_GE(measured, recall - 0.01) << static_cast<int>(condition.kind) << ", " << condition.share;
    }
  }
}

TEST(Calibration, ClassesOfConditionsRiseToNearlyAllRowsFoundAndFewRowsHaveNone) {
  TestTable table(8);
  table.write(keys_from(0, 3000), clustered(3000, 8, 7, 8));
  table.link();
  calibrate(table);
  EXPECT_TRUE(table.index().calibration()->has_filtered);
  EXPECT_TRUE(table.index().calibration()->filtered.empty()) << "so few that pass are compared one by one";
  const auto calibration = calibrated_with_conditions(table);
  for (const FilteredCurve& curve : calibration->filtered) {
    SCOPED_TRACE(testing::Message() << static_cast<int>(curve.kind) << ", " << curve.share);
    EXPECT_GE(curve.points.back().recall, 0.99F);
    for (size_t i = 1; i < curve.points.size(); ++i) EXPECT_GT(curve.points[i].ef, curve.points[i - 1].ef);
  }
  const auto share_of = [&](size_t i) { return calibration->filtered[i].share; };
  EXPECT_NEAR(share_of(0), 0.5F, 0.03F);
  EXPECT_NEAR(share_of(1), 0.1F, 0.03F);
}

TEST(Calibration, UnderConditionsEndsWhateverIsDeletedWhileItRuns) {
  for (const size_t kept : {size_t{0}, size_t{1}, size_t{1500}}) {
    for (const size_t steps_before : {size_t{40}, size_t{120}}) {
      SCOPED_TRACE(testing::Message() << "kept " << kept << ", after " << steps_before << " steps");
      TestTable table(4);
      table.write(keys_from(0, 2500), clustered(2500, 4, 3, 4));
      table.link();
      CalibratorOptions options;
      options.filtered = true;
      options.filtered_passing_rows_min = 1;
      const auto calibrator = table.index().make_calibrator(*table.version(), std::move(options));
      const auto step = [&] {
        const auto version = table.version();
        return calibrator->step(version->vectors_view(table.index()), version->vectors.front().searchable);
      };
      for (size_t i = 0; i < steps_before; ++i) {
        if (step()) break;
      }
      table.erase(keys_from(static_cast<int64_t>(kept), 2500 - kept));
      while (!step()) {
      }
      EXPECT_TRUE(calibrator->result().has_filtered);
      for (const FilteredCurve& curve : calibrator->result().filtered) {
        EXPECT_TRUE(curve.share > 0 && curve.share <= 1 && !curve.points.empty());
        for (const RecallPoint& point : curve.points) EXPECT_TRUE(point.recall >= 0 && point.recall <= 1);
      }
    }
  }
}

TEST(Calibration, OfBeforeConditionsWereMeasuredIsDueWhenNothingWaits) {
  TestTable table(4);
  table.write(keys_from(0, 2000), clustered(2000, 4, 5, 6));
  table.link();
  calibrate(table);
  Calibration before = *table.index().calibration();
  before.has_filtered = false;
  table.index().set_calibration(std::make_shared<const Calibration>(before));
  EXPECT_FALSE(table.index().calibration_due(*table.version(), When::kSoon));
  EXPECT_TRUE(table.index().calibration_due(*table.version(), When::kIdle));
  calibrate(table);
  EXPECT_TRUE(table.index().calibration()->has_filtered);
}

TEST(Calibration, CurvesRiseToAllRowsFound) {
  TestTable table(8);
  table.write(keys_from(0, 3000), clustered(3000, 8, 7, 8));
  table.link();
  calibrate(table);
  const auto calibration = table.index().calibration();
  ASSERT_EQ(calibration->curves.size(), 3U);
  EXPECT_EQ(calibration->row_count, 3000U);
  EXPECT_GE(calibration->query_count, 100U);
  for (size_t i = 0; i < 3; ++i) {
    const RecallCurve& curve = calibration->curves[i];
    EXPECT_EQ(curve.k, kCalibratedK[i]);
    EXPECT_EQ(curve.points.front().ef, std::max(curve.k, kCalibratedEfMin));
    for (size_t j = 1; j < curve.points.size(); ++j) {
      EXPECT_GT(curve.points[j].ef, curve.points[j - 1].ef);
      EXPECT_GE(curve.points[j].recall, curve.points[j - 1].recall - 0.02F);
    }
    EXPECT_GE(curve.points.back().recall, 0.999F);
  }
}

TEST(Calibration, SmallAndEmptyTablesHaveNone) {
  TestTable table(4);
  EXPECT_FALSE(base::must(table.index().calibrate_some(*table.version(), When::kIdle)));
  table.write({1}, {1, 2, 3, 4});
  EXPECT_FALSE(base::must(table.index().calibrate_some(*table.version(), When::kIdle)));
  table.write(keys_from(2, kFlatRowsMax - 1), clustered(kFlatRowsMax - 1, 4, 1, 2));
  table.link();
  EXPECT_FALSE(base::must(table.index().calibrate_some(*table.version(), When::kIdle)));
  EXPECT_EQ(table.index().calibration(), nullptr);
}

TEST(Calibration, EndsWhateverIsDeletedWhileItRuns) {
  for (const size_t kept : {size_t{0}, size_t{1}, size_t{1500}}) {
    SCOPED_TRACE("kept " + std::to_string(kept));
    TestTable table(4);
    table.write(keys_from(0, 2500), clustered(2500, 4, 3, 4));
    table.link();
    ASSERT_TRUE(base::must(table.index().calibrate_some(*table.version(), When::kIdle)));
    table.erase(keys_from(static_cast<int64_t>(kept), 2500 - kept));
    calibrate(table);
    ASSERT_NE(table.index().calibration(), nullptr);
    EXPECT_FALSE(table.index().calibration_due(*table.version(), When::kIdle));
  }
}

TEST(Calibration, RowsThatDieWhileItRunsAreNotMissed) {
  TestTable table(8);
  table.write(keys_from(0, 3000), clustered(3000, 8, 7, 8));
  table.link();
  const auto version = table.version();
  const VectorIndex& index = table.index();
  const auto calibrator = index.make_calibrator(*version, {.ks = {10}, .efs = {200, 400}});
  const graph::VectorsView vectors = version->vectors_view(index);
  ASSERT_FALSE(calibrator->step(vectors, version->vectors.front().searchable));
  table.erase(keys_from(0, 600));
  while (!calibrator->step(vectors, table.version()->vectors.front().searchable)) {
  }
  for (const RecallPoint& point : calibrator->result().curves[0].points) EXPECT_GE(point.recall, 0.98F) << point.ef;
}

TEST(Calibration, OfEqualRowsFindsThemAllAtOnce) {
  TestTable table(16);
  std::vector<float> vectors;
  for (size_t i = 0; i < 2000; ++i) vectors.insert(vectors.end(), 16, 0.5F);
  table.write(keys_from(0, 2000), vectors);
  table.link();
  calibrate(table);
  const auto calibration = table.index().calibration();
  ASSERT_EQ(calibration->curves.size(), 3U);
  for (const RecallCurve& curve : calibration->curves) EXPECT_EQ(curve.points.front().recall, 1) << "k " << curve.k;
  const auto with_conditions = calibrated_with_conditions(table);
  for (const FilteredCurve& curve : with_conditions->filtered) EXPECT_EQ(curve.points.front().recall, 1) << curve.share;
  const Effort effort = effort_for(calibration.get(), 10, 0.99, 2000);
  EXPECT_EQ(effort.ef, 10U);
  EXPECT_FALSE(effort.exact);
}

TEST(Calibration, IsDueAgainWhenTheTableHasChangedEnough) {
  TestTable table(4);
  table.write(keys_from(0, 2000), clustered(2000, 4, 5, 6));
  table.link();
  EXPECT_FALSE(table.index().calibration_due(*table.version(), When::kSoon)) << "2,000 rows can wait";
  EXPECT_TRUE(table.index().calibration_due(*table.version(), When::kIdle));
  calibrate(table);
  const auto due = [&table](When when) { return table.index().calibration_due(*table.version(), when); };
  EXPECT_FALSE(due(When::kIdle));
  table.write(keys_from(2000, 499), clustered(499, 4, 5, 7));
  table.link();
  EXPECT_FALSE(due(When::kIdle));
  table.write(keys_from(3000, 1), clustered(1, 4, 5, 8));
  table.link();
  EXPECT_TRUE(due(When::kIdle)) << "grown by a quarter";
  EXPECT_FALSE(due(When::kSoon));
  table.write(keys_from(4000, 1500), clustered(1500, 4, 5, 9));
  table.link();
  EXPECT_TRUE(due(When::kSoon)) << "doubled";
  calibrate(table);
  table.erase(keys_from(0, 1000));
  EXPECT_FALSE(due(When::kIdle));
  table.erase(keys_from(1000, 1));
  EXPECT_TRUE(due(When::kSoon)) << "a quarter died";
}

TEST(Calibration, IsDueAgainWhenTheCodecLearnedAnew) {
  TestTable table(16);
  table.write(keys_from(0, 1100), clustered(1100, 16, 5, 6));
  table.link();
  calibrate(table);
  EXPECT_EQ(table.index().calibration()->trained_rows, 1100U);
  table.write(keys_from(2000, 10), clustered(10, 16, 5, 7));
  table.link();
  EXPECT_FALSE(table.index().calibration_due(*table.version(), When::kSoon));
  const auto sample = clustered(64, 16, 5, 8);
  base::must(table.index().graph().train(table.version()->vectors_view(table.index()), {sample.data(), 64, 16}));
  EXPECT_TRUE(table.index().calibration_due(*table.version(), When::kSoon));
}

Calibration made_by_hand() {
  Calibration calibration;
  calibration.row_count = 10'000;
  calibration.curves = {{1, {{1, 0.5F, 0}, {4, 0.9F, 0}, {16, 1, 0}}},
                        {10, {{10, 0.8F, 0}, {40, 0.96F, 0}, {160, 0.99F, 0}}},
                        {100, {{100, 0.9F, 0}, {400, 0.999F, 0}}}};
  return calibration;
}

// Queries from outside are taken to miss a quarter more than the rows that were asked with: 0.96 of these promises 0.95.
TEST(Effort, LiesBetweenTheBeamsThatWereMeasured) {
  const Calibration calibration = made_by_hand();
  EXPECT_EQ(effort_for(&calibration, 10, 0.75, 10'000).ef, 10U);
  EXPECT_EQ(effort_for(&calibration, 10, 0.85, 10'000).ef, 20U) << "half way by the logarithm";
  EXPECT_EQ(effort_for(&calibration, 10, 0.95, 10'000).ef, 40U);
  EXPECT_EQ(effort_for(&calibration, 1, 0.875, 10'000).ef, 4U);
  EXPECT_EQ(effort_for(&calibration, 1, 0.01, 10'000).ef, 1U);
  EXPECT_EQ(effort_for(&calibration, 100, 0.875, 10'000).ef, 100U);
  const size_t between = effort_for(&calibration, 30, 0.875, 10'000).ef;
  EXPECT_GT(between, 30U);
  EXPECT_LT(between, 100U);
  EXPECT_EQ(effort_for(&calibration, 1000, 0.875, 10'000).ef, 1000U);
  EXPECT_NEAR(*expected_recall(calibration, 10, 20), 0.88, 1e-6);
  EXPECT_NEAR(*expected_recall(calibration, 1, 1), 0.5, 1e-6);
  EXPECT_NEAR(*expected_recall(calibration, 10, 5), 0.8, 1e-6);
  EXPECT_NEAR(*expected_recall(calibration, 10'000, 40'000), 0.999, 1e-6);
  EXPECT_EQ(expected_recall(Calibration{}, 10, 20), std::nullopt);
}

TEST(Effort, KeepsAMarginForChance) {
  Calibration calibration = made_by_hand();
  const size_t sure = effort_for(&calibration, 10, 0.9, 10'000).ef;
  for (RecallPoint& point : calibration.curves[1].points) point.error = 0.01F;
  EXPECT_GT(effort_for(&calibration, 10, 0.9, 10'000).ef, sure);
}

TEST(Effort, GrowsWithTheGraph) {
  const Calibration calibration = made_by_hand();
  EXPECT_EQ(effort_for(&calibration, 10, 0.95, 5'000).ef, 40U);
  EXPECT_EQ(effort_for(&calibration, 10, 0.95, 20'000).ef, 48U);
}

TEST(Effort, IsExactWhereNoBeamReachesTheRecall) {
  const Calibration calibration = made_by_hand();
  EXPECT_TRUE(effort_for(&calibration, 10, 1, 10'000).exact);
  EXPECT_TRUE(effort_for(&calibration, 10, 0.995, 10'000).exact);
  EXPECT_TRUE(effort_for(nullptr, 10, 1, 10'000).exact);
}

TEST(Effort, IsGenerousBeforeAnythingWasMeasured) {
  EXPECT_EQ(effort_for(nullptr, 10, 0.95, 0).ef, 96U);
  EXPECT_EQ(effort_for(nullptr, 100, 0.5, 0).ef, 200U);
  EXPECT_EQ(effort_for(nullptr, 10, 0.99, 0).ef, 256U);
  EXPECT_EQ(effort_for(nullptr, 10, 0.999, 0).ef, 1024U);
  const Calibration empty;
  EXPECT_EQ(effort_for(&empty, 10, 0.95, 0).ef, 96U);
}

TEST(FilteredEffort, LiesBetweenTheClassesThatWereMeasured) {
  using enum ConditionKind;
  Calibration calibration = made_by_hand();
  const auto beam = [&](ConditionKind kind, double share, size_t k = 10, double recall = 0.95, uint32_t rows = 10'000) {
    return filtered_effort_for(calibration, kind, share, k, recall, rows)->ef;
  };
  EXPECT_EQ(filtered_effort_for(calibration, kScattered, 0.5, 10, 0.95, 10'000), std::nullopt);
  calibration.filtered = {{kScattered, 0.5F, {{10, 0.5F, 0}, {80, 0.96F, 0}, {320, 0.99F, 0}}},
                          {kScattered, 0.125F, {{10, 0.5F, 0}, {320, 0.96F, 0}, {600, 0.99F, 0}}},
                          {kAway, 0.5F, {{40, 0.5F, 0}, {160, 0.96F, 0}}},
                          {kAway, 0.125F, {{40, 0.5F, 0}, {120, 0.96F, 0}}}};
  EXPECT_EQ(beam(kScattered, 0.5), 104U) << "1.3 times twice the beam without a condition";
  EXPECT_EQ(beam(kScattered, 0.25), 208U) << "half way by the logarithm";
  EXPECT_EQ(beam(kScattered, 0.125), 416U);
  EXPECT_EQ(beam(kScattered, 1), 40U);
  EXPECT_GT(beam(kScattered, 0.01), 416U) << "fewer than in any class";
  EXPECT_EQ(beam(kAway, 0.9), 280U) << "three quarters wider than measured";
  EXPECT_EQ(beam(kAway, 0.3), 280U) << "the wider of both";
  EXPECT_EQ(beam(kAway, 0.1), 210U);
  EXPECT_EQ(beam(kScattered, 0.5, 10, 0.95, 20'000), 125U) << "the graph has grown";
  EXPECT_EQ(beam(kScattered, 0.5, 1),
            std::ceil(2.6 * static_cast<double>(effort_for(&calibration, 1, 0.95, 10'000).ef)))
      << "as many times the beam without a condition";
  EXPECT_TRUE(filtered_effort_for(calibration, kAway, 0.5, 10, 0.98, 10'000)->exact) << "no beam finds so much";
  EXPECT_TRUE(filtered_effort_for(calibration, kScattered, 0.5, 10, 1, 10'000)->exact);
  EXPECT_NEAR(expected_recall(calibration.filtered[2], 80), 0.73, 1e-6);
  calibration.filtered = {{kScattered, 0.5F, {{20, 0.99F, 0}}}};
  EXPECT_EQ(beam(kScattered, 0.01), 160U) << "no narrower than by rule, 40 / 0.01 ^ 0.3";
}

// More is never answered with less.
TEST(Effort, RisesWithTheRecallAndWithK) {
  for (uint64_t seed = 1; seed <= base::scaled(300); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    Calibration calibration;
    calibration.row_count = 1000;
    for (const uint32_t k : kCalibratedK) {
      RecallCurve curve{k, {}};
      uint32_t ef = k;
      float recall = random.uniform_f32();
      for (uint64_t i = 0, count = 1 + random.below(20); i < count; ++i) {
        curve.points.push_back({ef, recall, random.one_in(3) ? 0 : 0.01F * random.uniform_f32()});
        ef += 1 + static_cast<uint32_t>(random.below(ef));
        recall = std::clamp(recall + 0.2F * (random.uniform_f32() - 0.2F), 0.0F, 1.0F);
      }
      calibration.curves.push_back(curve);
    }
    for (const size_t k : {size_t{1}, size_t{3}, size_t{10}, size_t{50}, size_t{100}, size_t{700}}) {
      Effort before;
      for (double recall = 0.02; recall < 1; recall += 0.02) {
        const Effort effort = effort_for(&calibration, k, recall, 1000);
        EXPECT_TRUE(effort.exact || effort.ef >= std::max(k, before.ef)) << "k " << k << ", recall " << recall;
        EXPECT_TRUE(effort.exact || !before.exact) << "k " << k << ", recall " << recall;
        before = effort;
        const auto expected = expected_recall(calibration, k, std::max<size_t>(k, effort.ef));
        EXPECT_TRUE(*expected >= 0 && *expected <= 1);
      }
    }
  }
}

}  // namespace
}  // namespace omendb::table
