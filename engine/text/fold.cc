#include "engine/text/fold.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/uscript.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <iterator>
#include <new>

namespace omendb::text {
namespace {

constexpr int kPieceCharactersMax = 64;
constexpr std::u32string_view kCyrillicLetters = U"йїўќѓ";  // in which the mark makes another letter

struct Replacement {
  char32_t letter;
  const char16_t* plain;
};
constexpr Replacement kPlainLetters[] = {{U'ø', u"o"}, {U'ł', u"l"},  {U'đ', u"d"},  {U'ð', u"d"},
                                         {U'ħ', u"h"}, {U'þ', u"th"}, {U'æ', u"ae"}, {U'œ', u"oe"},
                                         {U'ı', u"i"}, {U'ŧ', u"t"},  {U'ŋ', u"n"}};

// Null where ICU has no data, which check_unicode_data reports before anything is folded.
const icu::Normalizer2* case_folder() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFKCCasefoldInstance(status);
  return U_SUCCESS(status) ? normalizer : nullptr;
}

const icu::Normalizer2* composer() {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = icu::Normalizer2::getNFCInstance(status);
  return U_SUCCESS(status) ? normalizer : nullptr;
}

// ICU refuses a call only for want of memory here: the data are there and the arguments are ours.
icu::UnicodeString normalize(const icu::Normalizer2* normalizer, const icu::UnicodeString& text) {
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeString result = normalizer->normalize(text, status);
  if (U_FAILURE(status) || result.isBogus()) throw std::bad_alloc();
  return result;
}

icu::UnicodeString from_utf8(std::string_view text) {
  return icu::UnicodeString::fromUTF8(icu::StringPiece(text.data(), static_cast<int32_t>(text.size())));
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool contains(std::u32string_view letters, UChar32 letter) {
  return letters.find(static_cast<char32_t>(letter)) != std::u32string_view::npos;
}

bool loses_marks(UChar32 letter) {
  UErrorCode status = U_ZERO_ERROR;
  switch (uscript_getScript(letter, &status)) {
    case USCRIPT_LATIN:
    case USCRIPT_GREEK:
    case USCRIPT_CYRILLIC:
    case USCRIPT_ARABIC:
    case USCRIPT_HEBREW: return true;
    default: return false;
  }
}

bool is_mark(UChar32 character) { return u_charType(character) == U_NON_SPACING_MARK; }

bool append_plain_letter(UChar32 letter, icu::UnicodeString& out) {
  for (const Replacement& replacement : kPlainLetters) {
    if (static_cast<UChar32>(replacement.letter) != letter) continue;
    out.append(icu::UnicodeString(replacement.plain));
    return true;
  }
  return false;
}

// A letter and its marks, all of one composed character or of several.
class AccentRemover {
 public:
  AccentRemover(const FoldRules& rules, icu::UnicodeString& out) : rules_(rules), out_(out) {}

  void append(UChar32 character) {
    if (contains(rules_.kept_letters, character) || contains(kCyrillicLetters, character)) {
      out_.append(character);
      marks_go_ = true;  // further ones
      return;
    }
    icu::UnicodeString parts;
    if (!composer()->getDecomposition(character, parts)) {
      append_part(character);
      return;
    }
    if (!loses_marks(parts.char32At(0))) {
      out_.append(character);
      marks_go_ = false;
      return;
    }
    for (int32_t at = 0; at < parts.length(); at = parts.moveIndex32(at, 1)) append_part(parts.char32At(at));
  }

 private:
  void append_part(UChar32 character) {
    if (is_mark(character)) {
      if (!marks_go_) out_.append(character);
      return;
    }
    marks_go_ = loses_marks(character);
    if (!append_plain_letter(character, out_)) out_.append(character);
  }

  const FoldRules& rules_;
  icu::UnicodeString& out_;
  bool marks_go_ = false;
};

icu::UnicodeString without_accents(const icu::UnicodeString& text, const FoldRules& rules) {
  icu::UnicodeString out;
  AccentRemover remover(rules, out);
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) remover.append(text.char32At(at));
  return out;
}

UChar32 spelled(UChar32 character, Spelling spelling) {
  switch (character) {
    case 0x2018:
    case 0x2019:
    case 0x201b:
    case 0x02bc: return '\'';
    case 0x0219: return spelling == Spelling::kRomanian ? 0x015f : character;
    case 0x021b: return spelling == Spelling::kRomanian ? 0x0163 : character;
    default: break;
  }
  const bool is_digit = character > 0x7f && u_charType(character) == U_DECIMAL_DIGIT_NUMBER;
  return is_digit ? '0' + u_charDigitValue(character) : character;
}

icu::UnicodeString spell(const icu::UnicodeString& text, Spelling spelling) {
  icu::UnicodeString out;
  for (int32_t at = 0; at < text.length(); at = text.moveIndex32(at, 1)) {
    out.append(spelled(text.char32At(at), spelling));
  }
  return out;
}

// Before the general folding, which would make an i of I, and i with a dot of İ.
icu::UnicodeString turkish_lower(const icu::UnicodeString& text) {
  icu::UnicodeString composed = normalize(composer(), text);
  composed.findAndReplace(icu::UnicodeString(u"I"), icu::UnicodeString(u"ı"));
  return composed.findAndReplace(icu::UnicodeString(u"İ"), icu::UnicodeString(u"i"));
}

void to_utf8(const icu::UnicodeString& text, std::string& out) {
  out.clear();
  text.toUTF8String(out);
}

CharacterKind kind_of(UChar32 character) {
  if (character < 0) return CharacterKind::kOther;
  if (u_isdigit(character)) return CharacterKind::kDigit;
  if (u_hasBinaryProperty(character, UCHAR_IDEOGRAPHIC)) return CharacterKind::kIdeograph;
  if (u_isUUppercase(character)) return CharacterKind::kUpper;
  if (u_isalpha(character)) {
    UErrorCode status = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(character, &status);
    return uscript_breaksBetweenLetters(script) ? CharacterKind::kIdeograph : CharacterKind::kLower;
  }
  const int8_t type = u_charType(character);
  return type == U_NON_SPACING_MARK || type == U_COMBINING_SPACING_MARK ? CharacterKind::kMark : CharacterKind::kOther;
}

struct Decoded {
  UChar32 character;  // negative where the bytes are no character
  size_t end;
};

Decoded decode(std::string_view text, size_t at) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto length = static_cast<int64_t>(text.size());
  auto next = static_cast<int64_t>(at);
  UChar32 character = 0;
  U8_NEXT(bytes, next, length, character);
  return {character, static_cast<size_t>(next)};
}

}  // namespace

