// Several vectors a row: what comes back, which rows MaxSim finds, beside brute force in float64, through every way that rows take.

#include <omendb/database.h>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/temporary_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <set>

namespace omendb::test {
namespace {

using base::must;
using Floats = std::vector<float>;

struct Document {
  std::optional<Floats> tokens;  // dims numbers a vector
  int64_t year = 0;
  std::string body;
};
using Model = std::map<int64_t, Document>;

Schema schema_of(uint32_t dims, Metric metric) {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "tokens", .type = Type::kVectors, .vector = {.dims = dims, .metric = metric}});
  schema.columns.push_back({.name = "year", .type = Type::kInt64});
  schema.columns.push_back({.name = "body", .type = Type::kText});
  return schema;
}

// A batch and what it borrows.
struct Columns {
  std::vector<int64_t> ids;
  std::vector<uint8_t> validity;
  std::vector<int64_t> list_offsets = {0};
  Floats floats;
  std::vector<int64_t> years;
  std::vector<int64_t> offsets = {0};
  std::string chars;

  void add(int64_t id, const Document& document, size_t dims) {
    ids.push_back(id);
    validity.push_back(document.tokens ? 1 : 0);
    if (document.tokens) floats.insert(floats.end(), document.tokens->begin(), document.tokens->end());
    list_offsets.push_back(static_cast<int64_t>(floats.size() / dims));
    years.push_back(document.year);
    chars += document.body;
    offsets.push_back(static_cast<int64_t>(chars.size()));
  }
  std::array<ColumnView, 4> views(size_t dims) {
    floats.reserve(1);  // an address, also of nothing
    return {ColumnView{.name = "id", .ints = ids.data()},
            ColumnView{.name = "tokens",
                       .validity = validity.data(),
                       .list_offsets = list_offsets.data(),
                       .floats = floats.data(),
                       .dims = dims},
            ColumnView{.name = "year", .ints = years.data()},
            ColumnView{.name = "body", .offsets = offsets.data(), .chars = chars.data()}};
  }
};

Columns columns_of(const Model& rows, size_t dims) {
  Columns columns;
  for (const auto& [id, document] : rows) columns.add(id, document, dims);
  return columns;
}

void insert(Table& table, const Model& rows, size_t dims) {
  Columns columns = columns_of(rows, dims);
  const auto views = columns.views(dims);
  ASSERT_EQ(must(table.insert({columns.ids.size(), views})), rows.size());
}

void upsert(Table& table, const Model& rows, size_t dims) {
  Columns columns = columns_of(rows, dims);
  const auto views = columns.views(dims);
  ASSERT_EQ(must(table.upsert({columns.ids.size(), views})), rows.size());
}

