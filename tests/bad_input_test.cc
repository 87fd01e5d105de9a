// Requests and directories that are wrong: a typed error that says what and where, and nothing changed.

#include <omendb/database.h>

#include "engine/base/test_result.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

namespace omendb::test {
namespace {

using base::code_of;
using base::message_of;
using base::must;

class BadInput : public testing::Test {
 protected:
  BadInput()
      : database_(must(Database::open(":memory:"))),
        table_(must(database_.create_table("things", schema_of_everything(Type::kInt64)))) {
    base::Random random(5);
    for (int64_t key = 0; key < 5; ++key) rows_.push_back(random_row(table_.schema(), key, random));
    must(table_.insert(OwnedBatch(table_.schema(), rows_).view()));
    hash_ = must(database_.state_hash());
  }

  // The statement fails with `code`, says every one of `words`, and has changed nothing.
  template <typename T>
  void expect_refused(const Result<T>& result, ErrorCode code, const std::vector<std::string>& words) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message;
    for (const std::string& word : words) {
      EXPECT_NE(result.error().message.find(word), std::string::npos)
          << "'" << word << "' is missing in: " << result.error().message;
    }
    EXPECT_EQ(result.error().message.find('\n'), std::string::npos);
    EXPECT_EQ(must(database_.state_hash()), hash_);
    EXPECT_EQ(must(table_.count()), 5U);
    EXPECT_EQ(message_of(database_.check()), "");
  }

  // Inserts one row with key 100 in which `change` may put anything into any view.
  Result<uint64_t> insert_changed(const std::string& column, const std::function<void(ColumnView&)>& change,
                                  size_t row_count = 1) {
    base::Random random(6);
    std::vector<Row> rows;
    for (size_t i = 0; i < row_count; ++i)
      rows.push_back(random_row(table_.schema(), static_cast<int64_t>(100 + i), random));
    const OwnedBatch batch(table_.schema(), rows);
    const BatchView whole = batch.view();
    std::vector<ColumnView> views(whole.columns.begin(), whole.columns.end());
    for (ColumnView& view : views) {
      if (view.name != column) continue;
      view.validity = nullptr;
      change(view);
    }
    return table_.insert({row_count, views});
  }

