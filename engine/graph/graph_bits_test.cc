// Graphs and scans over rows of bits. The judge counts bit by bit.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
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

class BitRows {
 public:
  explicit BitRows(size_t dims) : dims_(dims), row_bytes_(simd::bit_row_bytes(dims)) {}
  void append(const std::vector<bool>& bits) {
    bytes_.resize(bytes_.size() + row_bytes_);
    uint8_t* row = bytes_.data() + bytes_.size() - row_bytes_;
    for (size_t i = 0; i < dims_; ++i) {
      if (bits[i]) row[i / 8] = static_cast<uint8_t>(row[i / 8] | 0x80U >> (i % 8));
    }
  }
  uint32_t row_count() const { return static_cast<uint32_t>(bytes_.size() / row_bytes_); }
  size_t dims() const { return dims_; }
  const uint8_t* row(size_t index) const { return bytes_.data() + index * row_bytes_; }
  bool bit(size_t index, size_t at) const { return ((row(index)[at / 8] >> (7 - at % 8)) & 1U) != 0; }
  VectorsView view() const { return {reinterpret_cast<const std::byte*>(bytes_.data()), dims_, row_bytes_}; }

 private:
  size_t dims_;
  size_t row_bytes_;
  std::vector<uint8_t> bytes_;
};

// Rows around centres, each differing from its centre in about one bit of `every`.
BitRows clustered(size_t count, size_t dims, size_t centres, uint64_t every, uint64_t seed) {
  base::Random random(seed);
  std::vector<std::vector<bool>> middles(centres, std::vector<bool>(dims));
  base::Random centre_random(77);  // the same centres for rows and for queries
  for (auto& middle : middles) {
    for (size_t i = 0; i < dims; ++i) middle[i] = centre_random.one_in(4);
  }
  BitRows rows(dims);
  for (size_t r = 0; r < count; ++r) {
    std::vector<bool> bits = middles[random.below(centres)];
    for (size_t i = 0; i < dims; ++i) bits[i] = bits[i] != random.one_in(every);
    rows.append(bits);
  }
  return rows;
}

double counted(simd::Metric metric, const BitRows& left, size_t l, const BitRows& right, size_t r) {
  size_t differing = 0;
  size_t either = 0;
  for (size_t i = 0; i < left.dims(); ++i) {
    differing += left.bit(l, i) != right.bit(r, i) ? 1U : 0U;
    either += left.bit(l, i) || right.bit(r, i) ? 1U : 0U;
  }
  if (metric == simd::Metric::kHamming) return static_cast<double>(differing);
  return either == 0 ? 0 : static_cast<double>(differing) / static_cast<double>(either);
}

TEST(GraphBits, AScanAgreesWithCountingBitByBit) {
  for (const simd::Metric metric : {simd::Metric::kHamming, simd::Metric::kJaccard}) {
    for (const size_t dims : {1U, 7U, 64U, 65U, 1000U}) {
      SCOPED_TRACE(testing::Message() << "metric " << static_cast<int>(metric) << ", dims " << dims);
      const BitRows rows = clustered(300, dims, 5, 6, dims);
      const BitRows queries = clustered(3, dims, 5, 6, dims + 1);
      Live live(rows.row_count());
      for (uint32_t row = 0; row < 300; row += 3) live.clear(row);
      std::vector<std::vector<Neighbor>> together;
      flat_scan_batch(metric, rows.view(), queries.row(0), 3, live.view(), {10}, {290}, 300, together);
      for (size_t q = 0; q < 3; ++q) {
        std::vector<Neighbor> wanted;
        for (uint32_t row = 10; row < 290; ++row) {
          if (row % 3 != 0) wanted.push_back({static_cast<float>(counted(metric, queries, q, rows, row)), RowId{row}});
        }
        std::sort(wanted.begin(), wanted.end());
        std::vector<Neighbor> found;
        flat_scan(metric, rows.view(), queries.row(q), live.view(), {10}, {290}, 300, found);
        ASSERT_EQ(found.size(), wanted.size());
        ASSERT_EQ(together[q].size(), wanted.size());
        for (size_t i = 0; i < found.size(); ++i) {
          ASSERT_EQ(found[i].row, wanted[i].row) << "place " << i;
          ASSERT_EQ(found[i].distance, wanted[i].distance);
          ASSERT_EQ(together[q][i].row, wanted[i].row);
        }
      }
    }
  }
}

