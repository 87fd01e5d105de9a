#pragma once

// What is searched for: a tree of words, phrases and operators, made from a user's words.

#include <omendb/status.h>

#include "engine/text/analyzer.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

inline constexpr size_t kQueryBytesMax = size_t{1} << 20;
inline constexpr size_t kQueryDepthMax = 100;
inline constexpr size_t kQueryWordsMax = 4096;  // each in every column; a word that stands twice in a text counts once

// Before it is analyzed: words as they were written. Columns have different analyzers, so each column makes its own terms of it.
struct QueryNode {
  enum class Kind : uint8_t {
    kWord,    // word, analyzed; several terms (of "wi-fi") are a phrase
    kPrefix,  // word*: folded, not stemmed
    kFuzzy,   // word~edits: folded, not stemmed
    kPhrase,  // word, the text between the quotes; slop
    kAnd,
    kOr,
    kBoolean,  // children with must / should / must_not in `occurs`; of must_nots alone: nothing
    kText,     // word, analyzed as a whole; any of its terms
  };
  enum class Occur : uint8_t { kShould, kMust, kMustNot };
  Kind kind = Kind::kWord;
  std::string column;  // of `column:word`; empty: that of the node above, or all
  std::string word;
  uint32_t edits = 0;    // 0: by the length of the folded word, fuzzy_edits()
  uint32_t slop = 0;     // more positions than the phrase has
  float boost = 1;       // word^2
  size_t place = 0;      // byte in the query
  size_t character = 1;  // the same in characters, from 1, for messages
  std::vector<std::unique_ptr<QueryNode>> children;
  std::vector<Occur> occurs;  // of kBoolean, one a child
};

// `text=`: plain words, any of them; never an error. Operators are words like others.
std::unique_ptr<QueryNode> plain_query(std::string_view text);
// `query=`: `red bicycle`, `+must -not`, `"a phrase"`, `"near words"~3`, `pref*`, `wrod~`, `wrod~2`, `title:word`, `(a AND b) OR c`, `NOT d`, `word^2`, `\` before a
// character that is
// meant as such. Fails: kInvalidArgument naming the place.
Result<std::unique_ptr<QueryNode>> parse_query(std::string_view text);

}  // namespace omendb::text
