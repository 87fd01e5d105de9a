#include "engine/filter/shortcut.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/filter/bind.h"
#include "engine/filter/evaluate.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/parse.h"
#include "engine/filter/test_conditions.h"
#include "engine/filter/test_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

using base::must;

constexpr size_t kRowCounts[] = {1, 63, 64, 65, 1023, 1024};
Bits rows_for_which(const Expression& condition, const std::string& text, const Rows& rows, const Bits& asked) {
  Bits passing = asked;
  BlockBuffers buffers;
  const std::vector<ColumnSpan> columns = rows.spans();
  EXPECT_EQ(base::message_of(evaluate_block(condition, {text, columns, {}, buffers}, 0, passing)), "") << text;
  return passing;
}

// Over random columns, whatever rows are asked for: true, and null, for the same rows as without shortcuts.
TEST(Shortcuts, SayWhatTheLongWaySays) {
  for (uint64_t seed = 1; seed <= base::scaled(400); ++seed) {
    base::Random random(seed);
    const Rows rows = random_rows(kRowCounts[random.below(std::size(kRowCounts))], random);
    Bits asked{};
    const bool all = random.one_in(2);
    for (size_t row = 0; row < rows.count(); ++row) {
      if (all || random.one_in(1 + row / 64 * 4)) set(asked, row);
    }
    for (int i = 0; i < 20; ++i) {
      const std::string condition = random_condition(random, 2);
      for (const std::string& text : {condition, fmt::format("({}) is unknown", condition)}) {
        const Where where{.text = text};
        const Statement statement = must(make_statement(where));
        const auto tree = must(Tree::parse(statement, text));
        Expression bound = must(filter::bind(*tree, statement, text, rows.schema()));
        const Bits expected = rows_for_which(bound, text, rows, asked);
        find_shortcuts(bound);
        ASSERT_EQ(rows_for_which(bound, text, rows, asked), expected)
            << text << ", seed " << seed << ", " << rows.count() << " rows";
      }
    }
  }
}

TEST(Shortcuts, GoOverTheEndsOfBlocks) {
  base::Random random(5);
  for (const size_t count : {1023U, 1024U, 1025U, 2049U}) {
    const Rows rows = random_rows(count, random);
    for (const auto& [text, same] : {std::pair("n >= 1 and n <= 5", "n in (1, 2, 3, 4, 5)"),
                                     std::pair("s like 'abcdefgh%'", "s::text ilike 'abcdefgh%'"),
                                     std::pair("x > 0.25", "x is not null and not (x <= 0.25)")}) {
      EXPECT_EQ(rows.answer(text), rows.answer(same)) << text << ", " << count << " rows";
    }
  }
}

// What can fail is not asked before what protects it, nor is what stands behind it asked sooner.
TEST(Shortcuts, LeaveWhatCanFailWhereItStands) {
  Rows rows;
  rows.add("n", Column<int64_t>{0, 1, 2, {}});
  rows.add("s", Column<std::string>{"a", "1", "2", "3"});
  EXPECT_EQ(rows.answer("s in ('1', '2') and s::int8 > 1 and n > 0"), "2");
  EXPECT_EQ(rows.answer("n <> 0 and 10 / n = 5"), "2");
  EXPECT_EQ(rows.answer("10 / n = 5 and n <> 0"), "where, character 4: division by zero (near '/ n = 5 and n <> 0')");
  EXPECT_EQ(rows.answer("n = 0 or 10 / n = 5"), "0 2");
  EXPECT_EQ(rows.answer("(10 / n = 5 and s = 'a') or n = 0"),
            "where, character 5: division by zero (near '/ n = 5 and s = 'a') or n = 0')");
}

TEST(Shortcuts, AreFoundWhereAColumnStandsBesideConstants) {
  base::Random random(1);
  const Rows rows = random_rows(1, random);
  const auto top = [&](const std::string& text) {
    const Statement statement = must(make_statement({.text = text}));
    Expression bound = must(filter::bind(*must(Tree::parse(statement, text)), statement, text, rows.schema()));
    find_shortcuts(bound);
    return bound;
  };
  for (const char* text : {"n = 1", "1.5 < x", "n < 2.5", "x >= 2", "s = 'a'", "s like 'a%'", "n in (1, 2)",
                           "'a' in tags", "doc->>'k' = 'v'", "n is null", "s < 'a'", "tags @> array['a']"})
    EXPECT_NE(top(text).shortcut, nullptr) << text;
  for (const char* text : {"n = n", "n + 1 = 2", "n = null", "tags @> array['a', null]", "s < doc->>'k'"})
    EXPECT_EQ(top(text).shortcut, nullptr) << text;
  EXPECT_EQ(top("n >= 1 and s = 'a' and n <= 5").inputs.size(), 2U);
  // The cheaper one first.
  EXPECT_NE(std::get_if<IntRange>(&top("doc->>'k' = 'v' and n = 1").inputs.front().shortcut->test), nullptr);
}

}  // namespace
}  // namespace omendb::filter
