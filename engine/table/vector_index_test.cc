#include "engine/table/vector_index.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/table/dead_rows.h"
#include "engine/table/schema_format.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace omendb::table {
namespace {

constexpr uint32_t kDims = 4;

void write_random(TestTable& table, int64_t first_key, size_t row_count, uint64_t seed, size_t dims = kDims,
                  float scale = 1) {
  base::Random random(seed);
  std::vector<int64_t> keys(row_count);
  std::iota(keys.begin(), keys.end(), first_key);
  std::vector<float> vectors(row_count * dims);
  for (float& component : vectors) component = scale * random.normal();
  table.write(keys, vectors);
}

TEST(VectorIndex, ASmallTableHasNoGraphAndNothingWaits) {
  TestTable table(kDims);
  write_random(table, 0, kFlatRowsMax, 1);
  EXPECT_FALSE(table.index().active(*table.version()));
  EXPECT_EQ(table.index().waiting_rows(*table.version()), 0U);
  EXPECT_FALSE(base::must(table.index().link_some(*table.version())));
  write_random(table, 5000, 1, 2);
  EXPECT_TRUE(table.index().active(*table.version()));
  EXPECT_EQ(table.index().waiting_rows(*table.version()), kFlatRowsMax + 1);
}

TEST(VectorIndex, OnceThereIsAGraphItStaysEvenIfTheTableShrinks) {
  TestTable table(kDims);
  write_random(table, 0, 1100, 3);
  table.link();
  std::vector<int64_t> keys(1000);
  std::iota(keys.begin(), keys.end(), 0);
  table.erase(keys);
  EXPECT_TRUE(table.index().active(*table.version()));
  EXPECT_EQ(table.index().waiting_rows(*table.version()), 0U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, IsFlatForAsManyRowsAsFillTheCache) {
  EXPECT_EQ(flat_rows_max({.dims = 100}), kFlatRowsMax);
  EXPECT_EQ(flat_rows_max({.dims = 768}), kFlatBytesMax / (768 * sizeof(float)));
  EXPECT_EQ(flat_rows_max({.dims = 8192}), kFlatRowsMin);
  EXPECT_EQ(flat_rows_max({.dims = 8192, .metric = Metric::kHamming, .element = Element::kBit}), kFlatRowsMax);
}

TEST(VectorIndex, TakesTheBitsOfItsStorage) {
  EXPECT_EQ(graph_options({.dims = 16, .storage = VectorStorage::kRabitq, .storage_bits = 7}).rabitq_bits, 7U);
  EXPECT_EQ(graph_options({.dims = 16, .storage = VectorStorage::kPq, .storage_bits = 4}).pq_bits, 4U);
  EXPECT_EQ(graph_options({.dims = 16, .storage = VectorStorage::kPq, .storage_bits = 8}).pq_bits, 8U);
  EXPECT_EQ(graph_options({.dims = 16, .storage = VectorStorage::kPq}).pq_bits, 8U);
}

TEST(VectorIndex, WalksOverFullVectorsWhereCodesKnowNothingOfTheMetric) {
  EXPECT_EQ(graph_options({.dims = 15}).storage, quantize::Storage::kF32);
  EXPECT_EQ(graph_options({.dims = 16}).storage, quantize::Storage::kSq8);
  EXPECT_EQ(graph_options({.dims = 768}).storage, quantize::Storage::kRabitq);
  for (const uint32_t dims : {4U, 15U, 16U, 768U}) {
    EXPECT_EQ(graph_options({.dims = dims, .metric = Metric::kL1}).storage, quantize::Storage::kF32);
    EXPECT_EQ(graph_options({.dims = dims, .metric = Metric::kL1}).metric, simd::Metric::kL1);
    for (const Metric metric : {Metric::kHamming, Metric::kJaccard}) {
      const VectorOptions bits{.dims = dims, .metric = metric, .element = Element::kBit};
      EXPECT_EQ(graph_options(bits).storage, quantize::Storage::kF32);
      EXPECT_EQ(chosen_storage(bits), VectorStorage::kF32);
    }
  }
}

// The array moves to other addresses when it outgrows its own; who still holds the version before it then sees rows in the graph that lie behind its addresses.
TEST(VectorIndex, AVersionFromBeforeTheVectorsMovedDoesAllThatANewOneDoes) {
  constexpr uint32_t kLongDims = 512;
  for (const VectorStorage storage : {VectorStorage::kF32, VectorStorage::kSq8}) {
    SCOPED_TRACE(to_string(storage));
    TestTable table({.dims = kLongDims, .storage = storage});
    write_random(table, 0, 300, 60, kLongDims);
    const std::shared_ptr<const TableVersion> old = table.version();
    write_random(table, 300, 1500, 61, kLongDims);
    VectorIndex& index = table.index();
    ASSERT_NE(old->columns[1].values(), table.version()->columns[1].values());
    // Whenever the codec has to learn again, the old version is the first to notice.
    while (index.watermark() < 1800) {
      ASSERT_TRUE(base::must(index.link_some(*table.version())));
      ASSERT_FALSE(base::must(index.link_some(*old)) && index.watermark() >= 300);
    }
    const VectorIndex::LinkedVectors linked = index.linked_vectors(*old);
    std::vector<graph::Neighbor> found(10);
    for (size_t row = 0; row < 300; row += 10) {
      const graph::LiveRows live = old->live.view();
      ASSERT_EQ(index.graph().search(linked.view, linked.view.floats(row), live, {.ef = 100}, found), 10U);
      EXPECT_EQ(found.front().row.value, row);
      EXPECT_LT(found.back().row.value, 300U);
    }
    std::vector<RowId> dead;
    for (uint32_t row = 100; row < 200; ++row) dead.push_back({row});
    index.forget(dead);
    while (base::must(index.erase_some(*old))) {
    }
    EXPECT_FALSE(index.graph().contains({150}));
    const auto calibrator = index.make_calibrator(*old, {.ks = {10}, .efs = {64}});
    while (!calibrator->step(index.linked_vectors(*old).view, old->vectors.front().searchable)) {
    }
  }
}

TEST(VectorIndex, ManyThreadsLinkEveryRowOnceWhileRowsArrive) {
  TestTable table(kDims);
  write_random(table, 0, 1200, 4);
  const std::shared_ptr<const TableVersion> first = table.version();
  VectorIndex& index = table.index();
  std::atomic<bool> stop{false};
  std::atomic<const std::shared_ptr<const TableVersion>*> newest{&first};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) base::must(index.link_some(**newest.load()));
    });
  }
  std::vector<std::shared_ptr<const TableVersion>> versions;
  versions.reserve(20);
  for (int64_t i = 0; i < 20; ++i) {
    write_random(table, 10'000 + i * 100, 100, static_cast<uint64_t>(100 + i));
    versions.push_back(table.version());
    newest = &versions.back();
  }
  while (index.waiting_rows(*versions.back()) > 0) std::this_thread::yield();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(table.index().watermark(), 3200U);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 3200U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, RowsWithoutAVectorAreNeverLinked) {
  TestTable table(kDims);
  std::vector<int64_t> keys(3000);
  std::iota(keys.begin(), keys.end(), 0);
  std::vector<uint8_t> validity(3000);
  for (size_t i = 0; i < validity.size(); ++i) validity[i] = i % 2 == 0 ? 1 : 0;
  std::vector<float> vectors(3000 * kDims);
  base::Random random(5);
  for (float& component : vectors) component = random.normal();
  table.write(keys, vectors, validity);
  table.link();
  EXPECT_EQ(table.index().watermark(), 3000U);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 1500U);
  EXPECT_FALSE(table.index().graph().contains({1}));
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

