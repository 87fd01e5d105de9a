// Every operation fails once, and from then on: statements answer with an error or succeed, and what succeeded survives.

#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/recording_file.h"
#include "tests/database_model.h"
#include "tests/statement_script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace omendb::test {
namespace {

using Contents = std::map<std::string, std::vector<std::byte>>;

bool changes_content(const Statement& statement) { return statement.kind <= StatementKind::kDrop; }

// What a reopened database may hold: every acknowledged statement; and, of those that failed since the last success, possibly one.
struct Expectation {
  DatabaseModel model;
  std::vector<DatabaseModel> with_failed;

  bool allows(const DatabaseModel& found) const {
    return difference(model, found).empty() ||
           std::any_of(with_failed.begin(), with_failed.end(),
                       [&](const DatabaseModel& other) { return difference(other, found).empty(); });
  }
};

// Statements behind a failed drop or create meet a table of another shape: they could not even be written down.
bool fits(const DatabaseModel& model, const Statement& statement) {
  const auto table = model.find(statement.table);
  return table == model.end() || statement.rows.empty() ||
         statement.rows.front().size() == table->second.schema.columns.size();
}

void run_statement(database::Engine& engine, const Statement& statement, const os::Fault& fault,
                   Expectation& expected) {
  if (!fits(expected.model, statement)) return;
  DatabaseModel after = expected.model;
  const Answer wanted = perform(after, statement);
  const auto result = perform(engine, statement);
  const bool wrote = changes_content(statement);
  if (result.ok()) {
    EXPECT_EQ(describe(answer_of(result)), describe(wanted));
    if (wrote && difference(after, expected.model) != "") expected.with_failed.clear();
    expected.model = std::move(after);
    return;
  }
  EXPECT_TRUE(result.error().code == fault.code || result.error().code == ErrorCode::kIo ||
              wanted.error == result.error().code)
      << result.error().message;
  if (wrote && !wanted.error) expected.with_failed.push_back(std::move(after));
  EXPECT_EQ(difference(expected.model, read_all(engine)), "") << "after the failed statement";
}

void expect_reopens(const Contents& contents, const Expectation& expected) {
  const auto engine = open_engine(base::must(os::memory_directory_from("reopened", contents)), false);
  ASSERT_TRUE(engine.ok()) << engine.error().message;
  const auto checked = (*engine)->check();
  EXPECT_TRUE(checked.ok()) << checked.error().message;
  const DatabaseModel found = read_all(**engine);
  EXPECT_TRUE(expected.allows(found)) << difference(expected.model, found);
  // It goes on: a new table, a new row.
  const Statement create{StatementKind::kCreate, "afterwards", vector_schema(2), {}, {}};
  EXPECT_EQ(base::message_of(perform(**engine, create)), "");
  EXPECT_EQ(base::message_of(perform(
                **engine, {StatementKind::kInsert, "afterwards", {}, {{Value(int64_t{1}), Value(Floats{1, 2})}}, {}})),
            "");
  EXPECT_EQ(base::message_of((*engine)->close()), "");
}

// Runs the script with the fault armed; returns whether it struck.
bool run_with_fault(const std::vector<Statement>& script, const os::Fault& fault) {
  const std::shared_ptr<os::Directory> memory = os::memory_directory("faulty");
  const std::shared_ptr<os::RecordingDirectory> directory = base::must(os::RecordingDirectory::wrap(memory));
  Expectation expected;
  directory->inject(fault);
  auto engine = open_engine(directory, false);
  if (engine.ok()) {
    for (const Statement& statement : script) {
      SCOPED_TRACE(describe(statement));
      run_statement(**engine, statement, fault, expected);
      if (testing::Test::HasFailure()) return false;
    }
  } else {
    EXPECT_TRUE(engine.error().code == fault.code || engine.error().code == ErrorCode::kIo) << engine.error().message;
  }
  {
    SCOPED_TRACE("reopened after a crash");
    expect_reopens(base::must(os::snapshot_contents(*memory)), expected);
  }
  if (engine.ok()) {
    SCOPED_TRACE("reopened after closing");
    const bool closed = (*engine)->close().ok();
    EXPECT_TRUE(closed || directory->fault_reached());
    engine = Error{ErrorCode::kClosed, ""};
    expect_reopens(base::must(os::snapshot_contents(*memory)), expected);
  }
  return directory->fault_reached();
}

void sweep(const std::vector<Statement>& script, os::Fault fault, size_t step) {
  size_t struck = 0;
  for (fault.nth = 1;; fault.nth += step) {
    SCOPED_TRACE("fault at operation " + std::to_string(fault.nth));
    if (!run_with_fault(script, fault) || testing::Test::HasFailure()) break;
    ++struck;
  }
  std::printf("%zu faults\n", struck);
  EXPECT_GT(struck, 3U);
}

size_t step_of_scale() { return base::test_scale() < 1 ? 7 : 1; }

TEST(Faults, AnOperationThatFailsOnceLosesNothingAcknowledged) {
  const std::vector<Statement> script = statement_script(11, false);
  for (const os::FaultEffect effect : {os::FaultEffect::kNothing, os::FaultEffect::kPart, os::FaultEffect::kAll}) {
    SCOPED_TRACE("effect " + std::to_string(static_cast<int>(effect)));
    sweep(script,
          {.nth = 1, .kinds = {}, .code = ErrorCode::kIo, .duration = os::FaultDuration::kOnce, .effect = effect},
          step_of_scale());
  }
}

TEST(Faults, OperationsThatFailForEverLoseNothingAcknowledged) {
  const std::vector<Statement> script = statement_script(12, false);
  sweep(script, {.nth = 1, .kinds = {}, .code = ErrorCode::kIo, .duration = os::FaultDuration::kSticky},
        step_of_scale());
}

TEST(Faults, ADiskThatFillsUpLosesNothingAcknowledged) {
  const std::vector<Statement> script = statement_script(13, false);
  for (const os::FaultDuration duration : {os::FaultDuration::kOnce, os::FaultDuration::kSticky}) {
    sweep(script,
          {.nth = 1, .kinds = os::space_taking_operations(), .code = ErrorCode::kStorageFull, .duration = duration},
          step_of_scale());
  }
}

TEST(Faults, WithAGraphNothingAcknowledgedIsLostEither) {
  const std::vector<Statement> script = statement_script(14, true);
  const size_t step = base::test_scale() < 1 ? 29 : 3;
  sweep(script, {.nth = 1, .kinds = {}, .code = ErrorCode::kIo, .duration = os::FaultDuration::kOnce}, step);
  sweep(script,
        {.nth = 1,
         .kinds = os::space_taking_operations(),
         .code = ErrorCode::kStorageFull,
         .duration = os::FaultDuration::kOnce},
        step);
}

std::vector<Statement> with_moves(const std::vector<Statement>& script) {
  std::vector<Statement> moved;
  for (const Statement& statement : script) {
    moved.push_back(statement);
    const bool writes = statement.kind == StatementKind::kInsert || statement.kind == StatementKind::kUpsert;
    if (writes) moved.push_back({StatementKind::kMove, statement.table, {}, {}, {}});
  }
  return moved;
}

TEST(Faults, RowsThatAreBeingMovedAreNotLostEither) {
  const std::vector<Statement> script = with_moves(statement_script(16, false));
  for (const os::FaultDuration duration : {os::FaultDuration::kOnce, os::FaultDuration::kSticky}) {
    sweep(script, {.nth = 1, .kinds = {}, .code = ErrorCode::kIo, .duration = duration}, step_of_scale());
    sweep(script,
          {.nth = 1, .kinds = os::space_taking_operations(), .code = ErrorCode::kStorageFull, .duration = duration},
          step_of_scale());
  }
}

// When space that was asked for ahead of time was refused, nothing is broken: as soon as there is room, statements succeed again.
TEST(Faults, RoomThatComesBackIsEnoughToGoOn) {
  const std::vector<Statement> script = statement_script(15, false);
  for (uint64_t nth = 1;; ++nth) {
    SCOPED_TRACE("fault at operation " + std::to_string(nth));
    const std::shared_ptr<os::RecordingDirectory> directory =
        base::must(os::RecordingDirectory::wrap(os::memory_directory("full")));
    const auto engine = base::must(open_engine(directory, false));
    directory->inject(
        {.nth = nth,
         .kinds = {os::OperationKind::kCreate, os::OperationKind::kAllocate, os::OperationKind::kTruncate},
         .code = ErrorCode::kStorageFull,
         .duration = os::FaultDuration::kSticky});
    DatabaseModel model;
    bool failed = false;
    for (const Statement& statement : script) {
      SCOPED_TRACE(describe(statement));
      DatabaseModel after = model;
      const Answer wanted = perform(after, statement);
      auto result = perform(*engine, statement);
      if (!result.ok() && result.error().code == ErrorCode::kStorageFull) {
        failed = true;
        directory->clear_fault();
        ASSERT_EQ(difference(model, read_all(*engine)), "");
        result = perform(*engine, statement);
      }
      ASSERT_EQ(describe(answer_of(result)), describe(wanted)) << base::message_of(result);
      model = std::move(after);
    }
    ASSERT_EQ(difference(model, read_all(*engine)), "");
    ASSERT_EQ(base::message_of(engine->check()), "");
    if (!failed) break;
    ASSERT_LT(nth, 10'000U);
  }
}

}  // namespace
}  // namespace omendb::test
