#include "engine/filter/like.h"

#include "engine/filter/characters.h"

#include <cstddef>

namespace omendb::filter {
namespace {

bool equal(char a, char b, bool fold_case) { return a == b || (fold_case && lower(a) == lower(b)); }

size_t next_character(std::string_view text, size_t at) {
  ++at;
  while (at < text.size() && !begins_character(text[at])) ++at;
  return at;
}

}  // namespace

// Greedy, with a way back to the last %: what an earlier one took need never be looked at again.
bool like(std::string_view text, std::string_view pattern, bool fold_case) {
  size_t t = 0;
  size_t p = 0;
  size_t after_percent = std::string_view::npos;
  size_t resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '%') {
      after_percent = ++p;
      resume = t;
      continue;
    }
    if (p < pattern.size() && pattern[p] == '_') {
      t = next_character(text, t);
      ++p;
      continue;
    }
    const size_t literal = p < pattern.size() && pattern[p] == '\\' ? p + 1 : p;
    if (literal < pattern.size() && equal(text[t], pattern[literal], fold_case)) {
      ++t;
      p = literal + 1;
      continue;
    }
    if (after_percent == std::string_view::npos) return false;
    resume = next_character(text, resume);
    t = resume;
    p = after_percent;
  }
  while (p < pattern.size() && pattern[p] == '%') ++p;
  return p == pattern.size();
}

bool ends_in_escape(std::string_view pattern) {
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '\\' && ++at == pattern.size()) return true;
  }
  return false;
}

}  // namespace omendb::filter
