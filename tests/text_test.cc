// Texts through the door: scores beside a naive model of BM25, whatever statements, checkpoints and merges came before; words and vectors together; disk that comes back.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace omendb::test {
namespace {

using base::must;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string random_words(base::Random& random, uint64_t count) {
  std::string text;
  for (uint64_t i = 0; i < count; ++i) {
    if (!text.empty()) text += ' ';
    text += "w" + std::to_string(random.below(random.below(60) + 1));  // small numbers are frequent
  }
  return text;
}

// BM25 as Lucene has it, over what is there now.
class Corpus {
 public:
  explicit Corpus(const std::map<int64_t, std::string>& texts) {
    for (const auto& [key, text] : texts) {
      const std::vector<std::string> words = words_of(text);
      if (words.empty()) continue;
      ++document_count_;
      token_count_ += static_cast<double>(words.size());
      for (const std::string& word : words) ++frequencies_[key][word];
      lengths_[key] = static_cast<double>(words.size());
    }
    for (const auto& [key, frequencies] : frequencies_) {
      for (const auto& [word, count] : frequencies) ++document_counts_[word];
    }
  }

  // Score by key of all that match.
  std::map<int64_t, double> scores(const std::string& query) const {
    std::map<int64_t, double> scores;
    for (const std::string& word : words_of(query)) {
      const auto with_word = document_counts_.find(word);
      if (with_word == document_counts_.end()) continue;
      const double idf = std::log(1 + (document_count_ - with_word->second + 0.5) / (with_word->second + 0.5));
      for (const auto& [key, frequencies] : frequencies_) {
        const auto found = frequencies.find(word);
        if (found == frequencies.end()) continue;
        const double length = lengths_.at(key) * document_count_ / token_count_;
        scores[key] += idf * found->second / (found->second + 0.9 * (0.6 + 0.4 * length));
      }
    }
    return scores;
  }

