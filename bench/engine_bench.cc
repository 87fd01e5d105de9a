// Figures of the engine through its public door: burst and sustained ingest, reopening, replay after SIGKILL, memory and file sizes, calls.
//
//   engine_bench [--rows N] [--burst-rows N] [--dir DIR]     prints each figure beside its bar (about 8 minutes for a million rows)
//
// Every measurement runs in a process of its own: this program starts itself with `--one MODE DIR ROWS`, which prints lines of `name value`.

#include "bench/measure.h"
#include "bench/sample_vectors.h"

#include <omendb/database.h>
#include <omendb/omendb.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::bench {
namespace {

constexpr size_t kBatchRows = 1000;
constexpr uint64_t kSeed = 7;
constexpr size_t kCalls = 2000;
constexpr size_t kQueries = 200;
constexpr size_t kRounds = 5;

Table create(Database& database) {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "v", .type = Type::kVector, .vector = {.dims = kDims}});
  return unwrap(database.create_table("bench", schema), "create_table");
}

// Inserts all rows in batches of kBatchRows; returns the seconds of each statement.
std::vector<double> insert_all(Table& table, std::span<const float> vectors) {
  const size_t row_count = vectors.size() / kDims;
  std::vector<int64_t> ids(row_count);
  std::iota(ids.begin(), ids.end(), int64_t{0});
  std::vector<double> seconds;
  for (size_t first = 0; first < row_count; first += kBatchRows) {
    const size_t count = std::min(kBatchRows, row_count - first);
    const ColumnView columns[] = {{.name = "id", .ints = &ids[first]},
                                  {.name = "v", .floats = &vectors[first * kDims], .dims = kDims}};
    const double began = now_seconds();
    unwrap(table.insert({.row_count = count, .columns = columns}), "insert");
    seconds.push_back(now_seconds() - began);
  }
  return seconds;
}

void expect_found(const Table& table, std::span<const float> vectors, size_t row) {
  const Hits hits = unwrap(table.search({.vectors = vectors.subspan(row * kDims, kDims), .k = 1}), "search");
  if (hits.keys.ints.size() != 1 || hits.keys.ints[0] != static_cast<int64_t>(row))
    stop("a row just acknowledged is not found by its own vector");
}

// A burst: rows arrive faster than the graph takes them.
void burst(const std::string& path, size_t row_count) {
  const std::vector<float> vectors = sample_vectors(row_count, kSeed);
  Database database = unwrap(Database::open(path), "open");
  Table table = create(database);
  const double began = now_seconds();
  const std::vector<double> statements = insert_all(table, vectors);
  print("rows_per_second", static_cast<double>(row_count) / (now_seconds() - began));
  print("commit_p50_ms", percentile(statements, 0.5) * 1e3);
  print("commit_p99_ms", percentile(statements, 0.99) * 1e3);
  expect_found(table, vectors, row_count - 1);
}

// Until the last row is in the graph; `path` may be ":memory:", which leaves log and checkpoints out.
void sustained(const std::string& path, size_t row_count) {
  const std::vector<float> vectors = sample_vectors(row_count, kSeed);
  Database database = unwrap(Database::open(path), "open");
  Table table = create(database);
  const double began = now_seconds();
  const double cpu_began = cpu_seconds();
  const std::vector<double> statements = insert_all(table, vectors);
  const double inserted = now_seconds();
  unwrap(table.wait_for_index(), "wait_for_index");
  print("rows_per_cpu_second", static_cast<double>(row_count) / (cpu_seconds() - cpu_began));
  print("rows_per_second", static_cast<double>(row_count) / (now_seconds() - began));
  print("insert_rows_per_second", static_cast<double>(row_count) / (inserted - began));
  print("commit_p99_ms", percentile(statements, 0.99) * 1e3);
  const double closing = now_seconds();
  unwrap(database.close(), "close");
  print("close_seconds", now_seconds() - closing);
}

