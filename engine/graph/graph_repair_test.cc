// Rows taken out of the graph in place.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/graph/graph_test_sets.h"
#include "engine/graph/link_store.h"

namespace omendb::graph {
namespace {

using base::must;

// A graph and which of the rows are in it. Rows are never used twice, as in a table.
class Churned {
 public:
  Churned(const GraphOptions& options, const Vectors& rows) : rows_(rows), graph_(options), live_(rows.row_count()) {
    for (uint32_t row = 0; row < rows.row_count(); ++row) live_.clear(row);
    if (options.storage != quantize::Storage::kF32)
      must(graph_.train(rows.view(), {rows.row(0), rows.count(), rows.dims()}));
  }

  Graph& graph() { return graph_; }
  const Live& live() const { return live_; }
  const std::vector<uint32_t>& members() const { return members_; }
  uint32_t next_row() const { return next_row_; }

  void insert(size_t count) {
    for (size_t i = 0; i < count; ++i, ++next_row_) {
      must(graph_.insert(rows_.view(), {next_row_}));
      live_.set(next_row_);
      members_.push_back(next_row_);
    }
  }

  // One whole turn.
  void erase(std::vector<uint32_t> rows) {
    begin(rows);
    while (must(graph_.repair_some(rows_.view()))) {
    }
    end();
  }
  void begin(const std::vector<uint32_t>& rows) {
    std::vector<RowId> ids;
    for (const uint32_t row : rows) {
      ids.push_back({row});
      live_.clear(row);
      std::erase(members_, row);
    }
    must(graph_.begin_erase(rows_.view(), ids));
  }
  void end() {
    if (!graph_.erase_under_way()) return;
    ASSERT_TRUE(graph_.erase_repaired());
    graph_.end_erase(next_row_);
  }

  std::vector<uint32_t> some_members(base::Random& random, size_t count) const {
    std::vector<uint32_t> chosen = members_;
    std::shuffle(chosen.begin(), chosen.end(), random);
    chosen.resize(std::min(count, chosen.size()));
    return chosen;
  }

  void expect_sound() {
    EXPECT_EQ(base::message_of(check(graph_, live_.view())), "");
    EXPECT_EQ(graph_.stats().linked_rows, members_.size());
    Graph loaded(graph_.options());
    must(load(loaded, saved(graph_), rows_.dims()));
    EXPECT_EQ(loaded.stats().edges, graph_.stats().edges) << "counted in passing, and when the lists are read";
    EXPECT_FALSE(loaded.erase_cut_off()) << "between two turns every row hangs on another";
    for (const Graph::Stream stream : Graph::kStreams) {
      for (uint64_t block = 0; block * Graph::kBlockBytes < Graph::stream_bytes(graph_.shape(), stream); ++block) {
        graph_.mark_block_changed(stream, block);  // so that the next saved() is whole
      }
    }
  }

  // Of the rows that are there, the share that a search for their own vector finds.
  double finds_itself(size_t ef) {
    std::vector<Neighbor> found(1);
    size_t hits = 0;
    for (const uint32_t row : members_) {
      const size_t count = graph_.search(rows_.view(), rows_.row(row), live_.view(), {.k = 1, .ef = ef}, found);
      hits += count == 1 && found[0].distance == 0 ? 1U : 0U;
    }
    return static_cast<double>(hits) / static_cast<double>(members_.size());
  }

  double recall_at_10(const Vectors& queries, size_t ef) {
    std::vector<Neighbor> found(10);
    std::vector<Neighbor> truth;
    size_t hits = 0;
    size_t wanted = 0;
    for (size_t q = 0; q < queries.count(); ++q) {
      flat_scan(graph_.options().metric, rows_.view(), queries.row(q), live_.view(), {0}, {next_row_}, 10, truth);
      const size_t count = graph_.search(rows_.view(), queries.row(q), live_.view(), {.k = 10, .ef = ef}, found);
      EXPECT_EQ(count, truth.size());
      for (size_t i = 0; i < count; ++i) {
        EXPECT_TRUE(live_.view().contains(found[i].row.value));
        hits += found[i].distance <= truth.back().distance ? 1U : 0U;
      }
      wanted += truth.size();
    }
    return wanted == 0 ? 1 : static_cast<double>(hits) / static_cast<double>(wanted);
  }

