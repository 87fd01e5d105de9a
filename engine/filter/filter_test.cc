#include "engine/filter/filter.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/filter/test_rows.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace omendb::filter {
namespace {

using base::code_of;
using base::message_of;
using base::must;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

Rows some_rows() {
  Rows rows;
  rows.add("n", Column<int64_t>{0, 5, -7, {}, kMax, 2020});
  rows.add("x", Column<double>{0.5, -1, kNan, 3, {}, 1e300});
  rows.add("ok", Column<bool>{true, false, {}, true, false, true});
  rows.add("s", Column<std::string>{"", "abc", "ABC", {}, "\u00e9t\u00e9", "50% off"});
  rows.add("at", Column<int64_t>{0, 86'400'000'000, {}, -1, 1'700'000'000'000'000, 5}, Type::kTimestamp);
  rows.add("tags", Column<Strings>{Strings{"a", "b"}, Strings{}, {}, Strings{"b"}, Strings{"", "a,b"}, Strings{"a"}});
  rows.add("doc",
           Column<std::string>{R"({"k": "v", "n": 3})",
                               R"({"k": null, "list": [10, "x", {"y": true}]})",
                               "[1, 2]",
                               {},
                               R"({"k\u0065y": "a\"b\ud83d\ude00", "k": "first", "k": "last"})",
                               R"("text")"},
           Type::kJson);
  return rows;
}

TEST(Filter, ComparesNumbers) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("n = 5"), "1");
  EXPECT_EQ(rows.answer("n <> 5"), "0 2 4 5");
  EXPECT_EQ(rows.answer("5 > n"), "0 2");
  EXPECT_EQ(rows.answer("n >= 5 and n < 3000"), "1 5");
  EXPECT_EQ(rows.answer("n between -7 and 5"), "0 1 2");
  EXPECT_EQ(rows.answer("n not between symmetric 5 and -7"), "4 5");
  EXPECT_EQ(rows.answer("n in (5, 2020, null)"), "1 5");
  EXPECT_EQ(rows.answer("n not in (5, 2020)"), "0 2 4");
  EXPECT_EQ(rows.answer("n not in (5, null)"), "");
  EXPECT_EQ(rows.answer("n = '5'"), "1");
  EXPECT_EQ(rows.answer("n = any(array[5, 0])"), "0 1");
}

TEST(Filter, ComparesWholeNumbersAndFloatsExactly) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("n < 9223372036854775808"), "0 1 2 4 5") << "2^63 is a float, and above every int64";
  EXPECT_EQ(rows.answer("n = 9223372036854775808.0"), "");
  EXPECT_EQ(rows.answer("n > 4.5 and n < 5.5"), "1");
  EXPECT_EQ(rows.answer("n in (5.0, 2020.5)"), "1");
  EXPECT_EQ(rows.answer("n = x"), "");
}

TEST(Filter, OrdersNanAboveEveryNumber) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("x = 'nan'"), "2");
  EXPECT_EQ(rows.answer("x > 1e299"), "2 5");
  EXPECT_EQ(rows.answer("x < 'NaN'"), "0 1 3 5");
  EXPECT_EQ(rows.answer("x in ('nan', 3)"), "2 3");
  EXPECT_EQ(rows.answer("n < x"), "0 2 5");
}

TEST(Filter, CalculatesAndSaysWhereItCanNot) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("n / 2 = -3 or n % 4 = 1"), "1 2");
  EXPECT_EQ(rows.answer("-n = 7 and n * 2 - 1 < +0"), "2");
  EXPECT_EQ(rows.answer("x * 2 + 1 = 2"), "0");
  EXPECT_EQ(rows.answer("n + 1 > 0"),
            "where, character 3: a whole number leaves the range of 64 bits (near '+ 1 > 0')");
  EXPECT_EQ(rows.answer("10 / n > 1"), "where, character 4: division by zero (near '/ n > 1')");
  EXPECT_EQ(rows.answer("n <> 0 and 10 / n > 1"), "1") << "what is false already is not divided";
  EXPECT_EQ(rows.answer("-9223372036854775808 % -1 = 0 and n = 5"), "1");
}