// A fresh process opens the database and answers. What it holds in memory before that is taken off.
void reopen(const std::string& path, size_t row_count) {
  const std::vector<float> queries = sample_vectors(kQueries, kSeed, 1);
  const double before = resident_bytes("VmRSS");
  const double anonymous_before = resident_bytes("RssAnon");
  const double began = now_seconds();
  Database database = unwrap(Database::open(path, {.create = false}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  (void)unwrap(table.search({.vectors = std::span(queries).first(kDims)}), "search");
  print("open_seconds", now_seconds() - began);
  (void)unwrap(table.search({.vectors = queries, .query_count = kQueries}), "search");
  print("rows", static_cast<double>(unwrap(table.count(), "count")));
  print("resident_bytes_per_row", (resident_bytes("VmRSS") - before) / static_cast<double>(row_count));
  print("anonymous_bytes_per_row", (resident_bytes("RssAnon") - anonymous_before) / static_cast<double>(row_count));
}

// Recall of the default search against the exact one, and the speed of both.
void quality(const std::string& path, size_t) {
  const std::vector<float> queries = sample_vectors(kQueries, kSeed, 1);
  Database database = unwrap(Database::open(path, {.create = false}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  const auto timed = [&](bool exact, double& seconds) {
    const double began = now_seconds();
    Hits hits = unwrap(table.search({.vectors = queries, .query_count = kQueries, .exact = exact}), "search");
    seconds = now_seconds() - began;
    return hits;
  };
  double found_seconds = 0;
  double exact_seconds = 0;
  const Hits wanted = timed(true, exact_seconds);
  const Hits found = timed(false, found_seconds);
  size_t right = 0;
  for (size_t query = 0; query < kQueries; ++query) {
    for (size_t at = wanted.offsets[query]; at < wanted.offsets[query + 1]; ++at) {
      const auto first = found.keys.ints.begin();
      right += static_cast<size_t>(
          std::count(first + found.offsets[query], first + found.offsets[query + 1], wanted.keys.ints[at]));
    }
  }
  print("recall", static_cast<double>(right) / static_cast<double>(wanted.keys.ints.size()));
  print("queries_per_second", kQueries / found_seconds);
  print("exact_queries_per_second", kQueries / exact_seconds);
}

// Fills the log and dies as by `kill -9`, with nothing moved into the base.
void die(const std::string& path, size_t row_count) {
  const std::vector<float> vectors = sample_vectors(row_count, kSeed);
  Database database = unwrap(Database::open(path, {.log_bytes_max = uint64_t{1} << 40}), "open");
  Table table = create(database);
  (void)insert_all(table, vectors);
  std::raise(SIGKILL);
}

void replay(const std::string& path, size_t row_count) {
  const std::vector<float> vectors = sample_vectors(row_count, kSeed);
  const double began = now_seconds();
  Database database = unwrap(Database::open(path, {.create = false}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  expect_found(table, vectors, row_count - 1);
  print("rows_per_second", static_cast<double>(row_count) / (now_seconds() - began));
  if (unwrap(table.count(), "count") != row_count) stop("rows are missing after the kill");
}

// Medians of two calls that take turns, so that a noisy moment is noisy for both.
template <typename One, typename Other>
std::pair<double, double> median_nanoseconds(One one, Other other) {
  const auto timed = [](auto& call, size_t at) {
    const auto began = std::chrono::steady_clock::now();
    call(at);
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - began).count();
  };
  std::vector<double> of_one;
  std::vector<double> of_other;
  for (size_t at = 0; at < kCalls; ++at) {
    of_one.push_back(timed(one, at));
    of_other.push_back(timed(other, at));
  }
  return {percentile(std::move(of_one), 0.5), percentile(std::move(of_other), 0.5)};
}

// Medians of so many calls in a row that the clock itself does not show, for calls of a few nanoseconds.
template <typename Call>
double nanoseconds_each(Call call) {
  std::vector<double> nanoseconds;
  for (size_t round = 0; round < kRounds; ++round) {
    const double began = now_seconds();
    for (size_t at = 0; at < kCalls; ++at) call(at);
    nanoseconds.push_back((now_seconds() - began) / kCalls * 1e9);
  }
  return percentile(std::move(nanoseconds), 0.5);
}

void c_search(omendb_table* table, std::span<const float> query) {
  omendb_query asked{};
  asked.vectors = query.data();
  asked.query_count = 1;
  asked.dims = kDims;
  asked.k = 10;
  asked.threads = 1;
  omendb_hits* hits = nullptr;
  if (omendb_search(table, &asked, &hits) != OMENDB_OK) stop(omendb_last_error());
  omendb_hits_free(hits);
}

// One search and one count through C++ and through C. Both handles only read, so one process may hold the directory twice.
void calls(const std::string& path, size_t) {
  const std::vector<float> queries = sample_vectors(kQueries, kSeed, 1);
  omendb_options options{};
  options.must_exist = 1;
  options.read_only = 1;
  omendb_database* c_database = nullptr;
  omendb_table* c_table = nullptr;
  if (omendb_open(path.c_str(), &options, &c_database) != OMENDB_OK ||
      omendb_open_table(c_database, "bench", &c_table) != OMENDB_OK) {
    stop(omendb_last_error());
  }
  Database database = unwrap(Database::open(path, {.create = false, .read_only = true}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  const auto query = [&](size_t at) { return std::span(queries).subspan(at % kQueries * kDims, kDims); };
  const auto [cpp_search_ns, c_search_ns] =
      median_nanoseconds([&](size_t at) { (void)unwrap(table.search({.vectors = query(at)}), "search"); },
                         [&](size_t at) { c_search(c_table, query(at)); });
  print("cpp_search_ns", cpp_search_ns);
  print("c_search_ns", c_search_ns);
  print("cpp_count_ns", nanoseconds_each([&](size_t) { (void)unwrap(table.count(), "count"); }));
  print("c_count_ns", nanoseconds_each([&](size_t) {
          uint64_t count = 0;
          if (omendb_count(c_table, &count) != OMENDB_OK) stop(omendb_last_error());
        }));
  omendb_table_free(c_table);
  if (omendb_close(c_database) != OMENDB_OK) stop(omendb_last_error());
}

// For bench/call_overhead.py: the median of kCallsPerTurn searches for every line that comes in, so that another process can take turns with this one.
void turns(const std::string& path, size_t) {
  constexpr size_t kCallsPerTurn = 100;
  const std::vector<float> queries = sample_vectors(kQueries, kSeed, 1);
  const Database database = unwrap(Database::open(path, {.create = false, .read_only = true}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  size_t at = 0;
  for (std::string line; std::getline(std::cin, line);) {
    std::vector<double> seconds;
    for (size_t call = 0; call < kCallsPerTurn; ++call, ++at) {
      const double began = now_seconds();
      (void)unwrap(table.search({.vectors = std::span(queries).subspan(at % kQueries * kDims, kDims)}), "search");
      seconds.push_back(now_seconds() - began);
    }
    print("cpp_search_ns", percentile(std::move(seconds), 0.5) * 1e9);
    std::cout.flush();
  }
}

// The queries of `turns` as raw floats in the file `path`.
void write_queries(const std::string& path, size_t) {
  const std::vector<float> values = sample_vectors(kQueries, kSeed, 1);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(float)));
  if (!file.flush()) stop("can not write " + path);
}

const std::map<std::string_view, void (*)(const std::string&, size_t)> kModes = {
    {"burst", burst},   {"sustained", sustained}, {"reopen", reopen}, {"quality", quality},      {"die", die},
    {"replay", replay}, {"calls", calls},         {"turns", turns},   {"queries", write_queries}};

// Runs one mode in a fresh process and returns what it printed.
Figures run(const char* mode, const std::string& path, size_t row_count, Ending expected = Ending::kSuccess) {
  const std::string arguments[] = {mode, path, std::to_string(row_count)};
  return run_one(arguments, expected);
}

// Bytes of the files of one kind, by the vectors they must hold: the largest file is the one of the vectors.
double largest_file_bytes(const std::string& path) {
  double largest = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file()) largest = std::max(largest, static_cast<double>(entry.file_size()));
  }
  return largest;
}

void report_ingest(const std::string& folder, size_t burst_rows, size_t row_count) {
  const Figures fast = run("burst", folder + "/burst", burst_rows);
  show("durable ingest, burst", fast.at("rows_per_second"), "rows/s", "bar: 100,000");
  show("  one commit of 1,000 rows, p99", fast.at("commit_p99_ms"), "ms", "");
  const Figures memory = run("sustained", ":memory:", row_count);
  const Figures disk = run("sustained", folder + "/full", row_count);
  show("build rate, nothing on disk", memory.at("rows_per_second"), "rows/s", "");
  show("sustained durable ingest over the build rate", disk.at("rows_per_second") / memory.at("rows_per_second"), "x",
       "bar: 0.95");
  show("  the same per processor second", disk.at("rows_per_cpu_second") / memory.at("rows_per_cpu_second"), "x", "");
  show("  one commit of 1,000 rows, p99", disk.at("commit_p99_ms"), "ms", "bar: 50");
  show("  close", disk.at("close_seconds"), "s", "");
}

void report_rest(const std::string& folder, size_t burst_rows, size_t row_count) {
  const std::string full = folder + "/full";
  const double raw_bytes = static_cast<double>(row_count * kDims * sizeof(float));
  show("vector file over raw vectors, after close", largest_file_bytes(full) / raw_bytes, "x",
       "bar: 1.0001 at a million rows");
  const Figures opened = run("reopen", full, row_count);
  show("open a closed database until the first answer", opened.at("open_seconds"), "s", "");
  show("resident bytes a row after reopening", opened.at("resident_bytes_per_row"), "bytes",
       "bar: 720 at a million rows");
  show("  of it not backed by files", opened.at("anonymous_bytes_per_row"), "bytes", "");
  const Figures answers = run("quality", full, row_count);
  show("recall@10 with default settings", answers.at("recall"), "", "bar: 0.95");
  show("  batch queries a second, one thread", answers.at("queries_per_second"), "1/s", "");
  show("  comparing with every row", answers.at("exact_queries_per_second"), "1/s", "");
  (void)run("die", folder + "/killed", burst_rows, Ending::kKilled);
  const Figures replayed = run("replay", folder + "/killed", burst_rows);
  show("reopen after SIGKILL, log replayed and searchable", replayed.at("rows_per_second"), "rows/s",
       "bar: about 300,000");
  const Figures called = run("calls", full, row_count);
  show("C call over C++ call, count()", called.at("c_count_ns") - called.at("cpp_count_ns"), "ns", "bar: 100");
  show("one search in C++", called.at("cpp_search_ns") / 1e3, "us", "");
  show("one search in C", called.at("c_search_ns") / 1e3, "us", "");
}

int all(const std::string& parent, size_t burst_rows, size_t row_count) {
  const std::string folder = make_folder(parent, "engine-bench");
  std::printf("engine_bench: burst %zu, else %zu rows of %zu floats, commits of %zu rows\n", burst_rows, row_count,
              kDims, kBatchRows);
  report_ingest(folder, burst_rows, row_count);
  report_rest(folder, burst_rows, row_count);
  std::filesystem::remove_all(folder);
  return 0;
}

int main_of(std::span<char*> arguments) {
  if (arguments.size() == 5 && std::string_view(arguments[1]) == "--one") {
    const auto mode = kModes.find(arguments[2]);
    if (mode == kModes.end()) stop("no such mode");
    mode->second(arguments[3], std::strtoull(arguments[4], nullptr, 10));
    return 0;
  }
  size_t row_count = 1'000'000;
  size_t burst_rows = 200'000;
  std::string parent = std::filesystem::temp_directory_path().string();
  for (size_t at = 1; at + 1 < arguments.size(); at += 2) {
    const std::string_view name = arguments[at];
    if (name == "--rows") row_count = std::strtoull(arguments[at + 1], nullptr, 10);
    if (name == "--burst-rows") burst_rows = std::strtoull(arguments[at + 1], nullptr, 10);
    if (name == "--dir") parent = arguments[at + 1];
  }
  if (arguments.size() % 2 == 0 || row_count == 0 || burst_rows == 0)
    stop("usage: engine_bench [--rows N] [--burst-rows N] [--dir DIR]");
  return all(parent, burst_rows, row_count);
}

}  // namespace
}  // namespace omendb::bench

int main(int argument_count, char** arguments) {
  return omendb::bench::main_of({arguments, static_cast<size_t>(argument_count)});
}
