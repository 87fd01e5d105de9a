// Random branching histories of maps and sets beside a table of what each version should hold: ten million operations in the release build, for
// good hashes and for hashes that collide whole or in part, with keys and values of several shapes.

#include <hamt/map.h>
#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::below;
using testing::CountingMemory;
using testing::Random;
using testing::scaled;

// What stands for a value, or for a replaceable entry of a set. 0: there is no such entry.
using Payload = uint8_t;
constexpr Payload kBroken = 255;  // an entry that no test wrote

constexpr Payload next_payload(Payload payload, Payload payload_max) {
  return static_cast<Payload>(payload % payload_max + 1);
}

// ---- Keys: each is made from a number, which it gives back.

// A row of a table and the upper half of its key's hash, as a database keeps them: the lower bits of `row` are the key, the rest its payload.
struct Row {
  uint32_t row;
  uint32_t hash_high;
  bool operator==(const Row&) const = default;
};
constexpr uint32_t kRowKeyBits = 20;
uint64_t row_hash(const Row& row) { return hash<uint64_t>()(row.row & ((1u << kRowKeyBits) - 1)); }

struct RowHash {
  using is_avalanching = void;
  uint64_t operator()(const Row& row) const { return row_hash(row); }
  uint32_t prefix(const Row& row) const { return row.hash_high; }
};
struct RowEqual {
  bool operator()(const Row& a, const Row& b) const { return ((a.row ^ b.row) << (32 - kRowKeyBits)) == 0; }
};

template <typename K>
struct Keys {  // unsigned integers; the wide ones vary in both halves
  using Hash = hash<K>;
  using Equal = std::equal_to<>;
  static K key(uint64_t number) { return static_cast<K>(number | number << 40); }
  static uint64_t number(const K& key) { return key & 0xffffffu; }
};

template <>
struct Keys<std::string> {  // from 2 to 35 bytes: within the string object and outside it
  using Hash = hash<std::string>;
  using Equal = std::equal_to<>;
  static std::string key(uint64_t number) { return std::string(number % 29, 'k') + '-' + std::to_string(number); }
  static uint64_t number(const std::string& key) { return testing::key_number(key); }
};

template <>
struct Keys<Row> {
  using Hash = RowHash;
  using Equal = RowEqual;
  static Row key(uint64_t number) {
    Row row{static_cast<uint32_t>(number), 0};
    row.hash_high = static_cast<uint32_t>(row_hash(row) >> 32);
    return row;
  }
  static uint64_t number(const Row& row) { return row.row & ((1u << kRowKeyBits) - 1); }
};

// ---- Values: each is made from a payload, which it gives back; V() is payload 0.

template <typename V>
struct Values {
  static V value(Payload payload) {
    return payload == 0 ? 0 : (payload * 0x9e3779b97f4a7c15u & ~uint64_t{255}) | payload;
  }
  static Payload payload(const V& value) { return static_cast<Payload>(value); }
};

template <>
struct Values<std::string> {
  static std::string value(Payload payload) { return std::string(payload, static_cast<char>('A' + payload % 26)); }
  static Payload payload(const std::string& value) { return static_cast<Payload>(value.size()); }
};

// ---- Changes, and what each does to one payload: the whole oracle.

enum class Change : uint8_t { kSet, kInsert, kUpdate, kUpdateIfExists, kErase };

Payload changed_payload(Change change, Payload before, Payload given, Payload payload_max) {
  switch (change) {
    case Change::kSet: return given;
    case Change::kInsert: return before == 0 ? given : before;
    case Change::kUpdate: return next_payload(before, payload_max);
    case Change::kUpdateIfExists: return before == 0 ? Payload{0} : next_payload(before, payload_max);
    case Change::kErase: break;
  }
  return 0;
}

class Oracle {
 public:
  explicit Oracle(size_t key_count) : payloads_(key_count, 0) {}
  size_t size() const { return size_; }
  size_t key_count() const { return payloads_.size(); }
  Payload at(uint64_t number) const { return payloads_.at(number); }
  void put(uint64_t number, Payload payload) {
    Payload& now = payloads_.at(number);
    size_ = size_ - (now != 0) + (payload != 0);
    now = payload;
  }

 private:
  std::vector<Payload> payloads_;
  size_t size_ = 0;
};

// ---- The collections under test, called by one set of names.

