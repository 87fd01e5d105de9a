// Random histories against a model: whatever is done in whatever order, the store holds what the model holds, at once and after every reopening.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/temporary_directory.h"
#include "engine/storage/script_client.h"

#include <gtest/gtest.h>

namespace omendb::storage {
namespace {

using base::must;

std::string where(uint64_t seed, const char* what, uint64_t commit) {
  return "seed " + std::to_string(seed) + ", " + what + " after commit " + std::to_string(commit);
}

void run_history(const std::shared_ptr<os::Directory>& directory, uint64_t seed, size_t step_count) {
  base::Random random(seed);
  auto client = must(ScriptClient::open(directory, seed));
  for (size_t step = 0; step < step_count; ++step) {
    const uint64_t choice = random.below(20);
    const uint64_t commit = client->last_commit();
    if (choice < 15) {
      must(client->commit());
    } else if (choice < 17) {
      must(client->checkpoint());
    } else if (choice == 17) {
      must(client->store().check());
    } else {
      SCOPED_TRACE(where(seed, choice == 18 ? "reopened" : "closed and reopened", commit));
      if (choice == 19) must(client->store().close());
      client.reset();
      auto reopened = ScriptClient::open(directory, seed);
      ASSERT_TRUE(reopened.ok()) << reopened.error().message;
      client = std::move(reopened).value();
      ASSERT_EQ(client->last_commit(), commit);
    }
    SCOPED_TRACE(where(seed, "in the middle", client->last_commit()));
    if (step % 8 == 7) {
      ASSERT_EQ(client->state(), ScriptState::after(seed, client->last_commit()));
    }
  }
  ASSERT_EQ(client->state(), ScriptState::after(seed, client->last_commit()));
  must(client->store().check());
}

TEST(StoreModel, HoldsWhatTheModelHolds) {
  for (uint64_t seed = 1; seed <= base::scaled(60); ++seed) {
    run_history(os::memory_directory("db"), seed, 80);
    if (HasFatalFailure()) return;
  }
}

TEST(StoreModel, HoldsWhatTheModelHoldsOnDisk) {
  for (uint64_t seed = 1001; seed <= 1000 + base::scaled(4); ++seed) {
    const os::TemporaryDirectory temporary;
    run_history(must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate)), seed, 60);
    if (HasFatalFailure()) return;
  }
}

TEST(StoreModel, ReadOnlySeesTheSameAndChangesNothing) {
  for (uint64_t seed = 1; seed <= base::scaled(30); ++seed) {
    SCOPED_TRACE(seed);
    const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
    auto client = must(ScriptClient::open(directory, seed));
    for (int i = 0; i < 10; ++i) must(client->commit());
    must(client->checkpoint());
    for (uint64_t i = 0; i < seed % 20; ++i) must(client->commit());
    const ScriptState state = client->state();
    client.reset();
    const auto before = must(os::snapshot_contents(*directory));
    const auto reader = must(ScriptClient::open(directory, seed, {.read_only = true}));
    EXPECT_EQ(reader->state(), state);
    must(reader->store().check());
    EXPECT_EQ(base::code_of(reader->commit()), ErrorCode::kPermission);
    EXPECT_EQ(base::code_of(reader->checkpoint()), ErrorCode::kPermission);
    EXPECT_EQ(reader->state(), state);
    must(reader->store().close());
    EXPECT_EQ(must(os::snapshot_contents(*directory)), before);
  }
}

}  // namespace
}  // namespace omendb::storage
