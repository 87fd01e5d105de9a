#include <hamt/map.h>
#include <hamt/set.h>
#include <hamt/text.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::below;
using testing::Random;
using testing::scaled;

using Texts = map<text_ref, uint64_t>;
static_assert(sizeof(text_ref) == 8 && std::is_trivially_copyable_v<text_ref>);
static_assert(sizeof(Texts::value_type) == 16);
static_assert(sizeof(map<std::string_view, uint64_t>::value_type) == 24);
static_assert(std::is_convertible_v<std::string_view, text_ref> && std::is_convertible_v<const char*, text_ref> &&
              std::is_convertible_v<const std::string&, text_ref>);
static_assert(!std::is_constructible_v<text_ref, std::nullptr_t>);
static_assert(!std::is_convertible_v<text_ref, std::string> && std::is_constructible_v<std::string, text_ref>);

// A view of a temporary would show its own bytes after they are gone.
template <typename T>
concept ShowsTemporaries = requires {
  std::declval<T>().view();
};
static_assert(ShowsTemporaries<const text_ref&> && !ShowsTemporaries<text_ref> && !ShowsTemporaries<const text_ref>);

// A copy in memory of exactly its size: a sanitizer sees every byte read beside it.
struct Copy {
  explicit Copy(std::string_view text) : size_bytes(text.size()), bytes(std::make_unique<char[]>(text.size())) {
    text.copy(bytes.get(), size_bytes);
  }
  std::string_view view() const { return {bytes.get(), size_bytes}; }
  size_t size_bytes;
  std::unique_ptr<char[]> bytes;
};

std::string patterned(size_t size_bytes) {
  std::string text(size_bytes, '\0');
  for (size_t at = 0; at < size_bytes; ++at) text[at] = static_cast<char>(at * 37 + size_bytes);
  return text;
}

// Of few letters, so that equal ones and common beginnings turn up; zero bytes and bytes above 127 among them.
std::string random_text(Random& random) {
  constexpr std::array<char, 4> kLetters = {'a', '\0', '\xff', '\x80'};
  const size_t letters = 1 + below(random, kLetters.size());
  std::string text(below(random, below(random, 8) == 0 ? 40 : 10), 'a');
  for (char& letter : text) letter = kLetters[below(random, letters)];
  return text;
}

void expect_shows(text_ref ref, std::string_view text) {
  ASSERT_EQ(ref.size(), text.size());
  ASSERT_EQ(ref.empty(), text.empty());
  ASSERT_EQ(ref.view(), text);
  ASSERT_EQ(static_cast<std::string>(ref), text);
}

TEST(TextRef, HoldsTextsOfEveryLength) {
  for (const size_t from : {size_t{0}, text_ref::max_size() - 64}) {
    for (size_t length = from; length <= from + 64; ++length) {
      const Copy copy(patterned(length));
      const Copy other(copy.view());
      expect_shows(copy.view(), copy.view());
      EXPECT_EQ(text_ref(copy.view()), text_ref(other.view())) << length;
      EXPECT_EQ(hash<text_ref>()(copy.view()), hash<text_ref>()(other.view())) << length;
    }
  }
  EXPECT_EQ(text_ref::max_size(), 32'767u);
}

TEST(TextRef, KeepsUpTo7BytesInItself) {
  for (size_t length = 0; length <= 8; ++length) {
    std::string text = patterned(length);
    const std::string before = text;
    const text_ref ref = text;
    if (length > 0) text.back() ^= 1;
    EXPECT_EQ(ref.view() == before, length <= 7) << length;
  }
}

TEST(TextRef, RefusesATextThatIsTooLongAndSaysHowLong) {
  const std::string longest(text_ref::max_size(), 'x');
  EXPECT_EQ(Texts().set(longest, 1).at(std::string(longest)), 1u);
  const std::string too_long = longest + "x";
  try {
    static_cast<void>(text_ref(too_long));
    FAIL() << "32,768 bytes were taken";
  } catch (const std::length_error& error) {
    EXPECT_STREQ(error.what(), "hamt::text_ref: a text of 32768 bytes, longer than the 32767 that a key can have");
  }
  EXPECT_THROW(static_cast<void>(Texts().contains(too_long)), std::length_error);
}

TEST(TextRef, TellsEveryByteInEveryPlaceFromEveryOther) {
  for (const size_t length : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 17u}) {
    for (size_t at = 0; at < length; ++at) {
      std::set<uint64_t> hashes;
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(length, 'x');
        text[at] = static_cast<char>(byte);
        expect_shows(text, text);
        EXPECT_EQ(text_ref(text) == text_ref(std::string(length, 'x')), byte == 'x');
        EXPECT_TRUE(hashes.insert(hash<text_ref>()(text)).second);
      }
    }
  }
}

