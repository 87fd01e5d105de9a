// A process that ingests is killed at random moments, again and again on the same directory: every acknowledged row is there, nothing is half
// there, the database always opens.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/temporary_directory.h"
#include "tests/ingest_script.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace omendb::test {
namespace {

constexpr size_t kKillsPerDirectory = 25;

// How far each writer is: what the survivor knows.
struct Progress {
  std::array<TableModel, kWriterCount> models;  // after the statements below `next`
  std::array<uint64_t, kWriterCount> next{};    // first statement that is not known to be there
};

class IngestProcess {
 public:
  IngestProcess(const std::string& path, uint64_t seed, const Progress& progress, uint64_t log_bytes_max) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), 0) != 0) std::abort();
    ::fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    std::vector<std::string> words = {OMENDB_INGEST_WRITER, path, std::to_string(seed), std::to_string(ends[1])};
    for (const uint64_t next : progress.next) words.push_back(std::to_string(next));
    words.push_back(std::to_string(log_bytes_max));
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&process_, arguments[0], nullptr, nullptr, arguments.data(), environ) != 0) std::abort();
    ::close(ends[1]);
    pipe_ = ends[0];
  }
  ~IngestProcess() { ::close(pipe_); }

  // Whatever was acknowledged until now, waiting for one acknowledgement when `wait` is set. False when the process has ended.
  bool read_acknowledgements(Progress& acknowledged, bool wait) {
    if (!wait) ::fcntl(pipe_, F_SETFL, O_NONBLOCK);
    std::array<Acknowledgement, 256> lines;
    const ssize_t got = ::read(pipe_, lines.data(), wait ? sizeof(Acknowledgement) : sizeof(lines));
    for (size_t i = 0; i < (got < 0 ? 0 : static_cast<size_t>(got)) / sizeof(Acknowledgement); ++i) {
      acknowledged.next.at(lines[i].writer) = lines[i].number + 1;
    }
    return got > 0;
  }

  // True when it died of the kill and not of anything else.
  bool kill_and_wait() {
    ::kill(process_, SIGKILL);
    int status = 0;
    ::waitpid(process_, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t process_ = 0;
  int pipe_ = -1;
};

DatabaseModel rows_of_writer(const DatabaseModel& all, uint32_t writer) {
  DatabaseModel part;
  const auto table = all.find(kIngestTable);
  TableModel& rows = part[kIngestTable];
  rows.schema = ingest_schema();
  if (table == all.end()) return part;
  for (const auto& [key, row] : table->second.rows) {
    if (writer_of(std::get<int64_t>(key)) == writer) rows.rows.emplace(key, row);
  }
  return part;
}

// Brings the writer's model to what was acknowledged, then to one further if that is what is there.
void expect_writer(uint64_t seed, uint32_t writer, uint64_t acknowledged, const DatabaseModel& found,
                   Progress& progress) {
  DatabaseModel model;
  model[kIngestTable] = std::move(progress.models.at(writer));
  uint64_t& next = progress.next.at(writer);
  for (; next < acknowledged; ++next) perform(model, ingest_statement(seed, writer, next));
  const DatabaseModel rows = rows_of_writer(found, writer);
  std::string fault = difference(model, rows);
  if (!fault.empty()) {
    // The statement under way when the process died may have been durable already: then it is there as a whole.
    const std::string without = fault;
    perform(model, ingest_statement(seed, writer, next));
    fault = difference(model, rows);
    EXPECT_EQ(fault, "") << "writer " << writer << ", statement " << next << "; without that statement: " << without;
    ++next;
  }
  progress.models.at(writer) = std::move(model[kIngestTable]);
}

void verify(const std::string& path, uint64_t seed, const Progress& acknowledged, Progress& progress, bool read_only) {
  OpenOptions options;
  options.read_only = read_only;
  auto opened = Database::open(path, options);
  if (read_only && !opened.ok() && acknowledged.next == std::array<uint64_t, kWriterCount>{})
    return;  // killed before there was anything to read
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const auto checked = opened->check();
  ASSERT_TRUE(checked.ok()) << checked.error().message;
  const DatabaseModel found = read_all(*opened);
  for (uint32_t writer = 0; writer < kWriterCount; ++writer)
    expect_writer(seed, writer, acknowledged.next.at(writer), found, progress);
  const auto closed = opened->close();
  ASSERT_TRUE(closed.ok()) << closed.error().message;
}

// One life: start, let it work for a while, kill it, look.
void live_and_die(const std::string& path, uint64_t seed, base::Random& random, Progress& progress) {
  Progress acknowledged;
  acknowledged.next = progress.next;
  const uint64_t log_bytes_max = random.one_in(2) ? 64ULL << 10 : 256ULL << 20;
  {
    IngestProcess process(path, seed, progress, log_bytes_max);
    // Half of the kills fall into opening and recovery, half into the work.
    if (random.one_in(2)) process.read_acknowledgements(acknowledged, true);
    std::this_thread::sleep_for(std::chrono::microseconds(random.below(60'000)));
    ASSERT_TRUE(process.kill_and_wait()) << "the writer ended by itself";
    while (process.read_acknowledgements(acknowledged, false)) {
    }
  }
  // Looking without writing leaves the next life to recover from this death itself.
  verify(path, seed, acknowledged, progress, random.one_in(2));
}

TEST(Kill, EveryAcknowledgedRowSurvivesAKilledProcess) {
  const size_t kill_count = base::scaled(200);
  uint64_t statement_count = 0;
  for (size_t done = 0; done < kill_count;) {
    const os::TemporaryDirectory directory;
    const std::string path = directory.path() + "/ingest.omen";
    const uint64_t seed = 1000 + done;
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    Progress progress;
    for (TableModel& model : progress.models) model.schema = ingest_schema();
    for (size_t i = 0; i < kKillsPerDirectory && done < kill_count; ++i, ++done) {
      SCOPED_TRACE("kill " + std::to_string(done));
      live_and_die(path, seed, random, progress);
      if (HasFailure()) return;
    }
    for (const uint64_t next : progress.next) statement_count += next;
  }
  std::printf("%zu kills over %llu statements\n", kill_count, static_cast<unsigned long long>(statement_count));
  EXPECT_GT(statement_count, kill_count) << "the kills must fall into work";
}

}  // namespace
}  // namespace omendb::test
