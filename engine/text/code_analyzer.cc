#include "engine/text/code_analyzer.h"

#include "engine/text/fold.h"

#include <string>

namespace omendb::text {
namespace {

constexpr FoldRules kCodeRules = {.kept_letters = {},
                                  .keeps_all_letters = true};  // résumé and resume are two variables

bool is_letter(CharacterKind kind) { return kind == CharacterKind::kLower || kind == CharacterKind::kUpper; }
bool is_letter_or_digit(CharacterKind kind) { return is_letter(kind) || kind == CharacterKind::kDigit; }

// A hyphen within a name of CSS, Lisp or a file: between a letter or digit and a letter, so neither x - y nor i-1 nor a->b.
bool is_inner_hyphen(std::string_view text, size_t at, CharacterKind before) {
  if (text[at] != '-' || at + 1 == text.size()) return false;
  return is_letter_or_digit(before) && is_letter(character_at(text, at + 1).kind);
}

struct Identifier {
  size_t end = 0;
  bool has_parts = false;  // has a letter or digit at all
  bool is_number = false;  // begins with a digit
};

size_t end_with_marks(std::string_view text, size_t at) {
  while (at < text.size()) {
    const Character here = character_at(text, at);
    if (here.kind != CharacterKind::kMark) break;
    at = here.end;
  }
  return at;
}

// The identifier at `at`, where a letter, a digit, an ideograph or _ stands.
Identifier identifier_at(std::string_view text, size_t at) {
  const Character first = character_at(text, at);
  Identifier identifier;
  identifier.is_number = first.kind == CharacterKind::kDigit;
  if (first.kind == CharacterKind::kIdeograph) return {end_with_marks(text, first.end), true, false};
  CharacterKind before = CharacterKind::kOther;
  while (at < text.size()) {
    const Character here = character_at(text, at);
    if (is_letter_or_digit(here.kind)) {
      identifier.has_parts = true;
    } else if (here.kind != CharacterKind::kMark && text[at] != '_' &&
               (identifier.is_number || !is_inner_hyphen(text, at, before))) {
      break;
    }
    if (here.kind != CharacterKind::kMark) before = here.kind;
    at = here.end;
  }
  identifier.end = at;
  return identifier;
}

// Whether a part ends between two characters of which the second is followed by `after`: parseJson, HTTPServer, utf8.
bool parts_between(CharacterKind before, CharacterKind here, CharacterKind after) {
  if (before == CharacterKind::kOther) return false;
  if ((before == CharacterKind::kDigit) != (here == CharacterKind::kDigit)) return true;
  if (here != CharacterKind::kUpper) return false;
  return before == CharacterKind::kLower || after == CharacterKind::kLower;
}

// Where the part that begins at `at` ends; `at` moves over what separates parts. at == identifier.size() when there is none.
size_t part_end(std::string_view identifier, size_t& at) {
  while (at < identifier.size() && character_at(identifier, at).kind == CharacterKind::kOther) ++at;
  CharacterKind before = CharacterKind::kOther;
  for (size_t end = at; end < identifier.size();) {
    const Character here = character_at(identifier, end);
    if (here.kind == CharacterKind::kMark) {
      end = here.end;
      continue;
    }
    const bool is_last = here.end == identifier.size();
    const CharacterKind after = is_last ? CharacterKind::kOther : character_at(identifier, here.end).kind;
    if (here.kind == CharacterKind::kOther || parts_between(before, here.kind, after)) return end;
    before = here.kind;
    end = here.end;
  }
  return identifier.size();
}

class CodeTokenizer final : public Tokenizer {
 public:
  void run(std::string_view text, TokenSink& sink) override {
    text = text.substr(0, INT32_MAX);
    position_ = 0;
    for (size_t at = 0; at < text.size();) {
      const Character here = character_at(text, at);
      const bool begins = here.kind == CharacterKind::kIdeograph || is_letter_or_digit(here.kind) || text[at] == '_';
      if (!begins) {
        at = here.end;
        continue;
      }
      const Identifier identifier = identifier_at(text, at);
      if (identifier.has_parts) emit(text, at, identifier, sink);
      at = identifier.end;
    }
  }

 private:
  // The whole, and the first part at the same position, so that a phrase may go over either.
  void emit(std::string_view text, size_t begin, const Identifier& identifier, TokenSink& sink) {
    emit_term(text, begin, identifier.end, position_, sink);
    const std::string_view whole = text.substr(begin, identifier.end - begin);
    uint32_t part_count = 0;
    for (size_t at = 0; !identifier.is_number;) {
      const size_t end = part_end(whole, at);
      if (at == whole.size() || (at == 0 && end == whole.size())) break;
      emit_term(text, begin + at, begin + end, position_ + part_count, sink);
      ++part_count;
      at = end;
    }
    position_ += part_count == 0 ? 1 : part_count;
  }

  void emit_term(std::string_view text, size_t begin, size_t end, uint32_t position, TokenSink& sink) {
    fold_word(text.substr(begin, end - begin), kCodeRules, term_);
    const std::string_view term = std::string_view(term_).substr(0, cut_bytes(term_, kTermBytesMax));
    if (!term.empty()) sink.token({term, position, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
  }

  std::string term_;
  uint32_t position_ = 0;
};

class CodeAnalyzer final : public Analyzer {
 public:
  std::unique_ptr<Tokenizer> tokenizer() const override { return std::make_unique<CodeTokenizer>(); }

  std::string fold(std::string_view word) const override {
    std::string folded;
    fold_word(word, kCodeRules, folded);
    folded.resize(cut_bytes(folded, kTermBytesMax));
    return folded;
  }
};

}  // namespace

std::shared_ptr<const Analyzer> make_code_analyzer() { return std::make_shared<CodeAnalyzer>(); }

}  // namespace omendb::text