TEST(TextRef, TellsTextsOfZeroBytesApart) {
  std::set<uint64_t> hashes;
  for (size_t length = 0; length <= 16; ++length) {
    const std::string zeros(length, '\0');
    EXPECT_TRUE(hashes.insert(hash<text_ref>()(zeros)).second);
    EXPECT_EQ(text_ref(zeros) == text_ref(std::string(length + 1, '\0')), false);
  }
  EXPECT_EQ(text_ref(), text_ref(""));
  EXPECT_EQ(text_ref(), text_ref(std::string_view()));
}

TEST(TextRef, EqualsAndHashesAsItsTextDoes) {
  for (uint64_t seed = 0; seed < scaled(200'000); ++seed) {
    Random random(seed);
    const Copy first(random_text(random));
    const Copy second(below(random, 2) == 0 ? std::string(first.view()) : random_text(random));
    const text_ref a = first.view();
    const text_ref b = second.view();
    const bool equal = first.view() == second.view();
    ASSERT_EQ(a == b, equal) << "seed " << seed;
    ASSERT_EQ(a == second.view(), equal) << "seed " << seed;
    ASSERT_EQ(hash<text_ref>(seed)(a) == hash<text_ref>(seed)(b), equal) << "seed " << seed;
  }
}

// The share of texts for which a flipped bit of the text flips a top bit of the hash, for the worst pair of bits.
double worst_distance_from_half(uint64_t seed, const std::vector<std::string>& texts) {
  constexpr size_t kTopBits = 20;
  const hash<text_ref> hasher(seed);
  double worst = 0;
  for (size_t bit = 0; bit < 8 * texts.front().size(); ++bit) {
    std::array<size_t, kTopBits> flipped{};
    for (std::string text : texts) {
      const uint64_t before = hasher(text);
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ 1 << bit % 8);
      const uint64_t difference = before ^ hasher(text);
      for (size_t top = 0; top < kTopBits; ++top) flipped[top] += difference >> (63 - top) & 1;
    }
    for (const size_t count : flipped) {
      const double share = static_cast<double>(count) / static_cast<double>(texts.size());
      worst = std::max(worst, share > 0.5 ? share - 0.5 : 0.5 - share);
    }
  }
  return worst;
}

TEST(TextRef, EveryBitOfAShortTextReachesTheTopOfItsHash) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 63, detail::process_seed()}) {
    SCOPED_TRACE(seed);
    for (size_t length = 2; length <= 7; ++length) {
      Random random(length);
      std::vector<std::string> scattered;
      std::vector<std::string> counted;
      for (uint64_t number = 0; number < 4096; ++number) {
        const uint64_t bits = random();
        scattered.emplace_back(reinterpret_cast<const char*>(&bits), length);
        counted.push_back((std::string(length, '0') + std::to_string(number)).substr(std::to_string(number).size()));
      }
      EXPECT_LT(worst_distance_from_half(seed, scattered), 0.1) << length;
      if (length < 4) continue;  // there are not that many numbers
      EXPECT_LT(worst_distance_from_half(seed, counted), 0.1) << length;
    }
  }
}

// Otherwise who knows two texts that collide in one process knows them for every process.
TEST(TextRef, WhatBecomesOfADifferenceDependsOnTheSeed) {
  Random random(1);
  for (int pair = 0; pair < 200; ++pair) {
    const std::string a = std::to_string(below(random, 10'000'000));
    std::string b = a;
    b.back() ^= 1;
    std::set<uint64_t> differences;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const uint64_t scattered = detail::mix(seed);
      differences.insert((hash<text_ref>(scattered)(a) ^ hash<text_ref>(scattered)(b)) >> 32);
    }
    EXPECT_GE(differences.size(), 99u) << a;
  }
}

