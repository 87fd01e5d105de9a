// What analyzer.h says about cost.
#include "engine/text/analyzer.h"

#include "engine/base/random.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {
namespace {

class Counter final : public TokenSink {
 public:
  void token(const Token& token) override {
    ++count;
    bytes += token.term.size();
  }
  size_t count = 0;
  size_t bytes = 0;
};

// Words as frequent as in prose (Zipf), of its lengths, with its capitals and commas.
std::string prose(size_t word_count, const std::vector<std::string>& function_words,
                  const std::vector<std::string>& syllables) {
  constexpr size_t kVocabulary = 30'000;
  base::Random random(1);
  std::vector<std::string> vocabulary = function_words;
  while (vocabulary.size() < kVocabulary) {
    std::string word;
    for (uint64_t count = random.between(1, 4); count > 0; --count) word += syllables[random.below(syllables.size())];
    vocabulary.push_back(word);
  }
  std::string text;
  for (size_t index = 0; index < word_count; ++index) {
    const double rank = std::exp(random.uniform() * std::log(static_cast<double>(kVocabulary))) - 1;
    std::string word = vocabulary[static_cast<size_t>(rank)];
    if (index % 15 == 0 && word[0] >= 'a' && word[0] <= 'z') word[0] = static_cast<char>(word[0] - 32);
    text += word;
    text += index % 15 == 14 ? ". " : index % 9 == 8 ? ", " : " ";
  }
  return text;
}

const std::string& english_prose() {
  static const std::string text = prose(100'000,
                                        {"the", "of", "and", "to", "a", "in", "is", "that", "it", "was", "for", "on",
                                         "are", "as", "with", "his", "they", "at"},
                                        {"ing", "er",  "a",    "ly",  "ed",  "i",   "es",  "re",  "tion", "in",
                                         "e",   "con", "ment", "ver", "for", "ter", "com", "pro", "st",   "pa"});
  return text;
}

const std::string& german_prose() {
  static const std::string text = prose(100'000,
                                        {"die", "der", "und", "in", "zu", "den", "das", "nicht", "von", "sie", "ist",
                                         "des", "sich", "mit", "dem", "für", "über"},
                                        {"en", "er",   "sch", "ung", "ge",  "be",   "ver", "lich", "ä",   "ö",
                                         "ü",  "keit", "st",  "ein", "aus", "haus", "auf", "te",   "ber", "la"});
  return text;
}

const std::string& russian_prose() {
  static const std::string text =
      prose(100'000, {"и", "в", "не", "на", "я", "быть", "он", "с", "что", "а", "по", "это", "она", "этот", "к"},
            {"ст", "но", "ени", "то", "на", "ов", "ра", "ко", "при", "ние", "ть", "ла", "ро", "ами", "ого", "де",
             "пере", "ли"});
  return text;
}

const std::string& chinese_prose() {
  static const std::string text =
      prose(30'000, {"的", "了", "在", "是", "我"}, {"中", "国", "人", "民", "大", "学", "生", "活", "时", "间"});
  return text;
}

// `words` of text counted as "items".
void analyze(benchmark::State& state, std::string_view name, const std::string& text) {
  const auto analyzer = Analyzer::make(name);
  const auto tokenizer = analyzer.value()->tokenizer();
  Counter counter;
  tokenizer->run(text, counter);
  size_t words = 1;
  for (const char c : text) words += c == ' ' ? 1 : 0;
  for (auto step : state) {
    tokenizer->run(text, counter);
    benchmark::DoNotOptimize(counter.bytes);
  }
  const auto rounds = static_cast<double>(state.iterations());
  state.counters["time_per_word"] = benchmark::Counter(rounds * static_cast<double>(words),
                                                       benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(text.size()));
}

void english(benchmark::State& state) { analyze(state, "english", english_prose()); }
void simple(benchmark::State& state) { analyze(state, "simple", english_prose()); }
void code(benchmark::State& state) { analyze(state, "code", english_prose()); }
void trigrams(benchmark::State& state) { analyze(state, "ngram(3)", english_prose()); }
void german(benchmark::State& state) { analyze(state, "german", german_prose()); }
void russian(benchmark::State& state) { analyze(state, "russian", russian_prose()); }
void chinese(benchmark::State& state) { analyze(state, "simple", chinese_prose()); }
BENCHMARK(english);
BENCHMARK(simple);
BENCHMARK(code);
BENCHMARK(trigrams);
BENCHMARK(german);
BENCHMARK(russian);
BENCHMARK(chinese);

// Every word for the first time: fold, stop words, stem, and the cache emptied again and again.
void english_new_words(benchmark::State& state) {
  const auto analyzer = Analyzer::make("english");
  const auto tokenizer = analyzer.value()->tokenizer();
  Counter counter;
  uint64_t number = 0;
  std::string text;
  for (auto step : state) {
    text = "relationals";
    for (uint64_t rest = ++number; rest > 0; rest /= 26) text += static_cast<char>('a' + rest % 26);
    tokenizer->run(text, counter);
  }
  benchmark::DoNotOptimize(counter.bytes);
}
BENCHMARK(english_new_words);

// As a query does.
void make_and_run(benchmark::State& state) {
  Counter counter;
  const auto analyzer = Analyzer::make("english");
  for (auto step : state) analyzer.value()->tokenizer()->run("effects of heat transfer on slender bodies", counter);
  benchmark::DoNotOptimize(counter.bytes);
}
BENCHMARK(make_and_run);

}  // namespace
}  // namespace omendb::text
