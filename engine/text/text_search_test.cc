#include "engine/text/text_search.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/text/expansions.h"
#include "engine/text/text_query.h"
#include "engine/text/text_search_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::text {
namespace {

using base::code_of;
using base::message_of;
using base::must;

// Words of few letters, so that prefixes and near words are many; the first ones are frequent.
std::vector<std::string> make_vocabulary(base::Random& random, size_t count) {
  const std::string letters[] = {"a", "b", "c", "é", "ü"};
  std::vector<std::string> words;
  while (words.size() < count) {
    std::string word;
    for (uint64_t length = 1 + random.below(7); length > 0; --length) word += letters[random.below(std::size(letters))];
    words.push_back(word);
  }
  return words;
}

const std::string& pick(base::Random& random, const std::vector<std::string>& words) {
  const double skewed = std::pow(random.uniform(), 3);
  return words[static_cast<size_t>(skewed * static_cast<double>(words.size()))];
}

std::string make_text(base::Random& random, const std::vector<std::string>& words, size_t words_max) {
  std::string text;
  for (uint64_t i = random.below(words_max + 1); i > 0; --i) {
    text += random.one_in(10) ? "the" : pick(random, words);
    text += random.one_in(20) ? "/" : random.one_in(20) ? "-" : " ";
  }
  return text;
}

Corpus make_corpus(base::Random& random, const std::vector<std::string>& words, uint32_t rows_max, size_t words_max,
                   size_t column_count) {
  Corpus corpus;
  const auto row_count = static_cast<uint32_t>(random.below(rows_max + uint64_t{1}));
  const uint64_t dead_in = random.below(4);
  for (uint32_t row = 0; row < row_count; ++row)
    corpus.live.push_back(dead_in == 0 || !random.one_in(1 + dead_in * dead_in));
  for (size_t i = 0; i < column_count; ++i) {
    ModelColumn& column = corpus.columns.emplace_back();
    column.name = i == 0 ? "title" : "body";
    column.weight = i == 0 ? 1 : 0.5 + random.uniform();
    column.k1 = random.one_in(8) ? 0 : 2 * random.uniform();
    column.b = random.one_in(4) ? static_cast<double>(random.below(2)) : random.uniform();
    for (uint32_t row = 0; row < row_count; ++row) column.texts.push_back(make_text(random, words, words_max));
  }
  return corpus;
}

std::string make_word(base::Random& random, const std::vector<std::string>& words) {
  std::string word = random.one_in(12) ? "the" : random.one_in(12) ? "absent" : pick(random, words);
  if (random.one_in(12)) word += "-" + pick(random, words);
  if (random.one_in(16)) word += "/" + pick(random, words);
  return word;
}

// A query of the language, as text.
std::string make_clause(base::Random& random, const std::vector<std::string>& words, size_t depth, bool columns) {
  std::string clause = columns && random.one_in(6) ? random.one_in(2) ? "title:" : "body:" : "";
  switch (random.below(depth == 0 ? 6 : 8)) {
    case 0: clause += pick(random, words).substr(0, 1) == "a" ? "a*" : "cb*"; break;
    case 1: clause += pick(random, words) + (random.one_in(2) ? "~" : "~2"); break;
    case 2: {
      clause += '"' + make_word(random, words) + " " + make_word(random, words) + (random.one_in(2) ? " the " : " ") +
                make_word(random, words) + '"';
      if (random.one_in(2)) clause += "~" + std::to_string(random.below(4));
      break;
    }
    case 6:
    case 7: {
      clause += "(";
      for (uint64_t i = 1 + random.below(4); i > 0; --i) {
        const std::string_view sign = random.one_in(3) ? random.one_in(2) ? "+" : "-" : "";
        clause += std::string(sign) + make_clause(random, words, depth - 1, columns);
        if (i > 1) clause += random.one_in(3) ? " AND " : random.one_in(3) ? " OR " : " ";
      }
      clause += ")";
      break;
    }
    default: clause += make_word(random, words);
  }
  if (random.one_in(6)) clause += random.one_in(2) ? "^2" : "^0.3";
  return clause;
}

RowSet make_rows(base::Random& random, const Corpus& corpus) {
  RowSet rows(corpus.row_count());
  const uint64_t one_in = uint64_t{1} << random.below(8);
  const bool none = random.one_in(10);
  for (uint32_t row = 0; row < corpus.row_count(); ++row) {
    if (!none && corpus.live[row] && random.one_in(one_in)) rows.add(row);
  }
  if (random.one_in(2)) rows.drop_empty_blocks();
  return rows;
}

std::vector<uint32_t> rows_in(const RowBits& bits) {
  std::vector<uint32_t> rows;
  for (uint32_t row = 0; row < bits.row_count; ++row) {
    if (bits.contains(row)) rows.push_back(row);
  }
  return rows;
}

// What search() has to answer, from the scores of all rows that match.
std::vector<ScoredRow> best_of(std::span<const TextColumn> columns, const QueryNode& query, const RowBits& rows,
                               size_t k) {
  const std::vector<uint32_t> matching = must(matching_rows(columns, query, rows));
  const std::vector<float> scores = must(score_rows(columns, query, matching));
  std::vector<ScoredRow> all;
  for (size_t i = 0; i < matching.size(); ++i) all.push_back({matching[i], scores[i]});
  std::stable_sort(all.begin(), all.end(), [](const ScoredRow& a, const ScoredRow& b) { return a.score > b.score; });
  if (all.size() > k) all.resize(k);
  return all;
}

void expect_as_model(const SearchModel& model, const CutCorpus& cut, const QueryNode& query, const RowBits& rows) {
  const std::vector<uint32_t> asked = rows_in(rows);
  const std::vector<float> scores = must(score_rows(cut.columns(), query, asked));
  std::vector<uint32_t> matching;
  for (size_t i = 0; i < asked.size(); ++i) {
    const std::optional<double> expected = model.score(query, asked[i]);
    if (expected) matching.push_back(asked[i]);
    ASSERT_NEAR(scores[i], expected.value_or(0), 1e-6 * expected.value_or(0)) << "row " << asked[i];
  }
  ASSERT_EQ(must(matching_rows(cut.columns(), query, rows)), matching);
}

TEST(TextSearch, RandomQueriesFindWhatTheTextsSay) {
  for (uint64_t seed = 1; seed <= base::scaled(300); ++seed) {
    base::Random random(seed);
    const std::vector<std::string> words = make_vocabulary(random, 1 + random.below(60));
    const size_t column_count = 1 + random.below(2);
    const Corpus corpus = make_corpus(random, words, 200, 20, column_count);
    const SearchModel model(corpus);
    const CutCorpus one(corpus, random, 0);
    const CutCorpus many(corpus, random, 8);
    for (int i = 0; i < 10; ++i) {
      std::string text;
      for (uint64_t j = 1 + random.below(3); j > 0; --j) text += make_clause(random, words, 2, column_count == 2) + " ";
      SCOPED_TRACE("seed " + std::to_string(seed) + ", query " + text);
      const auto query = random.one_in(4) ? plain_query(text) : must(parse_query(text));
      const RowSet rows = make_rows(random, corpus);
      expect_as_model(model, many, *query, rows.bits());
      for (const size_t k : {size_t{1}, size_t{10}, size_t{1000}}) {
        const std::vector<ScoredRow> expected = best_of(many.columns(), *query, rows.bits(), k);
        ASSERT_EQ(must(search(many.columns(), *query, rows.bits(), k)), expected);
        ASSERT_EQ(must(search(one.columns(), *query, rows.bits(), k)), expected);
      }
      if (HasFatalFailure()) return;
    }
  }
}

// Lists of many blocks, where rows are left out by their bounds.
TEST(TextSearch, BoundsLoseNoAnswer) {
  for (uint64_t seed = 1; seed <= base::scaled(12); ++seed) {
    base::Random random(seed);
    std::vector<std::string> words;
    for (int i = 0; i < 300; ++i) words.push_back("w" + std::to_string(i));
    const Corpus corpus = make_corpus(random, words, 40'000, 16, 1 + random.below(2));
    const CutCorpus one(corpus, random, 0);
    const CutCorpus many(corpus, random, 6);
    for (int i = 0; i < 40; ++i) {
      std::string text;
      for (uint64_t j = 1 + random.below(random.one_in(8) ? 40 : 5); j > 0; --j) text += pick(random, words) + " ";
      SCOPED_TRACE("seed " + std::to_string(seed) + ", query " + text);
      const auto query = random.one_in(2) ? plain_query(text) : must(parse_query(text));
      const RowSet rows = make_rows(random, corpus);
      for (const size_t k : {size_t{1}, size_t{10}, size_t{1000}}) {
        const std::vector<ScoredRow> expected = best_of(many.columns(), *query, rows.bits(), k);
        ASSERT_EQ(must(search(many.columns(), *query, rows.bits(), k)), expected) << "k " << k;
        ASSERT_EQ(must(search(one.columns(), *query, rows.bits(), k)), expected) << "k " << k;
        if (expected.empty()) continue;
        const float above = expected[expected.size() / 2].score;
        std::vector<ScoredRow> over = expected;
        std::erase_if(over, [above](const ScoredRow& row) { return row.score <= above; });
        ASSERT_EQ(must(search(many.columns(), *query, rows.bits(), k, nullptr, above)), over) << "k " << k;
      }
    }
  }
}

// One column of texts, all live, in one run.
struct Texts {
  explicit Texts(std::vector<std::string> texts, std::vector<bool> live = {}) {
    corpus.live = live.empty() ? std::vector<bool>(texts.size(), true) : std::move(live);
    corpus.columns.push_back({.name = "text", .texts = std::move(texts)});
    base::Random random(1);
    cut = std::make_unique<CutCorpus>(corpus, random, 0);
    all = std::make_unique<RowSet>(corpus.row_count());
    for (uint32_t row = 0; row < corpus.row_count(); ++row) {
      if (corpus.live[row]) all->add(row);
    }
  }
  // "2 0 1": rows, best first.
  std::string found(const QueryNode& query, size_t k = 10) const {
    auto answer = search(cut->columns(), query, all->bits(), k);
    if (!answer.ok()) return answer.error().message;
    std::string rows;
    for (const ScoredRow& row : *answer) rows += (rows.empty() ? "" : " ") + std::to_string(row.row);
    return rows;
  }
  std::string found(std::string_view query, size_t k = 10) const { return found(*must(parse_query(query)), k); }

  Corpus corpus;
  std::unique_ptr<CutCorpus> cut;
  std::unique_ptr<RowSet> all;
};

TEST(TextSearch, NothingIsFoundWhereNothingIs) {
  const Texts none({});
  EXPECT_EQ(none.found("red"), "");
  EXPECT_EQ(none.found("red* OR red~ OR \"red bicycle\""), "");
  const Texts dead({"red", "red bicycle"}, {false, false});
  EXPECT_EQ(dead.found("red"), "");
  EXPECT_EQ(dead.found("re*"), "");
  const Texts empty({"", "the the", " "});
  EXPECT_EQ(empty.found("red"), "");
  const Texts some({"red", "red bicycle"});
  EXPECT_EQ(some.found(""), "");
  EXPECT_EQ(some.found("the"), "");
  EXPECT_EQ(some.found("\"the the\""), "");
  EXPECT_EQ(some.found("-blue"), "");
  EXPECT_EQ(some.found("absent"), "");
  EXPECT_EQ(some.found("+absent red"), "");
  EXPECT_EQ(some.found("red", 0), "");
  EXPECT_EQ(some.found(*plain_query("")), "");
}

TEST(TextSearch, OneRowIsACorpus) {
  const Texts one({"red bicycle"});
  EXPECT_EQ(one.found("red"), "0");
  EXPECT_EQ(one.found("red blue", 100), "0");
  const auto scores = must(score_rows(one.cut->columns(), *plain_query("red"), std::vector<uint32_t>{0}));
  EXPECT_FLOAT_EQ(scores[0], static_cast<float>(std::log(1 + 0.5 / 1.5) / 1.9));
}

TEST(TextSearch, StopWordsTakeNoPart) {
  const Texts texts({"red bicycle", "the bicycle", "red car"});
  EXPECT_EQ(texts.found("+the +bicycle"), "1 0");
  EXPECT_EQ(texts.found("the AND bicycle AND red"), "0");
  EXPECT_EQ(texts.found("bicycle -the"), "1 0");
  EXPECT_EQ(texts.found("+the -bicycle"), "");
}

TEST(TextSearch, PhrasesKnowOfGapsAndOrder) {
  const Texts texts({"a the b", "a b", "b a", "a x b", "a x y b", "wi-fi", "wi x fi", "colour/color red"});
  EXPECT_EQ(texts.found("\"a b\""), "1");
  EXPECT_EQ(texts.found("\"a the b\""), "0 3");
  EXPECT_EQ(texts.found("\"a b\"~1"), "0 1 3");
  EXPECT_EQ(texts.found("\"a b\"~2"), "0 1 3 4");
  EXPECT_EQ(texts.found("wi-fi"), "5");
  EXPECT_EQ(texts.found("\"color red\""), "7");
  EXPECT_EQ(texts.found("\"colour/tint red\""), "7");
}

TEST(TextSearch, TiesKeepTheEarlierRow) {
  const Texts texts({"b", "a", "a", "a", "a"});
  EXPECT_EQ(texts.found("a", 2), "1 2");
  EXPECT_EQ(texts.found("a b", 2), "0 1");
  // Of more blocks than are looked at for a first threshold, which all rows reach; the first few are dead.
  std::vector<bool> live(2000, true);
  std::fill_n(live.begin(), 3, false);
  const Texts alike(std::vector<std::string>(2000, "a b"), live);
  EXPECT_EQ(alike.found("a", 4), "3 4 5 6");
  EXPECT_EQ(alike.found("a b", 4), "3 4 5 6");
}

struct AnalyzedColumn {
  AnalyzedColumn(std::string_view name, std::string_view analyzer_name, const std::vector<std::string>& texts)
      : analyzer(must(Analyzer::make(analyzer_name))) {
    RunBuilder builder;
    for (const std::string& text : texts) {
      builder.begin_row();
      analyzer->tokenizer()->run(text, builder);
    }
    bytes = builder.finish();
    run = must(Run::open(bytes));
    column.name = name;
    column.analyzer = analyzer.get();
    column.runs = {&placed, 1};
    column.document_count = run.document_count();
    column.token_count = run.token_count();
  }
  std::shared_ptr<const Analyzer> analyzer;
  std::vector<std::byte> bytes;
  Run run;
  PlacedRun placed{&run, 0};
  TextColumn column;
};

// Columns whose analyzers make different terms of one query.
TEST(TextSearch, EachColumnHasItsAnalyzer) {
  const AnalyzedColumn prose("prose", "english",
                             {"The dogs were running", "A dog ran", "Cafés and wi-fi", "state of affairs"});
  const AnalyzedColumn code("code", "code", {"parseJson(text)", "dogs", "parse(json)", "running"});
  const std::vector<TextColumn> columns = {prose.column, code.column};
  RowSet rows(4);
  for (uint32_t row = 0; row < 4; ++row) rows.add(row);
  const auto found = [&](std::string_view query) {
    return must(matching_rows(columns, *must(parse_query(query)), rows.bits()));
  };
  using Rows = std::vector<uint32_t>;
  EXPECT_EQ(found("Dog"), Rows({0, 1}));
  EXPECT_EQ(found("code:dog"), Rows());
  EXPECT_EQ(found("dogs"), Rows({0, 1}));
  EXPECT_EQ(found("running"), Rows({0, 3}));
  EXPECT_EQ(found("CAFÉ* wi-fi"), Rows({2}));
  EXPECT_EQ(found("prose:\"state of affairs\""), Rows({3}));
  EXPECT_EQ(found("prose:(the AND dog)"), Rows({0, 1}));
  EXPECT_EQ(found("code:parseJson"), Rows({0, 2}));  // the whole or its parts one after the other
  EXPECT_EQ(found("code:json"), Rows({0, 2}));
  EXPECT_EQ(found("code:\"parse json\""), Rows({0, 2}));
  EXPECT_EQ(found("prose:runing~"), Rows());  // nearest term: run
  EXPECT_EQ(found("prose:dgo~"), Rows({0, 1}));
  EXPECT_EQ(found("\xff\xc3 dog"), Rows({0, 1}));
}

TEST(TextSearch, UnknownColumnsAreNamed) {
  const Texts texts({"a"});
  EXPECT_EQ(texts.found("a (b AND title:c)"),
            "query, character 10: no text column is called 'title'; there are: text. Write \\: for the character");
  EXPECT_EQ(texts.found("text:a"), "0");
  QueryNode boost;
  boost.boost = -1;
  EXPECT_EQ(code_of(search(texts.cut->columns(), boost, texts.all->bits(), 1)), ErrorCode::kInvalidArgument);
  QueryNode deep;
  QueryNode* at = &deep;
  for (int i = 0; i < 1000; ++i) {
    at->kind = QueryNode::Kind::kOr;
    at->children.push_back(std::make_unique<QueryNode>());
    at = at->children.back().get();
  }
  EXPECT_EQ(code_of(search(texts.cut->columns(), deep, texts.all->bits(), 1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(highlight(texts.cut->columns()[0], deep, "a")), ErrorCode::kInvalidArgument);
}

TEST(TextSearch, DamageIsToldOrHarmless) {
  base::Random random(1);
  const std::vector<std::string> words = make_vocabulary(random, 50);
  Corpus corpus = make_corpus(random, words, 1, 20, 1);
  corpus.live.assign(600, true);
  for (int row = 0; row < 600; ++row) corpus.columns[0].texts.push_back(make_text(random, words, 30));
  corpus.columns[0].texts.resize(600);
  RowSet rows(600);
  for (uint32_t row = 0; row < 600; ++row) rows.add(row);
  const CutCorpus whole(corpus, random, 0);
  for (uint64_t seed = 1; seed <= base::scaled(3000); ++seed) {
    base::Random damage(seed);
    std::vector<std::byte> bytes(whole.columns()[0].runs[0].run->bytes().begin(),
                                 whole.columns()[0].runs[0].run->bytes().end());
    bytes[damage.below(bytes.size())] ^= static_cast<std::byte>(1U << damage.below(8));
    const auto run = Run::open(bytes);
    if (!run.ok()) continue;
    const PlacedRun placed{&*run, 0};
    TextColumn column = whole.columns()[0];
    column.runs = {&placed, 1};
    const std::string text = make_clause(damage, words, 2, false) + " " + make_clause(damage, words, 2, false);
    const auto query = damage.one_in(2) ? plain_query(text) : must(parse_query(text));
    const auto answer = search({&column, 1}, *query, rows.bits(), 10);
    ASSERT_EQ(code_of(answer).value_or(ErrorCode::kCorruption), ErrorCode::kCorruption) << "seed " << seed;
  }
}

TEST(EditDistance, IsThatOfAFullTable) {
  for (uint64_t seed = 1; seed <= base::scaled(300); ++seed) {
    base::Random random(seed);
    std::vector<std::string> terms = make_vocabulary(random, 200);
    std::sort(terms.begin(), terms.end());
    const std::string word = pick(random, terms);
    const auto edits = static_cast<uint32_t>(random.below(4));
    EditDistance distance(word, edits);
    for (const std::string& term : terms) {
      const uint32_t between = SearchModel::edits_between(SearchModel::characters(word), SearchModel::characters(term));
      ASSERT_EQ(distance.near(term), between <= edits) << "seed " << seed << ": " << word << ", " << term;
    }
  }
}

// The text with its highlights in brackets.
std::string marked(std::string_view query, const std::string& text) {
  static const SpaceAnalyzer analyzer;
  TextColumn column;
  column.name = "text";
  column.analyzer = &analyzer;
  const Highlight highlight_of = must(highlight(column, *must(parse_query(query)), text));
  std::string out;
  size_t at = 0;
  for (const Highlight::Range& range : highlight_of.words) {
    out += text.substr(at, range.begin_byte - at) + "[" +
           text.substr(range.begin_byte, range.end_byte - range.begin_byte) + "]";
    at = range.end_byte;
  }
  return out + text.substr(at);
}

TEST(Highlight, MarksWhatTheQueryNames) {
  EXPECT_EQ(marked("red bicycle", "a red red bicycle"), "a [red] [red] [bicycle]");
  EXPECT_EQ(marked("red -bicycle", "a red bicycle"), "a [red] bicycle");
  EXPECT_EQ(marked("re* bicicle~", "red bicycle"), "[red] [bicycle]");
  EXPECT_EQ(marked("text:red title:bicycle", "red bicycle"), "[red] bicycle");
  EXPECT_EQ(marked("colour", "colour/color"), "[colour]/color");
  EXPECT_EQ(marked("the", "the"), "the");
  EXPECT_EQ(marked("", "red"), "red");
  EXPECT_EQ(marked("red", ""), "");
}

TEST(Highlight, MarksPhrasesOnlyWhereTheyStand) {
  EXPECT_EQ(marked("\"a b\"", "a x b a b b"), "a x b [a] [b] b");
  EXPECT_EQ(marked("\"a b\"~1", "a x b"), "[a] x [b]");
  EXPECT_EQ(marked("wi-fi", "wi wi-fi fi"), "wi [wi]-[fi] fi");
  EXPECT_EQ(marked("\"a the b\"", "a b a the b"), "a b [a] the [b]");
}

TEST(TextSearch, HasALimitOfWords) {
  const Texts texts({"w4095"});
  std::string most;
  for (size_t i = 0; i < kQueryWordsMax; ++i) most += "w" + std::to_string(i) + " ";
  EXPECT_EQ(texts.found(*plain_query(most)), "0");
  EXPECT_EQ(texts.found(most), "0");
  EXPECT_EQ(texts.found(*plain_query(most + most)), "0") << "a word that stands twice counts once";
  EXPECT_EQ(texts.found(*plain_query(most + "more")), "a text to search for has at most 4096 different words");
  EXPECT_EQ(texts.found("(" + most + ") more"), "a text to search for has at most 4096 different words");
}

}  // namespace
}  // namespace omendb::text
