// memory, threads and growth: how much a row costs to hold, to link and to find.

#include "bench/index_modes.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace omendb::bench {
namespace {

constexpr size_t kQueries = 1000;
constexpr size_t kBatchQueries = 10'000;
constexpr double kTarget = 0.95;
constexpr size_t kGrowthSteps = 4;

const std::pair<const char*, VectorStorage> kStorages[] = {
    {"auto", VectorStorage::kAuto},     {"f32", VectorStorage::kF32},      {"f16", VectorStorage::kF16},
    {"bf16", VectorStorage::kBf16},     {"sq8", VectorStorage::kSq8},      {"pq", VectorStorage::kPq},
    {"rabitq", VectorStorage::kRabitq}, {"binary", VectorStorage::kBinary}};

void print_memory(const TableStats& stats, double row_count) {
  for (const MemoryOrDiskPart& part : stats.memory) {
    std::string name = "part." + part.name;
    std::replace(name.begin(), name.end(), ' ', '_');
    print(name, static_cast<double>(part.bytes) / row_count);
  }
}

// Queries a second of batch searches on one thread, median of kRounds.
double queries_per_second(const Table& table, std::span<const float> queries, size_t query_count, size_t ef,
                          unsigned threads, std::vector<double>* cpu = nullptr) {
  std::vector<double> rates;
  for (size_t round = 0; round < kRounds; ++round) {
    const double cpu_began = cpu_seconds();
    const double began = now_seconds();
    (void)unwrap(table.search({.vectors = queries, .query_count = query_count, .k = kK, .ef = ef, .threads = threads}),
                 "search");
    rates.push_back(static_cast<double>(query_count) / (now_seconds() - began));
    if (cpu != nullptr) cpu->push_back(cpu_seconds() - cpu_began);
  }
  return median(rates);
}

// Queries a second at recall kTarget: between the narrowest beam that reaches it and the next narrower one that does not, by the logarithm of the rate.
double rate_at_target(const Table& table, std::span<const float> queries, const Hits& wanted, const Beam& beam) {
  const double above = queries_per_second(table, queries, wanted.query_count(), beam.ef, 1);
  const size_t narrower = std::max(kK, beam.ef * 9 / 10);
  if (!beam.reached || narrower == beam.ef) return above;
  const SearchQuery query{
      .vectors = queries, .query_count = wanted.query_count(), .k = kK, .ef = narrower, .threads = 0};
  const double low = recall(wanted, unwrap(table.search(query), "search"));
  if (low >= kTarget || low >= beam.recall) return above;
  const double below = queries_per_second(table, queries, wanted.query_count(), narrower, 1);
  const double share = (kTarget - low) / (beam.recall - low);
  return std::exp(std::log(below) + share * (std::log(above) - std::log(below)));
}

}  // namespace

VectorOptions parse_setting(const std::string& text, size_t dims) {
  VectorOptions options{.dims = static_cast<uint32_t>(dims)};
  const size_t slash = text.find('/');
  for (const auto& [name, storage] : kStorages) {
    const std::string_view word = name;
    if (slash == std::string::npos || !text.starts_with(word)) continue;
    const std::string bits = text.substr(word.size(), slash - word.size());
    if (bits.find_first_not_of("12345678") != std::string::npos || bits.size() > 1) continue;
    options.storage = storage;
    options.storage_bits = bits.empty() ? uint8_t{0} : static_cast<uint8_t>(bits[0] - '0');
    options.m = static_cast<uint32_t>(std::strtoul(text.c_str() + slash + 1, nullptr, 10));
    return options;
  }
  stop("'" + text + "' is no setting; write one like f32/8, sq8/6 or rabitq2/5");
}

void build_setting(const Options& options) {
  RowSource source(options.files);
  Database database = unwrap(Database::open(options.folder), "open");
  Table table = create_table(database, parse_setting(options.variant, source.dims()));
  const double began = now_seconds();
  fill(table, source, 0, options.row_count, options.variant.c_str());
  wait_for_index(table, options.variant.c_str());
  print("rows_per_second", static_cast<double>(options.row_count) / (now_seconds() - began));
  unwrap(database.close(), "close");
}

