#include "engine/text/language.h"

#include <libstemmer.h>

#include <algorithm>

namespace omendb::text {
namespace {

constexpr std::string_view kFrenchElided = " l m t qu n s j d c jusqu quoiqu lorsqu puisqu ";
constexpr std::string_view kItalianElided =
    " l un all dall dell nell sull coll c d m t s v n quest quell gl agl dagl degl negl sugl ";
constexpr std::string_view kCatalanElided = " d l m n s t ";

// Stemmer letters: those that the algorithms of snowballstem.org name (version 2.2), beside a to z.
constexpr Language kLanguages[] = {
    {.name = "arabic", .stems_all_letters = true},
    {.name = "armenian", .stems_all_letters = true},
    {.name = "basque", .stemmer_letters = U"ñ", .own_letters = U"ñ"},
    {.name = "catalan",
     .stemmer_letters = U"áàéèíìïóòúùüç",
     .apostrophe = Apostrophe::kElision,
     .elided = kCatalanElided},
    {.name = "danish", .stemmer_letters = U"æåø", .own_letters = U"æåø"},
    {.name = "dutch", .stemmer_letters = U"äëïöüáéíóúè"},
    {.name = "english", .apostrophe = Apostrophe::kPossessive},
    {.name = "finnish", .stemmer_letters = U"äöå", .own_letters = U"äöå"},
    {.name = "french",
     .stemmer_letters = U"âàçëéêèïîôûùü",
     .apostrophe = Apostrophe::kElision,
     .elided = kFrenchElided},
    {.name = "german", .stemmer_letters = U"äöü"},
    {.name = "greek", .stems_all_letters = true},
    {.name = "hindi", .stems_all_letters = true},
    {.name = "hungarian", .stemmer_letters = U"áéíóöőúüű", .own_letters = U"áéíóöőúüű"},
    {.name = "indonesian"},
    {.name = "irish", .stemmer_letters = U"áéíóú"},
    {.name = "italian", .stemmer_letters = U"áéíóúàèìòù", .apostrophe = Apostrophe::kElision, .elided = kItalianElided},
    {.name = "lithuanian", .stemmer_letters = U"ąčęėįšųūž", .own_letters = U"ąčęėįšųūž"},
    {.name = "nepali", .stems_all_letters = true},
    {.name = "norwegian", .stemmer_letters = U"æåø", .own_letters = U"æåø"},
    {.name = "porter", .apostrophe = Apostrophe::kPossessive},
    {.name = "portuguese", .stemmer_letters = U"áéíóúâêôçãõü"},
    {.name = "romanian", .stemmer_letters = U"ăâîşţ", .spelling = Spelling::kRomanian},
    {.name = "russian"},
    {.name = "serbian", .stemmer_letters = U"čćđšž", .own_letters = U"čćđšž"},
    {.name = "spanish", .stemmer_letters = U"áéíóúüñ", .own_letters = U"ñ"},
    {.name = "swedish", .stemmer_letters = U"äåö", .own_letters = U"äåö"},
    {.name = "tamil", .stems_all_letters = true},
    {.name = "turkish",
     .stemmer_letters = U"çğıöşü",
     .own_letters = U"çğıöşü",
     .apostrophe = Apostrophe::kSuffix,
     .spelling = Spelling::kTurkish},
    {.name = "yiddish", .stems_all_letters = true},
};

}  // namespace

std::vector<std::string> language_names() {
  std::vector<std::string> names;
  for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) names.emplace_back(*name);
  std::sort(names.begin(), names.end());
  return names;
}

Language language_of(std::string_view name) {
  for (const Language& language : kLanguages) {
    if (language.name == name) return language;
  }
  return {.name = name, .stems_all_letters = true, .owns_all_letters = true};
}

}  // namespace omendb::text
