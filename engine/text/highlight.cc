#include "engine/text/expansions.h"
#include "engine/text/phrase.h"
#include "engine/text/query_words.h"
#include "engine/text/text_search.h"

#include <algorithm>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace omendb::text {
namespace {

using Kind = QueryNode::Kind;

constexpr size_t kTreeDepthMax = 4 * kQueryDepthMax;

struct Place {
  uint32_t position;
  uint32_t begin_byte;
  uint32_t end_byte;
};

// Where a text has each of its terms.
class PlaceSink final : public TokenSink {
 public:
  void token(const Token& token) override {
    places[std::string(token.term)].push_back({token.position, token.begin_byte, token.end_byte});
  }
  std::map<std::string, std::vector<Place>, std::less<>> places;
};

class Highlighter {
 public:
  Highlighter(const TextColumn& column, std::string_view text) : column_(column) {
    column.analyzer->tokenizer()->run(text, text_);
  }

  // NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
  Result<void> mark(const QueryNode& query, std::string_view scope, size_t depth) {
    if (depth > kTreeDepthMax)
      return Error{ErrorCode::kInvalidArgument, "query: a tree more than " + std::to_string(kTreeDepthMax) + " deep"};
    const std::string_view column = query.column.empty() ? scope : std::string_view(query.column);
    for (size_t i = 0; i < query.children.size(); ++i) {
      if (query.kind == Kind::kBoolean && query.occurs[i] == QueryNode::Occur::kMustNot) continue;
      if (auto marked = mark(*query.children[i], column, depth + 1); !marked.ok()) return marked;
    }
    if (query.children.empty() && (column.empty() || column == column_.name)) mark_leaf(query);
    return {};
  }

  // Ranges that overlap become one.
  Highlight take() {
    std::sort(ranges_.begin(), ranges_.end(), [](const Highlight::Range& a, const Highlight::Range& b) {
      return a.begin_byte != b.begin_byte ? a.begin_byte < b.begin_byte : a.end_byte > b.end_byte;
    });
    Highlight highlight;
    for (const Highlight::Range& range : ranges_) {
      std::vector<Highlight::Range>& words = highlight.words;
      const bool repeated = !words.empty() && range.begin_byte == words.back().begin_byte;
      if (repeated || (!words.empty() && range.begin_byte < words.back().end_byte))
        words.back().end_byte = std::max(words.back().end_byte, range.end_byte);
      else
        words.push_back(range);
    }
    return highlight;
  }

 private:
  void mark_leaf(const QueryNode& query) {
    const Analyzer& analyzer = *column_.analyzer;
    if (query.kind == Kind::kText) {
      for (const auto& [term, count] : counted_terms(*analyzer.tokenizer(), query.word)) mark_term(term);
    } else if (query.kind == Kind::kPrefix) {
      mark_prefix(analyzer.fold(query.word));
    } else if (query.kind == Kind::kFuzzy) {
      mark_near(analyzer.fold(query.word), query.edits);
    } else if (query.kind == Kind::kWord || query.kind == Kind::kPhrase) {
      const std::vector<WordSlot> slots = word_slots(analyzer, query.word);
      if (slots.size() > 1) return mark_phrase(slots, query.kind == Kind::kPhrase ? query.slop : 0);
      for (const WordSlot& slot : slots) {
        for (const std::string& term : slot.terms) mark_term(term);
      }
    }
  }

  void mark_places(const std::vector<Place>& places) {
    for (const Place& place : places) ranges_.push_back({place.begin_byte, place.end_byte});
  }
  void mark_term(std::string_view term) {
    if (const auto at = text_.places.find(term); at != text_.places.end()) mark_places(at->second);
  }
  void mark_prefix(std::string_view prefix) {
    if (prefix.empty()) return;
    for (auto at = text_.places.lower_bound(prefix); at != text_.places.end() && at->first.starts_with(prefix); ++at)
      mark_places(at->second);
  }
  void mark_near(std::string_view word, uint32_t edits) {
    if (word.empty()) return;
    EditDistance distance(word, fuzzy_edits(edits, word));
    for (const auto& [term, places] : text_.places) {
      if (distance.near(term)) mark_places(places);
    }
  }

  void mark_phrase(const std::vector<WordSlot>& slots, uint32_t slop) {
    std::vector<std::vector<uint32_t>> positions;
    std::vector<uint32_t> offsets;
    for (const WordSlot& slot : slots) {
      positions.push_back(positions_of(slot));
      offsets.push_back(slot.offset);
    }
    std::vector<uint32_t> chosen;
    phrase_frequency(positions, offsets, slop, &chosen);
    for (size_t i = 0; i < chosen.size(); ++i) mark_slot_at(slots[i % slots.size()], chosen[i]);
  }
  std::vector<uint32_t> positions_of(const WordSlot& slot) const {
    std::vector<uint32_t> positions;
    for (const std::string& term : slot.terms) {
      const auto at = text_.places.find(term);
      if (at == text_.places.end()) continue;
      for (const Place& place : at->second) positions.push_back(place.position);
    }
    std::sort(positions.begin(), positions.end());
    return positions;
  }
  void mark_slot_at(const WordSlot& slot, uint32_t position) {
    for (const std::string& term : slot.terms) {
      const auto at = text_.places.find(term);
      if (at == text_.places.end()) continue;
      const std::vector<Place>& places = at->second;
      auto place = std::lower_bound(places.begin(), places.end(), position,
                                    [](const Place& a, uint32_t wanted) { return a.position < wanted; });
      for (; place != places.end() && place->position == position; ++place)
        ranges_.push_back({place->begin_byte, place->end_byte});
    }
  }

  const TextColumn& column_;
  PlaceSink text_;
  std::vector<Highlight::Range> ranges_;
};

}  // namespace

Result<Highlight> highlight(const TextColumn& column, const QueryNode& query, std::string_view text) {
  try {
    Highlighter highlighter(column, text);
    if (auto marked = highlighter.mark(query, "", 0); !marked.ok()) return std::move(marked).error();
    return highlighter.take();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "text: no memory for a highlight"};
  }
}

}  // namespace omendb::text
