// Rows move to the end of their table while statements and searches go on, and nobody can tell.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/exec/vector_search.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace omendb::test {
namespace {

using base::must;

constexpr uint32_t kRegion = table::DeadRows::kRowsPerRegion;

// A third of the live rows of the newest version, others each time.
std::vector<RowId> some_rows(const table::TableVersion& version, uint64_t round) {
  std::vector<RowId> rows;
  version.live.for_each([&](RowId row) {
    if (row.value % 3 == round % 3) rows.push_back(row);
  });
  return rows;
}

// Keys of a writer's own, the lower half of which it never deletes.
class KeyOwner {
 public:
  static constexpr int64_t kKeys = 400;

  KeyOwner(database::Engine& engine, int64_t first_key)
      : engine_(engine), first_key_(first_key), random_(static_cast<uint64_t>(first_key)) {}

  void fill() {
    for (int64_t key = first_key_; key < first_key_ + kKeys; ++key) write({key});
  }
  void run(size_t statement_count) {
    for (size_t i = 0; i < statement_count; ++i) {
      std::set<int64_t> keys;
      for (uint64_t n = random_.between(1, 20); n > 0; --n)
        keys.insert(first_key_ + static_cast<int64_t>(random_.below(kKeys)));
      if (random_.one_in(3)) {
        erase(keys);
      } else {
        write(keys);
      }
    }
  }
  const DatabaseModel& model() const { return model_; }

 private:
  void perform_both(const Statement& statement) {
    const Answer wanted = perform(model_, statement);
    EXPECT_EQ(describe(answer_of(perform(engine_, statement))), describe(wanted));
  }
  void write(const std::set<int64_t>& keys) {
    Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
    for (const int64_t key : keys) statement.rows.push_back(random_row(model_.at("t").schema, key, random_));
    perform_both(statement);
  }
  void erase(const std::set<int64_t>& keys) {
    Statement statement{StatementKind::kErase, "t", {}, {}, {}};
    for (const int64_t key : keys) {
      if (key >= first_key_ + kKeys / 2) statement.keys.emplace_back(key);
    }
    perform_both(statement);
  }

