// A disk that is full: a clear error at the statement, reads go on, and freeing space is enough to go on writing.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/os/loop_file_system.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"
#include "tests/search_oracle.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <sys/resource.h>

namespace omendb::test {
namespace {

using base::must;

constexpr uint32_t kDims = 64;

class FilledTable {
 public:
  explicit FilledTable(const std::string& path)
      : path_(path),
        database_(must(Database::open(path))),
        table_(must(database_.create_table("t", vector_schema(kDims)))) {
    model_["t"].schema = table_.schema();
  }

  // Inserts until the disk refuses; everything before is acknowledged.
  void fill_up() {
    for (size_t batch = 0; batch < 2000; ++batch) {
      const auto result = insert_batch();
      if (result.ok()) continue;
      ASSERT_EQ(result.error().code, ErrorCode::kStorageFull) << result.error().message;
      return;
    }
    FAIL() << "the disk never became full";
  }

  Result<uint64_t> insert_batch() {
    Statement statement{StatementKind::kInsert, "t", {}, {}, {}};
    for (int64_t i = 0; i < 50; ++i) statement.rows.push_back(random_row(table_.schema(), next_key_ + i, random_));
    auto result = perform(database_, statement);
    if (result.ok()) {
      perform(model_, statement);
      next_key_ += 50;
    }
    return result;
  }

  Result<uint64_t> erase_some() {
    Statement statement{StatementKind::kErase, "t", {}, {}, {Value(int64_t{1}), Value(int64_t{2})}};
    auto result = perform(database_, statement);
    if (result.ok()) perform(model_, statement);
    return result;
  }

  void expect_readable() {
    ASSERT_EQ(difference(model_, read_all(database_)), "");
    const Floats query(kDims, 0.1F);
    const Hits hits = must(table_.search({.vectors = query, .k = 10, .exact = true}));
    ASSERT_EQ(search_fault(model_.at("t"), 1, query, 10, keys_of(hits.keys, 0, hits.rows.size()), hits.distances), "");
    ASSERT_EQ(must(table_.search({.vectors = query, .k = 10})).rows.size(), 10U);
    ASSERT_EQ(base::message_of(database_.check()), "");
  }

  // On a disk that may still be full: closing may say so, but nothing is lost.
  void close_and_reopen(bool space_is_left) {
    const auto closed = database_.close();
    const bool as_expected = closed.ok() || (!space_is_left && closed.error().code == ErrorCode::kStorageFull);
    EXPECT_TRUE(as_expected) << base::message_of(closed);
    database_ = must(Database::open(path_));
    table_ = must(database_.table("t"));
  }

  size_t row_count() const { return model_.at("t").rows.size(); }

 private:
  std::string path_;
  Database database_;
  Table table_;
  DatabaseModel model_;
  base::Random random_{8};
  int64_t next_key_ = 0;
};

TEST(DiskFull, OnASmallFileSystemReadsGoOnAndFreedSpaceIsEnough) {
  const auto disk = os::LoopFileSystem::mount("ext4", 16ULL << 20);
  if (!disk.ok()) GTEST_SKIP() << disk.error().message;
  const std::string filler = (*disk)->path() + "/filler";
  std::ofstream(filler, std::ios::binary) << std::string(6 << 20, 'x');
  FilledTable table((*disk)->path() + "/db");
  ASSERT_NO_FATAL_FAILURE(table.fill_up());
  ASSERT_NO_FATAL_FAILURE(table.expect_readable());
  std::printf("full after %zu rows of %u floats\n", table.row_count(), kDims);
  EXPECT_EQ(base::code_of(table.insert_batch()), ErrorCode::kStorageFull) << "it stays full";
  std::filesystem::remove(filler);
  EXPECT_EQ(base::message_of(table.insert_batch()), "") << "freed space is enough, without reopening";
  EXPECT_EQ(base::message_of(table.erase_some()), "");
  ASSERT_NO_FATAL_FAILURE(table.expect_readable());
  ASSERT_NO_FATAL_FAILURE(table.close_and_reopen(true));
  ASSERT_NO_FATAL_FAILURE(table.expect_readable());
  ASSERT_NO_FATAL_FAILURE(table.fill_up());
  ASSERT_NO_FATAL_FAILURE(table.close_and_reopen(false));
  ASSERT_NO_FATAL_FAILURE(table.expect_readable());
  ASSERT_NO_FATAL_FAILURE(table.close_and_reopen(false));
  ASSERT_NO_FATAL_FAILURE(table.expect_readable());
}

// Where mounting is not allowed: no file may grow beyond a limit.
TEST(DiskFull, BehindALimitOnFileSizesTheSameHolds) {
  const os::TemporaryDirectory directory;
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  {
    FilledTable table(directory.path() + "/db");
    const rlimit small{4ULL << 20, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    table.fill_up();
    if (!HasFailure()) table.expect_readable();
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_EQ(base::message_of(table.insert_batch()), "");
    ASSERT_NO_FATAL_FAILURE(table.close_and_reopen(true));
    ASSERT_NO_FATAL_FAILURE(table.expect_readable());
  }
  std::signal(SIGXFSZ, handler);
}

}  // namespace
}  // namespace omendb::test
