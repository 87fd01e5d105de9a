// Rows that are replaced again and again: what they took comes back, and nobody who still sees them notices.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/exec/vector_search.h"
#include "engine/os/memory_file.h"
#include "tests/database_model.h"
#include "tests/search_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <set>
#include <thread>

namespace omendb::test {
namespace {

using base::must;

constexpr int64_t kRows = 20'000;  // more than a region of 16,384
constexpr int64_t kBatchRows = 2500;

Schema schema_of_turnovers() {
  ColumnSpec vector = vector_column("v", 12);
  vector.vector.m = 4;
  vector.vector.ef_construction = 12;
  return {{key_column("id", Type::kInt64), column("title", Type::kString), column("payload", Type::kJson),
           column("tags", Type::kStringList), column("n", Type::kFloat64), column("flag", Type::kBool), vector}};
}

// Every third row has nulls. Long enough that texts outweigh the eight bytes that say where each ends.
Row row_of(const Schema& schema, int64_t key, uint64_t turnover) {
  base::Random random(static_cast<uint64_t>(key) * 1000 + turnover);
  Row row = random_row(schema, Value(key), random);
  const std::string text = "row " + std::to_string(key) + " of turnover " + std::to_string(turnover);
  const bool null = random.one_in(3);
  row[1] = text + std::string(random.below(60), 'x');
  row[2] =
      null ? Value() : Value("{\"turnover\": " + std::to_string(turnover) + ", \"text\": \"" + text + text + "\"}");
  row[3] = null ? Value() : Value(Strings{text, std::string(random.below(40), 'y')});
  return row;
}

Statement write_rows(const Schema& schema, int64_t first, int64_t last, uint64_t turnover) {
  Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
  for (int64_t key = first; key < last; ++key) statement.rows.push_back(row_of(schema, key, turnover));
  return statement;
}

Statement erase_rows(int64_t first, int64_t last) {
  Statement statement{StatementKind::kErase, "t", {}, {}, {}};
  for (int64_t key = first; key < last; ++key) statement.keys.emplace_back(key);
  return statement;
}

Statement write_random_rows(const Schema& schema, int64_t row_count, uint64_t turnover, base::Random& random) {
  std::set<int64_t> keys;
  while (keys.size() < static_cast<size_t>(kBatchRows))
    keys.insert(static_cast<int64_t>(random.below(static_cast<uint64_t>(row_count))));
  Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
  for (const int64_t key : keys) statement.rows.push_back(row_of(schema, key, turnover));
  return statement;
}

// All but about one in `one_in`.
Statement erase_random_rows(int64_t row_count, uint64_t one_in) {
  base::Random random(one_in);
  Statement statement{StatementKind::kErase, "t", {}, {}, {}};
  for (int64_t key = 0; key < row_count; ++key) {
    if (!random.one_in(one_in)) statement.keys.emplace_back(key);
  }
  return statement;
}

class TurnoverTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    if (engine_ != nullptr) must(engine_->close());
    engine_ = must(open_engine(directory_, false));
  }
  void perform_both(const Statement& statement) {
    const Answer wanted = perform(model_, statement);
    const auto result = perform(*engine_, statement);
    ASSERT_EQ(describe(answer_of(result)), describe(wanted)) << base::message_of(result);
  }
  void create() { perform_both({StatementKind::kCreate, "t", schema_, {}, {}}); }
  void checkpoint() { must(engine_->checkpoint()); }
  // As wait_for_index() does, without calibrations.
  void link() {
    const auto newest = version();
    table::VectorIndex& index = *newest->vectors.front().index;
    while (index.has_work(*newest)) {
      must(index.link_some(*newest));
      must(index.erase_some(*newest));
    }
  }
  void turn_over(uint64_t turnover, int64_t first = 0, int64_t last = kRows) {
    for (int64_t key = first; key < last; key += kBatchRows)
      perform_both(write_rows(schema_, key, std::min(last, key + kBatchRows), turnover));
  }
  // What a directory takes up that has only ever held those rows.
  uint64_t fill_fresh_directory(int64_t row_count) {
    create();
    turn_over(0, 0, row_count);
    link();
    checkpoint();
    return disk_bytes();
  }
  uint64_t disk_bytes() { return must(engine_->stats()).disk_bytes; }
  uint64_t bytes_of(std::string_view name) {
    for (const MemoryOrDiskPart& part : must(engine_->stats()).disk) {
      if (part.name == name) return part.bytes;
    }
    ADD_FAILURE() << "no part " << name;
    return 0;
  }
  std::shared_ptr<const table::TableVersion> version() { return must(engine_->version())->tables.at("t"); }