 private:
  std::map<int64_t, std::map<std::string, double>> frequencies_;
  std::map<int64_t, double> lengths_;
  std::map<std::string, double> document_counts_;
  double document_count_ = 0;
  double token_count_ = 0;
};

Schema text_schema() {
  Schema schema{{key_column("id", Type::kInt64), column("body", Type::kText), vector_column("v", 2)}};
  schema.columns[1].text.analyzer = "simple";
  return schema;
}

Row text_row(int64_t key, const std::string& text) {
  return {key, text, Floats{static_cast<float>(key % 100), static_cast<float>(key % 7)}};
}

void expect_same_ranking(const Table& table, const std::map<int64_t, std::string>& texts, const std::string& query) {
  const std::map<int64_t, double> wanted = Corpus(texts).scores(query);
  const Hits hits = must(table.search({.k = 10'000, .text = query}));
  ASSERT_EQ(hits.rows.size(), wanted.size()) << query;
  for (size_t i = 0; i < hits.rows.size(); ++i) {
    const auto found = wanted.find(hits.keys.ints[i]);
    ASSERT_NE(found, wanted.end()) << query << " key " << hits.keys.ints[i];
    ASSERT_NEAR(hits.scores[i], found->second, 1e-5 * (1 + found->second)) << query;
    ASSERT_TRUE(i == 0 || hits.scores[i] <= hits.scores[i - 1]) << query;
  }
  const Hits best = must(table.search({.k = 5, .text = query}));
  ASSERT_EQ(best.rows.size(), std::min<size_t>(5, wanted.size()));
  for (size_t i = 0; i < best.rows.size(); ++i) ASSERT_EQ(best.rows[i], hits.rows[i]) << query;
}

class TextModel {
 public:
  TextModel(Database& database, uint64_t seed)
      : database_(database), table_(must(database.create_table("t", text_schema()))), random_(seed) {}

  const Table& table() const { return table_; }

  void change() {
    const uint64_t kind = random_.below(12);
    if (kind == 0) return must(database_.checkpoint());
    if (kind < 4) return erase();
    Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
    for (uint64_t i = random_.between(1, 60); i > 0; --i) {
      const auto key = static_cast<int64_t>(random_.below(500));
      const std::string text = random_words(random_, random_.below(12));
      statement.rows.push_back(text_row(key, text));
      texts_[key] = text;
    }
    must(perform(database_, statement));
  }

  void compare() {
    for (int i = 0; i < 4; ++i)
      ASSERT_NO_FATAL_FAILURE(expect_same_ranking(table_, texts_, random_words(random_, random_.between(1, 4))));
  }

 private:
  void erase() {
    Statement statement{StatementKind::kErase, "t", {}, {}, {}};
    for (uint64_t i = random_.between(1, 40); i > 0; --i) {
      const auto key = static_cast<int64_t>(random_.below(500));
      statement.keys.emplace_back(key);
      texts_.erase(key);
    }
    must(perform(database_, statement));
  }

  Database& database_;
  Table table_;
  base::Random random_;
  std::map<int64_t, std::string> texts_;
};

TEST(Text, RankingsAreThoseOfTheModelWhateverCameBefore) {
  for (uint64_t seed = 1; seed <= base::scaled(6); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Database database = must(Database::open(":memory:"));
    TextModel model(database, seed);
    for (int step = 0; step < 60; ++step) {
      model.change();
      if (step % 6 != 5) continue;
      ASSERT_NO_FATAL_FAILURE(model.compare());
    }
    must(database.check());
  }
}

TEST(Text, BothRankingsAreFused) {
  Database database = must(Database::open(":memory:"));
  Table table = must(database.create_table("t", text_schema()));
  base::Random random(5);
  Statement statement{StatementKind::kInsert, "t", {}, {}, {}};
  for (int64_t key = 0; key < 400; ++key) statement.rows.push_back(text_row(key, random_words(random, 8)));
  must(perform(database, statement));
  const std::vector<float> vector = {40, 3};
  for (const auto method : {Fusion::Method::kReciprocalRank, Fusion::Method::kRelative, Fusion::Method::kDistribution,
                            Fusion::Method::kTextFilters}) {
    const SearchQuery query{.vectors = vector, .k = 20, .text = "w3 w17", .fusion = {.method = method}};
    const Hits hits = must(table.search(query));
    ASSERT_EQ(hits.rows.size(), 20U);
    const bool filters = method == Fusion::Method::kTextFilters;
    for (size_t i = 0; i < 20; ++i) {
      const auto key = static_cast<float>(hits.keys.ints[i]);
      const float apart = std::hypot(std::fmod(key, 100.0F) - 40, std::fmod(key, 7.0F) - 3);
      EXPECT_NEAR(hits.distances[i], apart, 1e-4);
      EXPECT_TRUE(!filters || hits.text_scores[i] > 0);
      EXPECT_TRUE(i == 0 || hits.scores[i] <= hits.scores[i - 1]);
    }
    const auto plan = must(table.explain(query, true));
    EXPECT_NE(plan.find("column 'v'"), std::string::npos) << plan;
    EXPECT_NE(must(table.explain(query)).find("in body"), std::string::npos);
  }
}

TEST(Text, WordsAreMarkedAndHitsRearranged) {
  Database database = must(Database::open(":memory:"));
  Table table = must(database.create_table("t", text_schema()));
  must(perform(database,
               Statement{StatementKind::kInsert, "t", {}, {text_row(1, "one two"), text_row(2, "two two")}, {}}));
  const SearchQuery query{.k = 5, .text = "two"};
  const Hits hits = must(table.search(query));
  ASSERT_EQ(hits.keys.ints, (std::vector<int64_t>{2, 1}));
  const auto marks = must(table.highlight(hits, 0, 2, "body", query));
  ASSERT_EQ(marks.size(), 2U);
  ASSERT_EQ(marks[0].size(), 2U);
  EXPECT_EQ(marks[1][0].begin_byte, 4U);
  EXPECT_EQ(marks[1][0].end_byte, 7U);
  const std::vector<uint32_t> order = {1};
  const std::vector<float> scores = {9};
  const Hits turned = must(table.rearrange(hits, order, scores));
  EXPECT_EQ(turned.keys.ints, std::vector<int64_t>{1});
  EXPECT_EQ(turned.scores, scores);
  const std::vector<uint32_t> twice = {1, 1};
  const std::vector<float> two = {1, 2};
  EXPECT_EQ(base::code_of(table.rearrange(hits, twice, two)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(base::code_of(table.rearrange(hits, order, two)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(base::code_of(table.highlight(hits, 1, 2, "body", query)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(base::code_of(table.highlight(hits, 0, 1, "v", query)), ErrorCode::kSchema);
}

TEST(Text, RunsThatWereMergedGiveTheirBytesBack) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("texts");
  auto engine = must(open_engine(directory, false));
  const TableId id = must(engine->create_table("t", text_schema(), false));
  base::Random random(11);
  const auto bytes_of_texts = [&] {
    for (const MemoryOrDiskPart& part : must(engine->table_stats(id)).disk) {
      if (part.name == "text.body") return part.bytes;
    }
    return uint64_t{0};
  };
  for (int64_t first = 0; first < 8000; first += 1000) {
    Statement statement{StatementKind::kInsert, "t", {}, {}, {}};
    for (int64_t key = first; key < first + 1000; ++key)
      statement.rows.push_back(text_row(key, random_words(random, 30)));
    must(perform(*engine, statement));
    must(engine->checkpoint());
  }
  const uint64_t apart = bytes_of_texts();
  while (must(engine->merge_some_texts())) {
  }
  must(engine->checkpoint());
  must(engine->checkpoint());
  EXPECT_LT(bytes_of_texts(), apart / 4 * 3) << "each run takes whole extents";
  const uint64_t total = must(engine->stats()).disk_bytes;
  must(engine->check());
  must(engine->close());
  engine.reset();
  engine = must(open_engine(directory, false));
  EXPECT_LE(must(engine->stats()).disk_bytes, total);
  must(engine->check());
}

}  // namespace
}  // namespace omendb::test
