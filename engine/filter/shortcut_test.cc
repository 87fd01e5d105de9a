#include "engine/filter/shortcut.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/filter/bind.h"
#include "engine/filter/evaluate.h"
#include "engine/filter/filter_text.h"
#include "engine/filter/parse.h"
#include "engine/filter/test_rows.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iterator>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

using base::must;

constexpr size_t kRowCounts[] = {1, 63, 64, 65, 1023, 1024};
constexpr const char* kInts[] = {
    "-9223372036854775808", "-9223372036854775807", "-1", "0", "1", "2", "5", "9007199254740993",
    "9223372036854775806",  "9223372036854775807"};
constexpr const char* kFloats[] = {
    "'-Infinity'::float8", "-9223372036854775808.0", "-1.5",  "'-0'::float8",       "0.0",          "0.5", "2.0",
    "9007199254740992.0",  "9223372036854775808.0",  "1e300", "'Infinity'::float8", "'NaN'::float8"};
constexpr const char* kTexts[] = {"",          "a",         "b",   "abcdefg", "abcdefgh",     "abcdefgi",
                                  "abcdefghi", "abcdefghj", "50%", "x_y",     "\u00e9t\u00e9"};
constexpr const char* kPatterns[] = {"%",  "",     "a%",    "abcdefgh%", "%h",     "%def%",
                                     "%%", "a_c%", "50\\%", "abcdefghi", "%\u00e9"};

constexpr const char* kNames[] = {"k", "l", "kk"};
constexpr const char* kOperators[] = {"=", "<>", "<", "<=", ">", ">="};
constexpr const char* kTwoOperators[] = {"<", ">="};
constexpr const char* kColumns[] = {"n", "x", "s", "doc", "tags"};
constexpr const char* kWords[] = {" and ", " or "};

template <size_t kCount>
std::string one_of(const char* const (&some)[kCount], base::Random& random) {
  return some[random.below(kCount)];
}
std::string quoted(const std::string& text) { return "'" + text + "'"; }

Rows random_rows(size_t count, base::Random& random) {
  using Floats = std::numeric_limits<double>;
  constexpr int64_t kSome[] = {
      std::numeric_limits<int64_t>::min(), -1, 0, 1, 2, 3, 5, 9007199254740992, 9007199254740993,
      std::numeric_limits<int64_t>::max()};
  const double floats[] = {-Floats::infinity(),
                           -1.5,
                           -0.0,
                           0.0,
                           0.5,
                           1,
                           2,
                           9007199254740992.0,
                           9223372036854775808.0,
                           Floats::infinity(),
                           Floats::quiet_NaN(),
                           -Floats::quiet_NaN(),
                           Floats::denorm_min()};
  Column<int64_t> n(count);
  Column<double> x(count);
  Column<std::string> s(count);
  Column<std::string> doc(count);
  Column<Strings> tags(count);
  for (size_t row = 0; row < count; ++row) {
    if (!random.one_in(6)) n[row] = kSome[random.below(std::size(kSome))];
    if (!random.one_in(6)) x[row] = floats[random.below(std::size(floats))];
    if (!random.one_in(6)) s[row] = one_of(kTexts, random);
    const std::string filler(random.one_in(3) ? 150 : 0, 'k');  // long enough to be searched for the name first
    const std::string name = random.one_in(4) ? "\\u006b" : one_of(kNames, random);
    if (!random.one_in(6))
      doc[row] =
          fmt::format(R"({{"f": "{}", "{}": "{}", "z": [1, {{"k": 2}}]}})", filler, name, one_of(kTexts, random));
    if (random.one_in(6)) continue;
    tags[row].emplace();
    for (uint64_t i = random.below(4); i > 0; --i) tags[row]->push_back(one_of(kTexts, random));
  }
  Rows rows;
  rows.add("n", n);
  rows.add("x", x);
  rows.add("s", s);
  rows.add("doc", doc, Type::kJson);
  rows.add("tags", tags);
  return rows;
}

template <class Make>
std::string list_of(base::Random& random, const Make& make) {
  std::string list;
  for (uint64_t i = random.one_in(4) ? 30 : 1 + random.below(4); i > 0; --i)
    list += (list.empty() ? "" : ", ") + make();
  return list + (random.one_in(5) ? ", null" : "");
}

std::string random_part(base::Random& random) {
  const std::string op = one_of(kOperators, random);
  const auto number = [&] { return random.one_in(2) ? one_of(kInts, random) : one_of(kFloats, random); };
  const auto any_int = [&] {
    return std::to_string(static_cast<int64_t>(random.below(random.one_in(2) ? 40 : uint64_t{1} << 60)));
  };
  const auto text = [&] { return quoted(one_of(kTexts, random)); };
  switch (random.below(12)) {
    case 0: return fmt::format("n {} {}", op, number());
    case 1: return fmt::format("{} {} x", number(), op);
    case 2: return fmt::format("x {} {} and x {} {}", op, number(), one_of(kTwoOperators, random), number());
    case 3: return fmt::format("n between {} and {}", number(), number());
    case 4: return fmt::format("n in ({})", list_of(random, any_int));
    case 5: return fmt::format("x in ({})", list_of(random, number));
    case 6: return fmt::format("s {} {}", random.one_in(3) ? op : "=", text());
    case 7: return fmt::format("s in ({})", list_of(random, text));
    case 8: return fmt::format("s like '{}'", one_of(kPatterns, random));
    case 9: return fmt::format("{} in tags", text());
    case 10: return fmt::format("doc->>'k' {}", random.one_in(2) ? "= " + text() : "is null");
    default: return one_of(kColumns, random) + " is null";
  }
}

std::string random_condition(base::Random& random, int depth) {
  if (depth == 0 || random.one_in(3)) return random_part(random);
  if (random.one_in(5)) return fmt::format("not ({})", random_condition(random, depth - 1));
  std::string condition;
  const std::string word = one_of(kWords, random);
  for (uint64_t i = 2 + random.below(3); i > 0; --i)
    condition += fmt::format("{}({})", condition.empty() ? "" : word, random_condition(random, depth - 1));
  return condition;
}

Bits rows_for_which(const Expression& condition, const std::string& text, const Rows& rows, const Bits& asked) {
  Bits passing = asked;
  BlockBuffers buffers;
  EXPECT_EQ(base::message_of(evaluate_block(condition, text, rows.spans(), 0, passing, buffers)), "") << text;
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
                           "'a' in tags", "doc->>'k' = 'v'", "n is null"})
    EXPECT_NE(top(text).shortcut, nullptr) << text;
  for (const char* text : {"n = n", "n + 1 = 2", "n = null", "s < 'a'"}) EXPECT_EQ(top(text).shortcut, nullptr) << text;
  EXPECT_EQ(top("n >= 1 and s = 'a' and n <= 5").inputs.size(), 2U);
  // The cheaper one first.
  EXPECT_NE(std::get_if<IntRange>(&top("doc->>'k' = 'v' and n = 1").inputs.front().shortcut->test), nullptr);
}

}  // namespace
}  // namespace omendb::filter