  void expect_same() {
    ASSERT_EQ(difference(model_, read_all(*engine_)), "");
    const auto checked = engine_->check();
    ASSERT_TRUE(checked.ok()) << checked.error().message;
    base::Random random(1);
    Floats query(12);
    for (float& component : query) component = random.normal();
    SearchQuery search{.vectors = query, .query_count = 1, .column = "v", .k = 20};
    search.exact = true;
    const auto found = must(exec::vector_search(*version(), search));
    ASSERT_EQ(search_fault(model_.at("t"), 6, query, 20, keys_of(*version(), found.rows), found.distances), "");
  }

  const Schema schema_ = schema_of_turnovers();
  std::shared_ptr<os::Directory> directory_ = os::memory_directory("turnover");
  std::shared_ptr<database::Engine> engine_;
  DatabaseModel model_;
};

TEST_F(TurnoverTest, TenTurnoversLeaveADirectoryThatIsHardlyLargerThanAFreshOne) {
  // Up to a region of dead rows stays beside those that live: the smaller the table, the more that is of it.
  const bool short_run = base::test_scale() < 1;
  const int64_t row_count = short_run ? 17'000 : 30'000;
  const uint64_t turnover_count = short_run ? 2 : 10;
  const uint64_t fresh_bytes = fill_fresh_directory(row_count);
  uint64_t largest = 0;
  for (uint64_t turnover = 1; turnover <= turnover_count; ++turnover) {
    SCOPED_TRACE("turnover " + std::to_string(turnover));
    turn_over(turnover, 0, row_count);
    link();
    checkpoint();
    largest = std::max(largest, disk_bytes());
    if (turnover % 3 == 0) {
      reopen();
      ASSERT_NO_FATAL_FAILURE(expect_same());
    }
  }
  for (const MemoryOrDiskPart& part : must(engine_->stats()).disk)
    std::printf("%-24s %9.3f MB\n", part.name.c_str(), static_cast<double>(part.bytes) / 1e6);
  std::printf("fresh %.3f MB, largest %.3f MB\n", static_cast<double>(fresh_bytes) / 1e6,
              static_cast<double>(largest) / 1e6);
  EXPECT_LE(static_cast<double>(largest), (short_run ? 3.3 : 2.5) * static_cast<double>(fresh_bytes));
  ASSERT_NO_FATAL_FAILURE(expect_same());
  reopen();
  EXPECT_LE(static_cast<double>(disk_bytes()), (short_run ? 2.5 : 2.0) * static_cast<double>(fresh_bytes))
      << "after a close";
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

// All that a pinned version shows, whatever happened since.
std::map<Value, Row> rows_of(const table::TableVersion& version) {
  std::vector<RowId> live;
  version.live.for_each([&live](RowId row) { live.push_back(row); });
  std::vector<ColumnData> columns(version.columns.size());
  for (size_t c = 0; c < columns.size(); ++c) {
    columns[c].name = version.info->schema.columns[c].name;
    columns[c].type = version.info->schema.columns[c].type;
    version.values(c).gather(live, version.info->schema.columns[c], columns[c]);
  }
  std::map<Value, Row> rows;
  for (size_t i = 0; i < live.size(); ++i) {
    Row row;
    for (const ColumnData& column : columns) row.push_back(value_at(column, i));
    rows.emplace(row[version.info->key_column], row);
  }
  return rows;
}

TEST_F(TurnoverTest, TurnoversInRandomOrderStayBelowFourTimesAFreshDirectory) {
  const bool short_run = base::test_scale() < 1;
  const int64_t row_count = short_run ? 17'000 : 40'000;
  const uint64_t turnover_count = short_run ? 3 : 8;
  const uint64_t fresh_bytes = fill_fresh_directory(row_count);
  base::Random random(1);
  uint64_t largest = 0;
  uint64_t moved_count = 0;
  for (uint64_t turnover = 1; turnover <= turnover_count; ++turnover) {
    SCOPED_TRACE("turnover " + std::to_string(turnover));
    for (int64_t written = 0; written < row_count; written += kBatchRows) {
      perform_both(write_random_rows(schema_, row_count, turnover, random));
      link();
      const uint64_t hash = must(engine_->state_hash());
      moved_count += must(engine_->move_sparse_rows());
      ASSERT_EQ(must(engine_->state_hash()), hash);
    }
    link();
    checkpoint();
    largest = std::max(largest, disk_bytes());
    if (turnover % 3 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_same());
      reopen();
      ASSERT_NO_FATAL_FAILURE(expect_same());
    }
  }
  std::printf(
      "fresh %.3f MB, largest %.3f MB, %.2f rows moved for each one written\n", static_cast<double>(fresh_bytes) / 1e6,
      static_cast<double>(largest) / 1e6,
      static_cast<double>(moved_count) / static_cast<double>(static_cast<uint64_t>(row_count) * turnover_count));
  EXPECT_GT(moved_count, 0U);
  EXPECT_LE(3 * moved_count, static_cast<uint64_t>(row_count) * turnover_count) << "at most a third of what is written";
  EXPECT_LE(largest, 4 * fresh_bytes);
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

TEST_F(TurnoverTest, SearchesFindTheSameRowsBeforeAndAfterTheyMove) {
  create();
  turn_over(0);
  link();
  perform_both(erase_random_rows(kRows, 8));
  base::Random random(3);
  const auto answers = [&] {
    std::vector<std::pair<std::vector<Value>, std::vector<float>>> found;
    base::Random queries(5);
    for (int i = 0; i < 50; ++i) {
      Floats query(12);
      for (float& component : query) component = queries.normal();
      const SearchQuery search{.vectors = query, .query_count = 1, .column = "v", .k = 10, .exact = true};
      const auto hits = must(exec::vector_search(*version(), search));
      found.emplace_back(keys_of(*version(), hits.rows), hits.distances);
    }
    return found;
  };
  const auto before = answers();
  EXPECT_GT(must(engine_->move_sparse_rows()), 1000U);
  EXPECT_TRUE(answers() == before) << "from the tail";
  link();
  EXPECT_TRUE(answers() == before);
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(must(engine_->move_sparse_rows()), 0U) << "nothing is moved twice";
}

TEST_F(TurnoverTest, RowsDoNotMoveInVainWhileAnOldVersionKeepsThem) {
  create();
  turn_over(0);
  auto old = version();
  turn_over(1);
  perform_both(erase_random_rows(kRows, 8));
  const TableModel old_model = model_.at("t");
  EXPECT_EQ(must(engine_->move_sparse_rows()), 0U);
  old = version();
  EXPECT_GT(must(engine_->move_sparse_rows()), 1000U);
  EXPECT_TRUE(rows_of(*old) == old_model.rows) << "moving is nothing that an old version sees";
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

TEST_F(TurnoverTest, ATableThatWasClearedMeanwhileGetsNoRowsBack) {
  create();
  turn_over(0, 0, 100);
  const auto old = version();
  const std::vector<RowId> rows = {{1}, {5}, {7}};
  perform_both({StatementKind::kClear, "t", {}, {}, {}});
  turn_over(1, 1000, 1010);
  EXPECT_EQ(must(engine_->move_rows(*old, rows)), 0U);
  ASSERT_NO_FATAL_FAILURE(expect_same());
  perform_both({StatementKind::kDrop, "t", {}, {}, {}});
  EXPECT_EQ(must(engine_->move_rows(*old, rows)), 0U);
}

TEST_F(TurnoverTest, WhatWasReplacedOrDeletedMeanwhileDoesNotComeBack) {
  create();
  turn_over(0, 0, 100);
  const auto old = version();
  turn_over(1, 0, 10);
  perform_both(erase_rows(10, 20));
  std::vector<RowId> rows;
  for (uint32_t row = 0; row < 100; row += 2) rows.push_back({row});
  EXPECT_EQ(must(engine_->move_rows(*old, rows)), 40U);
  ASSERT_NO_FATAL_FAILURE(expect_same());
  EXPECT_EQ(must(engine_->move_rows(*old, rows)), 0U) << "they are elsewhere now";
}

TEST_F(TurnoverTest, AnOldVersionIsReadWholeUntilItIsLetGo) {
  create();
  turn_over(0);
  link();
  checkpoint();
  auto old = version();
  const TableModel old_model = model_.at("t");
  const uint64_t vectors_before = bytes_of("t.columns.v");
  turn_over(1);
  perform_both(erase_rows(0, kRows / 2));
  for (int i = 0; i < 2; ++i) {
    link();
    checkpoint();
    turn_over(2, kRows, kRows + 3000);
  }
  EXPECT_GE(bytes_of("t.columns.v"), 2 * vectors_before);
  EXPECT_TRUE(rows_of(*old) == old_model.rows);
  base::Random random(7);
  Floats query(12);
  for (float& component : query) component = random.normal();
  const auto found =
      must(exec::vector_search(*old, {.vectors = query, .query_count = 1, .column = "v", .k = 10, .exact = true}));
  EXPECT_EQ(search_fault(old_model, 6, query, 10, keys_of(*old, found.rows), found.distances), "");
  old = nullptr;
  link();
  checkpoint();
  EXPECT_LT(bytes_of("t.columns.v"), 2 * vectors_before);
  ASSERT_NO_FATAL_FAILURE(expect_same());
  reopen();
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

TEST(Turnover, AnOldVersionOfATableWithoutVectorsIsReadWholeToo) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("plain");
  auto engine = must(open_engine(directory, false));
  const Schema schema{{key_column("id", Type::kString), column("body", Type::kText), column("n", Type::kInt64)}};
  DatabaseModel model;
  const auto perform_both = [&](const Statement& statement) {
    perform(model, statement);
    must(perform(*engine, statement));
  };
  const auto write = [&](const std::string& text) {
    Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
    for (int64_t key = 0; key < kRows; ++key)
      statement.rows.push_back({"key " + std::to_string(key), text + std::to_string(key), key});
    perform_both(statement);
  };
  const auto bytes_of_bodies = [&] {
    const auto stats = must(engine->stats());
    const auto part =
        std::find_if(stats.disk.begin(), stats.disk.end(), [](const auto& p) { return p.name == "t.columns.body"; });
    return part->bytes;
  };
  perform_both({StatementKind::kCreate, "t", schema, {}, {}});
  write("first ");
  must(engine->checkpoint());
  const uint64_t once = bytes_of_bodies();
  auto old = must(engine->version())->tables.at("t");
  const TableModel old_model = model.at("t");
  write("second ");
  write("third ");
  must(engine->checkpoint());
  write("fourth ");  // where something was given back, if anything was
  must(engine->checkpoint());
  EXPECT_TRUE(rows_of(*old) == old_model.rows);
  EXPECT_GT(bytes_of_bodies(), 3 * once);
  old = nullptr;
  must(engine->checkpoint());
  EXPECT_LT(bytes_of_bodies(), 2 * once);
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(difference(model, read_all(*engine)), "");
    EXPECT_EQ(base::message_of(engine->check()), "");
    must(engine->close());
    engine = must(open_engine(directory, false));
  }
}

// Rows say by whom and when they were written, in every column.
TEST(Turnover, ReadersBesideItSeeWholeRowsOnly) {
  constexpr int64_t kKeys = 18'000;
  const auto turnover_count = static_cast<int64_t>(std::max<size_t>(4, base::scaled(12)));
  const std::shared_ptr<os::Directory> directory = os::memory_directory("beside");
  const auto engine = must(open_engine(directory, true));
  ColumnSpec vector = vector_column("v", 2);
  vector.vector.m = 4;
  vector.vector.ef_construction = 8;
  const Schema schema{{key_column("id", Type::kInt64), column("body", Type::kText), vector}};
  must(perform(*engine, {StatementKind::kCreate, "t", schema, {}, {}}));
  const auto body = [](int64_t key, int64_t turnover) {
    return "row " + std::to_string(key) + " of turnover " + std::to_string(turnover);
  };
  std::atomic<bool> done{false};
  std::atomic<size_t> wrong{0};
  const auto look_at = [&](const table::TableVersion& version, RowId row) {
    const auto* components = reinterpret_cast<const float*>(version.columns[2].fixed(row));
    const int64_t key = version.columns[0].int64(row);
    const auto turnover = static_cast<int64_t>(components[1]);
    const bool right =
        static_cast<int64_t>(components[0]) == key && version.columns[1].bytes(row) == body(key, turnover);
    if (!right) ++wrong;
  };
  std::thread reader([&] {
    std::shared_ptr<const table::TableVersion> old;  // kept for some rounds
    for (uint64_t round = 0; !done; ++round) {
      const auto version = must(engine->version())->tables.at("t");
      if (round % 8 == 0) old = version;
      for (const auto* seen : {version.get(), old.get()}) {
        seen->live.for_each([&](RowId row) {
          if (row.value % 61 == round % 61) look_at(*seen, row);
        });
        const Floats query{static_cast<float>(round * 997 % kKeys), 0};
        const auto found =
            must(exec::vector_search(*seen, {.vectors = query, .query_count = 1, .column = "v", .k = 5}));
        for (const RowId row : found.rows) look_at(*seen, row);
      }
    }
  });
  std::thread checkpointer([&] {
    while (!done) must(engine->checkpoint());
  });
  for (int64_t turnover = 0; turnover < turnover_count; ++turnover) {
    for (int64_t first = 0; first < kKeys; first += 1500) {
      Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
      for (int64_t key = first; key < first + 1500; ++key)
        statement.rows.push_back(
            {key, body(key, turnover), Floats{static_cast<float>(key), static_cast<float>(turnover)}});
      must(perform(*engine, statement));
    }
  }
  done = true;
  reader.join();
  checkpointer.join();
  EXPECT_EQ(wrong, 0U);
  must(engine->wait_for_index(*table_id(*engine, "t")));
  must(engine->checkpoint());
  EXPECT_EQ(base::message_of(engine->check()), "");
  const auto version = must(engine->version())->tables.at("t");
  EXPECT_EQ(version->live.live_count(), static_cast<uint32_t>(kKeys));
  version->live.for_each([&](RowId row) { look_at(*version, row); });
  EXPECT_EQ(wrong, 0U);
  const uint64_t vector_bytes = kKeys * 2 * sizeof(float);
  for (const MemoryOrDiskPart& part : must(engine->stats()).disk) {
    if (part.name == "t.columns.v") {
      EXPECT_LT(part.bytes, 3 * vector_bytes);
    }
  }
}

// Walks and repairs of the graph compare with dead rows as long as they are linked.
TEST_F(TurnoverTest, RowsThatTheGraphStillWalksThroughKeepTheirBytes) {
  create();
  turn_over(0);
  link();
  turn_over(1);
  checkpoint();
  const uint64_t linked_bytes = bytes_of("t.columns.v");
  link();
  checkpoint();
  EXPECT_LT(bytes_of("t.columns.v"), linked_bytes * 3 / 4);
  ASSERT_NO_FATAL_FAILURE(expect_same());
}

TEST_F(TurnoverTest, ATableThatWasEmptiedRowByRowTakesHardlyAnySpaceAndGoesOn) {
  create();
  turn_over(0, 0, 16'384 * 2);
  link();
  checkpoint();
  const uint64_t full_bytes = disk_bytes();
  perform_both(erase_rows(0, 16'384 * 2));
  link();
  checkpoint();
  checkpoint();
  reopen();
  EXPECT_LT(disk_bytes(), 1U << 20) << "an extent or two of every array is left";
  EXPECT_GT(full_bytes, 8U << 20);
  ASSERT_NO_FATAL_FAILURE(expect_same());
  turn_over(1);
  link();
  checkpoint();
  reopen();
  ASSERT_NO_FATAL_FAILURE(expect_same());
  // What opened it only to read sees the same, log included.
  turn_over(2, 0, 100);
  engine_ = nullptr;
  OpenOptions options;
  options.read_only = true;
  const auto reader = must(open_engine(directory_, false, options));
  EXPECT_EQ(difference(model_, read_all(*reader)), "");
  EXPECT_EQ(base::message_of(reader->check()), "");
}

TEST_F(TurnoverTest, ACopyHasTheHolesToo) {
  create();
  turn_over(0);
  link();
  checkpoint();
  turn_over(1);
  link();
  checkpoint();
  const std::shared_ptr<os::Directory> target = os::memory_directory("copy");
  must(engine_->backup(*target));
  const auto copy = must(open_engine(target, false));
  EXPECT_EQ(difference(model_, read_all(*copy)), "");
  EXPECT_EQ(base::message_of(copy->check()), "");
  EXPECT_LE(must(copy->stats()).disk_bytes, disk_bytes());
}

}  // namespace
}  // namespace omendb::test
