// What the four doors promise, one sentence at a time.

#include "engine/storage/store.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/base/try.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/recording_file.h"
#include "engine/os/temporary_directory.h"
#include "engine/storage/file_names.h"
#include "engine/storage/log_format.h"
#include "engine/storage/script_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace omendb::storage {
namespace {

using base::code_of;
using base::message_of;
using base::must;
constexpr ArrayId kColumn{0x100000101};
constexpr ArrayId kVectors{0x100000201};
constexpr ArrayId kBlocks{0x100000305};

void append(AppendArray& array, const Bytes& bytes) {
  must(array.reserve(bytes.size()));
  must(array.append(bytes));
}

Bytes content(const AppendArray& array) {
  const auto mapping = array.mapping();
  return Bytes(mapping->data(), mapping->data() + array.size_bytes());
}

void commit(Log& log, const std::vector<Bytes>& records) {
  std::vector<std::span<const std::byte>> pieces(records.begin(), records.end());
  std::vector<LogRecord> parts;
  uint64_t size_bytes = 0;
  for (const auto& piece : pieces) {
    parts.push_back({7, std::span(&piece, 1)});
    size_bytes += piece.size();
  }
  must(log.reserve(size_bytes, parts.size()));
  const CommitNumber number{log.last_appended().value + 1};
  must(log.append(number, 1000 + number.value, parts));
  must(log.wait_durable(number));
}

struct Replayed {
  std::vector<Bytes> records;
  std::vector<uint64_t> commits;
};

Result<Replayed> replay(Store& store) {
  Replayed replayed;
  ReplayVisitor visitor;
  visitor.record = [&](uint8_t kind, std::span<const std::byte> payload) {
    EXPECT_EQ(kind, 7);
    replayed.records.emplace_back(payload.begin(), payload.end());
    return Result<void>();
  };
  visitor.commit = [&](CommitNumber number, uint64_t wall_micros) {
    EXPECT_EQ(wall_micros, 1000 + number.value);
    replayed.commits.push_back(number.value);
    return Result<void>();
  };
  TRY_OK(store.log().replay(visitor));
  return replayed;
}

std::unique_ptr<Store> open(const std::shared_ptr<os::Directory>& directory, StoreOptions options = {}) {
  auto store = must(Store::open(directory, options));
  return store;
}

std::unique_ptr<Store> open_and_replay(const std::shared_ptr<os::Directory>& directory, StoreOptions options = {}) {
  auto store = open(directory, options);
  must(replay(*store));
  return store;
}

TEST(Store, IsEmptyWhenNew) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open_and_replay(directory);
  EXPECT_TRUE(store->metadata().empty());
  EXPECT_EQ(store->checkpointed_commit(), CommitNumber{0});
  EXPECT_TRUE(store->arrays().empty());
  must(store->check());
}

