// Calls that are ended before they are done: whenever they look whether somebody wants that, they answer the error and nothing else, and nothing has changed.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/database/call_stop.h"
#include "engine/os/clock.h"

#include <omendb/database.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace omendb::test {
namespace {

using base::code_of;
using base::message_of;
using base::must;
using namespace std::chrono_literals;

constexpr size_t kDims = 16;
constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// Ends a call at the n-th time that it looks.
struct Countdown {
  uint64_t stop_at = kNever;
  uint64_t looks = 0;
  std::atomic<bool>* flag = nullptr;  // set instead of saying so

  static bool count(void* context) {
    auto& self = *static_cast<Countdown*>(context);
    if (++self.looks < self.stop_at) return false;
    if (self.flag == nullptr) return true;
    self.flag->store(true);
    return false;
  }
  StopWhen stop_when() {
    return {.cancelled = flag, .interrupted = &Countdown::count, .context = this, .interval = 0ns};
  }
};

Schema schema() {
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "n", .type = Type::kInt64});
  schema.columns.push_back({.name = "body", .type = Type::kText});
  schema.columns[2].text.analyzer = "simple";
  schema.columns.push_back({.name = "v", .type = Type::kVector, .vector = {.dims = kDims}});
  return schema;
}

// Enough for a graph, and for many blocks of postings.
Table filled_table(Database& database, uint64_t seed) {
  base::Random random(seed);
  constexpr size_t kRows = 6000;
  std::vector<int64_t> ids;
  std::vector<int64_t> numbers;
  std::vector<int64_t> offsets{0};
  std::string chars;
  std::vector<float> vectors;
  for (size_t row = 0; row < kRows; ++row) {
    ids.push_back(static_cast<int64_t>(row));
    numbers.push_back(static_cast<int64_t>(random.below(20)));
    for (int word = 0; word < 8; ++word) chars += "w" + std::to_string(random.below(random.below(3000) + 1)) + " ";
    offsets.push_back(static_cast<int64_t>(chars.size()));
    for (size_t d = 0; d < kDims; ++d) vectors.push_back(static_cast<float>(random.below(1000)) / 100);
  }
  std::vector<ColumnView> columns(4);
  columns[0] = {.name = "id", .ints = ids.data()};
  columns[1] = {.name = "n", .ints = numbers.data()};
  columns[2] = {.name = "body", .offsets = offsets.data(), .chars = chars.data()};
  columns[3] = {.name = "v", .floats = vectors.data(), .dims = kDims};
  Table table = must(database.create_table("t", schema()));
  must(table.insert({.row_count = kRows, .columns = columns}));
  must(table.wait_for_index());
  return table;
}

// What a call answers, as text.
using Call = std::function<Result<std::string>(const StopWhen&)>;

Result<std::string> answer_of(const Table& table, SearchQuery query, const StopWhen& stop_when) {
  query.stop_when = stop_when;
  const auto hits = table.search(query);
  if (!hits.ok()) return hits.error();
  std::string answer;
  for (size_t i = 0; i < hits->rows.size(); ++i)
    answer += std::to_string(hits->keys.ints[i]) + ":" + std::to_string(hits->scores[i]) + " ";
  return answer;
}

struct NamedCall {
  std::string name;
  Call call;
};

class StopTest : public ::testing::Test {
 protected:
  // A condition that was not asked before, so that it is not known which rows it is true for.
  Where fresh_condition() {
    values_ = {Value{int64_t{5}}, Value{--unused_number_}};
    return {.text = "n < ? or n = ?", .values = values_};
  }

