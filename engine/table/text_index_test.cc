#include "engine/table/text_index.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/os/memory_file.h"
#include "engine/storage/store.h"
#include "engine/table/catalog.h"
#include "engine/table/table_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

using base::must;

// A table of int64 keys and one text column of words over a store in memory, written without a log.
class TextTable {
 public:
  explicit TextTable(uint64_t seed)
      : random_(seed), store_(must(storage::Store::open(os::memory_directory("test"), {}))) {
    const storage::ReplayVisitor nothing{[](uint8_t, std::span<const std::byte>) { return Result<void>(); },
                                         [](CommitNumber, uint64_t) { return Result<void>(); }};
    must(store_->log().replay(nothing));
    ColumnSpec key;
    key.name = "id";
    key.primary_key = true;
    ColumnSpec text;
    text.name = "body";
    text.type = Type::kText;
    text.text.analyzer = "simple";
    info_ = make_table_info({1}, {2}, "t", {{key, text}});
    table_ = must(TableStore::create(*store_, info_));
  }

  TableStore& table() { return *table_; }
  storage::Store& store() { return *store_; }
  const TextColumnVersion& column() const { return table_->version()->texts.front(); }
  StorageId draw() { return {next_storage_++}; }

  void write(int64_t first_key, int64_t end_key) {
    std::vector<int64_t> keys;
    for (int64_t key = first_key; key < end_key; ++key) keys.push_back(key);
    write(keys);
  }
  // Every seventh key has no text.
  void write(const std::vector<int64_t>& keys) {
    std::vector<int64_t> offsets = {0};
    std::vector<uint8_t> validity;
    std::string chars;
    for (const int64_t key : keys) {
      validity.push_back(key % 7 == 0 ? 0 : 1);
      if (validity.back() != 0) {
        for (uint64_t word = random_.below(8); word > 0; --word) chars += "w" + std::to_string(random_.below(50)) + " ";
      }
      offsets.push_back(static_cast<int64_t>(chars.size()));
    }
    const std::vector<ColumnView> columns = {
        {.name = "id", .ints = keys.data()},
        {.name = "body", .validity = validity.data(), .offsets = offsets.data(), .chars = chars.data()}};
    const Rows rows = must(check_rows(table_->info().schema, "t", {keys.size(), columns}));
    const TextRuns texts = must(index_texts(*table_->version(), rows));
    table_->install(must(table_->prepare_write(rows, texts, OnConflict::kReplace)));
  }
  void erase(const std::vector<int64_t>& keys) { table_->install(must(table_->prepare_erase({keys, {}}))); }

  void check() { EXPECT_EQ(base::message_of(table_->check(*table_->version())), ""); }

  // What a search sees of a term: how many live rows have it.
  uint32_t document_count(std::string_view term) const {
    uint32_t count = 0;
    for (const PlacedTextRun& placed : column().runs) {
      const auto entry = placed.run->run().find(term);
      if (entry) count += entry->document_count;
    }
    const uint32_t* const dead = column().dead_terms.find(std::string(term));
    return count - (dead == nullptr ? 0 : *dead);
  }

  TableSummary checkpoint() {
    std::vector<StorageId> lost;
    must(table_->write_text_runs([this] { return draw(); }, lost));
    EXPECT_TRUE(lost.empty());
    const auto checkpoint = must(store_->begin_checkpoint());
    const auto version = table_->version();
    TableSummary summary = must(table_->write_checkpoint(*checkpoint, *version));
    checkpoint->set_metadata({});
    must(checkpoint->publish());
    table_->checkpoint_published(*version);
    return summary;
  }
  void load(const TableSummary& summary) {
    table_ = must(TableStore::load(*store_, info_, summary));
    must(table_->finish_recovery());
  }