template <typename K, typename V>
struct MapOf {
  using Key = K;
  using KeyEqual = typename Keys<K>::Equal;
  template <typename Hash>
  using Collection = map<K, V, Hash, KeyEqual>;
  using Entry = map_entry<K, V>;
  static constexpr Payload kPayloadMax = 60;
  static constexpr bool kEqualityReadsPayloads = true;
  static constexpr std::initializer_list<Change> kAdditions = {Change::kSet, Change::kInsert, Change::kUpdate,
                                                               Change::kUpdateIfExists};

  static const K& key(const Entry& entry) { return entry.key; }
  static Payload payload(const V& value) {
    const Payload payload = Values<V>::payload(value);
    return payload <= kPayloadMax && Values<V>::value(payload) == value ? payload : kBroken;
  }
  static Payload payload(const Entry& entry) { return payload(entry.value); }
  static V next_value(const V& value) { return Values<V>::value(next_payload(Values<V>::payload(value), kPayloadMax)); }

  template <typename Handle>
  static std::decay_t<Handle> changed(Handle&& handle, Change change, const K& key, Payload given) {
    switch (change) {
      case Change::kSet: return std::forward<Handle>(handle).set(key, Values<V>::value(given));
      case Change::kInsert: return std::forward<Handle>(handle).insert(key, Values<V>::value(given));
      case Change::kUpdate: return std::forward<Handle>(handle).update(key, next_value);
      case Change::kUpdateIfExists: return std::forward<Handle>(handle).update_if_exists(key, next_value);
      case Change::kErase: break;
    }
    return std::forward<Handle>(handle).erase(key);
  }
  // Whether the draft tells rightly if the key `was_there`.
  template <typename Draft>
  static bool change_draft(Draft& draft, Change change, const K& key, Payload given, bool was_there) {
    switch (change) {
      case Change::kSet: return draft.insert_or_assign(key, Values<V>::value(given)) != was_there;
      case Change::kInsert: return draft.insert(key, Values<V>::value(given)) != was_there;
      case Change::kErase: return draft.erase(key) == was_there;
      case Change::kUpdateIfExists:
        if (!was_there) return !draft.contains(key);
        break;
      case Change::kUpdate: break;
    }
    draft.update(key, next_value);
    return true;
  }
  template <typename Map>
  static Payload at(const Map& map, const K& key) {
    try {
      return payload(map.at(key));
    } catch (const std::out_of_range&) {
      return 0;
    }
  }
};

template <typename E>
struct SetOf {
  using Key = E;
  using KeyEqual = typename Keys<E>::Equal;
  template <typename Hash>
  using Collection = set<E, Hash, KeyEqual>;
  using Entry = E;
  static constexpr Payload kPayloadMax = std::is_same_v<E, Row> ? 60 : 1;
  static constexpr bool kEqualityReadsPayloads = false;
  static constexpr std::initializer_list<Change> kAdditions = {Change::kSet, Change::kInsert};

  static const E& key(const Entry& entry) { return entry; }
  static E entry(const E& key, Payload payload) {
    if constexpr (std::is_same_v<E, Row>) {
      return {key.row | static_cast<uint32_t>(payload) << kRowKeyBits, key.hash_high};
    } else {
      return key;
    }
  }
  static Payload payload(const Entry& found) {
    if constexpr (std::is_same_v<E, Row>) {
      const uint32_t payload = found.row >> kRowKeyBits;
      const Row expected = entry(Keys<Row>::key(Keys<Row>::number(found)), static_cast<Payload>(payload));
      return payload <= kPayloadMax && found == expected ? static_cast<Payload>(payload) : kBroken;
    } else {
      return Keys<E>::key(Keys<E>::number(found)) == found ? 1 : kBroken;
    }
  }

  template <typename Handle>
  static std::decay_t<Handle> changed(Handle&& handle, Change change, const E& key, Payload given) {
    if (change == Change::kSet) return std::forward<Handle>(handle).insert_or_assign(entry(key, given));
    if (change == Change::kInsert) return std::forward<Handle>(handle).insert(entry(key, given));
    return std::forward<Handle>(handle).erase(key);
  }
  template <typename Draft>
  static bool change_draft(Draft& draft, Change change, const E& key, Payload given, bool was_there) {
    if (change == Change::kSet) return draft.insert_or_assign(entry(key, given)) != was_there;
    if (change == Change::kInsert) return draft.insert(entry(key, given)) != was_there;
    return draft.erase(key) == was_there;
  }
  template <typename Set>
  static Payload at(const Set& set, const E& key) {
    const E* const found = set.find(key);
    return found == nullptr ? Payload{0} : payload(*found);
  }
};