TEST(Store, KeepsWhatACheckpointPublished) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const Bytes column = random_bytes(1, 200'001);
  const Bytes vectors = random_bytes(2, 300'007);
  const Bytes blocks = random_bytes(3, 3 * kExtentBytes + 5);
  const Bytes metadata = random_bytes(4, 77);
  uint64_t uuid = 0;
  {
    const auto store = open_and_replay(directory);
    uuid = store->database_uuid_low();
    append(*must(store->append_array(kColumn, SpaceKind::kShared)), column);
    append(*must(store->append_array(kVectors, SpaceKind::kOwn)), vectors);
    commit(store->log(), {random_bytes(5, 10)});
    const auto checkpoint = must(store->begin_checkpoint());
    EXPECT_EQ(checkpoint->commit(), CommitNumber{1});
    must(checkpoint->write(kBlocks, 0, blocks));
    checkpoint->set_array_bytes(kBlocks, blocks.size());
    checkpoint->set_metadata(metadata);
    must(checkpoint->publish());
    must(store->check());
    must(store->close());
  }
  const auto store = open(directory);
  EXPECT_TRUE(must(replay(*store)).commits.empty());
  EXPECT_EQ(store->database_uuid_low(), uuid);
  EXPECT_EQ(store->checkpointed_commit(), CommitNumber{1});
  EXPECT_EQ(Bytes(store->metadata().begin(), store->metadata().end()), metadata);
  EXPECT_EQ(store->arrays(), (std::vector<ArrayId>{kColumn, kVectors, kBlocks}));
  EXPECT_EQ(content(*must(store->append_array(kColumn, SpaceKind::kShared))), column);
  EXPECT_EQ(content(*must(store->append_array(kVectors, SpaceKind::kOwn))), vectors);
  Bytes read(store->array_bytes(kBlocks));
  must(store->read(kBlocks, 0, read));
  EXPECT_EQ(read, blocks);
  Bytes part(kExtentBytes + 9);
  must(store->read(kBlocks, kExtentBytes, part));
  EXPECT_TRUE(std::equal(part.begin(), part.end(), blocks.begin() + kExtentBytes));
  must(store->check());
}

TEST(Store, ReplaysWhatNoCheckpointCovered) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  {
    const auto store = open_and_replay(directory);
    commit(store->log(), {random_bytes(1, 10), random_bytes(2, 100'000), Bytes()});
    const auto checkpoint = must(store->begin_checkpoint());
    must(checkpoint->publish());
    commit(store->log(), {random_bytes(3, 13)});
    commit(store->log(), {});
  }
  const auto store = open(directory);
  const Replayed replayed = must(replay(*store));
  EXPECT_EQ(replayed.records, std::vector<Bytes>{random_bytes(3, 13)});
  EXPECT_EQ(replayed.commits, (std::vector<uint64_t>{2, 3}));
  EXPECT_EQ(store->log().last_durable(), CommitNumber{3});
  commit(store->log(), {random_bytes(4, 1)});
  must(store->check());
}

// --- append arrays ---

TEST(AppendArrays, KeepTheirAddressesWhileAMappingIsHeld) {
  const auto store = open_and_replay(os::memory_directory("db"));
  for (const auto& [id, space] : {std::pair(kColumn, SpaceKind::kShared), std::pair(kVectors, SpaceKind::kOwn)}) {
    const auto array = must(store->append_array(id, space));
    Bytes expected;
    std::vector<std::pair<std::shared_ptr<const Mapping>, size_t>> held;
    for (uint64_t i = 1; i < 60; ++i) {
      const Bytes piece = random_bytes(i, static_cast<size_t>(i * i * 40));
      append(*array, piece);
      expected.insert(expected.end(), piece.begin(), piece.end());
      held.emplace_back(array->mapping(), expected.size());
    }
    for (const auto& [mapping, size] : held) ASSERT_EQ(std::memcmp(mapping->data(), expected.data(), size), 0);
  }
  must(store->check());
}

TEST(AppendArrays, TakeBackWhatWasNotCommitted) {
  const auto store = open_and_replay(os::memory_directory("db"));
  const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  append(*array, random_bytes(1, 100));
  append(*array, random_bytes(2, 90'000));
  array->truncate(100);
  append(*array, random_bytes(3, 70'000));
  Bytes expected = random_bytes(1, 100);
  const Bytes rest = random_bytes(3, 70'000);
  expected.insert(expected.end(), rest.begin(), rest.end());
  EXPECT_EQ(content(*array), expected);
}

TEST(AppendArrays, RefuseWhatWasNotReserved) {
  const auto store = open_and_replay(os::memory_directory("db"));
  const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  EXPECT_EQ(code_of(array->append(random_bytes(1, 1))), ErrorCode::kInternal);
  EXPECT_EQ(array->size_bytes(), 0U);
}

TEST(AppendArrays, AreReadByOthersWhileTheyGrow) {
  const auto store = open_and_replay(os::memory_directory("db"));
  const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  std::mutex mutex;
  std::pair<std::shared_ptr<const Mapping>, size_t> published;
  std::atomic<bool> done{false};
  std::atomic<size_t> wrong{0};
  std::thread reader([&] {
    while (!done) {
      std::pair<std::shared_ptr<const Mapping>, size_t> seen;
      {
        const std::lock_guard guard(mutex);
        seen = published;
      }
      for (size_t i = 0; i < seen.second; i += 4096 / 8) {
        if (seen.first->data()[i] != static_cast<std::byte>(i * 31)) ++wrong;
      }
    }
  });
  size_t size = 0;
  for (int round = 0; round < 200; ++round) {
    Bytes piece(4096);
    for (size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<std::byte>((size + i) * 31);
    append(*array, piece);
    size += piece.size();
    const std::lock_guard guard(mutex);
    published = {array->mapping(), size};
  }
  done = true;
  reader.join();
  EXPECT_EQ(wrong, 0U);
}

// --- space ---

uint64_t disk_bytes(const std::shared_ptr<os::Directory>& directory) {
  uint64_t total = 0;
  for (const std::string& name : must(directory->list()))
    total += must(must(directory->open(name, os::OpenMode::kReadOnly))->allocated_bytes());
  return total;
}

TEST(Space, ASmallDatabaseIsSmallOnDisk) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  const auto store = open_and_replay(directory);
  for (uint64_t column = 0; column < 12; ++column)
    append(*must(store->append_array({column + 1}, SpaceKind::kShared)), random_bytes(column, 800));
  commit(store->log(), {random_bytes(1, 12 * 800)});
  EXPECT_LT(disk_bytes(directory), 256U << 10);
  const auto checkpoint = must(store->begin_checkpoint());
  must(checkpoint->publish());
  EXPECT_LT(disk_bytes(directory), 256U << 10);
  must(store->close());
  EXPECT_LT(disk_bytes(directory), 128U << 10);
}

TEST(Space, AFileOfItsOwnIsAsLongAsItsBytesAfterClose) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  const uint64_t size_bytes = 20'000'001;
  {
    const auto store = open_and_replay(directory);
    const auto array = must(store->append_array(kVectors, SpaceKind::kOwn));
    for (uint64_t done = 0; done < size_bytes;) {
      const uint64_t piece = std::min<uint64_t>(512'000, size_bytes - done);
      append(*array, random_bytes(done, static_cast<size_t>(piece)));
      done += piece;
    }
    const auto checkpoint = must(store->begin_checkpoint());
    must(checkpoint->publish());
    must(store->close());
  }
  const auto size_of = [&](std::string_view name) {
    return must(must(directory->open(name, os::OpenMode::kReadOnly))->size_bytes());
  };
  EXPECT_EQ(size_of(own_space_name(kVectors.value)), size_bytes);
  EXPECT_LE(static_cast<double>(size_bytes + size_of(kRootName)), 1.0001 * static_cast<double>(size_bytes));
  const auto store = open_and_replay(directory, {.threads = 2});
  append(*must(store->append_array(kVectors, SpaceKind::kOwn)), random_bytes(1, 5000));
  must(store->check());
}

TEST(Space, OfChangedBlocksIsUsedAgain) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open_and_replay(directory);
  uint64_t after_two = 0;
  for (uint64_t round = 0; round < 20; ++round) {
    const auto checkpoint = must(store->begin_checkpoint());
    must(checkpoint->write(kBlocks, 0, random_bytes(round, 10 * kExtentBytes)));
    checkpoint->set_array_bytes(kBlocks, 10 * kExtentBytes);
    must(checkpoint->publish());
    if (round == 1) after_two = store->disk_usage().total;
  }
  EXPECT_EQ(store->disk_usage().total, after_two);
  must(store->check());
}

TEST(Space, ThatIsFreeGoesBackToTheFileSystemWhereItIsMuch) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  const auto store = open_and_replay(directory);
  append(*must(store->append_array(kColumn, SpaceKind::kShared)), random_bytes(1, 100 * kExtentBytes));
  const auto checkpoint_with = [&](uint64_t blocks_seed, size_t extents) {
    const auto checkpoint = must(store->begin_checkpoint());
    must(checkpoint->write(kBlocks, 0, random_bytes(blocks_seed, extents * kExtentBytes)));
    checkpoint->set_array_bytes(kBlocks, extents * kExtentBytes);
    must(checkpoint->publish());
  };
  for (uint64_t i = 0; i < 5; ++i) checkpoint_with(i, 200);
  const uint64_t large = store->disk_usage().total;
  EXPECT_LE(large, (300 + 200 + 30) * kExtentBytes);
  for (uint64_t i = 5; i < 7; ++i) checkpoint_with(i, 10);
  EXPECT_LE(store->disk_usage().total, (110 * 3 / 2 + 30) * kExtentBytes);
  must(store->check());
  checkpoint_with(7, 200);
  Bytes read(200 * kExtentBytes);
  must(store->read(kBlocks, 0, read));
  EXPECT_EQ(read, random_bytes(7, read.size()));
  must(store->check());
}

TEST(Space, OfADroppedArrayIsFreeWhenNobodyReadsItAnyMore) {
  const auto store = open_and_replay(os::memory_directory("db"));
  const auto drop_column = [&] {
    const auto checkpoint = must(store->begin_checkpoint());
    checkpoint->drop_array(kColumn);
    must(checkpoint->publish());
  };
  const Bytes bytes = random_bytes(1, 300'000);
  auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  append(*array, bytes);
  must(must(store->begin_checkpoint())->publish());
  auto held = array->mapping();
  drop_column();
  EXPECT_EQ(code_of(array->reserve(1)), ErrorCode::kClosed);
  EXPECT_EQ(store->disk_usage().free_extents, 0U);
  append(*must(store->append_array({9}, SpaceKind::kShared)), random_bytes(2, 600'000));
  EXPECT_EQ(std::memcmp(held->data(), bytes.data(), bytes.size()), 0);
  held.reset();
  must(must(store->begin_checkpoint())->publish());
  EXPECT_GE(store->disk_usage().free_extents, 300'000U);
  must(store->check());
}

TEST(Space, OfAnArrayThatIsDroppedBeforeAnyRootKnowsItIsFreeToo) {
  const auto store = open_and_replay(os::memory_directory("db"));
  append(*must(store->append_array(kColumn, SpaceKind::kShared)), random_bytes(1, 300'000));
  EXPECT_EQ(store->arrays(), (std::vector<ArrayId>{kColumn}));
  {
    const auto checkpoint = must(store->begin_checkpoint());
    checkpoint->drop_array(kColumn);
    must(checkpoint->publish());
  }
  EXPECT_TRUE(store->arrays().empty());
  must(must(store->begin_checkpoint())->publish());
  EXPECT_GE(store->disk_usage().free_extents, 300'000U);
  must(store->check());
}

// --- checkpoints ---

TEST(Checkpoints, ThatAreGivenUpChangeNothing) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open_and_replay(directory);
  append(*must(store->append_array(kColumn, SpaceKind::kShared)), random_bytes(1, 5000));
  must(must(store->begin_checkpoint())->publish());
  commit(store->log(), {random_bytes(2, 20)});
  {
    const auto checkpoint = must(store->begin_checkpoint());
    EXPECT_EQ(code_of(store->begin_checkpoint()), ErrorCode::kConflict);
    must(checkpoint->write(kBlocks, 0, random_bytes(3, 100)));
    checkpoint->set_array_bytes(kBlocks, 100);
    checkpoint->drop_array(kColumn);
    checkpoint->set_metadata(random_bytes(4, 4));
  }
  EXPECT_EQ(store->array_bytes(kBlocks), 0U);
  EXPECT_EQ(store->array_bytes(kColumn), 5000U);
  EXPECT_TRUE(store->metadata().empty());
  must(store->check());
}

TEST(Checkpoints, KeepBlocksThatWereNotWrittenAgain) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open_and_replay(directory);
  Bytes blocks = random_bytes(1, 5 * kExtentBytes + 100);
  auto checkpoint = must(store->begin_checkpoint());
  must(checkpoint->write(kBlocks, 0, blocks));
  checkpoint->set_array_bytes(kBlocks, blocks.size());
  must(checkpoint->publish());
  checkpoint.reset();

  checkpoint = must(store->begin_checkpoint());
  const Bytes second = random_bytes(2, kExtentBytes);
  std::copy(second.begin(), second.end(), blocks.begin() + 2 * kExtentBytes);
  must(checkpoint->write(kBlocks, 2 * kExtentBytes, random_bytes(9, kExtentBytes)));
  must(checkpoint->write(kBlocks, 2 * kExtentBytes, second));  // the last word counts
  blocks.resize(4 * kExtentBytes + 7);
  checkpoint->set_array_bytes(kBlocks, blocks.size());  // shorter, inside an extent that stays
  must(checkpoint->publish());
  checkpoint.reset();

  Bytes read(blocks.size());
  must(store->read(kBlocks, 0, read));
  EXPECT_EQ(read, blocks);
  must(store->check());
  Bytes too_long(blocks.size() + 1);
  EXPECT_EQ(code_of(store->read(kBlocks, 0, too_long)), ErrorCode::kCorruption);
}

TEST(Checkpoints, RefuseAnArrayWithAHole) {
  const auto store = open_and_replay(os::memory_directory("db"));
  const auto checkpoint = must(store->begin_checkpoint());
  must(checkpoint->write(kBlocks, kExtentBytes, random_bytes(1, 10)));
  checkpoint->set_array_bytes(kBlocks, kExtentBytes + 10);
  EXPECT_EQ(code_of(checkpoint->publish()), ErrorCode::kInternal);
}

TEST(Checkpoints, RunBesideCommits) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const uint64_t rounds = base::scaled(300);
  uint64_t last = 0;
  {
    const auto store = open_and_replay(directory);
    const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
    std::mutex statement;  // what keeps commits away for the moment of begin_checkpoint
    std::atomic<bool> done{false};
    std::thread checkpointer([&] {
      while (!done) {
        std::unique_ptr<Checkpoint> checkpoint;
        {
          const std::lock_guard guard(statement);
          checkpoint = must(store->begin_checkpoint());
        }
        must(checkpoint->write(kBlocks, 0, random_bytes(checkpoint->commit().value, 70'000)));
        checkpoint->set_array_bytes(kBlocks, 70'000);
        must(checkpoint->publish());
      }
    });
    for (uint64_t i = 1; i <= rounds; ++i) {
      const std::lock_guard guard(statement);
      append(*array, random_bytes(i, 1000));
      commit(store->log(), {random_bytes(i, 1000)});
      last = store->log().last_durable().value;
    }
    done = true;
    checkpointer.join();
    must(store->check());
  }
  const auto store = open(directory);
  const Replayed replayed = must(replay(*store));
  EXPECT_EQ(store->checkpointed_commit().value + replayed.commits.size(), last);
  const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  for (const Bytes& record : replayed.records) append(*array, record);
  ASSERT_EQ(array->size_bytes(), rounds * 1000);
  for (uint64_t i = 1; i <= rounds; ++i) {
    const Bytes expected = random_bytes(i, 1000);
    ASSERT_EQ(std::memcmp(array->mapping()->data() + (i - 1) * 1000, expected.data(), 1000), 0);
  }
}

// --- the log ---

TEST(LogCommits, ThatWereWrittenBeforeASyncNeedNoOther) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open_and_replay(directory);
  for (uint64_t number = 1; number <= 4; ++number) must(store->log().append({number}, 1000 + number, {}));
  must(store->log().wait_durable({2}));
  const size_t after_sync = directory->operation_count();
  for (uint64_t number = 1; number <= 4; ++number) must(store->log().wait_durable({number}));
  EXPECT_EQ(directory->operation_count(), after_sync);
}

TEST(LogCommits, OfManyThreadsAreAllDurableWhenTheirWaitReturns) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open_and_replay(directory);
  std::mutex statement;
  std::vector<std::thread> threads;
  const size_t per_thread = base::scaled(200);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t i = 0; i < per_thread; ++i) {
        CommitNumber number;
        {
          const std::lock_guard guard(statement);
          number = {store->log().last_appended().value + 1};
          must(store->log().reserve(0, 0));
          must(store->log().append(number, 1000 + number.value, {}));
        }
        must(store->log().wait_durable(number));
        EXPECT_GE(store->log().last_durable(), number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store->log().last_durable().value, 4 * per_thread);
  must(store->check());
}

TEST(LogCommits, InRelaxedModeAreDurableByTheNextCheckpoint) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open_and_replay(directory, {.sync_commits = false});
  const size_t before = directory->operation_count();
  commit(store->log(), {random_bytes(1, 100)});
  EXPECT_EQ(store->log().last_durable(), CommitNumber{0});
  EXPECT_EQ(directory->operation_count(), before + 1) << "one write and no sync";
  must(must(store->begin_checkpoint())->publish());
  EXPECT_EQ(store->log().last_durable(), CommitNumber{1});
}

TEST(LogCommits, AreRefusedForEverAfterAFailedSync) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open_and_replay(directory);
  commit(store->log(), {random_bytes(1, 100)});
  directory->inject({.nth = 1, .kinds = {os::OperationKind::kSync}});
  must(store->log().reserve(0, 0));
  must(store->log().append({2}, 1002, {}));
  EXPECT_EQ(code_of(store->log().wait_durable({2})), ErrorCode::kIo);
  EXPECT_TRUE(store->log().poisoned());
  EXPECT_EQ(code_of(store->log().wait_durable({2})), ErrorCode::kIo);
  must(store->log().wait_durable({1}));
  EXPECT_EQ(code_of(store->log().append({3}, 1003, {})), ErrorCode::kIo);
  EXPECT_EQ(code_of(store->begin_checkpoint()), ErrorCode::kIo);
  EXPECT_NE(message_of(store->log().reserve(1, 1)).find("injected fault"), std::string::npos)
      << "the first cause is named";
  must(store->close());
}

TEST(LogCommits, OnAFullDiskAreRefusedAndGoOnWhenThereIsSpace) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open_and_replay(directory);
  const auto array = must(store->append_array(kColumn, SpaceKind::kShared));
  append(*array, random_bytes(1, 3000));
  commit(store->log(), {random_bytes(1, 3000)});
  directory->inject({.nth = 1,
                     .kinds = os::space_taking_operations(),
                     .code = ErrorCode::kStorageFull,
                     .duration = os::FaultDuration::kSticky});
  EXPECT_EQ(code_of(array->reserve(1 << 20)), ErrorCode::kStorageFull);
  EXPECT_EQ(code_of(store->log().reserve(1 << 20, 1)), ErrorCode::kStorageFull);
  EXPECT_EQ(code_of(store->begin_checkpoint()), ErrorCode::kStorageFull);
  EXPECT_FALSE(store->log().poisoned());
  EXPECT_EQ(content(*array), random_bytes(1, 3000));
  directory->clear_fault();
  append(*array, random_bytes(2, 1 << 20));
  commit(store->log(), {random_bytes(2, 1 << 20)});
  must(must(store->begin_checkpoint())->publish());
  must(store->check());
}

TEST(LogCommits, AreNumberedWithoutGaps) {
  const auto store = open_and_replay(os::memory_directory("db"));
  EXPECT_EQ(code_of(store->log().append({2}, 0, {})), ErrorCode::kInternal);
  EXPECT_EQ(code_of(store->log().wait_durable({1})), ErrorCode::kInternal);
  commit(store->log(), {});
}

TEST(LogCommits, ThatWereTornAreCutOffForGood) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  uint64_t after_two = 0;
  {
    const auto store = open_and_replay(directory);
    commit(store->log(), {random_bytes(1, 100)});
    commit(store->log(), {random_bytes(2, 100)});
    after_two = kSegmentHeaderBytes + store->log().bytes_since_checkpoint();
    must(store->log().append({3}, 1003, {}));  // never waited for: the durable mark of commit 2 is the last proof
  }
  {
    const auto file = must(directory->open("log-1", os::OpenMode::kMustExist));
    std::byte torn{};
    must(file->read_at(std::span(&torn, 1), after_two + 3));
    torn = ~torn;                                              // another one than was there, whatever that was
    must(file->write_at(std::span(&torn, 1), after_two + 3));  // tears commit 3
  }
  for (int i = 0; i < 2; ++i) {
    const auto store = open(directory);
    EXPECT_EQ(must(replay(*store)).commits, (std::vector<uint64_t>{1, 2}));
  }
  const auto contents = must(os::snapshot_contents(*directory));
  const Bytes& log = contents.at("log-1");
  EXPECT_TRUE(std::all_of(log.begin() + static_cast<ptrdiff_t>(after_two), log.end(),
                          [](std::byte value) { return value == std::byte{0}; }));
}

// --- opening ---

TEST(Opening, RefusesADirectoryOfSomebodyElse) {
  for (const char* name : {"notes.txt", "root.bak", "log-x"}) {
    const std::shared_ptr<os::Directory> directory =
        must(os::memory_directory_from("home", {{name, random_bytes(1, 10)}}));
    const auto opened = Store::open(directory, {});
    EXPECT_EQ(code_of(opened), ErrorCode::kUnsupportedFormat);
    EXPECT_NE(message_of(opened).find(name), std::string::npos);
    EXPECT_EQ(must(directory->list()), std::vector<std::string>{name});
  }
  EXPECT_EQ(code_of(Store::open(must(os::memory_directory_from("home", {{"root", random_bytes(1, 500)}})), {})),
            ErrorCode::kUnsupportedFormat);
}

TEST(Opening, IgnoresFilesThatItDoesNotKnowBesideADatabase) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  { commit(open_and_replay(directory)->log(), {random_bytes(1, 3)}); }
  for (const char* name : {"notes.txt", "root.new", "vectors-1", "log-0007", ".hidden"})
    must(must(directory->open(name, os::OpenMode::kCreate))->write_at(random_bytes(1, 9), 0));
  const auto store = open(directory);
  EXPECT_EQ(must(replay(*store)).commits.size(), 1U);
  must(must(store->begin_checkpoint())->publish());
  EXPECT_EQ(must(os::snapshot_contents(*directory)).at("notes.txt"), random_bytes(1, 9));
  EXPECT_TRUE(must(os::snapshot_contents(*directory)).contains("vectors-1"));
}

TEST(Opening, ReadOnlyNeedsADatabase) {
  EXPECT_EQ(code_of(Store::open(os::memory_directory("db"), {.read_only = true})), ErrorCode::kNotFound);
}

TEST(Opening, ExcludesASecondWriterUntilClose) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open_and_replay(directory);
  EXPECT_EQ(code_of(Store::open(directory, {})), ErrorCode::kLocked);
  must(store->close());
  must(store->close());
  EXPECT_EQ(code_of(store->log().append({1}, 0, {})), ErrorCode::kClosed);
  EXPECT_EQ(code_of(store->append_array(kColumn, SpaceKind::kShared)), ErrorCode::kClosed);
  EXPECT_EQ(code_of(store->begin_checkpoint()), ErrorCode::kClosed);
  must(Store::open(directory, {}));
}

// --- backup ---

TEST(Backups, HoldTheRootWhileTheWriterGoesOn) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const uint64_t seed = 5;
  const auto client = must(ScriptClient::open(directory, seed));
  for (int i = 0; i < 30; ++i) must(client->commit());
  must(client->checkpoint());
  const uint64_t backed_up = client->last_commit();
  const std::shared_ptr<os::Directory> target = os::memory_directory("copy");
  std::atomic<bool> done{false};
  std::thread writer([&] {
    while (!done) must(client->commit());
  });
  must(client->store().backup(*target));
  done = true;
  writer.join();
  const auto copy = must(ScriptClient::open(target, seed));
  EXPECT_EQ(copy->last_commit(), backed_up);
  EXPECT_EQ(copy->state(), ScriptState::after(seed, backed_up));
  must(copy->commit());
  must(copy->checkpoint());
  must(copy->store().check());
  EXPECT_EQ(code_of(client->store().backup(*target)), ErrorCode::kConflict);
  EXPECT_EQ(client->state(), ScriptState::after(seed, client->last_commit()));
  must(client->store().check());
}

TEST(Backups, OfAReadOnlyStoreTakeTheLogAlong) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const uint64_t seed = 9;
  auto client = must(ScriptClient::open(directory, seed));
  for (int i = 0; i < 10; ++i) must(client->commit());
  must(client->checkpoint());
  for (int i = 0; i < 5; ++i) must(client->commit());
  static_cast<void>(must(client->store().begin_checkpoint()));  // a second segment
  for (int i = 0; i < 5; ++i) must(client->commit());
  const ScriptState state = client->state();
  client.reset();
  const std::shared_ptr<os::Directory> target = os::memory_directory("copy");
  must(must(ScriptClient::open(directory, seed, {.read_only = true}))->store().backup(*target));
  const auto copy = must(ScriptClient::open(target, seed));
  EXPECT_EQ(copy->state(), state);
  must(copy->commit());
  must(copy->store().check());
}

TEST(Backups, AreRepeatedCopiesOfOneRootByteForByte) {
  const auto client = must(ScriptClient::open(os::memory_directory("db"), 3));
  for (int i = 0; i < 20; ++i) must(client->commit());
  must(client->checkpoint());
  const auto first = os::memory_directory("first");
  const auto second = os::memory_directory("second");
  must(client->store().backup(*first));
  for (int i = 0; i < 5; ++i) must(client->commit());
  must(client->store().backup(*second));
  EXPECT_EQ(must(os::snapshot_contents(*first)), must(os::snapshot_contents(*second)));
}

}  // namespace
}  // namespace omendb::storage
