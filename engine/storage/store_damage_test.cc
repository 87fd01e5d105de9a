// Bytes on disk that are not what was written: found before they are used, or provably without meaning.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/storage/file_names.h"
#include "engine/storage/log_format.h"
#include "engine/storage/root_format.h"
#include "engine/storage/script_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace omendb::storage {
namespace {

using base::code_of;
using base::must;
using Contents = std::map<std::string, Bytes>;

constexpr uint64_t kSeed = 42;  // its database has holes in both kinds of files
constexpr ScriptSizes kSizes = {.append_bytes_max = 400, .large_append_bytes = 66'000, .blocks_bytes_max = 66'000};
constexpr ScriptSizes kTiny = {.append_bytes_max = 200, .large_append_bytes = 600, .blocks_bytes_max = 300};

// A database with a root, a sealed segment that the root still needs, and a log that goes on behind it.
Contents small_database(uint64_t& last_commit, const ScriptSizes& sizes = kSizes) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto client = must(ScriptClient::open(directory, kSeed, {}, sizes));
  for (int i = 0; i < 20; ++i) must(client->commit());
  must(client->checkpoint());
  for (int i = 0; i < 6; ++i) must(client->commit());
  static_cast<void>(must(client->store().begin_checkpoint()));  // given up: its segment stays
  for (int i = 0; i < 6; ++i) must(client->commit());
  last_commit = client->last_commit();
  must(client->store().close());
  client.reset();
  return must(os::snapshot_contents(*directory));
}

// Opens, recovers and compares everything. Says whether damage was reported; a wrong answer fails the test.
bool reports_damage(const Contents& contents, uint64_t last_commit, const ScriptSizes& sizes = kSizes) {
  const std::shared_ptr<os::Directory> directory = must(os::memory_directory_from("db", contents));
  const auto opened = ScriptClient::open(directory, kSeed, {}, sizes);
  if (!opened.ok()) {
    const ErrorCode code = opened.error().code;
    EXPECT_TRUE(code == ErrorCode::kCorruption || code == ErrorCode::kUnsupportedFormat) << opened.error().message;
    return true;
  }
  EXPECT_EQ((*opened)->last_commit(), last_commit) << "commits are gone and nobody says so";
  EXPECT_TRUE((*opened)->state() == ScriptState::after(kSeed, last_commit, sizes)) << "a wrong answer";
  return false;
}

TEST(StoreDamage, IsFoundInEveryByteOfRootAndLog) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit, kTiny);
  ASSERT_FALSE(reports_damage(good, last_commit, kTiny));
  const size_t stride = base::test_scale() < 1 ? 13 : 1;
  for (const auto& [name, bytes] : good) {
    if (name != kRootName && !segment_of_name(name).has_value()) continue;
    size_t unnoticed = 0;
    for (size_t at = 0; at < bytes.size(); at += stride) {
      SCOPED_TRACE(name + " at byte " + std::to_string(at));
      Contents damaged = good;
      damaged[name][at] ^= static_cast<std::byte>(1U << (at % 8));
      if (!reports_damage(damaged, last_commit, kTiny)) ++unnoticed;
      ASSERT_FALSE(HasFailure());
    }
    // Without meaning: the last frame, which only tells that the commit before it is durable, and a seal behind which no commit follows.
    EXPECT_LE(unnoticed, name == kRootName ? 0 : kFrameHeaderBytes) << name;
  }
}

TEST(StoreDamage, IsFoundInEveryExtentThatIsUsed) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  const Root root = must(decode_root(good.at("root"), "root"));
  base::Random random(kSeed);
  size_t flips = 0;
  for (const auto& [id, array] : root.arrays) {
    const std::string name = array.space == SpaceKind::kOwn ? own_space_name(id) : std::string(kSpaceName);
    for (uint64_t rank = 0; rank < array.checksums.size(); ++rank) {
      const RootArray::HeldExtent extent = array.held_extent(rank);
      const size_t offset = static_cast<size_t>(extent.file_offset);
      const size_t used = static_cast<size_t>(used_bytes(array.size_bytes, extent.index));
      for (size_t at = random.below(16); at < used;
           at += (base::test_scale() < 1 ? 1024 : 16) * (1 + random.below(8))) {
        SCOPED_TRACE(name + " at byte " + std::to_string(offset + at));
        Contents damaged = good;
        damaged[name][offset + at] ^= static_cast<std::byte>(1U << random.below(8));
        ASSERT_TRUE(reports_damage(damaged, last_commit));
        if (++flips % 64 != 0) continue;
        const auto client = ScriptClient::open(must(os::memory_directory_from("db", damaged)), kSeed,
                                               {.verify_on_open = false}, kSizes);
        if (client.ok()) {
          EXPECT_EQ(code_of((*client)->store().check()), ErrorCode::kCorruption);
        }
      }
    }
  }
  EXPECT_GT(flips, 10U);
  EXPECT_TRUE(std::any_of(root.arrays.begin(), root.arrays.end(), [](const auto& array) {
    return std::any_of(array.second.runs.begin(), array.second.runs.end(), is_hole);
  })) << "holes are to be among them";
}