  // One merge, as the database makes it. False if none is due.
  bool merge() {
    const auto version = table_->version();
    const auto merge = choose_text_merge(version->texts.front().runs, std::nullopt);
    if (!merge) return false;
    const auto runs = std::span(version->texts.front().runs).subspan(merge->first, merge->count);
    MergedText merged = must(merge_text(runs, version->live));
    const auto run = must(table_->make_text_run(std::move(merged.bytes), column().index->column(), draw()));
    EXPECT_TRUE(table_->install_text_merge(0, runs, run, merged.dropped));
    return true;
  }

 private:
  base::Random random_;
  std::unique_ptr<storage::Store> store_;
  TableInfo info_;
  std::shared_ptr<TableStore> table_;
  uint32_t next_storage_ = 3;
};

std::vector<uint32_t> counts_of_all_words(const TextTable& table) {
  std::vector<uint32_t> counts;
  for (int word = 0; word < 50; ++word) counts.push_back(table.document_count("w" + std::to_string(word)));
  return counts;
}

TEST(TextIndex, StatisticsAreThoseOfTheLiveRows) {
  TextTable table(1);
  table.check();  // no rows
  table.write(0, 300);
  table.check();
  table.write(100, 150);  // replaces
  table.erase({0, 1, 2, 3, 299, 5000});
  table.check();
  std::vector<int64_t> all;
  for (int64_t key = 0; key < 300; ++key) all.push_back(key);
  table.erase(all);
  table.check();
  EXPECT_EQ(table.column().document_count, 0U);
  EXPECT_EQ(table.column().token_count, 0U);
  EXPECT_EQ(counts_of_all_words(table), std::vector<uint32_t>(50));
}

TEST(TextIndex, AKeyTwiceInABatchLeavesOneText) {
  TextTable table(2);
  for (int round = 0; round < 20; ++round) table.write({5, 5, 6, 5, 6});
  table.check();
  EXPECT_LE(table.column().document_count, 2U);
  EXPECT_EQ(table.table().version()->live.live_count(), 2U);
}

TEST(TextIndex, RunsStayFewHoweverSmallTheStatementsAre) {
  TextTable table(3);
  size_t most = 0;
  for (int64_t key = 0; key < 3000; ++key) {
    table.write(key, key + 1);
    most = std::max(most, table.column().runs.size());
  }
  EXPECT_LT(most, 24U);
  table.check();
  const std::vector<uint32_t> before = counts_of_all_words(table);
  while (table.merge()) {
  }
  EXPECT_EQ(counts_of_all_words(table), before);
  table.check();
}

TEST(TextIndex, MergesDropDeadRowsAndForgetTheirTerms) {
  TextTable table(4);
  table.write(0, 5000);
  table.write(5000, 8000);
  std::vector<int64_t> dying;
  for (int64_t key = 0; key < 5000; ++key) {
    if (key % 3 != 0) dying.push_back(key);
  }
  table.erase(dying);
  EXPECT_FALSE(table.column().dead_terms.empty());
  const std::vector<uint32_t> before = counts_of_all_words(table);
  ASSERT_TRUE(table.merge());  // a run that is mostly dead is written again by itself
  while (table.merge()) {
  }
  EXPECT_TRUE(table.column().dead_terms.empty());
  EXPECT_EQ(counts_of_all_words(table), before);
  table.check();
}

