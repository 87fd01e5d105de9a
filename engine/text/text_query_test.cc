#include "engine/text/text_query.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace omendb::text {
namespace {

using base::code_of;
using base::message_of;
using base::must;
using Kind = QueryNode::Kind;

// A tree in one line: or(red +must -"a phrase"~2).
std::string shown(const QueryNode& node) {
  std::string text = node.column.empty() ? "" : node.column + ":";
  switch (node.kind) {
    case Kind::kWord: text += node.word; break;
    case Kind::kPrefix: text += node.word + "*"; break;
    case Kind::kFuzzy: text += node.word + "~" + (node.edits == 0 ? "" : std::to_string(node.edits)); break;
    case Kind::kPhrase: text += '"' + node.word + '"' + (node.slop == 0 ? "" : "~" + std::to_string(node.slop)); break;
    case Kind::kText: text += "text(" + node.word + ")"; break;
    default: {
      text += node.kind == Kind::kAnd ? "and(" : node.kind == Kind::kOr ? "or(" : "boolean(";
      for (size_t i = 0; i < node.children.size(); ++i) {
        text += i == 0 ? "" : " ";
        if (node.kind == Kind::kBoolean && node.occurs[i] != QueryNode::Occur::kShould)
          text += node.occurs[i] == QueryNode::Occur::kMust ? "+" : "-";
        text += shown(*node.children[i]);
      }
      text += ")";
    }
  }
  if (node.boost != 1) text += "^" + std::to_string(node.boost).substr(0, 4);
  return text;
}

std::string tree(std::string_view query) {
  auto parsed = parse_query(query);
  return parsed.ok() ? shown(**parsed) : parsed.error().message;
}

TEST(ParseQuery, WordsAreAnyOfThem) {
  EXPECT_EQ(tree(""), "or()");
  EXPECT_EQ(tree(" \t\n"), "or()");
  EXPECT_EQ(tree("red"), "red");
  EXPECT_EQ(tree("red  bicycle"), "or(red bicycle)");
  EXPECT_EQ(tree("red OR bicycle"), "or(red bicycle)");
  EXPECT_EQ(tree("wi-fi c++ and or not"), "or(wi-fi c++ and or not)");
  EXPECT_EQ(tree("rot\u3000Haus\u00a0am Käse"), "or(rot Haus am Käse)");
  EXPECT_EQ(tree("ANDREW ORB NOTE"), "or(ANDREW ORB NOTE)");
}

TEST(ParseQuery, OperatorsBind) {
  EXPECT_EQ(tree("a AND b"), "and(a b)");
  EXPECT_EQ(tree("a AND b AND c"), "and(a b c)");
  EXPECT_EQ(tree("a AND b OR c"), "or(and(a b) c)");
  EXPECT_EQ(tree("a b AND c"), "or(a and(b c))");
  EXPECT_EQ(tree("(a OR b) AND c"), "and(or(a b) c)");
  EXPECT_EQ(tree("+must -not maybe"), "boolean(+must -not maybe)");
  EXPECT_EQ(tree("+a +b"), "boolean(+a +b)");
  EXPECT_EQ(tree("NOT d"), "boolean(-d)");
  EXPECT_EQ(tree("a AND NOT b"), "boolean(+a -b)");
  EXPECT_EQ(tree("a AND -b"), "boolean(+a -b)");
  EXPECT_EQ(tree("a NOT(b c)"), "boolean(a -or(b c))");
  EXPECT_EQ(tree("((a))"), "a");
}

TEST(ParseQuery, WordsHaveMarks) {
  EXPECT_EQ(tree("pref*"), "pref*");
  EXPECT_EQ(tree("wrod~ wrod~1 wrod~2"), "or(wrod~ wrod~1 wrod~2)");
  EXPECT_EQ(tree("\"a phrase\" \"near words\"~3"), "or(\"a phrase\" \"near words\"~3)");
  EXPECT_EQ(tree("a\"b\"c"), "or(a \"b\" c)");
  EXPECT_EQ(tree("word^2 \"p q\"~1^0.5 (a b)^3 pre*^2 f~1^2"),
            "or(word^2.00 \"p q\"~1^0.50 or(a b)^3.00 pre*^2.00 f~1^2.00)");
  EXPECT_EQ(tree("title:word title:\"p q\" title:pre* title:(a b)"),
            "or(title:word title:\"p q\" title:pre* title:or(a b))");
  EXPECT_EQ(tree("+title:word -body:x"), "boolean(+title:word -body:x)");
}

TEST(ParseQuery, BackslashesTakeMeaning) {
  EXPECT_EQ(tree("12\\:30 a\\*b \\+plus \\\"quote \\AND"), "or(12:30 a*b +plus \"quote AND)");
  EXPECT_EQ(tree("\"a \\\" b\""), "\"a \" b\"");
  EXPECT_EQ(tree("a\\ b"), "a b");
}

TEST(ParseQuery, FaultsNameTheirPlace) {
  EXPECT_EQ(tree("käse AND"), "query, character 9: a word is missing here (at its end)");
  EXPECT_EQ(tree("AND b"), "query, character 1: nothing stands before AND (near 'AND b')");
  EXPECT_EQ(tree("OR b"), "query, character 1: nothing stands before OR (near 'OR b')");
  EXPECT_EQ(tree("a OR OR b"), "query, character 6: nothing stands before OR (near 'OR b')");
  EXPECT_EQ(tree("a OR"), "query, character 5: nothing stands after OR (at its end)");
  EXPECT_EQ(tree("a AND OR b"), "query, character 7: an operator after an operator (near 'OR b')");
  EXPECT_EQ(tree("NOT NOT b"), "query, character 5: an operator after an operator (near 'NOT b')");
  EXPECT_EQ(tree("(a"), "query, character 1: this parenthesis is never closed (near '(a')");
  EXPECT_EQ(tree("a)"), "query, character 2: this parenthesis was never opened (near ')')");
  EXPECT_EQ(tree("a ()"), "query, character 3: nothing stands between these parentheses (near '()')");
  EXPECT_EQ(tree("a \"b"), "query, character 3: this quote is never closed (near '\"b')");
  EXPECT_EQ(tree("a - b"), "query, character 3: nothing stands after this sign (near '- b')");
  EXPECT_EQ(tree("*"), "query, character 1: no word stands before *; write \\* for the character (near '*')");
  EXPECT_EQ(tree("a*b"), "query, character 3: a word ends at *; write \\* for the character (near 'b')");
  EXPECT_EQ(tree("a~3"), "query, character 2: after a word ~ takes 1 or 2, or nothing (near '~3')");
  EXPECT_EQ(tree("\"a\"~x"), "query, character 4: after a phrase ~ takes a number from 0 to 1048576 (near '~x')");
  EXPECT_EQ(tree("a^x"), "query, character 2: ^ takes a number above 0, at most 1000000 (near '^x')");
  EXPECT_EQ(tree("a^0"), "query, character 2: ^ takes a number above 0, at most 1000000 (near '^0')");
  EXPECT_EQ(tree("a^nan"), "query, character 2: ^ takes a number above 0, at most 1000000 (near '^nan')");
  EXPECT_EQ(tree("a^2b"), "query, character 4: a space is missing after the boost (near 'b')");
  EXPECT_EQ(tree("title: word"),
            "query, character 7: a word is missing after the colon; write \\: for the character (near ' word')");
  EXPECT_EQ(tree("a:b:c"), "query, character 4: a second column's name; write \\: for the character (near ':c')");
  EXPECT_EQ(tree(":c"),
            "query, character 1: no column's name stands before this colon; write \\: for the character (near ':c')");
  EXPECT_EQ(tree("a\\"), "query, character 2: nothing stands after this backslash (near '\\')");
}

TEST(ParseQuery, PlacesAreCountedInCharacters) {
  const auto query = must(parse_query("ä (ö ü:ß) \"x\""));
  ASSERT_EQ(query->children.size(), 3U);
  EXPECT_EQ(query->children[1]->children[1]->place, 7U);
  EXPECT_EQ(query->children[1]->children[1]->character, 6U);
  EXPECT_EQ(query->children[2]->character, 11U);
}

TEST(ParseQuery, DepthAndSizeHaveLimits) {
  const auto nested = [](size_t depth) { return std::string(depth, '(') + "a" + std::string(depth, ')'); };
  EXPECT_EQ(tree(nested(kQueryDepthMax)), "a");
  EXPECT_EQ(code_of(parse_query(nested(kQueryDepthMax + 1))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(parse_query(std::string(kQueryBytesMax, '('))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(message_of(parse_query(std::string(kQueryBytesMax + 1, 'a'))), "query: 1048577 bytes, at most 1048576");
  std::string many;
  while (many.size() + 4 <= kQueryBytesMax) many += "a:b ";  // takes time in proportion to its length
  EXPECT_EQ(must(parse_query(many))->children.size(), kQueryBytesMax / 4);
}

TEST(ParseQuery, AnyBytesAreATreeOrAFault) {
  const std::string pieces[] = {"(", ")", "\"", "AND", "OR", "NOT",  "+",    "-",    ":", "*",
                                "~", "^", "\\", " ",   "2",  "word", "\xff", "\xc3", "ä"};
  for (uint64_t seed = 1; seed <= base::scaled(50'000); ++seed) {
    base::Random random(seed);
    std::string query;
    for (uint64_t i = random.below(20); i > 0; --i) {
      if (random.one_in(8))
        query += static_cast<char>(random.below(256));
      else
        query += pieces[random.below(std::size(pieces))];
    }
    const auto parsed = parse_query(query);
    if (parsed.ok())
      ASSERT_LT(shown(**parsed).size(), 8 * query.size() + 8) << "seed " << seed;
    else
      ASSERT_EQ(parsed.error().message.substr(0, 17), "query, character ") << "seed " << seed;
  }
}

TEST(PlainQuery, TakesOperatorsAsWords) {
  EXPECT_EQ(shown(*plain_query("red AND (blue* \"")), "text(red AND (blue* \")");
  EXPECT_EQ(shown(*plain_query("")), "text()");
}

}  // namespace
}  // namespace omendb::text
