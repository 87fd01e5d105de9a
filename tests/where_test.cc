// Conditions through the door: statements against a map of rows, searches against comparing with every row, writers beside each other.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/temporary_directory.h"

#include <omendb/database.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace omendb::test {
namespace {

using base::code_of;
using base::must;

constexpr size_t kDims = 16;

Schema small_schema() {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "n", .type = Type::kInt64});
  schema.columns.push_back({.name = "s", .type = Type::kString});
  schema.columns.push_back({.name = "v", .type = Type::kVector, .vector = {.dims = kDims}});
  return schema;
}

struct Row {
  int64_t n = 0;
  std::optional<std::string> s;
  std::vector<float> v;
};
using Model = std::map<int64_t, Row>;

Row random_row(base::Random& random) {
  Row row{.n = static_cast<int64_t>(random.below(1000)), .s = {}, .v = {}};
  if (!random.one_in(5)) row.s = std::string(1 + random.below(3), static_cast<char>('a' + random.below(4)));
  for (size_t d = 0; d < kDims; ++d) row.v.push_back(static_cast<float>(random.below(1000)) / 100);
  return row;
}

void write(Table& table, const Model& rows) {
  std::vector<int64_t> ids;
  std::vector<int64_t> ns;
  std::vector<uint8_t> known;
  std::vector<int64_t> offsets{0};
  std::string chars;
  std::vector<float> vectors;
  for (const auto& [id, row] : rows) {
    ids.push_back(id);
    ns.push_back(row.n);
    known.push_back(row.s ? 1 : 0);
    chars += row.s.value_or("");
    offsets.push_back(static_cast<int64_t>(chars.size()));
    vectors.insert(vectors.end(), row.v.begin(), row.v.end());
  }
  std::vector<ColumnView> columns(4);
  columns[0] = {.name = "id", .ints = ids.data()};
  columns[1] = {.name = "n", .ints = ns.data()};
  columns[2] = {.name = "s", .validity = known.data(), .offsets = offsets.data(), .chars = chars.data()};
  columns[3] = {.name = "v", .floats = vectors.data(), .dims = kDims};
  must(table.upsert({.row_count = rows.size(), .columns = columns}));
}

uint64_t set_n(Table& table, int64_t n, const Where& where) {
  const ColumnView column{.name = "n", .ints = &n};
  return must(table.update({.row_count = 1, .columns = std::span(&column, 1)}, where));
}

std::map<int64_t, std::pair<int64_t, std::optional<std::string>>> scan_all(const Table& table, const Where& where) {
  std::map<int64_t, std::pair<int64_t, std::optional<std::string>>> rows;
  const auto scan = must(table.scan({.columns = {"id", "n", "s"}, .batch_rows = 100, .where = where}));
  while (const auto batch = must(scan->next())) {
    for (size_t row = 0; row < batch->row_count; ++row) {
      const ColumnData& s = batch->columns[2];
      const auto text = s.is_null(row) ? std::nullopt : std::optional(std::string(s.string_at(row)));
      rows[batch->columns[0].ints[row]] = {batch->columns[1].ints[row], text};
    }
  }
  return rows;
}

bool passes(const Row& row, int64_t low, int64_t high) { return (row.n >= low && row.n < high) || row.s == "a"; }

class WhereTest : public ::testing::Test {
 protected:
  static constexpr std::string_view kText = "n >= ? and n < ? or s = 'a'";
};

TEST_F(WhereTest, StatementsDoWhatTheyDoToAMap) {
  const uint64_t seed = 21;
  base::Random random(seed);
  const os::TemporaryDirectory directory;
  auto database = must(Database::open(directory.path(), {}));
  auto table = must(database.create_table("t", small_schema()));
  Model model;
  for (size_t step = 0; step < base::scaled(120); ++step) {
    SCOPED_TRACE(testing::Message() << "step " << step << ", seed " << seed);
    const auto low = static_cast<int64_t>(random.below(1000));
    const int64_t high = low + static_cast<int64_t>(random.below(200));
    const Value values[] = {{low}, {high}};
    const Where where{.text = kText, .values = values};
    const auto count = static_cast<uint64_t>(
        std::ranges::count_if(model, [&](const auto& entry) { return passes(entry.second, low, high); }));
    switch (random.below(4)) {
      case 0: {
        Model rows;
        for (uint64_t i = random.between(1, 300); i > 0; --i)
          rows[static_cast<int64_t>(random.below(2000))] = random_row(random);
        write(table, rows);
        for (auto& [id, row] : rows) model[id] = row;
        break;
      }
      case 1:
        EXPECT_EQ(must(table.erase(where)), count);
        std::erase_if(model, [&](const auto& entry) { return passes(entry.second, low, high); });
        break;
      case 2:
        EXPECT_EQ(set_n(table, low, where), count);
        for (auto& [id, row] : model) {
          if (passes(row, low, high)) row.n = low;
        }
        break;
      default: EXPECT_EQ(must(table.count(where)), count); EXPECT_EQ(scan_all(table, where).size(), count);
    }
    if (random.one_in(15)) {
      must(database.close());
      database = must(Database::open(directory.path(), {}));
      table = must(database.table("t"));
    }
    std::map<int64_t, std::pair<int64_t, std::optional<std::string>>> wanted;
    for (const auto& [id, row] : model) wanted[id] = {row.n, row.s};
    ASSERT_EQ(scan_all(table, {}), wanted);
  }
  must(database.check());
}

