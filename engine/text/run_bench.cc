// What the headers of runs say about cost and size, over 200,000 made-up rows of 80 words whose frequencies follow Zipf's law.
#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/text/bit_packing.h"
#include "engine/text/run.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace omendb::text {
namespace {

constexpr uint32_t kVocabulary = 100'000;
constexpr uint32_t kTokensPerRow = 80;

struct Corpus {
  std::vector<std::string> words;  // the commonest first
  std::vector<uint32_t> tokens;    // of all rows, 80 each
  std::string text;                // their letters behind each other, as an analyzer would meet them
  uint32_t row_count = 0;
};

const Corpus& corpus() {
  static const Corpus made = [] {
    Corpus corpus;
    base::Random random(1);
    for (uint32_t word = 0; word < kVocabulary; ++word) {
      std::string letters;
      for (uint64_t left = random.between(3, 10); left > 0; --left)
        letters += static_cast<char>('a' + random.below(26));
      corpus.words.push_back(letters);
    }
    std::vector<double> sums;
    double sum = 0;
    for (uint32_t word = 1; word <= kVocabulary; ++word) sums.push_back(sum += 1.0 / word);
    corpus.row_count = static_cast<uint32_t>(base::scaled(200'000));
    for (size_t token = 0; token < size_t{corpus.row_count} * kTokensPerRow; ++token) {
      const auto at = std::lower_bound(sums.begin(), sums.end(), random.uniform() * sum);
      corpus.tokens.push_back(static_cast<uint32_t>(std::min<std::ptrdiff_t>(at - sums.begin(), kVocabulary - 1)));
      corpus.text += static_cast<char>(corpus.words[corpus.tokens.back()].size());
      corpus.text += corpus.words[corpus.tokens.back()];
    }
    return corpus;
  }();
  return made;
}

// Rows up to `end_row` from byte `offset` of the text on, which moves on.
void fill(RunBuilder& builder, size_t& offset, uint32_t end_row) {
  const std::string& text = corpus().text;
  while (builder.row_count() < end_row) {
    builder.begin_row();
    for (uint32_t position = 0; position < kTokensPerRow; ++position) {
      const auto letters = static_cast<size_t>(static_cast<unsigned char>(text[offset]));
      builder.token({.term = std::string_view(text).substr(offset + 1, letters), .position = position});
      offset += 1 + letters;
    }
  }
}

void fill(RunBuilder& builder, uint32_t row_count) {
  size_t offset = 0;
  fill(builder, offset, row_count);
}

const std::vector<std::byte>& whole_run() {
  static const std::vector<std::byte> bytes = [] {
    RunBuilder builder;
    fill(builder, corpus().row_count);
    return builder.finish();
  }();
  return bytes;
}

void count_tokens(benchmark::State& state, uint64_t tokens) {
  state.counters["ns_per_token"] = benchmark::Counter(
      static_cast<double>(tokens) * 1e-9, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

// Of a share of the rows, in hundredths: databases write runs of some thousands of rows, which stay in the cache and in memory that the process has already.
uint32_t rows_of(const benchmark::State& state) {
  return static_cast<uint32_t>(corpus().row_count * static_cast<uint64_t>(state.range(0)) / 100);
}

void build_tokens(benchmark::State& state) {
  const uint32_t row_count = rows_of(state);
  for (auto step : state) {
    RunBuilder builder;
    fill(builder, row_count);
    benchmark::DoNotOptimize(builder.memory_bytes());
  }
  count_tokens(state, size_t{row_count} * kTokensPerRow);
}
BENCHMARK(build_tokens)->Arg(5)->Arg(100)->Unit(benchmark::kMillisecond);

void finish_run(benchmark::State& state) {
  const uint32_t row_count = rows_of(state);
  size_t size_bytes = 0;
  for (auto step : state) {
    state.PauseTiming();
    RunBuilder builder;
    fill(builder, row_count);
    state.ResumeTiming();
    size_bytes = builder.finish().size();
  }
  const size_t tokens = size_t{row_count} * kTokensPerRow;
  count_tokens(state, tokens);
  state.counters["bytes_per_token"] = static_cast<double>(size_bytes) / static_cast<double>(tokens);
}
BENCHMARK(finish_run)->Arg(5)->Arg(100)->Unit(benchmark::kMillisecond);

void merge(benchmark::State& state) {
  const auto part_count = static_cast<uint32_t>(state.range(0));
  std::vector<std::vector<std::byte>> parts;
  std::vector<Run> runs;
  std::vector<const Run*> pointers;
  size_t offset = 0;
  for (uint32_t part = 0; part < part_count; ++part) {
    RunBuilder builder;
    fill(builder, offset, corpus().row_count / part_count);
    parts.push_back(builder.finish());
  }
  runs.reserve(part_count);
  pointers.reserve(part_count);
  for (const auto& part : parts) runs.push_back(base::must(Run::open(part)));
  for (const Run& run : runs) pointers.push_back(&run);
  for (auto step : state) benchmark::DoNotOptimize(base::must(merge_runs(pointers, nullptr, nullptr)));
  count_tokens(state, corpus().tokens.size());
}
BENCHMARK(merge)->Arg(2)->Arg(10)->Unit(benchmark::kMillisecond);

void check(benchmark::State& state) {
  const Run run = base::must(Run::open(whole_run()));
  for (auto step : state) base::must(check_run(run));
  count_tokens(state, corpus().tokens.size());
}
BENCHMARK(check)->Unit(benchmark::kMillisecond);

void find_terms(benchmark::State& state) {
  const Run run = base::must(Run::open(whole_run()));
  size_t at = 0;
  for (auto step : state) {
    benchmark::DoNotOptimize(run.find(corpus().words[corpus().tokens[at]]));
    at = (at + 7919) % corpus().tokens.size();
  }
}
BENCHMARK(find_terms);

TermEntry common_term(const Run& run) { return *run.find(corpus().words[10]); }

template <typename Visit>
void walk_rows(benchmark::State& state, Visit visit) {
  const Run run = base::must(Run::open(whole_run()));
  const TermEntry entry = common_term(run);
  for (auto step : state) {
    uint64_t sum = 0;
    for (PostingCursor cursor(run, entry); cursor.row() != kNoRow; cursor.next()) sum += visit(run, cursor);
    benchmark::DoNotOptimize(sum);
  }
  count_tokens(state, entry.document_count);
}

void decode_rows(benchmark::State& state) {
  walk_rows(state, [](const Run&, const PostingCursor& cursor) { return cursor.row(); });
}
BENCHMARK(decode_rows);

void decode_frequencies(benchmark::State& state) {
  walk_rows(state, [](const Run&, const PostingCursor& cursor) { return cursor.row() + cursor.frequency(); });
}
BENCHMARK(decode_frequencies);

void decode_lengths(benchmark::State& state) {
  walk_rows(state,
            [](const Run& run, const PostingCursor& cursor) { return cursor.frequency() + run.length(cursor.row()); });
}
BENCHMARK(decode_lengths);

void decode_positions(benchmark::State& state) {
  std::vector<uint32_t> positions;
  walk_rows(state, [&positions](const Run&, PostingCursor& cursor) {
    cursor.positions(positions);
    return positions.front();
  });
}
BENCHMARK(decode_positions);

// In leaps of so many rows.
void advance(benchmark::State& state) {
  const Run run = base::must(Run::open(whole_run()));
  const TermEntry entry = common_term(run);
  const auto leap = static_cast<uint32_t>(state.range(0));
  int64_t leaps = 0;
  for (auto step : state) {
    PostingCursor cursor(run, entry);
    for (uint32_t row = 0; cursor.row() != kNoRow; row += leap, ++leaps) cursor.advance(row);
  }
  state.SetItemsProcessed(leaps);
}
BENCHMARK(advance)->Arg(10)->Arg(100)->Arg(1000)->Arg(10'000);

void bounds(benchmark::State& state) {
  const Run run = base::must(Run::open(whole_run()));
  const TermEntry entry = common_term(run);
  const auto leap = static_cast<uint32_t>(state.range(0));
  int64_t leaps = 0;
  for (auto step : state) {
    PostingCursor cursor(run, entry);
    float sum = 0;
    for (uint32_t row = 0; row < run.row_count(); row += leap, ++leaps) sum += cursor.bound_at(row).length_ratio_min;
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(leaps);
}
BENCHMARK(bounds)->Arg(10)->Arg(1000);

void open_cursors(benchmark::State& state) {
  const Run run = base::must(Run::open(whole_run()));
  std::vector<TermEntry> entries;
  for (TermIterator terms(run); terms.valid() && entries.size() < 50'000; terms.next())
    entries.push_back(terms.entry());
  size_t at = 0;
  for (auto step : state) {
    const PostingCursor cursor(run, entries[at]);
    benchmark::DoNotOptimize(cursor.row());
    at = (at + 1) % entries.size();
  }
}
BENCHMARK(open_cursors);

void unpack_gaps(benchmark::State& state) {
  const auto width = static_cast<uint32_t>(state.range(0));
  const std::vector<std::byte> packed(packed_bytes(width));
  uint32_t sums[kPackedValues];
  for (auto step : state) {
    unpack_sums(packed.data(), width, 0, sums);
    benchmark::DoNotOptimize(sums);
  }
}
BENCHMARK(unpack_gaps)->Arg(3)->Arg(8)->Arg(13);

}  // namespace
}  // namespace omendb::text