template <typename K, typename V>
struct KeptMapOf : MapOf<K, V> {
  template <typename Hash>
  using Collection = map<K, V, Hash, typename MapOf<K, V>::KeyEqual, never_reclaim>;
};
template <typename E>
struct KeptSetOf : SetOf<E> {
  template <typename Hash>
  using Collection = set<E, Hash, typename SetOf<E>::KeyEqual, never_reclaim>;
};

// ---- Hashes, each made from the good hash of the key type.

// A few bits of the good hash. High and mixed once more: keys collide whole, or part early. Else at the low end: keys part in the deepest tables or not
// at all. One type for both, as each is a trie to compile; that the trie mixes what is not avalanching is asked in map_test and history_test.
template <typename Good>
struct FewBits {
  using is_avalanching = void;
  unsigned bits = 0;  // 0: one hash for all keys
  bool mixed = true;
  template <typename K>
  uint64_t operator()(const K& key) const {
    const uint64_t cut = bits == 0 ? 7 : Good()(key) >> (64 - bits);
    return mixed ? hash<uint64_t>()(cut) : cut;
  }
};

// ---- The histories.

struct Plan {
  uint64_t key_count;
  size_t versions_max;
  uint64_t branch_period;  // one change in so many keeps the version it came from
  size_t history_count;
};

template <typename Subject, typename Hash>
class History {
 public:
  using Collection = typename Subject::template Collection<Hash>;

  History(uint64_t seed, const Plan& plan, const Hash& hash, const memory_options& memory)
      : plan_(plan), random_(seed), hash_(hash), memory_(memory) {
    for (uint64_t number = 0; number < plan.key_count; ++number) keys_.push_back(Keys<Key>::key(number));
    Oracle half(plan.key_count);
    for (uint64_t number = 0; number < plan.key_count; ++number)
      if (below(random_, 2) == 0) half.put(number, random_payload());
    versions_.push_back({build(half), half});
  }

  size_t operations() const { return operations_; }

  void run(size_t operations_min) {
    size_t next_check = 0;
    while (operations_ < operations_min && !::testing::Test::HasFailure()) {
      step();
      if (operations_ < next_check) continue;
      check_something();
      next_check = operations_ + plan_.key_count / 2 + below(random_, 2 * plan_.key_count);
    }
    for (const Version& version : versions_) check_whole(version);
    if (::testing::Test::HasFailure()) ADD_FAILURE() << "after " << operations_ << " operations";
    while (!versions_.empty()) drop(random_index());
  }

 private:
  using Key = typename Subject::Key;
  using Entry = typename Subject::Entry;
  struct Version {
    Collection held;
    Oracle oracle;
  };
  struct Undo {
    uint64_t number;
    Payload payload;
  };

  size_t random_index() { return below(random_, versions_.size()); }
  uint64_t random_number() { return below(random_, plan_.key_count); }
  bool branches() { return below(random_, plan_.branch_period) == 0; }
  Payload random_payload() { return static_cast<Payload>(1 + below(random_, Subject::kPayloadMax)); }
  Change random_change() {
    if (below(random_, 8) < (growing_ ? 2 : 5)) return Change::kErase;
    return Subject::kAdditions.begin()[below(random_, Subject::kAdditions.size())];
  }

  void step() {
    const uint64_t action = below(random_, 64);
    if (action == 0) return edit_draft();
    if (action < 26) return change_persistently();
    if (action < 46) return change_in_place();
    if (action < 62) return look_up();
    if (!branches()) return;
    ++operations_;
    if (action == 62) {
      add(Version(versions_[random_index()]));
    } else {
      for (size_t left = 1 + below(random_, plan_.versions_max); versions_.size() > left;) drop(random_index());
    }
  }