// What the process holds before it opens the database is taken off: the program, and the queries.
void reopen_setting(const Options& options) {
  const auto row_count = static_cast<double>(options.row_count);
  const std::vector<float> queries = RowSource(options.files).queries(kQueries);
  const double resident = resident_bytes("VmRSS");
  const double anonymous = resident_bytes("RssAnon");
  Database database = unwrap(Database::open(options.folder, {.create = false}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  (void)search_seconds(table, queries, kQueries, 0);
  print("anonymous", (resident_bytes("RssAnon") - anonymous) / row_count);
  print("resident", (resident_bytes("VmRSS") - resident) / row_count);
  const TableStats stats = unwrap(table.stats(), "stats");
  print("stated", memory_bytes(stats) / row_count);
  print_memory(stats, row_count);
  const Hits wanted = exact_neighbors(table, queries, kQueries);
  const Beam beam = narrowest_beam(table, queries, wanted, kTarget);
  print("ef", static_cast<double>(beam.ef));
  print("recall", beam.recall);
  print("p50_us", median_latency(table, queries, kQueries, beam.ef).p50_us);
  print("default_recall",
        recall(wanted, unwrap(table.search({.vectors = queries, .query_count = kQueries}), "search")));
}

void build_threads(const Options& options) {
  RowSource source(options.files);
  const std::vector<float> vectors = source.rows(0, options.row_count);
  OpenOptions opening;
  opening.threads = static_cast<unsigned>(std::strtoul(options.variant.c_str(), nullptr, 10));
  Database database = unwrap(Database::open(options.folder, opening), "open");
  Table table = create_table(database, {.dims = static_cast<uint32_t>(source.dims())});
  std::vector<int64_t> keys;
  const double cpu_began = cpu_seconds();
  const double began = now_seconds();
  for (size_t row = 0; row < options.row_count; row += keys.size()) {
    keys.resize(std::min(kBatchRows, options.row_count - row));
    for (size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<int64_t>(row + i);
    insert(table, std::span(vectors).subspan(row * source.dims(), keys.size() * source.dims()), keys);
  }
  unwrap(table.wait_for_index(), "wait_for_index");
  print("seconds", now_seconds() - began);
  print("cpu_seconds", cpu_seconds() - cpu_began);
  unwrap(database.close(), "close");
}

void search_threads(const Options& options) {
  const RowSource source(options.files);
  const std::vector<float> queries = source.queries(kBatchQueries);
  const Database database = unwrap(Database::open(options.folder, {.create = false}), "open");
  const Table table = unwrap(database.table("bench"), "table");
  (void)queries_per_second(table, queries, kBatchQueries, 0, 1);
  for (const unsigned threads : {1U, 2U}) {
    std::vector<double> cpu;
    const std::string of = "threads" + std::to_string(threads) + ".";
    print(of + "queries_per_second", queries_per_second(table, queries, kBatchQueries, 0, threads, &cpu));
    print(of + "cpu_seconds", median(cpu));
  }
}

void growth(const Options& options) {
  RowSource source(options.files);
  const std::vector<float> queries = source.queries(kQueries);
  Database database = unwrap(Database::open(options.folder), "open");
  Table table = create_table(database, parse_setting("sq8/16", source.dims()));
  for (size_t step = 1; step <= kGrowthSteps; ++step) {
    const std::string of = "step" + std::to_string(step) + ".";
    const double cpu_began = cpu_seconds();
    const double began = now_seconds();
    fill(table, source, (step - 1) * options.row_count, step * options.row_count, "growth");
    wait_for_index(table, "growth");
    print(of + "rows_per_second", static_cast<double>(options.row_count) / (now_seconds() - began));
    print(of + "rows_per_cpu_second", static_cast<double>(options.row_count) / (cpu_seconds() - cpu_began));
    const Hits wanted = exact_neighbors(table, queries, kQueries);
    const Beam beam = narrowest_beam(table, queries, wanted, kTarget);
    print(of + "ef", static_cast<double>(beam.ef));
    print(of + "recall", beam.recall);
    print(of + "queries_per_second", rate_at_target(table, queries, wanted, beam));
    print(of + "anonymous", resident_bytes("RssAnon"));
    print(of + "resident", resident_bytes("VmRSS"));
    std::fprintf(stderr, "growth: %zu rows measured\n", step * options.row_count);
  }
}

}  // namespace omendb::bench
