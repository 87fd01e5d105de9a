// Sparse vectors through the door: rankings beside a comparison with every row, whatever statements, checkpoints, merges and openings came before; fused with vectors and words.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/temporary_directory.h"
#include "tests/database_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omendb::test {
namespace {

using base::must;

struct SparseRow {
  std::optional<Pairs> pairs;
  int64_t number = 0;
};
using Rows = std::map<int64_t, SparseRow>;

Pairs random_pairs(base::Random& random, uint64_t count_max) {
  std::map<uint32_t, float> pairs;
  for (uint64_t i = random.below(count_max + 1); i > 0; --i) {
    const float weight = random.one_in(2) ? static_cast<float>(random.between(1, 3)) : random.normal();
    if (weight != 0) pairs[static_cast<uint32_t>(random.below(random.below(120) + 1))] = weight;
  }
  return {pairs.begin(), pairs.end()};
}

// Nothing where they share no index.
std::optional<float> inner_product(const Pairs& query, const Pairs& row) {
  const std::map<uint32_t, float> weights(row.begin(), row.end());
  double sum = 0;
  bool shared = false;
  for (const auto& [index, weight] : query) {
    const auto found = weights.find(index);
    if (found == weights.end()) continue;
    sum += static_cast<double>(weight) * static_cast<double>(found->second);
    shared = true;
  }
  return shared ? std::optional(static_cast<float>(sum)) : std::nullopt;
}

Schema sparse_schema() {
  return {{key_column("id", Type::kInt64), column("s", Type::kSparse), column("n", Type::kInt64)}};
}

// A query that owns what it looks for.
struct Wanted {
  explicit Wanted(const Pairs& pairs) {
    for (const auto& [index, weight] : pairs) {
      indexes.push_back(index);
      weights.push_back(weight);
    }
  }
  SparseQuery view() const { return {indexes, weights, {}}; }
  std::vector<uint32_t> indexes;
  std::vector<float> weights;
};

// Scores by key of the rows that match and pass.
std::map<int64_t, float> brute_force(const Rows& rows, const Pairs& query, int64_t number_below) {
  std::map<int64_t, float> scores;
  for (const auto& [key, row] : rows) {
    if (!row.pairs || row.number >= number_below) continue;
    if (const auto score = inner_product(query, *row.pairs)) scores[key] = *score;
  }
  return scores;
}

// The same scores in the same order; which of equal ones comes first is the order of the rows, which a model of keys does not know.
void expect_same_ranking(const Table& table, const Rows& rows, const Pairs& query, int64_t number_below) {
  const Wanted wanted(query);
  const omendb::Value below[] = {{number_below}};
  const Where where = number_below < 100 ? Where{.text = "n < ?", .values = below} : Where{};
  const std::map<int64_t, float> scores = brute_force(rows, query, number_below);
  const Hits hits = must(table.search({.k = 10'000, .where = where, .sparse = wanted.view()}));
  ASSERT_EQ(hits.rows.size(), scores.size());
  for (size_t i = 0; i < hits.rows.size(); ++i) {
    const auto found = scores.find(hits.keys.ints[i]);
    ASSERT_NE(found, scores.end()) << hits.keys.ints[i];
    ASSERT_EQ(hits.scores[i], found->second);
    ASSERT_EQ(hits.sparse_scores[i], found->second);
    ASSERT_TRUE(std::isnan(hits.distances[i]));
    if (i == 0) continue;
    const bool tie = hits.scores[i] == hits.scores[i - 1];
    ASSERT_TRUE(tie ? hits.rows[i - 1] < hits.rows[i] : hits.scores[i] < hits.scores[i - 1]);
  }
  const Hits best = must(table.search({.k = 5, .where = where, .sparse = wanted.view(), .offset = 2}));
  for (size_t i = 0; i < best.rows.size(); ++i) ASSERT_EQ(best.rows[i], hits.rows[i + 2]);
  ASSERT_EQ(best.rows.size(), std::min<size_t>(5, hits.rows.size() - std::min<size_t>(2, hits.rows.size())));
}

class SparseModel {
 public:
  explicit SparseModel(uint64_t seed) : random_(seed) {}

  void change(Database& database) {
    const uint64_t kind = random_.below(14);
    if (kind == 0) return must(database.checkpoint());
    if (kind < 4) return erase(database);
    if (kind < 6) return update(database);
    Statement statement{StatementKind::kUpsert, "t", {}, {}, {}};
    for (uint64_t i = random_.between(1, random_.one_in(5) ? 3000 : 60); i > 0; --i) {
      const int64_t key = random_key();
      SparseRow row{std::nullopt, static_cast<int64_t>(random_.below(100))};
      if (!random_.one_in(8)) row.pairs = random_pairs(random_, 14);
      statement.rows.push_back({key, row.pairs ? test::Value(*row.pairs) : test::Value(), row.number});
      rows_[key] = std::move(row);
    }
    must(perform(database, statement));
  }

  void compare(const Table& table) {
    for (const int64_t number_below : {100, 50, 1}) {
      ASSERT_NO_FATAL_FAILURE(expect_same_ranking(table, rows_, random_pairs(random_, 10), number_below));
    }
    const Batch all = must(must(table.scan({.columns = {"id", "s"}, .batch_rows = 100'000}))->next()).value_or(Batch{});
    ASSERT_EQ(all.row_count, rows_.size());
    for (size_t i = 0; i < all.row_count; ++i) {
      const auto& pairs = rows_.at(all.columns[0].ints[i]).pairs;
      ASSERT_TRUE(value_at(all.columns[1], i) == (pairs ? test::Value(*pairs) : test::Value()));
    }
  }

 private:
  int64_t random_key() { return static_cast<int64_t>(random_.below(4000)); }

  void erase(Database& database) {
    Statement statement{StatementKind::kErase, "t", {}, {}, {}};
    for (uint64_t i = random_.between(1, 200); i > 0; --i) {
      const int64_t key = random_key();
      statement.keys.emplace_back(key);
      rows_.erase(key);
    }
    must(perform(database, statement));
  }

  // Of the sparse vectors or of the numbers of all rows whose number is the same.
  void update(Database& database) {
    Table table = must(database.table("t"));
    const auto number = static_cast<int64_t>(random_.below(100));
    const auto renamed = static_cast<int64_t>(random_.below(100));
    const Pairs pairs = random_pairs(random_, 14);
    const bool sparse = random_.one_in(2);
    const Schema schema = sparse_schema();  // which the batch names columns of
    const OwnedBatch batch(schema, {{int64_t{0}, pairs, renamed}});
    const ColumnView values[] = {batch.view().columns[sparse ? 1 : 2]};
    const omendb::Value parameters[] = {{number}};
    must(table.update({1, values}, {.text = "n = ?", .values = parameters}));
    for (auto& [key, row] : rows_) {
      if (row.number != number) continue;
      if (sparse) row.pairs = pairs;
      if (!sparse) row.number = renamed;
    }
  }

  base::Random random_;
  Rows rows_;
};

TEST(Sparse, RankingsAreThoseOfEveryRowWhateverCameBefore) {
  for (uint64_t seed = 1; seed <= base::scaled(5); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Database database = must(Database::open(":memory:"));
    const Table table = must(database.create_table("t", sparse_schema()));
    SparseModel model(seed);
    for (int step = 0; step < 50; ++step) {
      model.change(database);
      if (step % 6 != 5) continue;
      ASSERT_NO_FATAL_FAILURE(model.compare(table));
    }
    must(database.check());
  }
}

// A copy of the directory of a database that is open is what a crash leaves; what a checkpoint did not take comes out of the log.
TEST(Sparse, ComesBackFromTheLogAndFromTheRoot) {
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  SparseModel model(77);
  {
    Database database = must(Database::open(path));
    must(database.create_table("t", sparse_schema()));
    for (int step = 0; step < 30; ++step) {
      model.change(database);
      if (step % 10 != 9) continue;
      const std::string copy = directory.path() + "/copy" + std::to_string(step);
      std::filesystem::copy(path, copy, std::filesystem::copy_options::recursive);
      Database crashed = must(Database::open(copy));
      ASSERT_NO_FATAL_FAILURE(model.compare(must(crashed.table("t"))));
      must(crashed.check());
    }
    must(database.close());
  }
  Database database = must(Database::open(path));
  must(database.check());
  ASSERT_NO_FATAL_FAILURE(model.compare(must(database.table("t"))));
}

// A vector, a text and a sparse vector a row.
Table three_modalities(Database& database) {
  const Schema schema{{key_column("id", Type::kInt64), column("body", Type::kText), vector_column("v", 2),
                       column("s", Type::kSparse), column("n", Type::kInt64)}};
  Table table = must(database.create_table("t", schema));
  base::Random random(5);
  Statement statement{StatementKind::kInsert, "t", {}, {}, {}};
  for (int64_t key = 0; key < 300; ++key) {
    statement.rows.push_back({key, "w" + std::to_string(random.below(9)), Floats{random.normal(), random.normal()},
                              random_pairs(random, 10), static_cast<int64_t>(random.below(4))});
  }
  must(perform(database, statement));
  return table;
}

double reciprocal(const Hits& ranking, uint32_t row) {
  const auto found = std::find(ranking.rows.begin(), ranking.rows.end(), row);
  return found == ranking.rows.end() ? 0 : 1.0 / (61.0 + static_cast<double>(found - ranking.rows.begin()));
}

TEST(Sparse, ThreeRankingsAreFused) {
  Database database = must(Database::open(":memory:"));
  const Table table = three_modalities(database);
  const Floats vector = {0.5F, -0.5F};
  const Wanted wanted({{1, 1.0F}, {5, 2.0F}, {40, 0.5F}});
  const Hits near = must(table.search({.vectors = vector, .k = 50, .exact = true}));
  const Hits texts = must(table.search({.k = 50, .text = "w3 w5"}));
  const Hits sparse = must(table.search({.k = 50, .sparse = wanted.view()}));
  SearchQuery query{.vectors = vector, .k = 20, .exact = true, .text = "w3 w5", .sparse = wanted.view()};
  query.fusion = {.method = Fusion::Method::kReciprocalRank,
                  .vector_weight = 1,
                  .text_weight = 0.5,
                  .candidates = 50,
                  .sparse_weight = 2};
  const Hits hits = must(table.search(query));
  ASSERT_EQ(hits.rows.size(), 20U);
  for (size_t i = 0; i < hits.rows.size(); ++i) {
    const uint32_t row = hits.rows[i];
    const double score = reciprocal(near, row) + 0.5 * reciprocal(texts, row) + 2 * reciprocal(sparse, row);
    EXPECT_FLOAT_EQ(hits.scores[i], static_cast<float>(score));
    EXPECT_TRUE(i == 0 || hits.scores[i] <= hits.scores[i - 1]);
    EXPECT_FALSE(std::isnan(hits.distances[i]));
  }
  const Hits all = must(table.search({.k = 10'000, .sparse = wanted.view()}));
  for (size_t i = 0; i < hits.rows.size(); ++i) {
    const auto found = std::find(all.rows.begin(), all.rows.end(), hits.rows[i]);
    const float score = found == all.rows.end() ? 0 : all.scores[static_cast<size_t>(found - all.rows.begin())];
    EXPECT_EQ(hits.sparse_scores[i], score);
  }
  const std::string plan = must(table.explain(query));
  EXPECT_NE(plan.find("search by vector and text and sparse vector"), std::string::npos) << plan;
  EXPECT_NE(plan.find("by inner product in s: a sparse vector of 3 pairs"), std::string::npos) << plan;
  EXPECT_NE(must(table.explain(query, true)).find("all lists become one"), std::string::npos);
}

TEST(Sparse, EveryPairOfModalitiesIsFusedInEveryWay) {
  Database database = must(Database::open(":memory:"));
  const Table table = three_modalities(database);
  const Floats vector = {0.5F, -0.5F};
  const Wanted wanted({{1, 1.0F}, {5, 2.0F}});
  for (const auto method :
       {Fusion::Method::kReciprocalRank, Fusion::Method::kRelative, Fusion::Method::kDistribution}) {
    SearchQuery query{.vectors = vector, .k = 10, .sparse = wanted.view(), .fusion = {.method = method}};
    const Hits with_vector = must(table.search(query));
    EXPECT_EQ(with_vector.rows.size(), 10U);
    EXPECT_TRUE(with_vector.text_scores.empty());
    query.vectors = {};
    query.text = "w1";
    const Hits with_text = must(table.search(query));
    EXPECT_EQ(with_text.text_scores.size(), 10U);
    EXPECT_EQ(with_text.sparse_scores.size(), 10U);
    query.fusion.text_weight = 0;  // the sparse vector alone decides
    if (method != Fusion::Method::kRelative) continue;
    const Hits alone = must(table.search({.k = 10, .sparse = wanted.view()}));
    EXPECT_EQ(must(table.search(query)).rows.front(), alone.rows.front());
  }
  SearchQuery filtered{.k = 300, .text = "w1", .sparse = wanted.view()};
  filtered.fusion.method = Fusion::Method::kTextFilters;
  const Hits among = must(table.search(filtered));
  ASSERT_FALSE(among.rows.empty());
  for (size_t i = 0; i < among.rows.size(); ++i) {
    EXPECT_GT(among.text_scores[i], 0);
    EXPECT_EQ(among.scores[i], among.sparse_scores[i]);
  }
  const Hits grouped = must(table.search({.k = 10, .sparse = wanted.view(), .group_by = "n"}));
  EXPECT_EQ(grouped.rows.size(), 4U);
  const float middle = grouped.scores[2];
  const Hits enough = must(table.search({.k = 10, .sparse = wanted.view(), .min_score = middle, .group_by = "n"}));
  for (const float score : enough.scores) EXPECT_GE(score, middle);
}

template <typename T>
void expect_message(const Result<T>& result, ErrorCode code, const std::string& words) {
  ASSERT_FALSE(result.ok()) << words;
  EXPECT_EQ(result.error().code, code);
  EXPECT_NE(result.error().message.find(words), std::string::npos) << result.error().message;
}

TEST(Sparse, ValuesThatCanNotBeAreRefused) {
  Database database = must(Database::open(":memory:"));
  Table table = must(database.create_table("t", sparse_schema()));
  const int64_t keys[] = {1, 2};
  const auto insert = [&](std::vector<int64_t> ends, std::vector<uint32_t> indexes, std::vector<float> weights) {
    const ColumnView views[] = {
        {.name = "id", .ints = keys},
        {.name = "s", .list_offsets = ends.data(), .floats = weights.data(), .uints = indexes.data()}};
    return table.insert({2, views});
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  expect_message(insert({0, 1, 3}, {1, 9, 9}, {1, 2, 3}), kInvalid,
                 "column 's' of table 't', row 1: index 9 stands twice");
  expect_message(insert({0, 1, 3}, {1, 9, 8}, {1, 2, kInfinity}), kInvalid, "row 1: the weight of index 8 is inf");
  expect_message(insert({0, 1, 3}, {1, 9, 8}, {1, NAN, 1}), kInvalid, "row 1: the weight of index 9 is nan");
  expect_message(insert({0, 2, 1}, {1, 9}, {1, 2}), kInvalid, "offsets fall");
  const std::vector<float> many(kSparsePairsMax + 1, 1.0F);
  std::vector<uint32_t> indexes;
  for (uint32_t i = 0; i <= kSparsePairsMax; ++i) indexes.push_back(i);
  expect_message(insert({0, 0, kSparsePairsMax + 1}, indexes, many), kInvalid, "at most 65536");
  const double numbers[] = {1, 2};
  const ColumnView wrong[] = {{.name = "id", .ints = keys}, {.name = "s", .doubles = numbers}};
  expect_message(table.insert({2, wrong}), ErrorCode::kSchema, "is sparse, but floating-point numbers were given");
  EXPECT_EQ(must(table.count()), 0U);
  // Any order, zeros left out, as many as there may be, the largest index.
  must(insert({0, 3, 3}, {5, 4'294'967'295, 2}, {1, -2, 0}));
  const Batch row = must(table.get({{keys, 1}, {}}));
  EXPECT_TRUE(value_at(row.columns[1], 0) == test::Value(Pairs{{5, 1.0F}, {4'294'967'295, -2.0F}}));
  must(table.clear());
  must(insert({0, 0, kSparsePairsMax}, indexes, many));
  must(database.check());
}

TEST(Sparse, SearchesThatAreWrongSayWhy) {
  Database database = must(Database::open(":memory:"));
  const Table table = three_modalities(database);
  const auto search = [&](const Pairs& pairs, std::string_view column, const SearchQuery& more = {}) {
    const Wanted wanted(pairs);
    SearchQuery query = more;
    query.sparse = wanted.view();
    query.sparse->column = column;
    return table.search(query);
  };
  constexpr auto kInvalid = ErrorCode::kInvalidArgument;
  expect_message(search({{1, 1}, {1, 2}}, ""), kInvalid, "index 1 stands twice in the sparse vector");
  expect_message(search({{1, NAN}}, ""), kInvalid, "the weight of index 1 in the sparse vector is nan");
  expect_message(search({{1, 1}}, "v"), ErrorCode::kSchema, "has no sparse column 'v': it is of another type");
  expect_message(search({{1, 1}}, "zz"), ErrorCode::kSchema, "has no column 'zz'");
  expect_message(table.search({.text = "w1", .text_columns = std::vector<TextColumnWeight>{{"s", 1}}}),
                 ErrorCode::kSchema, "has no text column 's'");
  expect_message(search({{1, 1}}, "", {.radius = 1.0F}), kInvalid, "a radius goes with a vector");
  const Floats two = {1, 2, 3, 4};
  expect_message(search({{1, 1}}, "", {.vectors = two, .query_count = 2}), kInvalid, "a sparse vector goes with one");
  SearchQuery fused{.vectors = std::span(two).first(2)};
  fused.fusion = {.vector_weight = 0, .text_weight = 1, .sparse_weight = 0};
  expect_message(search({{1, 1}}, "", fused), kInvalid, "the weights of vector, text and sparse");
  fused.fusion = {.method = Fusion::Method::kTextFilters};
  expect_message(search({{1, 1}}, "", fused), kInvalid, "fuse by filter");
  expect_message(search({{1, 1}}, "", {.where = {.text = "s > 1"}}), kInvalid, "vectors are searched, not compared");
  EXPECT_EQ(must(table.count({.text = "s is null"})), 0U);
  EXPECT_TRUE(must(search({}, "")).rows.empty());
  const Wanted wanted({{1, 1.0F}});
  const SparseQuery uneven{wanted.indexes, {}, {}};
  expect_message(table.search({.sparse = uneven}), kInvalid, "1 indexes and 0 weights");
  const Table without = must(database.create_table("u", {{key_column("id", Type::kInt64)}}));
  expect_message(without.search({.sparse = wanted.view()}), ErrorCode::kSchema, "has no column of sparse vectors");
}

TEST(Sparse, BytesOfTheIndexAreCounted) {
  const os::TemporaryDirectory directory;
  Database database = must(Database::open(directory.path() + "/db"));
  const Table table = three_modalities(database);
  const auto bytes_of = [](const std::vector<MemoryOrDiskPart>& parts, std::string_view name) {
    const auto found = std::ranges::find(parts, name, &MemoryOrDiskPart::name);
    return found == parts.end() ? 0 : found->bytes;
  };
  EXPECT_GT(bytes_of(must(table.stats()).memory, "sparse.s"), 0U);
  must(database.checkpoint());
  EXPECT_GT(bytes_of(must(table.stats()).disk, "sparse.s"), 0U);
  EXPECT_GT(bytes_of(must(table.stats()).disk, "columns.s"), 0U);
}

}  // namespace
}  // namespace omendb::test