// A search reads the watermark after it has pinned a version: every row of that version below it must be in the graph, also those that died since.
TEST(VectorIndex, RowsThatDiedInTheTailAreLinkedForThoseWhoStillSeeThem) {
  TestTable table(kDims);
  write_random(table, 0, 1500, 6);
  const std::shared_ptr<const TableVersion> before = table.version();
  table.erase({3, 700, 1499});
  write_random(table, 10, 1, 7);
  table.link();
  before->live.for_each([&](RowId row) { EXPECT_TRUE(table.index().graph().contains(row)) << "row " << row.value; });
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, RowsThatWereDeadAtOpenAreNotWorthLinking) {
  TestTable table(kDims);
  write_random(table, 0, 1500, 8);
  table.erase({5, 6});
  const TableVersion& version = *table.version();
  table.index().start_at(0, version.live);
  table.link();
  EXPECT_FALSE(table.index().graph().contains({5}));
  EXPECT_EQ(table.index().graph().stats().linked_rows, 1498U);
  EXPECT_EQ(table.index().watermark(), 1500U);
}

void erase_step_by_step(TestTable& table) {
  while (base::must(table.index().erase_some(*table.version()))) {
  }
}

std::vector<int64_t> keys_from(int64_t first, size_t count) {
  std::vector<int64_t> keys(count);
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

TEST(VectorIndex, DeadRowsLeaveTheGraphWhenTheyAreOneInFifty) {
  TestTable table(kDims);
  write_random(table, 0, 5000, 20);
  table.link();
  table.erase(keys_from(100, 99));
  EXPECT_FALSE(base::must(table.index().erase_some(*table.version())));
  EXPECT_FALSE(table.index().has_work(*table.version()));
  table.erase(keys_from(500, 1));
  EXPECT_TRUE(table.index().has_work(*table.version()));
  erase_step_by_step(table);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 4900U);
  EXPECT_FALSE(table.index().graph().contains({150}));
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

// What a checkpoint writes of a graph, read into another one.
void copy_graph(graph::Graph& from, graph::Graph& into, size_t dims) {
  std::map<std::pair<graph::Graph::Stream, uint64_t>, std::vector<std::byte>> blocks;
  base::must(
      from.copy_changed_blocks([&](graph::Graph::Stream stream, uint64_t block, std::span<const std::byte> bytes) {
        blocks[{stream, block}].assign(bytes.begin(), bytes.end());
        return Result<void>();
      }));
  base::must(
      into.load(from.shape(), dims, [&](graph::Graph::Stream stream, uint64_t block, std::span<std::byte> bytes) {
        std::copy_n(blocks.at({stream, block}).begin(), bytes.size(), bytes.begin());
        return Result<void>();
      }));
}

// Some of the dead rows hang on nothing any more when the graph is saved, and would take new rows as their children.
TEST(VectorIndex, ATurnThatACheckpointCutOffBeginsAgainBeforeRowsAreLinked) {
  constexpr uint32_t kLinkedRows = 8000;
  constexpr uint32_t kLiveStep = 16;
  constexpr uint32_t kManyDims = 64;  // where many rows are in the lists of few others
  const VectorOptions options{.dims = kManyDims, .m = 4, .ef_construction = 8};
  std::vector<int64_t> dead_keys;
  for (int64_t key = 0; key < kLinkedRows; ++key) {
    if (key % kLiveStep != 0) dead_keys.push_back(key);
  }
  for (const int steps : {2, 5, 10, 15, 20, 25}) {
    TestTable table(options);
    write_random(table, 0, kLinkedRows, 28, kManyDims);
    table.link();
    table.erase(dead_keys);
    for (int step = 0; step < steps; ++step) EXPECT_TRUE(base::must(table.index().erase_some(*table.version())));
    ASSERT_TRUE(table.index().graph().erase_under_way());

    TestTable opened(options);
    write_random(opened, 0, kLinkedRows, 28, kManyDims);
    opened.erase(dead_keys);
    write_random(opened, kLinkedRows, 2000, 29, kManyDims);
    copy_graph(table.index().graph(), opened.index().graph(), kManyDims);
    opened.index().start_at(kLinkedRows, opened.version()->live);
    EXPECT_TRUE(opened.index().graph().erase_cut_off());
    opened.link();
    EXPECT_FALSE(opened.index().graph().erase_cut_off());
    erase_step_by_step(opened);
    EXPECT_EQ(opened.index().graph().stats().linked_rows, kLinkedRows / kLiveStep + 2000);
    EXPECT_EQ(base::message_of(opened.table().check(*opened.version())), "");
  }
}

TEST(VectorIndex, DeadRowsOfBitsLeaveTheGraphToo) {
  TestTable table({.dims = 70, .metric = Metric::kJaccard, .element = Element::kBit});
  base::Random random(27);
  std::vector<uint8_t> bits(3000 * 9);
  for (size_t i = 0; i < bits.size(); ++i)
    bits[i] = static_cast<uint8_t>(random.below(256) & (i % 9 == 8 ? 0xFC : 0xFF));
  table.write_bits(keys_from(0, 3000), bits);
  table.link();
  table.erase(keys_from(1000, 1500));
  erase_step_by_step(table);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 1500U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, DeadRowsStayInTheGraphAsLongAsAVersionShowsThem) {
  TestTable table(kDims);
  write_random(table, 0, 2000, 21);
  table.link();
  table.erase(keys_from(0, 100));
  {
    const auto kept = table.version();
    table.erase(keys_from(100, 200));
    table.erase(keys_from(300, 200));
    erase_step_by_step(table);
    EXPECT_EQ(table.index().graph().stats().linked_rows, 1900U) << "what the kept version does not show is gone";
    kept->live.for_each([&](RowId row) { EXPECT_TRUE(table.index().graph().contains(row)); });
  }
}

TEST(VectorIndex, DeadRowsLeaveTheGraphWhenTheLastVersionThatShowsThemGoes) {
  TestTable table(kDims);
  write_random(table, 0, 2000, 22);
  table.link();
  auto kept = table.version();
  for (int64_t turn = 0; turn < 300; ++turn) table.erase({turn});
  erase_step_by_step(table);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 2000U);
  kept.reset();
  erase_step_by_step(table);
  EXPECT_EQ(table.index().graph().stats().linked_rows, 1700U);
}

