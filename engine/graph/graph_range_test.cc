// Searches by radius: exact scans and brute force are the judge.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <limits>
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

constexpr simd::Metric kMetrics[] = {simd::Metric::kL2, simd::Metric::kCosine, simd::Metric::kInnerProduct,
                                     simd::Metric::kL1};

struct Found {
  size_t hits = 0;
  size_t wanted = 0;
  double recall() const { return wanted == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(wanted); }
};

// Every answer is a live row within the radius with its true distance, nearest first, once; at most k. Counts those that are among the true ones.
void judge(const Graph& graph, const Vectors& rows, const float* query, const LiveRows& live,
           const SearchOptions& options, Found& found) {
  const simd::DistanceKernels& kernels = simd::distance_kernels(graph.options().metric);
  std::vector<Neighbor> truth;
  flat_scan(graph.options().metric, rows.view(), query, live, {0}, {rows.row_count()}, options.k, truth,
            options.radius);
  std::vector<Neighbor> answers(options.k);
  const size_t count = graph.search(rows.view(), query, live, options, answers);
  ASSERT_LE(count, truth.size());
  answers.resize(count);
  for (size_t i = 0; i < count; ++i) {
    ASSERT_TRUE(i == 0 || answers[i - 1] < answers[i]) << "answer " << i;
    ASSERT_TRUE(live.contains(answers[i].row.value));
    ASSERT_LE(answers[i].distance, options.radius);
    ASSERT_EQ(answers[i].distance, kernels.one(query, rows.row(answers[i].row.value), rows.dims()));
    found.hits += answers[i].distance <= truth.back().distance ? 1U : 0U;
  }
  found.wanted += truth.size();
}

// The distance of the `rank`-th nearest row: a radius with so many answers.
float radius_of(const Graph& graph, const Vectors& rows, const float* query, const LiveRows& live, size_t rank) {
  std::vector<Neighbor> nearest;
  flat_scan(graph.options().metric, rows.view(), query, live, {0}, {rows.row_count()}, rank, nearest);
  return nearest.back().distance;
}

Graph& trained(Graph& graph, const Vectors& rows) {
  if (graph.options().storage != quantize::Storage::kF32) {
    must(graph.train(rows.view(), {rows.row(0), rows.count(), rows.dims()}));
  }
  insert_all(graph, rows);
  return graph;
}

TEST(GraphRange, FindsNearlyAllRowsWithinAnyRadiusForEveryMetricWithCodesAndWithout) {
  const Vectors rows = random_vectors(base::scaled(4000) + 1000, 24, 301);
  const Vectors queries = random_vectors(30, 24, 302);
  const Live live(rows.row_count());
  for (const simd::Metric metric : kMetrics) {
    for (const auto storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
      if (metric == simd::Metric::kL1 && storage != quantize::Storage::kF32) continue;
      Graph graph({.metric = metric, .storage = storage});
      trained(graph, rows);
      for (const size_t rank : {1U, 10U, 100U, 700U}) {
        SCOPED_TRACE(testing::Message() << "metric " << static_cast<int>(metric) << ", storage "
                                        << static_cast<int>(storage) << ", answers " << rank);
        Found found;
        for (size_t q = 0; q < queries.count(); ++q) {
          const float radius = radius_of(graph, rows, queries.row(q), live.view(), rank);
          ASSERT_NO_FATAL_FAILURE(
              judge(graph, rows, queries.row(q), live.view(), {.k = rows.count(), .ef = 96, .radius = radius}, found));
        }
        std::printf("metric %d, storage %d, %zu answers: recall %.4f\n", static_cast<int>(metric),
                    static_cast<int>(storage), rank, found.recall());
        EXPECT_GE(found.recall(), metric == simd::Metric::kInnerProduct ? 0.9 : 0.95);
      }
    }
  }
}

TEST(GraphRange, KeepsTheNearestWhereMoreLieWithinTheRadiusThanAreWanted) {
  const Vectors rows = random_vectors(base::scaled(6000) + 1000, 16, 303);
  const Vectors queries = random_vectors(30, 16, 304);
  const Live live(rows.row_count());
  for (const auto storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
    Graph graph({.storage = storage});
    trained(graph, rows);
    for (const size_t k : {1U, 10U, 100U}) {
      Found found;
      for (size_t q = 0; q < queries.count(); ++q) {
        for (const float radius : {radius_of(graph, rows, queries.row(q), live.view(), 500), 1e30F}) {
          ASSERT_NO_FATAL_FAILURE(
              judge(graph, rows, queries.row(q), live.view(), {.k = k, .ef = 96, .radius = radius}, found));
        }
      }
      EXPECT_GE(found.recall(), 0.95) << "k " << k;
    }
  }
}

TEST(GraphRange, FindsEveryLiveRowWhereAllOrFewLive) {
  const Vectors rows = random_vectors(3000, 12, 305);
  const Vectors queries = random_vectors(10, 12, 306);
  Graph graph({});
  insert_all(graph, rows);
  for (const uint64_t live_in_thousand : {0U, 5U, 100U, 1000U}) {
    base::Random random(live_in_thousand);
    Live live(rows.row_count());
    for (uint32_t row = 0; row < rows.row_count(); ++row) {
      if (random.below(1000) >= live_in_thousand) live.clear(row);
    }
    for (size_t q = 0; q < queries.count(); ++q) {
      Found everything;
      ASSERT_NO_FATAL_FAILURE(
          judge(graph, rows, queries.row(q), live.view(), {.k = rows.count(), .ef = 32, .radius = 1e30F}, everything));
      EXPECT_EQ(everything.recall(), 1) << live_in_thousand << " of a thousand rows live";
      Found part;
      ASSERT_NO_FATAL_FAILURE(
          judge(graph, rows, queries.row(q), live.view(), {.k = rows.count(), .ef = 96, .radius = 9}, part));
      EXPECT_GE(part.recall(), 0.9) << live_in_thousand << " of a thousand rows live";
    }
  }
}

