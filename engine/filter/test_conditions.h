#pragma once

// For tests: random rows of columns that conditions read by shortcuts, and random conditions over them.

#include "engine/base/random.h"
#include "engine/filter/test_rows.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <limits>
#include <string>

namespace omendb::filter {

inline constexpr const char* kInts[] = {
    "-9223372036854775808", "-9223372036854775807", "-1", "0", "1", "2", "5", "9007199254740993",
    "9223372036854775806",  "9223372036854775807"};
inline constexpr const char* kFloats[] = {
    "'-Infinity'::float8", "-9223372036854775808.0", "-1.5",  "'-0'::float8",       "0.0",          "0.5", "2.0",
    "9007199254740992.0",  "9223372036854775808.0",  "1e300", "'Infinity'::float8", "'NaN'::float8"};
inline constexpr const char* kTexts[] = {"",          "a",         "b",   "abcdefg", "abcdefgh",     "abcdefgi",
                                         "abcdefghi", "abcdefghj", "50%", "x_y",     "\u00e9t\u00e9"};
inline constexpr const char* kPatterns[] = {"%",  "",     "a%",      "abcdefgh%", "%h",        "%def%",
                                            "%%", "a_c%", "abc%fg_", "50\\%",     "abcdefghi", "%\u00e9"};

// Of JSON: members that are numbers, as they may be written.
inline constexpr const char* kWrittenInts[] = {
    "7", "-1", "\"5\"", "\" 2 \"", "\"+1\"", "0", "9007199254740993", "null", "9223372036854775807"};
inline constexpr const char* kWrittenFloats[] = {"0.5",   "-1.5", "\"NaN\"",          "\"-Infinity\"", "2",
                                                 "1e300", "-0",   "9007199254740992", "\" inf\"",      "null"};
inline constexpr const char* kNames[] = {"k", "l", "kk"};
inline constexpr const char* kOperators[] = {"=", "<>", "<", "<=", ">", ">="};
inline constexpr const char* kTwoOperators[] = {"<", ">="};
inline constexpr const char* kColumns[] = {"n", "x", "s", "doc", "tags"};
inline constexpr const char* kWords[] = {" and ", " or "};

template <size_t kCount>
inline std::string one_of(const char* const (&some)[kCount], base::Random& random) {
  return some[random.below(kCount)];
}
inline std::string quoted(const std::string& text) { return "'" + text + "'"; }

inline Rows random_rows(size_t count, base::Random& random) {
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
      doc[row] = fmt::format(
          R"({{"f": "{}", "{}": "{}", "z": [1, {{"k": 2}}], "o": {{"{}": "{}", "i": {}}}, "i": {}, "r": {}}})", filler,
          name, one_of(kTexts, random), one_of(kNames, random), one_of(kTexts, random), one_of(kWrittenInts, random),
          one_of(kWrittenInts, random), one_of(kWrittenFloats, random));
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
inline std::string list_of(base::Random& random, const Make& make) {
  std::string list;
  for (uint64_t i = random.one_in(4) ? 30 : 1 + random.below(4); i > 0; --i)
    list += (list.empty() ? "" : ", ") + make();
  return list + (random.one_in(5) ? ", null" : "");
}

inline std::string random_part(base::Random& random) {
  const std::string op = one_of(kOperators, random);
  const auto number = [&] { return random.one_in(2) ? one_of(kInts, random) : one_of(kFloats, random); };
  const auto any_int = [&] {
    return std::to_string(static_cast<int64_t>(random.below(random.one_in(2) ? 40 : uint64_t{1} << 60)));
  };
  const auto text = [&] { return quoted(one_of(kTexts, random)); };
  switch (random.below(20)) {
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
    case 10: return fmt::format("doc->>'k' {} {}", op, text());
    case 11: return fmt::format("tags @> array[{}]", list_of(random, text));
    case 12: return fmt::format("array[{}] && tags", list_of(random, text));
    case 13: return fmt::format("doc->>'k' {}", random.one_in(2) ? "= " + text() : "is null");
    case 14: return fmt::format("doc->'o'->>'k' {} {}", op, text());
    case 15: return fmt::format("doc->'z'->1->>'k' {}", random.one_in(2) ? "like '2%'" : "is null");
    case 16: return fmt::format("(doc->>'i')::int8 {} {}", op, number());
    case 17: return fmt::format("(doc->>'r')::float8 {} {}", op, number());
    case 18: return fmt::format("(doc->'o'->>'i')::int8 in ({})", list_of(random, any_int));
    default: return one_of(kColumns, random) + " is null";
  }
}

inline std::string random_condition(base::Random& random, int depth) {
  if (depth == 0 || random.one_in(3)) return random_part(random);
  if (random.one_in(5)) return fmt::format("not ({})", random_condition(random, depth - 1));
  std::string condition;
  const std::string word = one_of(kWords, random);
  for (uint64_t i = 2 + random.below(3); i > 0; --i)
    condition += fmt::format("{}({})", condition.empty() ? "" : word, random_condition(random, depth - 1));
  return condition;
}

}  // namespace omendb::filter