  std::vector<NamedCall> calls() {
    std::vector<NamedCall> calls;
    const auto search = [&](const std::string& name, const SearchQuery& query, bool conditional = false) {
      calls.push_back({name, [this, query, conditional](const StopWhen& stop_when) {
                         SearchQuery asked = query;
                         if (conditional) asked.where = fresh_condition();
                         return answer_of(table_, asked, stop_when);
                       }});
    };
    search("graph", {.vectors = vector_, .k = 10, .ef = 400});
    search("exact", {.vectors = vector_, .k = 10, .exact = true});
    search("radius", {.vectors = vector_, .k = 5000, .radius = 9.0F});
    search("condition", {.vectors = vector_, .k = 10}, true);
    search("batch", {.vectors = vectors_, .query_count = 50, .k = 10, .ef = 100});
    search("exact batch", {.vectors = vectors_, .query_count = 50, .k = 10, .exact = true});
    search("group", {.vectors = vector_, .k = 15, .group_by = "n"});
    search("words", {.k = 10, .text = "w1 w2 w30 w500"});
    search("all words", {.k = 10, .text_query = "+w1 +w2 -w3"});
    search("phrase", {.k = 10, .text_query = "\"w1 w2\"~3"});
    search("prefix", {.k = 10, .text_query = "w1*"});
    search("fuzzy", {.k = 10, .text_query = "w100~2"});
    search("both", {.vectors = vector_, .k = 10, .text = "w1 w2 w30"}, true);
    search("filter",
           {.vectors = vector_, .k = 10, .text = "w1 w2 w30", .fusion = {.method = Fusion::Method::kTextFilters}});
    calls.push_back({"count", [this](const StopWhen& stop_when) -> Result<std::string> {
                       const auto count = table_.count(fresh_condition(), stop_when);
                       return count.ok() ? Result<std::string>(std::to_string(*count)) : count.error();
                     }});
    calls.push_back({"scan", [this](const StopWhen& stop_when) -> Result<std::string> {
                       const auto scan =
                           table_.scan({.columns = {}, .where = fresh_condition(), .stop_when = stop_when});
                       return scan.ok() ? Result<std::string>("a scan") : scan.error();
                     }});
    calls.push_back({"explain", [this](const StopWhen& stop_when) {
                       return table_.explain({.vectors = vector_, .where = fresh_condition(), .stop_when = stop_when});
                     }});
    return calls;
  }

  int64_t unused_number_ = 0;
  std::vector<Value> values_;
  Database database_ = must(Database::open(":memory:", {}));
  Table table_ = filled_table(database_, 1);
  const std::vector<float> vector_ = std::vector<float>(kDims, 5.0F);
  const std::vector<float> vectors_ = [] {
    base::Random random(2);
    std::vector<float> vectors(50 * kDims);
    for (float& component : vectors) component = static_cast<float>(random.below(1000)) / 100;
    return vectors;
  }();
};

TEST_F(StopTest, EveryLookMayBeTheLastOne) {
  for (const auto& [name, call] : calls()) {
    SCOPED_TRACE(name);
    const std::string whole = must(call({}));
    Countdown all;
    ASSERT_EQ(must(call(all.stop_when())), whole);
    ASSERT_GE(all.looks, 1U);
    for (uint64_t n = 1; n <= all.looks; ++n) {
      Countdown countdown{.stop_at = n};
      const auto stopped = call(countdown.stop_when());
      ASSERT_EQ(code_of(stopped), ErrorCode::kCancelled) << n << " of " << all.looks;
      ASSERT_NE(message_of(stopped).find(", while "), std::string::npos) << message_of(stopped);
      ASSERT_EQ(countdown.looks, n) << "it went on";
    }
    ASSERT_EQ(must(call({})), whole);
  }
  must(database_.check());
}

TEST_F(StopTest, LongWorkLooksOftenAndSaysWhatItWasDoing) {
  const auto message_at = [this](SearchQuery query, uint64_t look) {
    Countdown countdown{.stop_at = look};
    query.stop_when = countdown.stop_when();
    return message_of(table_.search(query));
  };
  EXPECT_NE(message_at({.vectors = vector_, .exact = true}, 6).find("comparing vectors one by one"), std::string::npos);
  EXPECT_NE(message_at({.vectors = vector_, .ef = 400}, 6).find("walking over the graph"), std::string::npos);
  EXPECT_NE(message_at({.text_query = "w1*"}, 6).find("texts match best"), std::string::npos);
  EXPECT_NE(message_at({.vectors = vector_, .where = fresh_condition()}, 3).find("a condition is true"),
            std::string::npos);
}

