#pragma once

// For tests: a corpus as texts, its columns cut into runs, and what a search has to answer, made from the texts alone.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/text/analyzer.h"
#include "engine/text/run.h"
#include "engine/text/text_query.h"
#include "engine/text/text_search.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::text {

// Words stand between spaces; "wi-fi" is two words, "colour/color" two variants of one, "the" is left out and leaves a gap.
class SpaceAnalyzer final : public Analyzer {
 public:
  std::unique_ptr<Tokenizer> tokenizer() const override { return std::make_unique<SpaceTokenizer>(); }
  std::string fold(std::string_view word) const override { return std::string(word); }

 private:
  class SpaceTokenizer final : public Tokenizer {
   public:
    void run(std::string_view text, TokenSink& sink) override {
      uint32_t position = 0;
      for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find_first_of(" -/", at), text.size());
        const std::string_view word = text.substr(at, end - at);
        if (!word.empty() && word != "the")
          sink.token({word, position, static_cast<uint32_t>(at), static_cast<uint32_t>(end)});
        if (!word.empty() && (end == text.size() || text[end] != '/')) ++position;
        at = end + 1;
      }
    }
  };
};

struct ModelToken {
  std::string term;
  uint32_t position;
};

inline std::vector<ModelToken> tokens_of(std::string_view text) {
  class Sink final : public TokenSink {
   public:
    void token(const Token& token) override { tokens.push_back({std::string(token.term), token.position}); }
    std::vector<ModelToken> tokens;
  };
  Sink sink;
  SpaceAnalyzer().tokenizer()->run(text, sink);
  return sink.tokens;
}

// The texts of one column, row by row.
struct ModelColumn {
  std::string name;
  double k1 = 0.9;
  double b = 0.4;
  double weight = 1;
  std::vector<std::string> texts;
};

struct Corpus {
  std::vector<ModelColumn> columns;
  std::vector<bool> live;
  uint32_t row_count() const { return static_cast<uint32_t>(live.size()); }
};

// A corpus in runs that are cut at random, dead rows in them, some stretches of dead rows in none.
class CutCorpus {
 public:
  CutCorpus(const Corpus& corpus, base::Random& random, size_t cuts_max) : corpus_(corpus) {
    for (const ModelColumn& column : corpus.columns) add_column(column, random, cuts_max);
    for (size_t i = 0; i < parts_.size(); ++i) {
      columns_[i].runs = parts_[i]->placed;
      const Part* part = parts_[i].get();
      columns_[i].dead_document_count = [part](std::string_view term) {
        const auto at = part->dead.find(term);
        return at == part->dead.end() ? 0U : at->second;
      };
    }
  }
  CutCorpus(const CutCorpus&) = delete;
  CutCorpus& operator=(const CutCorpus&) = delete;

  std::span<const TextColumn> columns() const { return columns_; }
  // For tests of damage.
  std::vector<std::byte>& bytes_of_run(size_t column, size_t run) { return parts_[column]->bytes[run]; }
  size_t run_count(size_t column) const { return parts_[column]->placed.size(); }

 private:
  struct Part {
    std::vector<std::vector<std::byte>> bytes;
    std::vector<std::unique_ptr<Run>> runs;
    std::vector<PlacedRun> placed;
    std::map<std::string, uint32_t, std::less<>> dead;
  };

  void add_column(const ModelColumn& column, base::Random& random, size_t cuts_max) {
    TextColumn& out = columns_.emplace_back();
    out.name = column.name;
    out.analyzer = &analyzer_;
    out.k1 = column.k1;
    out.b = column.b;
    out.weight = column.weight;
    std::set<uint32_t> cuts = {0, corpus_.row_count()};
    for (uint64_t i = random.below(cuts_max + 1); i > 0; --i)
      cuts.insert(static_cast<uint32_t>(random.below(corpus_.row_count() + uint64_t{1})));
    parts_.push_back(std::make_unique<Part>());
    for (auto cut = cuts.begin(); std::next(cut) != cuts.end(); ++cut) {
      uint32_t first = *cut;
      while (first < *std::next(cut) && !corpus_.live[first]) ++first;
      add_run(column, out, random.one_in(2) ? first : *cut, *std::next(cut));
    }
  }

  void add_run(const ModelColumn& column, TextColumn& out, uint32_t first, uint32_t end) {
    Part& part = *parts_.back();
    if (first == end) return;
    RunBuilder builder;
    for (uint32_t row = first; row < end; ++row) {
      builder.begin_row();
      analyzer_.tokenizer()->run(column.texts[row], builder);
      const std::vector<ModelToken> tokens = tokens_of(column.texts[row]);
      if (corpus_.live[row]) {
        out.document_count += tokens.empty() ? 0U : 1U;
        out.token_count += tokens.size();
        continue;
      }
      std::set<std::string> terms;
      for (const ModelToken& token : tokens) terms.insert(token.term);
      for (const std::string& term : terms) ++part.dead[term];
    }
    part.bytes.push_back(builder.finish());
    part.runs.push_back(std::make_unique<Run>(base::must(Run::open(part.bytes.back()))));
    part.placed.push_back({part.runs.back().get(), first});
  }