  database::Engine& engine_;
  int64_t first_key_;
  base::Random random_;
  DatabaseModel model_{{"t", {schema_of_everything(Type::kInt64), {}}}};
};

// How many of the keys that are never deleted the version shows, and whether it shows one twice.
size_t kept_keys(const table::TableVersion& version) {
  std::set<int64_t> keys;
  size_t kept = 0;
  version.live.for_each([&](RowId row) {
    const int64_t key = version.columns[1].int64(row);
    EXPECT_TRUE(keys.insert(key).second) << "key " << key << " is there twice";
    const auto slot = version.keys.find(version.key_column->lookup(version.key_column->at(row)));
    EXPECT_TRUE(slot != nullptr && slot->row == row.value);
    kept += key % KeyOwner::kKeys < KeyOwner::kKeys / 2 ? 1 : 0;
  });
  return kept;
}

TEST(MoveRows, StatementsBesideThemWinAndNoVersionMissesARow) {
  const auto engine = must(open_engine(os::memory_directory("moves"), true));
  must(engine->create_table("t", schema_of_everything(Type::kInt64), false));
  std::vector<KeyOwner> owners;
  for (int64_t i = 0; i < 3; ++i) owners.emplace_back(*engine, i * KeyOwner::kKeys);
  for (KeyOwner& owner : owners) owner.fill();
  std::atomic<bool> done{false};
  std::atomic<uint64_t> moved_count{0};
  std::thread mover([&] {
    for (uint64_t round = 0; !done; ++round) {
      const auto version = must(engine->version())->tables.at("t");
      moved_count += must(engine->move_rows(*version, some_rows(*version, round)));
    }
  });
  std::thread reader([&] {
    while (!done) {
      const auto version = must(engine->version())->tables.at("t");
      EXPECT_EQ(kept_keys(*version), owners.size() * KeyOwner::kKeys / 2);
      const Floats query{0, 1, 2, 3};
      const auto found =
          must(exec::vector_search(*version, {.vectors = query, .query_count = 1, .column = "v", .k = 20}));
      std::set<RowId> rows(found.rows.begin(), found.rows.end());
      EXPECT_EQ(rows.size(), 20U);
    }
  });
  std::vector<std::thread> writers;
  for (KeyOwner& owner : owners) writers.emplace_back([&owner] { owner.run(base::scaled(600)); });
  for (std::thread& writer : writers) writer.join();
  done = true;
  mover.join();
  reader.join();
  EXPECT_GT(moved_count, 0U);
  DatabaseModel model;
  for (const KeyOwner& owner : owners) {
    model["t"].schema = owner.model().at("t").schema;
    model["t"].rows.insert(owner.model().at("t").rows.begin(), owner.model().at("t").rows.end());
  }
  EXPECT_EQ(difference(model, read_all(*engine)), "");
  EXPECT_EQ(base::message_of(engine->check()), "");
}

constexpr int64_t kLiveStep = 16;  // of the keys that stay in a sparse region

void fill_two_regions(database::Engine& engine, const std::string& name, const Schema& schema, int64_t other_rows) {
  must(perform(engine, {StatementKind::kCreate, name, schema, {}, {}}));
  base::Random random(1);
  const auto row_count = static_cast<int64_t>(kRegion) + other_rows;
  for (int64_t first = 0; first < row_count; first += 2000) {
    Statement statement{StatementKind::kInsert, name, {}, {}, {}};
    for (int64_t key = first; key < std::min(row_count, first + 2000); ++key)
      statement.rows.push_back(random_row(schema, key, random));
    must(perform(engine, statement));
  }
}

void make_first_region_sparse(database::Engine& engine, const std::string& name) {
  Statement statement{StatementKind::kErase, name, {}, {}, {}};
  for (int64_t key = 0; key < static_cast<int64_t>(kRegion); ++key) {
    if (key % kLiveStep != 0) statement.keys.emplace_back(key);
  }
  must(perform(engine, statement));
}

// Two regions, and but a sixteenth of the first lives.
void make_sparse_region(database::Engine& engine, const std::string& name, const Schema& schema, int64_t other_rows) {
  fill_two_regions(engine, name, schema, other_rows);
  make_first_region_sparse(engine, name);
}

Schema schema_of_vectors(uint32_t dims, uint32_t ef_construction) {
  ColumnSpec vector = vector_column("v", dims);
  vector.vector.m = 4;
  vector.vector.ef_construction = ef_construction;
  return {{key_column("id", Type::kInt64), vector}};
}

Schema schema_of_numbers() { return {{key_column("id", Type::kInt64), column("n", Type::kInt64)}}; }

void sleep_ms(int64_t duration_ms) { std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms)); }

bool is_first_region_dead(const database::Engine& engine, const std::string& name = "t") {
  return is_dead_region(must(engine.version())->tables.at(name)->live, 0);
}

uint64_t vector_bytes(database::Engine& engine) {
  const auto stats = must(engine.stats());
  const auto part =
      std::find_if(stats.disk.begin(), stats.disk.end(), [](const auto& p) { return p.name == "t.columns.v"; });
  return part->bytes;
}

TEST(MoveRows, HappensByItselfAndTheBytesComeBackAtRest) {
  constexpr uint32_t kDims = 64;
  constexpr uint64_t kRegionBytes = kRegion * kDims * sizeof(float);
  const std::shared_ptr<os::Directory> directory = os::memory_directory("moves");
  auto engine = must(open_engine(directory, true));
  make_sparse_region(*engine, "t", schema_of_vectors(kDims, 8), 3000);
  const uint64_t hash = must(engine->state_hash());
  must(engine->close());
  engine = must(open_engine(directory, true));  // closed as soon as it began, or before
  EXPECT_GT(vector_bytes(*engine), kRegionBytes);
  while (!is_first_region_dead(*engine)) sleep_ms(10);
  EXPECT_EQ(must(engine->state_hash()), hash);
  while (vector_bytes(*engine) > kRegionBytes / 2) sleep_ms(10);
  EXPECT_EQ(base::message_of(engine->check()), "");
  must(engine->close());
  engine = must(open_engine(directory, false));
  EXPECT_EQ(must(engine->state_hash()), hash);
}

