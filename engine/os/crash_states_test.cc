#include "engine/os/crash_states.h"

#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace omendb::os {
namespace {

using base::as_bytes;
using base::must;
using base::Random;
using Bytes = std::vector<std::byte>;

// The naive model: every file as the running process sees it, copied whole at each sync; names likewise. It replays
// from zero for every question.
struct NaiveFile {
  Bytes durable;
  std::vector<Bytes> seen;  // since the last sync: the durable bytes, then the file after each operation
};

struct NaiveDisk {
  std::vector<NaiveFile> files;
  std::map<std::string, uint32_t> names_now;
  std::map<std::string, uint32_t> names_durable;

  NaiveDisk(const OperationLog& log, size_t operation_count) {
    for (const InitialFile& initial : log.initial_files) {
      names_now[initial.name] = static_cast<uint32_t>(files.size());
      files.push_back({initial.bytes, {initial.bytes}});
    }
    names_durable = names_now;
    for (size_t index = 0; index < operation_count; ++index) step(log.operations[index]);
  }

  void step(const Operation& operation) {
    if (operation.kind == OperationKind::kSyncDirectory) names_durable = names_now;
    if (operation.kind == OperationKind::kCreate) {
      names_now[operation.name] = operation.file;
      files.resize(std::max<size_t>(files.size(), operation.file + size_t{1}), {{}, {Bytes{}}});
    }
    if (operation.kind == OperationKind::kRemove) names_now.erase(operation.name);
    if (operation.kind == OperationKind::kRename) {
      names_now.erase(operation.name);
      names_now[operation.to] = operation.file;
    }
    if (operation.kind == OperationKind::kSync) {
      NaiveFile& file = files[operation.file];
      file.durable = file.seen.back();
      file.seen = {file.durable};
    }
    change_bytes(operation);
  }

  void change_bytes(const Operation& operation) {
    const bool changes = operation.kind == OperationKind::kWrite || operation.kind == OperationKind::kAllocate ||
                         operation.kind == OperationKind::kRelease || operation.kind == OperationKind::kTruncate;
    if (!changes) return;
    Bytes bytes = files[operation.file].seen.back();
    const uint64_t end = operation.offset + operation.length;
    if (operation.kind == OperationKind::kTruncate) bytes.resize(operation.length);
    if (operation.kind == OperationKind::kWrite || operation.kind == OperationKind::kAllocate)
      bytes.resize(std::max<size_t>(bytes.size(), end));
    for (uint64_t at = operation.offset; at < std::min<uint64_t>(end, bytes.size()); ++at) {
      if (operation.kind == OperationKind::kWrite) bytes[at] = operation.bytes[at - operation.offset];
      if (operation.kind == OperationKind::kRelease) bytes[at] = std::byte{0};
    }
    files[operation.file].seen.push_back(std::move(bytes));
  }

  DirectoryContents contents(bool names, bool data) const {
    DirectoryContents result;
    for (const auto& [name, number] : names ? names_now : names_durable) {
      result[name] = data ? files[number].seen.back() : files[number].durable;
    }
    return result;
  }