double similarity(Metric metric, const float* a, const float* b, size_t dims) {
  double dot = 0;
  double a_square = 0;
  double b_square = 0;
  for (size_t i = 0; i < dims; ++i) {
    dot += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    a_square += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    b_square += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  if (metric == Metric::kInnerProduct) return dot;
  return a_square == 0 || b_square == 0 ? 0 : dot / std::sqrt(a_square) / std::sqrt(b_square);
}

double max_sim(Metric metric, const Floats& query, const Floats& row, size_t dims) {
  double sum = 0;
  for (size_t q = 0; q < query.size(); q += dims) {
    double best = -std::numeric_limits<double>::infinity();
    for (size_t v = 0; v < row.size(); v += dims)
      best = std::max(best, similarity(metric, query.data() + q, row.data() + v, dims));
    sum += best;
  }
  return sum;
}

// (score, key), best first, of the rows with vectors that `passes` lets through.
template <typename Passes>
std::vector<std::pair<double, int64_t>> ranking(const Model& model, Metric metric, const Floats& query, size_t dims,
                                                const Passes& passes) {
  std::vector<std::pair<double, int64_t>> all;
  for (const auto& [id, document] : model) {
    if (document.tokens && !document.tokens->empty() && passes(document))
      all.emplace_back(max_sim(metric, query, *document.tokens, dims), id);
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  return all;
}

// Right scores in the right order, each key once, and as many as there can be; rows that are equally good may stand for each other.
void expect_best(const Hits& hits, const std::vector<std::pair<double, int64_t>>& wanted, size_t k) {
  const size_t count = std::min(k, wanted.size());
  ASSERT_EQ(hits.keys.ints.size(), count);
  std::map<int64_t, double> scores;
  for (const auto& [score, id] : wanted) scores[id] = score;
  std::set<int64_t> met;
  for (size_t i = 0; i < count; ++i) {
    const int64_t id = hits.keys.ints[i];
    const double tolerance = 1e-4 * (1 + std::abs(wanted[i].first));
    ASSERT_TRUE(met.insert(id).second) << "key " << id << " twice";
    ASSERT_TRUE(scores.contains(id)) << "key " << id << " is no answer";
    ASSERT_NEAR(scores[id], wanted[i].first, tolerance) << "place " << i << ", key " << id;
    ASSERT_NEAR(static_cast<double>(hits.scores[i]), scores[id], tolerance) << "key " << id;
    ASSERT_EQ(hits.distances[i], -hits.scores[i]);
  }
}

double recall_of(const Hits& hits, const std::vector<std::pair<double, int64_t>>& wanted, size_t k) {
  std::set<int64_t> best;
  for (size_t i = 0; i < std::min(k, wanted.size()); ++i) best.insert(wanted[i].second);
  const auto right = std::ranges::count_if(hits.keys.ints, [&](int64_t id) { return best.contains(id); });
  return best.empty() ? 1 : static_cast<double>(right) / static_cast<double>(best.size());
}

const auto kEveryRow = [](const Document&) { return true; };

// Documents about a few of many topics; their vectors lie around these.
class Topics {
 public:
  Topics(size_t dims, size_t count, uint64_t seed) : dims_(dims), random_(seed), centers_(count * dims) {
    for (float& component : centers_) component = random_.normal();
  }
  base::Random& random() { return random_; }
  std::vector<size_t> choose(size_t count) {
    std::vector<size_t> chosen;
    for (size_t i = 0; i < count; ++i) chosen.push_back(random_.below(centers_.size() / dims_));
    return chosen;
  }
  Floats tokens(const std::vector<size_t>& topics, size_t count) {
    Floats tokens;
    for (size_t t = 0; t < count; ++t) {
      const size_t topic = topics[random_.below(topics.size())];
      for (size_t d = 0; d < dims_; ++d) tokens.push_back(centers_[topic * dims_ + d] + 0.8F * random_.normal());
    }
    return tokens;
  }
  Document document() {
    static constexpr std::array<const char*, 4> kWords = {"apple", "pear", "plum", "quince"};
    Document document;
    document.year = static_cast<int64_t>(random_.below(40));
    document.body = std::string(kWords[random_.below(4)]) + " " + kWords[random_.below(4)];
    if (random_.one_in(25)) return document;  // no tokens at all
    document.tokens = random_.one_in(25) ? Floats() : tokens(choose(4), 1 + random_.below(20));
    if (random_.one_in(30)) document.tokens->resize(document.tokens->size() / 2 / dims_ * dims_);
    if (!document.tokens->empty() && random_.one_in(30)) std::fill_n(document.tokens->begin(), dims_, 0.0F);
    return document;
  }

 private:
  size_t dims_;
  base::Random random_;
  Floats centers_;
};

// Documents 0 to count - 1 in a table of their own, in memory.
struct DocumentTable {
  DocumentTable(uint32_t dims, Topics& topics, int64_t count)
      : database(must(Database::open(":memory:"))),
        table(must(database.create_table("t", schema_of(dims, Metric::kCosine)))) {
    for (int64_t id = 0; id < count; ++id) model[id] = topics.document();
    insert(table, model, dims);
  }
  Database database;
  Table table;
  Model model;
};

// Every row of the model by its key, to the bit.
void expect_rows(const Table& table, const Model& model) {
  ASSERT_EQ(must(table.count()), model.size());
  std::vector<int64_t> keys;
  for (const auto& [id, document] : model) keys.push_back(id);
  const Batch batch = must(table.get({.ints = keys, .strings = {}}));
  ASSERT_EQ(batch.row_count, model.size());
  const ColumnData& tokens = batch.columns[1];
  ASSERT_EQ(tokens.type, Type::kVectors);
  size_t row = 0;
  for (const auto& [id, document] : model) {
    SCOPED_TRACE("key " + std::to_string(id));
    ASSERT_EQ(tokens.is_null(row), !document.tokens.has_value());
    const auto first = static_cast<size_t>(tokens.list_offsets[row]) * tokens.dims;
    const auto last = static_cast<size_t>(tokens.list_offsets[row + 1]) * tokens.dims;
    ASSERT_EQ(Floats(tokens.floats.begin() + static_cast<ptrdiff_t>(first),
                     tokens.floats.begin() + static_cast<ptrdiff_t>(last)),
              document.tokens.value_or(Floats()));
    ++row;
  }
}

void expect_searches(const Table& table, const Model& model, Metric metric, size_t dims, Topics& topics) {
  double recalls = 0;
  constexpr int kQueries = 8;
  for (int i = 0; i < kQueries; ++i) {
    const Floats query = topics.tokens(topics.choose(3), 1 + topics.random().below(12));
    const auto wanted = ranking(model, metric, query, dims, kEveryRow);
    expect_best(must(table.search({.vectors = query, .k = 10, .exact = true})), wanted, 10);
    expect_best(must(table.search({.vectors = query, .k = 10, .recall = 1})), wanted, 10);
    recalls += recall_of(must(table.search({.vectors = query, .k = 10})), wanted, 10);
    const auto old = ranking(model, metric, query, dims, [](const Document& d) { return d.year < 3; });
    expect_best(must(table.search({.vectors = query, .k = 10, .where = {.text = "year < 3"}})), old, 10);
  }
  EXPECT_GE(recalls / kQueries, 0.95);
}

// --- what users see ---

TEST(MultiVector, EverySortOfStatementAgainstBruteForce) {
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct}) {
    for (const uint32_t dims : {3U, 40U}) {
      const uint64_t seed = 10 * dims + static_cast<uint64_t>(metric);
      SCOPED_TRACE("seed " + std::to_string(seed) + ", dims " + std::to_string(dims));
      Topics topics(dims, 100, seed);
      Database database = must(Database::open(":memory:"));
      Table table = must(database.create_table("t", schema_of(dims, metric)));
      expect_searches(table, {}, metric, dims, topics);
      Model model;
      for (int64_t id = 0; id < static_cast<int64_t>(base::scaled(1000)); ++id) model[id] = topics.document();
      ASSERT_NO_FATAL_FAILURE(insert(table, model, dims));
      ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, metric, dims, topics));
      must(table.wait_for_index());
      ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, metric, dims, topics));
      // Replaced, erased, updated by a condition: vectors, and metadata alone.
      Model changed;
      for (int64_t id = 0; id < static_cast<int64_t>(model.size()); id += 5) changed[id] = topics.document();
      ASSERT_NO_FATAL_FAILURE(upsert(table, changed, dims));
      for (const auto& [id, document] : changed) model[id] = document;
      std::vector<int64_t> gone;
      for (int64_t id = 1; id < static_cast<int64_t>(model.size()); id += 4) gone.push_back(id);
      ASSERT_EQ(must(table.erase(KeysView{.ints = gone, .strings = {}})), gone.size());
      for (const int64_t id : gone) model.erase(id);
      const Floats tokens = topics.tokens(topics.choose(2), 6);
      const std::array<int64_t, 2> offsets = {0, 6};
      const std::array<ColumnView, 1> values = {
          ColumnView{.name = "tokens", .list_offsets = offsets.data(), .floats = tokens.data(), .dims = dims}};
      must(table.update({1, values}, Where{.text = "year = 7"}));
      const int64_t later = 39;
      const std::array<ColumnView, 1> years = {ColumnView{.name = "year", .ints = &later}};
      must(table.update({1, years}, Where{.text = "year = 1"}));
      for (auto& [id, document] : model) {
        if (document.year == 7) document.tokens = tokens;
        if (document.year == 1) document.year = 39;
      }
      ASSERT_NO_FATAL_FAILURE(expect_rows(table, model));
      ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, metric, dims, topics));
      must(table.wait_for_index());
      must(database.check());
      ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, metric, dims, topics));
      must(table.clear());
      ASSERT_NO_FATAL_FAILURE(expect_searches(table, {}, metric, dims, topics));
    }
  }
}

