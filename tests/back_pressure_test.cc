// The tail: writers that run ahead of the graph are held, never stopped, and the tail empties by itself.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/database/search_pace.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace omendb::test {
namespace {

using base::must;

constexpr uint32_t kDims = 32;
constexpr uint64_t kTailBytes = 64 << 10;
constexpr int64_t kBatchRows = 100;

void insert_rows(Table table, int64_t first_key, int64_t row_count, std::atomic<uint64_t>* longest_tail) {
  base::Random random(static_cast<uint64_t>(first_key));
  for (int64_t key = first_key; key < first_key + row_count; key += kBatchRows) {
    std::vector<Row> rows;
    for (int64_t i = 0; i < kBatchRows; ++i) rows.push_back(random_row(table.schema(), key + i, random));
    must(table.insert(OwnedBatch(table.schema(), rows).view()));
    *longest_tail = std::max<uint64_t>(*longest_tail, must(table.stats()).tail_row_count);
  }
}

TEST(BackPressure, HoldsWritersAheadOfTheGraphButLetsThemFinish) {
  OpenOptions options;
  options.tail_bytes_max = kTailBytes;
  auto database = must(Database::open(":memory:", options));
  auto table = must(database.create_table("t", vector_schema(kDims)));
  const auto rows_per_writer =
      static_cast<int64_t>(std::max<size_t>(2000, base::scaled(10'000))) / kBatchRows * kBatchRows;
  std::atomic<uint64_t> longest_tail{0};
  std::thread other([&] { insert_rows(table, 1'000'000, rows_per_writer, &longest_tail); });
  insert_rows(table, 0, rows_per_writer, &longest_tail);
  other.join();
  EXPECT_EQ(must(table.count()), 2 * static_cast<uint64_t>(rows_per_writer));
  // A writer enters while there is room; with two of them the tail is at most two batches longer than the limit, once the table has a graph at all.
  const uint64_t rows_at_limit = kTailBytes / (kDims * sizeof(float));
  const uint64_t flat_rows_max = 1000;
  EXPECT_LE(longest_tail, std::max(rows_at_limit, flat_rows_max) + 4 * kBatchRows);
}

// A tail that is longer than allowed when the searches begin gets shorter with every statement.
TEST(BackPressure, WritersMakeWayForSearches) {
  OpenOptions options;
  options.threads = 1;
  options.tail_bytes_beside_searches = kTailBytes;
  auto database = must(Database::open(":memory:", options));
  auto table = must(database.create_table("t", vector_schema(kDims)));
  std::atomic<uint64_t> longest_tail{0};
  insert_rows(table, 0, 6000, &longest_tail);
  const uint64_t rows_at_limit = kTailBytes / (kDims * sizeof(float));
  EXPECT_GT(longest_tail, rows_at_limit + 2 * kBatchRows) << "nobody searched";

  std::atomic<bool> stop{false};
  std::atomic<uint64_t> searches{0};
  std::thread searcher([&] {
    const std::vector<float> query(kDims, 0.5F);
    while (!stop) {
      must(table.search({.vectors = query}));
      ++searches;
    }
  });
  while (searches < 50) std::this_thread::yield();
  const uint64_t tail_before = must(table.stats()).tail_row_count;
  longest_tail = 0;
  insert_rows(table, 1'000'000, 2000, &longest_tail);
  EXPECT_LE(longest_tail, std::max(tail_before, rows_at_limit) + 2 * kBatchRows);
  longest_tail = 0;
  for (int64_t first = 2'000'000; must(table.stats()).tail_row_count > rows_at_limit + kBatchRows; first += kBatchRows)
    insert_rows(table, first, kBatchRows, &longest_tail);
  insert_rows(table, 9'000'000, 2000, &longest_tail);
  EXPECT_LE(must(table.stats()).tail_row_count, rows_at_limit + 2 * kBatchRows);
  stop = true;
  searcher.join();
}

TEST(SearchPace, RemembersTheSecondBefore) {
  database::SearchPace pace;
  constexpr uint64_t kSecond = 1'000'000;
  EXPECT_FALSE(pace.often(5 * kSecond));
  for (uint64_t i = 0; i < database::SearchPace::kOften - 1; ++i) pace.count(5 * kSecond + i);
  EXPECT_FALSE(pace.often(5 * kSecond + 100));
  pace.count(5 * kSecond + 999'999);
  EXPECT_TRUE(pace.often(5 * kSecond + 999'999));
  EXPECT_TRUE(pace.often(6 * kSecond + 999'999));
  EXPECT_FALSE(pace.often(7 * kSecond));
  pace.count(6 * kSecond);
  EXPECT_TRUE(pace.often(6 * kSecond));
  pace.count(7 * kSecond);
  EXPECT_FALSE(pace.often(7 * kSecond));
}

TEST(BackPressure, TheTailEmptiesByItself) {
  auto database = must(Database::open(":memory:"));
  auto table = must(database.create_table("t", vector_schema(kDims)));
  std::atomic<uint64_t> longest_tail{0};
  insert_rows(table, 0, 3000, &longest_tail);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (must(table.stats()).tail_row_count > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  const TableStats stats = must(table.stats());
  EXPECT_EQ(stats.tail_row_count, 0U);
  EXPECT_FALSE(stats.flat);
  EXPECT_GT(stats.graph_edge_count, 3000U);
  EXPECT_EQ(stats.row_count, 3000U);
}

TEST(BackPressure, ASmallTableStaysFlatAndHasNoTail) {
  auto database = must(Database::open(":memory:"));
  auto table = must(database.create_table("t", vector_schema(kDims)));
  std::atomic<uint64_t> longest_tail{0};
  insert_rows(table, 0, 1000, &longest_tail);
  must(table.wait_for_index());
  const TableStats stats = must(table.stats());
  EXPECT_TRUE(stats.flat);
  EXPECT_EQ(longest_tail, 0U);
  EXPECT_EQ(stats.graph_edge_count, 0U);
}

}  // namespace
}  // namespace omendb::test