TEST(StoreDamage, IsFoundWhenFilesAreCutOff) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  for (const auto& [name, bytes] : good) {
    for (size_t size = 0; size<bytes.size(); size += bytes.size()> 20'000 ? size_t{4096} : size_t{128}) {
      SCOPED_TRACE(name + " cut to " + std::to_string(size));
      Contents damaged = good;
      damaged[name].resize(size);
      // A log cut inside its last commits can not be told from one that was never written further; space that the root does not name is written again by replay.
      const auto opened = ScriptClient::open(must(os::memory_directory_from("db", damaged)), kSeed, {}, kSizes);
      if (opened.ok()) {
        EXPECT_NE(name, kRootName);
        EXPECT_TRUE((*opened)->state() == ScriptState::after(kSeed, (*opened)->last_commit(), kSizes));
        EXPECT_TRUE(segment_of_name(name).has_value() || (*opened)->last_commit() == last_commit);
      } else {
        EXPECT_EQ(opened.error().code, ErrorCode::kCorruption) << opened.error().message;
      }
    }
  }
}

TEST(StoreDamage, IsFoundWhenAFileIsMissing) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  for (const auto& [name, bytes] : good) {
    SCOPED_TRACE(name);
    if (name == segment_name(1)) continue;
    Contents damaged = good;
    damaged.erase(name);
    EXPECT_TRUE(reports_damage(damaged, last_commit));
  }
}

TEST(StoreDamage, IsFoundWhenFilesAreSwapped) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  std::vector<std::string> names;
  for (const auto& [name, bytes] : good) names.push_back(name);
  for (size_t a = 0; a < names.size(); ++a) {
    for (size_t b = a + 1; b < names.size(); ++b) {
      SCOPED_TRACE(names[a] + " and " + names[b]);
      Contents damaged = good;
      std::swap(damaged[names[a]], damaged[names[b]]);
      EXPECT_TRUE(reports_damage(damaged, last_commit));
    }
  }
}

TEST(StoreDamage, IsFoundWhenAFileOfAnotherDatabaseLiesThere) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  const std::shared_ptr<os::Directory> other_directory = os::memory_directory("other");
  {
    // The same uuid seed would make the same database.
    const auto other = must(ScriptClient::open(other_directory, kSeed + 1, {}, kSizes));
    for (int i = 0; i < 20; ++i) must(other->commit());
    must(other->checkpoint());
    for (int i = 0; i < 6; ++i) must(other->commit());
  }
  const Contents other = must(os::snapshot_contents(*other_directory));
  for (const auto& [name, bytes] : good) {
    if (!other.contains(name)) continue;
    SCOPED_TRACE(name);
    Contents damaged = good;
    damaged[name] = other.at(name);
    EXPECT_TRUE(reports_damage(damaged, last_commit));
  }
}

TEST(StoreDamage, IsFoundWhenAnOlderRootComesBack) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto client = must(ScriptClient::open(directory, kSeed, {}, kSizes));
  for (int i = 0; i < 5; ++i) must(client->commit());
  must(client->checkpoint());
  const Bytes old_root = must(os::snapshot_contents(*directory)).at("root");
  for (int i = 0; i < 5; ++i) must(client->commit());
  must(client->checkpoint());
  const uint64_t last_commit = client->last_commit();
  client.reset();
  Contents stale = must(os::snapshot_contents(*directory));
  stale["root"] = old_root;
  EXPECT_TRUE(reports_damage(stale, last_commit));
}

TEST(StoreDamage, AnOldSegmentThatComesBackIsIgnored) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto client = must(ScriptClient::open(directory, kSeed, {}, kSizes));
  for (int i = 0; i < 5; ++i) must(client->commit());
  const Bytes old_segment = must(os::snapshot_contents(*directory)).at("log-1");
  must(client->checkpoint());
  must(client->commit());
  const uint64_t last_commit = client->last_commit();
  client.reset();
  Contents contents = must(os::snapshot_contents(*directory));
  ASSERT_FALSE(contents.contains("log-1"));
  contents["log-1"] = old_segment;
  EXPECT_FALSE(reports_damage(contents, last_commit));
  Contents renamed = must(os::snapshot_contents(*directory));
  renamed["log-3"] = old_segment;  // as if it were the next one: its bytes speak of segment 1
  EXPECT_FALSE(reports_damage(renamed, last_commit));
}

TEST(StoreDamage, DoesNotMakeOpeningAllocateWhatTheFileCanNotHold) {
  uint64_t last_commit = 0;
  const Contents good = small_database(last_commit);
  base::Random random(3);
  for (size_t round = 0; round < base::scaled(3000); ++round) {
    SCOPED_TRACE(round);
    Contents damaged = good;
    Bytes& root = damaged["root"];
    // A body that is nonsense under checksums that are right.
    for (uint64_t i = 0; i <= random.below(4); ++i)
      root[sizeof(RootHeader) + random.below(root.size() - sizeof(RootHeader))] = static_cast<std::byte>(random.next());
    mend_root_checksums(root);
    static_cast<void>(decode_root(root, "root"));
    const auto opened = ScriptClient::open(must(os::memory_directory_from("db", damaged)), kSeed, {}, kSizes);
    if (!opened.ok()) {
      EXPECT_NE(opened.error().code, ErrorCode::kOutOfMemory) << opened.error().message;
    }
  }
}

}  // namespace
}  // namespace omendb::storage