TEST_F(StopTest, AFlagEndsAllThreadsOfABatch) {
  for (uint64_t n = 1; n <= 40; ++n) {
    std::atomic<bool> flag{false};
    Countdown countdown{.stop_at = n, .flag = &flag};
    SearchQuery query{.vectors = vectors_, .query_count = 50, .k = 10, .exact = n % 2 == 0, .threads = 2};
    const std::string whole = must(answer_of(table_, query, {}));
    const auto answer = answer_of(table_, query, countdown.stop_when());
    if (answer.ok())
      ASSERT_EQ(*answer, whole) << n;
    else
      ASSERT_EQ(code_of(answer), ErrorCode::kCancelled) << n;
  }
  std::atomic<bool> set{true};
  EXPECT_EQ(code_of(table_.search({.vectors = vector_, .stop_when = {.cancelled = &set}})), ErrorCode::kCancelled);
}

TEST_F(StopTest, AnotherThreadMayCancelAtAnyTime) {
  const std::vector<NamedCall> all = calls();
  base::Random random(3);
  for (size_t round = 0; round < base::scaled(100); ++round) {
    const auto& [name, call] = all[random.below(all.size())];
    const std::string whole = must(call({}));
    std::atomic<bool> flag{false};
    const uint64_t turns = random.below(2000);
    std::thread other([&flag, turns] {
      for (uint64_t turn = 0; turn < turns; ++turn) std::this_thread::yield();
      flag.store(true);
    });
    const auto answer = call({.cancelled = &flag});
    other.join();
    if (answer.ok())
      ASSERT_EQ(*answer, whole) << name;
    else
      ASSERT_EQ(code_of(answer), ErrorCode::kCancelled) << name;
  }
}

TEST_F(StopTest, ATimeThatIsOverEndsACallAtOnceAndALongOneNever) {
  for (const auto& [name, call] : calls()) {
    SCOPED_TRACE(name);
    const std::string whole = must(call({}));
    for (const auto timeout : {0ns, -5ns, std::chrono::nanoseconds::min()}) {
      EXPECT_EQ(code_of(call({.timeout = timeout})), ErrorCode::kTimeout);
    }
    for (const std::chrono::nanoseconds timeout : {std::chrono::nanoseconds(24h), std::chrono::nanoseconds::max()}) {
      EXPECT_EQ(must(call({.timeout = timeout})), whole);
    }
  }
}

TEST_F(StopTest, AStatementThatWasStoppedChangedNothing) {
  const int64_t number = 77;
  const ColumnView value{.name = "n", .ints = &number};
  const std::vector<NamedCall> statements{
      {"update",
       [&](const StopWhen& stop_when) -> Result<std::string> {
         const auto count =
             table_.update({.row_count = 1, .columns = std::span(&value, 1)}, fresh_condition(), stop_when);
         return count.ok() ? Result<std::string>(std::to_string(*count)) : count.error();
       }},
      {"erase", [&](const StopWhen& stop_when) -> Result<std::string> {
         values_ = {Value{number}, Value{--unused_number_}};
         const auto count = table_.erase({.text = "n = ? or n = ?", .values = values_}, stop_when);
         return count.ok() ? Result<std::string>(std::to_string(*count)) : count.error();
       }}};
  const std::string expected = std::to_string(must(table_.count(fresh_condition())));
  for (const auto& [name, statement] : statements) {
    SCOPED_TRACE(name);
    const uint64_t before = must(database_.state_hash());
    std::atomic<bool> flag{true};
    EXPECT_EQ(code_of(statement({.cancelled = &flag})), ErrorCode::kCancelled);
    EXPECT_EQ(code_of(statement({.timeout = 0ns})), ErrorCode::kTimeout);
    bool done = false;
    uint64_t n = 1;
    for (; !done; ++n) {
      Countdown countdown{.stop_at = n};
      const auto answer = statement(countdown.stop_when());
      done = answer.ok();
      if (done) {
        EXPECT_EQ(*answer, expected);
      } else {
        ASSERT_EQ(code_of(answer), ErrorCode::kCancelled);
        ASSERT_EQ(must(database_.state_hash()), before);
      }
    }
    EXPECT_GT(n, 2U);
    EXPECT_NE(must(database_.state_hash()), before);
    must(database_.check());
  }
}

