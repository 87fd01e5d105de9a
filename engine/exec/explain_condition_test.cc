#include "engine/exec/explain_condition.h"

#include "engine/base/test_result.h"
#include "engine/exec/rows_where.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>
#include <vector>

namespace omendb::exec {
namespace {

using base::must;

constexpr uint32_t kBlock = table::LiveBitmap::kRowsPerBlock;
const column::Source kKeys{0, column::ValueKind::kInt64, {}};

class Keys {
 public:
  explicit Keys(IndexMode mode = IndexMode::kAuto) : table_({.dims = 1}, mode) {}
  void append(uint32_t count) {
    std::vector<int64_t> keys(count);
    std::iota(keys.begin(), keys.end(), next_);
    next_ += count;
    table_.write(keys, std::vector<float>(count));
  }
  void build() const {
    while (must(table_.version()->indexes->build_some(*table_.version()))) {
    }
  }
  std::shared_ptr<const table::TableVersion> version() const { return table_.version(); }
  // The notes, a line each.
  std::string notes(const std::string& condition) const {
    std::string lines;
    for (const std::string& note : must(condition_notes(*version(), {.text = condition}))) lines += note + "\n";
    return lines;
  }

 private:
  table::TestTable table_;
  int64_t next_ = 0;
};

TEST(ConditionNotes, SayWhyValuesAreRead) {
  Keys keys;
  keys.append(10);
  EXPECT_EQ(keys.notes("id > 5"), "id: values are read; fewer than 32,768 rows have no index\n");
  EXPECT_EQ(keys.notes("id + 1 > 5"), "id: values are read; what is asked of it has no index\n");
  keys.append(kBlock);
  EXPECT_EQ(keys.notes("id > 5"),
            "id: values are read; no index yet: reading it has taken 0.0 ms, and one is made from 7.9 ms on\n");
  keys.version()->indexes->add_read_cost(kKeys, 2'000'000);
  EXPECT_NE(keys.notes("id > 5").find("has taken 2.0 ms"), std::string::npos);
  EXPECT_NE(keys.notes("id > 5 and v is null").find("v: values are read; what is asked of it has no index"),
            std::string::npos);
  EXPECT_EQ(base::code_of(condition_notes(*keys.version(), {.text = "nosuch = 1"})), ErrorCode::kSchema);
}

TEST(ConditionNotes, SayWhatAnIndexAnswers) {
  Keys keys;
  keys.append(2 * kBlock);
  keys.version()->indexes->add_read_cost(kKeys, uint64_t{1} << 40);
  EXPECT_TRUE(must(keys.version()->indexes->build_some(*keys.version())));
  EXPECT_EQ(keys.notes("id > 5"), "id: by its index; values of 1 of 2 blocks are read, for which it is not made\n");
  keys.build();
  EXPECT_EQ(keys.notes("id > 5"), "id: by its index\n");
  keys.append(12'345);
  EXPECT_EQ(keys.notes("id > 5 and id + 1 < 90"),
            "id: by its index; of the last 12,345 rows values are read\nid: values are read; what is asked of it has "
            "no index\n");
}

TEST(ConditionNotes, SayWhatTheSchemaWants) {
  Keys asked(IndexMode::kAlways);
  asked.append(kBlock);
  EXPECT_EQ(asked.notes("id > 5"), "id: values are read; its index is not made yet\n");
  asked.build();
  EXPECT_EQ(asked.notes("id > 5"), "id: by its index, which the schema asks for\n");
  Keys refused(IndexMode::kNever);
  refused.append(kBlock);
  EXPECT_EQ(refused.notes("id > 5"), "id: values are read; its schema says that it has no index\n");
}

TEST(ConditionNotes, SayThatTheSameWasAskedBefore) {
  Keys keys;
  keys.append(10);
  const auto version = keys.version();
  must(rows_where(*version, Where{.text = "id > 5"}, version->live));
  EXPECT_TRUE(keys.notes("id > 5").starts_with("asked before: only rows that are new since then are looked at\n"));
  EXPECT_FALSE(keys.notes("id > 6").starts_with("asked before"));
}

}  // namespace
}  // namespace omendb::exec