TEST(Filter, KnowsThreeValues) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("ok"), "0 3 5");
  EXPECT_EQ(rows.answer("not ok"), "1 4");
  EXPECT_EQ(rows.answer("ok is null"), "2");
  EXPECT_EQ(rows.answer("ok is not true"), "1 2 4");
  EXPECT_EQ(rows.answer("ok is unknown or ok is false"), "1 2 4");
  EXPECT_EQ(rows.answer("ok or n = -7"), "0 2 3 5");
  EXPECT_EQ(rows.answer("not (ok and n = 0)"), "1 2 4 5");
  EXPECT_EQ(rows.answer("null"), "");
  EXPECT_EQ(rows.answer("n = null"), "");
  EXPECT_EQ(rows.answer("n is distinct from 5"), "0 2 3 4 5");
  EXPECT_EQ(rows.answer("n is not distinct from null"), "3");
}

TEST(Filter, ComparesStrings) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("s = 'abc'"), "1");
  EXPECT_EQ(rows.answer("s < 'a'"), "0 2 5");
  EXPECT_EQ(rows.answer("s like '_t_'"), "4") << "a character, not a byte";
  EXPECT_EQ(rows.answer("s ilike 'a%C'"), "1 2");
  EXPECT_EQ(rows.answer("s like '50\\% %'"), "5");
  EXPECT_EQ(rows.answer("s not like '%b%' and s like '%'"), "0 2 4 5");
  EXPECT_EQ(rows.answer("s in ('abc', 'ABC')"), "1 2");
  EXPECT_EQ(rows.answer("s like 'a\\'"), "where, character 8: a pattern does not end in a backslash (near ''a\\'')");
}

TEST(Filter, ReadsTimes) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("at = '1970-01-02'"), "1");
  EXPECT_EQ(rows.answer("at > timestamp '2023-11-14 22:13:19.999999'"), "4");
  EXPECT_EQ(rows.answer("at = '2023-11-15T00:13:20+02'"), "4");
  EXPECT_EQ(rows.answer("at::text = '1969-12-31 23:59:59.999999'"), "3");
  EXPECT_EQ(rows.answer("at < date '1970-01-01'"), "3");
  EXPECT_EQ(rows.answer("at = 'yesterday'"), "where, character 6: 'yesterday' is no timestamp (near ''yesterday'')");
  EXPECT_EQ(rows.answer("at > '2023-02-29'"), "where, character 6: '2023-02-29' is no timestamp (near ''2023-02-29'')");
}

TEST(Filter, LooksIntoLists) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("'a' in tags"), "0 5");
  EXPECT_EQ(rows.answer("'a' = any(tags)"), "0 5");
  EXPECT_EQ(rows.answer("'a' not in tags"), "1 3 4");
  EXPECT_EQ(rows.answer("tags @> '{a,b}'"), "0");
  EXPECT_EQ(rows.answer("tags @> '{}'"), "0 1 3 4 5");
  EXPECT_EQ(rows.answer("tags <@ array['a', 'b']"), "0 1 3 5");
  EXPECT_EQ(rows.answer("tags && '{\"a,b\", b}'"), "0 3 4");
  EXPECT_EQ(rows.answer("tags is null"), "2");
}

TEST(Filter, TakesMembersOfJson) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("doc->>'k' = 'v'"), "0");
  EXPECT_EQ(rows.answer("doc->>'k' is null"), "1 2 3 5");
  EXPECT_EQ(rows.answer("doc->'k' is null"), "2 3 5") << "a member that is null is there";
  EXPECT_EQ(rows.answer("(doc->>'n')::int > 2"), "0");
  EXPECT_EQ(rows.answer("doc->'list'->>0 = '10'"), "1");
  EXPECT_EQ(rows.answer("doc->'list'->-1->>'y' = 'true'"), "1");
  EXPECT_EQ(rows.answer("doc->>1 = '2'"), "2");
  EXPECT_EQ(rows.answer("doc->>'key' = 'a\"b\U0001F600'"), "4");
  EXPECT_EQ(rows.answer("doc->>'k' = 'last'"), "4");
  EXPECT_EQ(rows.answer("(doc->>'k')::bigint = 1"),
            "where, character 12: 'v' in a row is no int64 (near '::bigint = 1')");
}

