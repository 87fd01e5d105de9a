// Copies beside a writer, and openings that must not leave a trace.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"
#include "tests/statement_script.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <thread>

namespace omendb::test {
namespace {

using base::must;

using FileBytes = std::map<std::string, std::string>;

FileBytes bytes_of(const std::string& path) {
  FileBytes files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  return files;
}

TEST(Backup, BesideAWriterIsAPrefixOfItsStatements) {
  const os::TemporaryDirectory directory;
  auto database = must(Database::open(directory.path() + "/db"));
  StatementSource source(41, {.key_count = 500, .rows_max = 60, .checkpoints = true, .schema_changes = true});
  std::mutex mutex;  // guards the two below
  std::vector<uint64_t> hashes = {must(database.state_hash())};
  DatabaseModel model;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop && !HasFailure()) {
      const Statement statement = source.next(model);
      const Answer wanted = perform(model, statement);
      const uint64_t hash = state_hash_of(model);
      {
        const std::lock_guard lock(mutex);
        hashes.push_back(hash);  // may be seen from now on
      }
      EXPECT_EQ(describe(answer_of(perform(database, statement))), describe(wanted)) << describe(statement);
    }
  });
  for (size_t i = 0; i < std::max<size_t>(5, base::scaled(40)); ++i) {
    SCOPED_TRACE("backup " + std::to_string(i));
    const std::string target = directory.path() + "/copy-" + std::to_string(i);
    size_t first = 0;
    {
      const std::lock_guard lock(mutex);
      first = hashes.size() < 2 ? 0 : hashes.size() - 2;  // the statement under way may not have been acknowledged
    }
    must(database.backup(target));
    auto copy = must(Database::open(target));
    const uint64_t hash = must(copy.state_hash());
    const std::lock_guard lock(mutex);
    EXPECT_NE(std::find(hashes.begin() + static_cast<ptrdiff_t>(first), hashes.end(), hash), hashes.end())
        << "not a state of the time of the copy";
    EXPECT_EQ(base::message_of(copy.check()), "");
    std::filesystem::remove_all(target);
  }
  stop = true;
  writer.join();
}

TEST(Backup, IsADatabaseOfItsOwnAndItsTargetMustBeEmpty) {
  const os::TemporaryDirectory directory;
  auto database = must(Database::open(directory.path() + "/db"));
  for (const Statement& statement : statement_script(42, true)) must(perform(database, statement));
  const uint64_t hash = must(database.state_hash());
  const std::string target = directory.path() + "/copy";
  must(database.backup(target));
  const FileBytes before = bytes_of(target);
  EXPECT_FALSE(database.backup(target).ok()) << "a second copy must not go over the first";
  EXPECT_FALSE(database.backup(directory.path() + "/db").ok()) << "a database is no target for itself";
  EXPECT_EQ(bytes_of(target), before);
  auto copy = must(Database::open(target));
  EXPECT_EQ(must(copy.state_hash()), hash);
  for (const std::string& name : must(copy.table_names())) must(must(copy.table(name)).clear());
  EXPECT_EQ(must(database.state_hash()), hash);
  must(database.check());
}

TEST(Backup, OfADatabaseInMemoryIsOneOnDisk) {
  const os::TemporaryDirectory directory;
  auto database = must(Database::open(":memory:"));
  for (const Statement& statement : statement_script(43, false)) must(perform(database, statement));
  must(database.backup(directory.path() + "/copy"));
  EXPECT_EQ(must(must(Database::open(directory.path() + "/copy")).state_hash()), must(database.state_hash()));
}

// The directory of a database whose process died: a log that no checkpoint has taken over.
uint64_t leave_crashed(const std::string& path) {
  std::shared_ptr<os::Directory> memory = os::memory_directory("crashed");
  const auto engine = must(open_engine(memory, false));
  for (const Statement& statement : statement_script(44, true)) must(perform(*engine, statement));
  std::filesystem::create_directory(path);
  for (const auto& [name, bytes] : must(os::snapshot_contents(*memory))) {
    std::ofstream(path + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
  return must(engine->state_hash());
}

void expect_read_only_leaves_no_trace(const std::string& path, uint64_t hash, const std::string& copy_path) {
  const FileBytes before = bytes_of(path);
  OpenOptions options;
  options.read_only = true;
  {
    auto database = must(Database::open(path, options));
    EXPECT_EQ(must(database.state_hash()), hash);
    EXPECT_EQ(base::message_of(database.check()), "");
    must(database.stats());
    auto table = must(database.table("points"));
    EXPECT_EQ(must(table.search({.vectors = Floats{0, 0}, .k = 5})).rows.size(), 5U);
    EXPECT_EQ(base::code_of(table.clear()), ErrorCode::kPermission);
    EXPECT_EQ(base::code_of(table.erase({std::vector<int64_t>{1}, {}})), ErrorCode::kPermission);
    EXPECT_EQ(base::code_of(database.drop_table("points")), ErrorCode::kPermission);
    EXPECT_EQ(base::code_of(database.create_table("new", vector_schema(2))), ErrorCode::kPermission);
    EXPECT_EQ(base::code_of(database.checkpoint()), ErrorCode::kPermission);
    // Several readers, and a copy that holds everything that the reader sees.
    auto second = must(Database::open(path, options));
    EXPECT_EQ(must(second.state_hash()), hash);
    must(database.backup(copy_path));
    must(database.close());
  }
  EXPECT_EQ(bytes_of(path), before);
  EXPECT_EQ(must(must(Database::open(copy_path)).state_hash()), hash);
}

TEST(ReadOnly, AClosedDatabaseIsReadWithoutATrace) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  const uint64_t hash = leave_crashed(path);
  must(must(Database::open(path)).close());
  expect_read_only_leaves_no_trace(path, hash, directory.path() + "/copy");
}

TEST(ReadOnly, ADatabaseWhoseProcessDiedIsReadWithoutATrace) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  const uint64_t hash = leave_crashed(path);
  expect_read_only_leaves_no_trace(path, hash, directory.path() + "/copy");
}

TEST(ReadOnly, AReaderBesideAWriterSeesAStateOfTheWriter) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  auto database = must(Database::open(path));
  auto table = must(database.create_table("t", vector_schema(2)));
  OpenOptions options;
  options.read_only = true;
  for (int64_t i = 0; i < 20; ++i) {
    const uint64_t before = must(table.insert(OwnedBatch(table.schema(), {{i, Floats{1, 2}}}).view()));
    EXPECT_EQ(before, 1U);
    auto reader = must(Database::open(path, options));
    EXPECT_EQ(must(must(reader.table("t")).count()), static_cast<uint64_t>(i + 1));
    if (i % 5 == 0) must(database.checkpoint());
    EXPECT_EQ(base::message_of(reader.close()), "");
  }
}

}  // namespace
}  // namespace omendb::test
