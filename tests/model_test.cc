// Random statements against the naive model: after each one the answers agree, after each restart the contents do.

#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/exec/rows_where.h"
#include "engine/exec/vector_search.h"
#include "engine/os/crash_states.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"
#include "tests/search_oracle.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <set>

namespace omendb::test {
namespace {

// A database on a directory that can be looked at, at any moment, as a dying process leaves it.
class RestartableDatabase {
 public:
  explicit RestartableDatabase(bool background) : background_(background) { open({}); }

  database::Engine& engine() { return *engine_; }

  void close_and_reopen() {
    base::must(engine_->close());
    const auto contents = base::must(os::snapshot_contents(*memory_));
    engine_.reset();
    open(contents);
  }

  // The process dies: what the system calls did is there, nothing else is done.
  void crash_and_reopen(os::CrashMode mode, uint64_t seed) {
    const os::OperationLog log = recorder_->log();
    os::CrashStates states(log);
    states.advance_to(log.operations.size());
    const os::DirectoryContents contents = states.draw(mode, seed);
    engine_.reset();
    open(contents);
  }

 private:
  void open(const os::DirectoryContents& contents) {
    memory_ = base::must(os::memory_directory_from("model", contents));
    recorder_ = base::must(os::RecordingDirectory::wrap(memory_));
    engine_ = base::must(open_engine(recorder_, background_));
  }

  bool background_;
  std::shared_ptr<os::Directory> memory_;
  std::shared_ptr<os::RecordingDirectory> recorder_;
  std::shared_ptr<database::Engine> engine_;
};

void expect_same_content(const DatabaseModel& model, database::Engine& engine) {
  ASSERT_EQ(difference(model, read_all(engine)), "");
  ASSERT_EQ(base::must(engine.state_hash()), state_hash_of(model));
  const auto checked = engine.check();
  ASSERT_TRUE(checked.ok()) << checked.error().message;
}

// One exact search in every vector column of a random table.
void expect_exact_search(const DatabaseModel& model, const database::Engine& engine, base::Random& random) {
  if (model.empty()) return;
  const auto chosen = std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
  const auto version = base::must(engine.version())->tables.at(chosen->first);
  for (const std::string_view column : {"v", "w"}) {
    const size_t position = *chosen->second.schema.find(column);
    Floats query(chosen->second.schema.columns[position].vector.dims);
    for (float& component : query) component = random.normal();
    SearchQuery search{.vectors = query, .query_count = 1, .column = column, .k = 1 + random.below(30)};
    search.exact = random.one_in(2);
    const auto found = base::must(exec::vector_search(*version, search));
    const size_t k = search.k;
    ASSERT_EQ(search_fault(chosen->second, position, query, k, keys_of(*version, found.rows), found.distances), "")
        << "column " << column;
  }
}

// Conditions over metadata, over other columns, and over both.
void expect_conditions(const DatabaseModel& model, const table::DatabaseVersion& database, base::Random& random) {
  if (model.empty()) return;
  const auto chosen = std::next(model.begin(), static_cast<ptrdiff_t>(random.below(model.size())));
  const table::TableVersion& version = *database.tables.at(chosen->first);
  const auto bound = static_cast<int64_t>(random.below(3) * 300);
  const auto is_small = [&](const Row& row) {
    return std::get<int64_t>(row[*chosen->second.schema.find("number")]) < bound;
  };
  const auto is_null = [&](const Row& row, std::string_view name) {
    return std::holds_alternative<std::monostate>(row[*chosen->second.schema.find(name)]);
  };
  const auto expect_rows = [&](std::string_view text, const auto& passes) {
    const omendb::Value values[] = {{bound}};
    const auto found = base::must(exec::rows_where(version, Where{.text = text, .values = values}, version.live));
    std::vector<RowId> rows;
    found.for_each([&](RowId row) { rows.push_back(row); });
    const std::vector<Value> keys = keys_of(version, rows);
    std::set<Value> wanted;
    for (const auto& [key, row] : chosen->second.rows) {
      if (passes(row)) wanted.insert(key);
    }
    ASSERT_EQ(keys.size(), wanted.size()) << text;
    ASSERT_EQ(std::set<Value>(keys.begin(), keys.end()), wanted) << text;
  };
  expect_rows("number < ?", is_small);
  expect_rows("number < ? or (label is null and flag)", [&](const Row& row) {
    const Value& flag = row[*chosen->second.schema.find("flag")];
    return is_small(row) || (is_null(row, "label") && !is_null(row, "flag") && std::get<bool>(flag));
  });
  expect_rows("number < ? and w is null", [&](const Row& row) { return is_small(row) && is_null(row, "w"); });
  expect_rows("body is null and ? = 0", [&](const Row& row) { return is_null(row, "body") && bound == 0; });
  expect_rows("(body <> '' or body is null or tags is null) and number < ? and extra is null", [&](const Row& row) {
    const Value& body = row[*chosen->second.schema.find("body")];
    const bool text = is_null(row, "body") || !std::get<std::string>(body).empty();
    return (text || is_null(row, "tags")) && is_small(row) && is_null(row, "extra");
  });
}

// Versions that somebody holds while the database goes on.
class PinnedVersions {
 public:
  void pin(const DatabaseModel& model, const database::Engine& engine) {
    if (pinned_.size() == 3) pinned_.erase(pinned_.begin());
    pinned_.emplace_back(base::must(engine.version()), model);
  }
  void let_go() { pinned_.clear(); }
  void expect_unchanged(base::Random& random) const {
    for (const auto& [version, model] : pinned_) {
      ASSERT_EQ(difference(model, read_version(*version)), "") << "an old version";
      ASSERT_NO_FATAL_FAILURE(expect_conditions(model, *version, random)) << "an old version";
    }
  }

