#pragma once

// The words of a text as Unicode segments them (UAX 29, as of ICU's rules for no particular language; Chinese, Japanese,
// Thai, Lao, Khmer and Burmese by ICU's dictionaries). A word is a segment with a letter, a digit, kana or an ideograph.
// One difference: ICU 72 takes @ for a letter, UAX 29 does not, and neither do we: who searches for example.com means
// joe@example.com too.

#include <omendb/status.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace omendb::text {

// Whether ICU has its data. Fails: kInternal.
Result<void> check_word_data();

// ICU's words, for text of all scripts. One thread. Cost: 0.2 us to start, 30 ns a
// character, where a dictionary is needed 0.4 us.
class UnicodeWords {
 public:
  UnicodeWords();
  ~UnicodeWords();
  UnicodeWords(const UnicodeWords&) = delete;
  UnicodeWords& operator=(const UnicodeWords&) = delete;
  // `text` must stay until the last word was taken. Throws std::bad_alloc.
  void start(std::string_view text);
  // The next word, as bytes of the text; false at the end.
  bool next(size_t& begin, size_t& end);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;  // made when first needed: most texts of some languages never do
};

// What the rules of UAX 29 see in a character.
enum class WordClass : uint8_t {
  kOther,  // no rule joins it
  kLetter,
  kDigit,
  kConnector,  // _ joins letters, digits and itself
  kMid,        // . and ' between two letters or two digits
  kMidLetter,  // · between two letters
  kMidDigit,   // , and ; between two digits
  kRare,       // what only ICU's rules know: marks, Hebrew, kana, ideographs, Thai, invalid bytes ...
};

constexpr std::array<WordClass, 256> byte_classes() {
  std::array<WordClass, 256> classes{};
  for (size_t c = 0x80; c < 256; ++c) classes[c] = WordClass::kRare;
  for (size_t c = 'a'; c <= 'z'; ++c) classes[c] = classes[c - 32] = WordClass::kLetter;
  for (size_t c = '0'; c <= '9'; ++c) classes[c] = WordClass::kDigit;
  classes['_'] = WordClass::kConnector;
  classes['.'] = classes['\''] = WordClass::kMid;
  classes[','] = classes[';'] = WordClass::kMidDigit;
  return classes;
}

inline constexpr std::array<WordClass, 256> kByteClasses = byte_classes();

// Of the characters below the first ideographs: all alphabets of Europe, typographic marks. By ICU; made once (1 ms).
inline constexpr size_t kClassifiedCharacters = 0x2e80;
using WordClasses = std::array<WordClass, kClassifiedCharacters>;
const WordClasses& word_classes();

struct ClassifiedCharacter {
  WordClass word_class = WordClass::kRare;
  size_t end = 0;
};

// ASCII as bytes: the fast reader.
struct AsciiReader {
  ClassifiedCharacter at(std::string_view text, size_t at) const {
    return {kByteClasses[static_cast<unsigned char>(text[at])], at + 1};
  }
};

// Characters of one to three bytes.
struct Utf8Reader {
  const WordClasses& classes;

  ClassifiedCharacter at(std::string_view text, size_t at) const {
    const auto byte = [&](size_t index) -> uint32_t { return static_cast<unsigned char>(text[index]); };
    const auto continues = [&](size_t index) { return index < text.size() && (byte(index) & 0xc0) == 0x80; };
    const uint32_t lead = byte(at);
    if (lead < 0x80) return {kByteClasses[lead], at + 1};
    if (lead >= 0xc2 && lead < 0xe0 && continues(at + 1)) {
      return {classes[(lead & 0x1f) << 6 | (byte(at + 1) & 0x3f)], at + 2};
    }
    if (lead >= 0xe0 && lead < 0xe3 && continues(at + 1) && continues(at + 2)) {
      const uint32_t character = (lead & 0x0f) << 12 | (byte(at + 1) & 0x3f) << 6 | (byte(at + 2) & 0x3f);
      if (character >= 0x800 && character < kClassifiedCharacters) return {classes[character], at + 3};
    }
    return {WordClass::kRare, at + 1};
  }
};

inline bool joins(WordClass before, WordClass middle, WordClass after) {
  if (before != after) return false;
  if (before == WordClass::kLetter) return middle == WordClass::kMid || middle == WordClass::kMidLetter;
  return before == WordClass::kDigit && (middle == WordClass::kMid || middle == WordClass::kMidDigit);
}

struct PlainWord {
  size_t end = 0;
  bool has_letter = false;  // or digit
  bool is_plain = true;     // false: something rare follows, and the word may go on
};

// The word that begins at `at`, where a letter, a digit or a connector stands.
template <typename Reader>
PlainWord plain_word(std::string_view text, size_t at, const Reader& reader) {
  PlainWord word;
  WordClass before = WordClass::kOther;
  while (at < text.size()) {
    const ClassifiedCharacter here = reader.at(text, at);
    if (here.word_class == WordClass::kLetter || here.word_class == WordClass::kDigit) {
      word.has_letter = true;
    } else if (here.word_class == WordClass::kRare) {
      word.is_plain = false;
      break;
    } else if (here.word_class != WordClass::kConnector) {
      if (here.word_class == WordClass::kOther || here.end == text.size()) break;
      const WordClass after = reader.at(text, here.end).word_class;
      if (after == WordClass::kRare) word.is_plain = false;
      if (!joins(before, here.word_class, after)) break;
    }
    before = here.word_class;
    at = here.end;
  }
  word.end = at;
  return word;
}

inline bool begins_word(WordClass word_class) {
  return word_class == WordClass::kLetter || word_class == WordClass::kDigit || word_class == WordClass::kConnector;
}

inline bool is_ascii_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Where ICU has to stop: at the next white space, over which no rule reaches, or @.
inline size_t rare_piece_end(std::string_view text, size_t at) {
  while (at < text.size() && !is_ascii_space(text[at]) && text[at] != '@') ++at;
  return at;
}

// Calls visit(begin, end) for every word. Plain ones are scanned here, first as ASCII; where something rare meets a word,
// ICU takes over from that word's beginning, which is a border, to the next white space. Equal to ICU over the whole text
// (analyzer_test.cc).
template <typename Visit>
void for_each_word(std::string_view text, UnicodeWords& unicode_words, Visit&& visit) {
  const Utf8Reader utf8{word_classes()};
  size_t at = 0;
  while (at < text.size()) {
    const ClassifiedCharacter here = utf8.at(text, at);
    if (!begins_word(here.word_class) && here.word_class != WordClass::kRare) {
      at = here.end;
      continue;
    }
    PlainWord word = plain_word(text, at, AsciiReader{});
    if (!word.is_plain) word = plain_word(text, at, utf8);
    if (word.is_plain) {
      if (word.has_letter) visit(at, word.end);
      at = word.end;
      continue;
    }
    const size_t end = rare_piece_end(text, word.end);
    unicode_words.start(text.substr(at, end - at));
    for (size_t word_begin = 0, word_end = 0; unicode_words.next(word_begin, word_end);) {
      visit(at + word_begin, at + word_end);
    }
    at = end;
  }
}

}  // namespace omendb::text
