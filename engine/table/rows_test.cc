#include "engine/table/rows.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"
#include "engine/table/schema_format.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

Schema example_schema() {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kString, .primary_key = true});
  schema.columns.push_back({.name = "year", .type = Type::kInt64});
  schema.columns.push_back({.name = "price", .type = Type::kFloat64});
  schema.columns.push_back({.name = "stock", .type = Type::kBool});
  schema.columns.push_back({.name = "tags", .type = Type::kStringList});
  schema.columns.push_back({.name = "extra", .type = Type::kJson});
  schema.columns.push_back({.name = "v", .type = Type::kVector, .vector = {.dims = 3}});
  return schema;
}

// A batch that owns its columns, so that tests can bend one thing at a time.
struct ExampleBatch {
  std::vector<int64_t> id_offsets = {0, 1, 2, 4};
  std::string id_chars = "abcd";
  std::vector<int64_t> years = {1999, 2000, 2001};
  std::vector<double> prices = {1.5, std::nan(""), -0.0};
  std::vector<uint8_t> stock = {1, 0, 1};
  std::vector<int64_t> tag_lists = {0, 2, 2, 3};
  std::vector<int64_t> tag_offsets = {0, 3, 3, 6};
  std::string tag_chars = "redblu";
  std::vector<int64_t> json_offsets = {0, 2, 9, 9};
  std::string json_chars = "{}[1,\"x\"]";
  std::vector<float> vectors = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  std::vector<uint8_t> json_validity = {1, 1, 0};
  std::vector<ColumnView> columns;

  BatchView view() {
    columns.clear();
    columns.push_back({.name = "id", .offsets = id_offsets.data(), .chars = id_chars.data()});
    columns.push_back({.name = "year", .ints = years.data()});
    columns.push_back({.name = "price", .doubles = prices.data()});
    columns.push_back({.name = "stock", .bools = stock.data()});
    columns.push_back(
        {.name = "tags", .list_offsets = tag_lists.data(), .offsets = tag_offsets.data(), .chars = tag_chars.data()});
    columns.push_back({.name = "extra",
                       .validity = json_validity.data(),
                       .offsets = json_offsets.data(),
                       .chars = json_chars.data()});
    columns.push_back({.name = "v", .floats = vectors.data(), .dims = 3});
    return {3, columns};
  }
};

std::string message_of(const Schema& schema, const BatchView& batch) {
  const auto rows = check_rows(schema, "t", batch);
  return rows.ok() ? "" : rows.error().message;
}

