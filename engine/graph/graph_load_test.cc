#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/graph/graph.h"
#include "engine/graph/graph_test_sets.h"
#include "engine/graph/link_store.h"

namespace omendb::graph {
namespace {

using base::must;

constexpr Graph::Stream kRows = Graph::Stream::kRows;
constexpr Graph::Stream kUpper = Graph::Stream::kUpperLevels;

std::vector<Neighbor> search(const Graph& graph, const Vectors& rows, const float* query, size_t k) {
  std::vector<Neighbor> found(k);
  found.resize(graph.search(rows.view(), query, Live(rows.row_count()).view(), {.k = k, .ef = 40}, found));
  return found;
}

uint32_t word_at(const Saved& saved, BlockName block, size_t word) {
  uint32_t value = 0;
  std::memcpy(&value, saved.blocks.at(block).data() + word * sizeof(value), sizeof(value));
  return value;
}

void set_word(Saved& saved, BlockName block, size_t word, uint32_t value) {
  std::memcpy(saved.blocks.at(block).data() + word * sizeof(value), &value, sizeof(value));
}

class SavedGraph : public testing::Test {
 protected:
  SavedGraph() {
    insert_all(graph_, rows_);
    saved_ = saved(graph_);
  }
  // The message of check() after a load that must succeed.
  std::string check_after_load(const Saved& changed) {
    Graph loaded(graph_.options());
    must(load(loaded, changed));
    return base::message_of(check(loaded, Live(rows_.row_count()).view()));
  }
  std::string load_message(const Saved& changed) {
    Graph loaded(graph_.options());
    const std::string message = base::message_of(load(loaded, changed));
    if (!message.empty()) {
      EXPECT_EQ(loaded.shape().row_count, 0U) << "a graph that could not be loaded is empty";
      EXPECT_EQ(loaded.shape().entry_row, UINT32_MAX);
    }
    return message;
  }

  static constexpr uint32_t kM = 8;
  const Vectors rows_ = random_vectors(1000, 6, 50);  // all their links on level 0 lie in one block
  Graph graph_{{.m = kM, .ef_construction = 40}};
  Saved saved_;
};

TEST_F(SavedGraph, AnswersAsBeforeAfterLoading) {
  Graph loaded(graph_.options());
  must(load(loaded, saved_));
  EXPECT_EQ(base::message_of(check(loaded, Live(rows_.row_count()).view())), "");
  EXPECT_EQ(loaded.stats().linked_rows, 1000U);
  EXPECT_EQ(loaded.stats().edges, graph_.stats().edges);
  const Vectors queries = random_vectors(20, 6, 51);
  for (size_t q = 0; q < queries.count(); ++q) {
    const std::vector<Neighbor> before = search(graph_, rows_, queries.row(q), 10);
    const std::vector<Neighbor> after = search(loaded, rows_, queries.row(q), 10);
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i].row, after[i].row);
  }
  EXPECT_TRUE(saved(loaded).blocks.empty()) << "what was loaded counts as unchanged";
}

TEST_F(SavedGraph, GrowsOnAfterLoadingAsIfItHadNeverBeenSaved) {
  const Vectors more = random_vectors(1400, 6, 50);  // the same first 1,000 rows
  Graph loaded(graph_.options());
  must(load(loaded, saved_));
  for (uint32_t row = 1000; row < 1400; ++row) {
    must(loaded.insert(more.view(), RowId{row}));
    must(graph_.insert(more.view(), RowId{row}));
  }
  EXPECT_EQ(base::message_of(check(loaded, Live(1400).view())), "");
  Saved original = saved_;
  save(graph_, original);
  Saved continued = saved_;
  save(loaded, continued);
  EXPECT_EQ(original.blocks, continued.blocks);
}