  void change_persistently() {
    ++operations_;
    Version& from = versions_[random_index()];
    const uint64_t number = random_number();
    const Change change = random_change();
    const Payload given = random_payload();
    const Payload before = from.oracle.at(number);
    const Payload after = changed_payload(change, before, given, Subject::kPayloadMax);
    Collection next = Subject::changed(std::as_const(from.held), change, keys_[number], given);
    expect_found(from.held, number, before);
    expect_found(next, number, after);
    EXPECT_EQ(from.held.size(), from.oracle.size());
    EXPECT_EQ(next.size(), from.oracle.size() - (before != 0) + (after != 0));
    EXPECT_TRUE(before != 0 || after != 0 || next.identical(from.held));
    Version& into = branches() ? add(Version(from)) : from;
    into.held = std::move(next);
    into.oracle.put(number, after);
  }

  void change_in_place() {
    ++operations_;
    Version& version = versions_[random_index()];
    const uint64_t number = random_number();
    const Change change = random_change();
    const Payload given = random_payload();
    const Payload after = changed_payload(change, version.oracle.at(number), given, Subject::kPayloadMax);
    version.held = Subject::changed(std::move(version.held), change, keys_[number], given);
    version.oracle.put(number, after);
    expect_found(version.held, number, after);
    EXPECT_EQ(version.held.size(), version.oracle.size());
  }

  // Kept in the place of the version it came from, or beside it, or dropped.
  void edit_draft() {
    Version& version = branches() ? add(Version(versions_[random_index()])) : versions_[random_index()];
    const bool kept = below(random_, 4) != 0;
    const bool of_rvalue = kept && below(random_, 2) == 0;
    std::vector<Undo> undone;
    {
      auto draft = of_rvalue ? std::move(version.held).transient() : std::as_const(version.held).transient();
      undone = change_draft(draft, version.oracle);
      if (kept) version.held = std::move(draft).persistent();
    }
    std::reverse(undone.begin(), undone.end());
    if (!kept)
      for (const Undo& undo : undone) version.oracle.put(undo.number, undo.payload);
    for (const Undo& undo : undone) expect_found(version.held, undo.number, version.oracle.at(undo.number));
    EXPECT_EQ(version.held.size(), version.oracle.size());
  }

  template <typename Draft>
  std::vector<Undo> change_draft(Draft& draft, Oracle& oracle) {
    growing_ = below(random_, 2) == 0;
    std::vector<Undo> undone;
    for (uint64_t left = 1 + below(random_, 200); left > 0; --left, ++operations_) {
      const uint64_t number = random_number();
      const Change change = random_change();
      const Payload given = random_payload();
      const Payload before = oracle.at(number);
      EXPECT_TRUE(Subject::change_draft(draft, change, keys_[number], given, before != 0));
      undone.push_back({number, before});
      oracle.put(number, changed_payload(change, before, given, Subject::kPayloadMax));
      expect_found(draft, number, oracle.at(number));
    }
    EXPECT_EQ(draft.size(), oracle.size());
    return undone;
  }

  void look_up() {
    const Version& version = versions_[random_index()];
    for (int lookups = 0; lookups < 4; ++lookups, ++operations_) {
      const uint64_t number = random_number();
      const Payload payload = version.oracle.at(number);
      switch (below(random_, 4)) {
        case 0: EXPECT_EQ(version.held.contains(keys_[number]), payload != 0); break;
        case 1: EXPECT_EQ(version.held.count(keys_[number]), payload != 0 ? 1u : 0u); break;
        case 2:
          // The exception of at() for a missing key costs more than a hundred lookups.
          if (payload != 0 || below(random_, 8) == 0) {
            EXPECT_EQ(Subject::at(version.held, keys_[number]), payload);
          }
          [[fallthrough]];
        default: expect_found(version.held, number, payload);
      }
    }
  }

  Version& add(Version version) {
    if (versions_.size() < plan_.versions_max) return versions_.emplace_back(std::move(version));
    Version& place = versions_[random_index()];
    place = std::move(version);
    return place;
  }

  void drop(size_t index) {
    std::swap(versions_[index], versions_.back());
    versions_.pop_back();
  }

  Collection build(const Oracle& oracle) {
    auto draft = Collection(hash_, typename Subject::KeyEqual(), memory_).transient();
    for (uint64_t number = 0; number < plan_.key_count; ++number) {
      const Payload payload = oracle.at(number);
      if (payload != 0) Subject::change_draft(draft, Change::kSet, keys_[number], payload, false);
    }
    return std::move(draft).persistent();
  }