  // Whether a disk could hold `bytes` for that file: a size it has had, and each sector as it was at some moment, or
  // unwritten past the durable end.
  bool possible(uint32_t number, const Bytes& bytes) const {
    const NaiveFile& file = files[number];
    const bool size_seen =
        std::any_of(file.seen.begin(), file.seen.end(), [&](const Bytes& seen) { return seen.size() == bytes.size(); });
    if (!size_seen) return false;
    for (size_t begin = 0; begin < bytes.size(); begin += kSectorBytes) {
      const size_t end = std::min(bytes.size(), begin + kSectorBytes);
      const bool sector_seen = std::any_of(file.seen.begin(), file.seen.end(), [&](const Bytes& seen) {
        for (size_t at = begin; at < end; ++at) {
          const std::byte expected = at < seen.size() ? seen[at] : std::byte{0};
          if (bytes[at] != expected && !(at >= seen.size() && at >= file.durable.size())) return false;
        }
        return true;
      });
      if (!sector_seen) return false;
    }
    return true;
  }
};

// Random work on a few files, through the recorder.
OperationLog random_log(uint64_t seed, int step_count) {
  Random random(seed);
  std::shared_ptr<Directory> base = must(memory_directory_from("m", {{"f0", Bytes(3000, std::byte{0x11})}}));
  const std::unique_ptr<RecordingDirectory> directory = must(RecordingDirectory::wrap(std::move(base)));
  const auto any_name = [&] { return "f" + std::to_string(random.below(4)); };
  for (int step = 0; step < step_count; ++step) {
    const uint64_t kind = random.below(12);
    if (kind == 0) must(directory->sync());
    if (kind == 1) static_cast<void>(directory->remove(any_name()).ok());
    if (kind == 2) static_cast<void>(directory->rename(any_name(), any_name()).ok());
    if (kind <= 2) continue;
    const std::unique_ptr<File> file = must(directory->open(any_name(), OpenMode::kCreate));
    if (kind == 3) must(file->truncate(random.below(6000)));
    if (kind == 4) must(file->allocate(random.below(4000), random.below(3000)));
    if (kind == 5) must(file->release(0, kPageBytes));
    if (kind == 6) must(file->sync());
    if (kind > 6)
      must(
          file->write_at(Bytes(1 + random.below(2500), static_cast<std::byte>(random.next() | 1)), random.below(4000)));
  }
  return directory->log();
}

TEST(CrashStates, AgreeWithTheNaiveModelAtEveryMoment) {
  for (uint64_t seed = 0; seed < base::scaled(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const OperationLog log = random_log(seed, 40);
    CrashStates states(log);
    for (size_t moment = 0; moment <= log.operations.size(); ++moment) {
      SCOPED_TRACE("moment " + std::to_string(moment));
      states.advance_to(moment);
      const NaiveDisk naive(log, moment);
      ASSERT_EQ(states.draw(CrashMode::kDropUnsynced, seed), naive.contents(false, false));
      ASSERT_EQ(states.draw(CrashMode::kKeepAll, seed), naive.contents(true, true));
      ASSERT_EQ(states.draw(CrashMode::kNamesWithoutData, seed), naive.contents(true, false));
      ASSERT_EQ(states.draw(CrashMode::kDataWithoutNames, seed), naive.contents(false, true));
    }
  }
}

TEST(CrashStates, ShowOnlySectorsAndSizesThatTheFileHasHad) {
  for (uint64_t seed = 0; seed < base::scaled(40); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const OperationLog log = random_log(seed, 30);
    CrashStates states(log);
    for (size_t moment = 0; moment <= log.operations.size(); ++moment) {
      states.advance_to(moment);
      const NaiveDisk naive(log, moment);
      for (const CrashMode mode : kCrashModes) {
        for (const auto& [name, bytes] : states.draw(mode, seed * 1000 + moment)) {
          bool possible = false;
          for (uint32_t number = 0; number < naive.files.size(); ++number) possible |= naive.possible(number, bytes);
          ASSERT_TRUE(possible) << "moment " << moment << ", " << to_string(mode) << ", " << name;
        }
      }
    }
  }
}

TEST(CrashStates, RepeatThemselvesFromTheSeed) {
  const OperationLog log = random_log(5, 60);
  std::vector<DirectoryContents> first;
  for_each_crash_state(log, 500, 9, [&](const CrashState& state) { first.push_back(state.contents); });
  size_t index = 0;
  size_t equal_count = 0;
  for_each_crash_state(log, 500, 9, [&](const CrashState& state) {
    equal_count += state.contents == first[index++] ? 1U : 0U;
    CrashStates again(log);
    again.advance_to(state.operation_count);
    EXPECT_EQ(again.draw(state.mode, state.seed), state.contents) << state.describe(log);
  });
  EXPECT_EQ(equal_count, 500U);
}

// Everything that may be left of one unsynced write of two sectors at the end of a file of one.
TEST(CrashStates, ReachEveryOutcomeOfAnUnsyncedExtension) {
  const std::unique_ptr<RecordingDirectory> directory =
      must(RecordingDirectory::wrap(must(memory_directory_from("m", {{"f", Bytes(512, std::byte{1})}}))));
  must(must(directory->open("f", OpenMode::kMustExist))->write_at(Bytes(1024, std::byte{2}), 0));
  const OperationLog log = directory->log();
  CrashStates states(log);
  states.advance_to(1);
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Bytes bytes = states.draw(CrashMode::kRandomSectors, seed).at("f");
    std::string outcome = bytes[0] == std::byte{1} ? "old" : "new";
    if (bytes.size() == 1024) {
      const bool zero =
          std::all_of(bytes.begin() + 512, bytes.end(), [](std::byte value) { return value == std::byte{0}; });
      const bool written =
          std::all_of(bytes.begin() + 512, bytes.end(), [](std::byte value) { return value == std::byte{2}; });
      outcome += zero ? " zeros" : written ? " new" : " junk";
    }
    outcomes.insert(outcome);
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"old", "new", "old zeros", "old new", "old junk", "new zeros", "new new",
                                             "new junk"}));
}