  const Corpus& corpus_;
  SpaceAnalyzer analyzer_;
  std::vector<std::unique_ptr<Part>> parts_;
  std::vector<TextColumn> columns_;
};

// Some rows, as bits.
class RowSet {
 public:
  explicit RowSet(uint32_t row_count)
      : row_count_(row_count), words_((row_count / RowBits::kRowsPerBlock + 1) * kWords) {
    for (size_t first = 0; first < words_.size(); first += kWords) blocks_.push_back(words_.data() + first);
  }
  void add(uint32_t row) { words_[row / 64] |= uint64_t{1} << row % 64; }
  // Empty blocks become null ones.
  void drop_empty_blocks() {
    for (const uint64_t*& block : blocks_) {
      if (std::all_of(block, block + kWords, [](uint64_t word) { return word == 0; })) block = nullptr;
    }
  }
  RowBits bits() const { return {blocks_, row_count_}; }

 private:
  static constexpr size_t kWords = RowBits::kRowsPerBlock / 64;
  uint32_t row_count_;
  std::vector<uint64_t> words_;
  std::vector<const uint64_t*> blocks_;
};

// Answers by looking at every text.
class SearchModel {
 public:
  explicit SearchModel(const Corpus& corpus) {
    for (const ModelColumn& column : corpus.columns) {
      Column& out = columns_.emplace_back();
      out.model = &column;
      for (uint32_t row = 0; row < corpus.row_count(); ++row) {
        out.tokens.push_back(tokens_of(column.texts[row]));
        if (!corpus.live[row]) continue;
        out.document_count += out.tokens.back().empty() ? 0 : 1;
        out.token_count += static_cast<double>(out.tokens.back().size());
        std::set<std::string> terms;
        for (const ModelToken& token : out.tokens.back()) terms.insert(token.term);
        for (const std::string& term : terms) ++out.document_counts[term];
      }
    }
  }

  // Nothing where the live row does not match.
  std::optional<double> score(const QueryNode& query, uint32_t row) const {
    const Answer answer = answer_of(query, "", 1, row);
    return answer.kind == Answer::kMatch ? std::optional(answer.score) : std::nullopt;
  }

 private:
  struct Column {
    const ModelColumn* model = nullptr;
    std::vector<std::vector<ModelToken>> tokens;
    std::map<std::string, double> document_counts;
    double document_count = 0;
    double token_count = 0;
  };
  struct Answer {
    enum Kind { kEmpty, kNoMatch, kMatch };
    Kind kind = kEmpty;
    double score = 0;
  };
  using Matches = std::function<bool(const std::string&)>;

  double idf(const Column& column, const Matches& matches) const {
    double most = 1;
    for (const auto& [term, count] : column.document_counts) most = matches(term) ? std::max(most, count) : most;
    return std::log(1 + (column.document_count - most + 0.5) / (most + 0.5));
  }
  static Answer scored(const Column& column, double frequency, double idf, double boost, uint32_t row) {
    if (frequency == 0) return {Answer::kNoMatch, 0};
    const ModelColumn& model = *column.model;
    const auto length = static_cast<double>(column.tokens[row].size());
    const double norm = model.k1 * (1 - model.b + model.b * length / (column.token_count / column.document_count));
    return {Answer::kMatch, model.weight * boost * idf * frequency / (frequency + norm)};
  }
  Answer word(const Column& column, const Matches& matches, double boost, uint32_t row) const {
    double frequency = 0;
    for (const ModelToken& token : column.tokens[row]) frequency += matches(token.term) ? 1 : 0;
    return scored(column, frequency, idf(column, matches), boost, row);
  }

  using Slots = std::vector<std::pair<uint32_t, std::set<std::string>>>;
  static Slots slots_of(std::string_view text) {
    std::map<uint32_t, std::set<std::string>> slots;
    for (const ModelToken& token : tokens_of(text)) slots[token.position].insert(token.term);
    return {slots.begin(), slots.end()};
  }
  // Whether words `slot` and up can stand behind `position`, with `room` positions between them to give away. Tries all places.
  static bool goes_on(const std::vector<ModelToken>& tokens, const Slots& slots, size_t slot, uint32_t position,
                      uint32_t room) {
    if (slot == slots.size()) return true;
    const uint32_t nearest = position + slots[slot].first - slots[slot - 1].first;
    return std::any_of(tokens.begin(), tokens.end(), [&](const ModelToken& token) {
      return slots[slot].second.count(token.term) != 0 && token.position >= nearest &&
             token.position - nearest <= room &&
             goes_on(tokens, slots, slot + 1, token.position, room - (token.position - nearest));
    });
  }
  Answer phrase(const Column& column, const Slots& slots, uint32_t slop, double boost, uint32_t row) const {
    double idf_sum = 0;
    for (const auto& [offset, terms] : slots)
      idf_sum += idf(column, [&terms = terms](const std::string& term) { return terms.count(term) != 0; });
    std::set<uint32_t> starts;
    for (const ModelToken& token : column.tokens[row]) {
      if (slots[0].second.count(token.term) != 0 && goes_on(column.tokens[row], slots, 1, token.position, slop))
        starts.insert(token.position);
    }
    return scored(column, static_cast<double>(starts.size()), idf_sum, boost, row);
  }

