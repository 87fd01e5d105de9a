#include "engine/text/query_words.h"

#include <algorithm>
#include <memory>
#include <unordered_map>

namespace omendb::text {
namespace {

class SlotSink final : public TokenSink {
 public:
  void token(const Token& token) override {
    if (slots.empty()) first_ = token.position;
    const uint32_t offset = token.position - first_;
    if (slots.empty() || slots.back().offset != offset) slots.push_back({offset, {}});
    std::vector<std::string>& terms = slots.back().terms;
    if (std::find(terms.begin(), terms.end(), token.term) == terms.end()) terms.emplace_back(token.term);
  }
  std::vector<WordSlot> slots;

 private:
  uint32_t first_ = 0;
};

class CountSink final : public TokenSink {
 public:
  void token(const Token& token) override {
    const auto [at, is_new] = places_.try_emplace(std::string(token.term), terms.size());
    if (is_new)
      terms.emplace_back(token.term, 1);
    else
      ++terms[at->second].second;
  }
  std::vector<std::pair<std::string, uint32_t>> terms;

 private:
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace

std::vector<WordSlot> word_slots(const Analyzer& analyzer, std::string_view text) {
  SlotSink sink;
  analyzer.tokenizer()->run(text, sink);
  return std::move(sink.slots);
}

std::vector<std::pair<std::string, uint32_t>> counted_terms(Tokenizer& tokenizer, std::string_view text) {
  CountSink sink;
  tokenizer.run(text, sink);
  return std::move(sink.terms);
}

}  // namespace omendb::text
