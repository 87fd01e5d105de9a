#include "engine/exec/vector_search.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/plan/step.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <set>
#include <string>

namespace omendb::exec {
namespace {

constexpr uint32_t kDims = 6;

std::vector<float> random_vectors(size_t row_count, base::Random& random, size_t dims = kDims) {
  std::vector<float> vectors(row_count * dims);
  for (float& component : vectors) component = random.normal();
  return vectors;
}

std::vector<int64_t> keys_from(int64_t first, size_t count) {
  std::vector<int64_t> keys(count);
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

std::vector<uint32_t> numbers(const VectorHits& hits) {
  std::vector<uint32_t> rows;
  for (const RowId row : hits.rows) rows.push_back(row.value);
  return rows;
}

// Half of the rows in the graph, half in the tail: each is found by itself, once.
TEST(VectorSearch, GraphAndTailTogetherAnswerForEveryRow) {
  table::TestTable table(kDims);
  base::Random random(1);
  const std::vector<float> linked = random_vectors(1500, random);
  table.write(keys_from(0, 1500), linked);
  table.link();
  const std::vector<float> fresh = random_vectors(700, random);
  table.write(keys_from(1500, 700), fresh);
  ASSERT_EQ(table.index().waiting_rows(*table.version()), 700U);
  for (uint32_t row = 0; row < 2200; row += 7) {
    const float* vector = row < 1500 ? linked.data() + row * kDims : fresh.data() + (row - 1500) * kDims;
    const VectorHits hits = base::must(vector_search(*table.version(), {.vectors = {vector, kDims}, .k = 5}));
    ASSERT_EQ(hits.rows.size(), 5U);
    EXPECT_EQ(hits.rows[0].value, row);
    EXPECT_EQ(hits.distances[0], 0);
    EXPECT_TRUE(std::is_sorted(hits.distances.begin(), hits.distances.end()));
    const auto rows = numbers(hits);
    EXPECT_EQ(std::set<uint32_t>(rows.begin(), rows.end()).size(), 5U);
  }
}

// Rows enter the graph while a search looks: those met twice are kept once, none is missed.
TEST(VectorSearch, AnOldVersionIsSearchedAsItWasWhateverWasLinkedSince) {
  table::TestTable table(kDims);
  base::Random random(2);
  const std::vector<float> vectors = random_vectors(1400, random);
  table.write(keys_from(0, 1400), vectors);
  const auto before = table.version();
  std::vector<int64_t> gone = {7, 8, 900};
  table.erase(gone);
  table.write({20}, random_vectors(1, random));
  table.link();
  for (const uint32_t row : {7U, 8U, 20U, 900U}) {
    const VectorHits hits =
        base::must(vector_search(*before, {.vectors = {vectors.data() + row * kDims, kDims}, .k = 1}));
    EXPECT_EQ(numbers(hits), std::vector<uint32_t>{row});
    const VectorHits now =
        base::must(vector_search(*table.version(), {.vectors = {vectors.data() + row * kDims, kDims}, .k = 1}));
    EXPECT_NE(numbers(now), std::vector<uint32_t>{row}) << "a deleted row came back";
  }
}

TEST(VectorSearch, RowsWithoutAVectorAreNoAnswer) {
  table::TestTable table(1);
  table.write({1, 2, 3, 4}, {1, 2, 3, 4}, {1, 0, 1, 0});
  const std::vector<float> query = {2};
  EXPECT_EQ(numbers(base::must(vector_search(*table.version(), {.vectors = query, .k = 10}))),
            (std::vector<uint32_t>{0, 2}));
}

TEST(VectorSearch, TiesComeInOrderOfArrival) {
  table::TestTable table(1);
  table.write({9, 8, 7, 6}, {1, 1, 1, 1});
  const std::vector<float> query = {1};
  EXPECT_EQ(numbers(base::must(vector_search(*table.version(), {.vectors = query, .k = 3}))),
            (std::vector<uint32_t>{0, 1, 2}));
}

TEST(VectorSearch, TheBeamIsNeverNarrowerThanWhatIsAskedFor) {
  table::TestTable table(kDims);
  base::Random random(3);
  table.write(keys_from(0, 2000), random_vectors(2000, random));
  table.link();
  const std::vector<float> query = random_vectors(1, random);
  for (const size_t k : {1U, 10U, 200U, 1999U, 5000U}) {
    EXPECT_EQ(base::must(vector_search(*table.version(), {.vectors = query, .k = k, .ef = 1})).rows.size(),
              std::min<size_t>(k, 2000));
  }
}

TEST(VectorSearch, AWantedRecallChoosesTheBeam) {
  table::TestTable table(kDims);
  base::Random random(5);
  table.write(keys_from(0, 3000), random_vectors(3000, random));
  table.link();
  const std::vector<float> queries = random_vectors(50, random);
  const auto search = [&](double recall, size_t ef, bool exact) {
    return base::must(
        vector_search(*table.version(),
                      {.vectors = queries, .query_count = 50, .k = 10, .recall = recall, .ef = ef, .exact = exact}));
  };
  const VectorHits exact = search(0, 0, true);
  const VectorHits before = search(0, 0, false);
  EXPECT_EQ(before.rows.size(), 500U);
  EXPECT_EQ(before.distances, search(0, 96, false).distances) << "nothing is measured yet";
  while (base::must(table.index().calibrate_some(*table.version(), table::VectorIndex::CalibrateWhen::kIdle))) {
  }
  const auto calibration = table.index().calibration();
  const table::Effort effort = table::effort_for(calibration.get(), 10, 0.95, 3000);
  EXPECT_LT(effort.ef, 96U);
  EXPECT_EQ(search(0, 0, false).distances, search(0, effort.ef, false).distances);
  EXPECT_EQ(search(0.95, 0, false).distances, search(0, 0, false).distances);
  EXPECT_EQ(search(1, 0, false).distances, exact.distances);
  EXPECT_EQ(search(0.5, 96, false).distances, before.distances) << "a beam that is given counts";
  const auto right = [&exact](const VectorHits& hits) {
    size_t count = 0;
    for (size_t i = 0; i < hits.distances.size(); ++i) count += hits.distances[i] <= exact.distances[i / 10 * 10 + 9];
    return static_cast<double>(count) / 500;
  };
  EXPECT_GE(right(search(0, 0, false)), 0.94);
  EXPECT_GE(right(search(0.99, 0, false)), 0.98);
}

// What was measured under conditions chooses the beam under a condition, and where no beam reached the recall each row that passes is compared.
TEST(VectorSearch, UnderAConditionTheBeamIsThatOfItsClass) {
  using enum table::ConditionKind;
  table::TestTable table(kDims);
  base::Random random(9);
  table.write(keys_from(0, 3000), random_vectors(3000, random));
  table.link();
  table::LiveBitmap passing;
  passing.append(3000, true);
  for (uint32_t row = 0; row < 3000; row += 2) passing.erase({row});
  const std::vector<float> queries = random_vectors(20, random);
  const auto search = [&](bool exact, size_t ef, std::string& why) {
    plan::Step report;
    const SearchQuery query{.vectors = queries, .query_count = 20, .k = 10, .ef = ef, .exact = exact};
    const VectorHits hits = base::must(vector_search(*table.version(), query, &passing, &report));
    why = report.notes.front();
    return hits.distances;
  };
  const auto measured = [&](std::vector<table::FilteredCurve> curves) {
    table::Calibration calibration{.row_count = 3000, .curves = {{10, {{20, 0.99F, 0}}}}, .has_filtered = true};
    calibration.filtered = std::move(curves);
    table.index().set_calibration(std::make_shared<const table::Calibration>(calibration));
  };
  std::string why;
  const std::vector<float> exact = search(true, 0, why);
  measured({{kScattered, 0.5F, {{13, 0.97F, 0}}}, {kAway, 0.5F, {{777, 0.97F, 0}}}});
  (void)search(false, 0, why);
  EXPECT_NE(why.find("a beam of 17 for recall 0.95, 1360 where few"), std::string::npos) << why;
  (void)search(false, 14, why);
  EXPECT_NE(why.find("a beam of 14 for recall 0.95, ef= says so"), std::string::npos) << why;
  measured({{kScattered, 0.5F, {{13, 0.9F, 0}}}});
  EXPECT_EQ(search(false, 0, why), exact);
  EXPECT_NE(why.find("no beam reaches the recall"), std::string::npos) << why;
  measured({});
  (void)search(false, 0, why);
  EXPECT_NE(why.find("a beam of 25 for recall 0.95, 240 where few"), std::string::npos) << "by rule: " << why;
}

TEST(VectorSearch, RecallsThatAreNoShareAreRefused) {
  table::TestTable table(1);
  table.write({1}, {1});
  const std::vector<float> query = {2};
  for (const double recall : {-0.1, 1.01, 95.0, std::nan(""), HUGE_VAL}) {
    const auto hits = vector_search(*table.version(), {.vectors = query, .recall = recall});
    EXPECT_EQ(base::code_of(hits), ErrorCode::kInvalidArgument);
    EXPECT_NE(base::message_of(hits).find("recall is above 0 and at most 1"), std::string::npos);
  }
  EXPECT_EQ(base::must(vector_search(*table.version(), {.vectors = query, .recall = 1e-9})).rows.size(), 1U);
}

// Half of the rows in the graph, half in the tail; radii that are the distance of some row, so that rounding would show.
TEST(VectorSearch, ARadiusTakesTheRowsWithinItFromGraphAndTail) {
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct, Metric::kL1}) {
    SCOPED_TRACE(to_string(metric));
    table::TestTable table(kDims, metric);
    base::Random random(5);
    table.write(keys_from(0, 1500), random_vectors(1500, random));
    table.link();
    table.write(keys_from(1500, 700), random_vectors(700, random));
    std::vector<int64_t> gone = {3, 700, 1600, 2199};
    table.erase(gone);
    size_t wanted = 0;
    size_t right = 0;
    for (uint64_t round = 0; round < base::scaled(60); ++round) {
      const std::vector<float> query = random_vectors(1, random);
      const VectorHits all = base::must(vector_search(*table.version(), {.vectors = query, .k = 3000, .exact = true}));
      ASSERT_EQ(all.rows.size(), 2196U);
      const size_t rank = random.below(400);
      const float radius = all.distances[rank];
      const auto within = static_cast<size_t>(std::count_if(all.distances.begin(), all.distances.end(),
                                                            [radius](float distance) { return distance <= radius; }));
      ASSERT_GT(within, rank);
      SearchQuery search{.vectors = query, .k = 3000, .radius = radius, .exact = true};
      const VectorHits exact = base::must(vector_search(*table.version(), search));
      std::vector<uint32_t> nearest = numbers(all);
      nearest.resize(within);
      ASSERT_EQ(numbers(exact), nearest);
      search.exact = false;
      const VectorHits walked = base::must(vector_search(*table.version(), search));
      for (const float distance : walked.distances) ASSERT_LE(distance, radius);
      ASSERT_TRUE(std::is_sorted(walked.distances.begin(), walked.distances.end()));
      wanted += within;
      right += walked.rows.size();
      search.k = rank / 2 + 1;
      ASSERT_EQ(base::must(vector_search(*table.version(), search)).rows.size(), std::min(search.k, within));
    }
    EXPECT_GE(static_cast<double>(right), 0.97 * static_cast<double>(wanted));
  }
}

// The share of the rows within a radius that searches of this recall and beam find on average; radii with 1 to 400 answers.
double share_within(const table::TestTable& table, size_t dims, double recall, size_t ef) {
  base::Random random(8);
  double shares = 0;
  size_t searches = 0;
  for (const size_t rank : {0U, 3U, 10U, 40U, 100U, 399U}) {
    for (uint64_t round = 0; round < std::max<uint64_t>(10, base::scaled(40)); ++round, ++searches) {
      const std::vector<float> query = random_vectors(1, random, dims);
      SearchQuery search{.vectors = query, .k = 3000, .exact = true};
      search.radius = base::must(vector_search(*table.version(), search)).distances[rank];
      const auto wanted = base::must(vector_search(*table.version(), search)).rows.size();
      search.exact = false;
      search.recall = recall;
      search.ef = ef;
      const auto found = base::must(vector_search(*table.version(), search)).rows.size();
      shares += static_cast<double>(found) / static_cast<double>(wanted);
    }
  }
  return shares / static_cast<double>(searches);
}

TEST(VectorSearch, ARadiusReachesTheRecallThatIsWantedMeasuredOrNot) {
  constexpr size_t kHardDims = 48;  // of vectors without any order, so that beams have to be wide
  table::TestTable table(kHardDims);
  base::Random random(7);
  table.write(keys_from(0, 4000), random_vectors(4000, random, kHardDims));
  table.link();
  for (const bool measured : {false, true}) {
    while (measured &&
           base::must(table.index().calibrate_some(*table.version(), table::VectorIndex::CalibrateWhen::kIdle))) {
    }
    const double by_default = share_within(table, kHardDims, 0, 0);
    const double wide = share_within(table, kHardDims, 0.99, 0);
    EXPECT_GE(by_default, 0.95) << measured;
    EXPECT_GE(wide, 0.99) << measured;
    EXPECT_EQ(share_within(table, kHardDims, 1, 0), 1);
    EXPECT_LT(share_within(table, kHardDims, 1, 1), 0.9) << "a beam that is given counts";
  }
}

TEST(VectorSearch, ARadiusIsCheckedAgainstWhatTheMetricCanBe) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Metric metric : {Metric::kL2, Metric::kCosine, Metric::kInnerProduct, Metric::kL1}) {
    SCOPED_TRACE(to_string(metric));
    table::TestTable table(1, metric);
    table.write({1, 2, 3}, {1, 2, -3});
    const std::vector<float> query = {1};
    const auto search = [&](float radius) {
      return vector_search(*table.version(), {.vectors = query, .k = 10, .radius = radius});
    };
    EXPECT_EQ(base::code_of(search(std::numeric_limits<float>::quiet_NaN())), ErrorCode::kInvalidArgument);
    EXPECT_EQ(base::must(search(kInfinity)).rows.size(), 3U);
    if (metric == Metric::kInnerProduct) {
      EXPECT_EQ(numbers(base::must(search(-2))), std::vector<uint32_t>{1});
      EXPECT_TRUE(base::must(search(-kInfinity)).rows.empty());
    } else {
      EXPECT_EQ(base::message_of(search(-1)),
                "search in table 't': radius is -1, but no " + std::string(to_string(metric)) + " distance is below 0");
      EXPECT_EQ(base::must(search(0)).rows.size(), metric == Metric::kCosine ? 2U : 1U);
    }
  }
}

TEST(VectorSearch, BatchesOnManyThreadsAnswerInTheOrderOfTheQueries) {
  table::TestTable table(kDims);
  base::Random random(4);
  table.write(keys_from(0, 1200), random_vectors(1200, random));
  table.link();
  const std::vector<float> queries = random_vectors(100, random);
  const VectorHits one = base::must(vector_search(*table.version(), {.vectors = queries, .query_count = 100, .k = 4}));
  const VectorHits four =
      base::must(vector_search(*table.version(), {.vectors = queries, .query_count = 100, .k = 4, .threads = 4}));
  EXPECT_EQ(numbers(one), numbers(four));
  EXPECT_EQ(one.offsets, four.offsets);
  EXPECT_EQ(one.distances, four.distances);
}

}  // namespace
}  // namespace omendb::exec