TEST(GraphBits, AWalkFindsNearlyAllOfTheNearestAndOfThoseWithinARadius) {
  const BitRows rows = clustered(base::scaled(6000) + 1000, 256, 40, 8, 1);
  const BitRows queries = clustered(50, 256, 40, 8, 2);
  const Live live(rows.row_count());
  for (const simd::Metric metric : {simd::Metric::kHamming, simd::Metric::kJaccard}) {
    Graph graph({.metric = metric});
    for (uint32_t row = 0; row < rows.row_count(); ++row) must(graph.insert(rows.view(), {row}));
    EXPECT_EQ(base::message_of(check(graph, live.view())), "");
    size_t hits = 0;
    size_t within = 0;
    size_t within_wanted = 0;
    for (size_t q = 0; q < 50; ++q) {
      std::vector<Neighbor> truth;
      std::vector<Neighbor> found(10);
      flat_scan(metric, rows.view(), queries.row(q), live.view(), {0}, {rows.row_count()}, 10, truth);
      ASSERT_EQ(graph.search(rows.view(), queries.row(q), live.view(), {.k = 10, .ef = 96}, found), 10U);
      for (const Neighbor& neighbor : found) hits += neighbor.distance <= truth.back().distance ? 1U : 0U;
      const float radius = truth.back().distance;
      flat_scan(metric, rows.view(), queries.row(q), live.view(), {0}, {rows.row_count()}, 10'000, truth, radius);
      found.resize(10'000);
      within +=
          graph.search(rows.view(), queries.row(q), live.view(), {.k = 10'000, .ef = 96, .radius = radius}, found);
      within_wanted += truth.size();
    }
    std::printf("metric %d: recall@10 %.4f, within a radius %.4f\n", static_cast<int>(metric),
                static_cast<double>(hits) / 500, static_cast<double>(within) / static_cast<double>(within_wanted));
    EXPECT_GE(static_cast<double>(hits), 0.95 * 500);
    EXPECT_GE(static_cast<double>(within), 0.95 * static_cast<double>(within_wanted));
  }
}

double recall_at_10(const Graph& graph, const BitRows& rows, const BitRows& queries, const LiveRows& live, size_t ef) {
  size_t hits = 0;
  for (size_t q = 0; q < queries.row_count(); ++q) {
    std::vector<Neighbor> truth;
    std::vector<Neighbor> found(10);
    flat_scan(graph.options().metric, rows.view(), queries.row(q), live, {0}, {rows.row_count()}, 10, truth);
    EXPECT_EQ(graph.search(rows.view(), queries.row(q), live, {.k = 10, .ef = ef}, found), 10U);
    for (const Neighbor& neighbor : found) hits += neighbor.distance <= truth.back().distance ? 1U : 0U;
  }
  return static_cast<double>(hits) / static_cast<double>(10 * queries.row_count());
}

TEST(GraphBits, AreFoundAsWellWhenHalfOfThemHaveLeft) {
  const BitRows rows = clustered(base::scaled(4000) + 1000, 256, 40, 8, 11);
  const BitRows queries = clustered(50, 256, 40, 8, 12);
  for (const simd::Metric metric : {simd::Metric::kHamming, simd::Metric::kJaccard}) {
    Live live(rows.row_count());
    Graph graph({.metric = metric});
    for (uint32_t row = 0; row < rows.row_count(); ++row) must(graph.insert(rows.view(), {row}));
    const double at_first = recall_at_10(graph, rows, queries, live.view(), 40);
    for (uint32_t turn = 0; turn < 5; ++turn) {
      std::vector<RowId> leaving;
      for (uint32_t row = 2 * turn; row < rows.row_count(); row += 10) {
        leaving.push_back({row});
        live.clear(row);
      }
      must(graph.begin_erase(rows.view(), leaving));
      while (must(graph.repair_some(rows.view()))) {
      }
      graph.end_erase(rows.row_count());
      ASSERT_EQ(base::message_of(check(graph, live.view())), "") << "turn " << turn;
    }
    EXPECT_EQ(graph.stats().linked_rows, rows.row_count() / 2);
    EXPECT_GE(recall_at_10(graph, rows, queries, live.view(), 40), at_first - 0.02);
    size_t lost = 0;
    for (uint32_t row = 1; row < rows.row_count(); row += 2) {
      std::vector<Neighbor> found(1);
      const size_t count = graph.search(rows.view(), rows.row(row), live.view(), {.k = 1, .ef = 40}, found);
      lost += count == 1 && found[0].distance == 0 ? 0U : 1U;
    }
    EXPECT_LE(lost, rows.row_count() / 1000);
  }
}

TEST(GraphBits, LosesNoRowWhereManyAreEqual) {
  BitRows rows(70);
  base::Random random(5);
  for (size_t r = 0; r < base::scaled(3000) + 300; ++r) {
    std::vector<bool> bits(70);
    bits[69] = random.one_in(2);
    bits[0] = random.one_in(50);
    rows.append(bits);
  }
  for (const simd::Metric metric : {simd::Metric::kHamming, simd::Metric::kJaccard}) {
    Graph graph({.metric = metric, .m = 5, .ef_construction = 30});
    for (uint32_t row = 0; row < rows.row_count(); ++row) must(graph.insert(rows.view(), {row}));
    const Live live(rows.row_count());
    EXPECT_EQ(base::message_of(check(graph, live.view())), "");
    std::vector<Neighbor> found(rows.row_count());
    EXPECT_EQ(graph.search(rows.view(), rows.row(0), live.view(), {.k = rows.row_count(), .ef = 8}, found),
              rows.row_count());
  }
}

TEST(GraphBits, ComeBackFromTheirBlocks) {
  const BitRows rows = clustered(1500, 100, 10, 8, 9);
  Graph graph({.metric = simd::Metric::kHamming});
  for (uint32_t row = 0; row < rows.row_count(); ++row) must(graph.insert(rows.view(), {row}));
  Graph again({.metric = simd::Metric::kHamming});
  must(load(again, saved(graph), 100));
  const Live live(rows.row_count());
  for (size_t r = 0; r < rows.row_count(); r += 50) {
    std::vector<Neighbor> before(20);
    std::vector<Neighbor> after(20);
    ASSERT_EQ(graph.search(rows.view(), rows.row(r), live.view(), {.k = 20}, before), 20U);
    ASSERT_EQ(again.search(rows.view(), rows.row(r), live.view(), {.k = 20}, after), 20U);
    for (size_t i = 0; i < 20; ++i) ASSERT_EQ(before[i].row, after[i].row);
  }
}

}  // namespace
}  // namespace omendb::graph