// Two clusters that lie apart; those that live are in the one that is not the query's, and in that one a few.
TEST(GraphRange, ComparesWithEachLiveRowWhereFewOfThoseAroundTheQueryLive) {
  constexpr uint32_t kRows = 10'000;
  Vectors rows = random_vectors(kRows, 8, 308);
  Vectors shifted(8);
  for (uint32_t row = 0; row < kRows; ++row) {
    std::vector<float> vector(rows.row(row), rows.row(row) + 8);
    if (row % 2 == 1) vector[0] += 30;
    shifted.append(vector);
  }
  Graph graph({.m = 4});  // so that walks are cheap beside the comparison
  insert_all(graph, shifted);
  for (const uint32_t one_in : {1'000'000U, 400U}) {
    SCOPED_TRACE(one_in);
    Live live(kRows);
    uint64_t live_count = kRows / 2;
    for (uint32_t row = 0; row < kRows; row += 2) {
      if (row % one_in == 2) {
        ++live_count;
      } else {
        live.clear(row);
      }
    }
    for (const uint32_t query : {0U, 100U, 7'000U}) {
      for (const size_t rank : {1U, 60U, 1'000U}) {
        const float radius = radius_of(graph, shifted, shifted.row(query), live.view(), rank);
        const SearchOptions options{.k = kRows, .ef = 96, .radius = radius};
        Found found;
        ASSERT_NO_FATAL_FAILURE(judge(graph, shifted, shifted.row(query), live.view(), options, found));
        EXPECT_EQ(found.recall(), 1);
        std::vector<Neighbor> answers(kRows);
        SearchCounters counters;
        (void)graph.search(shifted.view(), shifted.row(query), live.view(), options, answers, &counters);
        EXPECT_LT(counters.distance_computations, live_count + live_count / 3)
            << "query " << query << ", rank " << rank;
      }
    }
  }
}

TEST(GraphRange, FindsNothingWhereNothingIsSoNear) {
  const Vectors rows = random_vectors(1500, 8, 307);
  Graph graph({});
  std::vector<Neighbor> found(10);
  const Live live(rows.row_count());
  EXPECT_EQ(graph.search(rows.view(), rows.row(0), live.view(), {.k = 10, .radius = 1}, found), 0U);
  insert_all(graph, rows);
  const std::vector<float> far(8, 1000.0F);
  EXPECT_EQ(graph.search(rows.view(), far.data(), live.view(), {.k = 10, .radius = 1}, found), 0U);
  EXPECT_EQ(graph.search(rows.view(), rows.row(7), live.view(), {.k = 10, .radius = 0}, found), 1U);
  EXPECT_EQ(found[0].row.value, 7U);
  const float nothing = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(graph.search(rows.view(), rows.row(7), live.view(), {.k = 10, .radius = nothing}, found), 0U);
}

TEST(GraphRange, FindsAllOfManyEqualRows) {
  Vectors rows(16);
  for (size_t i = 0; i < 2500; ++i) rows.append(std::vector<float>(16, i % 2 == 0 ? 1.0F : 50.0F));
  for (const auto storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
    Graph graph({.storage = storage});
    trained(graph, rows);
    const Live live(rows.row_count());
    std::vector<Neighbor> found(2500);
    ASSERT_EQ(graph.search(rows.view(), rows.row(0), live.view(), {.k = 2500, .ef = 96, .radius = 0}, found), 1250U);
    for (uint32_t i = 0; i < 1250; ++i) ASSERT_EQ(found[i].row.value, 2 * i);
    ASSERT_EQ(graph.search(rows.view(), rows.row(0), live.view(), {.k = 5, .ef = 96, .radius = 0}, found), 5U);
    for (const Neighbor& neighbor : std::span(found).first(5)) EXPECT_EQ(neighbor.distance, 0);
  }
}

TEST(GraphRange, ReachesItsRecallOnSiftDescriptors) {
  const Vectors rows = read_fvecs(test_data("siftsmall/siftsmall_base.fvecs"));
  if (rows.count() == 0) GTEST_SKIP() << "the folder of test data is not there (OMENDB_TEST_DATA may name another)";
  const Vectors queries = read_fvecs(test_data("siftsmall/siftsmall_query.fvecs"));
  const Vectors part = rows.first(base::scaled(rows.count()));
  const Live live(part.row_count());
  Graph graph({.storage = quantize::Storage::kSq8});
  trained(graph, part);
  for (const float radius : {200.0F, 300.0F, 400.0F}) {
    Found found;
    for (size_t q = 0; q < queries.count(); ++q) {
      ASSERT_NO_FATAL_FAILURE(
          judge(graph, part, queries.row(q), live.view(), {.k = 10'000, .ef = 96, .radius = radius * radius}, found));
    }
    std::printf("siftsmall, radius %.0f: %zu answers, recall %.4f\n", static_cast<double>(radius), found.wanted,
                found.recall());
    EXPECT_GE(found.recall(), 0.97);
  }
}

}  // namespace
}  // namespace omendb::graph