 public:
  static uint32_t edits_between(const std::u32string& a, const std::u32string& b) {
    std::vector<std::vector<uint32_t>> table(a.size() + 1, std::vector<uint32_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) {
      for (size_t j = 0; j <= b.size(); ++j) {
        uint32_t least = static_cast<uint32_t>(i == 0 ? j : i);
        if (i > 0 && j > 0) {
          least = std::min(
              {table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
          if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
            least = std::min(least, table[i - 2][j - 2] + 1);
        }
        table[i][j] = least;
      }
    }
    return table[a.size()][b.size()];
  }
  // Of UTF-8 of at most two bytes a character, as the tests have it.
  static std::u32string characters(std::string_view text) {
    std::u32string out;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte < 0x80) {
        out += byte;
      } else {
        out += static_cast<char32_t>((byte & 0x1fU) << 6 | (static_cast<unsigned char>(text[i + 1]) & 0x3fU));
        ++i;
      }
    }
    return out;
  }

 private:
  Answer leaf(const Column& column, const QueryNode& query, double boost, uint32_t row) const {
    if (query.kind == QueryNode::Kind::kPrefix)
      return word(
          column, [&](const std::string& term) { return term.starts_with(query.word); }, boost, row);
    if (query.kind == QueryNode::Kind::kFuzzy) {
      const std::u32string wanted = characters(query.word);
      const uint32_t edits = query.edits != 0 ? query.edits : wanted.size() > 5 ? 2 : 1;
      return word(
          column, [&](const std::string& term) { return edits_between(wanted, characters(term)) <= edits; }, boost,
          row);
    }
    if (query.kind == QueryNode::Kind::kText) {
      Answer sum;
      for (const ModelToken& token : tokens_of(query.word))
        add(sum, word(
                     column, [&](const std::string& term) { return term == token.term; }, boost, row));
      return sum;
    }
    const Slots slots = slots_of(query.word);
    if (slots.empty()) return {};
    if (slots.size() > 1)
      return phrase(column, slots, query.kind == QueryNode::Kind::kPhrase ? query.slop : 0, boost, row);
    return word(
        column, [&](const std::string& term) { return slots[0].second.count(term) != 0; }, boost, row);
  }

  static void add(Answer& sum, const Answer& answer) {
    sum.kind = std::max(sum.kind, answer.kind);
    sum.score += answer.kind == Answer::kMatch ? answer.score : 0;
  }

  Answer answer_of(const QueryNode& query, std::string_view scope, double boost_above, uint32_t row) const {
    const std::string_view name = query.column.empty() ? scope : std::string_view(query.column);
    const double boost = boost_above * query.boost;
    if (query.kind != QueryNode::Kind::kAnd && query.kind != QueryNode::Kind::kOr &&
        query.kind != QueryNode::Kind::kBoolean) {
      Answer any;
      for (const Column& column : columns_) {
        if (name.empty() || name == column.model->name) add(any, leaf(column, query, boost, row));
      }
      return any;
    }
    Answer sum;
    bool refused = false;
    bool has_must = false;
    bool has_should_match = false;
    for (size_t i = 0; i < query.children.size(); ++i) {
      const auto occur = query.kind == QueryNode::Kind::kAnd  ? QueryNode::Occur::kMust
                         : query.kind == QueryNode::Kind::kOr ? QueryNode::Occur::kShould
                                                              : query.occurs[i];
      const Answer child = answer_of(*query.children[i], name, boost, row);
      if (child.kind == Answer::kEmpty) continue;
      const bool matches = child.kind == Answer::kMatch;
      sum.kind = Answer::kNoMatch;
      has_must |= occur == QueryNode::Occur::kMust;
      has_should_match |= occur == QueryNode::Occur::kShould && matches;
      refused |= (occur == QueryNode::Occur::kMust && !matches) || (occur == QueryNode::Occur::kMustNot && matches);
      if (matches && occur != QueryNode::Occur::kMustNot) sum.score += child.score;
    }
    if (sum.kind == Answer::kEmpty || refused || (!has_must && !has_should_match)) return {sum.kind, 0};
    return {Answer::kMatch, sum.score};
  }

  std::vector<Column> columns_;
};

}  // namespace omendb::text
