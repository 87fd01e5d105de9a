// The shape in which checked rows reach the log and the columns. What is refused, and with which words, tests/bad_input_test.cc asks at the door.

#include "engine/base/test_result.h"
#include "engine/table/rows.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <limits>
#include <string>

namespace omendb::table {
namespace {

ColumnSpec column(std::string name, Type type) {
  ColumnSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.vector.dims = 2;
  return spec;
}

Schema schema_with(Type type) {
  Schema schema{{column("id", Type::kInt64), column("c", type)}};
  schema.columns[0].primary_key = true;
  return schema;
}

constexpr std::array<int64_t, 3> kIds = {1, 2, 3};

Result<Rows> check(const Schema& schema, ColumnView view) {
  ColumnView ids;
  ids.name = "id";
  ids.ints = kIds.data();
  view.name = "c";
  const std::array<ColumnView, 2> views = {ids, view};
  return check_rows(schema, "t", {3, views});
}

std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(CheckRows, BorrowsFixedWidthValuesWithoutNulls) {
  const std::array<double, 3> doubles = {1.5, -0.0, std::numeric_limits<double>::infinity()};
  ColumnView view;
  view.doubles = doubles.data();
  const Rows rows = base::must(check(schema_with(Type::kFloat64), view));
  EXPECT_EQ(rows.columns[1].nulls, Nulls::kNone);
  EXPECT_EQ(static_cast<const void*>(rows.columns[1].values.data()), static_cast<const void*>(doubles.data()));
  EXPECT_EQ(rows.columns[1].values.size(), 24U);
}

TEST(CheckRows, TurnsTheValuesOfNullRowsIntoZeros) {
  const std::array<int64_t, 3> ints = {7, 8, 9};
  const std::array<uint8_t, 3> validity = {1, 0, 1};
  ColumnView view;
  view.ints = ints.data();
  view.validity = validity.data();
  const Rows rows = base::must(check(schema_with(Type::kTimestamp), view));
  std::array<int64_t, 3> stored{};
  std::memcpy(stored.data(), rows.columns[1].values.data(), sizeof(stored));
  EXPECT_EQ(stored, (std::array<int64_t, 3>{7, 0, 9}));
  EXPECT_EQ(ints[1], 8) << "the caller's values are not touched";
  EXPECT_EQ(rows.columns[1].nulls, Nulls::kSome);
}

TEST(CheckRows, IgnoresWhatStandsInNullRows) {
  const std::array<float, 6> floats = {1, 2, std::numeric_limits<float>::quiet_NaN(), 4, 5, 6};
  const std::array<uint8_t, 3> validity = {1, 0, 1};
  ColumnView view;
  view.floats = floats.data();
  view.dims = 2;
  view.validity = validity.data();
  EXPECT_TRUE(check(schema_with(Type::kVector), view).ok());
  view.validity = nullptr;
  EXPECT_EQ(base::code_of(check(schema_with(Type::kVector), view)), ErrorCode::kInvalidArgument);
}

TEST(CheckRows, AColumnOfNothingButNullsNeedsNoValues) {
  const std::array<uint8_t, 3> validity = {0, 0, 0};
  for (const Type type : {Type::kBool, Type::kFloat64, Type::kString, Type::kStringList, Type::kVector}) {
    ColumnView view;
    view.validity = validity.data();
    EXPECT_EQ(base::must(check(schema_with(type), view)).columns[1].nulls, Nulls::kAll);
  }
  const std::array<uint8_t, 3> all_valid = {1, 1, 1};
  ColumnView view;
  view.validity = all_valid.data();
  EXPECT_EQ(base::code_of(check(schema_with(Type::kBool), view)), ErrorCode::kSchema) << "values are missing";
}

TEST(CheckRows, ReadsStringsFromTheMiddleOfABuffer) {
  const std::array<int64_t, 4> offsets = {2, 5, 5, 8};
  ColumnView view;
  view.offsets = offsets.data();
  view.chars = "..onetwo..";
  const Rows rows = base::must(check(schema_with(Type::kString), view));
  EXPECT_EQ(text_of(rows.columns[1].values), "onetwo");
  EXPECT_EQ(rows.columns[1].length(0), 3U);
  EXPECT_EQ(rows.columns[1].length(1), 0U);
  EXPECT_EQ(rows.columns[1].length(2), 3U);
}

TEST(CheckRows, LeavesOutTheBytesOfNullStrings) {
  const std::array<int64_t, 4> offsets = {0, 3, 6, 9};
  const std::array<uint8_t, 3> validity = {1, 0, 1};
  ColumnView view;
  view.offsets = offsets.data();
  view.chars = "one\xFF\xFF\xFFtwo";
  view.validity = validity.data();
  const Rows rows = base::must(check(schema_with(Type::kText), view));
  EXPECT_EQ(text_of(rows.columns[1].values), "onetwo");
  EXPECT_EQ(rows.columns[1].length(1), 0U);
}

TEST(CheckRows, EmptyStringsNeedNoCharacters) {
  const std::array<int64_t, 4> offsets = {0, 0, 0, 0};
  const std::array<uint8_t, 3> validity = {1, 0, 1};
  for (const uint8_t* given : {static_cast<const uint8_t*>(nullptr), validity.data()}) {
    ColumnView view;
    view.offsets = offsets.data();
    view.validity = given;
    EXPECT_TRUE(base::must(check(schema_with(Type::kString), view)).columns[1].values.empty());
  }
}

TEST(CheckRows, ListsAreCountsLengthsAndBytes) {
  const std::array<int64_t, 4> list_offsets = {0, 2, 2, 3};
  const std::array<int64_t, 4> offsets = {0, 1, 3, 3};
  ColumnView view;
  view.list_offsets = list_offsets.data();
  view.offsets = offsets.data();
  view.chars = "abb";
  const Rows rows = base::must(check(schema_with(Type::kStringList), view));
  const auto u32 = [](uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), sizeof(value)); };
  EXPECT_EQ(text_of(rows.columns[1].values), u32(2) + u32(1) + "a" + u32(2) + "bb" + u32(0) + u32(1) + u32(0));
  EXPECT_EQ(rows.columns[1].length(0), 4U + 5U + 6U);
  EXPECT_EQ(rows.columns[1].length(1), 4U);
}

