#include "engine/exec/vector_search.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

namespace omendb::exec {
namespace {

constexpr uint32_t kDims = 6;

std::vector<float> random_vectors(size_t row_count, base::Random& random) {
  std::vector<float> vectors(row_count * kDims);
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
