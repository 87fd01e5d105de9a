// What the headers of this room say about cost.
#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/random.h"
#include "engine/base/thread_pool.h"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <vector>

namespace omendb::base {
namespace {

std::vector<std::byte> random_bytes(size_t size_bytes) {
  Random random(1);
  std::vector<std::byte> bytes(size_bytes);
  for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
  return bytes;
}

void checksum(benchmark::State& state) {
  const std::vector<std::byte> bytes = random_bytes(static_cast<size_t>(state.range(0)));
  for (auto step : state) benchmark::DoNotOptimize(crc32c(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(checksum)->Arg(32)->Arg(4096)->Arg(65536);

void hash_bytes(benchmark::State& state) {
  const std::vector<std::byte> bytes = random_bytes(static_cast<size_t>(state.range(0)));
  for (auto step : state) benchmark::DoNotOptimize(hash64(bytes));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(hash_bytes)->Arg(8)->Arg(24)->Arg(65536);

void hash_integer(benchmark::State& state) {
  uint64_t key = 0;
  for (auto step : state) benchmark::DoNotOptimize(key = mix64(key));
}
BENCHMARK(hash_integer);

void random_number(benchmark::State& state) {
  Random random(1);
  for (auto step : state) benchmark::DoNotOptimize(random.next());
}
BENCHMARK(random_number);

void random_normal(benchmark::State& state) {
  Random random(1);
  for (auto step : state) benchmark::DoNotOptimize(random.normal());
}
BENCHMARK(random_normal);

void read_varints(benchmark::State& state) {
  Random random(1);
  ByteWriter writer;
  constexpr int kNumbers = 1000;
  for (int index = 0; index < kNumbers; ++index) writer.put_varint(random.below(100'000));
  for (auto step : state) {
    ByteReader reader(writer.bytes(), "bench");
    for (int index = 0; index < kNumbers; ++index) benchmark::DoNotOptimize(reader.varint("number"));
  }
  state.SetItemsProcessed(state.iterations() * kNumbers);
}
BENCHMARK(read_varints);

void parallel_loop(benchmark::State& state) {
  ThreadPool pool({.name = "bench", .thread_count = 1});
  constexpr size_t kIndexes = 10'000;
  for (auto step : state) pool.parallel_for(kIndexes, 2, [](size_t index) { benchmark::DoNotOptimize(index); });
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kIndexes));
}
BENCHMARK(parallel_loop)->UseRealTime();

}  // namespace
}  // namespace omendb::base