TEST(CrashStates, TearOnlyTheLastWrite) {
  const std::unique_ptr<RecordingDirectory> directory = must(RecordingDirectory::wrap(memory_directory("m")));
  const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kCreate));
  must(file->write_at(Bytes(2048, std::byte{1}), 0));
  must(file->write_at(Bytes(2048, std::byte{2}), 0));
  const OperationLog log = directory->log();
  CrashStates states(log);
  states.advance_to(3);
  std::set<std::string> patterns;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const Bytes bytes = states.draw(CrashMode::kTornLastWrite, seed).at("f");
    ASSERT_EQ(bytes.size(), 2048U);
    std::string pattern;
    for (size_t sector = 0; sector < 4; ++sector) pattern += bytes[sector * 512] == std::byte{1} ? '1' : '2';
    patterns.insert(pattern);
  }
  EXPECT_EQ(patterns.count("1111"), 1U);
  EXPECT_EQ(patterns.count("2211"), 1U);
  EXPECT_EQ(patterns.count("1212"), 1U);
  EXPECT_EQ(patterns.size(), 16U);
}

TEST(CrashStates, LoseOrKeepEachNameOnItsOwn) {
  const std::unique_ptr<RecordingDirectory> directory =
      must(RecordingDirectory::wrap(must(memory_directory_from("m", {{"root", Bytes(1, std::byte{1})}}))));
  const std::unique_ptr<File> next = must(directory->open("root.new", OpenMode::kCreate));
  must(next->write_at(Bytes(1, std::byte{2}), 0));
  must(directory->rename("root.new", "root"));
  must(directory->open("other", OpenMode::kCreate));
  const OperationLog log = directory->log();
  CrashStates states(log);
  states.advance_to(log.operations.size());
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    std::string outcome;
    for (const auto& [name, bytes] : states.draw(CrashMode::kRandomSectors, seed)) {
      outcome += name + "=" + (bytes.empty() ? "empty" : std::to_string(std::to_integer<int>(bytes[0]))) + " ";
    }
    outcomes.insert(outcome);
  }
  EXPECT_EQ(outcomes.count("root=1 "), 1U) << "nothing";
  EXPECT_EQ(outcomes.count("other=empty root=1 "), 1U) << "a later name without the earlier ones";
  EXPECT_EQ(outcomes.count("root=2 "), 1U);
  EXPECT_EQ(outcomes.count("root=empty "), 1U) << "the rename is there, the bytes are not";
  EXPECT_EQ(outcomes.count("root=1 root.new=2 "), 1U);
}

TEST(CrashStates, DoNotTrustASyncAfterAFailedOne) {
  const std::unique_ptr<RecordingDirectory> directory =
      must(RecordingDirectory::wrap(must(memory_directory_from("m", {{"f", Bytes(1024, std::byte{1})}}))));
  const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kMustExist));
  must(file->write_at(Bytes(512, std::byte{2}), 0));
  directory->inject({.nth = 1, .kinds = {OperationKind::kSync}});
  EXPECT_FALSE(file->sync().ok());
  must(file->write_at(Bytes(512, std::byte{3}), 512));
  must(file->sync());
  const OperationLog log = directory->log();
  CrashStates states(log);
  states.advance_to(log.operations.size());
  const Bytes bytes = states.draw(CrashMode::kDropUnsynced, 0).at("f");
  EXPECT_EQ(bytes[0], std::byte{1}) << "lost by the failed sync, though a later one succeeded";
  EXPECT_EQ(bytes[512], std::byte{3});
}

