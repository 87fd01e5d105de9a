#include "engine/table/catalog.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace omendb::table {
namespace {

Schema small_schema() {
  ColumnSpec key;
  key.name = "id";
  key.primary_key = true;
  ColumnSpec vector;
  vector.name = "v";
  vector.type = Type::kVector;
  vector.vector = {.dims = 8, .storage = VectorStorage::kF32};
  ColumnSpec extra;
  extra.name = "extra";
  extra.type = Type::kJson;
  ColumnSpec refused;
  refused.name = "refused";
  refused.index.mode = IndexMode::kNever;
  return {{key, vector, extra, refused}};
}

Catalog two_tables() {
  Catalog catalog;
  catalog.next_id = 9;
  CatalogEntry first{
      {1}, {2}, "first", small_schema(), {.row_count = 100, .live_count = 90, .vectors = {}, .texts = {}}};
  graph::Graph::Shape shape;
  shape.row_count = 64;
  shape.entry_row = 7;
  shape.entry_level = 2;
  shape.linked_rows = 60;
  shape.upper_bytes = 1234;
  first.summary.vectors.push_back({shape, 64});
  first.summary.texts.push_back({80, 1200, 33, {{{4}, 5000, 60, 7}, {{5}, 6000, 40, 3}}});
  first.summary.patch_storage = {6};
  first.summary.patch_slot_count = 12;
  first.summary.earned_indexes = {{0, column::ValueKind::kInt64, {}},
                                  {2, column::ValueKind::kJsonFloat64, {std::string("size"), int64_t{-1}}},
                                  {2, column::ValueKind::kJson, {std::string()}}};
  catalog.tables.push_back(first);
  first.summary.patch_storage = {};
  first.summary.patch_slot_count = 0;
  first.summary.earned_indexes.clear();
  first.table = {3};
  first.storage = {8};
  first.summary.texts.front().runs = {{{7}, 5000, 100, 10}};
  first.name = "second";
  catalog.tables.push_back(first);
  return catalog;
}

TEST(Catalog, ComesBackAsItWent) {
  const Catalog catalog = two_tables();
  const Catalog decoded = base::must(decode_catalog(encode(catalog)));
  EXPECT_EQ(decoded.next_id, 9U);
  ASSERT_EQ(decoded.tables.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(decoded.tables[i].table, catalog.tables[i].table);
    EXPECT_EQ(decoded.tables[i].storage, catalog.tables[i].storage);
    EXPECT_EQ(decoded.tables[i].name, catalog.tables[i].name);
    EXPECT_EQ(decoded.tables[i].summary.row_count, 100U);
    EXPECT_EQ(decoded.tables[i].summary.live_count, 90U);
    ASSERT_EQ(decoded.tables[i].summary.vectors.size(), 1U);
    EXPECT_EQ(decoded.tables[i].summary.vectors[0].watermark, 64U);
    EXPECT_EQ(decoded.tables[i].summary.vectors[0].shape.linked_rows, 60U);
    EXPECT_EQ(decoded.tables[i].summary.vectors[0].shape.upper_bytes, 1234U);
    ASSERT_EQ(decoded.tables[i].summary.texts.size(), 1U);
    const TableSummary::TextIndexSummary& text = decoded.tables[i].summary.texts[0];
    EXPECT_EQ(text.document_count, 80U);
    EXPECT_EQ(text.token_count, 1200U);
    EXPECT_EQ(text.dead_terms_bytes, 33U);
    ASSERT_EQ(text.runs.size(), i == 0 ? 2U : 1U);
    EXPECT_EQ(text.runs.back().storage.value, i == 0 ? 5U : 7U);
    EXPECT_EQ(text.runs.back().size_bytes, i == 0 ? 6000U : 5000U);
    EXPECT_EQ(text.runs.back().row_count, i == 0 ? 40U : 100U);
    EXPECT_EQ(text.runs.back().dead_documents, i == 0 ? 3U : 10U);
    EXPECT_EQ(decoded.tables[i].summary.vectors[0].shape.entry_row, 7U);
    EXPECT_EQ(decoded.tables[i].summary.patch_storage.value, i == 0 ? 6U : 0U);
    EXPECT_EQ(decoded.tables[i].summary.patch_slot_count, i == 0 ? 12U : 0U);
    EXPECT_EQ(decoded.tables[i].summary.earned_indexes, catalog.tables[i].summary.earned_indexes);
  }
  EXPECT_EQ(encode(decoded), encode(catalog));
}

std::shared_ptr<const Calibration> some_calibration() {
  return std::make_shared<const Calibration>(
      Calibration{64,
                  3,
                  60,
                  50,
                  {{1, {{1, 0.5F, 0.01F}, {2, 0.75F, 0}}}, {10, {{10, 1, 0}}}},
                  true,
                  {{ConditionKind::kScattered, 0.5F, {{10, 0.25F, 0.125F}, {15, 1, 0}}},
                   {ConditionKind::kScattered, 0.125F, {{10, 0.5F, 0}}},
                   {ConditionKind::kAway, 0.75F, {{20, 0.875F, 0}}}}});
}

TEST(Catalog, CalibrationsComeBackAsTheyWent) {
  Catalog catalog = two_tables();
  catalog.tables[0].summary.vectors[0].calibration = some_calibration();
  const Catalog decoded = base::must(decode_catalog(encode(catalog)));
  EXPECT_EQ(decoded.tables[1].summary.vectors[0].calibration, nullptr);
  const auto calibration = decoded.tables[0].summary.vectors[0].calibration;
  ASSERT_NE(calibration, nullptr);
  EXPECT_EQ(calibration->row_count, 64U);
  EXPECT_EQ(calibration->dead_rows, 3U);
  EXPECT_EQ(calibration->trained_rows, 60U);
  EXPECT_EQ(calibration->query_count, 50U);
  ASSERT_EQ(calibration->curves.size(), 2U);
  EXPECT_EQ(calibration->curves[0].points[1].recall, 0.75F);
  EXPECT_TRUE(calibration->has_filtered);
  ASSERT_EQ(calibration->filtered.size(), 3U);
  EXPECT_EQ(calibration->filtered[0].points[0].error, 0.125F);
  EXPECT_EQ(calibration->filtered[2].kind, ConditionKind::kAway);
  EXPECT_EQ(calibration->filtered[2].share, 0.75F);
  EXPECT_EQ(encode(decoded), encode(catalog));
  const std::vector<std::byte> bytes = encode(catalog);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(base::code_of(decode_catalog(std::span(bytes).first(size))), ErrorCode::kCorruption) << size << " bytes";
}

TEST(Catalog, CalibrationsThatCanNotBeAreCorruption) {
  const auto code_with = [](auto change) {
    Catalog catalog = two_tables();
    Calibration calibration = *some_calibration();
    change(calibration);
    catalog.tables[0].summary.vectors[0].calibration = std::make_shared<const Calibration>(calibration);
    return base::code_of(decode_catalog(encode(catalog)));
  };
  EXPECT_EQ(code_with([](Calibration&) {}), std::nullopt);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves.clear(); }), std::nullopt);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].k = 0; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[1].k = 1; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].points[0].ef = 0; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].points[1].ef = 1; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].points[1].recall = 1.5F; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].points[1].recall = std::nanf(""); }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.curves[0].points[1].error = -1; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered.clear(); }), std::nullopt);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[0].kind = ConditionKind{0}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[2].kind = ConditionKind{3}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[0].kind = ConditionKind::kAway; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[0].share = 0; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[0].share = std::nanf(""); }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[1].share = 0.5F; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered[0].points[1].ef = 10; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Calibration& c) { c.filtered.resize(17, c.filtered[2]); }), ErrorCode::kCorruption);
}

