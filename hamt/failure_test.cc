// Every allocation and every copy may fail: each operation is run with its first, second, third ... one failing, until it gets through. A failed
// operation leaves the version it started from as it was, and nothing behind.

#include <hamt/map.h>
#include <hamt/set.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <new>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::CountingMemory;
using testing::DeepHash;
using testing::FewBitsHash;
using testing::Fragile;

struct FragileHash {
  uint64_t operator()(const Fragile& key) const { return key.number() * 0x9e3779b97f4a7c15u; }
};

template <typename Map>
class Failures : public ::testing::Test {
 protected:
  using Model = std::map<uint64_t, uint64_t>;
  using MapDraft = typename Map::transient_type;
  using MapKey = typename Map::key_type;
  using MapValue = typename Map::mapped_type;

  static constexpr uint64_t kKeys = 40;

  Map full_map() {
    Map full(typename Map::hasher(), typename Map::key_equal(),
             memory_options{.source = &memory_, .chunk_bytes_max = 0});
    for (uint64_t key = 0; key < kKeys; ++key) full = std::move(full).set(MapKey(key), MapValue(key));
    return full;
  }
  static Model model_of(const Map& map) {
    Model model;
    for (const auto& entry : map) model.emplace(key_number(entry.key), key_number(entry.value));
    return model;
  }
  static Model full_model() {
    Model model;
    for (uint64_t key = 0; key < kKeys; ++key) model.emplace(key, key);
    return model;
  }
  static uint64_t key_number(const Fragile& number) { return number.number(); }
  static uint64_t key_number(uint64_t number) { return number; }

  void arm(bool copies, size_t nth) {
    if (copies) {
      Fragile::countdown = nth;
    } else {
      memory_.fail_at(nth);
    }
  }
  void disarm() {
    Fragile::countdown = 0;
    memory_.never_fail();
  }

  // `operation` gives the next version; `expected` is what it must hold when nothing fails.
  void expect_all_or_nothing(const std::function<Map(const Map&)>& operation, const Model& expected) {
    for (const bool copies : {false, true}) {
      bool done = false;
      for (size_t nth = 1; !done; ++nth) {
        SCOPED_TRACE(::testing::Message() << (copies ? "copy " : "allocation ") << nth << " fails");
        ASSERT_LT(nth, 1000u);
        const Map before = full_map();
        const size_t bytes_before = memory_.bytes_out();
        const size_t living_before = Fragile::living;
        arm(copies, nth);
        try {
          const Map after = operation(before);
          disarm();
          done = true;
          EXPECT_EQ(model_of(after), expected);
          EXPECT_EQ(after.validate(), "");
        } catch (const std::bad_alloc&) {
          disarm();
          EXPECT_FALSE(copies);
        } catch (const Fragile::Broken&) {
          disarm();
          EXPECT_TRUE(copies);
        }
        EXPECT_EQ(model_of(before), full_model());
        EXPECT_EQ(before.validate(), "");
        EXPECT_EQ(memory_.bytes_out(), bytes_before);
        EXPECT_EQ(Fragile::living, living_before);
        if (this->HasFailure()) return;
      }
    }
    EXPECT_EQ(memory_.bytes_out(), 0u);
    EXPECT_EQ(Fragile::living, 0u);
  }

  // A draft goes through several changes; the failing one must leave the draft as the one before it left it, and usable.
  void expect_draft_survives(const std::vector<std::function<void(MapDraft&)>>& changes) {
    for (const bool copies : {false, true}) {
      bool done = false;
      for (size_t nth = 1; !done; ++nth) {
        SCOPED_TRACE(::testing::Message() << (copies ? "copy " : "allocation ") << nth << " fails");
        ASSERT_LT(nth, 2000u);
        const Map before = full_map();
        MapDraft draft = before.transient();
        MapDraft spare = before.transient();
        arm(copies, nth);
        size_t at = 0;
        bool failed = false;
        for (; at < changes.size() && !failed; ++at) {
          try {
            changes[at](draft);
          } catch (const std::exception&) {
            failed = true;
          }
          if (!failed) {  // the same change, without failures, on the other draft
            const size_t left = Fragile::countdown;
            Fragile::countdown = 0;
            memory_.pause();
            changes[at](spare);
            memory_.resume();
            Fragile::countdown = left;
          }
        }
        disarm();
        done = !failed;
        EXPECT_EQ(model_of(before), full_model());
        const Map reached = std::move(draft).persistent();
        const Map expected = std::move(spare).persistent();
        EXPECT_EQ(reached.validate(), "");
        EXPECT_EQ(model_of(reached), model_of(expected));
        if (this->HasFailure()) return;
      }
    }
    EXPECT_EQ(memory_.bytes_out(), 0u);
    EXPECT_EQ(Fragile::living, 0u);
  }

  CountingMemory memory_;
};

using FailureMaps = ::testing::Types<map<uint64_t, uint64_t>, map<uint64_t, uint64_t, FewBitsHash<0>>,
                                     map<uint64_t, uint64_t, DeepHash<4>>, map<Fragile, Fragile, FragileHash>,
                                     map<Fragile, Fragile, FewBitsHash<0>>, map<Fragile, Fragile, FewBitsHash<3>>,
                                     map<Fragile, Fragile, DeepHash<4>>>;
