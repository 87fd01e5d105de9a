#include "engine/exec/rows_where.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/table/test_table.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace omendb::exec {
namespace {

using base::must;
using table::LiveBitmap;
using Version = std::shared_ptr<const table::TableVersion>;

// Keys are given out in order, one a row, so the key of a row is its number; vectors of some rows are null.
class Rows {
 public:
  void append(size_t count, base::Random& random) {
    std::vector<int64_t> keys(count);
    std::iota(keys.begin(), keys.end(), static_cast<int64_t>(next_));
    std::vector<uint8_t> known(count);
    for (uint8_t& is : known) is = random.one_in(10) ? 0 : 1;
    table_.write(keys, std::vector<float>(count), known);
    next_ += count;
  }
  void erase(size_t count, base::Random& random) {
    std::vector<int64_t> keys(count);
    for (int64_t& key : keys) key = static_cast<int64_t>(random.below(next_));
    table_.erase(keys);
  }
  void erase_range(size_t first, size_t count) {
    std::vector<int64_t> keys(count);
    std::iota(keys.begin(), keys.end(), static_cast<int64_t>(first));
    table_.erase(keys);
  }
  Version version() const { return table_.version(); }
  size_t count() const { return next_; }

 private:
  table::TestTable table_{1};
  size_t next_ = 0;
};

const column::Source kKeys{0, column::ValueKind::kInt64};

// As if reading keys for conditions had taken so long that an index pays.
void make_index_pay(const table::TableVersion& version) { version.indexes->add_read_cost(kKeys, uint64_t{1} << 60); }
void build_indexes(const table::TableVersion& version) {
  while (must(version.indexes->build_some(version))) {
  }
}

// Those of `among` whose number is in the range, one by one.
void expect_range(const LiveBitmap& rows, const LiveBitmap& among, int64_t low, int64_t high) {
  ASSERT_EQ(rows.row_count(), among.row_count());
  uint32_t count = 0;
  for (uint32_t row = 0; row < among.row_count(); ++row) {
    const bool passes = among.contains({row}) && low <= int64_t{row} && int64_t{row} <= high;
    ASSERT_EQ(rows.contains({row}), passes) << "row " << row;
    count += passes ? 1U : 0U;
  }
  EXPECT_EQ(rows.live_count(), count);
}

// Few conditions and many: kept ones are used, extended and forgotten, beside versions old and new, and rows without a vector.
TEST(RowsWhere, IsRightForEveryVersionWhateverWasKept) {
  for (uint64_t seed = 1; seed <= base::scaled(8); ++seed) {
    base::Random random(seed);
    Rows rows;
    rows.append(40'000, random);
    std::vector<Version> versions{rows.version()};
    for (int step = 0; step < 60; ++step) {
      if (random.one_in(3)) rows.append(1 + random.below(random.one_in(4) ? 40'000 : 100), random);
      if (random.one_in(3)) rows.erase(1 + random.below(20), random);
      versions.push_back(rows.version());
      const Version& version = random.one_in(3) ? versions[random.below(versions.size())] : versions.back();
      const LiveBitmap& among = random.one_in(3) ? version->vectors.front().searchable : version->live;
      const auto low = static_cast<int64_t>(random.below(step % 2 == 0 ? 3 : 40) * 1000);
      const Value bounds[] = {{.is = low}, {.is = int64_t{60'000}}};
      const LiveBitmap found = must(rows_where(*version, Where{.text = "id between ? and ?", .values = bounds}, among));
      ASSERT_NO_FATAL_FAILURE(expect_range(found, among, low, 60'000)) << "seed " << seed << ", step " << step;
    }
    EXPECT_LE(versions.back()->kept->count(), table::KeptBitmaps::kCountMax);
  }
}

// Indexes of some blocks and of none, beside versions of before they were made, whole regions erased and old rows that no index speaks of.
TEST(RowsWhere, IsRightWhateverIndexesThereAre) {
  for (uint64_t seed = 1; seed <= base::scaled(6); ++seed) {
    base::Random random(seed);
    Rows rows;
    rows.append(70'000, random);
    std::vector<Version> versions{rows.version()};
    make_index_pay(*versions.back());
    for (int step = 0; step < 60; ++step) {
      if (random.one_in(3)) rows.append(1 + random.below(random.one_in(3) ? 40'000 : 100), random);
      if (random.one_in(3)) rows.erase(1 + random.below(20), random);
      if (random.one_in(8)) rows.erase_range(16'384 * random.below(6), 16'384);
      versions.push_back(rows.version());
      const Version& version = random.one_in(2) ? versions[random.below(versions.size())] : versions.back();
      if (random.one_in(2)) must(version->indexes->build_some(*versions.back()));
      if (random.one_in(10)) build_indexes(*versions.back());
      const LiveBitmap& among = random.one_in(3) ? version->vectors.front().searchable : version->live;
      const auto low = static_cast<int64_t>(random.below(rows.count()));
      const auto high = low + static_cast<int64_t>(random.below(random.one_in(2) ? 100 : 60'000));
      const Value bounds[] = {{.is = low}, {.is = high}};
      const LiveBitmap found = must(rows_where(*version, Where{.text = "id between ? and ?", .values = bounds}, among));
      ASSERT_NO_FATAL_FAILURE(expect_range(found, among, low, high)) << "seed " << seed << ", step " << step;
    }
  }
}

TEST(RowsWhere, KeepsConditionsByTextAndValues) {
  base::Random random(1);
  Rows rows;
  rows.append(2000, random);
  const Version version = rows.version();
  const auto count = [&](const Where& where) { return must(rows_where(*version, where, version->live)).live_count(); };
  const auto less_than = [&](Value value) { return count({.text = "id < ?", .values = std::span(&value, 1)}); };
  EXPECT_EQ(less_than({.is = int64_t{10}}), 10U);
  EXPECT_EQ(less_than({.is = 10.5}), 11U);
  EXPECT_EQ(less_than({.is = std::string("12")}), 12U);
  EXPECT_EQ(less_than({.is = int64_t{10}}), 10U);
  EXPECT_EQ(version->kept->count(), 3U);
  const Where::Named one[] = {{.name = "a", .value = {.is = int64_t{1}}}, {.name = "b", .value = {.is = int64_t{5}}}};
  const Where::Named other[] = {{.name = "b", .value = {.is = int64_t{1}}}, {.name = "a", .value = {.is = int64_t{5}}}};
  EXPECT_EQ(count({.text = "id >= :a and id < :b", .named = one}), 4U);
  EXPECT_EQ(count({.text = "id >= :a and id < :b", .named = other}), 0U);
  ValueList many(50'000, Value{.is = int64_t{7}});  // too long to be kept
  const Value list[] = {{.is = std::move(many)}};
  EXPECT_EQ(count({.text = "id in ?", .values = list}), 1U);
  EXPECT_EQ(version->kept->count(), 5U);
}

// A condition that fails for a row fails as long as the row lives, and for a new one as soon as it is there.
TEST(RowsWhere, FailsForRowsThatHaveNoAnswerAlsoWhereOthersWereKept) {
  base::Random random(1);
  Rows rows;
  rows.append(100, random);
  const Where where{.text = "1000 / (id - 100) < 0"};
  const auto code = [&] { return base::code_of(rows_where(*rows.version(), where, rows.version()->live)); };
  EXPECT_EQ(must(rows_where(*rows.version(), where, rows.version()->live)).live_count(), 100U);
  const Version before = rows.version();
  rows.append(1, random);
  EXPECT_EQ(code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(must(rows_where(*before, where, before->live)).live_count(), 100U);
}

TEST(RowsWhere, FindsTheSameOnSeveralThreads) {
  base::Random random(1);
  Rows rows;
  rows.append(300'000, random);
  const Version version = rows.version();
  const Where slow{.text = "id::text like '1_9%9' and id::text like '%2%'"};
  const LiveBitmap found = must(rows_where(*version, slow, version->live));
  for (uint32_t row = 0; row < version->row_count(); row += 7) {
    const std::string text = std::to_string(row);
    const bool passes = text.size() >= 4 && text[0] == '1' && text[2] == '9' && text.back() == '9' &&
                        text.find('2') != std::string::npos;
    ASSERT_EQ(found.contains({row}), passes) << row;
  }
  const Where failing{.text = "id::text like '%x' or 1 / (id - 200000) > 1"};
  EXPECT_EQ(base::code_of(rows_where(*version, failing, version->live)), ErrorCode::kInvalidArgument);
}

// Readers of all versions beside a writer, and beside a thread that makes indexes.
TEST(RowsWhere, IsAskedByManyThreadsBesideAWriter) {
  base::Random random(1);
  Rows rows;
  rows.append(30'000, random);
  make_index_pay(*rows.version());
  std::mutex mutex;  // guards newest
  Version newest = rows.version();
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (uint64_t t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      base::Random own(t);
      while (!stop) {
        const Version version = [&] {
          const std::lock_guard lock(mutex);
          return newest;
        }();
        const auto low = static_cast<int64_t>(own.below(4) * 700);
        const std::string text = fmt::format("id >= {}", low);
        const LiveBitmap found = must(rows_where(*version, {.text = text}, version->live));
        expect_range(found, version->live, low, 1'000'000);
      }
    });
  }
  readers.emplace_back([&] {
    while (!stop) {
      const Version version = [&] {
        const std::lock_guard lock(mutex);
        return newest;
      }();
      must(version->indexes->build_some(*version));
    }
  });
  for (uint64_t i = 0; i < base::scaled(200); ++i) {
    rows.append(1 + random.below(i % 10 == 0 ? 5000 : 50), random);
    rows.erase(3, random);
    if (i == 100) rows.erase_range(0, 16'384);
    const std::lock_guard lock(mutex);
    newest = rows.version();
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace omendb::exec