// As far as the graph is concerned a condition may leave anything: half of the rows, one, none, or a corner.
TEST_F(WhereTest, SearchesFindTheNearestOfTheRowsThatPass) {
  const uint64_t seed = 22;
  base::Random random(seed);
  auto database = must(Database::open(":memory:", {}));
  auto table = must(database.create_table("t", small_schema()));
  Model model;
  for (size_t id = 0; id < 6000; ++id) model[static_cast<int64_t>(id)] = random_row(random);
  write(table, model);
  must(table.wait_for_index());
  const auto distance = [](const std::vector<float>& a, const std::vector<float>& b) {
    float sum = 0;
    for (size_t d = 0; d < kDims; ++d) sum += (a[d] - b[d]) * (a[d] - b[d]);
    return sum;
  };
  for (const int64_t high : {500, 100, 10, 1, 0}) {
    const Value values[] = {{high}};
    size_t found = 0;
    size_t wanted = 0;
    for (size_t query = 0; query < 40; ++query) {
      const std::vector<float> vector = random_row(random).v;
      std::vector<std::pair<float, int64_t>> nearest;
      for (const auto& [id, row] : model) {
        if (row.n < high) nearest.emplace_back(distance(vector, row.v), id);
      }
      std::ranges::sort(nearest);
      nearest.resize(std::min<size_t>(nearest.size(), 10));
      const Hits hits = must(table.search({.vectors = vector, .where = {.text = "n < ?", .values = values}}));
      ASSERT_EQ(hits.rows.size(), nearest.size()) << "n < " << high << ", seed " << seed;
      for (const auto& [at, id] : nearest) found += std::ranges::count(hits.keys.ints, id) > 0 ? 1U : 0U;
      for (const int64_t id : hits.keys.ints) EXPECT_LT(model.at(id).n, high);
      wanted += nearest.size();
    }
    EXPECT_GE(static_cast<double>(found), 0.95 * static_cast<double>(wanted)) << "n < " << high << ", seed " << seed;
  }
}