TEST_F(SavedGraph, DeliversChangedBlocksOnlyAndThoseAgainThatDidNotReachTheDisk) {
  EXPECT_TRUE(saved(graph_).blocks.empty()) << "nothing has changed";
  graph_.mark_block_changed(kRows, 0);
  graph_.mark_block_changed(kRows, 1ULL << 40);  // no such block: nothing happens
  const Saved again = saved(graph_);
  ASSERT_EQ(again.blocks.size(), 1U);
  EXPECT_EQ(again.blocks.at({kRows, 0}), saved_.blocks.at({kRows, 0}));
}

TEST_F(SavedGraph, ForgetsNothingWhenTheSinkFails) {
  const Vectors more = random_vectors(1001, 6, 50);
  must(graph_.insert(more.view(), {1000}));
  size_t calls = 0;
  const auto failing = [&calls](Graph::Stream, uint64_t, std::span<const std::byte>) -> Result<void> {
    if (++calls == 2) return Error{ErrorCode::kStorageFull, "full"};
    return {};
  };
  EXPECT_EQ(base::code_of(graph_.copy_changed_blocks(failing)), ErrorCode::kStorageFull);
  Saved continued = saved_;
  save(graph_, continued);
  Graph loaded(graph_.options());
  must(load(loaded, continued));
  EXPECT_EQ(base::message_of(check(loaded, Live(1001).view())), "");
  EXPECT_TRUE(loaded.contains({1000}));
}

TEST_F(SavedGraph, IsEmptyAgainWhenTheSourceFails) {
  for (const auto& [name, bytes] : saved_.blocks) {
    Saved missing = saved_;
    missing.blocks.erase(name);
    EXPECT_EQ(load_message(missing), "no such block");
  }
}

TEST_F(SavedGraph, RefusesAShapeThatDoesNotFit) {
  const auto message_with = [this](auto change) {
    Saved changed = saved_;
    change(changed.shape);
    return load_message(changed);
  };
  EXPECT_NE(message_with([](auto& shape) { shape.row_count = 1ULL << 33; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.row_count += 1; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.rows_bytes += 64; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.upper_bytes = 1ULL << 60; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.upper_bytes -= 16; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.entry_row = 1000; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.entry_row = UINT32_MAX; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.entry_level += 1; }), "");
  EXPECT_NE(message_with([](auto& shape) { shape.linked_rows -= 1; }), "");
}

TEST_F(SavedGraph, NamesTheRowOfEveryPlantedFault) {
  const BlockName states{kRows, 0};
  const BlockName links{kRows, 1};
  const auto list = [](uint32_t row) { return static_cast<size_t>(row) * 2 * kM; };
  const uint32_t neighbor = word_at(saved_, links, list(7));
  ASSERT_NE(neighbor & kRowMask, kNoLink);

  Saved changed = saved_;
  set_word(changed, links, list(7), 1000);
  EXPECT_EQ(load_message(changed), "graph: row 7 has a link to row 1000, which is not linked");

  changed = saved_;
  set_word(changed, states, 9, 5);
  EXPECT_EQ(load_message(changed), "graph: row 9 is not linked but has a state");

  changed = saved_;
  set_word(changed, links, list(7), 7);
  EXPECT_EQ(check_after_load(changed), "graph: row 7 links to itself on level 0");

  changed = saved_;
  set_word(changed, links, list(7) + 1, neighbor);
  EXPECT_EQ(check_after_load(changed),
            "graph: row 7 links twice to row " + std::to_string(neighbor & kRowMask) + " on level 0");

  changed = saved_;  // every link to row 300 is cut
  for (uint32_t row = 0; row < 1000; ++row) {
    for (size_t place = list(row); place < list(row + 1); ++place) {
      if ((word_at(changed, links, place) & kRowMask) == 300) set_word(changed, links, place, kNoLink);
    }
  }
  EXPECT_EQ(check_after_load(changed), "graph: row 300 is live but cannot be reached from the entry point or the root");

  changed = saved_;  // too many links that pruning may not drop
  for (size_t place = list(7); place < list(8); ++place) {
    const uint32_t word = word_at(changed, links, place);
    if (word != kNoLink)
      set_word(changed, links, place, word | kProtectedBit);
    else
      set_word(changed, links, place, static_cast<uint32_t>(place - list(7)) + 900 + kProtectedBit);
  }
  EXPECT_NE(check_after_load(changed).find("graph: row 7 "), std::string::npos);
}

