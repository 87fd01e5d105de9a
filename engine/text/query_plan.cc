#include "engine/text/query_plan.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "engine/base/try.h"
#include "engine/text/expansions.h"
#include "engine/text/query_words.h"

namespace omendb::text {
namespace {

using Occur = QueryNode::Occur;
using Kind = PlanNode::Kind;

constexpr size_t kTreeDepthMax = 4 * kQueryDepthMax;  // a pair of parentheses makes up to three nodes of a tree

// Rows of a column that live and have the term.
uint64_t live_document_count(const TextColumn& column, const TermPlaces& term) {
  uint64_t count = 0;
  for (const auto& [run, entry] : term.entries) count += entry.document_count;
  const uint64_t dead = column.dead_document_count ? column.dead_document_count(term.term) : 0;
  return count - std::min(count, dead);
}

TermPlaces find_term(const TextColumn& column, std::string term) {
  TermPlaces places{std::move(term), {}};
  for (size_t run = 0; run < column.runs.size(); ++run) {
    if (const std::optional<TermEntry> entry = column.runs[run].run->find(places.term))
      places.entries.emplace_back(run, *entry);
  }
  return places;
}

// Variants are one word: as frequent as the most frequent of them, which does not depend on how rows lie in runs (and is what Lucene's SynonymQuery does).
double word_idf(const TextColumn& column, std::span<const TermPlaces> terms) {
  uint64_t document_count = 0;
  for (const TermPlaces& term : terms) document_count = std::max(document_count, live_document_count(column, term));
  return inverse_document_frequency(column.document_count, document_count);
}

Bm25 make_bm25(const TextColumn& column, double boost, double idf) {
  const double average_length = static_cast<double>(std::max<uint64_t>(column.token_count, 1)) / column.document_count;
  return {column.weight * boost * idf, column.k1 * (1 - column.b), column.k1 * column.b / average_length};
}

PlanNode make_nothing() {
  PlanNode node;
  node.kind = Kind::kNothing;
  return node;
}

// A word with its variants or expansions.
PlanNode make_word(const TextColumn& column, std::span<const TermPlaces> terms, double boost, base::Stop* stop) {
  WordCursor cursor(column.runs, terms, stop);
  if (cursor.empty() || column.document_count == 0) return make_nothing();
  PlanNode node;
  node.bm25 = make_bm25(column, boost, word_idf(column, terms));
  if (TermCursor* only = cursor.only_term()) {
    node.kind = Kind::kTerm;
    node.term = std::move(*only);
    node.row = node.term.row();
  } else {
    node.kind = Kind::kWord;
    node.word = std::make_unique<WordCursor>(std::move(cursor));
    node.row = node.word->row();
  }
  return node;
}

PlanNode make_slot_word(const TextColumn& column, size_t column_index, const WordSlot& slot, double boost) {
  std::vector<TermPlaces> terms;
  for (const std::string& term : slot.terms) terms.push_back(find_term(column, term));
  PlanNode node = make_word(column, terms, boost, nullptr);  // variants are few
  if (slot.terms.size() == 1) node.fold_key = std::to_string(column_index) + ':' + slot.terms[0];
  return node;
}

PlanNode make_phrase(const TextColumn& column, std::span<const WordSlot> slots, uint32_t slop, double boost,
                     base::Stop* stop) {
  std::vector<WordCursor> words;
  std::vector<uint32_t> offsets;
  double idf = 0;
  for (const WordSlot& slot : slots) {
    std::vector<TermPlaces> terms;
    for (const std::string& term : slot.terms) terms.push_back(find_term(column, term));
    words.emplace_back(WordCursor::Walked{}, column.runs, terms);
    if (words.back().empty() || column.document_count == 0) return make_nothing();
    offsets.push_back(slot.offset);
    idf += word_idf(column, terms);
  }
  PlanNode node;
  node.kind = Kind::kPhrase;
  node.bm25 = make_bm25(column, boost, idf);
  node.phrase = std::make_unique<PhraseCursor>(std::move(words), std::move(offsets), slop, stop);
  node.row = node.phrase->row();
  return node;
}

// Puts clauses together: folds, drops and orders them.
class ClauseList {
 public:
  explicit ClauseList(base::Stop* stop) { node_.looking = {stop, PlanNode::kStepsPerLook}; }

  void add(PlanNode child, Occur occur) {
    if (child.kind == Kind::kEmpty) return;
    node_.kind = Kind::kClauses;
    if (occur == Occur::kShould && child.kind == Kind::kClauses && only_shoulds(child)) {
      for (PlanNode& clause : child.children) add(std::move(clause), Occur::kShould);
      return;
    }
    impossible_ |= occur == Occur::kMust && child.kind == Kind::kNothing;
    if (child.kind == Kind::kNothing) return;
    if (occur == Occur::kShould && !child.fold_key.empty()) {
      const auto [at, is_new] = places_.try_emplace(child.fold_key, node_.children.size());
      if (!is_new) {
        node_.children[at->second].bm25.factor += child.bm25.factor;
        return;
      }
    }
    node_.children.push_back(std::move(child));
    node_.occurs.push_back(occur);
  }

