// Where comparing with every row gives way to a graph: table/vector_index.h, flat_rows_max().

#include "engine/graph/flat_scan.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/graph/graph.h"

namespace omendb::graph {
namespace {

constexpr size_t kQueries = 200;
constexpr size_t kK = 10;
constexpr double kRecall = 0.95;

// Points around centres that lie in a few directions, as embeddings do; the last kQueries of them are the queries.
std::vector<float> clustered(size_t count, size_t dims) {
  constexpr size_t kCentres = 50;
  constexpr size_t kLatentDims = 12;
  base::Random random(1);
  std::vector<float> centres(kCentres * kLatentDims);
  std::vector<float> map(kLatentDims * dims);
  for (float& component : centres) component = random.normal();
  for (float& component : map) component = random.normal();
  std::vector<float> vectors;
  for (size_t i = 0; i < count; ++i) {
    std::vector<float> row(dims);
    const size_t centre = random.below(kCentres);
    for (size_t l = 0; l < kLatentDims; ++l) {
      const float at = centres[centre * kLatentDims + l] + 0.6F * random.normal();
      for (size_t d = 0; d < dims; ++d) row[d] += at * map[l * dims + d];
    }
    for (const float component : row) vectors.push_back(component + 0.3F * random.normal());
  }
  return vectors;
}

struct Set {
  Set(size_t dims_of_rows, size_t count)
      : dims(dims_of_rows),
        row_count(static_cast<uint32_t>(count)),
        vectors(clustered(count + kQueries, dims)),
        words(LiveRows::kRowsPerBlock / 64, ~uint64_t{0}) {}
  VectorsView view() const { return {vectors.data(), dims}; }
  LiveRows live() const { return {blocks, row_count}; }
  const float* query(size_t i) const { return vectors.data() + (row_count + i % kQueries) * dims; }
  size_t dims;
  uint32_t row_count;
  std::vector<float> vectors;
  std::vector<uint64_t> words;
  std::vector<const uint64_t*> blocks{words.data()};
};

// Arguments: dims, rows.
void compare_with_all(benchmark::State& state) {
  const Set set(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)));
  std::vector<Neighbor> found;
  size_t at = 0;
  for (auto round : state) {
    flat_scan(simd::Metric::kL2, set.view(), set.query(at++), set.live(), {0}, {set.row_count}, kK, found);
    benchmark::DoNotOptimize(found.data());
  }
}
BENCHMARK(compare_with_all)->ArgsProduct({{16, 128, 768}, {250, 500, 1000, 2000, 4000}});

double recall_at(const Graph& graph, const Set& set, size_t ef) {
  std::vector<Neighbor> found(kK);
  std::vector<Neighbor> truth;
  size_t right = 0;
  for (size_t q = 0; q < kQueries; ++q) {
    flat_scan(simd::Metric::kL2, set.view(), set.query(q), set.live(), {0}, {set.row_count}, kK, truth);
    const size_t count = graph.search(set.view(), set.query(q), set.live(), {.k = kK, .ef = ef}, found);
    for (size_t i = 0; i < count; ++i) right += found[i].distance <= truth.back().distance ? 1U : 0U;
  }
  return static_cast<double>(right) / (kQueries * kK);
}

// The same rows in a graph, walked with the narrowest beam that reaches the recall.
void walk(benchmark::State& state) {
  const Set set(static_cast<size_t>(state.range(0)), static_cast<size_t>(state.range(1)));
  Graph graph({.storage = quantize::Storage::kSq8});
  base::must(graph.train(set.view(), {set.vectors.data(), set.row_count, set.dims}));
  for (uint32_t row = 0; row < set.row_count; ++row) base::must(graph.insert(set.view(), {row}));
  size_t ef = kK;
  while (recall_at(graph, set, ef) < kRecall) ef += std::max<size_t>(1, ef / 8);
  std::vector<Neighbor> found(kK);
  size_t at = 0;
  for (auto round : state) {
    benchmark::DoNotOptimize(graph.search(set.view(), set.query(at++), set.live(), {.k = kK, .ef = ef}, found));
  }
  state.counters["ef"] = static_cast<double>(ef);
}
BENCHMARK(walk)->ArgsProduct({{16, 128, 768}, {250, 500, 1000, 2000, 4000}});

}  // namespace
}  // namespace omendb::graph