TEST(Filter, TakesParametersAsValues) {
  const Rows rows = some_rows();
  EXPECT_EQ(rows.answer("s = ? and n<?", {{"abc"}, {int64_t{6}}}), "1");
  EXPECT_EQ(rows.answer("s = ?", {{"' or true or s = '"}}), "");
  EXPECT_EQ(rows.answer("n in ?", {{ValueList{{int64_t{5}}, {2020.0}, {}}}}), "1 5");
  EXPECT_EQ(rows.answer("n = any(?)", {{ValueList{}}}), "");
  EXPECT_EQ(rows.answer("? in tags", {{"b"}}), "0 3");
  EXPECT_EQ(rows.answer("at >= ?", {{Timestamp{86'400'000'000}}}), "1 4");
  EXPECT_EQ(rows.answer("s = '?' or n = ?", {{int64_t{0}}}), "0") << "none in a string";
  const Where::Named named[] = {{"low", {int64_t{0}}}, {"high", {int64_t{10}}}};
  EXPECT_EQ(rows.answer({.text = "n between :low and :high and n::text <> :low::text", .named = named}), "1");
  EXPECT_EQ(rows.answer("n = ?"), "where, character 5: question mark 1 has no value: 0 are given (near '?')");
  EXPECT_EQ(rows.answer("n = 1", {{int64_t{1}}}), "where: 1 values are given for 0 question marks");
  EXPECT_EQ(rows.answer("n = :x"), "where, character 5: parameter ':x' has no value (near ':x')");
}

TEST(Filter, SaysWhatIsWrongAndWhere) {
  const Rows rows = some_rows();
  const auto says = [&](std::string_view text, std::string_view what) {
    const std::string message = rows.answer(text);
    EXPECT_NE(message.find(what), std::string::npos) << text << ": " << message;
  };
  says("yeer = 1", "where, character 1: no column 'yeer'; there are n, x, ok, s, at, tags, doc");
  says("s = '\u00e9' and yeer = 1", "where, character 13: no column 'yeer'");
  says("n = ? and", "question mark 1 has no value");
  says("n =", "character 4: the condition is not complete (at its end)");
  says("s = '\u00e9' = = 1", "character 9: syntax error at or near");
  says("n = 1)", "character 6: this parenthesis was never opened");
  says("(n = 1", "character 1: this parenthesis is never closed");
  says("n = 1; drop table x", "character 6: a condition ends without a semicolon");
  says("n = 'x", "character 5: this quote is never closed");
  says("n = 1 order by n", "syntax error");
  says("n", "a condition is true or false, and this is int64");
  says("n = s", "int64 and string are not compared");
  says("n = 'x'", "'x' is no int64");
  says("doc = '{}'", "JSON is not compared");
  says("tags = '{}'", "lists are compared by @>");
  says("length(s) = 1", "a condition knows no functions");
  says("n in (select 1)", "a condition has no queries in it");
  says("n = $1", "parameters are written ? or :name");
  says("t.n = 1", "a column is named by one word");
  says("n = 1 /* ", "this comment is never closed");
  says("-- nothing", "the condition is not complete");
  says("s ~ 'a'", "the operator ~ is unknown");
  says("s::date = '2020-01-01'", "only constants are cast to date");
}

TEST(Filter, HasLimits) {
  const Rows rows = some_rows();
  const auto repeated = [](std::string_view text, size_t times) {
    std::string all;
    for (size_t i = 0; i < times; ++i) all += text;
    return all;
  };
  EXPECT_EQ(rows.answer("n = 5" + repeated(" or n = 0", 5000)), "0 1");
  EXPECT_EQ(rows.answer("n in (5" + repeated(", 0", 20'000) + ")"), "0 1");
  EXPECT_EQ(rows.answer(repeated("(", 90) + "n = 5" + repeated(")", 90)), "1");
  for (const std::string& deep : {repeated("(", 5000) + "n = 5" + repeated(")", 5000), repeated("not ", 5000) + "ok",
                                  "n = 1" + repeated("+1", 8000), "n = " + repeated("- ", 5000) + "1",
                                  "ok" + repeated(" is true", 5000), "n" + repeated("::int", 5000) + " = 1"}) {
    EXPECT_NE(rows.answer(deep).find("more than 100 operators, words"), std::string::npos) << rows.answer(deep);
  }
  EXPECT_NE(rows.answer(std::string(kTextBytesMax + 1, ' ')).find("at most 1048576 bytes"), std::string::npos);
  std::string doubling = "ok";
  for (int level = 0; level < 40; ++level) doubling = "(" + doubling + " between false and true)";
  EXPECT_NE(rows.answer(doubling).find("looked at several times"), std::string::npos) << rows.answer(doubling);
}

TEST(Filter, RefusesBytesThatAreNoText) {
  const Rows rows = some_rows();
  EXPECT_EQ(code_of(Filter::make(rows.schema(), {.text = "s = '\xff'"})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(Filter::make(rows.schema(), {.text = std::string_view("ok\0 or true", 11)})),
            ErrorCode::kInvalidArgument);
}

TEST(Filter, KnowsLongNames) {
  const std::string long_name(100, 'n');
  const std::string other(63, 'm');
  Rows rows;
  rows.add(long_name, Column<int64_t>{1, 2});
  rows.add(other + "1", Column<int64_t>{1, 2});
  rows.add(other + "2", Column<int64_t>{1, 2});
  testing::internal::CaptureStderr();
  EXPECT_EQ(rows.answer(long_name + " = 2"), "1");
  EXPECT_NE(rows.answer(other + "1 = 2").find("no column"), std::string::npos) << "two begin so";
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << "the parser's notices";
}

// The parser would like to collect what it writes to stderr: a file descriptor of the whole process.
TEST(Filter, LeavesStderrAlone) {
  const Rows rows = some_rows();
  struct stat before {};
  ASSERT_EQ(fstat(STDERR_FILENO, &before), 0);
  std::atomic<size_t> left{2};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i)
        EXPECT_EQ(code_of(Filter::make(rows.schema(), {.text = "n = 1 and s like 'a%'"})), std::nullopt);
      --left;
    });
  }
  while (left > 0) {
    struct stat now {};
    ASSERT_EQ(fstat(STDERR_FILENO, &now), 0);
    ASSERT_EQ(now.st_ino, before.st_ino);
  }
  for (std::thread& thread : threads) thread.join();
}

// Blocks, words and their ends, against a loop.
TEST(Filter, GoesThroughManyRows) {
  constexpr uint64_t kSeed = 11;
  base::Random random(kSeed);
  for (const size_t count : {1U, 63U, 64U, 65U, 1023U, 1024U, 1025U, 5000U}) {
    Column<int64_t> a(count);
    Column<double> b(count);
    Column<std::string> c(count);
    for (size_t row = 0; row < count; ++row) {
      if (random.below(10) != 0) a[row] = static_cast<int64_t>(random.below(100));
      if (random.below(10) != 0) b[row] = static_cast<double>(random.below(100)) / 4;
      if (random.below(10) != 0) c[row] = std::to_string(random.below(100));
    }
    Rows rows;
    rows.add("a", a);
    rows.add("b", b);
    rows.add("c", c);
    const auto passes = must(rows.passing({.text = "a < 50 and (b >= 12.5 or c like '1%') or a = b"}));
    for (size_t row = 0; row < count; ++row) {
      const bool small = a[row] && *a[row] < 50;
      const bool either = (b[row] && *b[row] >= 12.5) || (c[row] && c[row]->starts_with('1'));
      const bool equal = a[row] && b[row] && static_cast<double>(*a[row]) == *b[row];
      EXPECT_EQ(passes[row], (small && either) || equal) << "row " << row << " of " << count << ", seed " << kSeed;
    }
  }
}

TEST(Filter, ReadsOnlyRowsThatAreAskedFor) {
  Rows rows;
  rows.add("n", Column<int64_t>{0, 1, 2, 3});
  const auto filter = must(Filter::make(rows.schema(), {.text = "10 / n >= 5"}));
  EXPECT_EQ(filter->columns().size(), 1U);
  const int64_t values[] = {0, 1, 2, 3};
  const ColumnSpan spans[] = {{.values = reinterpret_cast<const std::byte*>(values)}};
  uint64_t wanted[] = {0b0110};
  EXPECT_EQ(message_of(filter->evaluate(spans, 0, wanted)), "");
  EXPECT_EQ(wanted[0], 0b0110U);
  wanted[0] = 0b1111;
  EXPECT_EQ(code_of(filter->evaluate(spans, 0, wanted)), ErrorCode::kInvalidArgument);
}

TEST(Filter, FindsNothingInColumnsWithoutArrays) {
  Schema schema;
  schema.columns.push_back({.name = "n", .type = Type::kInt64});
  schema.columns.push_back({.name = "s", .type = Type::kString});
  const std::vector<std::byte> null(64);
  const ColumnSpan spans[] = {{.validity = null.data()}, {.validity = null.data()}};
  for (const auto& [text, expected] :
       {std::pair("n = 0 or s = ''", uint64_t{0}), {"n is null and s is null", ~uint64_t{0}}}) {
    uint64_t rows[] = {~uint64_t{0}};
    EXPECT_EQ(message_of(must(Filter::make(schema, {.text = text}))->evaluate(spans, 0, rows)), "");
    EXPECT_EQ(rows[0], expected) << text;
  }
}

}  // namespace
}  // namespace omendb::filter