  PlanNode take() {
    if (node_.kind == Kind::kEmpty) return {};
    const size_t must_not_count =
        static_cast<size_t>(std::count(node_.occurs.begin(), node_.occurs.end(), Occur::kMustNot));
    if (impossible_ || must_not_count == node_.children.size()) return make_nothing();
    if (node_.children.size() == 1) return std::move(node_.children[0]);
    for (size_t i = 0; i < node_.children.size(); ++i) {
      if (node_.occurs[i] == Occur::kMust) node_.musts.push_back(i);
      if (node_.occurs[i] == Occur::kMustNot) node_.must_nots.push_back(i);
    }
    std::stable_sort(node_.musts.begin(), node_.musts.end(), [this](size_t a, size_t b) {
      return node_.children[a].matching_rows_max() < node_.children[b].matching_rows_max();
    });
    node_.settle(0);
    return std::move(node_);
  }

 private:
  static bool only_shoulds(const PlanNode& node) {
    return std::all_of(node.occurs.begin(), node.occurs.end(), [](Occur occur) { return occur == Occur::kShould; });
  }

  PlanNode node_;
  std::unordered_map<std::string, size_t> places_;  // of what may be folded
  bool impossible_ = false;
};

class PlanMaker {
 public:
  PlanMaker(std::span<const TextColumn> columns, base::Stop* stop) : columns_(columns), stop_(stop) {}

  // NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
  Result<PlanNode> make(const QueryNode& query, std::string_view scope, double boost_above, size_t depth) const {
    if (depth > kTreeDepthMax)
      return Error{ErrorCode::kInvalidArgument, "query: a tree more than " + std::to_string(kTreeDepthMax) + " deep"};
    if (!(query.boost >= 0) || !std::isfinite(query.boost))
      return fault(query, "a boost of " + std::to_string(query.boost));
    const std::string_view column = query.column.empty() ? scope : std::string_view(query.column);
    const double boost = boost_above * query.boost;
    if (query.kind != QueryNode::Kind::kAnd && query.kind != QueryNode::Kind::kOr &&
        query.kind != QueryNode::Kind::kBoolean)
      return make_leaf(query, column, boost);
    ClauseList clauses(stop_);
    for (size_t i = 0; i < query.children.size(); ++i) {
      TRY(child, make(*query.children[i], column, boost, depth + 1));
      clauses.add(std::move(child), occur_of(query, i));
    }
    return clauses.take();
  }

 private:
  static Occur occur_of(const QueryNode& query, size_t child) {
    if (query.kind == QueryNode::Kind::kAnd) return Occur::kMust;
    return query.kind == QueryNode::Kind::kOr ? Occur::kShould : query.occurs[child];
  }

  // In the column that it names, or in any.
  Result<PlanNode> make_leaf(const QueryNode& query, std::string_view column_name, double boost) const {
    ClauseList clauses(stop_);
    bool known = column_name.empty();
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!column_name.empty() && columns_[i].name != column_name) continue;
      known = true;
      TRY(node, make_leaf_in(i, query, boost));
      clauses.add(std::move(node), Occur::kShould);
    }
    if (!known) return unknown_column(query, column_name);
    return clauses.take();
  }

  Result<PlanNode> make_leaf_in(size_t index, const QueryNode& query, double boost) const {
    const TextColumn& column = columns_[index];
    switch (query.kind) {
      case QueryNode::Kind::kText: return make_text(index, query.word, boost);
      case QueryNode::Kind::kPrefix: {
        const std::string prefix = column.analyzer->fold(query.word);
        if (prefix.empty()) return PlanNode();
        TRY(terms, terms_with_prefix(column.runs, prefix, stop_));
        return make_word(column, terms, boost, stop_);
      }
      case QueryNode::Kind::kFuzzy: {
        const std::string word = column.analyzer->fold(query.word);
        if (word.empty()) return PlanNode();
        TRY(terms, terms_near(column.runs, word, fuzzy_edits(query.edits, word), stop_));
        return make_word(column, terms, boost, stop_);
      }
      default: break;
    }
    const std::vector<WordSlot> slots = word_slots(*column.analyzer, query.word);
    if (slots.empty()) return PlanNode();
    TRY_OK(count_words(slots.size()));
    if (slots.size() == 1) return make_slot_word(column, index, slots[0], boost);
    return make_phrase(column, slots, query.kind == QueryNode::Kind::kPhrase ? query.slop : 0, boost, stop_);
  }

  Result<PlanNode> make_text(size_t index, std::string_view text, double boost) const {
    ClauseList clauses(stop_);
    const auto terms = counted_terms(*columns_[index].analyzer->tokenizer(), text);
    TRY_OK(count_words(terms.size()));
    for (const auto& [term, count] : terms)
      clauses.add(make_slot_word(columns_[index], index, {0, {term}}, boost * count), Occur::kShould);
    return clauses.take();
  }

