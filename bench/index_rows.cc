#include "bench/index_rows.h"

#include "bench/sample_vectors.h"

#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <thread>
#include <utility>

namespace omendb::bench {
namespace {

constexpr size_t kChunkRows = 10'000;
constexpr uint64_t kSeed = 7;
constexpr uint64_t kQueryStream = 1;
constexpr uint64_t kFirstRowStream = 2;  // a chunk each from here on
constexpr double kProgressSeconds = 10;
constexpr size_t kBeamMax = 4096;

size_t dims_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  int32_t dims = 0;
  if (!file.read(reinterpret_cast<char*>(&dims), sizeof dims) || dims < 1 || dims > static_cast<int>(kVectorDimsMax))
    stop("no vectors in " + path);
  return static_cast<size_t>(dims);
}

size_t rows_of_file(const std::string& path, size_t dims) {
  return static_cast<size_t>(std::filesystem::file_size(path)) / ((dims + 1) * sizeof(float));
}

std::vector<float> read_vectors(const std::string& path, size_t dims, size_t first, size_t count) {
  std::ifstream file(path, std::ios::binary);
  const size_t width = (dims + 1) * sizeof(float);
  std::vector<char> bytes(count * width);
  file.seekg(static_cast<std::streamoff>(first * width));
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) stop("can not read " + path);
  std::vector<float> vectors(count * dims);
  for (size_t row = 0; row < count; ++row) {
    std::memcpy(&vectors[row * dims], &bytes[row * width + sizeof(float)], dims * sizeof(float));
  }
  return vectors;
}

}  // namespace

RowSource::RowSource(Files files) : files_(std::move(files)), dims_(kDims) {
  if (files_.base.empty()) return;
  dims_ = dims_of_file(files_.base);
  file_rows_ = rows_of_file(files_.base, dims_);
  if (dims_of_file(files_.queries) != dims_) stop("base and queries have different dimensions");
}

std::span<const float> RowSource::chunk(size_t number) {
  if (number == chunk_number_) return chunk_;
  chunk_ = sample_vectors(kChunkRows, kSeed, kFirstRowStream + number);
  chunk_number_ = number;
  return chunk_;
}

std::vector<float> RowSource::rows(size_t first, size_t count) {
  std::vector<float> vectors;
  vectors.reserve(count * dims_);
  for (size_t row = first; row < first + count;) {
    const size_t period = file_rows_ == 0 ? kChunkRows : file_rows_;
    const size_t within = row % period;
    const size_t taken = std::min(first + count - row, period - within);
    if (file_rows_ == 0) {
      const auto from = chunk(row / kChunkRows).subspan(within * dims_, taken * dims_);
      vectors.insert(vectors.end(), from.begin(), from.end());
    } else {
      const std::vector<float> read = read_vectors(files_.base, dims_, within, taken);
      vectors.insert(vectors.end(), read.begin(), read.end());
    }
    row += taken;
  }
  return vectors;
}

std::vector<float> RowSource::queries(size_t count) const {
  if (files_.queries.empty()) return sample_vectors(count, kSeed, kQueryStream);
  std::vector<float> vectors =
      read_vectors(files_.queries, dims_, 0, std::min(count, rows_of_file(files_.queries, dims_)));
  for (size_t i = 0; vectors.size() < count * dims_; ++i) vectors.push_back(vectors[i]);
  return vectors;
}

Table create_table(Database& database, const VectorOptions& options) {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "v", .type = Type::kVector, .vector = options});
  return unwrap(database.create_table("bench", schema), "create_table");
}

void insert(Table& table, std::span<const float> vectors, std::span<const int64_t> keys) {
  const ColumnView columns[] = {{.name = "id", .ints = keys.data()},
                                {.name = "v", .floats = vectors.data(), .dims = vectors.size() / keys.size()}};
  unwrap(table.insert({.row_count = keys.size(), .columns = columns}), "insert");
}

void fill(Table& table, RowSource& source, size_t first, size_t last, const char* what) {
  std::vector<int64_t> keys(kBatchRows);
  double told = now_seconds();
  for (size_t row = first; row < last; row += kBatchRows) {
    const size_t count = std::min(kBatchRows, last - row);
    std::iota(keys.begin(), keys.end(), static_cast<int64_t>(row));
    insert(table, source.rows(row, count), std::span(keys).first(count));
    if (now_seconds() - told < kProgressSeconds) continue;
    told = now_seconds();
    std::fprintf(stderr, "%s: %zu of %zu rows\n", what, row + count, last);
  }
}