 private:
  std::vector<std::pair<std::shared_ptr<const table::DatabaseVersion>, DatabaseModel>> pinned_;
};

void restart(RestartableDatabase& database, base::Random& random) {
  static constexpr os::CrashMode kModes[] = {os::CrashMode::kKeepAll, os::CrashMode::kDropUnsynced,
                                             os::CrashMode::kRandomSectors, os::CrashMode::kMixed};
  if (random.one_in(3)) return database.close_and_reopen();
  database.crash_and_reopen(kModes[random.below(std::size(kModes))], random.next());
}

void run_model(uint64_t seed, bool background, size_t statement_count, const StatementSource::Shape& shape = {}) {
  SCOPED_TRACE("seed " + std::to_string(seed) + (background ? ", with background work" : ""));
  base::Random random(seed);
  StatementSource source(random.next(), shape);
  RestartableDatabase database(background);
  PinnedVersions pinned;
  DatabaseModel model;
  for (size_t i = 0; i < statement_count; ++i) {
    const Statement statement = source.next(model);
    SCOPED_TRACE("statement " + std::to_string(i) + ": " + describe(statement));
    const Answer wanted = perform(model, statement);
    const auto result = perform(database.engine(), statement);
    ASSERT_EQ(describe(answer_of(result)), describe(wanted)) << base::message_of(result);
    if (random.one_in(10)) expect_exact_search(model, database.engine(), random);
    if (random.one_in(8)) expect_conditions(model, *base::must(database.engine().version()), random);
    if (random.one_in(10)) pinned.pin(model, database.engine());
    if (random.one_in(20)) pinned.expect_unchanged(random);
    if (random.one_in(30)) {
      pinned.let_go();
      restart(database, random);
    }
    if (random.one_in(30)) expect_same_content(model, database.engine());
    if (testing::Test::HasFatalFailure()) return;
  }
  pinned.let_go();
  database.close_and_reopen();
  expect_same_content(model, database.engine());
}

TEST(Model, ADatabaseIsAMapOfRowsThroughStatementsCrashesAndRestarts) {
  for (uint64_t seed = 1; seed <= base::scaled(24); ++seed) {
    run_model(seed, false, 300);
    if (HasFatalFailure()) return;
  }
}

TEST(Model, ADatabaseIsAMapOfRowsWhileBackgroundWorkGoesOn) {
  for (uint64_t seed = 101; seed <= 100 + base::scaled(16); ++seed) {
    run_model(seed, true, 300);
    if (HasFatalFailure()) return;
  }
}

TEST(Model, RowsThatMoveAreTheSameRows) {
  for (uint64_t seed = 401; seed <= 400 + base::scaled(24); ++seed) {
    run_model(seed, seed % 3 == 0, 300, {.moves = true});
    if (HasFatalFailure()) return;
  }
}

TEST(Model, TablesThatAreLargeEnoughForAGraphAreMapsOfRowsToo) {
  for (uint64_t seed = 201; seed <= 200 + base::scaled(6); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    RestartableDatabase database(random.one_in(2));
    DatabaseModel model;
    StatementSource source(random.next(),
                           {.key_count = 6000, .rows_max = 400, .schema_changes = false, .moves = seed % 2 == 0});
    const Statement create{StatementKind::kCreate, "t", schema_of_everything(Type::kInt64), {}, {}};
    perform(model, create);
    base::must(perform(database.engine(), create));
    for (size_t i = 0; i < 60; ++i) {
      const Statement statement = source.next(model);
      SCOPED_TRACE("statement " + std::to_string(i) + ": " + describe(statement));
      const Answer wanted = perform(model, statement);
      const auto result = perform(database.engine(), statement);
      ASSERT_EQ(describe(answer_of(result)), describe(wanted)) << base::message_of(result);
      if (random.one_in(12)) restart(database, random);
      if (random.one_in(12)) expect_same_content(model, database.engine());
      if (HasFatalFailure()) return;
    }
    ASSERT_NO_FATAL_FAILURE(expect_same_content(model, database.engine()));
  }
}

// The same through the public door and a directory on disk: get, scan, count and fetch.
void expect_same_at_the_door(const DatabaseModel& model, const Database& database, base::Random& random) {
  ASSERT_EQ(difference(model, read_all(database)), "");
  for (const auto& [name, wanted] : model) {
    const Table table = base::must(database.table(name));
    ASSERT_EQ(base::must(table.count()), wanted.rows.size());
    const ColumnSpec& key_spec = *std::find_if(wanted.schema.columns.begin(), wanted.schema.columns.end(),
                                               [](const auto& spec) { return spec.primary_key; });
    std::vector<Value> keys;
    keys.reserve(20);
    for (int i = 0; i < 20; ++i) keys.push_back(random_key(key_spec.type, 300, random));
    std::vector<uint8_t> found;
    const Batch batch = base::must(table.get(OwnedKeys(keys).view(), {}, &found));
    std::vector<Row> expected;
    for (size_t i = 0; i < keys.size(); ++i) {
      const auto row = wanted.rows.find(keys[i]);
      ASSERT_EQ(found[i] != 0, row != wanted.rows.end());
      if (row != wanted.rows.end()) expected.push_back(row->second);
    }
    ASSERT_EQ(rows_of(batch), expected);
  }
}

TEST(Model, TheDoorShowsTheSameRowsOnDisk) {
  for (uint64_t seed = 301; seed <= 300 + base::scaled(5); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const os::TemporaryDirectory directory;
    const std::string path = directory.path() + "/shop.omen";
    OpenOptions options;
    options.sync = random.one_in(2) ? Sync::kOff : Sync::kFull;
    auto database = base::must(Database::open(path, options));
    StatementSource source(random.next(), {});
    DatabaseModel model;
    for (size_t i = 0; i < 200; ++i) {
      const Statement statement = source.next(model);
      SCOPED_TRACE("statement " + std::to_string(i) + ": " + describe(statement));
      const Answer wanted = perform(model, statement);
      const auto result = perform(database, statement);
      ASSERT_EQ(describe(answer_of(result)), describe(wanted)) << base::message_of(result);
      if (random.one_in(40)) {
        base::must(database.close());
        database = base::must(Database::open(path, options));
      }
      if (random.one_in(20)) expect_same_at_the_door(model, database, random);
      if (HasFatalFailure()) return;
    }
    ASSERT_EQ(base::must(database.state_hash()), state_hash_of(model));
    base::must(database.check());
  }
}

}  // namespace
}  // namespace omendb::test