TEST(CheckRows, AcceptsEveryTypeAndNamesColumnAndRowOfWhatIsWrong) {
  const Schema schema = example_schema();
  ExampleBatch good;
  good.json_offsets = {0, 2, 9, 9};
  good.json_chars = "{}[1,\"x\"]";
  ASSERT_EQ(message_of(schema, good.view()), "");

  ExampleBatch bad = good;
  bad.vectors[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(message_of(schema, bad.view()),
            "column 'v' of table 't', row 1: component 1 is nan; vectors hold finite numbers only");
  bad = good;
  bad.vectors[8] = -std::numeric_limits<float>::infinity();
  EXPECT_EQ(message_of(schema, bad.view()),
            "column 'v' of table 't', row 2: component 2 is -inf; vectors hold finite numbers only");
  bad = good;
  bad.id_chars =
      "a\xC0"
      "cd";
  EXPECT_EQ(message_of(schema, bad.view()), "column 'id' of table 't', row 1: not valid UTF-8");
  bad = good;
  bad.json_chars[0] = '!';
  EXPECT_NE(message_of(schema, bad.view()).find("column 'extra' of table 't', row 0: not valid JSON"),
            std::string::npos);
  bad = good;
  bad.stock[2] = 7;
  EXPECT_EQ(message_of(schema, bad.view()), "column 'stock' of table 't', row 2: a boolean is 0 or 1, not 7");
  bad = good;
  bad.tag_offsets = {0, 3, 2, 6};
  EXPECT_NE(message_of(schema, bad.view()).find("offsets fall"), std::string::npos);
}

TEST(CheckRows, RefusesWrongColumnsTypesAndKeys) {
  const Schema schema = example_schema();
  ExampleBatch batch;
  BatchView view = batch.view();
  batch.columns[1].name = "jahr";
  EXPECT_EQ(message_of(schema, view),
            "table 't' has no column 'jahr'; its columns are: id, year, price, stock, tags, extra, v");
  view = batch.view();
  batch.columns[6].dims = 4;
  EXPECT_EQ(message_of(schema, view), "column 'v' of table 't': holds vectors of 3 dimensions, but 4 were given");
  view = batch.view();
  batch.columns[1] = {.name = "year", .doubles = batch.prices.data()};
  EXPECT_EQ(message_of(schema, view), "column 'year' of table 't': is int64, but floating-point numbers were given");
  view = batch.view();
  const std::vector<uint8_t> validity = {1, 0, 1};
  batch.columns[0].validity = validity.data();
  EXPECT_EQ(message_of(schema, view), "column 'id' of table 't', row 1: the primary key is null");
  view = batch.view();
  view.columns = view.columns.subspan(1);
  EXPECT_EQ(message_of(schema, view), "column 'id' of table 't': the primary key is missing from the rows");
  view = batch.view();
  batch.columns[2].name = "year";
  EXPECT_EQ(message_of(schema, view), "column 'year' was given twice");
}

std::vector<std::byte> join(const std::vector<std::span<const std::byte>>& pieces) {
  std::vector<std::byte> all;
  for (const auto piece : pieces) all.insert(all.end(), piece.begin(), piece.end());
  return all;
}

TEST(InsertRecord, ComesBackAsItWentInHoweverItIsCut) {
  const Schema schema = example_schema();
  ExampleBatch batch;
  const auto rows = check_rows(schema, "t", batch.view());
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  for (const uint64_t record_bytes_max : {1ULL, 60ULL, 1ULL << 20}) {
    const RowRecords encoded = encode_insert({9}, {100}, schema, *rows, record_bytes_max);
    EXPECT_EQ(encoded.records.size(), record_bytes_max == 1 ? 3U : record_bytes_max == 60 ? 2U : 1U);
    std::vector<std::byte> values;  // of the vector column, over all records
    uint32_t next_row = 100;
    for (const auto& pieces : encoded.records) {
      const std::vector<std::byte> payload = join(pieces);
      EXPECT_EQ(peek_table(payload)->value, 9U);
      const auto record = decode_insert(schema, payload);
      ASSERT_TRUE(record.ok()) << record.error().message;
      EXPECT_EQ(record->first_row.value, next_row);
      next_row += record->rows.row_count;
      values.insert(values.end(), record->rows.columns[6].values.begin(), record->rows.columns[6].values.end());
    }
    EXPECT_EQ(next_row, 103U);
    EXPECT_TRUE(std::equal(values.begin(), values.end(), rows->columns[6].values.begin()));
  }
}

TEST(InsertRecord, DamageIsAnErrorOrHarmlessNeverACrash) {
  const Schema schema = example_schema();
  ExampleBatch batch;
  const auto rows = check_rows(schema, "t", batch.view());
  ASSERT_TRUE(rows.ok());
  const std::vector<std::byte> payload = join(encode_insert({9}, {0}, schema, *rows, 1 << 20).records.front());
  for (size_t cut = 0; cut < payload.size(); ++cut)
    EXPECT_FALSE(decode_insert(schema, std::span(payload).first(cut)).ok()) << cut;
  for (size_t at = 0; at < payload.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> damaged = payload;
      damaged[at] ^= static_cast<std::byte>(1 << bit);
      if (const auto record = decode_insert(schema, damaged); record.ok()) {
        for (const RowsColumn& column : record->rows.columns) EXPECT_LE(column.values.size(), payload.size());
      }
    }
  }
}

