#include "engine/text/word_analyzer.h"

#include <libstemmer.h>

#include "engine/base/hash.h"
#include "engine/text/fold.h"
#include "engine/text/language.h"
#include "engine/text/stop_words.h"
#include "engine/text/term_cache.h"
#include "engine/text/words.h"

#include <algorithm>
#include <new>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

namespace omendb::text {
namespace {

struct StemmerCloser {
  void operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }
};
using Stemmer = std::unique_ptr<sb_stemmer, StemmerCloser>;

Stemmer open_stemmer(const std::string& language) { return Stemmer(sb_stemmer_new(language.c_str(), "UTF_8")); }

// How a word becomes a term. Immutable.
struct WordRules {
  std::string stemmer;  // "": none
  FoldRules before_stemming;
  FoldRules after_stemming;
  Apostrophe apostrophe = Apostrophe::kPartOfWord;
  std::string_view elided;
  std::unordered_set<std::string> stop_words;  // folded as before stemming
};

// Without what belongs to the word only by its apostrophe. Where nothing else would be left, all stays.
void cut_apostrophe(const WordRules& rules, std::string& word) {
  if (rules.apostrophe == Apostrophe::kPartOfWord) return;
  const size_t first = word.find('\'');
  if (first == std::string::npos || first == 0 || first + 1 == word.size()) return;
  switch (rules.apostrophe) {
    case Apostrophe::kPartOfWord: return;
    case Apostrophe::kSuffix: word.resize(first); return;
    case Apostrophe::kPossessive:
      if (word.ends_with("'s") && word.size() > 2) word.resize(word.size() - 2);
      return;
    case Apostrophe::kElision: {
      const std::string elided = " " + word.substr(0, first) + " ";
      if (rules.elided.find(elided) != std::string_view::npos) word.erase(0, first + 1);
      return;
    }
  }
}

class WordTokenizer final : public Tokenizer {
 public:
  explicit WordTokenizer(const WordRules& rules) : rules_(rules) {
    if (rules.stemmer.empty()) return;
    stemmer_ = open_stemmer(rules.stemmer);
    if (stemmer_ == nullptr) throw std::bad_alloc();  // it was there when the analyzer was made
  }

  void run(std::string_view text, TokenSink& sink) override {
    text = text.substr(0, INT32_MAX);
    uint32_t position = 0;
    for_each_word(text, unicode_words_, [&](size_t begin, size_t end) {
      const std::string_view term = term_of(text.substr(begin, end - begin));
      if (!term.empty()) sink.token({term, position, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
      ++position;
    });
  }

 private:
  // Good until the next call; empty for stop words and for words of invisible characters.
  std::string_view term_of(std::string_view word) {
    if (word.size() > TermCache::kWordBytesMax) {
      analyze(word);
      return term_;
    }
    const uint64_t hash = base::hash64(word);
    if (const std::optional<std::string_view> known = cache_.find(word, hash)) return *known;
    analyze(word);
    cache_.insert(word, hash, term_);
    return term_;
  }

  void analyze(std::string_view word) {
    fold_word(word, rules_.before_stemming, term_);
    if (rules_.stop_words.contains(term_)) return term_.clear();
    const size_t bytes = term_.size();
    cut_apostrophe(rules_, term_);
    if (term_.size() != bytes && rules_.stop_words.contains(term_)) return term_.clear();
    term_.resize(cut_bytes(term_, kTermBytesMax));  // no stemmer need be fast for longer ones
    if (stemmer_ == nullptr || term_.empty()) return;
    stem();
    remove_accents(rules_.after_stemming, term_);
    term_.resize(cut_bytes(term_, kTermBytesMax));
  }

  void stem() {
    const auto* word = reinterpret_cast<const sb_symbol*>(term_.data());
    const sb_symbol* stem = sb_stemmer_stem(stemmer_.get(), word, static_cast<int>(term_.size()));
    if (stem == nullptr) throw std::bad_alloc();
    const auto bytes = static_cast<size_t>(sb_stemmer_length(stemmer_.get()));
    if (bytes != 0) term_.assign(reinterpret_cast<const char*>(stem), bytes);
  }

  const WordRules& rules_;
  Stemmer stemmer_;
  UnicodeWords unicode_words_;
  TermCache cache_;
  std::string term_;
};

class WordAnalyzer final : public Analyzer {
 public:
  explicit WordAnalyzer(WordRules rules) : rules_(std::move(rules)) {}

  std::unique_ptr<Tokenizer> tokenizer() const override { return std::make_unique<WordTokenizer>(rules_); }

  std::string fold(std::string_view word) const override {
    std::string folded;
    fold_word(word, rules_.before_stemming, folded);
    remove_accents(rules_.after_stemming, folded);
    folded.resize(cut_bytes(folded, kTermBytesMax));
    return folded;
  }

 private:
  WordRules rules_;
};

std::unordered_set<std::string> folded_words(std::string_view words, const FoldRules& rules) {
  std::unordered_set<std::string> set;
  std::string folded;
  for (size_t begin = 0; begin < words.size();) {
    const size_t end = std::min(words.find(' ', begin), words.size());
    if (end > begin) {
      fold_word(words.substr(begin, end - begin), rules, folded);
      set.insert(folded);
    }
    begin = end + 1;
  }
  return set;
}

}  // namespace

Result<std::shared_ptr<const Analyzer>> make_language_analyzer(std::string_view name) {
  const Language language = language_of(name);
  WordRules rules;
  rules.stemmer = std::string(name);
  if (open_stemmer(rules.stemmer) == nullptr) {
    return Error{ErrorCode::kInternal, "libstemmer lists " + rules.stemmer + " and does not open it"};
  }
  rules.before_stemming = {language.stemmer_letters, language.stems_all_letters, language.spelling};
  rules.after_stemming = {language.own_letters, language.owns_all_letters};
  rules.apostrophe = language.apostrophe;
  rules.elided = language.elided;
  rules.stop_words = folded_words(stop_words(name), rules.before_stemming);
  return std::shared_ptr<const Analyzer>(std::make_shared<WordAnalyzer>(std::move(rules)));
}

std::shared_ptr<const Analyzer> make_simple_analyzer() { return std::make_shared<WordAnalyzer>(WordRules{}); }

}  // namespace omendb::text
