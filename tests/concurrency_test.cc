// Many threads on one database: every reader sees one version, whole statements only; nothing is lost, nothing blocks for ever.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace omendb::test {
namespace {

using base::must;

constexpr uint32_t kDims = 4;
constexpr int64_t kPairsPerWriter = 400;
constexpr int64_t kPairsPerStatement = 10;

Schema pair_schema() {
  return {{key_column("id", Type::kInt64), column("round", Type::kInt64), vector_column("v", kDims)}};
}

// Rows 2p and 2p + 1 are always written together, with one round number and one vector.
std::vector<Row> pair_rows(int64_t first_pair, int64_t round, base::Random& random) {
  std::vector<Row> rows;
  for (int64_t pair = first_pair; pair < first_pair + kPairsPerStatement; ++pair) {
    Floats vector(kDims);
    for (float& component : vector) component = random.normal();
    rows.push_back({pair * 2, round, vector});
    rows.push_back({pair * 2 + 1, round, vector});
  }
  return rows;
}

void write_pairs(Table table, int64_t writer, size_t round_count) {
  base::Random random(static_cast<uint64_t>(writer) + 1);
  for (size_t round = 0; round < round_count; ++round) {
    const int64_t first_pair =
        writer * kPairsPerWriter +
        static_cast<int64_t>(random.below(kPairsPerWriter / kPairsPerStatement)) * kPairsPerStatement;
    const std::vector<Row> rows = pair_rows(first_pair, static_cast<int64_t>(round), random);
    std::vector<Value> keys;
    for (const Row& row : rows) keys.push_back(row[0]);
    const uint64_t choice = random.below(20);
    if (choice == 0) {
      must(table.clear());
    } else if (choice < 6) {
      must(table.erase(OwnedKeys(keys).view()));
    } else if (choice < 10) {
      const auto inserted = table.insert(OwnedBatch(table.schema(), rows).view());
      EXPECT_TRUE(inserted.ok() || inserted.error().code == ErrorCode::kConflict);
    } else {
      EXPECT_EQ(must(table.upsert(OwnedBatch(table.schema(), rows).view())), rows.size());
    }
  }
}

void expect_pairs(const Batch& batch) {
  ASSERT_EQ(batch.row_count % 2, 0U);
  std::map<int64_t, std::pair<int, int64_t>> pairs;  // pair -> rows seen, round
  for (const Row& row : rows_of(batch)) {
    auto& [seen, round] = pairs[std::get<int64_t>(row[0]) / 2];
    if (seen++ == 0) round = std::get<int64_t>(row[1]);
    ASSERT_EQ(round, std::get<int64_t>(row[1])) << "two halves of different statements";
  }
  for (const auto& [pair, state] : pairs) ASSERT_EQ(state.first, 2) << "half of pair " << pair;
}

Batch scan_all(const Table& table) {
  const auto scan = must(table.scan({.columns = {"id", "round"}, .batch_rows = 100'000}));
  auto batch = must(scan->next());
  return batch ? std::move(*batch) : Batch();
}

void read_pairs(const Table& table, uint64_t seed, const std::atomic<bool>& stop) {
  base::Random random(seed);
  const std::vector<std::string> columns = {"id", "round"};
  while (!stop && !testing::Test::HasFailure()) {
    expect_pairs(scan_all(table));
    EXPECT_EQ(must(table.count()) % 2, 0U);
    std::vector<Value> keys;
    for (int i = 0; i < 20; ++i) {
      const auto pair = static_cast<int64_t>(random.below(3 * kPairsPerWriter));
      keys.insert(keys.end(), {pair * 2, pair * 2 + 1});
    }
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    expect_pairs(must(table.get(OwnedKeys(keys).view(), columns)));
    const Floats query = {random.normal(), random.normal(), 0, 0};
    const Hits hits = must(table.search({.vectors = query, .k = 20, .exact = true}));
    expect_pairs(must(table.fetch(hits, 0, hits.rows.size(), columns)));
    const Hits approximate = must(table.search({.vectors = query, .k = 10}));
    EXPECT_EQ(must(table.fetch(approximate, 0, approximate.rows.size(), columns)).row_count, approximate.rows.size());
  }
}

void keep_up(Database database, const std::string& backups, const std::atomic<bool>& stop) {
  for (size_t i = 0; !stop && !testing::Test::HasFailure(); ++i) {
    must(database.checkpoint());
    must(database.check());
    must(database.stats());
    must(database.table("pairs").value().stats());
    auto extra = must(database.create_table("extra", pair_schema()));
    base::Random random(i);
    must(extra.insert(OwnedBatch(extra.schema(), pair_rows(0, 1, random)).view()));
    if (i % 4 == 0) {
      const std::string target = backups + "/" + std::to_string(i);
      must(database.backup(target));
      auto copy = must(Database::open(target));
      must(copy.check());
      expect_pairs(scan_all(must(copy.table("pairs"))));
    }
    must(database.drop_table("extra"));
  }
}

TEST(Concurrency, ReadersSeeWholeStatementsBesideWritersCheckpointsBackupsAndSchemaChanges) {
  const os::TemporaryDirectory directory;
  auto database = must(Database::open(directory.path() + "/db"));
  const auto table = must(database.create_table("pairs", pair_schema()));
  const size_t round_count = std::max<size_t>(150, base::scaled(1500));
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (uint64_t reader = 0; reader < 3; ++reader)
    readers.emplace_back([&, reader] { read_pairs(table, reader, stop); });
  readers.emplace_back([&] { keep_up(database, directory.path(), stop); });
  std::vector<std::thread> writers;
  for (int64_t writer = 0; writer < 3; ++writer)
    writers.emplace_back([&, writer] { write_pairs(table, writer, round_count); });
  for (std::thread& thread : writers) thread.join();
  stop = true;
  for (std::thread& thread : readers) thread.join();
  must(database.check());
  const uint64_t hash = must(database.state_hash());
  must(database.close());
  auto again = must(Database::open(directory.path() + "/db"));
  EXPECT_EQ(must(again.state_hash()), hash);
  must(again.check());
}

TEST(Concurrency, TwoDatabasesInOneProcessDoNotKnowOfEachOther) {
  const os::TemporaryDirectory directory;
  auto first = must(Database::open(directory.path() + "/first"));
  auto second = must(Database::open(directory.path() + "/second"));
  auto memory = must(Database::open(":memory:"));
  std::vector<std::thread> threads;
  std::vector<DatabaseModel> models(3);
  const std::vector<Database> databases = {first, second, memory};
  for (size_t i = 0; i < databases.size(); ++i) {
    threads.emplace_back([&, i] {
      Database database = databases[i];
      StatementSource source(900 + i, {});
      for (size_t n = 0; n < std::max<size_t>(40, base::scaled(200)); ++n) {
        const Statement statement = source.next(models[i]);
        const Answer wanted = perform(models[i], statement);
        EXPECT_EQ(describe(answer_of(perform(database, statement))), describe(wanted))
            << "database " << i << ", seed " << 900 + i << ": " << describe(statement);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (size_t i = 0; i < databases.size(); ++i) EXPECT_EQ(difference(models[i], read_all(databases[i])), "");
  must(first.close());
  EXPECT_EQ(difference(models[1], read_all(second)), "");
}

TEST(Concurrency, ClosingWhileOthersWorkEndsTheirCallsWithClosed) {
  for (size_t round = 0; round < std::max<size_t>(3, base::scaled(20)); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const os::TemporaryDirectory directory;
    auto database = must(Database::open(directory.path() + "/db"));
    auto table = must(database.create_table("pairs", pair_schema()));
    std::atomic<uint64_t> acknowledged{0};
    std::vector<std::thread> threads;
    for (int64_t writer = 0; writer < 2; ++writer) {
      threads.emplace_back([&, writer] {
        base::Random random(static_cast<uint64_t>(writer));
        for (int64_t i = 0;; ++i) {
          const auto result = table.upsert(
              OwnedBatch(table.schema(), pair_rows((writer * 10'000 + i) * kPairsPerStatement, 0, random)).view());
          if (!result.ok()) {
            EXPECT_EQ(result.error().code, ErrorCode::kClosed) << result.error().message;
            return;
          }
          acknowledged += *result;
        }
      });
    }
    threads.emplace_back([&] {
      while (true) {
        const auto searched = table.search({.vectors = Floats(kDims, 1.0F)});
        const auto checked = database.check();
        if (searched.ok() && checked.ok()) continue;
        EXPECT_EQ(base::code_of(searched).value_or(ErrorCode::kClosed), ErrorCode::kClosed)
            << base::message_of(searched);
        EXPECT_EQ(base::code_of(checked).value_or(ErrorCode::kClosed), ErrorCode::kClosed) << base::message_of(checked);
        return;
      }
    });
    while (acknowledged < 500) std::this_thread::yield();
    threads.emplace_back([&] { must(database.close()); });
    must(database.close());
    for (std::thread& thread : threads) thread.join();
    auto again = must(Database::open(directory.path() + "/db"));
    // A statement may have become durable and then have been told that the database is closed; what was acknowledged is there.
    EXPECT_GE(must(must(again.table("pairs")).count()), acknowledged);
    must(again.check());
  }
}

}  // namespace
}  // namespace omendb::test
