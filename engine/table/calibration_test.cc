#include "engine/table/calibration.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
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
