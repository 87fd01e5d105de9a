#include "engine/table/patches.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/os/memory_file.h"
#include "engine/table/catalog.h"
#include "engine/table/table_store.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

using base::must;
using Version = std::shared_ptr<const TableVersion>;

// Keys 0, 1, ... in the rows of these numbers, and a number and a text for each; written without a log.
class NumberedTable {
 public:
  NumberedTable() : store_(must(storage::Store::open(os::memory_directory("test"), {}))) {
    Schema schema;
    schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
    schema.columns.push_back({.name = "n", .type = Type::kInt64});
    schema.columns.push_back({.name = "s", .type = Type::kString});
    table_ = must(TableStore::create(*store_, make_table_info({1}, {2}, "t", schema)));
  }

  TableStore& table() { return *table_; }
  Version version() const { return table_->version(); }

  void write(size_t count) {
    std::vector<int64_t> keys(count);
    std::iota(keys.begin(), keys.end(), version()->row_count());
    const std::vector<int64_t> numbers(count, 0);
    const ColumnView columns[] = {{.name = "id", .ints = keys.data()}, {.name = "n", .ints = numbers.data()}};
    const Rows rows = must(check_rows(table_->info().schema, "t", {count, columns}));
    table_->install(must(table_->prepare_write(rows, {}, OnConflict::kFail)));
  }

  // All of these rows show the number, and a text made of it, or null.
  Rows values(size_t count, int64_t number, bool null) const {
    const std::string chars = std::to_string(number);
    const std::vector<int64_t> offsets = {0, static_cast<int64_t>(chars.size())};
    const uint8_t known = null ? 0 : 1;
    const ColumnView columns[] = {{.name = "n", .ints = &number},
                                  {.name = "s", .validity = &known, .offsets = offsets.data(), .chars = chars.data()}};
    const Rows one = must(check_values(table_->info().schema, "t", {1, columns}));
    Rows rows;
    rows.row_count = static_cast<uint32_t>(count);
    rows.columns.push_back({.nulls = Nulls::kAll, .validity = {}, .values = {}, .lengths = {}});
    for (size_t c = 1; c < 3; ++c) rows.columns.push_back(repeat(one.columns[c], rows.row_count, rows));
    return rows;
  }
  Result<TableChange> prepare(const std::vector<RowId>& ids, int64_t number, bool null = false) {
    if (table_->needs_patch_storage()) renew();
    return table_->prepare_patch(ids, values(ids.size(), number, null));
  }
  void patch(const std::vector<RowId>& ids, int64_t number, bool null = false) {
    table_->install(must(prepare(ids, number, null)));
  }
  void renew() { table_->install(must(table_->prepare_patch_storage({next_storage_++}))); }

 private:
  std::unique_ptr<storage::Store> store_;
  std::shared_ptr<TableStore> table_;
  uint32_t next_storage_ = 3;
};

std::map<int64_t, std::string> shown(const TableVersion& version) {
  std::map<int64_t, std::string> rows;
  version.live.for_each([&](RowId row) {
    int64_t number = 0;
    std::memcpy(&number, version.values(1).fixed(row), sizeof(number));
    const ColumnValues texts = version.values(2);
    rows[version.columns[0].int64(row)] =
        std::to_string(number) + (texts.is_null(row) ? " null" : " " + std::string(texts.bytes(row)));
  });
  return rows;
}

TEST(Patches, EveryVersionShowsItsOwnValuesHoweverTheTableGoesOn) {
  base::Random random(1);
  NumberedTable table;
  table.write(9000);  // several pages of slots
  std::map<int64_t, std::string> model;
  for (int64_t key = 0; key < 9000; ++key) model[key] = "0 null";
  std::vector<std::pair<Version, std::map<int64_t, std::string>>> pinned;
  for (int64_t step = 1; step <= 120; ++step) {
    std::vector<RowId> rows;
    for (uint32_t row = static_cast<uint32_t>(random.below(9000)); row < 9000 && rows.size() < 300;
         row += 1 + static_cast<uint32_t>(random.below(40))) {
      if (table.version()->live.contains({row})) rows.push_back({row});
    }
    if (random.one_in(4)) {
      std::vector<int64_t> keys;
      for (size_t i = 0; i < rows.size(); i += 4) keys.push_back(rows[i].value);
      for (const int64_t key : keys) model.erase(key);
      table.table().install(must(table.table().prepare_erase({keys, {}})));
    } else {
      const bool null = random.one_in(3);
      table.patch(rows, step, null);
      for (const RowId row : rows)
        model[row.value] = std::to_string(step) + " " + (null ? "null" : std::to_string(step));
    }
    if (random.one_in(10)) table.renew();
    if (random.one_in(6)) pinned.emplace_back(table.version(), model);
    ASSERT_EQ(shown(*table.version()), model) << "step " << step;
  }
  for (const auto& [version, rows] : pinned) {
    EXPECT_EQ(shown(*version), rows);
    EXPECT_EQ(base::message_of(table.table().check(*version)), "");
  }
}

