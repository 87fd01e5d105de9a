#pragma once

// What an analyzer must know of a language beside its stemmer and its stop words.

#include "engine/text/fold.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

enum class Apostrophe : uint8_t {
  kPartOfWord,
  kPossessive,  // dog's is dog: Porter's stemmers know it or leave it, so it goes before
  kElision,     // l'avion is avion, for the words before the apostrophe that Language::elided lists
  kSuffix,      // Ankara'da is Ankara: suffixes of names stand behind it
};

struct Language {
  std::string_view name;
  // Letters with accents that the stemmer knows. Other accents go before it: it would take é for a consonant.
  std::u32string_view stemmer_letters = {};
  // Letters with accents that are letters of their own: readers of Swedish do not search for å by a. Other accents go
  // after the stemmer.
  std::u32string_view own_letters = {};
  Apostrophe apostrophe = Apostrophe::kPartOfWord;
  std::string_view elided = {};
  Spelling spelling = Spelling::kPlain;
  bool stems_all_letters = false;  // no accent goes before the stemmer
  bool owns_all_letters = false;   // nor after it
};

// Languages that libstemmer has, sorted.
std::vector<std::string> language_names();

// What is known of a language of libstemmer; of one that is not in the table: that all its letters are its own.
Language language_of(std::string_view name);

}  // namespace omendb::text