 private:
  const Vectors& rows_;
  Graph graph_;
  Live live_;
  std::vector<uint32_t> members_;
  uint32_t next_row_ = 0;
};

GraphOptions small_options(quantize::Storage storage, uint32_t m) {
  return {.m = m, .ef_construction = 60, .storage = storage};
}

TEST(GraphRepair, KeepsEveryPromiseUnderRandomTurns) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const quantize::Storage storage = seed % 2 == 0 ? quantize::Storage::kSq8 : quantize::Storage::kF32;
    const uint32_t m = static_cast<uint32_t>(random.between(2, 12));
    const Vectors rows = random_vectors(2500, 1 + random.below(24), 1000 + seed);
    Churned churned(small_options(storage, m), rows);
    while (churned.next_row() + 300 < rows.row_count()) {
      churned.insert(random.between(1, 300));
      const size_t most = random.one_in(4) ? churned.members().size() : churned.members().size() / 8;
      churned.erase(churned.some_members(random, random.between(0, most)));
      churned.expect_sound();
      if (testing::Test::HasFailure()) return;
    }
    if (churned.members().empty() || m < 4) continue;  // so few links are too few after many turns
    // The same rows, built at once.
    Vectors left(rows.dims());
    for (const uint32_t row : churned.members()) left.append({rows.row(row), rows.row(row) + rows.dims()});
    Churned fresh(small_options(storage, m), left);
    fresh.insert(left.count());
    EXPECT_GE(churned.finds_itself(60), fresh.finds_itself(60) - 0.02) << "m " << m << ", dims " << rows.dims();
  }
}

TEST(GraphRepair, RowsThatWereNeverLinkedHaveNoMemoryToGiveBack) {
  const Vectors rows = random_vectors(20, 4, 17);
  Churned churned(small_options(quantize::Storage::kF32, 4), rows);
  churned.graph().release_regions(1 << 20);  // of no rows at all
  churned.insert(20);
  churned.graph().release_regions(1 << 20);
  churned.expect_sound();
}

TEST(GraphRepair, KeepsRecallOverManyTurnovers) {
  const size_t row_count = base::scaled(1500);
  for (const quantize::Storage storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
    const Vectors rows = random_vectors(11 * row_count, 16, 90);
    const Vectors queries = random_vectors(100, 16, 91);
    base::Random random(92);
    Churned churned({.storage = storage}, rows);
    churned.insert(row_count);
    const double at_first = churned.recall_at_10(queries, 40);
    for (size_t turn = 0; turn < 200; ++turn) {
      churned.erase(churned.some_members(random, row_count / 20));
      churned.insert(row_count / 20);
    }
    EXPECT_EQ(base::message_of(check(churned.graph(), churned.live().view())), "");
    EXPECT_GE(churned.recall_at_10(queries, 40), at_first - 0.02);
    EXPECT_GE(churned.finds_itself(40), 0.999);
  }
}

// Rows that stay lose half of their links at once, while others come that may link to those only which stay.
TEST(GraphRepair, KeepsRecallWhereHalfOfTheRowsGoAtOnce) {
  const Vectors queries = random_vectors(200, 16, 3);
  for (const quantize::Storage storage : {quantize::Storage::kF32, quantize::Storage::kSq8}) {
    const Vectors rows = random_vectors(6000, 16, 4);
    Churned churned(small_options(storage, 8), rows);
    churned.insert(4000);
    base::Random random(5);
    churned.begin(churned.some_members(random, 2000));
    while (must(churned.graph().repair_some(rows.view()))) {
      churned.insert(std::min<size_t>(30, rows.row_count() - churned.next_row()));
    }
    churned.insert(rows.row_count() - churned.next_row());
    churned.end();
    churned.expect_sound();

    Vectors staying(16);
    for (const uint32_t row : churned.members()) staying.append({rows.row(row), rows.row(row) + 16});
    Churned fresh(small_options(storage, 8), staying);
    fresh.insert(staying.row_count());
    EXPECT_GE(churned.recall_at_10(queries, 20), fresh.recall_at_10(queries, 20) - 0.01);
  }
}

// The rows around a group that goes as a whole have most of their links left, and nearly all that a walk from them meets is dying.
TEST(GraphRepair, KeepsRecallAroundAGroupThatGoesAsAWhole) {
  const Vectors around = random_vectors(3000, 16, 6);
  const Vectors offsets = random_vectors(3000, 16, 7);
  Vectors rows(16);
  for (size_t i = 0; i < around.count(); ++i) {
    rows.append({around.row(i), around.row(i) + 16});
    std::vector<float> near_first(around.row(0), around.row(0) + 16);
    for (size_t dim = 0; dim < 16; ++dim) near_first[dim] += 0.05F * offsets.row(i)[dim];
    rows.append(near_first);
  }
  Churned churned(small_options(quantize::Storage::kF32, 8), rows);
  churned.insert(rows.row_count());
  std::vector<uint32_t> group;
  for (uint32_t row = 1; row < rows.row_count(); row += 2) group.push_back(row);
  churned.erase(group);
  churned.expect_sound();
  Churned fresh(small_options(quantize::Storage::kF32, 8), around);
  fresh.insert(around.row_count());
  const Vectors queries = random_vectors(200, 16, 8);
  EXPECT_GE(churned.recall_at_10(queries, 20), fresh.recall_at_10(queries, 20) - 0.01);
}