TEST(VectorIndex, AChainOfAMillionCommitsBehindAKeptVersionGoesWithoutRecursion) {
  auto first =
      std::make_shared<VersionGuard>(std::vector<std::shared_ptr<VectorIndex>>(), std::make_shared<DeadRows>());
  std::shared_ptr<VersionGuard> last = first;
  for (int i = 0; i < 1'000'000; ++i) {
    auto next = last->successor();
    last->pass_on({}, next);
    last = std::move(next);
  }
  last.reset();
  first.reset();
}

TEST(VectorIndex, RowsThatDiedInTheTailAndThatNobodySeesAreNotLinked) {
  TestTable table(kDims);
  write_random(table, 0, 1500, 23);
  table.erase({3, 700});
  table.link();
  EXPECT_EQ(table.index().graph().stats().linked_rows, 1498U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, TurnsAndCalibrationsRunBesideLinksOnManyThreads) {
  TestTable table(16);
  write_random(table, 0, 3000, 24, 16);
  table.link();
  VectorIndex& index = table.index();  // asked for here: the table's newest version is its writer's
  std::atomic<bool> stop{false};
  std::mutex lock;
  std::shared_ptr<const TableVersion> newest = table.version();
  const auto version = [&] {
    const std::lock_guard guard(lock);
    return newest;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while (!stop) {
        const auto pinned = version();
        base::must(index.link_some(*pinned));
        base::must(index.erase_some(*pinned));
        base::must(index.calibrate_some(*pinned, VectorIndex::CalibrateWhen::kIdle));
      }
    });
  }
  for (int64_t turn = 0; turn < 30; ++turn) {
    write_random(table, 10'000 + turn * 100, 100, static_cast<uint64_t>(200 + turn), 16);
    table.erase(keys_from(turn * 100, 100));
    const std::lock_guard guard(lock);
    newest = table.version();
  }
  while (index.has_work(*version()) || index.calibration_due(*version(), VectorIndex::CalibrateWhen::kIdle))
    std::this_thread::yield();
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
  ASSERT_NE(index.calibration(), nullptr);
  EXPECT_GE(index.calibration()->curves[1].points.back().recall, 0.99F) << "what died meanwhile is not missed";
  EXPECT_LE(table.index().graph().stats().linked_rows, 3000U + 70);
}

