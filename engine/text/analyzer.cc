#include "engine/text/analyzer.h"

#include "engine/base/try.h"
#include "engine/text/code_analyzer.h"
#include "engine/text/fold.h"
#include "engine/text/language.h"
#include "engine/text/ngram_analyzer.h"
#include "engine/text/word_analyzer.h"
#include "engine/text/words.h"

#include <algorithm>
#include <optional>

namespace omendb::text {
namespace {

constexpr size_t kNameBytesMax = 64;  // of a name within a message

class KeywordTokenizer final : public Tokenizer {
 public:
  void run(std::string_view text, TokenSink& sink) override {
    text = text.substr(0, INT32_MAX);
    if (text.empty()) return;
    sink.token({text.substr(0, cut_bytes(text, kTermBytesMax)), 0, 0, static_cast<uint32_t>(text.size())});
  }
};

class KeywordAnalyzer final : public Analyzer {
 public:
  std::unique_ptr<Tokenizer> tokenizer() const override { return std::make_unique<KeywordTokenizer>(); }
  std::string fold(std::string_view word) const override {
    return std::string(word.substr(0, cut_bytes(word, kTermBytesMax)));
  }
};

struct NgramLengths {
  size_t min = 0;
  size_t max = 0;
};

std::optional<size_t> gram_length(std::string_view digits) {
  while (digits.starts_with(' ')) digits.remove_prefix(1);
  while (digits.ends_with(' ')) digits.remove_suffix(1);
  if (digits.size() != 1 || digits[0] < '1' || digits[0] > '0' + static_cast<int>(kNgramCharactersMax))
    return std::nullopt;
  return static_cast<size_t>(digits[0] - '0');
}

std::optional<NgramLengths> ngram_lengths(std::string_view name) {
  constexpr std::string_view kBegin = "ngram(";
  if (!name.starts_with(kBegin) || !name.ends_with(')')) return std::nullopt;
  const std::string_view lengths = name.substr(kBegin.size(), name.size() - kBegin.size() - 1);
  const size_t comma = lengths.find(',');
  const std::optional<size_t> min = gram_length(lengths.substr(0, comma));
  const std::optional<size_t> max = comma == std::string_view::npos ? min : gram_length(lengths.substr(comma + 1));
  if (!min || !max || *min > *max) return std::nullopt;
  return NgramLengths{*min, *max};
}

Error unknown_name(std::string_view name) {
  std::string message =
      "there is no analyzer \"" + std::string(name.substr(0, cut_bytes(name, kNameBytesMax))) + "\"; there are";
  for (const std::string& known : analyzer_names()) message += (message.ends_with(" are") ? " " : ", ") + known;
  return Error{ErrorCode::kInvalidArgument, message + "; 1 <= min <= max <= " + std::to_string(kNgramCharactersMax)};
}

}  // namespace

std::vector<std::string> analyzer_names() {
  std::vector<std::string> names = language_names();
  names.insert(names.end(), {"code", "keyword", "ngram(n)", "ngram(min,max)", "simple"});
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::shared_ptr<const Analyzer>> Analyzer::make(std::string_view name) {
  TRY_OK(check_unicode_data());
  TRY_OK(check_word_data());
  if (name == "keyword") return std::shared_ptr<const Analyzer>(std::make_shared<KeywordAnalyzer>());
  if (name == "simple") return make_simple_analyzer();
  if (name == "code") return make_code_analyzer();
  if (const std::optional<NgramLengths> lengths = ngram_lengths(name))
    return make_ngram_analyzer(lengths->min, lengths->max);
  const std::vector<std::string> languages = language_names();
  if (std::find(languages.begin(), languages.end(), name) != languages.end()) return make_language_analyzer(name);
  return unknown_name(name);
}

}  // namespace omendb::text
