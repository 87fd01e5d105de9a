#include "engine/simd/distance.h"

#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace omendb::simd {
namespace {

constexpr size_t kRows = 4096;

struct Input {
  Input(size_t dims, size_t query_count) : queries(dims * query_count), rows(dims * kRows), ids(kRows) {
    base::Random random(1);
    for (float& value : queries) value = random.normal();
    for (float& value : rows) value = random.normal();
    std::iota(ids.begin(), ids.end(), 0U);
    for (size_t i = kRows; i > 1; --i) std::swap(ids[i - 1], ids[random.below(i)]);
  }
  std::vector<float> queries;
  std::vector<float> rows;
  std::vector<uint32_t> ids;
};

void count_distances(benchmark::State& state, size_t per_round) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(per_round));
  state.SetLabel(std::string(to_string(best_target())));
}

// Arguments: dims, metric. Lists of 24 rows anywhere, as the graph asks for them.
void gather_lists(benchmark::State& state) {
  const auto dims = static_cast<size_t>(state.range(0));
  const DistanceKernels& kernels = distance_kernels(static_cast<Metric>(state.range(1)));
  const Input input(dims, 1);
  constexpr size_t kListRows = 24;
  std::vector<float> out(kListRows);
  size_t at = 0;
  for (auto round : state) {
    kernels.gather(input.queries.data(), input.rows.data(), input.ids.data() + at, kListRows, dims, out.data());
    benchmark::DoNotOptimize(out.data());
    at = (at + kListRows) % (kRows - kListRows);
  }
  count_distances(state, kListRows);
}
BENCHMARK(gather_lists)->ArgsProduct({{128, 784, 1536}, {1, 2, 3, 4}});

void scan_rows(benchmark::State& state) {
  const auto dims = static_cast<size_t>(state.range(0));
  const DistanceKernels& kernels = distance_kernels(static_cast<Metric>(state.range(1)));
  const Input input(dims, 1);
  std::vector<float> out(kRows);
  for (auto round : state) {
    kernels.scan(input.queries.data(), input.rows.data(), kRows, dims, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  count_distances(state, kRows);
}
BENCHMARK(scan_rows)->ArgsProduct({{128, 784}, {1, 2}});

void scan_rows_for_many_queries(benchmark::State& state) {
  const auto dims = static_cast<size_t>(state.range(0));
  constexpr size_t kQueries = 32;
  const DistanceKernels& kernels = distance_kernels(static_cast<Metric>(state.range(1)));
  const Input input(dims, kQueries);
  std::vector<float> out(kQueries * kRows);
  for (auto round : state) {
    kernels.many_to_many(input.queries.data(), kQueries, input.rows.data(), kRows, dims, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  count_distances(state, kQueries * kRows);
}
BENCHMARK(scan_rows_for_many_queries)->ArgsProduct({{128, 784}, {1, 2}});

}  // namespace
}  // namespace omendb::simd
