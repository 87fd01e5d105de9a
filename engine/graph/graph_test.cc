#include "engine/graph/graph.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph_test_sets.h"

namespace omendb::graph {
namespace {

using base::must;

constexpr simd::Metric kMetrics[] = {simd::Metric::kL2, simd::Metric::kCosine, simd::Metric::kInnerProduct,
                                     simd::Metric::kL1};

// The share of the true k nearest that the graph finds, over queries near the rows and elsewhere.
double recall(const Graph& graph, const Vectors& rows, const Vectors& queries, const Live& live,
              const SearchOptions& options) {
  size_t hits = 0;
  size_t wanted = 0;
  std::vector<Neighbor> found(options.k);
  std::vector<Neighbor> truth;
  for (size_t q = 0; q < queries.count(); ++q) {
    flat_scan(graph.options().metric, rows.view(), queries.row(q), live.view(), {0}, {rows.row_count()}, options.k,
              truth);
    const size_t count = graph.search(rows.view(), queries.row(q), live.view(), options, found);
    EXPECT_EQ(count, truth.size());
    EXPECT_TRUE(std::is_sorted(found.begin(), found.begin() + static_cast<ptrdiff_t>(count)));
    wanted += truth.size();
    // A row at the distance of the last true one is as good as that one.
    for (size_t i = 0; i < count; ++i) hits += found[i].distance <= truth.back().distance ? 1U : 0U;
  }
  return static_cast<double>(hits) / static_cast<double>(wanted);
}

// Every promise that holds for a graph over these rows whatever they are.
void expect_sound(const Graph& graph, const Vectors& rows) {
  const Live all(rows.row_count());
  EXPECT_EQ(base::message_of(check(graph, all.view())), "");
  EXPECT_EQ(graph.stats().linked_rows, rows.count());
  // Any k is answered in full.
  std::vector<Neighbor> found(rows.count() + 3);
  for (const size_t k : {size_t{1}, rows.count() / 2, rows.count(), rows.count() + 3}) {
    if (k == 0 || rows.count() == 0) continue;
    ASSERT_EQ(graph.search(rows.view(), rows.row(0), all.view(), {.k = k, .ef = 8}, found), std::min(k, rows.count()));
    std::vector<bool> seen(rows.count());
    for (size_t i = 0; i < std::min(k, rows.count()); ++i) {
      ASSERT_LT(found[i].row.value, rows.count());
      ASSERT_FALSE(seen[found[i].row.value]) << "row " << found[i].row.value << " twice";
      seen[found[i].row.value] = true;
    }
  }
}

TEST(GraphSearch, FindsNothingInAnEmptyGraph) {
  Graph graph({});
  const Vectors rows(4);
  std::vector<Neighbor> found(3);
  const float query[4] = {0, 0, 0, 0};
  EXPECT_EQ(graph.search(rows.view(), query, Live(0).view(), {.k = 3}, found), 0U);
  EXPECT_EQ(base::message_of(check(graph, Live(0).view())), "");
  EXPECT_FALSE(graph.contains({0}));
  EXPECT_EQ(graph.shape().entry_row, UINT32_MAX);
}

TEST(GraphSearch, FindsTheOnlyRow) {
  const Vectors rows = random_vectors(1, 4096, 1);
  Graph graph({});
  must(graph.insert(rows.view(), {0}));
  expect_sound(graph, rows);
  EXPECT_TRUE(graph.contains({0}));
  EXPECT_FALSE(graph.contains({1}));
}

TEST(GraphSearch, ReachesItsRecallOnRandomRowsOfEveryMetric) {
  for (const simd::Metric metric : kMetrics) {
    SCOPED_TRACE(static_cast<int>(metric));
    const Vectors rows = random_vectors(base::scaled(4000) + 500, 24, 7);
    const Vectors queries = random_vectors(50, 24, 8);
    Graph graph({.metric = metric});
    insert_all(graph, rows);
    expect_sound(graph, rows);
    EXPECT_GE(recall(graph, rows, queries, Live(rows.row_count()), {.k = 10, .ef = 128}),
              metric == simd::Metric::kInnerProduct ? 0.9 : 0.97);
  }
}

TEST(GraphSearch, ReachesItsRecallOnSiftDescriptors) {
  const Vectors rows = read_fvecs(test_data("siftsmall/siftsmall_base.fvecs"));
  if (rows.count() == 0) GTEST_SKIP() << "the folder of test data is not there (OMENDB_TEST_DATA may name another)";
  const Vectors queries = read_fvecs(test_data("siftsmall/siftsmall_query.fvecs"));
  const Vectors part = rows.first(base::scaled(rows.count()));
  Graph graph({});
  insert_all(graph, part);
  expect_sound(graph, part);
  EXPECT_GE(recall(graph, part, queries, Live(part.row_count()), {.k = 10, .ef = 64}), 0.97);
  EXPECT_GE(recall(graph, part, queries, Live(part.row_count()), {.k = 1, .ef = 64}), 0.97);
}

TEST(GraphSearch, CountsWhatItDid) {
  const Vectors rows = random_vectors(600, 8, 3);
  Graph graph({});
  insert_all(graph, rows);
  SearchCounters counters;
  std::vector<Neighbor> found(10);
  ASSERT_EQ(graph.search(rows.view(), rows.row(5), Live(600).view(), {.k = 10, .ef = 32}, found, &counters), 10U);
  EXPECT_GE(counters.visited_rows, 32U);
  EXPECT_LE(counters.visited_rows, 600U);
  EXPECT_GE(counters.distance_computations, counters.visited_rows - 1);
}

TEST(GraphSearch, AnswersTiesByRowNumber) {
  Vectors rows(2);
  for (int i = 0; i < 40; ++i) rows.append({1.0F, 0.0F});
  Graph graph({});
  insert_all(graph, rows);
  std::vector<Neighbor> found(40);
  ASSERT_EQ(graph.search(rows.view(), rows.row(0), Live(40).view(), {.k = 40}, found), 40U);
  for (uint32_t i = 0; i < 40; ++i) EXPECT_EQ(found[i].row.value, i);
}

TEST(GraphSearch, NeverReturnsDeadRowsAndFindsEveryLiveOneHoweverFewTheyAre) {
  const Vectors rows = random_vectors(base::scaled(3000) + 2500, 12, 21);
  const Vectors queries = random_vectors(20, 12, 22);
  Graph graph({});
  insert_all(graph, rows);
  for (const uint64_t one_in : {2ULL, 20ULL, 200ULL, 1000ULL}) {
    SCOPED_TRACE(one_in);
    base::Random random(one_in);
    Live live(rows.row_count());
    size_t live_count = 0;
    for (uint32_t row = 0; row < rows.row_count(); ++row) {
      if (random.one_in(one_in))
        ++live_count;
      else
        live.clear(row);
    }
    std::vector<Neighbor> found(10);
    std::vector<Neighbor> truth;
    for (size_t q = 0; q < queries.count(); ++q) {
      const size_t count = graph.search(rows.view(), queries.row(q), live.view(), {.k = 10, .ef = 32}, found);
      ASSERT_EQ(count, std::min<size_t>(10, live_count));
      for (size_t i = 0; i < count; ++i) ASSERT_TRUE(live.view().contains(found[i].row.value));
      flat_scan(simd::Metric::kL2, rows.view(), queries.row(q), live.view(), {0}, {rows.row_count()}, 1, truth);
      if (count > 0 && one_in >= 200) {
        EXPECT_EQ(found[0].row, truth[0].row) << "so few rows are all compared";
      }
    }
    EXPECT_EQ(base::message_of(check(graph, live.view())), "");
  }
}

TEST(GraphSearch, CrossesALargeRegionOfDeadRows) {
  // All rows around the query are dead, so that the beam must grow past them.
  const size_t count = base::scaled(6000) + 3000;
  const Vectors rows = random_vectors(count, 6, 31);
  Graph graph({});
  insert_all(graph, rows);
  const std::vector<float> query(6, 0.0F);
  Live live(rows.row_count());
  std::vector<Neighbor> order;
  flat_scan(simd::Metric::kL2, rows.view(), query.data(), live.view(), {0}, {rows.row_count()}, count, order);
  for (size_t i = 0; i < count * 2 / 3; ++i) live.clear(order[i].row.value);
  std::vector<Neighbor> found(10);
  ASSERT_EQ(graph.search(rows.view(), query.data(), live.view(), {.k = 10, .ef = 24}, found), 10U);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(found[i].row, order[count * 2 / 3 + i].row);
}

// The oracle: an exact scan without that row.
TEST(GraphSearch, ARowThatIsLeftOutIsNeitherReturnedNorMissed) {
  for (const quantize::Storage storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
    const Vectors rows = random_vectors(base::scaled(3000), 16, 31);
    Graph graph({.m = 8, .ef_construction = 100, .storage = storage});
    if (storage != quantize::Storage::kF32) must(graph.train(rows.view(), {rows.row(0), rows.count(), rows.dims()}));
    insert_all(graph, rows);
    const Live all(rows.row_count());
    size_t hits = 0;
    size_t wanted = 0;
    std::vector<Neighbor> found(10);
    std::vector<Neighbor> truth;
    for (uint32_t row = 0; row < rows.row_count(); row += 7) {
      if (row == graph.stats().entry_row) continue;
      Live others(rows.row_count());
      others.clear(row);
      flat_scan(simd::Metric::kL2, rows.view(), rows.row(row), others.view(), {0}, {rows.row_count()}, 10, truth);
      const size_t count =
          graph.search(rows.view(), rows.row(row), all.view(), {.k = 10, .ef = 64, .left_out = row}, found);
      ASSERT_EQ(count, 10U);
      for (size_t i = 0; i < count; ++i) ASSERT_NE(found[i].row.value, row);
      for (size_t i = 0; i < count; ++i) hits += found[i].distance <= truth.back().distance ? 1U : 0U;
      wanted += count;
    }
    EXPECT_GE(static_cast<double>(hits), 0.9 * static_cast<double>(wanted));
  }
}

TEST(GraphSearch, ARowThatIsLeftOutStaysAwayWhereEveryRowIsCompared) {
  const Vectors rows = random_vectors(50, 4, 32);
  Graph graph({.m = 4, .ef_construction = 20});
  insert_all(graph, rows);
  const Live all(rows.row_count());
  const uint32_t row = graph.stats().entry_row == 20 ? 21 : 20;
  std::vector<Neighbor> found(50);
  EXPECT_EQ(graph.search(rows.view(), rows.row(row), all.view(), {.k = 50, .ef = 1, .left_out = row}, found), 49U);
}

TEST(GraphSearch, KeepsInfiniteDistancesApartFromMissingRows) {
  Vectors rows(2);
  for (int i = 0; i < 100; ++i) rows.append({i % 2 == 0 ? 3e38F : -3e38F, 3e38F});
  Graph graph({});
  insert_all(graph, rows);
  expect_sound(graph, rows);
}

// Groups on the unit sphere: by inner product, which has no horizon, the same rows are nearest, and a wide beam goes on to other groups.
TEST(GraphSearch, EndsWhereOtherRowsAreMuchFarther) {
  constexpr size_t kGroups = 40;
  constexpr size_t kPerGroup = 60;
  const Vectors centres = random_vectors(kGroups, 16, 61);
  const Vectors offsets = random_vectors(kGroups * kPerGroup, 16, 62);
  Vectors rows(16);
  for (size_t i = 0; i < offsets.count(); ++i) {
    std::vector<float> row(centres.row(i % kGroups), centres.row(i % kGroups) + 16);
    for (size_t dim = 0; dim < 16; ++dim) row[dim] += 0.05F * offsets.row(i)[dim];
    const double norm = std::sqrt(std::inner_product(row.begin(), row.end(), row.begin(), 0.0));
    for (float& value : row) value = static_cast<float>(value / norm);
    rows.append(row);
  }
  const Live all(rows.row_count());
  Graph by_distance({.metric = simd::Metric::kL2});
  Graph by_product({.metric = simd::Metric::kInnerProduct});
  insert_all(by_distance, rows);
  insert_all(by_product, rows);
  uint64_t looked_at_by_distance = 0;
  uint64_t looked_at_by_product = 0;
  for (uint32_t row = 0; row < rows.row_count(); row += 37) {
    std::vector<Neighbor> found(10);
    SearchCounters counters;
    ASSERT_EQ(by_distance.search(rows.view(), rows.row(row), all.view(), {.ef = 400}, found, &counters), 10U);
    looked_at_by_distance += counters.distance_computations;
    std::vector<Neighbor> truth;
    flat_scan(simd::Metric::kL2, rows.view(), rows.row(row), all.view(), {0}, {rows.row_count()}, 10, truth);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(found[i].distance, truth[i].distance);
    by_product.search(rows.view(), rows.row(row), all.view(), {.ef = 400}, found, &counters);
    looked_at_by_product += counters.distance_computations;
  }
  EXPECT_LT(looked_at_by_distance * 2, looked_at_by_product);
}

TEST(GraphBuild, LosesNoRowWhereAllAreEqual) {
  Vectors rows(8);
  for (size_t i = 0; i < base::scaled(4000) + 200; ++i) rows.append(std::vector<float>(8, 1.5F));
  for (const uint32_t m : {2U, 4U, 16U}) {
    SCOPED_TRACE(m);
    Graph graph({.m = m, .ef_construction = 40});
    insert_all(graph, rows);
    expect_sound(graph, rows);
  }
}

TEST(GraphBuild, LosesNoRowAmongZeroVectorsAndDuplicates) {
  for (const simd::Metric metric : kMetrics) {
    SCOPED_TRACE(static_cast<int>(metric));
    base::Random random(3);
    Vectors rows(10);
    const Vectors originals = random_vectors(40, 10, 4);
    for (size_t i = 0; i < base::scaled(3000) + 300; ++i) {
      const size_t original = random.below(60);
      rows.append(original < 40 ? std::vector<float>(originals.row(original), originals.row(original) + 10)
                                : std::vector<float>(10, 0.0F));
    }
    Graph graph({.metric = metric, .m = 5, .ef_construction = 30});
    insert_all(graph, rows);
    expect_sound(graph, rows);
  }
}

TEST(GraphBuild, LosesNoRowOfGroupsThatLieFarApart) {
  // Each group is complete before the next begins: links into old groups are what pruning by distance alone would drop.
  Vectors rows(4);
  base::Random random(17);
  for (int group = 0; group < 30; ++group) {
    for (int i = 0; i < 100; ++i) {
      const auto far = static_cast<float>(group) * 1000;
      rows.append({far + random.normal(), random.normal(), random.normal(), random.normal()});
    }
  }
  Graph graph({.m = 4, .ef_construction = 20});
  insert_all(graph, rows);
  expect_sound(graph, rows);
}

TEST(GraphBuild, TakesTheEdgeCasesOfOtherLibraries) {
  const Vectors hang = read_npy(test_data("ann_edge_cases/cosine_hang.npy"));
  if (hang.count() == 0) GTEST_SKIP() << "the folder of test data is not there (OMENDB_TEST_DATA may name another)";
  ASSERT_EQ(hang.count(), 4400U);
  const Vectors near_duplicates = read_npy(test_data("ann_edge_cases/cosine_near_duplicates.npy"));
  ASSERT_EQ(near_duplicates.dims(), 2U);
  for (const simd::Metric metric : {simd::Metric::kCosine, simd::Metric::kL2}) {
    for (const Vectors* all : {&hang, &near_duplicates}) {
      const Vectors rows = all->first(std::max(base::scaled(all->count()), size_t{32}));
      Graph graph({.metric = metric});
      insert_all(graph, rows);
      expect_sound(graph, rows);
      EXPECT_GE(recall(graph, rows, rows.first(std::min<size_t>(50, rows.count())), Live(rows.row_count()),
                       {.k = 10, .ef = 64}),
                0.95);
    }
  }
}

TEST(GraphBuild, WorksAtOneAndAtManyDimensions) {
  const size_t dims_list[] = {1, 2, 17, 4096};
  for (const size_t dims : dims_list) {
    SCOPED_TRACE(dims);
    const Vectors rows = random_vectors(dims > 1000 ? 150 : 800, dims, dims);
    Graph graph({});
    insert_all(graph, rows);
    expect_sound(graph, rows);
    EXPECT_GE(recall(graph, rows, rows.first(30), Live(rows.row_count()), {.k = 5, .ef = 64}), 0.95);
  }
}

TEST(GraphBuild, TakesRowsInAnyOrderAndWithGaps) {
  const Vectors rows = random_vectors(70000, 2, 5);  // five chunks of slots
  Graph graph({.ef_construction = 20});
  std::vector<uint32_t> order;
  for (uint32_t row = 0; row < 70000; row += 97) order.push_back(row);
  base::Random random(6);
  for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
  for (const uint32_t row : order) must(graph.insert(rows.view(), RowId{row}));
  const Live all(rows.row_count());
  EXPECT_EQ(base::message_of(check(graph, all.view())), "");
  EXPECT_TRUE(graph.contains({97}));
  EXPECT_FALSE(graph.contains({98}));
  std::vector<Neighbor> found(order.size() + 1);
  ASSERT_EQ(graph.search(rows.view(), rows.row(0), all.view(), {.k = order.size() + 1}, found), order.size());
  for (size_t i = 0; i < order.size(); ++i) EXPECT_EQ(found[i].row.value % 97, 0U) << "a row that was never linked";
}

TEST(GraphBuild, RefusesARowThatNoLinkCanName) {
  Graph graph({});
  const Vectors rows = random_vectors(1, 2, 1);
  EXPECT_EQ(base::code_of(graph.insert(rows.view(), {UINT32_MAX})), ErrorCode::kNotSupported);
  EXPECT_EQ(base::code_of(graph.insert(rows.view(), {0x7FFFFFFFU})), ErrorCode::kNotSupported);
  EXPECT_EQ(graph.stats().linked_rows, 0U);
}

TEST(GraphBuild, IsReproducibleOnOneThreadAndAnotherSeedGivesAnotherGraph) {
  const Vectors rows = random_vectors(base::scaled(2000) + 300, 16, 9);
  const auto blocks_of = [&rows](uint64_t seed) {
    Graph graph({.seed = seed});
    insert_all(graph, rows);
    return saved(graph);
  };
  const Saved first = blocks_of(1);
  EXPECT_EQ(first.blocks, blocks_of(1).blocks);
  EXPECT_NE(first.blocks, blocks_of(2).blocks);
}

TEST(GraphBuild, CountsItsEdgesAndItsMemory) {
  const Vectors rows = random_vectors(1500, 10, 12);
  Graph graph({});
  insert_all(graph, rows);
  const GraphStats stats = graph.stats();
  Graph loaded({});
  must(load(loaded, saved(graph)));
  EXPECT_EQ(stats.edges, loaded.stats().edges) << "counted while building, and when the lists are read";
  EXPECT_GE(stats.edges, 1500U * 8);
  EXPECT_GE(stats.memory_bytes, 1500U * 132);
  EXPECT_LE(stats.memory_bytes, 1500U * 132 + (4U << 20));
}

TEST(GraphBuild, LetsSeveralThreadsInsertBesideReaders) {
  const size_t count = base::scaled(8000) + 1000;
  const Vectors rows = random_vectors(count, 16, 40);
  Graph graph({.m = 8, .ef_construction = 60});
  const Live all(rows.row_count());
  std::atomic<uint32_t> next{0};
  std::atomic<uint32_t> writers_left{4};
  std::atomic<uint64_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint32_t row = next.fetch_add(1); row < count; row = next.fetch_add(1))
        must(graph.insert(rows.view(), RowId{row}));
      writers_left.fetch_sub(1);
    });
  }
  for (uint64_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(t);
      std::vector<Neighbor> found(10);
      while (writers_left.load() != 0) {
        const uint64_t linked_before = graph.stats().linked_rows;
        const size_t got =
            graph.search(rows.view(), rows.row(random.below(count)), all.view(), {.k = 10, .ef = 20}, found);
        if (got < std::min<uint64_t>(10, linked_before)) wrong.fetch_add(1);
        for (size_t i = 0; i < got; ++i) {
          if (found[i].row.value >= count || (i > 0 && !(found[i - 1] < found[i]))) wrong.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong.load(), 0U);
  expect_sound(graph, rows);
  EXPECT_GE(recall(graph, rows, random_vectors(30, 16, 41), all, {.k = 10, .ef = 128}), 0.95);
}

TEST(GraphBuild, LosesNoRowWhereSeveralThreadsInsertEqualOnes) {
  Vectors rows(3);
  for (size_t i = 0; i < base::scaled(6000) + 500; ++i) rows.append({1, 2, i % 3 == 0 ? 0.0F : 3.0F});
  Graph graph({.m = 3, .ef_construction = 16});
  insert_all_in_parallel(graph, rows, 4);
  expect_sound(graph, rows);
}

}  // namespace
}  // namespace omendb::graph