// Half of the clusters pass: those who ask from the others have their neighbours far away, behind rows that do not.
TEST_F(WhereTest, SearchesFindWhatPassesFarFromTheirQuery) {
  const uint64_t seed = 25;
  base::Random random(seed);
  constexpr size_t kClusters = 40;
  auto database = must(Database::open(":memory:", {}));
  auto table = must(database.create_table("t", small_schema()));
  std::vector<Row> centers(kClusters);
  for (Row& center : centers) center = random_row(random);
  const auto near = [&](size_t cluster) {
    Row row{.n = static_cast<int64_t>(cluster), .s = {}, .v = centers[cluster].v};
    for (float& value : row.v) value += static_cast<float>(random.below(1000)) / 1000;
    return row;
  };
  Model model;
  for (size_t id = 0; id < base::scaled(20'000); ++id) model[static_cast<int64_t>(id)] = near(id % kClusters);
  write(table, model);
  must(table.wait_for_index());
  size_t found = 0;
  size_t wanted = 0;
  for (size_t query = 0; query < 40; ++query) {
    const std::vector<float> vector = near(kClusters / 2 + query % (kClusters / 2)).v;
    const Where where{.text = "n < 20"};
    const Hits hits = must(table.search({.vectors = vector, .where = where}));
    const Hits exact = must(table.search({.vectors = vector, .exact = true, .where = where}));
    ASSERT_EQ(hits.rows.size(), exact.rows.size());
    for (const int64_t id : exact.keys.ints) found += std::ranges::count(hits.keys.ints, id) > 0 ? 1U : 0U;
    wanted += exact.rows.size();
  }
  EXPECT_GE(static_cast<double>(found), 0.95 * static_cast<double>(wanted))
      << found << " of " << wanted << ", seed " << seed;
}

// Hits show and are grouped by what rows got; hits of before show what they found. No row is written again.
TEST_F(WhereTest, SearchesShowWhatWasUpdatedAndTheGraphDoesNotNotice) {
  auto database = must(Database::open(":memory:", {}));
  auto table = must(database.create_table("t", small_schema()));
  base::Random random(26);
  Model model;
  for (int64_t id = 0; id < 3000; ++id) {
    model[id] = random_row(random);
    model[id].n = id;
  }
  write(table, model);
  must(table.wait_for_index());
  const uint64_t edges = must(table.stats()).graph_edge_count;
  const std::vector<float> vector = random_row(random).v;
  const SearchQuery query{.vectors = vector, .k = 100, .exact = true};
  const Hits before = must(table.search(query));
  EXPECT_EQ(set_n(table, -1, {.text = "id % 2 = 0"}), 1500U);
  const Hits after = must(table.search(query));
  ASSERT_EQ(after.keys.ints, before.keys.ints);
  const std::vector<std::string> n = {"n"};
  const Batch old_values = must(table.fetch(before, 0, 100, n));
  const Batch values = must(table.fetch(after, 0, 100, n));
  std::set<int64_t> groups;
  for (size_t i = 0; i < 100; ++i) {
    const int64_t id = after.keys.ints[i];
    EXPECT_EQ(old_values.columns[0].ints[i], id);
    EXPECT_EQ(values.columns[0].ints[i], id % 2 == 0 ? -1 : id);
    groups.insert(values.columns[0].ints[i]);
  }
  SearchQuery grouped = query;
  grouped.group_by = "n";
  grouped.k = groups.size();
  const Hits best = must(table.search(grouped));
  const Batch shown = must(table.fetch(best, 0, best.rows.size(), n));
  EXPECT_EQ(std::set<int64_t>(shown.columns[0].ints.begin(), shown.columns[0].ints.end()), groups);
  const TableStats stats = must(table.stats());
  EXPECT_EQ(stats.dead_row_count, 0U);
  EXPECT_EQ(stats.tail_row_count, 0U);
  EXPECT_EQ(stats.graph_edge_count, edges);
}

// What a condition meets under the commit lock is the newest state: no two writers change one row on the same ground.
TEST_F(WhereTest, UpdatesOfSeveralWritersAreDoneOneAfterTheOther) {
  auto database = must(Database::open(":memory:", {}));
  auto table = must(database.create_table("t", small_schema()));
  base::Random random(23);
  Model model;
  for (int64_t id = 0; id < 50; ++id) {
    model[id] = random_row(random);
    model[id].n = 0;
  }
  write(table, model);
  // Each writer claims rows that are free; a row that is claimed twice would be counted twice.
  std::vector<uint64_t> claimed(2);
  std::vector<std::thread> writers;
  for (size_t writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (int64_t id = 0; id < 50; ++id) {
        const Value values[] = {{id}};
        claimed[writer] +=
            set_n(table, static_cast<int64_t>(writer) + 1, {.text = "n = 0 and id = ?", .values = values});
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(claimed[0] + claimed[1], 50U);
  EXPECT_EQ(must(table.count({.text = "n = 1"})), claimed[0]);
}

TEST_F(WhereTest, StatementsThatFailChangeNothing) {
  auto database = must(Database::open(":memory:", {}));
  auto table = must(database.create_table("t", small_schema()));
  base::Random random(24);
  Model model;
  for (int64_t id = 0; id < 20; ++id) model[id] = random_row(random);
  write(table, model);
  const auto before = scan_all(table, {});
  const int64_t number = 1;
  const ColumnView n{.name = "n", .ints = &number};
  const ColumnView key{.name = "id", .ints = &number};
  const auto update = [&](const ColumnView& column, std::string_view text) {
    return code_of(table.update({.row_count = 1, .columns = std::span(&column, 1)}, {.text = text}));
  };
  EXPECT_EQ(update(n, ""), ErrorCode::kInvalidArgument);
  EXPECT_EQ(update(n, "1 / (id - 7) > 0"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(update(key, "id = 7"), ErrorCode::kSchema);
  EXPECT_EQ(update(n, "x = 7"), ErrorCode::kSchema);
  EXPECT_EQ(code_of(table.update({.row_count = 1, .columns = {}}, {.text = "id = 7"})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(table.erase(Where{})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(table.erase(Where{.text = "1 / (id - 7) > 0"})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(scan_all(table, {}), before);
}

}  // namespace
}  // namespace omendb::test
