// What a search costs: 200,000 rows of 80 words, drawn by Zipf's law, the best 10 of queries of 2 to 4 words.

#include "engine/text/text_search.h"

#include <benchmark/benchmark.h>

#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/text/run.h"
#include "engine/text/text_query.h"
#include "engine/text/text_search_model.h"

namespace omendb::text {
namespace {

constexpr uint32_t kWordsPerRow = 80;
constexpr size_t kVocabulary = 200'000;
constexpr size_t kStopWords = 50;  // the most frequent words of a language, which analyzers leave out
constexpr size_t kQueries = 2000;

// Ranks by Zipf's law, weight 1 / (rank + 2.7)^1.05 (Mandelbrot's form of it).
class ZipfRanks {
 public:
  ZipfRanks() {
    double sum = 0;
    for (size_t rank = 0; rank < kVocabulary; ++rank)
      sums_.push_back(sum += std::pow(static_cast<double>(kStopWords + rank) + 2.7, -1.05));
  }
  size_t draw(base::Random& random) const {
    const auto at = std::lower_bound(sums_.begin(), sums_.end(), random.uniform() * sums_.back());
    return static_cast<size_t>(at - sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

std::string word_of(size_t rank) { return "w" + std::to_string(rank); }

// Rows in runs of equal size.
class BenchCorpus {
 public:
  BenchCorpus(uint32_t row_count, uint32_t run_count)
      : words_(row_count / RowBits::kRowsPerBlock * 512 + 512, ~uint64_t{0}) {
    base::Random random(1);
    for (uint32_t run = 0; run < run_count; ++run)
      add_run(random, run * (row_count / run_count), row_count / run_count);
    for (size_t i = 0; i < runs_.size(); ++i)
      placed_.push_back({runs_[i].get(), static_cast<uint32_t>(i) * (row_count / run_count)});
    for (size_t first = 0; first < words_.size(); first += 512) blocks_.push_back(words_.data() + first);
    column_.name = "text";
    column_.analyzer = &analyzer_;
    column_.runs = placed_;
    rows_ = {blocks_, row_count};
  }
  const TextColumn& column() const { return column_; }
  RowBits rows() const { return rows_; }
  const ZipfRanks& ranks() const { return ranks_; }

 private:
  void add_run(base::Random& random, uint32_t first, uint32_t row_count) {
    RunBuilder builder;
    for (uint32_t row = first; row < first + row_count; ++row) {
      builder.begin_row();
      const auto length = static_cast<uint32_t>(random.between(kWordsPerRow / 2, kWordsPerRow * 3 / 2));
      for (uint32_t position = 0; position < length; ++position)
        builder.token({word_of(ranks_.draw(random)), position, 0, 0});
      column_.token_count += length;
      ++column_.document_count;
    }
    bytes_.push_back(builder.finish());
    runs_.push_back(std::make_unique<Run>(base::must(Run::open(bytes_.back()))));
  }

  ZipfRanks ranks_;
  SpaceAnalyzer analyzer_;
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<std::unique_ptr<Run>> runs_;
  std::vector<PlacedRun> placed_;
  std::vector<uint64_t> words_;
  std::vector<const uint64_t*> blocks_;
  TextColumn column_;
  RowBits rows_;
};

const BenchCorpus& corpus_of(uint32_t row_count, uint32_t run_count) {
  static std::unique_ptr<BenchCorpus> corpus;
  static uint32_t row_count_made = 0;
  static uint32_t run_count_made = 0;
  if (row_count_made != row_count || run_count_made != run_count)
    corpus = std::make_unique<BenchCorpus>(row_count, run_count);
  row_count_made = row_count;
  run_count_made = run_count;
  return *corpus;
}

// Two to four words with one operator before each. `spread`: any rank below 20,000 as likely as its double, as people ask for rare words more than texts have them;
// else as texts have them.
std::vector<std::unique_ptr<QueryNode>> make_queries(const BenchCorpus& corpus, const std::string& before,
                                                     const std::string& after, bool spread) {
  base::Random random(2);
  std::vector<std::unique_ptr<QueryNode>> queries;
  while (queries.size() < kQueries) {
    std::string text;
    for (uint64_t i = random.between(2, 4); i > 0; --i) {
      const size_t rank =
          spread ? static_cast<size_t>(std::pow(20'000, random.uniform())) : corpus.ranks().draw(random);
      text += before + word_of(rank) + after + " ";
    }
    queries.push_back(base::must(parse_query(text)));
  }
  return queries;
}

// Of this thread, so that what else runs on the machine takes little part.
double cpu_microseconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) / 1e3;
}

void measure(benchmark::State& state, const std::string& before, const std::string& after, bool spread) {
  const auto row_count = static_cast<uint32_t>(state.range(0));
  const BenchCorpus& corpus = corpus_of(row_count, static_cast<uint32_t>(state.range(1)));
  const auto queries = make_queries(corpus, before, after, spread);
  std::vector<double> microseconds;
  TextSearchStats stats;
  size_t at = 0;
  for (auto round : state) {
    const double begin = cpu_microseconds();
    auto found = base::must(search({&corpus.column(), 1}, *queries[at++ % kQueries], corpus.rows(), 10, &stats));
    benchmark::DoNotOptimize(found.data());
    microseconds.push_back(cpu_microseconds() - begin);
  }
  std::sort(microseconds.begin(), microseconds.end());
  state.counters["p50_us"] = microseconds[microseconds.size() / 2];
  state.counters["p99_us"] = microseconds[microseconds.size() * 99 / 100];
  state.counters["scored"] = static_cast<double>(stats.scored_rows) / static_cast<double>(microseconds.size());
  state.counters["matching"] = static_cast<double>(stats.matching_rows_max) / static_cast<double>(microseconds.size());
}

void any_words_as_in_texts(benchmark::State& state) { measure(state, "", "", false); }
void any_words_spread(benchmark::State& state) { measure(state, "", "", true); }
void all_words(benchmark::State& state) { measure(state, "+", "", false); }
void prefixes(benchmark::State& state) { measure(state, "", "*", true); }
void near_words(benchmark::State& state) { measure(state, "", "~1", true); }

void sizes(benchmark::internal::Benchmark* bench) {
  for (const int64_t run_count : {1, 8}) bench->Args({static_cast<int64_t>(base::scaled(200'000)), run_count});
}
BENCHMARK(any_words_as_in_texts)->Apply(sizes)->Iterations(static_cast<int64_t>(base::scaled(2 * kQueries)));
BENCHMARK(any_words_spread)->Apply(sizes)->Iterations(static_cast<int64_t>(base::scaled(2 * kQueries)));
BENCHMARK(all_words)->Apply(sizes)->Iterations(static_cast<int64_t>(base::scaled(kQueries)));
BENCHMARK(prefixes)->Apply(sizes)->Iterations(static_cast<int64_t>(base::scaled(100)));
BENCHMARK(near_words)->Apply(sizes)->Iterations(static_cast<int64_t>(base::scaled(100)));

}  // namespace
}  // namespace omendb::text
