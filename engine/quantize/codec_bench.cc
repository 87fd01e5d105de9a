// What a code costs: encode, prepare, and distances to codes that lie in the cache. Arguments: case (see cases()), dims.
//   build/engine_quantize_bench --benchmark_filter=distances

#include "engine/quantize/codec.h"

#include <benchmark/benchmark.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/random.h"

namespace omendb::quantize {
namespace {

constexpr size_t kRows = 512;  // of the sample, too: training is not what is measured
constexpr size_t kListCodes = 32;

struct Case {
  const char* name;
  CodecOptions options;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> kCases = {
      {"f16", {.storage = Storage::kF16}},
      {"bf16", {.storage = Storage::kBf16}},
      {"sq8", {.storage = Storage::kSq8}},
      {"pq32", {.storage = Storage::kPq}},
      {"pq32, 4 bits", {.storage = Storage::kPq, .pq_bits = 4}},
      {"rabitq1", {.storage = Storage::kRabitq, .rabitq_bits = 1}},
      {"rabitq2", {.storage = Storage::kRabitq, .rabitq_bits = 2}},
      {"rabitq4", {.storage = Storage::kRabitq, .rabitq_bits = 4}},
      {"rabitq7", {.storage = Storage::kRabitq, .rabitq_bits = 7}},
      {"rabitq8", {.storage = Storage::kRabitq, .rabitq_bits = 8}},
      {"binary", {.storage = Storage::kBinary}},
  };
  return kCases;
}

struct Block {
  alignas(kQueryAlignment) std::byte bytes[kQueryAlignment];
};

struct Input {
  explicit Input(const CodecOptions& options, size_t dims) : rows(kRows * dims) {
    base::Random random(1);
    for (float& value : rows) value = random.normal();
    codec = train(options, {rows.data(), kRows, dims});
    memory.resize(codec->code_bytes() * kRows / sizeof(Block) + 1);
    prepared.resize(codec->query_bytes() / sizeof(Block) + 1);
    for (size_t r = 0; r < kRows; ++r) {
      std::byte* code = memory[0].bytes + r * codec->code_bytes();
      benchmark::DoNotOptimize(codec->encode(rows.data() + r * dims, code));
      codes.push_back(code);
    }
    benchmark::DoNotOptimize(codec->prepare(rows.data(), prepared[0].bytes));
  }
  std::vector<float> rows;
  std::unique_ptr<const Codec> codec;
  std::vector<Block> memory;
  std::vector<Block> prepared;
  std::vector<const std::byte*> codes;
};

Input& input(const benchmark::State& state) {
  static std::map<std::pair<int64_t, int64_t>, Input> kept;
  const auto key = std::pair(state.range(0), state.range(1));
  const Case& chosen = cases()[static_cast<size_t>(key.first)];
  return kept.try_emplace(key, chosen.options, static_cast<size_t>(key.second)).first->second;
}

void label(benchmark::State& state, const Input& in, size_t per_round) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(per_round));
  state.SetLabel(std::string(cases()[static_cast<size_t>(state.range(0))].name) + ", " +
                 std::to_string(in.codec->code_bytes()) + " bytes");
}

void encode(benchmark::State& state) {
  Input& in = input(state);
  std::vector<Block> code(in.codec->code_bytes() / sizeof(Block) + 1);
  size_t row = 0;
  for (auto round : state) {
    benchmark::DoNotOptimize(in.codec->encode(in.rows.data() + row * in.codec->dims(), code[0].bytes));
    row = (row + 1) % kRows;
  }
  label(state, in, 1);
}

void prepare(benchmark::State& state) {
  Input& in = input(state);
  size_t row = 0;
  for (auto round : state) {
    benchmark::DoNotOptimize(in.codec->prepare(in.rows.data() + row * in.codec->dims(), in.prepared[0].bytes));
    row = (row + 1) % kRows;
  }
  label(state, in, 1);
}

void distances(benchmark::State& state) {
  Input& in = input(state);
  std::vector<float> out(kListCodes);
  size_t first = 0;
  for (auto round : state) {
    in.codec->distances(in.prepared[0].bytes, in.codes.data() + first, kListCodes, out.data());
    benchmark::DoNotOptimize(out.data());
    first = (first + kListCodes) % kRows;
  }
  label(state, in, kListCodes);
}

void every_case(benchmark::internal::Benchmark* bench) {
  for (const int64_t dims : {128, 768, 1536}) {
    for (size_t c = 0; c < cases().size(); ++c) bench->Args({static_cast<int64_t>(c), dims});
  }
}

BENCHMARK(encode)->Apply(every_case);
BENCHMARK(prepare)->Apply(every_case);
BENCHMARK(distances)->Apply(every_case);

}  // namespace
}  // namespace omendb::quantize