  // Each takes a cursor for every run.
  Result<void> count_words(size_t more) const {
    word_count_ += more;
    if (word_count_ <= kQueryWordsMax) return {};
    return Error{ErrorCode::kInvalidArgument,
                 "a text to search for has at most " + std::to_string(kQueryWordsMax) + " different words"};
  }

  static Error fault(const QueryNode& query, const std::string& what) {
    return {ErrorCode::kInvalidArgument, "query, character " + std::to_string(query.character) + ": " + what};
  }
  Error unknown_column(const QueryNode& query, std::string_view name) const {
    std::string columns;
    for (const TextColumn& column : columns_) {
      columns += columns.empty() ? "" : ", ";
      columns += column.name;
    }
    std::string what = "no text column is called '";
    what += name;
    return fault(query, what + "'; there are: " + columns + ". Write \\: for the character");
  }

  std::span<const TextColumn> columns_;
  base::Stop* stop_;
  mutable size_t word_count_ = 0;
};

}  // namespace

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
void PlanNode::settle(uint32_t to) {
  switch (kind) {
    case Kind::kTerm:
      term.advance(to);
      row = term.row();
      return;
    case Kind::kWord:
      word->advance(to);
      row = word->row();
      return;
    case Kind::kPhrase:
      phrase->advance(to);
      row = phrase->row();
      return;
    case Kind::kClauses:
      do {
        row = musts.empty() ? advance_shoulds(to) : advance_musts(to);
        to = row + 1;
      } while (row != kNoRow && excluded(row) && !looking.asked());
      return;
    default: row = kNoRow; return;
  }
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
uint32_t PlanNode::advance_musts(uint32_t to) {
  for (size_t agreeing = 0; agreeing < musts.size();) {
    PlanNode& child = children[musts[agreeing]];
    child.advance(to);
    if (child.row == kNoRow || looking.asked()) return kNoRow;
    if (child.row == to) {
      ++agreeing;
    } else {
      to = child.row;
      agreeing = agreeing == 0 ? 1 : 0;
    }
  }
  return to;
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
uint32_t PlanNode::advance_shoulds(uint32_t to) {
  uint32_t first = kNoRow;
  for (size_t i = 0; i < children.size(); ++i) {
    if (occurs[i] != Occur::kShould) continue;
    children[i].advance(to);
    first = std::min(first, children[i].row);
  }
  return first;
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
bool PlanNode::excluded(uint32_t at) {
  for (const size_t must_not : must_nots) {
    children[must_not].advance(at);
    if (children[must_not].row == at) return true;
  }
  return false;
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
void PlanNode::add_score(double& sum) {
  switch (kind) {
    case Kind::kTerm: sum += bm25.score(term.frequency(), term.length()); return;
    case Kind::kWord: sum += bm25.score(word->frequency(), word->length()); return;
    case Kind::kPhrase: sum += bm25.score(phrase->frequency(), phrase->length()); return;
    case Kind::kClauses:
      for (size_t i = 0; i < children.size(); ++i) {
        if (occurs[i] == Occur::kMustNot) continue;
        children[i].advance(row);
        if (children[i].row == row) children[i].add_score(sum);
      }
      return;
    default: return;
  }
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
bool PlanNode::damaged() const {
  if (kind == Kind::kTerm) return term.damaged();
  if (kind == Kind::kWord) return word->damaged();
  if (kind == Kind::kPhrase) return phrase->damaged();
  return std::any_of(children.begin(), children.end(), [](const PlanNode& child) { return child.damaged(); });
}

// NOLINTNEXTLINE(misc-no-recursion): no deeper than kTreeDepthMax
uint64_t PlanNode::matching_rows_max() const {
  if (kind == Kind::kTerm) return term.document_count();
  if (kind == Kind::kWord) return word->document_count();
  if (kind == Kind::kPhrase) return phrase->document_count();
  if (!musts.empty()) return children[musts[0]].matching_rows_max();
  uint64_t sum = 0;
  for (size_t i = 0; i < children.size(); ++i) sum += occurs[i] == Occur::kShould ? children[i].matching_rows_max() : 0;
  return sum;
}

bool PlanNode::is_any_term() const {
  if (kind == Kind::kTerm) return true;
  if (kind != Kind::kClauses || children.size() != occurs.size()) return false;
  for (size_t i = 0; i < children.size(); ++i) {
    if (occurs[i] != Occur::kShould || children[i].kind != Kind::kTerm) return false;
  }
  return true;
}

Result<PlanNode> make_plan(std::span<const TextColumn> columns, const QueryNode& query, base::Stop* stop) {
  TRY(plan, PlanMaker(columns, stop).make(query, "", 1, 0));
  TRY_OK(base::unless_stopped(stop));
  return plan;
}

}  // namespace omendb::text
