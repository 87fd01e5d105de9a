// Searches where a condition chose the live rows: exact scans are the judge.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/graph/graph_test_sets.h"

namespace omendb::graph {
namespace {

using base::must;

constexpr size_t kDims = 24;
constexpr size_t kClusters = 30;
constexpr size_t kK = 10;

// Clusters that lie apart: what is in one hardly says anything of the way to another.
struct Clustered {
  explicit Clustered(size_t row_count, uint64_t seed) : rows(kDims) {
    const Vectors centres = random_vectors(kClusters, kDims, seed);
    const Vectors noise = random_vectors(row_count, kDims, seed + 1);
    base::Random random(seed + 2);
    for (size_t i = 0; i < row_count; ++i) {
      cluster.push_back(static_cast<size_t>(random.below(kClusters)));
      std::vector<float> row(kDims);
      for (size_t d = 0; d < kDims; ++d) row[d] = 2 * centres.row(cluster[i])[d] + noise.row(i)[d];
      rows.append(row);
    }
  }
  Vectors rows;
  std::vector<size_t> cluster;  // of each row
};

template <class Passes>
Live live_where(uint32_t row_count, const Passes& passes) {
  Live live(row_count);
  for (uint32_t row = 0; row < row_count; ++row) {
    if (!passes(row)) live.clear(row);
  }
  return live;
}

void build(Graph& graph, const Vectors& rows) {
  if (graph.options().storage != quantize::Storage::kF32)
    must(graph.train(rows.view(), {rows.row(0), rows.count(), rows.dims()}));
  insert_all(graph, rows);
}

uint64_t count_of(const LiveRows& live) {
  uint64_t count = 0;
  for (uint32_t row = 0; row < live.row_count; ++row) count += live.contains(row) ? 1U : 0U;
  return count;
}

// Every answer lives, with its true distance, nearest first, once; as many as there are, at most k. Returns the recall.
double judge(const Graph& graph, const Vectors& rows, const float* query, const LiveRows& live, SearchOptions options) {
  options.passing_count = count_of(live);
  options.passing_share = static_cast<double>(options.passing_count) / rows.row_count();
  std::vector<Neighbor> truth;
  flat_scan(graph.options().metric, rows.view(), query, live, {0}, {rows.row_count()}, options.k, truth);
  std::vector<Neighbor> answers(options.k);
  answers.resize(graph.search(rows.view(), query, live, options, answers));
  EXPECT_EQ(answers.size(), truth.size());
  size_t hits = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    EXPECT_TRUE(i == 0 || answers[i - 1] < answers[i]) << "answer " << i;
    EXPECT_TRUE(live.contains(answers[i].row.value));
    EXPECT_EQ(answers[i].distance,
              simd::distance_kernels(graph.options().metric).one(query, rows.row(answers[i].row.value), kDims));
    hits += answers[i].distance <= truth.back().distance ? 1U : 0U;
  }
  return truth.empty() ? 1 : static_cast<double>(hits) / static_cast<double>(truth.size());
}

double mean_recall(const Graph& graph, const Clustered& set, const std::vector<size_t>& queries, const LiveRows& live,
                   const SearchOptions& options) {
  double sum = 0;
  for (const size_t query : queries) sum += judge(graph, set.rows, set.rows.row(query), live, options);
  return sum / static_cast<double>(queries.size());
}

std::vector<size_t> some_rows(size_t row_count, size_t count, uint64_t seed) {
  base::Random random(seed);
  std::vector<size_t> rows;
  rows.reserve(count);
  for (size_t i = 0; i < count; ++i) rows.push_back(static_cast<size_t>(random.below(row_count)));
  return rows;
}

constexpr quantize::Storage kStorages[] = {quantize::Storage::kF32, quantize::Storage::kSq8};

TEST(GraphFiltered, AWalkFindsRowsThatWereChosenAtRandom) {
  const Clustered set(base::scaled(15'000) + 1'500, 501);
  const std::vector<size_t> queries = some_rows(set.rows.count(), 60, 502);
  for (const auto storage : kStorages) {
    Graph graph({.storage = storage});
    build(graph, set.rows);
    base::Random random(503);
    for (const double share : {0.9, 0.5, 0.2, 0.1, 0.04}) {
      const Live live = live_where(set.rows.row_count(), [&](uint32_t) { return random.uniform() < share; });
      const auto ef = static_cast<size_t>(64 / std::pow(share, 0.4));
      const double recall = mean_recall(graph, set, queries, live.view(),
                                        {.k = kK, .ef = ef, .filtered = Filtered::kWalk, .ef_wide = 512});
      std::printf("storage %d, %.0f %%: recall %.4f\n", static_cast<int>(storage), 100 * share, recall);
      EXPECT_GE(recall, 0.95) << share;
    }
  }
}

// The clusters that live are not the query's: where the walk begins, nothing passes.
TEST(GraphFiltered, AWalkFindsRowsFarFromTheQuery) {
  const Clustered set(base::scaled(15'000) + 1'500, 511);
  const std::vector<size_t> queries = some_rows(set.rows.count(), 60, 512);
  for (const auto storage : kStorages) {
    Graph graph({.storage = storage});
    build(graph, set.rows);
    for (const size_t living : {1U, 5U, 15U, 29U}) {
      double sum = 0;
      for (const size_t query : queries) {
        const size_t own = set.cluster[query];
        const Live live = live_where(set.rows.row_count(), [&](uint32_t row) {
          const size_t after = (set.cluster[row] + kClusters - own - 1) % kClusters;  // the own one is the last
          return after < living;
        });
        sum += judge(graph, set.rows, set.rows.row(query), live.view(),
                     {.k = kK, .ef = 64, .filtered = Filtered::kWalk, .ef_wide = 512});
      }
      const double recall = sum / static_cast<double>(queries.size());
      std::printf("storage %d, %zu of %zu clusters live: recall %.4f\n", static_cast<int>(storage), living, kClusters,
                  recall);
      EXPECT_GE(recall, 0.95) << living;
    }
  }
}

// So few that no links lead from one to the next; and in one cluster many, in all others few.
TEST(GraphFiltered, AWalkThatIsLostComparesWithEachRow) {
  const Clustered set(base::scaled(15'000) + 1'500, 521);
  const std::vector<size_t> queries = some_rows(set.rows.count(), 60, 522);
  Graph graph({.m = 6});
  build(graph, set.rows);
  base::Random random(523);
  const Live few = live_where(set.rows.row_count(), [&](uint32_t) { return random.below(100) == 0; });
  EXPECT_GE(
      mean_recall(graph, set, queries, few.view(), {.k = kK, .ef = 64, .filtered = Filtered::kWalk, .ef_wide = 512}),
      0.99);
  const Live uneven =
      live_where(set.rows.row_count(), [&](uint32_t row) { return set.cluster[row] == 0 || random.below(100) == 0; });
  EXPECT_GE(
      mean_recall(graph, set, queries, uneven.view(), {.k = kK, .ef = 64, .filtered = Filtered::kWalk, .ef_wide = 512}),
      0.97);
}

TEST(GraphFiltered, AScanOfFullVectorsMissesNothingOneOfCodesNextToNothing) {
  const Clustered set(base::scaled(4'000) + 1'000, 531);
  const std::vector<size_t> queries = some_rows(set.rows.count(), 40, 532);
  for (const auto storage : kStorages) {
    Graph graph({.storage = storage});
    build(graph, set.rows);
    base::Random random(533);
    for (const double share : {0.5, 0.03}) {
      const Live live = live_where(set.rows.row_count(), [&](uint32_t) { return random.uniform() < share; });
      const double recall =
          mean_recall(graph, set, queries, live.view(), {.k = kK, .ef = 10, .filtered = Filtered::kScan});
      EXPECT_GE(recall, storage == quantize::Storage::kF32 ? 1.0 : 0.99);
    }
  }
}

TEST(GraphFiltered, AllThatPassAreFoundWhereTheyAreFewerThanWanted) {
  const Clustered set(1'200, 541);
  Graph graph({});
  build(graph, set.rows);
  for (const uint32_t living : {0U, 1U, 9U, 10U, 11U}) {
    const Live live =
        live_where(set.rows.row_count(), [&](uint32_t row) { return row % 100 == 7 && row / 100 < living; });
    for (const Filtered filtered : {Filtered::kWalk, Filtered::kScan}) {
      EXPECT_EQ(judge(graph, set.rows, set.rows.row(3), live.view(), {.k = kK, .filtered = filtered}), 1) << living;
    }
  }
}

TEST(GraphFiltered, SmallGraphsAndLiveRowsThatNoGraphHoldsYet) {
  const Clustered set(40, 551);
  for (const size_t linked : {1U, 2U, 3U, 20U}) {
    const Vectors rows = set.rows.first(linked);
    Graph graph({});
    build(graph, rows);
    const Live live = live_where(set.rows.row_count(), [](uint32_t row) { return row % 2 == 0; });
    std::vector<Neighbor> answers(kK);
    for (const Filtered filtered : {Filtered::kWalk, Filtered::kScan}) {
      const size_t count = graph.search(set.rows.view(), set.rows.row(1), live.view(),
                                        {.k = kK, .filtered = filtered, .passing_count = 20}, answers);
      EXPECT_EQ(count, std::min(kK, (linked + 1) / 2)) << linked;
      for (size_t i = 0; i < count; ++i) EXPECT_LT(answers[i].row.value, linked);
    }
  }
}

TEST(GraphFiltered, ARowThatIsLeftOutIsNoAnswer) {
  const Clustered set(2'000, 561);
  Graph graph({});
  build(graph, set.rows);
  const Live live = live_where(set.rows.row_count(), [](uint32_t row) { return row % 4 == 0; });
  for (const uint32_t row : {0U, 400U, 1'996U}) {
    std::vector<Neighbor> answers(kK);
    for (const Filtered filtered : {Filtered::kWalk, Filtered::kScan}) {
      const size_t count =
          graph.search(set.rows.view(), set.rows.row(row), live.view(),
                       {.k = kK, .left_out = row, .filtered = filtered, .passing_count = 500}, answers);
      ASSERT_EQ(count, kK);
      EXPECT_TRUE(
          std::none_of(answers.begin(), answers.end(), [row](const Neighbor& n) { return n.row.value == row; }));
    }
  }
}

}  // namespace
}  // namespace omendb::graph