TEST(TextIndex, RowsThatDieWhileTheirRunsAreMergedAreCountedOnce) {
  TextTable table(5);
  for (int64_t first = 0; first < 40'000; first += 10'000) table.write(first, first + 10'000);
  table.erase({1, 2, 3});
  const auto version = table.table().version();
  const auto merge = choose_text_merge(version->texts.front().runs, std::nullopt);
  ASSERT_TRUE(merge.has_value());
  const auto runs = std::span(version->texts.front().runs).subspan(merge->first, merge->count);
  MergedText merged = must(merge_text(runs, version->live));
  table.erase({4, 5, 6, 20'001});
  const std::vector<uint32_t> before = counts_of_all_words(table);
  const auto run = must(TextRun::in_memory(std::move(merged.bytes)));
  ASSERT_TRUE(table.table().install_text_merge(0, runs, run, merged.dropped));
  EXPECT_EQ(counts_of_all_words(table), before);
  table.check();
  EXPECT_FALSE(table.table().install_text_merge(0, runs, run, merged.dropped)) << "they are not there any more";
}

TEST(TextIndex, AnOldVersionKeepsItsRunsAndStatistics) {
  TextTable table(6);
  table.write(0, 2000);
  const auto old = table.table().version();
  table.erase({1, 2, 3, 4});
  table.write(2000, 9000);
  table.checkpoint();
  while (table.merge()) {
  }
  EXPECT_EQ(base::message_of(check_text(*old, old->texts.front())), "");
  table.check();
}

TEST(TextIndex, ComesBackFromTheRoot) {
  TextTable table(7);
  table.write(0, 1000);
  table.erase({10, 11, 12});
  table.checkpoint();
  table.write(1000, 1500);
  table.erase({13, 1200});
  const TableSummary summary = table.checkpoint();
  ASSERT_EQ(summary.texts.size(), 1U);
  EXPECT_GT(summary.texts.front().dead_terms_bytes, 0U);
  const std::vector<uint32_t> before = counts_of_all_words(table);
  table.load(summary);
  EXPECT_TRUE(table.column().runs.front().run->is_on_disk());
  EXPECT_EQ(counts_of_all_words(table), before);
  table.check();
}

TEST(TextIndex, IsMadeFromTheRowsWhereTheRootHasNoneOrAWrongOne) {
  TextTable table(8);
  table.write(0, 1000);
  table.erase({10, 11, 12});
  const TableSummary good = table.checkpoint();
  const std::vector<uint32_t> before = counts_of_all_words(table);
  const auto load_changed = [&](auto change) {
    TableSummary summary = good;
    change(summary.texts);
    table.load(summary);
    EXPECT_EQ(counts_of_all_words(table), before);
    table.check();
  };
  using Texts = std::vector<TableSummary::TextIndexSummary>;
  load_changed([](Texts& texts) { texts.clear(); });
  load_changed([](Texts& texts) { texts[0].runs.clear(); });
  load_changed([](Texts& texts) { texts[0].runs[0].storage = {77}; });
  load_changed([](Texts& texts) { texts[0].runs[0].size_bytes -= 1; });
  load_changed([](Texts& texts) { texts[0].runs[0].row_count += 1; });
  load_changed([](Texts& texts) { texts[0].runs[0].dead_documents = 5000; });
  load_changed([](Texts& texts) { texts[0].document_count += 1; });
  load_changed([](Texts& texts) { texts[0].dead_terms_bytes += 1; });
}

TEST(TextIndex, CheckFindsWhatDoesNotFit) {
  TextTable table(9);
  table.write(0, 500);
  table.erase({1, 2});
  const auto faults = [&](auto change) {
    TextColumnVersion column = table.column();
    change(column);
    return base::code_of(check_text(*table.table().version(), column));
  };
  EXPECT_EQ(faults([](TextColumnVersion&) {}), std::nullopt);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.runs.pop_back(); }), ErrorCode::kCorruption);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.document_count += 1; }), ErrorCode::kCorruption);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.runs[0].dead_documents += 1; }), ErrorCode::kCorruption);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.token_count += 1; }), ErrorCode::kCorruption);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.dead_terms = {}; }), ErrorCode::kCorruption);
  EXPECT_EQ(faults([](TextColumnVersion& c) { c.dead_terms = c.dead_terms.set("other", 1); }), ErrorCode::kCorruption);
}

TEST(DeadTerms, ComeBackAsTheyWentAndDamageIsFound) {
  DeadTerms terms;
  for (uint32_t i = 1; i < 100; ++i) terms = terms.set("term " + std::to_string(i), i);
  const std::vector<std::byte> bytes = encode(terms);
  EXPECT_TRUE(must(decode_dead_terms(bytes)) == terms);
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(base::code_of(decode_dead_terms(std::span(bytes).first(size))), ErrorCode::kCorruption);
}

}  // namespace
}  // namespace omendb::table
