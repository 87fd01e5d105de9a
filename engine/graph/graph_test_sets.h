#pragma once

// For the tests of this room: vectors from seeds and files, live rows, graphs saved in memory.

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/graph/graph.h"

namespace omendb::graph {

class Vectors {
 public:
  explicit Vectors(size_t dims) : dims_(dims) {}
  void append(const std::vector<float>& row) { values_.insert(values_.end(), row.begin(), row.end()); }
  size_t dims() const { return dims_; }
  size_t count() const { return dims_ == 0 ? 0 : values_.size() / dims_; }
  uint32_t row_count() const { return static_cast<uint32_t>(count()); }
  const float* row(size_t index) const { return values_.data() + index * dims_; }
  VectorsView view() const { return {values_.data(), dims_}; }
  Vectors first(size_t row_count) const {
    Vectors part(dims_);
    part.values_.assign(values_.begin(), values_.begin() + static_cast<ptrdiff_t>(row_count * dims_));
    return part;
  }

 private:
  size_t dims_;
  std::vector<float> values_;
};

// Normally distributed values.
Vectors random_vectors(size_t count, size_t dims, uint64_t seed);

// A file of the folder of test data (OMENDB_TEST_DATA or ../shared/data seen from the project). The readers give no rows where the file is not there.
std::string test_data(const std::string& name);
Vectors read_fvecs(const std::string& path);
// Two-dimensional arrays of float32 or float64 in C order.
Vectors read_npy(const std::string& path);

// All rows alive at first.
class Live {
 public:
  explicit Live(uint32_t row_count);
  void clear(uint32_t row) { words_[row / 64] &= ~(uint64_t{1} << (row % 64)); }
  void set(uint32_t row) { words_[row / 64] |= uint64_t{1} << (row % 64); }
  LiveRows view() const { return {blocks_, row_count_}; }

 private:
  uint32_t row_count_;
  std::vector<uint64_t> words_;
  std::vector<const uint64_t*> blocks_;
};

void insert_all(Graph& graph, const Vectors& rows);
void insert_all_in_parallel(Graph& graph, const Vectors& rows, size_t thread_count);

using BlockName = std::pair<Graph::Stream, uint64_t>;
struct Saved {
  Graph::Shape shape;
  std::map<BlockName, std::vector<std::byte>> blocks;
};
// Takes the changed blocks over into `into`.
void save(Graph& graph, Saved& into);
Saved saved(Graph& graph);
Result<void> load(Graph& graph, const Saved& from, size_t dims = 4);

}  // namespace omendb::graph
