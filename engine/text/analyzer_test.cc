#include "engine/text/analyzer.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/text/fold.h"
#include "engine/text/language.h"
#include "engine/text/stop_words.h"
#include "engine/text/term_cache.h"
#include "engine/text/words.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace omendb::text {
namespace {

using base::must;

struct Taken {
  std::string term;
  uint32_t position;
  uint32_t begin_byte;
  uint32_t end_byte;
  bool operator==(const Taken&) const = default;
};

void PrintTo(const Taken& taken, std::ostream* out) {
  *out << taken.term << "@" << taken.position << "[" << taken.begin_byte << "," << taken.end_byte << ")";
}

class Collector final : public TokenSink {
 public:
  void token(const Token& token) override {
    taken.push_back({std::string(token.term), token.position, token.begin_byte, token.end_byte});
  }
  std::vector<Taken> taken;
};

std::vector<Taken> tokens(Tokenizer& tokenizer, std::string_view text) {
  Collector collector;
  tokenizer.run(text, collector);
  return collector.taken;
}

std::vector<Taken> tokens(std::string_view analyzer, std::string_view text) {
  const auto made = must(Analyzer::make(analyzer));
  return tokens(*made->tokenizer(), text);
}

// "term@position ..."
std::string terms(std::string_view analyzer, std::string_view text) {
  std::string line;
  for (const Taken& taken : tokens(analyzer, text)) {
    line += (line.empty() ? "" : " ") + taken.term + "@" + std::to_string(taken.position);
  }
  return line;
}

std::string fold(std::string_view analyzer, std::string_view word) {
  return must(Analyzer::make(analyzer))->fold(word);
}

std::vector<std::string> all_analyzers() {
  std::vector<std::string> names = language_names();
  names.insert(names.end(), {"simple", "keyword", "code", "ngram(1)", "ngram(3)", "ngram(2,4)", "ngram(8)"});
  return names;
}

bool is_border(std::string_view text, size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
}

// Takes tokens and checks what every analyzer promises of them.
class Checker final : public TokenSink {
 public:
  explicit Checker(std::string_view text, bool is_valid) : text_(text), is_valid_(is_valid) {}
  void token(const Token& token) override {
    ++count;
    ASSERT_FALSE(token.term.empty());
    ASSERT_LE(token.term.size(), kTermBytesMax);
    ASSERT_LT(token.begin_byte, token.end_byte);
    ASSERT_LE(token.end_byte, text_.size());
    ASSERT_LE(begin_before_, token.begin_byte);
    ASSERT_LE(position_before_, token.position);
    if (is_valid_) {
      ASSERT_TRUE(is_border(text_, token.begin_byte)) << token.begin_byte;
      ASSERT_TRUE(is_border(text_, token.end_byte)) << token.end_byte;
      ASSERT_TRUE(is_border(token.term, 0));
    }
    begin_before_ = token.begin_byte;
    position_before_ = token.position;
  }
  size_t count = 0;