TEST(TextRef, PlainSeedsAreAsGoodAsOthers) {
  std::set<uint64_t> hashes;  // of all seeds: they also make different hashes
  for (const uint64_t seed : {uint64_t{0}, uint64_t{1}, uint64_t{2}, uint64_t{42}, uint64_t{1} << 63, ~uint64_t{0}}) {
    for (int number = 0; number < 10'000; ++number)
      EXPECT_TRUE(hashes.insert(hash<text_ref>(seed)(std::to_string(number))).second) << seed;
  }
}

TEST(TextRef, AMapTakesTextsOfAnyKind) {
  const std::string owned = "a text that does not fit";
  const std::string_view view = "view";
  const Texts texts{{"one", 1}, {owned, 2}, {view, 3}};
  EXPECT_EQ(texts.validate(), "");
  EXPECT_EQ(*texts.find("one"), 1u);
  EXPECT_EQ(*texts.find(std::string("a text that does not fit")), 2u);
  EXPECT_EQ(texts.at(view), 3u);
  EXPECT_TRUE(texts.contains("view"));
  EXPECT_EQ(texts.count(std::string_view("views")), 0u);
  EXPECT_THROW(static_cast<void>(texts.at("two")), std::out_of_range);
  EXPECT_EQ(texts.set("one", 5).update(view, [](uint64_t value) { return value + 1; }).at("view"), 4u);
  EXPECT_EQ(texts.erase("one").erase(view).erase(std::string("a text that does not fit")).size(), 0u);
  auto draft = texts.transient();
  draft.set("two", 2);
  EXPECT_FALSE(draft.insert(view, 9));
  EXPECT_TRUE(draft.erase(owned));
  EXPECT_TRUE(draft.contains("two"));
  EXPECT_EQ(*draft.find(view), 3u);
  EXPECT_EQ(std::move(draft).persistent(), (Texts{{"two", 2}, {"one", 1}, {"view", 3}}));
}

TEST(TextRef, ASetTakesTextsOfAnyKind) {
  const std::string owned = "a text that does not fit";
  const set<text_ref> texts = set<text_ref>{"one", "two"}.insert(owned).insert(std::string_view("view"));
  EXPECT_EQ(texts.validate(), "");
  EXPECT_EQ(texts.size(), 4u);
  EXPECT_TRUE(texts.contains("two"));
  EXPECT_EQ(texts.find(std::string("a text that does not fit"))->view(), owned);
  EXPECT_EQ(texts.erase("one").erase(owned), (set<text_ref>{"view", "two"}));
  EXPECT_EQ(texts.merge({"three"}).size(), 5u);
}

std::vector<std::string> numbered(size_t count) {
  std::vector<std::string> texts;
  for (size_t number = 0; number < count; ++number)
    texts.push_back(number % 3 == 0 ? "a number of many bytes: " + std::to_string(number) : std::to_string(number));
  return texts;
}

TEST(TextRef, FindsBatches) {
  for (const size_t count : {size_t{1000}, size_t{70'000}}) {  // one after the other, and in lanes
    const std::vector<std::string> keys = numbered(count);
    auto draft = Texts().transient();
    for (size_t at = 0; at < count; at += 2) draft.set(keys[at], at);
    const Texts texts = std::move(draft).persistent();
    const std::vector<Copy> copies(keys.begin(), keys.end());
    std::vector<text_ref> asked(count);
    for (size_t at = 0; at < count; ++at) asked[at] = copies[at].view();
    std::vector<const uint64_t*> found(count);
    texts.find_batch(asked, found);
    for (size_t at = 0; at < count; ++at) {
      ASSERT_EQ(found[at] != nullptr, at % 2 == 0);
      ASSERT_TRUE(found[at] == nullptr || *found[at] == at);
    }
  }
}

TEST(TextRef, TakesLessMemoryThanAView) {
  const std::vector<std::string> keys = numbered(10'000);
  auto texts = Texts().transient();
  auto views = map<std::string_view, uint64_t>().transient();
  for (const std::string& key : keys) {
    texts.set(key, 1);
    views.set(key, 1);
  }
  EXPECT_LT(std::move(texts).persistent().memory_usage(), std::move(views).persistent().memory_usage() * 8 / 10);
}

// Few different hashes: tables that go deep, and lists.
struct PoorHash {
  using is_avalanching = void;
  uint64_t operator()(text_ref key) const { return hash<text_ref>(1)(key) & 0xfu << 8; }
};

template <typename Hash>
class TextModel : public ::testing::Test {
 protected:
  using Map = map<text_ref, uint64_t, Hash>;
  using Model = std::unordered_map<std::string, uint64_t>;
  struct State {
    Map texts;
    Model model;
  };

  // What a long key points to; a short one may come from anywhere.
  TextModel() {
    Random random(7);
    for (int count = 0; count < 150; ++count) pool_.push_back(random_text(random) + std::to_string(below(random, 60)));
  }
  const std::string& any_key(Random& random) const { return pool_[below(random, pool_.size())]; }
  // Short keys are put through memory that is gone at once.
  template <typename Put>
  static auto put_by(const std::string& key, Put put) {
    if (key.size() > 7) return put(text_ref(key));
    const Copy copy(key);
    return put(text_ref(copy.view()));
  }

  void step(State& state, Random& random) {
    const std::string& key = any_key(random);
    const uint64_t value = random();
    switch (below(random, 4)) {
      case 0: {
        state.texts = state.texts.erase(Copy(key).view());
        state.model.erase(key);
        break;
      }
      case 1: {
        state.texts = put_by(key, [&](text_ref ref) { return state.texts.insert(ref, value); });
        state.model.emplace(key, value);
        break;
      }
      case 2: {
        const auto add_one = [](uint64_t now) { return now + 1; };
        state.texts = put_by(key, [&](text_ref ref) { return state.texts.update(ref, add_one); });
        ++state.model[key];
        break;
      }
      default: {
        state.texts = put_by(key, [&](text_ref ref) { return state.texts.set(ref, value); });
        state.model[key] = value;
      }
    }
  }
  void transaction(State& state, Random& random) {
    auto draft = state.texts.transient();
    for (uint64_t left = below(random, 60); left > 0; --left) {
      const std::string& key = any_key(random);
      if (below(random, 3) == 0) {
        ASSERT_EQ(draft.erase(Copy(key).view()), state.model.erase(key) == 1);
      } else {
        const bool added = put_by(key, [&](text_ref ref) { return draft.insert_or_assign(ref, left); });
        ASSERT_EQ(added, state.model.insert_or_assign(key, left).second);
      }
    }
    state.texts = std::move(draft).persistent();
  }
  void expect_agreement(const State& state) const {
    ASSERT_EQ(state.texts.validate(), "");
    ASSERT_EQ(state.texts.size(), state.model.size());
    for (const auto& entry : state.texts) {
      const auto known = state.model.find(std::string(entry.key));
      ASSERT_NE(known, state.model.end());
      ASSERT_EQ(entry.value, known->second);
    }
    for (const std::string& key : pool_) {
      const uint64_t* const found = state.texts.find(Copy(key).view());
      ASSERT_EQ(found != nullptr, state.model.count(key) == 1);
    }
  }

 private:
  std::vector<std::string> pool_;
};
using TextHashes = ::testing::Types<hash<text_ref>, PoorHash>;
TYPED_TEST_SUITE(TextModel, TextHashes);

TYPED_TEST(TextModel, VersionsAgreeWithStandardMapsOfStrings) {
  for (uint64_t seed = 0; seed < scaled(50); ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<typename TestFixture::State> states(1);
    for (int round = 0; round < 20; ++round) {
      auto next = states[below(random, states.size())];  // branches
      this->transaction(next, random);
      for (int left = 20; left > 0; --left) this->step(next, random);
      states.push_back(std::move(next));
      this->expect_agreement(states.back());
    }
    for (const auto& state : states) this->expect_agreement(state);
    if (this->HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace hamt
