#include "engine/os/recording_file.h"

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/base/try.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/temporary_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omendb::os {
namespace {

using base::as_bytes;
using base::code_of;
using base::must;
using Contents = std::map<std::string, std::vector<std::byte>>;

using Step = std::function<Result<void>(Directory&)>;

Result<void> on_file(Directory& directory, const std::string& name, const std::function<Result<void>(File&)>& change) {
  TRY(file, directory.open(name, OpenMode::kMustExist));
  return change(*file);
}

// One changing operation each, of every kind; each does something even if one before it did not happen, or fails with
// kNotFound.
const std::vector<Step>& script() {
  static const std::vector<Step> steps = {
      [](Directory& d) -> Result<void> {
        TRY(file, d.open("a", OpenMode::kCreate));
        return {};
      },
      [](Directory& d) { return on_file(d, "a", [](File& f) { return f.allocate(0, 9000); }); },
      [](Directory& d) { return on_file(d, "a", [](File& f) { return f.write_at(as_bytes("abcdefgh"), 4090); }); },
      [](Directory& d) { return on_file(d, "a", [](File& f) { return f.sync(); }); },
      [](Directory& d) { return d.sync(); },
      [](Directory& d) -> Result<void> {
        TRY(file, d.open("b", OpenMode::kCreateNew));
        return {};
      },
      [](Directory& d) { return on_file(d, "b", [](File& f) { return f.write_at(as_bytes("bbbb"), 2); }); },
      [](Directory& d) { return d.rename("b", "c"); },
      [](Directory& d) { return on_file(d, "a", [](File& f) { return f.release(4096, 4096); }); },
      [](Directory& d) { return on_file(d, "a", [](File& f) { return f.truncate(4100); }); },
      [](Directory& d) { return d.remove("old"); },
  };
  return steps;
}

std::unique_ptr<RecordingDirectory> recording_with_an_old_file() {
  std::shared_ptr<Directory> base = must(memory_directory_from("m", {{"old", {std::byte{1}}}}));
  return must(RecordingDirectory::wrap(std::move(base)));
}

TEST(RecordingDirectory, WritesDownEveryChangeInOrder) {
  const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
  for (const Step& step : script()) must(step(*directory));
  must(must(directory->open("a", OpenMode::kReadOnly))->size_bytes());
  std::vector<std::string> lines;
  const OperationLog log = directory->log();
  for (const Operation& operation : log.operations) {
    lines.push_back(std::string(to_string(operation.kind)) + " " + std::to_string(operation.file) + " " +
                    operation.name + ">" + operation.to + " " + std::to_string(operation.offset) + "+" +
                    std::to_string(operation.length) + " " + std::to_string(operation.bytes.size()));
  }
  EXPECT_EQ(lines, (std::vector<std::string>{"create 1 a> 0+0 0", "allocate 1 > 0+9000 0", "write 1 > 4090+8 8",
                                             "sync 1 > 0+0 0", "sync directory 0 > 0+0 0", "create 2 b> 0+0 0",
                                             "write 2 > 2+4 4", "rename 2 b>c 0+0 0", "release 1 > 4096+4096 0",
                                             "truncate 1 > 0+4100 0", "remove 0 old> 0+0 0"}));
  ASSERT_EQ(log.initial_files.size(), 1U);
  EXPECT_EQ(log.initial_files[0].name, "old");
  EXPECT_EQ(directory->operation_count(), lines.size());
}

// Runs the script with the fault and goes on after it, as a caller with alternatives would. Returns how many steps
// failed.
size_t run_script(RecordingDirectory& directory) {
  size_t failed_count = 0;
  for (const Step& step : script()) failed_count += step(directory).ok() ? 0U : 1U;
  return failed_count;
}

Contents contents_without_step(size_t left_out) {
  const std::unique_ptr<Directory> plain = must(memory_directory_from("m", {{"old", {std::byte{1}}}}));
  for (size_t index = 0; index < script().size(); ++index) {
    if (index == left_out) continue;
    const Result<void> outcome = script()[index](*plain);
    EXPECT_TRUE(outcome.ok() || outcome.error().code == ErrorCode::kNotFound) << outcome.error().message;
  }
  return must(snapshot_contents(*plain));
}

TEST(RecordingDirectory, FailsTheNthOperationAndOnlyThat) {
  for (size_t nth = 1;; ++nth) {
    SCOPED_TRACE("nth " + std::to_string(nth));
    const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
    directory->inject({.nth = nth, .kinds = {}, .code = ErrorCode::kStorageFull});
    Result<void> outcome;
    size_t step = 0;
    for (; step < script().size(); ++step) {
      outcome = script()[step](*directory);
      if (!outcome.ok()) break;
    }
    if (!directory->fault_reached()) {
      EXPECT_EQ(nth, script().size() + 1) << "every step is one operation, and each was reached";
      return;
    }
    EXPECT_EQ(step, nth - 1);
    EXPECT_EQ(code_of(outcome), ErrorCode::kStorageFull);
    EXPECT_NE(outcome.error().message.find("injected fault"), std::string::npos);
    for (++step; step < script().size(); ++step) {
      const Result<void> later = script()[step](*directory);
      EXPECT_TRUE(later.ok() || later.error().code == ErrorCode::kNotFound) << later.error().message;
    }
    EXPECT_EQ(must(snapshot_contents(*directory)), contents_without_step(nth - 1));
  }
}

TEST(RecordingDirectory, FailsFromTheNthOnWhenSticky) {
  for (size_t nth = 1; nth <= script().size(); ++nth) {
    const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
    directory->inject({.nth = nth, .kinds = {}, .code = ErrorCode::kIo, .duration = FaultDuration::kSticky});
    EXPECT_EQ(run_script(*directory), script().size() - nth + 1) << nth;
    directory->clear_fault();
    must(must(directory->open("later", OpenMode::kCreate))->write_at(as_bytes("x"), 0));
  }
}

TEST(RecordingDirectory, DoesAllOrPartOfWhatItFails) {
  for (size_t nth = 1; nth <= script().size(); ++nth) {
    const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
    directory->inject({.nth = nth,
                       .kinds = {},
                       .code = ErrorCode::kIo,
                       .duration = FaultDuration::kOnce,
                       .effect = FaultEffect::kAll});
    EXPECT_EQ(run_script(*directory), 1U);
    EXPECT_EQ(must(snapshot_contents(*directory)), contents_without_step(script().size()))
        << "reported as failed, done all the same: " << nth;
    EXPECT_EQ(directory->operation_count(), script().size());
  }
  const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
  const std::unique_ptr<File> file = must(directory->open("old", OpenMode::kMustExist));
  directory->inject({.nth = 1, .kinds = {OperationKind::kWrite}, .effect = FaultEffect::kPart});
  EXPECT_EQ(code_of(file->write_at(as_bytes("12345678"), 0)), ErrorCode::kIo);
  EXPECT_EQ(must(snapshot_contents(*directory)).at("old").size(), 4U);
  EXPECT_EQ(directory->log().operations.back().bytes.size(), 4U) << "the log holds what really happened";
}

TEST(RecordingDirectory, CountsOnlyTheKindsOfTheFault) {
  const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
  const std::unique_ptr<File> file = must(directory->open("old", OpenMode::kMustExist));
  directory->inject({.nth = 2, .kinds = {OperationKind::kSync}, .code = ErrorCode::kIo});
  must(file->write_at(as_bytes("a"), 0));
  must(file->sync());
  must(file->write_at(as_bytes("b"), 0));
  EXPECT_FALSE(directory->fault_reached());
  EXPECT_EQ(code_of(file->sync()), ErrorCode::kIo);
  EXPECT_TRUE(directory->fault_reached());
  EXPECT_TRUE(directory->log().operations.back().failed) << "a failed sync is part of the history";
  must(file->sync());

  directory->inject(
      {.nth = 2, .kinds = {OperationKind::kRead, OperationKind::kMap}, .duration = FaultDuration::kSticky});
  std::byte value{};
  must(file->read_at(std::span(&value, 1), 0));
  EXPECT_EQ(code_of(file->read_at(std::span(&value, 1), 0)), ErrorCode::kIo);
  AddressRange range = must(AddressRange::reserve(kPageBytes));
  EXPECT_EQ(code_of(file->map_at(range, 0, 0, kPageBytes)), ErrorCode::kIo);
  must(file->write_at(as_bytes("c"), 0));
}

TEST(RecordingDirectory, IsDeadAfterAPowerCut) {
  for (size_t nth = 1; nth <= script().size(); ++nth) {
    const std::unique_ptr<RecordingDirectory> directory = recording_with_an_old_file();
    const std::unique_ptr<File> open_file = must(directory->open("old", OpenMode::kMustExist));
    directory->inject({.nth = nth, .kinds = {}, .code = ErrorCode::kIo, .duration = FaultDuration::kPowerCut});
    EXPECT_EQ(run_script(*directory), script().size() - nth + 1);
    std::byte value{};
    AddressRange range = must(AddressRange::reserve(kPageBytes));
    EXPECT_EQ(code_of(open_file->read_at(std::span(&value, 1), 0)), ErrorCode::kIo);
    EXPECT_EQ(code_of(open_file->size_bytes()), ErrorCode::kIo);
    EXPECT_EQ(code_of(open_file->allocated_bytes()), ErrorCode::kIo);
    EXPECT_EQ(code_of(open_file->map_at(range, 0, 0, kPageBytes)), ErrorCode::kIo);
    EXPECT_EQ(code_of(open_file->write_at(as_bytes("x"), 0)), ErrorCode::kIo);
    EXPECT_EQ(code_of(directory->list()), ErrorCode::kIo);
    EXPECT_EQ(code_of(directory->lock_for_writing()), ErrorCode::kIo);
    EXPECT_EQ(code_of(directory->open("old", OpenMode::kReadOnly)), ErrorCode::kIo);
    EXPECT_EQ(directory->operation_count(), nth - 1);
  }
}

TEST(RecordingDirectory, LeavesTheLockFileOfADiskDirectoryOut) {
  const TemporaryDirectory temporary;
  std::shared_ptr<Directory> base = must(open_directory(temporary.path(), DirectoryMode::kMustExist));
  const std::unique_ptr<RecordingDirectory> directory = must(RecordingDirectory::wrap(base));
  const std::unique_ptr<DirectoryLock> lock = must(directory->lock_for_writing());
  EXPECT_EQ(must(directory->list()), std::vector<std::string>{"omendb.lock"});
  must(directory->open("omendb.lock", OpenMode::kReadOnly));
  EXPECT_EQ(directory->operation_count(), 0U);
}

}  // namespace
}  // namespace omendb::os
