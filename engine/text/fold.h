#pragma once

// Characters as a search compares them: without case, without accents where a language does not count those as letters
// of its own. By ICU; nothing else of the room knows its types but words.cc.

#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace omendb::text {

enum class Spelling : uint8_t {
  kPlain,
  kTurkish,   // I is the capital of dotless ı, and İ of i
  kRomanian,  // ș and ț are written as ş and ţ, which is how the stemmer knows them
};

struct FoldRules {
  std::u32string_view kept_letters = {};  // folded, composed: these keep their accents
  bool keeps_all_letters = false;
  Spelling spelling = Spelling::kPlain;
};

// Bytes of a word that are looked at: enough for a term of kTermBytesMax bytes, whose characters take up to 9 times as
// many when they are decomposed.
inline constexpr size_t kFoldBytesMax = 4096;

// Whether ICU has its data. Fails: kInternal.
Result<void> check_unicode_data();

// Replaces `folded` by the word in valid UTF-8: NFKC with case folded (Unicode 15, NFKC_Casefold: ß becomes ss, wide
// letters become plain, invisible characters go), digits of all scripts as 0 to 9, typographic apostrophes as ', then
// remove_accents. The same for all canonically equivalent spellings. Reads at most kFoldBytesMax bytes. Cost: 10 ns for
// ASCII, about 1 us otherwise. Threads: any. Memory: the word's.
void fold_word(std::string_view word, const FoldRules& rules, std::string& folded);

// Removes accents in place from Latin, Greek, Cyrillic, Arabic and Hebrew letters that are not kept; й, ї, ў, ќ, ѓ are
// always. Letters that Unicode does not decompose follow custom: ø o, ł l, đ d, ð d, þ th, æ ae, œ oe, ı i.
void remove_accents(const FoldRules& rules, std::string& folded);

// Bytes of the longest beginning of `text` that has at most `bytes_max` bytes and ends before a character (of invalid
// UTF-8: anywhere).
size_t cut_bytes(std::string_view text, size_t bytes_max);

enum class CharacterKind : uint8_t { kOther, kLower, kUpper, kDigit, kMark, kIdeograph };
struct Character {
  CharacterKind kind = CharacterKind::kOther;
  size_t end = 0;
};
// The character at `at`, which lies before the end. kLower has letters without case, too; kIdeograph those of scripts
// that put no spaces between words.
Character character_at(std::string_view text, size_t at);
bool is_white_space_at(std::string_view text, size_t at);

// End of the shortest piece from `at` that is folded alone as it is within the text: a character and the marks after
// it. At most 64 characters, so that marks without end are no endless piece.
size_t fold_piece_end(std::string_view text, size_t at);

}  // namespace omendb::text
