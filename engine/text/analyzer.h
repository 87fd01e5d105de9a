#pragma once

// From text to terms: the words of a text as an index knows them. docs/text.md lists the analyzers and what each does.

#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

inline constexpr size_t kTermBytesMax = 255;  // longer ones end at the last character that fits
inline constexpr size_t kNgramCharactersMax = 8;

struct Token {
  std::string_view term;  // good until the sink returns; never empty
  // Counts words, those that are left out (stop words) included, so that phrases know of gaps. Rises, may repeat
  // (variants of one word).
  uint32_t position = 0;
  // Where the word stands in the text: borders of characters. begin_byte never falls from one token to the next.
  uint32_t begin_byte = 0;
  uint32_t end_byte = 0;
};

class TokenSink {
 public:
  virtual ~TokenSink() = default;
  virtual void token(const Token& token) = 0;
};

// One thread's: it remembers the terms of words that it has met. Made by Analyzer::tokenizer, which must outlive it.
// Memory: 20 KB at first, at most 10 MB after many different words; while it runs, 12 times a piece of text that has
// neither spaces nor punctuation and needs a dictionary.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  // Any bytes; what is no UTF-8 is taken as U+FFFD. At most 2^31 - 1 bytes; later ones are not read. Cost
  // (analyzer_bench.cc): 40 ns a word of English, 50 ns of German or Russian, 0.4 us a character of Chinese or Japanese;
  // 0.4 us for a word not met before. No allocation for words met before.
  virtual void run(std::string_view text, TokenSink& sink) = 0;
};

// Immutable; any number of threads.
class Analyzer {
 public:
  // By name: "english", "german", ... (segmentation, case, accents, stop words, stems), "simple" (no stems, no stop
  // words), "keyword" (the whole text is one term), "ngram(3)", "ngram(2,3)", "code". Names are lower case. Fails:
  // kInvalidArgument, listing what there is; kInternal where ICU finds no data.
  static Result<std::shared_ptr<const Analyzer>> make(std::string_view name);
  virtual ~Analyzer() = default;
  virtual std::unique_ptr<Tokenizer> tokenizer() const = 0;
  // A word of a query as far as it is not stemmed or left out: folded case and accents, at most kTermBytesMax bytes. For
  // prefixes and fuzzy words, which are compared with terms: a stem is mostly a prefix of its words, so the fold of a
  // beginning finds it.
  virtual std::string fold(std::string_view word) const = 0;
};

// Names for messages and documentation, sorted; "ngram(n)" and "ngram(min,max)" stand for many.
std::vector<std::string> analyzer_names();

}  // namespace omendb::text