TEST(MoveRows, WaitForAShortTailOrForStatementsAndClosingDoesNotWait) {
  constexpr int64_t kOtherRows = 12'000;
  OpenOptions options;
  options.threads = 1;
  options.tail_bytes_beside_searches = 0;
  const auto engine = must(open_engine(os::memory_directory("moves"), true, options));
  make_sparse_region(*engine, "t", schema_of_vectors(128, 400), kOtherRows);
  uint32_t row_count = kRegion + kOtherRows;
  const auto newest = [&] { return must(engine->version())->tables.at("t"); };
  sleep_ms(1200);  // time enough for it to begin
  EXPECT_EQ(newest()->row_count(), row_count);
  // Statements that add to the tail let moves through. Only one that is waiting by then is counted on.
  Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
  base::Random random(2);
  for (int64_t key = 0; key < 600; ++key)
    statement.rows.push_back(random_row(newest()->info->schema, 1'000'000 + key, random));
  while (newest()->row_count() == row_count) {
    must(perform(*engine, statement));
    row_count += 600;
    sleep_ms(20);
  }
  const auto version = newest();
  EXPECT_FALSE(is_dead_region(version->live, 0));
  must(engine->close());
  EXPECT_GT(version->vectors.front().index->waiting_rows(*version), 0U)
      << "a table that is linked faster tests nothing";
}

TEST(MoveRows, ATableWithALongTailDoesNotHoldUpAnotherThatBecomesSparseLater) {
  OpenOptions options;
  options.threads = 1;
  options.tail_bytes_beside_searches = 0;
  const auto engine = must(open_engine(os::memory_directory("moves"), true, options));
  make_sparse_region(*engine, "t", schema_of_vectors(128, 400), 12'000);
  sleep_ms(1200);  // its moves wait by now
  make_sparse_region(*engine, "u", schema_of_numbers(), 10);
  while (!is_first_region_dead(*engine, "u")) sleep_ms(10);
  const auto version = must(engine->version())->tables.at("t");
  EXPECT_GT(version->vectors.front().index->waiting_rows(*version), 0U)
      << "a table that is linked faster tests nothing";
  EXPECT_EQ(version->row_count(), kRegion + 12'000);
}

TEST(MoveRows, OnAFullDiskWaitForACheckpoint) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("full")));
  const auto engine = must(open_engine(directory, true));
  const auto newest = [&] { return must(engine->version())->tables.at("t"); };
  fill_two_regions(*engine, "t", schema_of_vectors(64, 8), 3000);
  auto held = newest();  // nothing moves as long as somebody sees the rows that died
  make_first_region_sparse(*engine, "t");
  must(engine->wait_for_index(held->info->id));
  must(engine->checkpoint());  // a new log, which has no room yet for what is moved at a time
  const uint32_t row_count = held->row_count();
  directory->inject({.nth = 1,
                     .kinds = {os::OperationKind::kCreate, os::OperationKind::kAllocate, os::OperationKind::kTruncate},
                     .code = ErrorCode::kStorageFull,
                     .duration = os::FaultDuration::kSticky});
  held = nullptr;
  while (!directory->fault_reached()) sleep_ms(10);
  sleep_ms(1200);
  EXPECT_EQ(newest()->row_count(), row_count);
  const size_t operations_before = directory->operation_count();
  directory->clear_fault();
  while (newest()->row_count() == row_count) sleep_ms(1);
  const std::vector<os::Operation> operations = directory->log().operations;
  EXPECT_TRUE(std::any_of(operations.begin() + static_cast<ptrdiff_t>(operations_before), operations.end(),
                          [](const os::Operation& done) { return done.kind == os::OperationKind::kRename; }))
      << "no root was published before rows moved again";
  while (!is_first_region_dead(*engine)) sleep_ms(10);
  EXPECT_EQ(base::message_of(engine->check()), "");
}

TEST(MoveRows, LeaveADatabaseAloneThatMayNotBeWritten) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("moves");
  must(must(open_engine(directory, false))->close());
  {
    const auto engine = must(open_engine(directory, false));
    make_sparse_region(*engine, "t", schema_of_vectors(2, 8), 10);
  }
  OpenOptions options;
  options.read_only = true;
  const auto engine = must(open_engine(directory, true, options));
  EXPECT_EQ(base::code_of(engine->move_sparse_rows()), ErrorCode::kPermission);
  EXPECT_FALSE(is_first_region_dead(*engine));
}

}  // namespace
}  // namespace omendb::test