TEST_F(SavedGraph, RefusesUpperLevelsThatAreNotTheRowsOwn) {
  const BlockName states{kRows, 0};
  uint32_t first = 0;
  while ((word_at(saved_, states, first) & kUpperPositionMask) == 0) ++first;
  uint32_t second = first + 1;
  while ((word_at(saved_, states, second) & kUpperPositionMask) == 0) ++second;
  const std::string name = "graph: row " + std::to_string(first);
  const size_t header = (word_at(saved_, states, first) & kUpperPositionMask) * kUpperUnitBytes / sizeof(uint32_t);

  Saved changed = saved_;
  set_word(changed, states, first, word_at(saved_, states, second));
  EXPECT_EQ(load_message(changed), name + " points to the upper levels of row " + std::to_string(second));
  changed = saved_;
  set_word(changed, states, first, kLinkedBit | kUpperPositionMask);
  EXPECT_EQ(load_message(changed), name + " has its upper levels past the end of their stream");
  changed = saved_;
  set_word(changed, {kUpper, 0}, header, 77);
  EXPECT_EQ(load_message(changed), name + " is on level 77");
  changed = saved_;
  set_word(changed, {kUpper, 0}, header + 2, first + 1 == second ? first + 2 : first + 1);
  EXPECT_NE(load_message(changed), "");
}

TEST_F(SavedGraph, StaysInsideItsMemoryWhateverBytesAreLoaded) {
  const Vectors queries = random_vectors(4, 6, 60);
  for (uint64_t seed = 0; seed < base::scaled(3000); ++seed) {
    SCOPED_TRACE(seed);
    base::Random random(seed);
    Saved changed = saved_;
    for (uint64_t fault = random.between(1, 4); fault > 0; --fault) {
      auto block = changed.blocks.begin();
      std::advance(block, static_cast<ptrdiff_t>(random.below(changed.blocks.size())));
      // Most of the state block belongs to rows that there are not; aim at what is used.
      const size_t used_bytes = block == changed.blocks.begin() ? 4000 : block->second.size();
      block->second[random.below(used_bytes)] ^= static_cast<std::byte>(1U << random.below(8));
    }
    Graph loaded(graph_.options());
    if (!load(loaded, changed).ok()) continue;
    (void)check(loaded, Live(rows_.row_count()).view()).ok();
    for (size_t q = 0; q < queries.count(); ++q) {
      for (const Neighbor& neighbor : search(loaded, rows_, queries.row(q), 10)) ASSERT_LT(neighbor.row.value, 1000U);
    }
    const Vectors more = random_vectors(1010, 6, 50);
    for (uint32_t row = 1000; row < 1010; ++row) {
      if (!loaded.insert(more.view(), RowId{row}).ok()) break;
    }
  }
}

TEST(GraphStreams, AreDeliveredWholeWhereRowsHaveGaps) {
  const Vectors rows = random_vectors(40000, 2, 70);
  Graph graph({.m = 4, .ef_construction = 10});
  must(graph.insert(rows.view(), {39999}));
  must(graph.insert(rows.view(), {17}));
  Saved all = saved(graph);
  Graph loaded(graph.options());
  must(load(loaded, all));
  EXPECT_TRUE(loaded.contains({39999}));
  EXPECT_TRUE(loaded.contains({17}));
  EXPECT_FALSE(loaded.contains({18}));
  EXPECT_EQ(all.shape.rows_bytes, 2U * 9 * Graph::kBlockBytes + Graph::kBlockBytes + (40000U - 2 * 16384) * 32);
}

}  // namespace
}  // namespace omendb::graph