TEST(CheckRows, JsonIsAnyValueAndNothingBehindIt) {
  const auto code = [](std::string_view json) {
    const std::array<int64_t, 4> offsets = {0, static_cast<int64_t>(json.size()), static_cast<int64_t>(json.size()),
                                            static_cast<int64_t>(json.size())};
    const std::array<uint8_t, 3> validity = {1, 0, 0};
    ColumnView view;
    view.offsets = offsets.data();
    view.chars = json.data();
    view.validity = validity.data();
    return base::code_of(check(schema_with(Type::kJson), view));
  };
  for (const std::string_view good : {"1", "null", "\"text\"", "[]", "{\"a\": [1, 2.5e3, {\"b\": false}]}", " true "})
    EXPECT_EQ(code(good), std::nullopt) << good;
  for (const std::string_view bad : {"", "{", "[1,]", "1 2", "nul", "{\"a\" 1}", "'x'"})
    EXPECT_EQ(code(bad), ErrorCode::kInvalidArgument) << bad;
}

TEST(CheckRows, ColumnsLeftOutAreNull) {
  ColumnView ids;
  ids.name = "id";
  ids.ints = kIds.data();
  const Rows rows = base::must(check_rows(schema_with(Type::kVector), "t", {3, {&ids, 1}}));
  EXPECT_EQ(rows.columns[1].nulls, Nulls::kAll);
  EXPECT_EQ(rows.row_count, 3U);
  EXPECT_EQ(base::must(check_rows(schema_with(Type::kVector), "t", {0, {&ids, 1}})).row_count, 0U);
}

TEST(CheckRows, BitsAreBorrowedAndNoneLiesBehindTheLast) {
  Schema schema = schema_with(Type::kVector);
  schema.columns[1].vector = {.dims = 11, .metric = Metric::kHamming, .element = Element::kBit};
  EXPECT_EQ(fixed_width(schema.columns[1]), 2U);
  std::array<uint8_t, 6> bits = {0xFF, 0xE0, 0, 0, 1, 0x20};
  ColumnView view;
  view.bits = bits.data();
  view.dims = 11;
  const Rows rows = base::must(check(schema, view));
  EXPECT_EQ(static_cast<const void*>(rows.columns[1].values.data()), static_cast<const void*>(bits.data()));
  EXPECT_EQ(rows.columns[1].values.size(), 6U);
  view.dims = 16;  // as one who knows bytes only says it
  EXPECT_TRUE(check(schema, view).ok());
  view.dims = 17;
  EXPECT_EQ(base::message_of(check(schema, view)),
            "column 'c' of table 't': holds rows of 11 bits, but rows of 17 were given");
  view.dims = 11;
  bits[3] = 0x10;
  EXPECT_EQ(base::message_of(check(schema, view)),
            "column 'c' of table 't', row 1: the bits behind the last of 11 are not 0");
  const std::array<uint8_t, 3> validity = {1, 0, 1};
  view.validity = validity.data();
  const Rows with_null = base::must(check(schema, view));
  EXPECT_EQ(with_null.columns[1].values[3], std::byte{0}) << "the bits of a null row are zeros";
  const std::array<float, 33> floats = {};
  view.bits = nullptr;
  view.floats = floats.data();
  EXPECT_EQ(base::message_of(check(schema, view)), "column 'c' of table 't': is bits, but vectors were given");
  view.floats = nullptr;
  view.bits = bits.data();
  EXPECT_EQ(base::message_of(check(schema_with(Type::kVector), view)),
            "column 'c' of table 't': is vector, but bits were given");
}

}  // namespace
}  // namespace omendb::table