TEST(GraphRepair, LeavesNothingWhereEverythingGoesAndBeginsAnew) {
  const Vectors rows = random_vectors(900, 8, 93);
  Churned churned(small_options(quantize::Storage::kF32, 4), rows);
  for (int turn = 0; turn < 3; ++turn) {
    churned.insert(300);
    churned.erase(churned.members());
    EXPECT_EQ(churned.graph().stats().linked_rows, 0U);
    EXPECT_EQ(churned.graph().stats().edges, 0U);
    EXPECT_EQ(churned.graph().shape().entry_row, UINT32_MAX);
    std::vector<Neighbor> found(1);
    EXPECT_EQ(churned.graph().search(rows.view(), rows.row(0), churned.live().view(), {.k = 1}, found), 0U);
    churned.expect_sound();
  }
}

TEST(GraphRepair, FindsANewRootAndANewEntryPoint) {
  const Vectors rows = random_vectors(600, 8, 94);
  Churned churned(small_options(quantize::Storage::kF32, 3), rows);
  churned.insert(600);
  while (churned.members().size() > 1) {
    const Graph::Shape shape = churned.graph().shape();
    churned.erase(shape.root_row == shape.entry_row ? std::vector{shape.root_row}
                                                    : std::vector{shape.root_row, shape.entry_row});
    EXPECT_EQ(base::message_of(check(churned.graph(), churned.live().view())), "");
    if (testing::Test::HasFailure()) return;
  }
}

TEST(GraphRepair, LosesNoRowAmongEqualOnes) {
  Vectors rows(6);
  for (int i = 0; i < 1200; ++i) rows.append(std::vector<float>(6, i % 3 == 0 ? 0.0F : 1.0F));
  base::Random random(95);
  Churned churned(small_options(quantize::Storage::kF32, 4), rows);
  for (int turn = 0; turn < 8; ++turn) {
    churned.insert(150);
    churned.erase(churned.some_members(random, 60));
    churned.expect_sound();
  }
}

TEST(GraphRepair, NeverErasesWhatIsNotThere) {
  const Vectors rows = random_vectors(100, 8, 96);
  Churned churned(small_options(quantize::Storage::kF32, 4), rows);
  churned.insert(50);
  const std::vector<RowId> absent = {{70}, {99}};
  must(churned.graph().begin_erase(rows.view(), absent));
  EXPECT_FALSE(churned.graph().erase_under_way());
  churned.erase({3});
  must(churned.graph().begin_erase(rows.view(), std::vector<RowId>{{3}}));
  EXPECT_FALSE(churned.graph().erase_under_way()) << "it is gone already";
  churned.expect_sound();
}

TEST(GraphRepair, RunsBesideInsertsAndSearches) {
  const size_t row_count = base::scaled(3000);
  const Vectors rows = random_vectors(2 * row_count, 12, 97);
  Churned churned({.m = 8, .ef_construction = 40, .storage = quantize::Storage::kSq8}, rows);
  churned.insert(row_count);
  Graph& graph = churned.graph();
  std::vector<uint32_t> leaving;
  for (uint32_t row = 0; row < row_count; row += 3) leaving.push_back(row);
  churned.begin(leaving);
  std::atomic<uint32_t> next{static_cast<uint32_t>(row_count)};
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (uint32_t row = next.fetch_add(1); row < 2 * row_count; row = next.fetch_add(1))
        must(graph.insert(rows.view(), {row}));
    });
    threads.emplace_back([&] {
      while (must(graph.repair_some(rows.view()))) {
      }
    });
  }
  std::thread reader([&] {
    std::vector<Neighbor> found(10);
    for (uint32_t row = 1; !stop; row = (row + 3) % static_cast<uint32_t>(row_count)) {
      const size_t count = graph.search(rows.view(), rows.row(row), churned.live().view(), {}, found);
      ASSERT_EQ(count, 10U);
      if (row % 3 != 0) {
        EXPECT_EQ(found[0].distance, 0.0F) << "row " << row;
      }
    }
  });
  for (std::thread& thread : threads) thread.join();
  stop = true;
  reader.join();
  churned.end();
  const Live all(2 * static_cast<uint32_t>(row_count));
  EXPECT_EQ(base::message_of(check(graph, all.view())), "");
  EXPECT_EQ(graph.stats().linked_rows, 2 * row_count - leaving.size());
}

TEST(GraphRepair, GivesBackTheMemoryOfRegionsWithoutRows) {
  constexpr uint32_t kChunkRows = LinkStore::kRowsPerChunk;
  const Vectors rows = random_vectors(2 * kChunkRows + 500, 2, 98);
  Churned churned({.m = 2, .ef_construction = 8}, rows);
  churned.insert(rows.count());
  const uint64_t before = churned.graph().stats().memory_bytes;
  std::vector<uint32_t> leaving;
  for (uint32_t row = 0; row < kChunkRows; ++row) leaving.push_back(row);
  churned.begin(leaving);
  while (must(churned.graph().repair_some(rows.view()))) {
  }
  churned.end();
  EXPECT_LE(churned.graph().stats().memory_bytes, before - kChunkRows * 16);
  churned.expect_sound();
}

}  // namespace
}  // namespace omendb::graph