  Database database_;
  Table table_;
  std::vector<Row> rows_;
  uint64_t hash_ = 0;
};

TEST_F(BadInput, AVectorOfTheWrongDimensionIsRefused) {
  const Floats floats(6, 1.0F);
  const auto result = insert_changed("v", [&](ColumnView& view) {
    view.floats = floats.data();
    view.dims = 6;
  });
  expect_refused(result, ErrorCode::kSchema, {"v", "things", "4", "6"});
}

TEST_F(BadInput, ComponentsThatAreNoFiniteNumbersAreRefused) {
  for (const float bad :
       {std::nanf(""), std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()}) {
    Floats floats(8, 1.0F);
    floats[6] = bad;
    const auto result = insert_changed(
        "v", [&](ColumnView& view) { view.floats = floats.data(); }, 2);
    expect_refused(result, ErrorCode::kInvalidArgument, {"v", "things", "row 1", "component 2"});
  }
}

TEST_F(BadInput, AKeyThatExistsOrStandsTwiceInTheBatchIsAConflict) {
  std::vector<Row> rows = {rows_[0], rows_[1]};
  const size_t key = *table_.schema().find("id");
  rows[0][key] = int64_t{77};
  rows[1][key] = int64_t{3};
  expect_refused(table_.insert(OwnedBatch(table_.schema(), rows).view()), ErrorCode::kConflict, {"3", "things"});
  rows[1][key] = int64_t{77};
  expect_refused(table_.insert(OwnedBatch(table_.schema(), rows).view()), ErrorCode::kConflict, {"77", "twice"});
  expect_refused(database_.create_table("things", vector_schema(2)), ErrorCode::kConflict, {"things"});
  expect_refused(database_.create_table("things", vector_schema(2), true), ErrorCode::kConflict, {"things", "schema"});
}

TEST_F(BadInput, ValuesOfTheWrongTypeAreRefused) {
  const int64_t numbers[] = {1};
  for (const char* column : {"v", "label", "tags", "flag", "weight"}) {
    const auto result = insert_changed(column, [&](ColumnView& view) {
      view = ColumnView{};
      view.name = column;
      view.ints = numbers;
    });
    expect_refused(result, ErrorCode::kSchema, {column, "things", "integers"});
  }
}

TEST_F(BadInput, TextThatIsNoTextAndJsonThatIsNoJsonAreRefused) {
  const int64_t offsets[] = {0, 3};
  const auto with = [&](const char* chars) {
    return [&offsets, chars](ColumnView& view) {
      view.offsets = offsets;
      view.chars = chars;
    };
  };
  expect_refused(insert_changed("label", with("a\xFFz")), ErrorCode::kInvalidArgument, {"label", "row 0", "UTF-8"});
  expect_refused(insert_changed("body", with("\xC3(a")), ErrorCode::kInvalidArgument, {"body", "row 0", "UTF-8"});
  expect_refused(insert_changed("extra", with("{1}")), ErrorCode::kInvalidArgument, {"extra", "row 0", "JSON"});
  const int64_t falling[] = {3, 1};
  const auto result = insert_changed("label", [&](ColumnView& view) {
    view.offsets = falling;
    view.chars = "abc";
  });
  expect_refused(result, ErrorCode::kInvalidArgument, {"label", "offsets"});
}

TEST_F(BadInput, ABooleanIsZeroOrOne) {
  const uint8_t two[] = {2};
  expect_refused(insert_changed("flag", [&](ColumnView& view) { view.bools = two; }), ErrorCode::kInvalidArgument,
                 {"flag", "2"});
}

TEST_F(BadInput, AMissingOrNullKeyAnUnknownOrRepeatedColumnAreRefused) {
  const uint8_t null[] = {0};
  expect_refused(insert_changed("id", [&](ColumnView& view) { view.validity = null; }), ErrorCode::kInvalidArgument,
                 {"id", "null"});
  expect_refused(insert_changed("id", [](ColumnView& view) { view.name = "number"; }), ErrorCode::kSchema, {"number"});
  expect_refused(insert_changed("id", [](ColumnView& view) { view.name = "nobody"; }), ErrorCode::kSchema,
                 {"nobody", "things"});
  const Floats floats(4, 0.0F);
  ColumnView only_vector;
  only_vector.name = "v";
  only_vector.floats = floats.data();
  only_vector.dims = 4;
  expect_refused(table_.insert({1, {&only_vector, 1}}), ErrorCode::kSchema, {"id"});
}

TEST_F(BadInput, KeysOfTheOtherTypeAreRefused) {
  const std::vector<std::string_view> keys = {"a"};
  expect_refused(table_.erase({{}, keys}), ErrorCode::kInvalidArgument, {"int64"});
  expect_refused(table_.get({{}, keys}), ErrorCode::kInvalidArgument, {"int64"});
}

TEST_F(BadInput, AKeyOfMoreThanTheLimitIsRefused) {
  auto strings = must(database_.create_table("strings", {{key_column("id", Type::kString), vector_column("v", 1)}}));
  hash_ = must(database_.state_hash());
  const Row fits = {std::string(65'535, 'k'), Floats{1}};
  const Row does_not = {std::string(65'536, 'k'), Floats{1}};
  expect_refused(strings.insert(OwnedBatch(strings.schema(), {does_not}).view()), ErrorCode::kInvalidArgument,
                 {"id", "65536"});
  EXPECT_EQ(must(strings.insert(OwnedBatch(strings.schema(), {fits}).view())), 1U);
}

TEST_F(BadInput, SearchesThatAreWrongSayWhy) {
  const Floats query(4, 0.5F);
  const Floats bad = {0.5F, std::nanf(""), 0, 0};
  expect_refused(table_.search({.vectors = query, .column = "v", .k = 0}), ErrorCode::kInvalidArgument, {"k"});
  expect_refused(table_.search({.vectors = query, .column = "v", .k = kSearchRowsMax + 1}), ErrorCode::kInvalidArgument,
                 {"10000"});
  expect_refused(table_.search({.vectors = query, .column = "w"}), ErrorCode::kInvalidArgument, {"w", "3", "4"});
  expect_refused(table_.search({.vectors = query, .column = "label"}), ErrorCode::kSchema, {"label"});
  expect_refused(table_.search({.vectors = query}), ErrorCode::kInvalidArgument, {"column"});
  expect_refused(table_.search({.vectors = bad, .column = "v"}), ErrorCode::kInvalidArgument,
                 {"component 1", "query 0"});
  // A count whose product with the dimensions wraps around to nothing.
  expect_refused(table_.search({.vectors = {}, .query_count = size_t{1} << 62, .column = "v"}),
                 ErrorCode::kInvalidArgument, {"dimensions"});
}

TEST_F(BadInput, FetchingHitsThatAreNotThereIsRefused) {
  const Floats query(4, 0.5F);
  const Hits hits = must(table_.search({.vectors = query, .column = "v", .k = 3}));
  EXPECT_EQ(must(table_.fetch(hits, 0, 3)).row_count, 3U);
  expect_refused(table_.fetch(hits, 1, 3), ErrorCode::kInvalidArgument, {"3"});
  expect_refused(table_.fetch(hits, std::numeric_limits<size_t>::max(), 2), ErrorCode::kInvalidArgument, {"hits"});
  expect_refused(table_.fetch(Hits(), 0, 0), ErrorCode::kInvalidArgument, {"hits"});
}

TEST_F(BadInput, SchemasThatCanNotBeAreRefused) {
  const auto refuse = [&](const Schema& schema, const std::string& word) {
    expect_refused(database_.create_table("other", schema), ErrorCode::kSchema, {word});
  };
  refuse({}, "primary key");
  refuse({{key_column("id", Type::kInt64), key_column("other", Type::kInt64)}}, "primary key");
  refuse({{key_column("id", Type::kFloat64)}}, "int64 or string");
  refuse({{key_column("id", Type::kInt64), column("id", Type::kBool)}}, "id");
  refuse({{key_column("id", Type::kInt64), column("", Type::kBool)}}, "name");
  refuse({{key_column("id", Type::kInt64), column("a\nb", Type::kBool)}}, "name");
  refuse({{key_column("id", Type::kInt64), vector_column("v", 0)}}, "dimensions");
  refuse({{key_column("id", Type::kInt64), vector_column("v", kVectorDimsMax + 1)}}, "dimensions");
  refuse({{key_column("id", Type::kInt64), column("x", static_cast<Type>(77))}}, "type");
  expect_refused(database_.create_table("", vector_schema(2)), ErrorCode::kSchema, {"name"});
  expect_refused(database_.create_table(std::string(256, 'n'), vector_schema(2)), ErrorCode::kSchema, {"name"});
}

TEST_F(BadInput, TablesThatDoNotExistAnymoreOrNeverDidAreNotFound) {
  expect_refused(database_.table("nobody"), ErrorCode::kNotFound, {"nobody"});
  expect_refused(database_.drop_table("nobody"), ErrorCode::kNotFound, {"nobody"});
  auto dropped = must(database_.create_table("dropped", vector_schema(2)));
  must(database_.drop_table("dropped"));
  EXPECT_EQ(code_of(dropped.count()), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(dropped.clear()), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(dropped.search({.vectors = Floats{0, 0}})), ErrorCode::kNotFound);
  // A new table of that name is another table.
  must(database_.create_table("dropped", vector_schema(2)));
  EXPECT_EQ(code_of(dropped.count()), ErrorCode::kNotFound);
}

TEST_F(BadInput, EveryCallOfAClosedDatabaseSaysClosed) {
  const Floats query(4, 0.5F);
  const Hits hits = must(table_.search({.vectors = query, .column = "v", .k = 3}));
  const auto scan = must(table_.scan({}));
  must(database_.close());
  must(database_.close());
  const int64_t keys[] = {1};
  EXPECT_EQ(code_of(table_.insert(OwnedBatch(table_.schema(), rows_).view())), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.upsert(OwnedBatch(table_.schema(), rows_).view())), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.erase({keys, {}})), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.clear()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.get({keys, {}})), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.count()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.scan({})), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.search({.vectors = query, .column = "v"})), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.stats()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(table_.wait_for_index()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.table_names()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.create_table("x", vector_schema(2))), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.drop_table("things")), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.check()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.state_hash()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.stats()), ErrorCode::kClosed);
  EXPECT_EQ(code_of(database_.checkpoint()), ErrorCode::kClosed);
  // What was pinned before stays readable.
  EXPECT_EQ(must(table_.fetch(hits, 0, 3)).row_count, 3U);
  EXPECT_EQ(must(scan->next())->row_count, 5U);
}