TEST_F(StopTest, TheCallerIsNotAskedUnderALock) {
  const int64_t number = 1;
  const ColumnView value{.name = "n", .ints = &number};
  const StopWhen writes{.interrupted =
                            [](void* context) {
                              auto& table = *static_cast<Table*>(context);
                              const int64_t keys[] = {1};
                              return !table.erase(KeysView{keys, {}}).ok();
                            },
                        .context = &table_,
                        .interval = 0ns};
  must(table_.update({.row_count = 1, .columns = std::span(&value, 1)}, fresh_condition(), writes));
  must(table_.erase(fresh_condition(), writes));
}

TEST(StopOfManyThreads, AConditionOverManyRowsEndsOnAllOfThem) {
  constexpr size_t kRows = 300'000;
  auto database = must(Database::open(":memory:", {}));
  Schema schema;
  schema.columns.push_back({.name = "id", .type = Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "s", .type = Type::kString});
  auto table = must(database.create_table("t", schema));
  std::vector<int64_t> ids;
  std::vector<int64_t> offsets{0};
  for (size_t row = 0; row < kRows; ++row) {
    ids.push_back(static_cast<int64_t>(row));
    offsets.push_back(static_cast<int64_t>(2 * row + 2));
  }
  const std::string chars(2 * kRows, 'a');
  const ColumnView columns[] = {{.name = "id", .ints = ids.data()},
                                {.name = "s", .offsets = offsets.data(), .chars = chars.data()}};
  must(table.insert({.row_count = kRows, .columns = columns}));
  for (uint64_t n = 1; n <= 12; ++n) {
    const Value values[] = {{"%a" + std::to_string(n) + "%a%"}};
    const Where where{.text = "s like '%a%a%' and s not like ?", .values = values};
    std::atomic<bool> flag{false};
    Countdown countdown{.stop_at = n, .flag = &flag};
    const auto stopped = table.count(where, countdown.stop_when());
    if (stopped.ok())
      EXPECT_EQ(*stopped, kRows) << n;
    else
      EXPECT_EQ(code_of(stopped), ErrorCode::kCancelled) << n;
    EXPECT_EQ(must(table.count(where)), kRows) << n;
  }
}

TEST(CallStop, CountsTheTimeOfItsClock) {
  os::ManualClock clock;
  const StopWhen when{.timeout = 50ms};
  database::CallStop stop(when, clock);
  stop.begin("walking");
  EXPECT_FALSE(stop.asked());
  clock.advance_micros(49'999);
  EXPECT_FALSE(stop.asked());
  clock.advance_micros(1);
  EXPECT_FALSE(stop.stopped());
  EXPECT_TRUE(stop.asked());
  EXPECT_TRUE(stop.stopped());
  clock.advance_micros(1'000'000);
  EXPECT_TRUE(stop.asked());
  EXPECT_EQ(stop.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(stop.error().message, "the call was stopped after 50 ms, of 50 ms that it might take, while walking");
}

TEST(CallStop, AsksItsCallerEveryInterval) {
  os::ManualClock clock;
  Countdown countdown{.stop_at = 3};
  StopWhen when = countdown.stop_when();
  when.interval = 20ms;
  database::CallStop stop(when, clock);
  for (int step = 0; step < 50; ++step) {
    EXPECT_FALSE(stop.asked());
    clock.advance_micros(1'000);
  }
  EXPECT_EQ(countdown.looks, 2U);  // after 20 and 40 ms
  std::thread other([&stop, &clock] {
    clock.advance_micros(100'000);
    EXPECT_FALSE(stop.asked()) << "on a thread that is not the caller's";
  });
  other.join();
  EXPECT_TRUE(stop.asked());
  EXPECT_EQ(stop.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(stop.error().message, "the call was cancelled after 150 ms, while beginning");
}

TEST(CallStop, IsNotThereWhereNothingCanStopTheCall) {
  const os::ManualClock clock;
  const StopWhen never;
  EXPECT_EQ(database::OptionalStop(never, clock).get(), nullptr);
  const StopWhen once{.timeout = 1ns};
  EXPECT_NE(database::OptionalStop(once, clock).get(), nullptr);
}

}  // namespace
}  // namespace omendb::test