TEST(MultiVector, AreThereAfterACrashAReopeningAndInABackup) {
  constexpr uint32_t kDims = 8;
  Topics topics(kDims, 60, 5);
  const auto expect_all = [&](const std::string& path, const Model& model) {
    Database database = must(Database::open(path));
    must(database.check());
    const Table table = must(database.table("t"));
    ASSERT_EQ(table.schema().columns[1].type, Type::kVectors);
    ASSERT_NO_FATAL_FAILURE(expect_rows(table, model));
    ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, Metric::kCosine, kDims, topics));
    must(table.wait_for_index());
    ASSERT_NO_FATAL_FAILURE(expect_searches(table, model, Metric::kCosine, kDims, topics));
  };
  const os::TemporaryDirectory directory;
  const std::string path = directory.path() + "/a";
  Model model;
  uint64_t hash = 0;
  {
    Database database = must(Database::open(path));
    Table table = must(database.create_table("t", schema_of(kDims, Metric::kCosine)));
    for (int64_t id = 0; id < 900; ++id) model[id] = topics.document();
    ASSERT_NO_FATAL_FAILURE(insert(table, model, kDims));
    must(table.wait_for_index());
    must(database.checkpoint());
    Model more;
    for (int64_t id = 850; id < 1000; ++id) model[id] = more[id] = topics.document();
    ASSERT_NO_FATAL_FAILURE(upsert(table, more, kDims));
    std::filesystem::copy(path, directory.path() + "/crashed", std::filesystem::copy_options::recursive);
    must(database.backup(directory.path() + "/backup"));
    hash = must(database.state_hash());
    must(database.close());
  }
  for (const char* name : {"/a", "/crashed", "/backup"}) {
    SCOPED_TRACE(name);
    EXPECT_EQ(must(must(Database::open(directory.path() + name)).state_hash()), hash);
    ASSERT_NO_FATAL_FAILURE(expect_all(directory.path() + name, model));
  }
}