// A small store with a root that is replaced by rename: the generator must accept the right protocol and convict each
// wrong one.
enum class Protocol { kRight, kNoFileSync, kNoDirectorySync };

size_t count_violations(Protocol protocol, size_t state_count) {
  const std::unique_ptr<RecordingDirectory> directory = must(RecordingDirectory::wrap(memory_directory("m")));
  std::vector<size_t> acknowledged = {0};  // by root number: operations done when it was acknowledged
  for (uint8_t number = 1; number <= 5; ++number) {
    const std::unique_ptr<File> file = must(directory->open("root.new", OpenMode::kCreate));
    Bytes bytes(5000, static_cast<std::byte>(number));
    const uint32_t checksum = base::crc32c(std::span(bytes).subspan(4));
    std::memcpy(bytes.data(), &checksum, sizeof(checksum));
    must(file->write_at(bytes, 0));
    if (protocol != Protocol::kNoFileSync) must(file->sync());
    must(directory->rename("root.new", "root"));
    if (protocol != Protocol::kNoDirectorySync) must(directory->sync());
    acknowledged.push_back(directory->operation_count());
  }
  const OperationLog log = directory->log();
  size_t violation_count = 0;
  for_each_crash_state(log, state_count, 1, [&](const CrashState& state) {
    uint8_t found = 0;
    const auto root = state.contents.find("root");
    if (root != state.contents.end()) {
      uint32_t checksum = 0;
      if (root->second.size() != 5000) {
        ++violation_count;
        return;
      }
      std::memcpy(&checksum, root->second.data(), sizeof(checksum));
      if (checksum != base::crc32c(std::span(root->second).subspan(4))) {
        ++violation_count;
        return;
      }
      found = std::to_integer<uint8_t>(root->second[4]);
    }
    uint8_t promised = 0;
    while (promised < 5 && acknowledged[promised + size_t{1}] <= state.operation_count) ++promised;
    if (found < promised) ++violation_count;
  });
  return violation_count;
}

TEST(CrashStates, AcceptTheRightProtocolAndConvictTheWrongOnes) {
  const size_t state_count = base::scaled(10'000);
  EXPECT_EQ(count_violations(Protocol::kRight, state_count), 0U);
  EXPECT_GT(count_violations(Protocol::kNoFileSync, state_count), state_count / 20);
  EXPECT_GT(count_violations(Protocol::kNoDirectorySync, state_count), state_count / 20);
}

// The size that the whole-system tests use: a directory of about 1 MB. Every state is put into a memory directory, as
// they do.
TEST(CrashStates, AreCheapEnoughToTryThousands) {
  std::shared_ptr<Directory> base = must(
      memory_directory_from("m", {{"data", Bytes(900'000, std::byte{3})}, {"vectors", Bytes(100'000, std::byte{4})}}));
  const std::unique_ptr<RecordingDirectory> directory = must(RecordingDirectory::wrap(std::move(base)));
  Random random(3);
  const std::unique_ptr<File> log_file = must(directory->open("log-1", OpenMode::kCreate));
  const std::unique_ptr<File> data = must(directory->open("data", OpenMode::kMustExist));
  for (uint64_t commit = 0; commit < 200; ++commit) {
    must(log_file->write_at(Bytes(700, static_cast<std::byte>(commit)), commit * 700));
    if (commit % 3 == 0) must(log_file->sync());
    must(data->write_at(Bytes(3000, static_cast<std::byte>(commit)), random.below(900'000)));
    if (commit % 40 == 0) must(data->sync());
  }
  const OperationLog log = directory->log();
  const size_t state_count = base::scaled(3'000);
  size_t opened_count = 0;
  const size_t visited = for_each_crash_state(log, state_count, 2, [&](const CrashState& state) {
    opened_count += memory_directory_from("crashed", state.contents).ok() ? 1U : 0U;
  });
  EXPECT_EQ(visited, state_count);
  EXPECT_EQ(opened_count, state_count);
}

}  // namespace
}  // namespace omendb::os
