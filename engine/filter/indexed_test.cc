#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/column/block_index.h"
#include "engine/filter/test_conditions.h"
#include "engine/filter/test_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

using base::must;
using column::BlockBits;
using column::BlockIndex;

BlockBits all_rows() {
  BlockBits all;
  all.fill(~uint64_t{0});
  return all;
}

// Two blocks, of which the second one may have indexes.
class IndexedRows {
 public:
  static constexpr uint32_t kBlock = 1;

  // `gaps`: some indexes do not speak of all rows.
  IndexedRows(base::Random& random, bool gaps)
      : random_(random), gaps_(gaps), rows_(random_rows(2 * column::kRowsPerBlock, random)) {}

  const Schema& schema() const { return rows_.schema(); }
  const std::vector<ColumnSpan>& columns() const { return columns_; }
  // An index of every source, of most or of few.
  std::vector<column::IndexView> views(const Filter& filter, uint64_t of_how_many_none) {
    std::vector<column::IndexView> views(filter.sources().size());
    for (size_t i = 0; i < views.size(); ++i) {
      if (of_how_many_none != 0 && random_.one_in(of_how_many_none)) continue;
      views[i].blocks = {nullptr, index_of(filter.sources()[i])};
    }
    return views;
  }

 private:
  const BlockIndex* index_of(const column::Source& source) {
    for (const auto& [known, index] : indexes_) {
      if (known == source) return index.get();
    }
    BlockBits covered = all_rows();
    if (gaps_ && random_.one_in(3)) covered[random_.below(covered.size())] = random_.next();
    auto index = column::make_block_index(columns_[source.column], source, kBlock, covered);
    return indexes_.emplace_back(source, std::move(index)).second.get();
  }

  base::Random& random_;
  bool gaps_;
  Rows rows_;
  std::vector<ColumnSpan> columns_ = rows_.spans();
  std::vector<std::pair<column::Source, std::shared_ptr<const BlockIndex>>> indexes_;
};

BlockBits some_rows(base::Random& random) {
  if (random.one_in(2)) return all_rows();
  BlockBits rows{};
  for (uint64_t& word : rows) word = random.one_in(3) ? random.next() & random.next() : 0;
  return rows;
}

// What can fail stands among what can not.
std::string with_failing(const std::string& condition, base::Random& random) {
  if (!random.one_in(4)) return condition;
  constexpr const char* kFailing[] = {"10 / n >= 0", "x::int8 > 1", "(doc->>'k')::float8 > 1",
                                      "(doc->'o'->>'k')::int8 is null", "s::bool"};
  return fmt::format("({}) {} {} and n is not null", condition, random.one_in(2) ? "and" : "or",
                     one_of(kFailing, random));
}

// With indexes the same rows pass as without, or the condition fails as it does without.
TEST(IndexedConditions, SayWhatColumnsSay) {
  for (uint64_t seed = 1; seed <= base::scaled(8); ++seed) {
    base::Random random(seed);
    IndexedRows rows(random, true);
    for (int i = 0; i < 60; ++i) {
      const std::string condition = with_failing(random_condition(random, 2), random);
      const std::string text = random.one_in(3) ? fmt::format("({}) is unknown", condition) : condition;
      const auto filter = must(Filter::make(rows.schema(), {.text = text}));
      const BlockBits asked = some_rows(random);
      BlockBits expected = asked;
      const auto plain = filter->evaluate(rows.columns(), column::kRowsPerBlock, expected);
      const std::vector<column::IndexView> views = rows.views(*filter, random.below(4));
      std::vector<uint64_t> read_cost(views.size());
      BlockBits found = asked;
      const auto indexed = filter->evaluate(rows.columns(), column::kRowsPerBlock, found, {views, read_cost});
      ASSERT_EQ(indexed.ok(), plain.ok()) << text << ", seed " << seed;
      if (plain.ok()) {
        ASSERT_EQ(found, expected) << text << ", seed " << seed;
      }
      EXPECT_LE(filter->row_cost(views, IndexedRows::kBlock), filter->row_cost());
    }
  }
}