  template <typename Handle>
  void expect_found(const Handle& handle, uint64_t number, Payload expected) const {
    const auto* const found = handle.find(keys_[number]);
    EXPECT_EQ(found == nullptr ? Payload{0} : Subject::payload(*found), expected) << "key " << number;
  }

  void check_something() {
    growing_ = below(random_, 2) == 0;
    const Version& version = versions_[random_index()];
    switch (below(random_, 5)) {
      case 0: return check_iteration(version);
      case 1: return check_lookups(version);
      case 2: EXPECT_EQ(version.held.validate(), ""); return;
      case 3: return check_pair(version, versions_[random_index()]);
      default: return check_rebuilt(versions_[random_index()]);
    }
  }

  void check_whole(const Version& version) const {
    EXPECT_EQ(version.held.validate(), "");
    EXPECT_EQ(version.held.size(), version.oracle.size());
    check_iteration(version);
    check_lookups(version);
  }

  void check_iteration(const Version& version) const {
    std::unordered_set<uint64_t> numbers;
    for (const Entry& entry : version.held) {
      const uint64_t number = Keys<Key>::number(Subject::key(entry));
      EXPECT_EQ(Subject::payload(entry), version.oracle.at(number));
      EXPECT_TRUE(typename Subject::KeyEqual()(Subject::key(entry), keys_[number])) << number;
      EXPECT_TRUE(numbers.insert(number).second) << number;
    }
    EXPECT_EQ(numbers.size(), version.oracle.size());
    size_t visits = 0;
    version.held.for_each([&](const Entry& entry) { visits += numbers.count(Keys<Key>::number(Subject::key(entry))); });
    EXPECT_EQ(visits, version.oracle.size());
  }

  void check_lookups(const Version& version) const {
    using Found = decltype(version.held.find(keys_[0]));
    std::vector<Found> found(keys_.size());
    version.held.find_batch(keys_, found);
    for (uint64_t number = 0; number < plan_.key_count; ++number) {
      EXPECT_EQ(found[number], version.held.find(keys_[number]));
      expect_found(version.held, number, version.oracle.at(number));
    }
  }

  struct DiffVisitor {
    const Oracle& before;
    const Oracle& after;
    std::unordered_set<uint64_t> numbers = {};
    void added(const Entry& entry) { expect(entry, 0, Subject::payload(entry)); }
    void removed(const Entry& entry) { expect(entry, Subject::payload(entry), 0); }
    void changed(const Entry& was, const Entry& is) {
      EXPECT_EQ(Keys<Key>::number(Subject::key(was)), Keys<Key>::number(Subject::key(is)));
      expect(was, Subject::payload(was), Subject::payload(is));
    }
    void expect(const Entry& entry, Payload was, Payload is) {
      const uint64_t number = Keys<Key>::number(Subject::key(entry));
      EXPECT_NE(was, is) << number;
      EXPECT_EQ(before.at(number), was) << number;
      EXPECT_EQ(after.at(number), is) << number;
      EXPECT_TRUE(numbers.insert(number).second) << number;
    }
  };

  void check_pair(const Version& before, const Version& after) const {
    size_t differences = 0;
    bool equal = true;
    for (uint64_t number = 0; number < plan_.key_count; ++number) {
      const Payload was = before.oracle.at(number);
      const Payload is = after.oracle.at(number);
      if (was == is) continue;
      ++differences;
      if (Subject::kEqualityReadsPayloads || was == 0 || is == 0) equal = false;
    }
    DiffVisitor visitor{before.oracle, after.oracle};
    diff(before.held, after.held, visitor);
    EXPECT_EQ(visitor.numbers.size(), differences);
    EXPECT_EQ(before.held == after.held, equal);
  }

  // A version of another family with the same entries, which takes this one's place: from now on the pool has both.
  void check_rebuilt(Version& version) {
    Version rebuilt{build(version.oracle), version.oracle};
    check_pair(version, rebuilt);
    check_pair(rebuilt, versions_[random_index()]);
    version = std::move(rebuilt);
  }

  const Plan plan_;
  Random random_;
  const Hash hash_;
  const memory_options memory_;
  std::vector<Key> keys_;
  std::vector<Version> versions_;
  size_t operations_ = 0;
  bool growing_ = true;
};

// ---- The cases: 7 collections under each of the hashes below.

constexpr size_t kOperationsPerCase = 140'000;
constexpr size_t kCasesPerCollection = 12;
constexpr size_t kCollections = 7;
static_assert(kOperationsPerCase * kCasesPerCollection * kCollections >= 10'000'000);