// Databases of before: version 5 remembers no indexes behind conditions, version 4 has no patches, version 3 no indexes of texts, version 2 no calibrations,
// version 1 no codes either.
TEST(Catalog, OlderVersionsAreRead) {
  Catalog catalog = two_tables();
  catalog.tables.pop_back();
  catalog.tables.front().summary.texts.clear();
  catalog.tables.front().summary.patch_storage = {};
  catalog.tables.front().summary.patch_slot_count = 0;
  catalog.tables.front().summary.earned_indexes.clear();
  std::vector<std::byte> bytes = encode(catalog);
  ASSERT_EQ(bytes.front(), std::byte{6});
  bytes.pop_back();  // the count of indexes behind conditions
  bytes.front() = std::byte{5};
  EXPECT_TRUE(base::must(decode_catalog(bytes)).tables[0].summary.earned_indexes.empty());
  bytes.resize(bytes.size() - 8);  // storage and slots of patches
  bytes.front() = std::byte{4};
  EXPECT_EQ(base::must(decode_catalog(bytes)).tables[0].summary.patch_storage.value, 0U);
  bytes.pop_back();  // the count of indexes of texts
  bytes.front() = std::byte{3};
  EXPECT_EQ(base::must(decode_catalog(bytes)).tables[0].summary.vectors[0].watermark, 64U);
  bytes.pop_back();  // the byte that says that there is no calibration
  bytes.front() = std::byte{2};
  EXPECT_EQ(base::must(decode_catalog(bytes)).tables[0].summary.vectors[0].watermark, 64U);
  bytes.erase(bytes.end() - 32,
              bytes.end() - 4);  // before the watermark: the root row, bytes of codes and codec, trained rows
  bytes.front() = std::byte{1};
  EXPECT_EQ(base::must(decode_catalog(bytes)).tables[0].summary.vectors[0].watermark, 64U);
  bytes.front() = std::byte{7};
  EXPECT_EQ(base::code_of(decode_catalog(bytes)), ErrorCode::kCorruption);
}

