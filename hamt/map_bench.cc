// hamt::map beside std::unordered_map: `hamt_bench --benchmark_filter=1000000`. Compare rows of one run only. Persistent operations have no
// counterpart there: a copy of an unordered_map costs its whole size.

#include <benchmark/benchmark.h>
#include <hamt/map.h>
#include <hamt/set.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using Numbers = map<uint64_t, uint64_t>;
using StandardNumbers = std::unordered_map<uint64_t, uint64_t, hash<uint64_t>>;
using Strings = map<std::string, uint64_t>;
using StandardStrings = std::unordered_map<std::string, uint64_t, hash<std::string>>;

template <typename K>
std::vector<K> random_keys(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<K> keys;
  keys.reserve(count);
  for (size_t index = 0; index < count; ++index) {
    if constexpr (std::is_same_v<K, std::string>) {
      keys.push_back(std::to_string(random()));
    } else {
      keys.push_back(random());
    }
  }
  return keys;
}

template <typename Map>
Map filled(const std::vector<typename Map::key_type>& keys) {
  if constexpr (requires { typename Map::transient_type; }) {
    auto draft = Map().transient();
    for (const auto& key : keys) draft.insert(key, 1);
    return std::move(draft).persistent();
  } else {
    Map map;
    for (const auto& key : keys) map.emplace(key, 1);
    return map;
  }
}

size_t count_of(const benchmark::State& state) { return static_cast<size_t>(state.range(0)); }
void items_per_pass(benchmark::State& state, size_t items) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(items));
}

template <typename Map>
void build(benchmark::State& state) {
  const auto keys = random_keys<typename Map::key_type>(count_of(state), 1);
  for (auto _ : state) benchmark::DoNotOptimize(filled<Map>(keys));
  items_per_pass(state, keys.size());
}

template <typename Map>
void hit(benchmark::State& state) {
  auto keys = random_keys<typename Map::key_type>(count_of(state), 1);
  const Map map = filled<Map>(keys);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(2));
  for (auto _ : state) {
    size_t found = 0;
    for (const auto& key : keys) found += map.count(key);
    benchmark::DoNotOptimize(found);
  }
  items_per_pass(state, keys.size());
}

template <typename Map>
void miss(benchmark::State& state) {
  const Map map = filled<Map>(random_keys<typename Map::key_type>(count_of(state), 1));
  const auto strangers = random_keys<typename Map::key_type>(count_of(state), 3);
  for (auto _ : state) {
    size_t found = 0;
    for (const auto& key : strangers) found += map.count(key);
    benchmark::DoNotOptimize(found);
  }
  items_per_pass(state, strangers.size());
}

template <typename Map>
void iterate(benchmark::State& state) {
  const Map map = filled<Map>(random_keys<typename Map::key_type>(count_of(state), 1));
  for (auto _ : state) {
    uint64_t sum = 0;
    for (const auto& [key, value] : map) sum += value;
    benchmark::DoNotOptimize(sum);
  }
  items_per_pass(state, map.size());
}

// Erases a tenth of the keys and puts them back, in place.
void erase_and_insert(benchmark::State& state) {
  const auto keys = random_keys<uint64_t>(count_of(state), 1);
  auto draft = filled<Numbers>(keys).transient();
  const size_t part = keys.size() / 10;
  for (auto _ : state) {
    for (size_t index = 0; index < part; ++index) draft.erase(keys[index]);
    for (size_t index = 0; index < part; ++index) draft.insert(keys[index], 1);
  }
  items_per_pass(state, 2 * part);
}
void erase_and_insert_standard(benchmark::State& state) {
  const auto keys = random_keys<uint64_t>(count_of(state), 1);
  auto map = filled<StandardNumbers>(keys);
  const size_t part = keys.size() / 10;
  for (auto _ : state) {
    for (size_t index = 0; index < part; ++index) map.erase(keys[index]);
    for (size_t index = 0; index < part; ++index) map.emplace(keys[index], 1);
  }
  items_per_pass(state, 2 * part);
}

// A new version per operation, the one before dropped.
template <typename Map>
void persistent_set(benchmark::State& state) {
  auto keys = random_keys<typename Map::key_type>(count_of(state), 1);
  Map map = filled<Map>(keys);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(2));
  size_t next = 0;
  for (auto _ : state) {
    const Map before = map;
    map = before.set(keys[next], next);
    next = next + 1 == keys.size() ? 0 : next + 1;
  }
  items_per_pass(state, 1);
}

// A database's commit: a draft of a published version, 1,000 changes, a new version.
void transaction_of_1000(benchmark::State& state) {
  auto keys = random_keys<uint64_t>(count_of(state), 1);
  Numbers published = filled<Numbers>(keys);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(2));
  size_t next = 0;
  for (auto _ : state) {
    auto draft = published.transient();
    for (int change = 0; change < 1000; ++change) {
      draft.set(keys[next], next);
      next = next + 1 == keys.size() ? 0 : next + 1;
    }
    published = std::move(draft).persistent();
  }
  items_per_pass(state, 1000);
}

// Not a time: bytes per entry, in use and held.
template <typename Set>
void bytes_per_entry(benchmark::State& state) {
  const auto keys = random_keys<uint64_t>(count_of(state), 1);
  auto draft = Set().transient();
  for (const uint64_t key : keys) {
    if constexpr (requires { draft.insert(key, key); }) {
      draft.insert(key, key);
    } else {
      draft.insert(key);
    }
  }
  const Set version = std::move(draft).persistent();
  const double entries = static_cast<double>(version.size());
  for (auto _ : state) {
    state.counters["used"] = static_cast<double>(version.memory_usage()) / entries;
    state.counters["held"] = static_cast<double>(version.memory_reserved()) / entries;
  }
}

void sizes(benchmark::internal::Benchmark* bench) { bench->RangeMultiplier(10)->Range(1000, 1'000'000); }

BENCHMARK(build<Numbers>)->Apply(sizes);
BENCHMARK(build<StandardNumbers>)->Apply(sizes);
BENCHMARK(hit<Numbers>)->Apply(sizes);
BENCHMARK(hit<StandardNumbers>)->Apply(sizes);
BENCHMARK(miss<Numbers>)->Apply(sizes);
BENCHMARK(miss<StandardNumbers>)->Apply(sizes);
BENCHMARK(iterate<Numbers>)->Apply(sizes);
BENCHMARK(iterate<StandardNumbers>)->Apply(sizes);
BENCHMARK(erase_and_insert)->Apply(sizes);
BENCHMARK(erase_and_insert_standard)->Apply(sizes);
BENCHMARK(build<Strings>)->Apply(sizes);
BENCHMARK(build<StandardStrings>)->Apply(sizes);
BENCHMARK(hit<Strings>)->Apply(sizes);
BENCHMARK(hit<StandardStrings>)->Apply(sizes);
BENCHMARK(persistent_set<Numbers>)->Apply(sizes);
BENCHMARK(persistent_set<Strings>)->Apply(sizes);
BENCHMARK(transaction_of_1000)->Apply(sizes);
BENCHMARK(bytes_per_entry<Numbers>)->Apply(sizes)->Iterations(1);
BENCHMARK(bytes_per_entry<set<uint64_t>>)->Apply(sizes)->Iterations(1);

}  // namespace
}  // namespace hamt