TEST(BadPath, AFileIsNotADatabase) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  std::ofstream(path) << "not a database";
  const auto opened = Database::open(path);
  EXPECT_EQ(code_of(opened), ErrorCode::kInvalidArgument) << message_of(opened);
  EXPECT_NE(message_of(opened).find(path), std::string::npos);
  EXPECT_EQ(code_of(Database::open("")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(Database::open(directory.path() + "/no/such/parent")), ErrorCode::kNotFound);
  OpenOptions must_exist;
  must_exist.create = false;
  EXPECT_EQ(code_of(Database::open(directory.path() + "/absent", must_exist)), ErrorCode::kNotFound);
  OpenOptions read_only;
  read_only.read_only = true;
  EXPECT_EQ(code_of(Database::open(directory.path() + "/absent", read_only)), ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/absent"));
}

TEST(BadPath, ADirectoryOfSomethingElseIsLeftAlone) {
  const os::TemporaryDirectory directory;
  std::ofstream(directory.path() + "/holiday.jpg") << "a picture";
  std::filesystem::create_directory(directory.path() + "/sub");
  const auto opened = Database::open(directory.path());
  EXPECT_EQ(code_of(opened), ErrorCode::kUnsupportedFormat) << message_of(opened);
  EXPECT_NE(message_of(opened).find(directory.path()), std::string::npos);
  size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory.path())) ++entries;
  EXPECT_EQ(entries, 2U) << "nothing may be added to a foreign directory";
}

