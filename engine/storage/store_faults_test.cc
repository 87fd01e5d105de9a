// Everything that can go wrong with a disk: each single operation failing in each way, and the power going at any moment.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/crash_states.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"
#include "engine/storage/script_client.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omendb::storage {
namespace {

using base::must;

// Small, so that thousands of states can be drawn and opened.
constexpr ScriptSizes kSmall = {.append_bytes_max = 1500, .large_append_bytes = 66'000, .blocks_bytes_max = 70'000};

struct Acknowledged {
  size_t operation_count = 0;  // of the directory, when the client was told
  uint64_t commit = 0;
};

// What a run did to its directory, and what it was told.
struct History {
  os::OperationLog log;
  std::vector<Acknowledged> acknowledged;
  uint64_t last_tried = 0;
};

uint64_t acknowledged_at(const History& run, size_t operation_count) {
  uint64_t commit = 0;
  for (const Acknowledged& told : run.acknowledged) {
    if (told.operation_count <= operation_count) commit = std::max(commit, told.commit);
  }
  return commit;
}

// Commits, checkpoints and reopenings in a mix that depends on the seed; goes on after errors as a stubborn user would.
History run_script(os::RecordingDirectory& recording, const std::shared_ptr<os::Directory>& directory, uint64_t seed,
                   size_t step_count) {
  History run;
  base::Random random(seed + 77);
  std::unique_ptr<ScriptClient> client;
  for (size_t step = 0; step < step_count; ++step) {
    if (client == nullptr) {
      auto opened = ScriptClient::open(directory, seed, {}, kSmall);
      if (!opened.ok()) continue;
      client = std::move(opened).value();
    }
    if (client->store().log().poisoned()) {
      client.reset();
      continue;
    }
    const uint64_t choice = random.below(10);
    if (choice < 7) {
      run.last_tried = std::max(run.last_tried, client->last_commit() + 1);
      if (client->commit().ok()) run.acknowledged.push_back({recording.operation_count(), client->last_commit()});
    } else if (choice < 9) {
      static_cast<void>(client->checkpoint());
    } else {
      if (step % 2 == 0) static_cast<void>(client->store().close());
      client.reset();
    }
  }
  client.reset();
  run.log = recording.log();
  return run;
}

// What must hold of any state that a crash may leave.
void expect_recovers(const os::DirectoryContents& contents, const History& run, uint64_t acknowledged, uint64_t seed,
                     bool go_on) {
  const std::shared_ptr<os::Directory> directory = must(os::memory_directory_from("crashed", contents));
  auto opened = ScriptClient::open(directory, seed, {}, kSmall);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  std::unique_ptr<ScriptClient> client = std::move(opened).value();
  const uint64_t commit = client->last_commit();
  ASSERT_GE(commit, acknowledged) << "an acknowledged commit is lost";
  ASSERT_LE(commit, run.last_tried) << "a commit that nobody made";
  ASSERT_EQ(client->state(), ScriptState::after(seed, commit, kSmall));
  const Result<void> checked = client->store().check();
  ASSERT_TRUE(checked.ok()) << checked.error().message;
  if (!go_on) return;
  client.reset();
  client = must(ScriptClient::open(directory, seed, {}, kSmall));
  ASSERT_EQ(client->last_commit(), commit) << "recovery is not repeatable";
  must(client->commit());
  must(client->checkpoint());
  must(client->commit());
  must(client->store().check());
  client.reset();
  client = must(ScriptClient::open(directory, seed, {}, kSmall));
  ASSERT_EQ(client->state(), ScriptState::after(seed, commit + 2, kSmall));
}

TEST(StoreCrashes, KeepEveryAcknowledgedCommitWheneverThePowerGoes) {
  size_t visited = 0;
  size_t release_count = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const std::shared_ptr<os::Directory> base = os::memory_directory("db");
    const std::shared_ptr<os::RecordingDirectory> recording = must(os::RecordingDirectory::wrap(base));
    const History run = run_script(*recording, recording, seed, 36);
    ASSERT_GT(run.acknowledged.size(), 5U);
    release_count += static_cast<size_t>(
        std::count_if(run.log.operations.begin(), run.log.operations.end(),
                      [](const os::Operation& operation) { return operation.kind == os::OperationKind::kRelease; }));
    visited += os::for_each_crash_state(run.log, base::scaled(600), seed, [&](const os::CrashState& state) {
      if (HasFatalFailure()) return;
      SCOPED_TRACE("seed " + std::to_string(seed) + ", " + state.describe(run.log));
      expect_recovers(state.contents, run, acknowledged_at(run, state.operation_count), seed, state.seed % 4 == 0);
    });
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(release_count, 10U) << "holes are to come about";
  RecordProperty("crash_states", static_cast<int>(visited));
}

// Power cut while recovering from a power cut.
TEST(StoreCrashes, KeepEveryAcknowledgedCommitWhenRecoveryIsInterruptedToo) {
  for (uint64_t seed = 21; seed <= 26; ++seed) {
    const std::shared_ptr<os::RecordingDirectory> recording =
        must(os::RecordingDirectory::wrap(os::memory_directory("db")));
    const History run = run_script(*recording, recording, seed, 24);
    os::for_each_crash_state(run.log, base::scaled(12), seed, [&](const os::CrashState& state) {
      if (HasFatalFailure()) return;
      const std::shared_ptr<os::RecordingDirectory> again =
          must(os::RecordingDirectory::wrap(must(os::memory_directory_from("crashed", state.contents))));
      History second = run_script(*again, again, seed, 3);
      const uint64_t before = acknowledged_at(run, state.operation_count);
      second.last_tried = std::max(second.last_tried, run.last_tried);
      os::for_each_crash_state(second.log, 12, seed, [&](const os::CrashState& nested) {
        if (HasFatalFailure()) return;
        SCOPED_TRACE("seed " + std::to_string(seed) + ", " + state.describe(run.log) + "; then " +
                     nested.describe(second.log));
        expect_recovers(nested.contents, second, std::max(before, acknowledged_at(second, nested.operation_count)),
                        seed, false);
      });
    });
    if (HasFatalFailure()) return;
  }
}

struct FaultMode {
  os::FaultDuration duration;
  os::FaultEffect effect;
  ErrorCode code;
};

// The nth operation fails, then the power goes.
void expect_survives_fault(const FaultMode& mode, uint64_t seed, uint64_t nth, bool& reached) {
  const std::shared_ptr<os::RecordingDirectory> recording =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  recording->inject({.nth = nth, .kinds = {}, .code = mode.code, .duration = mode.duration, .effect = mode.effect});
  const History run = run_script(*recording, recording, seed, 14);
  reached = recording->fault_reached();
  os::CrashStates states(run.log);
  states.advance_to(run.log.operations.size());
  for (const os::CrashMode crash :
       {os::CrashMode::kDropUnsynced, os::CrashMode::kKeepAll, os::CrashMode::kRandomSectors}) {
    SCOPED_TRACE(std::string(os::to_string(crash)));
    expect_recovers(states.draw(crash, nth), run, acknowledged_at(run, run.log.operations.size()), seed, nth % 4 == 0);
    if (testing::Test::HasFatalFailure()) return;
  }
}

TEST(StoreFaults, KeepEveryAcknowledgedCommitWhicheverOperationFails) {
  const FaultMode modes[] = {
      {os::FaultDuration::kOnce, os::FaultEffect::kNothing, ErrorCode::kIo},
      {os::FaultDuration::kOnce, os::FaultEffect::kPart, ErrorCode::kStorageFull},
      {os::FaultDuration::kOnce, os::FaultEffect::kAll, ErrorCode::kIo},
      {os::FaultDuration::kSticky, os::FaultEffect::kNothing, ErrorCode::kStorageFull},
      {os::FaultDuration::kSticky, os::FaultEffect::kPart, ErrorCode::kIo},
      {os::FaultDuration::kPowerCut, os::FaultEffect::kPart, ErrorCode::kIo},
  };
  size_t fault_count = 0;
  const uint64_t stride = base::test_scale() < 1 ? 7 : 1;
  for (const FaultMode& mode : modes) {
    for (uint64_t seed = 41; seed <= 42; ++seed) {
      bool reached = true;
      for (uint64_t nth = 1; reached; nth += stride) {
        SCOPED_TRACE("fault " + std::to_string(nth) + ", mode " + std::to_string(&mode - modes) + ", seed " +
                     std::to_string(seed));
        expect_survives_fault(mode, seed, nth, reached);
        if (HasFatalFailure()) return;
        fault_count += reached ? 1 : 0;
      }
    }
  }
  EXPECT_GT(fault_count, 100U);
  RecordProperty("faults", static_cast<int>(fault_count));
}

}  // namespace
}  // namespace omendb::storage