TEST(MultiVector, HitsShowTheRowsAsTheyWereSearched) {
  constexpr uint32_t kDims = 4;
  Database database = must(Database::open(":memory:"));
  Table table = must(database.create_table("t", schema_of(kDims, Metric::kInnerProduct)));
  Model model = {{1, {Floats{1, 0, 0, 0, 0, 1, 0, 0}, 1, "a"}}, {2, {Floats{0, 0, 1, 0}, 2, "b"}}};
  ASSERT_NO_FATAL_FAILURE(insert(table, model, kDims));
  const Floats query = {1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0.5, 0};
  const Hits hits = must(table.search({.vectors = query, .k = 5}));
  ASSERT_EQ(hits.keys.ints, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(hits.scores, (std::vector<float>{3.0F, 0.5F}));
  ASSERT_NO_FATAL_FAILURE(upsert(table, {{1, {Floats{9, 9, 9, 9}, 1, "a"}}}, kDims));
  must(table.erase(KeysView{.ints = std::array<int64_t, 1>{2}, .strings = {}}));
  const std::vector<std::string> names = {"tokens"};
  const Batch rows = must(table.fetch(hits, 0, 2, names));
  EXPECT_EQ(rows.columns[0].floats, (Floats{1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(rows.columns[0].list_offsets, (std::vector<int64_t>{0, 2, 3}));
}

TEST(MultiVector, SeveralQueriesAnswerAsOneByOne) {
  constexpr uint32_t kDims = 12;
  Topics topics(kDims, 50, 9);
  DocumentTable documents(kDims, topics, 1500);
  ASSERT_FALSE(HasFatalFailure());
  const Table& table = documents.table;
  must(documents.table.wait_for_index());
  Floats queries;
  std::vector<uint32_t> counts;
  for (uint32_t q = 0; q < 9; ++q) {
    counts.push_back(1 + q);
    const Floats query = topics.tokens(topics.choose(2), 1 + q);
    queries.insert(queries.end(), query.begin(), query.end());
  }
  for (const bool exact : {false, true}) {
    for (const unsigned threads : {1U, 3U, 0U}) {
      const Hits all = must(table.search({.vectors = queries,
                                          .query_count = counts.size(),
                                          .vector_counts = counts,
                                          .k = 7,
                                          .exact = exact,
                                          .threads = threads}));
      ASSERT_EQ(all.query_count(), counts.size());
      size_t first = 0;
      for (size_t q = 0; q < counts.size(); first += counts[q] * kDims, ++q) {
        const Hits one = must(
            table.search({.vectors = std::span(queries).subspan(first, counts[q] * kDims), .k = 7, .exact = exact}));
        ASSERT_TRUE(std::equal(one.rows.begin(), one.rows.end(), all.rows.begin() + all.offsets[q],
                               all.rows.begin() + all.offsets[q + 1]));
      }
    }
  }
}

TEST(MultiVector, GoWithTextsGroupsOffsetsAndLeastScores) {
  constexpr uint32_t kDims = 8;
  Topics topics(kDims, 40, 12);
  const DocumentTable documents(kDims, topics, 600);
  ASSERT_FALSE(HasFatalFailure());
  const Table& table = documents.table;
  const Model& model = documents.model;
  const Floats query = topics.tokens(topics.choose(3), 5);
  const auto wanted = ranking(model, Metric::kCosine, query, kDims, kEveryRow);

  const Hits both = must(table.search({.vectors = query, .k = 20, .text = "quince"}));
  ASSERT_EQ(both.rows.size(), 20U);
  for (size_t i = 0; i < both.rows.size(); ++i) {
    const Document& document = model.at(both.keys.ints[i]);
    const bool has_tokens = document.tokens && !document.tokens->empty();
    ASSERT_EQ(std::isnan(both.distances[i]), !has_tokens);
    ASSERT_EQ(both.text_scores[i] > 0, document.body.find("quince") != std::string::npos);
    if (has_tokens) {
      ASSERT_NEAR(static_cast<double>(both.distances[i]), -max_sim(Metric::kCosine, query, *document.tokens, kDims),
                  1e-4);
    }
  }
  SearchQuery filtered{.vectors = query, .k = 10, .exact = true, .text = "quince"};
  filtered.fusion.method = Fusion::Method::kTextFilters;
  expect_best(must(table.search(filtered)),
              ranking(model, Metric::kCosine, query, kDims,
                      [](const Document& document) { return document.body.find("quince") != std::string::npos; }),
              10);

  const Hits later = must(table.search({.vectors = query, .k = 5, .exact = true, .offset = 3}));
  expect_best(later, {wanted.begin() + 3, wanted.end()}, 5);
  const auto least = static_cast<float>((wanted[6].first + wanted[7].first) / 2);
  EXPECT_EQ(must(table.search({.vectors = query, .k = 50, .exact = true, .min_score = least})).rows.size(), 7U);

  const Hits grouped = must(table.search({.vectors = query, .k = 10, .exact = true, .group_by = "year"}));
  std::vector<std::pair<double, int64_t>> first_of_years;
  std::set<int64_t> years;
  for (const auto& row : wanted) {
    if (years.insert(model.at(row.second).year).second) first_of_years.push_back(row);
  }
  expect_best(grouped, first_of_years, 10);
}

TEST(MultiVector, ExplainSaysWhichWayASearchGoes) {
  constexpr uint32_t kDims = 8;
  Topics topics(kDims, 40, 13);
  DocumentTable documents(kDims, topics, 1500);
  ASSERT_FALSE(HasFatalFailure());
  const Table& table = documents.table;
  must(documents.table.wait_for_index());
  const Floats query = topics.tokens(topics.choose(3), 5);
  const auto says = [&](const SearchQuery& search, bool analyze, std::string_view what) {
    const std::string text = must(table.explain(search, analyze));
    EXPECT_NE(text.find(what), std::string::npos) << text;
  };
  for (const bool analyze : {false, true}) {
    says({.vectors = query, .k = 10}, analyze,
         "best 10 by MaxSim of 5 vectors in column 'tokens' (cosine, 8 dimensions)");
    says({.vectors = query, .k = 10}, analyze, "looks for 300 candidates by the encodings of ");
    says({.vectors = query, .k = 10, .ef = 77}, analyze, "looks for 77 candidates");
    says({.vectors = query, .k = 10, .exact = true}, analyze, "exact= says so");
    says({.vectors = query, .k = 10, .where = {.text = "year = 3"}}, analyze, "so few need no candidates");
  }
  says({.vectors = query, .k = 10}, true, "walks the graph");
}

// --- what is refused ---

TEST(MultiVector, RefusalsNameColumnRowAndNumbers) {
  constexpr uint32_t kDims = 4;
  Database database = must(Database::open(":memory:"));
  Table table = must(database.create_table("t", schema_of(kDims, Metric::kCosine)));
  const auto refused = [&](Columns columns, size_t dims, ErrorCode code, std::string_view what) {
    const auto views = columns.views(dims);
    const auto answer = table.insert({columns.ids.size(), views});
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, code);
    EXPECT_NE(answer.error().message.find(what), std::string::npos) << answer.error().message;
  };
  Columns good = columns_of({{1, {Floats(8, 1.0F), 0, ""}}, {2, {Floats(8, 2.0F), 0, ""}}}, kDims);
  Columns bad = good;
  bad.floats[13] = std::numeric_limits<float>::quiet_NaN();
  refused(bad, kDims, ErrorCode::kInvalidArgument,
          "column 'tokens' of table 't', row 1: component 1 of vector 1 is nan; vectors hold finite numbers only");
  refused(good, 2, ErrorCode::kSchema, "holds vectors of 4 dimensions, but 2 were given");
  bad = good;
  bad.list_offsets = {0, 3, 2};
  refused(bad, kDims, ErrorCode::kInvalidArgument, "row 1: offsets fall or are negative");
  refused(columns_of({{1, {Floats((kRowVectorsMax + 1) * kDims), 0, ""}}}, kDims), kDims, ErrorCode::kInvalidArgument,
          "row 0: 4097 vectors of 4 dimensions; a row holds at most 4096");
  ASSERT_EQ(must(table.count()), 0U);
  Model most = {{1, {Floats(kRowVectorsMax * kDims, 1.0F), 0, ""}}};
  ASSERT_NO_FATAL_FAILURE(insert(table, most, kDims));
  ASSERT_NO_FATAL_FAILURE(expect_rows(table, most));

  const auto refuses = [&](const SearchQuery& query, std::string_view what) {
    const auto answer = table.search(query);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(answer.error().message.find(what), std::string::npos) << answer.error().message;
  };
  const Floats query(8, 1.0F);
  Floats not_finite = query;
  not_finite[6] = std::numeric_limits<float>::infinity();
  const std::array<uint32_t, 2> one_each = {1, 1};
  const std::array<uint32_t, 2> none_first = {0, 2};
  refuses({.vectors = {}}, "query 0 has 0 vectors; 1 to 4096 are searched for at once");
  refuses({.vectors = std::span(query).first(7)}, "holds vectors of 4 dimensions, but the query has 7 numbers");
  refuses({.vectors = query, .query_count = 2}, "2 queries, but how many vectors each has is said of 0");
  refuses({.vectors = query, .query_count = 2, .vector_counts = none_first}, "query 0 has 0 vectors");
  refuses({.vectors = std::span(query).first(4), .query_count = 2, .vector_counts = one_each},
          "the queries have 2 vectors, but 1 were given");
  refuses({.vectors = not_finite, .query_count = 2, .vector_counts = one_each},
          "component 2 of vector 0 of query 1 is inf; vectors hold finite numbers only");
  refuses({.vectors = query, .radius = 1.0F}, "which have no radius; min_score bounds the score");
  refuses({.vectors = query, .recall = 2}, "recall is above 0 and at most 1");

  for (const Metric metric : {Metric::kL2, Metric::kL1, Metric::kHamming}) {
    const auto made = database.create_table("other", schema_of(kDims, metric));
    ASSERT_FALSE(made.ok());
    EXPECT_NE(made.error().message.find("the metric of several vectors a row is cosine or ip, not "), std::string::npos)
        << made.error().message;
  }
  Schema plain = schema_of(kDims, Metric::kCosine);
  plain.columns[1].type = Type::kVector;
  const Table single = must(database.create_table("single", plain));
  const auto several = single.search({.vectors = query, .query_count = 2, .vector_counts = one_each});
  ASSERT_FALSE(several.ok());
  EXPECT_NE(several.error().message.find("holds one vector a row"), std::string::npos) << several.error().message;
}

// Lengths whose squares or products leave float.
TEST(MultiVector, VectorsOfAnyLengthHaveFiniteScores) {
  constexpr uint32_t kDims = 4;
  for (const Metric metric : {Metric::kCosine, Metric::kInnerProduct}) {
    Database database = must(Database::open(":memory:"));
    Table table = must(database.create_table("t", schema_of(kDims, metric)));
    Model model;
    int64_t id = 0;
    for (const float size : {0.0F, 1e-30F, 1.0F, 1e25F, 3e38F}) {
      for (const float sign : {1.0F, -1.0F}) model[id++] = {Floats{size, sign * size, 0, size, 0, size, 0, 0}, 0, ""};
    }
    for (; id < 300; ++id) model[id] = {Floats(4, 3e38F), 0, ""};
    ASSERT_NO_FATAL_FAILURE(insert(table, model, kDims));
    must(table.wait_for_index());
    for (const float size : {1e-30F, 1.0F, 3e38F}) {
      for (const bool exact : {true, false}) {
        const Floats query = {size, size, size, size, -size, 0, 0, size};
        const Hits hits = must(table.search({.vectors = query, .k = 10, .ef = exact ? 0U : 20U, .exact = exact}));
        ASSERT_EQ(hits.rows.size(), 10U);
        for (const float score : hits.scores) ASSERT_TRUE(std::isfinite(score));
        if (metric == Metric::kCosine && exact) expect_best(hits, ranking(model, metric, query, kDims, kEveryRow), 10);
      }
    }
    must(database.check());
  }
}

}  // namespace
}  // namespace omendb::test
