// turnover, delete and mixed: the graph while rows come and go.

#include "bench/index_modes.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <numeric>
#include <optional>
#include <random>
#include <thread>

#include <malloc.h>
#include <sys/resource.h>

namespace omendb::bench {
namespace {

constexpr size_t kQueries = 1000;
constexpr size_t kTurnovers = 10;
constexpr size_t kTurnoverEf = 64;
constexpr size_t kLatencyRounds = 5;
constexpr size_t kMixedSteps = 12;
constexpr uint64_t kOrderSeed = 1;

// The live rows of a table under turnover, in places that new rows take over from old ones.
struct LiveRows {
  std::vector<float> vectors;
  std::vector<int64_t> keys;
};

double recall_at(const Table& table, std::span<const float> queries, size_t ef) {
  const Hits wanted = exact_neighbors(table, queries, kQueries);
  const SearchQuery query{.vectors = queries, .query_count = kQueries, .k = kK, .ef = ef, .threads = 0};
  return recall(wanted, unwrap(table.search(query), "search"));
}

// Rows that a search by their own vector does not bring back at distance 0.
size_t count_lost(const Table& table, const LiveRows& live, size_t ef) {
  constexpr size_t kPerSearch = 10'000;
  const size_t dims = live.vectors.size() / live.keys.size();
  size_t lost = 0;
  for (size_t first = 0; first < live.keys.size(); first += kPerSearch) {
    const size_t count = std::min(kPerSearch, live.keys.size() - first);
    const auto vectors = std::span(live.vectors).subspan(first * dims, count * dims);
    const Hits hits =
        unwrap(table.search({.vectors = vectors, .query_count = count, .k = kK, .ef = ef, .threads = 0}), "search");
    for (size_t query = 0; query < count; ++query) {
      bool found = false;
      for (size_t at = hits.offsets[query]; at < hits.offsets[query + 1]; ++at)
        found = found || (hits.keys.ints[at] == live.keys[first + query] && hits.distances[at] == 0);
      lost += found ? 0 : 1;
    }
  }
  return lost;
}

// Replaces every row, 1,000 random old ones at a time.
void turn_over(Table& table, RowSource& source, LiveRows& live, int64_t& next_key, std::mt19937_64& random) {
  const size_t dims = source.dims();
  std::vector<size_t> order(live.keys.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::shuffle(order.begin(), order.end(), random);
  std::vector<int64_t> old_keys;
  std::vector<int64_t> new_keys;
  for (size_t first = 0; first < order.size(); first += kBatchRows) {
    const size_t count = std::min(kBatchRows, order.size() - first);
    const std::vector<float> vectors = source.rows(static_cast<size_t>(next_key), count);
    old_keys.clear();
    new_keys.clear();
    for (size_t i = 0; i < count; ++i, ++next_key) {
      const size_t place = order[first + i];
      old_keys.push_back(live.keys[place]);
      new_keys.push_back(next_key);
      live.keys[place] = next_key;
      std::copy_n(&vectors[i * dims], dims, &live.vectors[place * dims]);
    }
    if (unwrap(table.erase({.ints = old_keys, .strings = {}}), "erase") != count) stop("rows to delete are missing");
    insert(table, vectors, new_keys);
  }
}

void print_latency(const std::string& of, const Latency& latency) {
  print(of + "p50_us", latency.p50_us);
  print(of + "p99_us", latency.p99_us);
}

Latency medians(const std::vector<Latency>& rounds) {
  std::vector<double> p50;
  std::vector<double> p99;
  for (const Latency& round : rounds) {
    p50.push_back(round.p50_us);
    p99.push_back(round.p99_us);
  }
  return {median(p50), median(p99), 0};
}

// The same rows in a table that has never seen others; both answer in turns.
void compare_with_fresh(const Table& old, const LiveRows& live, const std::string& folder,
                        std::span<const float> queries, const std::string& of) {
  Database database = unwrap(Database::open(folder), "open");
  const size_t dims = live.vectors.size() / live.keys.size();
  Table fresh = create_table(database, {.dims = static_cast<uint32_t>(dims)});
  for (size_t first = 0; first < live.keys.size(); first += kBatchRows) {
    const size_t count = std::min(kBatchRows, live.keys.size() - first);
    insert(fresh, std::span(live.vectors).subspan(first * dims, count * dims),
           std::span(live.keys).subspan(first, count));
  }
  wait_for_index(fresh, "turnover, fresh table");
  print(of + "fresh_recall", recall_at(fresh, queries, kTurnoverEf));
  print(of + "fresh_lost", static_cast<double>(count_lost(fresh, live, kTurnoverEf)));
  print(of + "fresh_memory", memory_bytes(unwrap(fresh.stats(), "stats")));
  std::vector<Latency> of_old;
  std::vector<Latency> of_fresh;
  for (size_t round = 0; round < kLatencyRounds; ++round) {
    of_old.push_back(latency_of(search_seconds(old, queries, kQueries, kTurnoverEf)));
    of_fresh.push_back(latency_of(search_seconds(fresh, queries, kQueries, kTurnoverEf)));
  }
  print_latency(of, medians(of_old));
  print_latency(of + "fresh_", medians(of_fresh));
  unwrap(database.close(), "close");
}

uint64_t dead_rows_linked(const TableStats& stats) {
  const uint64_t linked = stats.indexes.front().linked_row_count;
  const uint64_t live = stats.row_count - stats.tail_row_count;
  return linked - std::min(linked, live);
}

void print_state(const Table& table, const Options& options, const std::string& of) {
  const TableStats stats = unwrap(table.stats(), "stats");
  print(of + "anonymous", resident_bytes("RssAnon"));
  print(of + "memory", memory_bytes(stats));
  print(of + "files", folder_bytes(options.folder));
  print(of + "dead_linked", static_cast<double>(dead_rows_linked(stats)));
}

// Waits, by looking every few milliseconds, until no row waits and so few dead ones are in the graph that no turn of repair is due (one in 50).
double seconds_until_repaired(const Table& table, double began) {
  for (;;) {
    const TableStats stats = unwrap(table.stats(), "stats");
    const uint64_t due = std::max<uint64_t>(64, stats.indexes.front().linked_row_count / 50);
    if (stats.tail_row_count == 0 && dead_rows_linked(stats) < due) return now_seconds() - began;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// One search beside the writer. Its processor time tells what the search itself does from what it waits for a processor; where it gave the processor away, it waited for
// a lock or for the disk.
struct Sample {
  size_t step;
  bool writing;  // or linking, after the writer has stopped
  double seconds;
  double cpu_seconds;
  bool blocked;
};

long waits_of_thread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

double thread_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

Sample timed_search(const Table& table, std::span<const float> queries, size_t number) {
  const size_t dims = queries.size() / kQueries;
  const auto query = queries.subspan(number % kQueries * dims, dims);
  const long waits_before = waits_of_thread();
  const double cpu_began = thread_cpu_seconds();
  const double began = now_seconds();
  (void)unwrap(table.search({.vectors = query, .k = kK}), "search");
  Sample sample{};
  sample.seconds = now_seconds() - began;
  sample.cpu_seconds = thread_cpu_seconds() - cpu_began;
  sample.blocked = waits_of_thread() != waits_before;
  return sample;
}

void print_samples(const std::string& of, const std::vector<Sample>& samples) {
  std::vector<double> seconds;
  std::vector<double> cpu;
  std::vector<double> blocked;
  for (const Sample& sample : samples) {
    seconds.push_back(sample.seconds);
    cpu.push_back(sample.cpu_seconds);
    if (sample.blocked) blocked.push_back(sample.seconds);
  }
  const Latency latency = latency_of(seconds);
  print(of + "count", static_cast<double>(samples.size()));
  print_latency(of, latency);
  print(of + "max_us", latency.max_us);
  print(of + "cpu_p99_us", latency_of(cpu).p99_us);
  print(of + "blocked_count", static_cast<double>(blocked.size()));
  print(of + "blocked_max_us", latency_of(blocked).max_us);
}

// What the same searches cost while nothing else goes on: the round whose p99 is the median of three.
std::vector<Sample> idle_samples(const Table& table, std::span<const float> queries) {
  std::vector<std::vector<Sample>> rounds(kRounds);
  for (std::vector<Sample>& round : rounds) {
    for (size_t query = 0; query < kQueries; ++query) round.push_back(timed_search(table, queries, query));
  }
  const auto p99 = [](const std::vector<Sample>& round) {
    std::vector<double> seconds(round.size());
    std::transform(round.begin(), round.end(), seconds.begin(), [](const Sample& sample) { return sample.seconds; });
    return percentile(std::move(seconds), 0.99);
  };
  std::sort(rounds.begin(), rounds.end(), [&](const auto& a, const auto& b) { return p99(a) < p99(b); });
  return rounds[kRounds / 2];
}

// Searches one query after the other on a thread of its own, from start() to finish().
class Searcher {
 public:
  Searcher(const Table& table, std::span<const float> queries) : table_(table), queries_(queries) {}
  ~Searcher() { finish(); }

  void now_in(size_t step, bool writing) { state_ = 2 * step + (writing ? 1 : 0); }
  void start() {
    stopping_ = false;
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  void finish() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After finish(): of one step, or of all.
  std::vector<Sample> samples(bool writing, std::optional<size_t> step = {}) const {
    std::vector<Sample> chosen;
    for (const Sample& sample : samples_) {
      if (sample.writing == writing && sample.step == step.value_or(sample.step)) chosen.push_back(sample);
    }
    return chosen;
  }

 private:
  void run() {
    while (!stopping_) {
      const size_t state = state_;
      Sample sample = timed_search(table_, queries_, samples_.size());
      sample.step = state / 2;
      sample.writing = state % 2 == 1;
      samples_.push_back(sample);
    }
  }

  const Table& table_;
  std::span<const float> queries_;
  std::atomic<size_t> state_{0};
  std::atomic<bool> stopping_{false};
  std::vector<Sample> samples_;
  std::thread thread_;
};

void insert_step(Table& table, std::span<const float> vectors, size_t first, size_t last) {
  const size_t dims = vectors.size() / (last - first);
  std::vector<int64_t> keys;
  for (size_t row = first; row < last; row += keys.size()) {
    keys.resize(std::min(kBatchRows, last - row));
    std::iota(keys.begin(), keys.end(), static_cast<int64_t>(row));
    insert(table, vectors.subspan((row - first) * dims, keys.size() * dims), keys);
  }
}

std::string step_name(size_t step) { return "step" + std::to_string(step + 1) + "."; }

}  // namespace

void turnover(const Options& options) {
  RowSource source(options.files);
  const std::vector<float> queries = source.queries(kQueries);
  Database database = unwrap(Database::open(options.folder), "open");
  Table table = create_table(database, {.dims = static_cast<uint32_t>(source.dims())});
  LiveRows live{source.rows(0, options.row_count), std::vector<int64_t>(options.row_count)};
  std::iota(live.keys.begin(), live.keys.end(), int64_t{0});
  fill(table, source, 0, options.row_count, "turnover");
  wait_for_index(table, "turnover");
  print_state(table, options, "turnover0.");
  print("turnover0.recall", recall_at(table, queries, kTurnoverEf));
  print("turnover0.lost", static_cast<double>(count_lost(table, live, kTurnoverEf)));
  auto next_key = static_cast<int64_t>(options.row_count);
  std::mt19937_64 random(kOrderSeed);
  for (size_t turn = 1; turn <= kTurnovers; ++turn) {
    const std::string of = "turnover" + std::to_string(turn) + ".";
    const double began = now_seconds();
    turn_over(table, source, live, next_key, random);
    print(of + "seconds", seconds_until_repaired(table, began));
    unwrap(table.wait_for_index(), "wait_for_index");
    (void)malloc_trim(0);  // what the comparison before has left
    print_state(table, options, of);
    print(of + "recall", recall_at(table, queries, kTurnoverEf));
    const size_t lost = count_lost(table, live, kTurnoverEf);
    print(of + "lost", static_cast<double>(lost));
    if (turn == 1 || turn == kTurnovers / 2 || turn == kTurnovers) {
      const std::string folder = options.folder + "-fresh";
      compare_with_fresh(table, live, folder, queries, of);
      std::filesystem::remove_all(folder);
    }
    std::fprintf(stderr, "turnover: %zu of %zu, %zu rows do not find themselves\n", turn, kTurnovers, lost);
  }
  unwrap(database.check(), "check");
  unwrap(database.close(), "close");
  print("closed_files", folder_bytes(options.folder));
}

void delete_half(const Options& options) {
  RowSource source(options.files);
  Database database = unwrap(Database::open(options.folder, {.threads = 2}), "open");
  Table table = create_table(database, {.dims = static_cast<uint32_t>(source.dims())});
  const auto row_count = static_cast<double>(options.row_count);
  double began = now_seconds();
  double cpu_began = cpu_seconds();
  fill(table, source, 0, options.row_count, "delete");
  print("insert_rows_per_second", row_count / seconds_until_repaired(table, began));
  print("insert_rows_per_cpu_second", row_count / (cpu_seconds() - cpu_began));
  unwrap(table.wait_for_index(), "wait_for_index");
  print("insert_wait_rows_per_second", row_count / (now_seconds() - began));
  std::vector<int64_t> keys(options.row_count);
  std::iota(keys.begin(), keys.end(), int64_t{0});
  std::mt19937_64 random(kOrderSeed);
  std::shuffle(keys.begin(), keys.end(), random);
  const size_t half = options.row_count / 2;
  const auto deleted = static_cast<double>(half);
  began = now_seconds();
  cpu_began = cpu_seconds();
  for (size_t first = 0; first < half; first += kBatchRows) {
    const auto batch = std::span<const int64_t>(keys).subspan(first, std::min(kBatchRows, half - first));
    unwrap(table.erase({.ints = batch, .strings = {}}), "erase");
  }
  print("statements_rows_per_second", deleted / (now_seconds() - began));
  print("rows_per_second", deleted / seconds_until_repaired(table, began));
  print("rows_per_cpu_second", deleted / (cpu_seconds() - cpu_began));
  unwrap(table.wait_for_index(), "wait_for_index");
  print("wait_rows_per_second", deleted / (now_seconds() - began));
  unwrap(database.check(), "check");
}

void mixed(const Options& options) {
  const bool stops = options.variant.ends_with(":stops");
  RowSource source(options.files);
  const std::vector<float> queries = source.queries(kQueries);
  const std::vector<float> vectors = source.rows(0, options.row_count);
  OpenOptions opening;
  opening.threads = 1;
  opening.tail_bytes_max = std::strtoull(options.variant.c_str(), nullptr, 10);
  Database database = unwrap(Database::open(options.folder, opening), "open");
  Table table = create_table(database, {.dims = static_cast<uint32_t>(source.dims())});
  Searcher searcher(table, queries);
  const size_t step_rows = options.row_count / kMixedSteps;
  for (size_t step = 0; step < kMixedSteps; ++step) {
    searcher.now_in(step, true);
    searcher.start();
    const double began = now_seconds();
    const size_t first = step * step_rows;
    insert_step(table, std::span(vectors).subspan(first * source.dims(), step_rows * source.dims()), first,
                first + step_rows);
    print(step_name(step) + "rows_per_second", static_cast<double>(step_rows) / (now_seconds() - began));
    if (stops || step + 1 == kMixedSteps) {
      searcher.now_in(step, false);
      unwrap(table.wait_for_index(), "wait_for_index");
      searcher.finish();
    }
    if (stops) print_samples(step_name(step) + "idle_", idle_samples(table, queries));
    std::fprintf(stderr, "mixed: %zu of %zu rows\n", first + step_rows, options.row_count);
  }
  for (size_t step = 0; step < kMixedSteps; ++step) {
    print_samples(step_name(step) + "writing_", searcher.samples(true, step));
    print_samples(step_name(step) + "linking_", searcher.samples(false, step));
  }
  print_samples("all.writing_", searcher.samples(true));
  print_samples("all.linking_", searcher.samples(false));
}

}  // namespace omendb::bench