TEST(VectorIndex, LearnsToEncodeBeforeItsFirstRowAndAgainWhenThereAreEightTimesAsMany) {
  TestTable table(16);
  EXPECT_EQ(table.index().graph().training().trained_rows, 0U);
  write_random(table, 0, 1100, 9, 16);
  table.link();
  EXPECT_EQ(table.index().graph().training().trained_rows, 1100U);
  write_random(table, 2000, 7600, 10, 16);
  table.link();
  EXPECT_EQ(table.index().graph().training().trained_rows, 1100U);
  write_random(table, 20000, 200, 11, 16);
  table.link();
  EXPECT_GE(table.index().graph().training().trained_rows, 8800U);
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(VectorIndex, LearnsToEncodeAgainWhenRowsBecomeDifferent) {
  TestTable table(16);
  write_random(table, 0, 1100, 12, 16);
  table.link();
  write_random(table, 2000, 300, 13, 16);
  table.link();
  EXPECT_EQ(table.index().graph().training().trained_rows, 1100U) << "rows as before";
  write_random(table, 3000, 500, 14, 16, 100);
  table.link();
  EXPECT_GT(table.index().graph().training().trained_rows, 1100U) << "rows a hundred times as long";
  EXPECT_EQ(table.index().graph().training().poor_rows, 0U);
}

TEST(VectorIndex, OfFewDimensionsHasNoCodes) {
  TestTable table(15);
  write_random(table, 0, 1100, 15, 15);
  table.link();
  EXPECT_EQ(table.index().graph().training().trained_rows, 0U);
}

}  // namespace
}  // namespace omendb::table