TYPED_TEST_SUITE(Failures, FailureMaps);

TYPED_TEST(Failures, SetOfANewKeyIsAllOrNothing) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  for (const uint64_t key : {100u, 101u, 102u, 103u, 104u, 105u}) {
    auto expected = this->full_model();
    expected[key] = 5;
    this->expect_all_or_nothing([&](const TypeParam& before) { return before.set(K(key), V(5)); }, expected);
    this->expect_all_or_nothing([&](const TypeParam& before) { return before.insert(K(key), V(5)); }, expected);
  }
}

TYPED_TEST(Failures, SetOfAKeyThatIsThereIsAllOrNothing) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  for (const uint64_t key : {0u, 7u, 39u}) {
    auto expected = this->full_model();
    expected[key] = key + 5;
    this->expect_all_or_nothing([&](const TypeParam& before) { return before.set(K(key), V(key + 5)); }, expected);
    const auto add_five = [this](const V& value) { return V(this->key_number(value) + 5); };
    this->expect_all_or_nothing([&](const TypeParam& before) { return before.update(K(key), add_five); }, expected);
  }
}

TYPED_TEST(Failures, EraseIsAllOrNothing) {
  using K = typename TypeParam::key_type;
  for (uint64_t key = 0; key < this->kKeys; key += 3) {
    auto expected = this->full_model();
    expected.erase(key);
    this->expect_all_or_nothing([&](const TypeParam& before) { return before.erase(K(key)); }, expected);
  }
}

TYPED_TEST(Failures, AFailedChangeLeavesTheDraftUsable) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  using Draft = typename TypeParam::transient_type;
  std::vector<std::function<void(Draft&)>> changes;
  for (uint64_t key = 30; key < 60; ++key) {
    changes.push_back([key](Draft& draft) { draft.set(K(key), V(key + 1)); });
    changes.push_back([key](Draft& draft) { draft.erase(K(key - 20)); });
  }
  this->expect_draft_survives(changes);
}

TYPED_TEST(Failures, AnRvalueMapSurvivesItsFailedChange) {
  using K = typename TypeParam::key_type;
  using V = typename TypeParam::mapped_type;
  size_t failures = 0;
  for (size_t nth = 1; nth < 6; ++nth) {
    TypeParam full = this->full_map();
    auto expected = this->full_model();
    this->arm(false, nth);
    for (uint64_t key = 200; key < 230; ++key) {
      try {
        full = std::move(full).set(K(key), V(1));
        expected[key] = 1;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
    }
    this->disarm();
    EXPECT_EQ(full.validate(), "");
    EXPECT_EQ(this->model_of(full), expected);
  }
  EXPECT_EQ(failures, 5u);
}

// Chunks, unlike tables, fail rarely: here each in turn, over a growing map.
TEST(FailuresOfThePool, AMissingChunkLeavesTheMap) {
  size_t failures = 0;
  for (size_t nth = 1; nth < 12; ++nth) {
    CountingMemory memory;
    {
      map<uint64_t, uint64_t> numbers({}, {}, memory_options{.source = &memory});
      memory.fail_at(nth);
      uint64_t stored = 0;
      for (uint64_t key = 0; key < 2000; ++key) {
        try {
          numbers = key % 2 == 0 ? numbers.set(key, key) : std::move(numbers).set(key, key);
          ++stored;
        } catch (const std::bad_alloc&) {
          ++failures;
        }
      }
      EXPECT_EQ(numbers.size(), stored);
      EXPECT_EQ(numbers.validate(), "");
    }
    EXPECT_EQ(memory.bytes_out(), 0u);
  }
  EXPECT_EQ(failures, 11u);
}

TEST(FailuresOfTheUser, AThrowingHashOrEqualityChangesNothing) {
  struct Moody {
    size_t* countdown;
    void tick() const {
      if (*countdown > 0 && --*countdown == 0) throw Fragile::Broken();
    }
  };
  struct MoodyHash : Moody {
    uint64_t operator()(uint64_t key) const {
      tick();
      return key % 5;
    }
  };
  struct MoodyEqual : Moody {
    bool operator()(uint64_t a, uint64_t b) const {
      tick();
      return a == b;
    }
  };
  size_t countdown = 0;
  set<uint64_t, MoodyHash, MoodyEqual> numbers(MoodyHash{{&countdown}}, MoodyEqual{{&countdown}});
  for (uint64_t key = 0; key < 30; ++key) numbers = numbers.insert(key);
  size_t failures = 0;
  for (size_t nth = 1; nth < 20; ++nth) {
    auto draft = numbers.transient();
    countdown = nth;
    try {
      draft.insert(100);
      draft.erase(3);
    } catch (const Fragile::Broken&) {
      ++failures;
    }
    countdown = 0;
    EXPECT_EQ(std::move(draft).persistent().validate(), "");
    EXPECT_EQ(numbers.size(), 30u);
    EXPECT_EQ(numbers.validate(), "");
  }
  EXPECT_GT(failures, 5u);
}

}  // namespace
}  // namespace hamt