TEST(Patches, AnUpdateThatIsTakenBackLeavesNothing) {
  NumberedTable table;
  table.write(10);
  table.patch({{1}, {2}}, 5);
  const auto before = shown(*table.version());
  const auto change = must(table.prepare({{2}, {3}}, 6, true));
  table.table().abandon(change);
  EXPECT_EQ(shown(*table.version()), before);
  EXPECT_EQ(table.version()->patches->slot_count(), 2U);
  table.patch({{3}}, 7);
  EXPECT_EQ(shown(*table.version()).at(3), "7 7");
  EXPECT_EQ(shown(*table.version()).at(2), "5 5");
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(Patches, RowsThatAreNotThereOrStandTwiceAreRefused) {
  NumberedTable table;
  table.write(10);
  table.renew();
  const std::vector<std::vector<RowId>> wrong = {{{3}, {3}}, {{10}}, {{4'000'000'000U}}};
  for (const std::vector<RowId>& rows : wrong) EXPECT_EQ(base::code_of(table.prepare(rows, 1)), ErrorCode::kCorruption);
  EXPECT_EQ(table.version()->patches->slot_count(), 0U);
  const PatchRecord record{{1}, 5, {{3}}, table.values(1, 1, false)};
  EXPECT_EQ(base::code_of(table.table().replay_patch(record)), ErrorCode::kCorruption) << "not the next slot";
}

TEST(Patches, DeadSlotsAreLeftBehindWhenTheyAreMost) {
  NumberedTable table;
  table.write(50'000);
  std::vector<RowId> all;
  for (uint32_t row = 0; row < 50'000; ++row) all.push_back({row});
  table.patch(all, 1);
  const Version first = table.version();
  const auto first_shown = shown(*first);
  table.patch(all, 2);
  EXPECT_FALSE(table.table().needs_patch_storage()) << "as many as live";
  table.patch(all, 3);
  EXPECT_TRUE(table.table().needs_patch_storage());
  table.patch({{7}}, 4);
  EXPECT_EQ(table.version()->patches->slot_count(), 50'001U);
  EXPECT_NE(table.version()->patches->storage, first->patches->storage);
  EXPECT_EQ(shown(*first), first_shown);
  EXPECT_EQ(shown(*table.version()).at(7), "4 4");
  EXPECT_EQ(shown(*table.version()).at(8), "3 3");
  EXPECT_EQ(base::message_of(table.table().check(*table.version())), "");
}

TEST(Patches, DamageOfWhatIsDerivedIsFound) {
  NumberedTable table;
  table.write(10);
  table.patch({{1}, {2}, {3}}, 5);
  table.patch({{2}}, 6);
  ASSERT_EQ(base::message_of(table.table().check(*table.version())), "");
  const auto code_with = [&](const auto& change) {
    TableVersion damaged = *table.version();
    change(*damaged.patches);
    return base::code_of(table.table().check(damaged));
  };
  EXPECT_EQ(code_with([](Patches& patches) { patches.slots.erase({0}); }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Patches& patches) { patches.plain.erase({7}); }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Patches& patches) { patches.plain.append(1, true); }), ErrorCode::kCorruption);
  EXPECT_EQ(code_with([](Patches& patches) {
              auto map = std::make_shared<SlotMap>(*patches.slot_map);
              map->set({2}, 1);
              patches.slot_map = map;
            }),
            ErrorCode::kCorruption)
      << "its older slot";
}

}  // namespace
}  // namespace omendb::table
