#pragma once

// Rows and queries for index_bench, made or read batch by batch, the table they go into, and how good and fast its answers are.

#include "bench/measure.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace omendb::bench {

// Where vectors come from: two files of ann-benchmarks' old kind (per vector an int32 count and as many floats), or sample_vectors() where they are not named.
struct Files {
  std::string base;
  std::string queries;
};

class RowSource {
 public:
  explicit RowSource(Files files);

  size_t dims() const { return dims_; }
  // Vectors `first` .. `first + count`, the same every time. A file's begin again after its last one. Cost: 2 us a vector of sample_vectors().
  std::vector<float> rows(size_t first, size_t count);
  // Those of a file begin again after its last one; the others are not among the rows.
  std::vector<float> queries(size_t count) const;

 private:
  std::span<const float> chunk(size_t number);

  Files files_;
  size_t dims_;
  size_t file_rows_ = 0;  // 0 without files
  size_t chunk_number_ = SIZE_MAX;
  std::vector<float> chunk_;
};

inline constexpr size_t kBatchRows = 1000;
inline constexpr size_t kK = 10;
inline constexpr size_t kRounds = 3;

Table create_table(Database& database, const VectorOptions& options);
// One statement; the key of a row is its place in the source, unless keys are given.
void insert(Table& table, std::span<const float> vectors, std::span<const int64_t> keys);
// Rows `first` .. `last` of the source in statements of kBatchRows; tells on stderr how far it is.
void fill(Table& table, RowSource& source, size_t first, size_t last, const char* what);
// Until every row is linked and the recall measured; tells on stderr how many wait.
void wait_for_index(const Table& table, const char* what);

// True neighbours of all queries, on all cores.
Hits exact_neighbors(const Table& table, std::span<const float> queries, size_t query_count);
// Share of the true neighbours that were found.
double recall(const Hits& wanted, const Hits& found);

struct Latency {
  double p50_us = 0;
  double p99_us = 0;
  double max_us = 0;
};
Latency latency_of(const std::vector<double>& seconds);

// One query at a time: how long each search takes. `ef` 0: as the table chooses.
std::vector<double> search_seconds(const Table& table, std::span<const float> queries, size_t query_count, size_t ef);
// Medians over kRounds of every figure.
Latency median_latency(const Table& table, std::span<const float> queries, size_t query_count, size_t ef);

struct Beam {
  size_t ef = 0;
  double recall = 0;
  bool reached = false;
};
// The narrowest beam whose recall reaches `target`, or the widest that was tried.
Beam narrowest_beam(const Table& table, std::span<const float> queries, const Hits& wanted, double target);

// What all files take up on disk, without their holes.
double folder_bytes(const std::string& path);
// Sum of what the table says it holds in anonymous memory.
double memory_bytes(const TableStats& stats);

}  // namespace omendb::bench
