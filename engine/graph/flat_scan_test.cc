#include "engine/graph/flat_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_scale.h"
#include "engine/graph/graph_test_sets.h"

namespace omendb::graph {
namespace {

// Every live row of the range by the single-row kernel, sorted.
std::vector<Neighbor> sorted_rows(simd::Metric metric, const Vectors& rows, const float* query, const LiveRows& live,
                                  uint32_t first, uint32_t last) {
  std::vector<Neighbor> all;
  for (uint32_t row = first; row < std::min(last, rows.row_count()); ++row) {
    if (live.contains(row))
      all.push_back({simd::distance_kernels(metric).one(query, rows.row(row), rows.dims()), RowId{row}});
  }
  std::sort(all.begin(), all.end());
  return all;
}

void expect_same(const std::vector<Neighbor>& found, std::vector<Neighbor> wanted, size_t k) {
  wanted.resize(std::min(k, wanted.size()));
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_EQ(found[i].row, wanted[i].row) << "place " << i;
    ASSERT_EQ(found[i].distance, wanted[i].distance);
  }
}

TEST(FlatScan, AgreesWithSortingEverythingForAnyRangeAndAnyLiveRows) {
  for (uint64_t seed = 0; seed < base::scaled(300); ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    const Vectors rows = random_vectors(random.between(1, 700), random.between(1, 40), seed + 1000);
    const Vectors queries = random_vectors(random.between(1, 9), rows.dims(), seed + 2000);
    Live live(rows.row_count());
    const uint64_t dead_in_ten = random.below(11);
    for (uint32_t row = 0; row < rows.row_count(); ++row) {
      if (random.below(10) < dead_in_ten) live.clear(row);
    }
    const auto first = static_cast<uint32_t>(random.below(rows.count() + 1));
    const auto last = static_cast<uint32_t>(random.below(rows.count() + 100));
    const size_t k = random.between(1, 30);
    const auto metric = static_cast<simd::Metric>(random.between(1, 4));
    // The distance of some row to the first query: inclusive, whatever the rounding.
    const float radius = random.below(2) == 0 ? kNoRadius
                                              : simd::distance_kernels(metric).one(
                                                    queries.row(0), rows.row(random.below(rows.count())), rows.dims());
    std::vector<Neighbor> found;
    std::vector<std::vector<Neighbor>> found_together;
    flat_scan_batch(metric, rows.view(), queries.row(0), queries.count(), live.view(), {first}, {last}, k,
                    found_together, radius);
    ASSERT_EQ(found_together.size(), queries.count());
    for (size_t q = 0; q < queries.count(); ++q) {
      std::vector<Neighbor> wanted = sorted_rows(metric, rows, queries.row(q), live.view(), first, last);
      std::erase_if(wanted, [radius](const Neighbor& neighbor) { return neighbor.distance > radius; });
      flat_scan(metric, rows.view(), queries.row(q), live.view(), {first}, {last}, k, found, radius);
      expect_same(found, wanted, k);
      expect_same(found_together[q], wanted, k);
    }
  }
}

TEST(FlatScan, PartByPartFindsTheSame) {
  const Vectors rows = random_vectors(1000, 3, 2);
  Live live(rows.row_count());
  for (uint32_t row = 0; row < 1000; row += 3) live.clear(row);
  std::vector<std::vector<Neighbor>> whole;
  flat_scan_batch(simd::Metric::kL2, rows.view(), rows.row(0), 5, live.view(), {0}, {1000}, 9, whole);
  std::vector<std::vector<Neighbor>> found(5);
  std::vector<NearestRows> nearest;
  for (std::vector<Neighbor>& one : found) nearest.emplace_back(one, 9);
  for (const auto& [first, last] : {std::pair{700U, 1000U}, {0U, 130U}, {130U, 700U}})
    flat_scan_part(simd::Metric::kL2, rows.view(), rows.row(0), live.view(), {first}, {last}, nearest);
  for (size_t q = 0; q < 5; ++q) {
    nearest[q].sort();
    ASSERT_EQ(found[q].size(), 9U);
    for (size_t i = 0; i < 9; ++i) EXPECT_EQ(found[q][i].row, whole[q][i].row);
  }
}

TEST(FlatScan, SkipsBlocksWithoutLiveRows) {
  const Vectors rows = random_vectors(70000, 2, 1);
  Live live(rows.row_count());
  LiveRows view = live.view();
  std::vector<const uint64_t*> blocks(view.blocks.begin(), view.blocks.end());
  blocks[1] = nullptr;
  view.blocks = blocks;
  std::vector<Neighbor> found;
  flat_scan(simd::Metric::kL2, rows.view(), rows.row(40000), view, {0}, {70000}, 70000, found);
  EXPECT_EQ(found.size(), 70000U - 32768U);
  EXPECT_EQ(count_live(view), 70000U - 32768U);
  for (const Neighbor& neighbor : found) EXPECT_TRUE(neighbor.row.value < 32768 || neighbor.row.value >= 65536);
}

TEST(FlatScan, BreaksTiesByRowNumber) {
  Vectors rows(1);
  for (int i = 0; i < 200; ++i) rows.append({static_cast<float>(i % 2)});
  const float query = 0;
  std::vector<Neighbor> found;
  flat_scan(simd::Metric::kL2, rows.view(), &query, Live(200).view(), {0}, {200}, 5, found);
  ASSERT_EQ(found.size(), 5U);
  for (uint32_t i = 0; i < 5; ++i) EXPECT_EQ(found[i].row.value, 2 * i);
}

TEST(NearestRows, TakesNothingIntoNoPlaces) {
  std::vector<Neighbor> none(3);
  NearestRows nearest(none, 0);
  nearest.offer({1.0F, RowId{1}});
  nearest.offer({-kNoRadius, RowId{2}});
  nearest.sort();
  EXPECT_TRUE(none.empty());
}

}  // namespace
}  // namespace omendb::graph