// Of the metadata columns: not the key, not the vector.
TEST(PatchRecord, ComesBackAsItWentInHoweverItIsCut) {
  const Schema schema = example_schema();
  ExampleBatch batch;
  const auto rows = check_rows(schema, "t", batch.view());
  ASSERT_TRUE(rows.ok()) << rows.error().message;
  const std::vector<RowId> ids = {{7}, {3}, {4'000'000'000U}};
  for (const uint64_t record_bytes_max : {1ULL, 60ULL, 1ULL << 20}) {
    const RowRecords encoded = encode_patch({9}, 100, schema, ids, *rows, record_bytes_max);
    std::vector<RowId> read;
    std::vector<std::byte> prices;
    for (const auto& pieces : encoded.records) {
      const std::vector<std::byte> payload = join(pieces);
      EXPECT_EQ(peek_table(payload)->value, 9U);
      const auto record = decode_patch(schema, payload);
      ASSERT_TRUE(record.ok()) << record.error().message;
      EXPECT_EQ(record->first_slot, 100 + read.size());
      EXPECT_EQ(record->values.row_count, record->rows.size());
      read.insert(read.end(), record->rows.begin(), record->rows.end());
      const RowsColumn& price = record->values.columns[2];
      prices.insert(prices.end(), price.values.begin(), price.values.end());
      EXPECT_EQ(record->values.columns[0].nulls, Nulls::kAll);
      EXPECT_EQ(record->values.columns[6].nulls, Nulls::kAll);
    }
    EXPECT_EQ(read, ids);
    EXPECT_TRUE(std::ranges::equal(prices, rows->columns[2].values));
  }
}

TEST(PatchRecord, DamageIsAnErrorOrHarmlessNeverACrash) {
  const Schema schema = example_schema();
  ExampleBatch batch;
  const auto rows = check_rows(schema, "t", batch.view());
  ASSERT_TRUE(rows.ok());
  const std::vector<RowId> ids = {{7}, {3}, {5}};
  const std::vector<std::byte> payload = join(encode_patch({9}, 0, schema, ids, *rows, 1 << 20).records.front());
  for (size_t cut = 0; cut < payload.size(); ++cut)
    EXPECT_FALSE(decode_patch(schema, std::span(payload).first(cut)).ok()) << cut;
  for (size_t at = 0; at < payload.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<std::byte> damaged = payload;
      damaged[at] ^= static_cast<std::byte>(1 << bit);
      if (const auto record = decode_patch(schema, damaged); record.ok()) {
        EXPECT_LE(record->rows.size(), payload.size());
      }
    }
  }
}

TEST(Schema, ComesBackFromItsBytesAndDamageIsFound) {
  const Schema schema = with_chosen_storage(example_schema());
  const std::vector<std::byte> bytes = encode_schema(schema);
  const auto decoded = decode_schema(bytes);
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_TRUE(same_schema(schema, *decoded));
  for (size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(decode_schema(std::span(bytes).first(cut)).ok()) << cut;
}

TEST(Schema, SaysWhatIsWrongWithIt) {
  const auto message = [](const Schema& schema) {
    const auto checked = check_schema("t", schema);
    return checked.ok() ? "" : checked.error().message;
  };
  Schema schema = example_schema();
  EXPECT_EQ(message(schema), "");
  schema.columns[1].primary_key = true;
  EXPECT_EQ(message(schema), "table 't': exactly one column is the primary key (int64 or string), not 2");
  schema = example_schema();
  schema.columns[6].vector.dims = kVectorDimsMax + 1;
  EXPECT_EQ(message(schema), "column 'v' of table 't': a vector has 1 to 8192 dimensions, not 8193");
  schema = example_schema();
  schema.columns[2].name = "year";
  EXPECT_EQ(message(schema), "table 't': two columns are called 'year'");
  schema = example_schema();
  schema.columns[3].primary_key = true;
  schema.columns[0].primary_key = false;
  EXPECT_EQ(message(schema), "column 'stock' of table 't': a primary key is int64 or string");
  schema = example_schema();
  schema.columns[3].name = "a\nb";
  EXPECT_NE(message(schema), "");
}

}  // namespace
}  // namespace omendb::table
