// Versions cross threads: readers without locks, writers of one family side by side, versions dropped wherever they end.

#include <hamt/map.h>

#include "hamt/test_types.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hamt {
namespace {

using testing::below;
using testing::CountingMemory;
using testing::Random;
using testing::scaled;

uint64_t number_of(uint64_t number) { return number; }
uint64_t number_of(const std::string& text) { return std::stoull(text); }

template <typename V>
V value_of(uint64_t number) {
  if constexpr (std::is_same_v<V, std::string>) {
    return std::to_string(number) + std::string(20, ' ');
  } else {
    return number;
  }
}

// The newest version, for whoever asks.
template <typename Map>
class Published {
 public:
  explicit Published(Map map) : map_(std::move(map)) {}
  Map get() const {
    const std::lock_guard lock(mutex_);
    return map_;
  }
  void put(Map map) {
    const std::lock_guard lock(mutex_);
    map_.swap(map);
  }

 private:
  mutable std::mutex mutex_;
  Map map_;
};

template <typename V>
class Threads : public ::testing::Test {};
using ThreadValues = ::testing::Types<uint64_t, std::string>;
TYPED_TEST_SUITE(Threads, ThreadValues);

// Every version holds one stamp in all its values: a reader that saw two stamps saw a version change.
TYPED_TEST(Threads, ReadersSeeWholeVersionsWhileAWriterGoesOn) {
  using Map = map<uint64_t, TypeParam>;
  constexpr uint64_t kKeys = 200;
  CountingMemory memory;
  {
    Map first({}, {}, memory_options{.source = &memory});
    for (uint64_t key = 0; key < kKeys; ++key) first = std::move(first).set(key, value_of<TypeParam>(0));
    Published<Map> published(std::move(first));
    std::atomic<bool> done{false};
    std::atomic<size_t> torn{0};
    std::vector<std::thread> readers;
    for (int reader = 0; reader < 3; ++reader) {
      readers.emplace_back([&] {
        std::vector<Map> held;
        while (!done) {
          const Map version = published.get();
          const uint64_t stamp = number_of(version.at(0));
          size_t entries = 0;
          for (const auto& [key, value] : version) {
            torn += number_of(value) != stamp ? 1 : 0;
            ++entries;
          }
          torn += entries != kKeys ? 1 : 0;
          held.push_back(version);
          if (held.size() > 10) held.clear();
        }
      });
    }
    for (uint64_t stamp = 1; stamp <= scaled(600); ++stamp) {
      auto draft = published.get().transient();
      for (uint64_t key = 0; key < kKeys; ++key) draft.set(key, value_of<TypeParam>(stamp));
      for (uint64_t key = kKeys; key < kKeys + 20; ++key) draft.set(key, value_of<TypeParam>(0));
      for (uint64_t key = kKeys; key < kKeys + 20; ++key) draft.erase(key);
      published.put(std::move(draft).persistent());
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    EXPECT_EQ(torn, 0u);
    EXPECT_EQ(published.get().validate(), "");
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

// Several writers branch off one another's versions: only one can hold the arena's lease, the others must get along without.
TYPED_TEST(Threads, WritersBranchFromEachOthersVersions) {
  using Map = map<uint64_t, TypeParam>;
  struct Version {
    Map map;
    std::unordered_map<uint64_t, uint64_t> model;
  };
  CountingMemory memory;
  {
    Map first({}, {}, memory_options{.source = &memory, .chunk_bytes_max = 1 << 14});
    std::mutex mutex;
    std::vector<Version> shared(4, Version{std::move(first), {}});
    std::atomic<size_t> wrong{0};
    const auto write = [&](uint64_t seed) {
      Random random(seed);
      for (size_t round = 0; round < scaled(1500); ++round) {
        Version version;
        {
          const std::lock_guard lock(mutex);
          version = shared[below(random, shared.size())];
        }
        auto draft = version.map.transient();
        for (uint64_t step = below(random, 20); step > 0; --step) {
          const uint64_t key = below(random, 300);
          if (below(random, 2) == 0) {
            draft.set(key, value_of<TypeParam>(seed));
            version.model.insert_or_assign(key, seed);
          } else {
            wrong += draft.erase(key) != (version.model.erase(key) == 1) ? 1 : 0;
          }
        }
        version.map = below(random, 2) == 0 ? std::move(draft).persistent().erase(1)
                                            : std::move(draft).persistent().set(1, value_of<TypeParam>(seed));
        if (version.map.contains(1)) {
          version.model.insert_or_assign(1, seed);
        } else {
          version.model.erase(1);
        }
        const std::lock_guard lock(mutex);
        std::swap(shared[below(random, shared.size())], version);
      }
    };
    std::vector<std::thread> writers;
    for (uint64_t seed = 1; seed <= 3; ++seed) writers.emplace_back(write, seed);
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(wrong, 0u);
    for (const Version& version : shared) {
      EXPECT_EQ(version.map.validate(), "");
      EXPECT_EQ(version.map.size(), version.model.size());
      for (const auto& [key, number] : version.model) EXPECT_EQ(number_of(version.map.at(key)), number);
    }
  }
  EXPECT_EQ(memory.bytes_out(), 0u);
}

}  // namespace
}  // namespace hamt
