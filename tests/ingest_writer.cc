// Ingests until somebody kills it: two writers, each acknowledging a statement over a pipe when the database has acknowledged it.
// Arguments: directory, seed, descriptor of the pipe, first statement of writer 0, first statement of writer 1, log size at which to checkpoint.

#include <omendb/database.h>

#include "tests/ingest_script.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

namespace omendb::test {
namespace {

[[noreturn]] void stop(const std::string& why) {
  std::fprintf(stderr, "the writer gave up: %s\n", why.c_str());
  _exit(3);
}

void write_for_ever(Database database, uint64_t seed, uint32_t writer, uint64_t first_number, int pipe) {
  for (uint64_t number = first_number;; ++number) {
    const auto result = perform(database, ingest_statement(seed, writer, number));
    if (!result.ok()) stop(result.error().message);
    const Acknowledgement line{writer, 0, number};
    if (::write(pipe, &line, sizeof(line)) != static_cast<ssize_t>(sizeof(line))) _exit(0);  // nobody listens any more
  }
}

int run(const std::vector<std::string>& arguments) {
  OpenOptions options;
  options.log_bytes_max = std::stoull(arguments[6]);
  auto database = Database::open(arguments[1], options);
  if (!database.ok()) stop(database.error().message);
  const auto table = database->create_table(kIngestTable, ingest_schema(), true);
  if (!table.ok()) stop(table.error().message);
  std::vector<std::thread> writers;
  for (uint32_t writer = 0; writer < kWriterCount; ++writer) {
    const uint64_t first_number = std::stoull(arguments[4 + writer]);
    writers.emplace_back(write_for_ever, *database, std::stoull(arguments[2]), writer, first_number,
                         std::stoi(arguments[3]));
  }
  for (std::thread& thread : writers) thread.join();
  return 0;
}

}  // namespace
}  // namespace omendb::test

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  return arguments.size() == 7 ? omendb::test::run(arguments) : 2;
}