TEST(Catalog, CalibrationsOfVersion5KnowNothingOfConditions) {
  Catalog catalog = two_tables();
  catalog.tables.pop_back();
  catalog.tables.front().summary.earned_indexes.clear();
  Calibration calibration = *some_calibration();
  calibration.has_filtered = false;
  catalog.tables[0].summary.vectors[0].calibration = std::make_shared<const Calibration>(calibration);
  std::vector<std::byte> bytes = encode(catalog);
  bytes.pop_back();  // the count of indexes behind conditions
  bytes.front() = std::byte{5};
  const Catalog decoded = base::must(decode_catalog(bytes));
  EXPECT_FALSE(decoded.tables[0].summary.vectors[0].calibration->has_filtered);
  EXPECT_EQ(decoded.tables[0].summary.vectors[0].calibration->curves.size(), 2U);
  EXPECT_EQ(decoded.tables[0].summary.texts.size(), catalog.tables[0].summary.texts.size());
}

TEST(Catalog, TablesThatShareANameOrAnIdAreCorruption) {
  const auto code_with = [](auto change) {
    Catalog catalog = two_tables();
    change(catalog);
    return base::code_of(decode_catalog(encode(catalog)));
  };
  EXPECT_EQ(code_with([](Catalog&) {}), std::nullopt);
  EXPECT_EQ(code_with([](Catalog& c) { c.tables[1].name = "first"; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Catalog& c) { c.tables[1].table = {1}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Catalog& c) { c.tables[1].storage = {1}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Catalog& c) { c.next_id = 8; }), ErrorCode::kCorruption);
  const auto storage_of_run = [](Catalog& c) -> StorageId& { return c.tables[1].summary.texts[0].runs[0].storage; };
  EXPECT_EQ(code_with([&](Catalog& c) { storage_of_run(c) = {5}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([&](Catalog& c) { storage_of_run(c) = {9}; }), ErrorCode::kCorruption);
  const auto patch_storage = [](Catalog& c) -> StorageId& { return c.tables[1].summary.patch_storage; };
  EXPECT_EQ(code_with([&](Catalog& c) { patch_storage(c) = {6}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([&](Catalog& c) { patch_storage(c) = {9}; }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([&](Catalog& c) { c.tables[1].summary.patch_slot_count = 1; }), ErrorCode::kCorruption);
}

TEST(Catalog, IndexesThatCanNotBeAreCorruption) {
  const auto code_with = [](column::Source source) {
    Catalog catalog = two_tables();
    catalog.tables[0].summary.earned_indexes.push_back(std::move(source));
    return base::code_of(decode_catalog(encode(catalog)));
  };
  using column::ValueKind;
  const std::vector<column::Member> path = {std::string("a")};
  EXPECT_EQ(code_with({2, ValueKind::kJson, path}), std::nullopt);
  EXPECT_EQ(code_with({4, ValueKind::kInt64, {}}), ErrorCode::kCorruption);            // no such column
  EXPECT_EQ(code_with({1, ValueKind::kInt64, {}}), ErrorCode::kCorruption);            // of vectors
  EXPECT_EQ(code_with({3, ValueKind::kInt64, {}}), ErrorCode::kCorruption);            // refused
  EXPECT_EQ(code_with({0, ValueKind::kInt64, {}}), ErrorCode::kCorruption);            // twice
  EXPECT_EQ(code_with({0, ValueKind::kFloat64, {}}), ErrorCode::kCorruption);          // other values
  EXPECT_EQ(code_with({0, ValueKind::kJson, path}), ErrorCode::kCorruption);           // a member of a number
  EXPECT_EQ(code_with({2, ValueKind::kString, path}), ErrorCode::kCorruption);         // JSON that is none
  EXPECT_EQ(code_with({2, static_cast<ValueKind>(7), path}), ErrorCode::kCorruption);  // a kind that is none
  EXPECT_EQ(code_with({2, ValueKind::kJson, {}}), ErrorCode::kCorruption);             // of no member
  EXPECT_EQ(code_with({2, ValueKind::kJson, std::vector<column::Member>(17, int64_t{0})}), ErrorCode::kCorruption);
  EXPECT_EQ(code_with({2, ValueKind::kJson, {std::string(1025, 'a')}}), ErrorCode::kCorruption);
  Catalog many = two_tables();
  for (int64_t i = 0; i < 256; ++i) many.tables[0].summary.earned_indexes.push_back({2, ValueKind::kJson, {i}});
  EXPECT_EQ(base::code_of(decode_catalog(encode(many))), ErrorCode::kCorruption);
}

TEST(Catalog, EveryCutOfTheBytesIsCorruption) {
  const std::vector<std::byte> bytes = encode(two_tables());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(base::code_of(decode_catalog(std::span(bytes).first(size))), ErrorCode::kCorruption) << size << " bytes";
  }
}

TEST(Records, ComeBackAsTheyWent) {
  const EraseRecord erase{{5}, {{1}, {7}, {4'000'000'000U}}};
  EXPECT_EQ(base::must(decode_erase(encode(erase))).rows, erase.rows);
  EXPECT_EQ(base::must(decode_erase(encode(erase))).table, erase.table);
  const CreateTableRecord create{{5}, {6}, "name", small_schema()};
  const CreateTableRecord decoded = base::must(decode_create_table(encode(create)));
  EXPECT_EQ(decoded.table, create.table);
  EXPECT_EQ(decoded.storage, create.storage);
  EXPECT_EQ(decoded.name, "name");
  EXPECT_EQ(decoded.schema.columns.size(), 4U);
  EXPECT_EQ(base::must(decode_drop_table(encode(DropTableRecord{{77}}))).table, TableId{77});
  EXPECT_EQ(base::must(decode_clear_table(encode(ClearTableRecord{{7}, {8}}))).storage, StorageId{8});
  EXPECT_EQ(base::must(decode_patch_storage(encode(PatchStorageRecord{{7}, {8}}))).storage, StorageId{8});
}

TEST(Records, RandomBytesAreCorruptionOrARecord) {
  for (uint64_t seed = 1; seed <= base::scaled(5000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    std::vector<std::byte> bytes = random.one_in(2) ? encode(CreateTableRecord{{5}, {6}, "name", small_schema()})
                                                    : std::vector<std::byte>(random.below(60));
    for (std::byte& byte : bytes) {
      if (random.one_in(12)) byte = static_cast<std::byte>(random.below(256));
    }
    const auto fine = [](const auto& result) { return result.ok() || result.error().code == ErrorCode::kCorruption; };
    EXPECT_TRUE(fine(decode_erase(bytes)));
    EXPECT_TRUE(fine(decode_create_table(bytes)));
    EXPECT_TRUE(fine(decode_drop_table(bytes)));
    EXPECT_TRUE(fine(decode_clear_table(bytes)));
    EXPECT_TRUE(fine(decode_patch_storage(bytes)));
    EXPECT_TRUE(fine(decode_catalog(bytes)));
    Catalog catalog = two_tables();
    catalog.tables[0].summary.vectors[0].calibration = some_calibration();
    std::vector<std::byte> damaged = encode(catalog);
    for (std::byte& byte : damaged) {
      if (random.one_in(100)) byte = static_cast<std::byte>(random.below(256));
    }
    EXPECT_TRUE(fine(decode_catalog(damaged)));
  }
}

}  // namespace
}  // namespace omendb::table