TEST(IndexedConditions, ReadNoColumnThatHasAnIndex) {
  base::Random random(1);
  IndexedRows rows(random, false);
  for (const char* text :
       {"n = 1", "n between 0 and 5 and x > 1", "not (s = 'a') or s like 'abc%'", "n in (1, 2, null)", "'a' in tags",
        "doc->>'k' = 'a'", "doc->'o'->>'k' = 'a'", "(doc->>'i')::int8 > 5", "(doc->>'r')::float8 in (0.5, 2)",
        "(doc->>'i')::int8 is null", "s like 'abcdefghi%j'", "s not like 'x_y%'", "doc->>'k' like '%h'", "x is null",
        "(s = 'a') is unknown"}) {
    const auto filter = must(Filter::make(rows.schema(), {.text = text}));
    std::vector<uint64_t> read_cost(filter->sources().size());
    BlockBits found = all_rows();
    must(filter->evaluate(rows.columns(), column::kRowsPerBlock, found, {{}, read_cost}));
    EXPECT_EQ(read_cost.front() == 0, std::string(text) == "x is null") << text;  // which reads no values
    const std::vector<column::IndexView> views = rows.views(*filter, 0);
    read_cost.assign(read_cost.size(), 0);
    must(filter->evaluate(rows.columns(), column::kRowsPerBlock, found, {views, read_cost}));
    for (const uint64_t cost : read_cost) EXPECT_EQ(cost, 0U) << text;
    EXPECT_EQ(filter->row_cost(views, IndexedRows::kBlock), 0U) << text;
  }
}

// A row whose member is no number has no answer, with an index as without one; where an AND leaves it out nobody asks.
TEST(IndexedConditions, FailForMembersThatAreNoNumbersWhereTheyAreAsked) {
  constexpr uint32_t kOdd = 777;
  Column<std::string> doc(column::kRowsPerBlock);
  Column<int64_t> n(column::kRowsPerBlock);
  for (uint32_t row = 0; row < column::kRowsPerBlock; ++row) {
    n[row] = row;
    doc[row] = fmt::format(R"({{"all": {}, "most": "{}"}})", row, row == kOdd ? "odd" : std::to_string(row));
  }
  Rows rows;
  rows.add("n", n);
  rows.add("doc", doc, Type::kJson);
  const std::vector<ColumnSpan> columns = rows.spans();
  const auto count = [&](const std::string& text) -> Result<uint64_t> {
    const auto filter = must(Filter::make(rows.schema(), {.text = text}));
    std::vector<std::shared_ptr<const BlockIndex>> indexes;
    std::vector<column::IndexView> views(filter->sources().size());
    for (size_t i = 0; i < views.size(); ++i) {
      const column::Source& source = filter->sources()[i];
      indexes.push_back(column::make_block_index(columns[source.column], source, 0, all_rows()));
      views[i].blocks = {indexes.back().get()};
    }
    BlockBits found = all_rows();
    std::vector<uint64_t> read_cost(views.size());
    if (auto done = filter->evaluate(columns, 0, found, {views, read_cost}); !done.ok()) return std::move(done).error();
    uint64_t bits = 0;
    for (const uint64_t word : found) bits += static_cast<uint64_t>(std::popcount(word));
    return bits;
  };
  EXPECT_EQ(must(count("(doc->>'all')::int8 < 800")), 800U);
  EXPECT_EQ(must(count("(doc->>'all')::float8 between 0.5 and 2")), 2U);
  const auto failed = count("(doc->>'most')::int8 < 800");
  ASSERT_FALSE(failed.ok());
  EXPECT_NE(failed.error().message.find("odd"), std::string::npos) << failed.error().message;
  EXPECT_EQ(must(count("n < 777 and (doc->>'most')::int8 >= 770")), 7U);
  EXPECT_FALSE(count("n < 778 and (doc->>'most')::int8 >= 770").ok());
  EXPECT_EQ(must(count("(doc->>'all')::int8 <> 777 and (doc->>'most')::int8 < 800")), 799U);
}

TEST(IndexedConditions, HaveSourcesWhereAnIndexHelps) {
  base::Random random(1);
  const Rows rows = random_rows(1, random);
  const auto count = [&](const std::string& text) {
    return must(Filter::make(rows.schema(), {.text = text}))->sources().size();
  };
  EXPECT_EQ(count("n = 1 and n <> 5 and (x < 2 or doc->>'k' = 'a' or doc->>'l' = 'a')"), 4U);
  EXPECT_EQ(count("s like '%a'"), 0U);
  EXPECT_EQ(count("doc->>'k' like '%a'"), 1U);
  EXPECT_EQ(count("n + 1 = 2"), 0U);
  EXPECT_EQ(count("doc is null"), 0U);
  EXPECT_EQ(count("doc->'o'->>'k' = 'a' and doc->'o'->'k'->>0 = 'a'"), 2U);
  EXPECT_EQ(count("(doc->>'i')::int8 = 5 and (doc->>'i')::int8 > 7.5 and (doc->>'i')::float8 > 7 and doc->>'i' = '5'"),
            3U);
  EXPECT_EQ(count("doc->>s = 'a' or (doc->>'i')::bool"), 0U);
  EXPECT_EQ(count("s like 'a%b'"), 1U);
  EXPECT_EQ(count("s ilike 'a%b'"), 0U);
}

}  // namespace
}  // namespace omendb::filter