Result<void> check_unicode_data() {
  if (case_folder() != nullptr && composer() != nullptr) return {};
  return Error{ErrorCode::kInternal, "ICU has no data for Unicode's case folding"};
}

void fold_word(std::string_view word, const FoldRules& rules, std::string& folded) {
  word = word.substr(0, cut_bytes(word, kFoldBytesMax));
  if (is_ascii(word) && rules.spelling != Spelling::kTurkish) {
    folded.resize(word.size());
    std::transform(word.begin(), word.end(), folded.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return;
  }
  icu::UnicodeString text = from_utf8(word);
  if (rules.spelling == Spelling::kTurkish) text = turkish_lower(text);
  text = spell(normalize(case_folder(), text), rules.spelling);
  if (!rules.keeps_all_letters) text = without_accents(text, rules);
  to_utf8(text, folded);
}

void remove_accents(const FoldRules& rules, std::string& folded) {
  if (rules.keeps_all_letters || is_ascii(folded)) return;
  to_utf8(without_accents(normalize(composer(), from_utf8(folded)), rules), folded);
}

size_t cut_bytes(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  for (size_t end = bytes_max; end + 4 > bytes_max && end > 0; --end) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0) != 0x80) return end;
  }
  return bytes_max;
}

Character character_at(std::string_view text, size_t at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte < 0x80) {
    if (byte >= 'a' && byte <= 'z') return {CharacterKind::kLower, at + 1};
    if (byte >= 'A' && byte <= 'Z') return {CharacterKind::kUpper, at + 1};
    return {byte >= '0' && byte <= '9' ? CharacterKind::kDigit : CharacterKind::kOther, at + 1};
  }
  const Decoded decoded = decode(text, at);
  return {kind_of(decoded.character), decoded.end};
}

bool is_white_space_at(std::string_view text, size_t at) {
  if (static_cast<unsigned char>(text[at]) < 0x80) return text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r');
  const Decoded decoded = decode(text, at);
  return decoded.character >= 0 && u_isUWhiteSpace(decoded.character);
}

size_t fold_piece_end(std::string_view text, size_t at) {
  size_t end = decode(text, at).end;
  if (end == at + 1 && end < text.size() && static_cast<unsigned char>(text[end]) < 0x80) return end;
  for (int count = 1; count < kPieceCharactersMax && end < text.size(); ++count) {
    const Decoded next = decode(text, end);
    if (next.character < 0 || case_folder()->hasBoundaryBefore(next.character)) break;
    end = next.end;
  }
  return end;
}

}  // namespace omendb::text
