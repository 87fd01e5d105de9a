// The power goes at any moment: whatever a file system may leave behind, the database opens and shows a state that it was allowed to be in.

#include "engine/os/crash_states.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"
#include "tests/database_model.h"
#include "tests/statement_script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <set>

namespace omendb::test {
namespace {

// A run of a script: what was done to the directory, and how far it was when each statement was acknowledged.
struct RecordedRun {
  os::OperationLog log;
  std::vector<size_t> acknowledged_at;  // operation count, per statement
  std::vector<uint64_t> hashes;         // of the content after 0, 1, ... statements
};

RecordedRun record(const std::vector<Statement>& script, Sync sync) {
  RecordedRun run;
  const std::shared_ptr<os::RecordingDirectory> directory =
      base::must(os::RecordingDirectory::wrap(os::memory_directory("crash")));
  OpenOptions options;
  options.sync = sync;
  const auto engine = base::must(open_engine(directory, false, options));
  run.hashes.push_back(base::must(engine->state_hash()));
  for (const Statement& statement : script) {
    SCOPED_TRACE(describe(statement));
    base::must(perform(*engine, statement));
    run.acknowledged_at.push_back(directory->operation_count());
    run.hashes.push_back(base::must(engine->state_hash()));
  }
  run.log = directory->log();  // without what closing does: the last statement is the last thing that happened
  return run;
}

std::vector<uint64_t> hashes_of(const std::vector<DatabaseModel>& models) {
  std::vector<uint64_t> hashes;
  for (const DatabaseModel& model : models) hashes.push_back(state_hash_of(model));
  return hashes;
}

// Opens the state, verifies it and returns its hash; a failure of the test when it does not open.
std::optional<uint64_t> recovered_hash(const os::DirectoryContents& contents, os::DirectoryContents* after) {
  std::shared_ptr<os::Directory> directory = base::must(os::memory_directory_from("crashed", contents));
  const auto engine = open_engine(directory, false);
  if (!engine.ok()) {
    ADD_FAILURE() << "refused to open: " << engine.error().message;
    return std::nullopt;
  }
  const auto checked = (*engine)->check();
  EXPECT_TRUE(checked.ok()) << checked.error().message;
  const uint64_t hash = base::must((*engine)->state_hash());
  if (after != nullptr) *after = base::must(os::snapshot_contents(*directory));
  return hash;
}

size_t acknowledged_statements(const RecordedRun& run, size_t operation_count) {
  const auto& at = run.acknowledged_at;
  return static_cast<size_t>(std::upper_bound(at.begin(), at.end(), operation_count) - at.begin());
}

// Recovery of a crash during recovery must come to the same content.
void expect_idempotent(const os::DirectoryContents& contents, uint64_t hash, uint64_t seed) {
  const std::shared_ptr<os::RecordingDirectory> directory =
      base::must(os::RecordingDirectory::wrap(base::must(os::memory_directory_from("again", contents))));
  {
    const auto engine = base::must(open_engine(directory, false));
    directory->cut_power();
  }
  const os::OperationLog log = directory->log();
  os::for_each_crash_state(log, 3, seed, [&](const os::CrashState& state) {
    SCOPED_TRACE("crashed again " + state.describe(log));
    EXPECT_EQ(recovered_hash(state.contents, nullptr), std::optional(hash));
  });
}

void expect_prefix_at_every_moment(const RecordedRun& run, size_t state_count, uint64_t seed) {
  size_t number = 0;
  const size_t visited = os::for_each_crash_state(run.log, state_count, seed, [&](const os::CrashState& state) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE(state.describe(run.log));
    os::DirectoryContents after;
    const bool twice = ++number % 8 == 0;
    const std::optional<uint64_t> hash = recovered_hash(state.contents, twice ? &after : nullptr);
    if (!hash) return;
    // Every statement acknowledged before the power went, and at most the one under way besides, whole or not at all.
    const size_t acknowledged = acknowledged_statements(run, state.operation_count);
    const size_t last = std::min(acknowledged + 1, run.hashes.size() - 1);
    EXPECT_TRUE(*hash == run.hashes[acknowledged] || *hash == run.hashes[last])
        << acknowledged << " statements were acknowledged";
    if (twice) {
      EXPECT_EQ(recovered_hash(after, nullptr), hash) << "opened a second time";
      expect_idempotent(state.contents, *hash, state.seed);
    }
  });
  std::printf("%zu crash states of %zu operations, %zu of them crashed or opened again\n", visited,
              run.log.operations.size(), visited / 8);
}

TEST(CrashStates, HashesOfARunAreThoseOfItsModel) {
  const std::vector<Statement> script = statement_script(1, true);
  const RecordedRun run = record(script, Sync::kFull);
  EXPECT_EQ(run.hashes, hashes_of(models_of(script)));
  EXPECT_GT(std::set<uint64_t>(run.hashes.begin(), run.hashes.end()).size(), script.size() / 2)
      << "states must be told apart";
}

TEST(CrashStates, WithoutAGraphWhatWasAcknowledgedIsThereWholeAndNothingElse) {
  for (uint64_t seed = 1; seed <= 2; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    expect_prefix_at_every_moment(record(statement_script(seed, false), Sync::kFull), base::scaled(4000), seed);
  }
}

TEST(CrashStates, WithAGraphWhatWasAcknowledgedIsThereWholeAndNothingElse) {
  expect_prefix_at_every_moment(record(statement_script(3, true), Sync::kFull), base::scaled(4000), 3);
}

bool gives_extents_back(const RecordedRun& run) {
  return std::any_of(run.log.operations.begin(), run.log.operations.end(),
                     [](const os::Operation& operation) { return operation.kind == os::OperationKind::kRelease; });
}

TEST(CrashStates, WhileRegionsOfDeadRowsAreGivenBackWhatWasAcknowledgedIsThereWholeAndNothingElse) {
  const RecordedRun run = record(turnover_script(5), Sync::kFull);
  EXPECT_TRUE(gives_extents_back(run)) << "nothing was given back";
  expect_prefix_at_every_moment(run, base::scaled(1200), 5);
}

TEST(CrashStates, WhileRowsMoveOutOfASparseRegionWhatWasAcknowledgedIsThereWholeAndNothingElse) {
  const RecordedRun run = record(sparse_region_script(6), Sync::kFull);
  EXPECT_TRUE(gives_extents_back(run)) << "nothing was given back";
  expect_prefix_at_every_moment(run, base::scaled(1200), 6);
}

TEST(CrashStates, WithoutSyncWhatSurvivesIsAPrefix) {
  const std::vector<Statement> script = statement_script(4, false);
  const RecordedRun run = record(script, Sync::kOff);
  const size_t visited = os::for_each_crash_state(run.log, base::scaled(2000), 4, [&](const os::CrashState& state) {
    if (HasFailure()) return;
    SCOPED_TRACE(state.describe(run.log));
    const std::optional<uint64_t> hash = recovered_hash(state.contents, nullptr);
    if (!hash) return;
    const size_t last = std::min(acknowledged_statements(run, state.operation_count) + 1, run.hashes.size() - 1);
    const auto end = run.hashes.begin() + static_cast<ptrdiff_t>(last) + 1;
    EXPECT_NE(std::find(run.hashes.begin(), end, *hash), end) << "not a state that the database was ever in";
    // The process dying alone loses nothing.
    if (state.mode == os::CrashMode::kKeepAll) {
      EXPECT_TRUE(*hash == run.hashes[last] || *hash == run.hashes[last - 1]);
    }
  });
  std::printf("%zu crash states without sync\n", visited);
}

}  // namespace
}  // namespace omendb::test