TEST(BadPath, WithoutPermissionTheErrorSaysSo) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root to become somebody without permission";
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  must(must(Database::open(path)).close());
  std::filesystem::permissions(directory.path(), std::filesystem::perms(0755));
  std::filesystem::permissions(path, std::filesystem::perms(0700));
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(9);
    const auto opened = Database::open(path);
    const bool refused =
        code_of(opened) == ErrorCode::kPermission && message_of(opened).find(path) != std::string::npos;
    const bool parent_refused = code_of(Database::open(directory.path() + "/new")) == ErrorCode::kPermission;
    ::_exit(refused && parent_refused ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST(TwoOpenings, TheSecondNamesTheFirstInOneProcessAndAcrossProcesses) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  auto first = must(Database::open(path));
  auto table = must(first.create_table("t", vector_schema(2)));
  const std::string self = "pid " + std::to_string(::getpid());
  const auto second = Database::open(path);
  EXPECT_EQ(code_of(second), ErrorCode::kLocked);
  EXPECT_NE(message_of(second).find(self), std::string::npos) << message_of(second);
  const Row row = {int64_t{1}, Floats{1, 2}};
  const OwnedBatch batch(table.schema(), {row});
  const pid_t child = ::fork();
  if (child == 0) {
    const auto third = Database::open(path);
    const bool locked = code_of(third) == ErrorCode::kLocked && message_of(third).find(self) != std::string::npos;
    // A handle that came over the fork refuses: locks may be held by threads that are not here.
    const bool reads = code_of(table.count()) != ErrorCode::kClosed;
    const bool writes = code_of(table.insert(batch.view())) != ErrorCode::kClosed;
    const bool closes = first.close().ok();
    ::_exit((locked ? 0 : 1) + (reads ? 2 : 0) + (writes ? 4 : 0) + (closes ? 0 : 8));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "bits of what went wrong: " << WEXITSTATUS(status);
  EXPECT_EQ(must(table.insert(batch.view())), 1U);
  must(first.check());
  must(first.close());
  EXPECT_EQ(must(must(must(Database::open(path)).table("t")).count()), 1U);
}

}  // namespace
}  // namespace omendb::test