void wait_for_index(const Table& table, const char* what) {
  double told = now_seconds();
  for (uint64_t waiting = 1; waiting > 0;) {
    waiting = unwrap(table.stats(), "stats").tail_row_count;
    if (waiting > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    if (now_seconds() - told < kProgressSeconds) continue;
    told = now_seconds();
    std::fprintf(stderr, "%s: %zu rows wait to be linked\n", what, static_cast<size_t>(waiting));
  }
  unwrap(table.wait_for_index(), "wait_for_index");
}

Hits exact_neighbors(const Table& table, std::span<const float> queries, size_t query_count) {
  return unwrap(table.search({.vectors = queries, .query_count = query_count, .k = kK, .exact = true, .threads = 0}),
                "exact search");
}

double recall(const Hits& wanted, const Hits& found) {
  size_t right = 0;
  for (size_t query = 0; query < wanted.query_count(); ++query) {
    const auto keys = found.keys.ints.begin();
    for (size_t at = wanted.offsets[query]; at < wanted.offsets[query + 1]; ++at) {
      right += static_cast<size_t>(
          std::count(keys + found.offsets[query], keys + found.offsets[query + 1], wanted.keys.ints[at]));
    }
  }
  return static_cast<double>(right) / static_cast<double>(wanted.keys.ints.size());
}

Latency latency_of(const std::vector<double>& seconds) {
  return {percentile(seconds, 0.5) * 1e6, percentile(seconds, 0.99) * 1e6, percentile(seconds, 1) * 1e6};
}

std::vector<double> search_seconds(const Table& table, std::span<const float> queries, size_t query_count, size_t ef) {
  const size_t dims = queries.size() / query_count;
  std::vector<double> seconds;
  for (size_t query = 0; query < query_count; ++query) {
    const double began = now_seconds();
    (void)unwrap(table.search({.vectors = queries.subspan(query * dims, dims), .k = kK, .ef = ef}), "search");
    seconds.push_back(now_seconds() - began);
  }
  return seconds;
}

Latency median_latency(const Table& table, std::span<const float> queries, size_t query_count, size_t ef) {
  std::vector<double> p50;
  std::vector<double> p99;
  std::vector<double> worst;
  for (size_t round = 0; round < kRounds; ++round) {
    const Latency latency = latency_of(search_seconds(table, queries, query_count, ef));
    p50.push_back(latency.p50_us);
    p99.push_back(latency.p99_us);
    worst.push_back(latency.max_us);
  }
  return {median(p50), median(p99), median(worst)};
}

// Recall rises with the beam, so between one that is too narrow and one that suffices the border is found by halves.
Beam narrowest_beam(const Table& table, std::span<const float> queries, const Hits& wanted, double target) {
  const auto measured = [&](size_t ef) {
    const SearchQuery query{.vectors = queries, .query_count = wanted.query_count(), .k = kK, .ef = ef, .threads = 0};
    const double reached = recall(wanted, unwrap(table.search(query), "search"));
    return Beam{ef, reached, reached >= target};
  };
  size_t too_narrow = kK - 1;
  Beam best = measured(kK);
  while (!best.reached && best.ef < kBeamMax) {
    too_narrow = best.ef;
    best = measured(best.ef * 2);
  }
  while (best.reached && best.ef - too_narrow > 1 + too_narrow / 32) {
    const Beam middle = measured((best.ef + too_narrow) / 2);
    if (middle.reached)
      best = middle;
    else
      too_narrow = middle.ef;
  }
  return best;
}

double folder_bytes(const std::string& path) {
  constexpr double kBlockBytes = 512;  // of st_blocks, whatever the file system's blocks are
  double bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    struct stat status {};
    if (entry.is_regular_file() && stat(entry.path().c_str(), &status) == 0)
      bytes += kBlockBytes * static_cast<double>(status.st_blocks);
  }
  return bytes;
}

double memory_bytes(const TableStats& stats) {
  double bytes = 0;
  for (const MemoryOrDiskPart& part : stats.memory) bytes += static_cast<double>(part.bytes);
  return bytes;
}

}  // namespace omendb::bench
