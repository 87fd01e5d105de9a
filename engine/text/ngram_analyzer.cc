#include "engine/text/ngram_analyzer.h"

#include "engine/text/fold.h"

#include <array>
#include <cassert>
#include <string>

namespace omendb::text {
namespace {

// The last characters of the folded text, as many as the longest gram has.
class GramWindow {
 public:
  GramWindow(size_t characters_min, size_t characters_max, TokenSink& sink)
      : characters_min_(characters_min), characters_max_(characters_max), sink_(sink) {}

  // Makes the grams of a character once all that follow it are known.
  void push(std::string_view character, uint32_t begin_byte, uint32_t end_byte) {
    if (count_ == characters_max_) pop();
    characters_[count_++] = {bytes_.size(), begin_byte, end_byte};
    bytes_.append(character);
  }

  void finish() {
    while (count_ > 0) pop();
  }

  bool was_pushed() const { return count_ > 0; }

 private:
  struct Place {
    size_t begin;  // in bytes_
    uint32_t begin_byte;
    uint32_t end_byte;
  };

  void pop() {
    for (size_t length = characters_min_; length <= count_; ++length) {
      const size_t end = length == count_ ? bytes_.size() : characters_[length].begin;
      sink_.token({std::string_view(bytes_).substr(0, end), position_, characters_[0].begin_byte,
                   characters_[length - 1].end_byte});
    }
    ++position_;
    --count_;
    const size_t gone = count_ == 0 ? bytes_.size() : characters_[1].begin;
    bytes_.erase(0, gone);
    for (size_t index = 0; index < count_; ++index) {
      characters_[index] = characters_[index + 1];
      characters_[index].begin -= gone;
    }
  }

  size_t characters_min_;
  size_t characters_max_;
  TokenSink& sink_;
  std::string bytes_;
  std::array<Place, kNgramCharactersMax> characters_{};
  size_t count_ = 0;
  uint32_t position_ = 0;
};

class NgramTokenizer final : public Tokenizer {
 public:
  NgramTokenizer(size_t characters_min, size_t characters_max)
      : characters_min_(characters_min), characters_max_(characters_max) {}

  void run(std::string_view text, TokenSink& sink) override {
    text = text.substr(0, INT32_MAX);
    GramWindow window(characters_min_, characters_max_, sink);
    size_t at = 0;
    while (at < text.size()) {
      const size_t begin = at;
      while (at < text.size() && is_white_space_at(text, at)) at = character_at(text, at).end;
      if (at == text.size()) break;
      if (at > begin && window.was_pushed()) window.push(" ", static_cast<uint32_t>(begin), static_cast<uint32_t>(at));
      const size_t end = fold_piece_end(text, at);
      fold_word(text.substr(at, end - at), FoldRules{}, folded_);
      push_characters(static_cast<uint32_t>(at), static_cast<uint32_t>(end), window);
      at = end;
    }
    window.finish();
  }

 private:
  void push_characters(uint32_t begin_byte, uint32_t end_byte, GramWindow& window) const {
    for (size_t at = 0; at < folded_.size();) {
      const size_t end = character_at(folded_, at).end;
      window.push(std::string_view(folded_).substr(at, end - at), begin_byte, end_byte);
      at = end;
    }
  }

  size_t characters_min_;
  size_t characters_max_;
  std::string folded_;
};

class NgramAnalyzer final : public Analyzer {
 public:
  NgramAnalyzer(size_t characters_min, size_t characters_max)
      : characters_min_(characters_min), characters_max_(characters_max) {}

  std::unique_ptr<Tokenizer> tokenizer() const override {
    return std::make_unique<NgramTokenizer>(characters_min_, characters_max_);
  }

  std::string fold(std::string_view word) const override {
    std::string folded;
    fold_word(word, FoldRules{}, folded);
    folded.resize(cut_bytes(folded, kTermBytesMax));
    return folded;
  }

 private:
  size_t characters_min_;
  size_t characters_max_;
};

}  // namespace

std::shared_ptr<const Analyzer> make_ngram_analyzer(size_t characters_min, size_t characters_max) {
  assert(1 <= characters_min && characters_min <= characters_max && characters_max <= kNgramCharactersMax);
  return std::make_shared<NgramAnalyzer>(characters_min, characters_max);
}

}  // namespace omendb::text