class OperationCount : public ::testing::Environment {
 public:
  static inline size_t total = 0;
  void TearDown() override {
    if (total != 0) std::printf("[ model    ] %zu random operations\n", total);
  }
};
const ::testing::Environment* const operation_count = ::testing::AddGlobalTestEnvironment(new OperationCount);

template <typename Subject>
class Model : public ::testing::Test {
 protected:
  using GoodHash = typename Keys<typename Subject::Key>::Hash;

  template <typename Hash>
  void run(const Plan& plan, const Hash& hash) {
    const size_t operations_min = scaled(kOperationsPerCase);
    size_t operations = 0;
    for (uint64_t seed = 0; seed < plan.history_count; ++seed) {
      const size_t chunk_bytes_max = seed % 2 == 0 ? 0 : size_t{1} << 16;
      SCOPED_TRACE(::testing::Message() << "seed " << seed << ", chunk_bytes_max " << chunk_bytes_max);
      CountingMemory memory;
      {
        History<Subject, Hash> history(seed, plan, hash, {.source = &memory, .chunk_bytes_max = chunk_bytes_max});
        history.run(operations_min / plan.history_count + 1);
        operations += history.operations();
      }
      ASSERT_EQ(memory.bytes_out(), 0u);
      ASSERT_FALSE(HasFailure());
    }
    EXPECT_GE(operations, operations_min);
    RecordProperty("operations", static_cast<int>(operations));
    OperationCount::total += operations;
  }
  void run_cut(unsigned bits, const Plan& plan) { run(plan, FewBits<GoodHash>{bits, true}); }
  void run_deep(unsigned bits, const Plan& plan) { run(plan, FewBits<GoodHash>{bits, false}); }
};

using Collections = ::testing::Types<MapOf<uint64_t, uint64_t>, MapOf<std::string, uint64_t>,
                                     MapOf<uint64_t, std::string>, MapOf<std::string, std::string>, SetOf<uint64_t>,
                                     SetOf<uint32_t>, SetOf<Row>, KeptMapOf<uint64_t, uint64_t>, KeptSetOf<Row>>;
TYPED_TEST_SUITE(Model, Collections);

TYPED_TEST(Model, AgreesWithAGoodHash) {
  this->run({.key_count = 2000, .versions_max = 24, .branch_period = 4, .history_count = 6},
            typename TestFixture::GoodHash());
}
TYPED_TEST(Model, AgreesWithFewKeys) {
  this->run({.key_count = 64, .versions_max = 24, .branch_period = 2, .history_count = 10},
            typename TestFixture::GoodHash());
}
TYPED_TEST(Model, AgreesWithManyKeys) {
  this->run({.key_count = scaled(160'000), .versions_max = 5, .branch_period = 500, .history_count = 2},
            typename TestFixture::GoodHash());
}
// Buckets are searched entry by entry, so the fewer hashes the fewer keys.
TYPED_TEST(Model, AgreesWhereAllHashesAreEqual) { this->run_cut(0, {32, 24, 4, 8}); }
TYPED_TEST(Model, AgreesWithHashesOfFourBits) { this->run_cut(4, {200, 24, 4, 8}); }
TYPED_TEST(Model, AgreesWithHashesOfEightBits) { this->run_cut(8, {1000, 24, 4, 6}); }
TYPED_TEST(Model, AgreesWithHashesOfTwelveBits) { this->run_cut(12, {2000, 24, 4, 6}); }
TYPED_TEST(Model, AgreesWithHashesOfSixteenBits) { this->run_cut(16, {scaled(20'000), 12, 64, 2}); }
TYPED_TEST(Model, AgreesWithHashesThatDifferInTheLastFourBits) { this->run_deep(4, {200, 24, 4, 8}); }
TYPED_TEST(Model, AgreesWithHashesThatDifferInTheLastEightBits) { this->run_deep(8, {1000, 24, 4, 6}); }
TYPED_TEST(Model, AgreesWithHashesThatDifferInTheLastTwelveBits) { this->run_deep(12, {2000, 24, 4, 6}); }
TYPED_TEST(Model, AgreesWithHashesThatDifferInTheLastSixteenBits) { this->run_deep(16, {scaled(20'000), 12, 64, 2}); }

}  // namespace
}  // namespace hamt