 private:
  std::string_view text_;
  bool is_valid_;
  uint32_t begin_before_ = 0;
  uint32_t position_before_ = 0;
};

TEST(Analyzer, English) {
  const std::vector<Taken> expected = {{"dog", 1, 4, 8}, {"run", 3, 13, 20}, {"quick", 4, 21, 28}};
  EXPECT_EQ(tokens("english", "The dogs are running quickly"), expected);
  EXPECT_EQ(terms("english", "Café RÉSUMÉS naïve"), "cafe@0 resum@1 naiv@2");
  EXPECT_EQ(terms("english", "resume cafe naive"), "resum@0 cafe@1 naiv@2");
  EXPECT_EQ(terms("english", "the dog's bone, the dog\u2019s bone, dogs' bones"),
            "dog@1 bone@2 dog@4 bone@5 dog@6 bone@7");
  EXPECT_EQ(terms("english", "it's it\u2019s don\u2019t"), "");
  EXPECT_EQ(terms("english", "wi-fi 3.14 U.S.A. foo_bar a@b.c"), "wi@0 fi@1 3.14@2 u.s.a@3 foo_bar@4 b.c@6");
  EXPECT_EQ(terms("porter", "the dog's generous relational dog\u2019s"), "dog@1 gener@2 relat@3 dog@4");
  EXPECT_EQ(terms("english", "the of and"), "");
}

TEST(Analyzer, OtherLanguages) {
  EXPECT_EQ(terms("german", "Die Häuser in der Straße, STRASSE, schöne Grüße"),
            "haus@1 strass@4 strass@5 schon@6 gruss@7");
  EXPECT_EQ(terms("german", "Müller und Muller"), "mull@0 mull@2");
  EXPECT_EQ(terms("french", "L'avion d’été, qu'il préférait"), "avion@0 ete@1 prefer@3");
  EXPECT_EQ(terms("italian", "dell'amore, l’università"), "amor@0 univers@1");
  EXPECT_EQ(terms("spanish", "los años del corazón"), "años@1 corazon@3") << "ñ is a letter of its own";
  EXPECT_EQ(terms("swedish", "Flickorna på ängen åt en idé"), "flick@0 äng@2 åt@3 ide@5");
  EXPECT_EQ(terms("finnish", "kissat eivät näe"), "kis@0 näe@2");
  EXPECT_EQ(terms("danish", "Københavns gader"), "københavn@0 gad@1");
  EXPECT_EQ(terms("russian", "Ёлки и ёлка в войнах"), "елк@0 елк@2 войн@4");
  EXPECT_EQ(terms("romanian", "cărţile şi cărțile"), "cart@0 cart@2") << "comma and cedilla are one letter";
  EXPECT_EQ(terms("turkish", "İSTANBUL'da ISPARTA'nın ve ışık"), "istanbul@0 ıspar@1 ışık@3");
  EXPECT_EQ(terms("arabic", "الكتاب في المكتبة"), "كتاب@0 مكتب@2");
  EXPECT_EQ(terms("greek", "Ο Οδυσσεύς"), "ο@0 οδυσσε@1");
  EXPECT_EQ(terms("hungarian", "a házak és a kör"), "ház@1 kör@4");
  EXPECT_EQ(terms("catalan", "l'home d'avui"), "hom@0 avu@1");
}

TEST(Analyzer, EveryLanguageLoadsAndItsStopWordsGo) {
  ASSERT_GE(language_names().size(), 25u);
  for (const std::string& language : language_names()) {
    SCOPED_TRACE(language);
    const auto analyzer = must(Analyzer::make(language));
    const auto tokenizer = analyzer->tokenizer();
    EXPECT_FALSE(tokens(*tokenizer, "database 2024").empty());
    EXPECT_TRUE(tokens(*tokenizer, stop_words(language)).empty()) << tokens(*tokenizer, stop_words(language))[0].term;
    EXPECT_EQ(language_of(language).owns_all_letters, false) << "not in the table of languages";
  }
  for (const char* language :
       {"english", "german", "french", "spanish", "italian", "portuguese", "dutch", "swedish", "norwegian", "danish",
        "finnish", "russian", "hungarian", "romanian", "turkish", "arabic", "porter"}) {
    EXPECT_FALSE(stop_words(language).empty()) << language;
  }
}

TEST(Analyzer, Simple) {
  EXPECT_EQ(terms("simple", "The Dogs’ café isn't ÆØ ﬁne ＡＢＣ"), "the@0 dogs@1 cafe@2 isn't@3 aeo@4 fine@5 abc@6");
  EXPECT_EQ(terms("simple", "٣٤ __ _ a_b"), "34@0 a_b@1");
  EXPECT_EQ(terms("simple", "か゚ が"), "か゚@0 が@1") << "marks of kana are no accents";
  EXPECT_EQ(terms("simple", "Łódź Đorđe"), "lodz@0 dorde@1");
  EXPECT_EQ(terms("simple", "שָׁלוֹם مُحَمَّد"), "שלום@0 محمد@1");
  EXPECT_EQ(terms("simple", "हिन्दी"), "हिन्दी@0") << "vowel signs are no accents";
  EXPECT_GE(tokens("simple", "ภาษาไทยง่าย").size(), 2u);
  EXPECT_GE(tokens("simple", "我是中国人").size(), 2u);
  const std::vector<Taken> expected = {{"uber", 0, 1, 6}, {"x", 1, 7, 8}};
  EXPECT_EQ(tokens("simple", "-Über-x"), expected);
}

TEST(Analyzer, Keyword) {
  const std::vector<Taken> expected = {{" Ab É\n", 0, 0, 7}};
  EXPECT_EQ(tokens("keyword", " Ab É\n"), expected);
  EXPECT_TRUE(tokens("keyword", "").empty());
  EXPECT_EQ(fold("keyword", "Ab É"), "Ab É");
}

TEST(Analyzer, Ngrams) {
  const std::vector<Taken> expected = {{"ab ", 0, 0, 5}, {"b c", 1, 1, 6}};
  EXPECT_EQ(tokens("ngram(3)", "Ab \n C"), expected);
  EXPECT_EQ(terms("ngram(2,3)", "abcd"), "ab@0 abc@0 bc@1 bcd@1 cd@2");
  EXPECT_EQ(terms("ngram(2)", " Öß "), "os@0 ss@1");
  EXPECT_EQ(terms("ngram(3)", "ab"), "");
  EXPECT_EQ(terms("ngram(1)", "e\u0301 é"), "e@0  @1 e@2");
  EXPECT_EQ(terms("ngram(8)", "12345678"), "12345678@0");
}

// What the n-grams are for: a part of a text is found by its n-grams as a phrase.
TEST(Analyzer, NgramsOfAPartAreAPhraseOfTheText) {
  const auto analyzer = must(Analyzer::make("ngram(2,3)"));
  const auto tokenizer = analyzer->tokenizer();
  const std::string text = "Das  größte Übel, naïve cafés; ﬁn 中文字 \tend";
  std::multimap<std::string, uint32_t> places;
  for (const Taken& taken : tokens(*tokenizer, text)) places.emplace(taken.term, taken.position);
  for (size_t begin = 0; begin < text.size(); ++begin) {
    for (size_t end = begin + 1; end <= text.size(); ++end) {
      if (!is_border(text, begin) || !is_border(text, end)) continue;
      const std::vector<Taken> part = tokens(*tokenizer, std::string_view(text).substr(begin, end - begin));
      if (part.empty()) continue;
      const auto [first, last] = places.equal_range(part[0].term);
      const bool found = std::any_of(first, last, [&](const auto& place) {
        return std::all_of(part.begin(), part.end(), [&](const Taken& taken) {
          const auto [from, to] = places.equal_range(taken.term);
          return std::any_of(from, to, [&](const auto& at) { return at.second == place.second + taken.position; });
        });
      });
      EXPECT_TRUE(found) << text.substr(begin, end - begin);
    }
  }
}

TEST(Analyzer, Code) {
  EXPECT_EQ(terms("code", "parseJson(x)"), "parsejson@0 parse@0 json@1 x@2");
  const std::vector<Taken> expected = {
      {"httpserver", 0, 0, 10}, {"http", 0, 0, 4}, {"server", 1, 4, 10}, {"x", 2, 12, 13}};
  EXPECT_EQ(tokens("code", "HTTPServer->x"), expected);
  EXPECT_EQ(terms("code", "__init_all__ = snake_case2"),
            "__init_all__@0 init@0 all@1 snake_case2@2 snake@2 case@3 2@4");
  EXPECT_EQ(terms("code", "background-color: a - b, i-1, i--, 0x1F 3.5"),
            "background-color@0 background@0 color@1 a@2 b@3 i@4 1@5 i@6 0x1f@7 3@8 5@9");
  EXPECT_EQ(terms("code", "utf8 sha256Sum"), "utf8@0 utf@0 8@1 sha256sum@2 sha@2 256@3 sum@4");
  EXPECT_EQ(terms("code", "größeÄndern"), "grösseändern@0 grösse@0 ändern@1");
  EXPECT_EQ(terms("code", "_ __ $x #include<a.h>"), "x@0 include@1 a@2 h@3");
  EXPECT_EQ(terms("code", "变量x"), "变@0 量@1 x@2");
  EXPECT_EQ(terms("code", "std::string s"), "std@0 string@1 s@2");
}

TEST(Analyzer, Fold) {
  EXPECT_EQ(fold("english", "RÉSUMÉS"), "resumes");
  EXPECT_EQ(fold("german", "Häus"), "haus");
  EXPECT_EQ(fold("swedish", "Idé-ÄNG"), "ide-äng");
  EXPECT_EQ(fold("turkish", "IĞ"), "ığ");
  EXPECT_EQ(fold("simple", "Don’t"), "don't");
  EXPECT_EQ(fold("code", "ParseJ"), "parsej");
  EXPECT_EQ(fold("ngram(3)", "ÄB"), "ab");
  EXPECT_LE(fold("english", std::string(10'000, 'a')).size(), kTermBytesMax);
  EXPECT_LE(fold("keyword", std::string(10'000, 'a')).size(), kTermBytesMax);
}

TEST(Analyzer, UnknownNames) {
  for (const char* name : {"", "klingon", "English", "ngram", "ngram()", "ngram(0)", "ngram(9)", "ngram(3,2)",
                           "ngram(1,9)", "ngram(2,)", "ngram(2", "ngram(2,3,4)", "ngram(-1)", "ngram(22)"}) {
    EXPECT_EQ(base::code_of(Analyzer::make(name)), ErrorCode::kInvalidArgument) << name;
  }
  const std::string message = base::message_of(Analyzer::make("klingon"));
  for (const std::string& name : analyzer_names()) EXPECT_NE(message.find(name), std::string::npos) << name;
  EXPECT_LT(base::message_of(Analyzer::make(std::string(1'000'000, 'x'))).size(), 1000u);
  EXPECT_TRUE(Analyzer::make("ngram(2, 3)").ok());
  const std::vector<std::string> names = analyzer_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
}

// What ICU says of the whole text (of what stands between two @), without the fast path.
std::vector<std::pair<size_t, size_t>> icu_words(std::string_view text) {
  UnicodeWords words;
  std::vector<std::pair<size_t, size_t>> found;
  for (size_t piece = 0; piece <= text.size();) {
    const size_t piece_end = std::min(text.find('@', piece), text.size());
    words.start(text.substr(piece, piece_end - piece));
    for (size_t begin = 0, end = 0; words.next(begin, end);) found.emplace_back(piece + begin, piece + end);
    piece = piece_end + 1;
  }
  return found;
}

std::vector<std::pair<size_t, size_t>> our_words(std::string_view text) {
  UnicodeWords words;
  std::vector<std::pair<size_t, size_t>> found;
  for_each_word(text, words, [&](size_t begin, size_t end) { found.emplace_back(begin, end); });
  return found;
}

std::string utf8(char32_t character) {
  if (character < 0x80) return {static_cast<char>(character)};
  const auto byte = [&](uint32_t lead, int shift) { return static_cast<char>(lead | ((character >> shift) & 0x3f)); };
  if (character < 0x800) return {static_cast<char>(0xc0 | character >> 6), byte(0x80, 0)};
  return {static_cast<char>(0xe0 | character >> 12), byte(0x80, 6), byte(0x80, 0)};
}

std::string random_text(base::Random& random, const std::vector<std::string>& alphabet) {
  std::string text;
  for (uint64_t count = random.below(40); count > 0; --count) text += alphabet[random.below(alphabet.size())];
  return text;
}

TEST(Words, AsciiIsCutAsIcuCutsIt) {
  std::vector<std::string> alphabet;
  alphabet.reserve(300);
  for (int c = 0; c < 128; ++c) alphabet.emplace_back(1, static_cast<char>(c));
  for (int copy = 0; copy < 12; ++copy) {
    for (const char* often : {"a", "Z", "0", "9", "'", ".", ",", "_", ":", ";", "\"", "-", " "})
      alphabet.emplace_back(often);
  }
  for (uint64_t seed = 1; seed <= base::scaled(60'000); ++seed) {
    base::Random random(seed);
    const std::string text = random_text(random, alphabet);
    ASSERT_EQ(our_words(text), icu_words(text)) << "seed " << seed << ": " << text;
  }
}

TEST(Words, MixedTextIsCutAsIcuCutsIt) {
  const std::vector<std::string> alphabet = {
      "a",      "B",      "7",      "'",      ".",      ",",      "_",      ":",      ";",      "\"",       "-",
      " ",      "@",      " ",      "\n",     "\r",     "\t",     "é",      "ß",      "\u0301", "\u200d",   "\u00ad",
      "\u2019", "\u00b7", "\u2024", "\u00a0", "\u2003", "\u3000", "\u3001", "\u3002", "\u3003", "\u203f",   "中",
      "文",     "か",     "カ",     "ー",     "한",     "א",      "ب",      "٣",      "ก",      "ข",        "า",
      "д",      "\u0903", "❤",      "🇩",      "👩",      "\ufe0f", "\u20e3", "\xff",   "\xc3",   "\xe4\xb8", "\u0387",
      "\uff07", "\u2028", "\u0085", "\ufeff", "𝒳",      "\u02bc"};
  for (uint64_t seed = 1; seed <= base::scaled(60'000); ++seed) {
    base::Random random(seed);
    const std::string text = random_text(random, alphabet);
    ASSERT_EQ(our_words(text), icu_words(text)) << "seed " << seed << ": " << text;
  }
}

// Every character that the fast path classifies, among all that rules look at.
TEST(Words, EveryClassifiedCharacterIsCutAsIcuCutsIt) {
  const std::vector<std::string> befores = {"",   "a", "1",  "_", "a.",     "1,", "'",      "中",
                                            "한", "א", "カ", "д", "\u0301", "ก",  "a\u00b7"};
  const std::vector<std::string> afters = {"",   "b", "2",  "_", ".b",     ";2", "'",      "文",
                                           "글", "ב", "ナ", "я", "\u0301", "ข",  "\u00b7b"};
  for (char32_t character = 0; character < kClassifiedCharacters + 0x200; ++character) {
    if (character == '@') continue;
    base::Random random(character);
    for (size_t round = 0; round < base::scaled(16); ++round) {
      const std::string text =
          befores[random.below(befores.size())] + utf8(character) + afters[random.below(afters.size())];
      ASSERT_EQ(our_words(text), icu_words(text))
          << "U+" << std::hex << static_cast<uint32_t>(character) << ": " << text;
    }
  }
}

TEST(Analyzer, ComposedAndDecomposedAreOneTerm) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"é", "e\u0301"},       {"Å", "A\u030a"}, {"ñ", "n\u0303"},       {"ậ", "a\u0302\u0323"},
      {"ậ", "a\u0323\u0302"}, {"й", "и\u0306"}, {"ё", "е\u0308"},       {"한", "\u1112\u1161\u11ab"},
      {"が", "か\u3099"},     {"أ", "ا\u0654"}, {"İ", "I\u0307"},       {"ő", "o\u030b"},
      {"ș", "s\u0326"},       {"ş", "s\u0327"}, {"ΐ", "ι\u0308\u0301"}, {"क़", "क\u093c"},
      {"ç", "c\u0327"},       {"Ω", "\u2126"},  {"ž", "z\u030c"}};
  for (const std::string& name : all_analyzers()) {
    if (name == "keyword") continue;
    const auto analyzer = must(Analyzer::make(name));
    const auto tokenizer = analyzer->tokenizer();
    for (const auto& [composed, decomposed] : pairs) {
      // ICU cuts between Latin letters and a syllable of Korean and not before the parts of one.
      const std::string before = composed == "한" ? "" : "ab";
      const std::vector<Taken> one = tokens(*tokenizer, (before + composed).append(" ").append(composed));
      const std::vector<Taken> other = tokens(*tokenizer, (before + decomposed).append(" ").append(decomposed));
      ASSERT_EQ(one.size(), other.size()) << name << " " << composed;
      for (size_t index = 0; index < one.size(); ++index) EXPECT_EQ(one[index].term, other[index].term) << name;
      EXPECT_EQ(analyzer->fold(before + composed), analyzer->fold(before + decomposed)) << name;
    }
  }
}

TEST(Analyzer, LongWordsEndAtACharacter) {
  std::string accents;
  for (int count = 0; count < 200; ++count) accents += "字é";
  for (const std::string& name : all_analyzers()) {
    const auto analyzer = must(Analyzer::make(name));
    const auto tokenizer = analyzer->tokenizer();
    for (const std::string& text : {std::string(1000, 'x'), "x" + accents, accents}) {
      Checker checker(text, true);
      tokenizer->run(text, checker);
      EXPECT_GE(checker.count, 1u) << name;
    }
  }
  EXPECT_EQ(tokens("simple", std::string(254, 'x') + "\u0434")[0].term, std::string(254, 'x'));
  EXPECT_EQ(tokens("simple", std::string(253, 'x') + "\u0434")[0].term, std::string(253, 'x') + "\u0434");
  EXPECT_EQ(tokens("keyword", std::string(254, 'x') + "\u0434")[0].term, std::string(254, 'x'));
}

TEST(Analyzer, RandomBytesKeepThePromises) {
  const std::vector<std::string> names = all_analyzers();
  std::vector<std::unique_ptr<Tokenizer>> tokenizers;
  std::vector<std::shared_ptr<const Analyzer>> analyzers;
  for (const std::string& name : names) {
    analyzers.push_back(must(Analyzer::make(name)));
    tokenizers.push_back(analyzers.back()->tokenizer());
  }
  for (uint64_t seed = 1; seed <= base::scaled(3000); ++seed) {
    base::Random random(seed);
    std::string text;
    for (uint64_t count = random.below(80); count > 0; --count) {
      text += static_cast<char>(random.one_in(3) ? random.below(256) : 'a' + random.below(26));
    }
    for (size_t index = 0; index < names.size(); ++index) {
      SCOPED_TRACE(names[index] + ", seed " + std::to_string(seed));
      Checker checker(text, false);
      tokenizers[index]->run(text, checker);
      ASSERT_LE(analyzers[index]->fold(text).size(), kTermBytesMax);
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

// One word or character over and over, megabytes of it: nothing may grow with the square.
TEST(Analyzer, LargeHostileTextsTakeLinearTime) {
  const size_t bytes = std::max<size_t>(base::scaled(500'000), 100'000);
  for (const char* piece : {"x",       "xY",     "a.", "a'", "1,", "_",      "é",       "\u0301",
                            "e\u0301", "中",     "ก",  "か", "カ", " ",      "\xff",    "\xed\xa0\x80",
                            "a ",      "\u200d", "1_", "-a", "ﷺ",  "\u1112", "👩\u200d", "a\u0301\u0323 "}) {
    std::string text;
    while (text.size() < bytes) text += piece;
    text += std::string_view("\0", 1);
    for (const char* name : {"english", "german", "turkish", "arabic", "simple", "keyword", "code", "ngram(2,3)"}) {
      SCOPED_TRACE(std::string(name) + " of " + piece);
      const auto analyzer = must(Analyzer::make(name));
      const auto tokenizer = analyzer->tokenizer();
      Checker checker(text, false);
      const auto before = std::chrono::steady_clock::now();
      tokenizer->run(text, checker);
      const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - before;
      EXPECT_LT(seconds.count(), 60.0);
      EXPECT_LE(analyzer->fold(text).size(), kTermBytesMax);
    }
  }
}

TEST(Analyzer, OddTexts) {
  for (const std::string& name : all_analyzers()) {
    SCOPED_TRACE(name);
    EXPECT_TRUE(tokens(name, "").empty());
    EXPECT_TRUE(name == "keyword" || tokens(name, " \n\t ").empty());
    EXPECT_EQ(fold(name, ""), "");
  }
  EXPECT_EQ(terms("english", std::string_view("cat\0dog", 7)), "cat@0 dog@1");
  EXPECT_EQ(terms("english",
                  "cat\xff\xfe"
                  "dog \xed\xa0\x80 \xc3"),
            "cat@0 dog@1");
  EXPECT_EQ(terms("english", "\u0301\u0301"), "");
  EXPECT_EQ(terms("english", "\ufeffcats"), "cat@0");
}

TEST(Analyzer, TokenizersOfOneAnalyzerRunAtOnce) {
  const auto analyzer = must(Analyzer::make("german"));
  const std::string text = "Die Häuser der Straße, running wild";
  const std::vector<Taken> expected = tokens(*analyzer->tokenizer(), text);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int index = 0; index < 4; ++index) {
    threads.emplace_back([&] {
      const auto tokenizer = analyzer->tokenizer();
      for (int round = 0; round < 100; ++round) EXPECT_EQ(tokens(*tokenizer, text), expected);
      EXPECT_EQ(analyzer->fold("HÄUSER"), "hauser");
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(TermCache, AnswersAsAMapAndStaysBounded) {
  base::Random random(1);
  TermCache cache;
  std::map<std::string, std::string> model;
  for (size_t round = 0; round < 400'000; ++round) {
    const std::string word = std::to_string(random.below(100'000));
    const uint64_t hash = base::Random(std::stoull(word))() & 0xffff;  // many collide
    const auto found = cache.find(word, hash);
    if (found) {
      ASSERT_EQ(*found, model[word]);
      continue;
    }
    if (cache.word_count() == TermCache::kWordsMax) model.clear();
    ASSERT_FALSE(model.contains(word));
    model[word] = random.one_in(10) ? "" : "t" + word;
    cache.insert(word, hash, model[word]);
    ASSERT_EQ(cache.word_count(), model.size());
  }
}

// A word gets the same term from the cache as without.
TEST(Analyzer, MetWordsKeepTheirTerms) {
  const auto analyzer = must(Analyzer::make("english"));
  const auto met = analyzer->tokenizer();
  for (uint64_t number = 0; number < base::scaled(150'000); ++number) {
    const std::string word = "w" + std::to_string(number * 7919 % 90'000) + "ings";
    const std::vector<Taken> one = tokens(*met, word);
    ASSERT_EQ(one.size(), 1u);
    ASSERT_EQ(one[0].term, word.substr(0, word.size() - 1));
  }
}

}  // namespace
}  // namespace omendb::text
