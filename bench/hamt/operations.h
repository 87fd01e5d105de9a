#pragma once

// The operations that are measured, written once over the adapter interface. measure<M>() builds the map, prints its memory and structure, checks what
// it answers, and runs every operation that the report wants and the map offers. What each one does stands above it.

#include "bench/hamt/adapter.h"
#include "bench/hamt/keys.h"
#include "bench/hamt/report.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace omendb::bench {

struct HeapUse {
  double heap_bytes;      // given out by malloc
  double resident_bytes;  // of this process, not backed by files; exact from 10,000 entries on
};
// Gives free memory back to the system first.
HeapUse heap_use();

namespace detail {

inline constexpr size_t kBatchKeys = 1024;
inline constexpr size_t kPartMax = 50'000;  // of changes in a round; bounds what maps that never free leave behind
inline constexpr size_t kSnapshots = 1000;

// The compiler must assume that the value is used.
inline void keep(uint64_t value) { asm volatile("" : : "r"(value) : "memory"); }

template <typename M>
M empty_map(size_t size) {
  if constexpr (std::constructible_from<M, size_t>) {
    return M(size);
  } else {
    return M();
  }
}

template <typename M>
M filled(const Workload<typename M::Key>& workload) {
  M map = empty_map<M>(workload.keys.size());
  map.edit([&](auto& draft) {
    uint64_t value = 0;
    for (const auto& key : workload.keys) draft.put(key, value++);
  });
  return map;
}

// Gives back, at the end of a round, what an allocator without free has given out in it.
template <typename M>
class Rewind {
 public:
  Rewind() {
    if constexpr (Rewinds<M>) mark_ = M::mark();
  }
  ~Rewind() {
    if constexpr (Rewinds<M>) M::rewind(mark_);
  }
  Rewind(const Rewind&) = delete;
  Rewind& operator=(const Rewind&) = delete;

 private:
  size_t mark_ = 0;
};

// One measurement of one map.
template <MeasuredMap M>
class Measurement {
  using Key = typename M::Key;
  using Keys = std::span<const Key>;

 public:
  Measurement(const Workload<Key>& workload, Report& report) : workload_(workload), report_(report) {
    part_ = std::clamp<size_t>(workload.keys.size() / 10, 1, kPartMax);
  }

  void run() {
    figures();
    build();
    destroy();
    if (!workload_.accesses.empty()) replay();
    refill();
    look_up(*map_);
    if constexpr (requires { map_->each([](uint64_t) {}); }) iterate(*map_);
    update();
    if constexpr (Erases<M>) {
      erase_and_insert();
      mixed("mixed_90_10", 10);
      mixed("mixed_50_50", 2);
    }
    if constexpr (std::copy_constructible<M>) snapshot(*map_);
    if constexpr (Persistent<M>) persistent(*map_);
  }

 private:
  void refill() {
    map_.reset();
    map_.emplace(filled<M>(workload_));
  }

  // As Report::time, for rounds that change the map. Under an allocator that never frees, each repeat starts from a new map in the same memory.
  template <typename Round>
  void time_changes(const char* operation, Round round) {
    if constexpr (Rewinds<M>) {
      map_.reset();
      const size_t mark = M::mark();
      const auto renew = [&] {
        map_.reset();
        M::rewind(mark);
        refill();
      };
      report_.time(operation, round, renew);
      renew();
    } else {
      report_.time(operation, round);
    }
  }

  Keys hits() const { return workload_.hits; }
  Keys part() const { return hits().first(part_); }

  void figures() {
    const Rewind<M> rewind;
    const M first = empty_map<M>(workload_.keys.size());  // what all maps of a process share is there before
    const HeapUse before = heap_use();
    const M map = filled<M>(workload_);
    const HeapUse after = heap_use();
    const auto entries = static_cast<double>(workload_.keys.size());
    if constexpr (!OwnMemory<M>)
      report_.figure("heap_bytes_per_entry", (after.heap_bytes - before.heap_bytes) / entries);
    if constexpr (!Rewinds<M>) {
      report_.figure("resident_bytes_per_entry", (after.resident_bytes - before.resident_bytes) / entries);
    }
    if constexpr (requires { map.figures([](const char*, double) {}); }) {
      map.figures([&](const char* name, double value) { report_.figure(name, value); });
    }
    check(map);
  }

  // A map that answers wrongly must not look fast: lost keys are a figure, wrong values end the program.
  void check(const M& map) const {
    size_t lost_count = 0;
    for (size_t at = 0; at < workload_.keys.size(); ++at) {
      const uint64_t value = map.get(workload_.keys[at]);
      if (value != at && value != kAbsent) stop("a wrong value");
      lost_count += value == kAbsent;
    }
    report_.figure("lost_keys", static_cast<double>(lost_count));
    for (const Key& key : workload_.misses) {
      if (map.has(key)) stop("a key that was never put");
    }
  }
  [[noreturn]] static void stop(const char* what) {
    std::fprintf(stderr, "hamt_compare: the map answers %s\n", what);
    std::exit(1);
  }

  // N keys into an empty map, in place.
  void build() {
    report_.time("build", [&](Stopwatch& watch) {
      const Rewind<M> rewind;
      watch.start();
      const M map = filled<M>(workload_);
      watch.stop();
      return workload_.keys.size();
    });
  }

  void destroy() {
    report_.time("destroy", [&](Stopwatch& watch) {
      const Rewind<M> rewind;
      std::optional<M> map(filled<M>(workload_));
      watch.start();
      map.reset();
      watch.stop();
      return workload_.keys.size();
    });
  }

  // A cache without limit under a real trace: look up, put where it is missing. From an empty map.
  void replay() {
    report_.time("replay", [&](Stopwatch& watch) {
      const Rewind<M> rewind;
      M map = empty_map<M>(workload_.keys.size());
      watch.start();
      map.edit([&](auto& draft) {
        for (const uint32_t at : workload_.accesses) {
          const Key& key = workload_.keys[at];
          if (draft.get(key) == kAbsent) draft.put(key, at);
        }
      });
      watch.stop();
      return workload_.accesses.size();
    });
  }

  // Times one pass of `one(key, sum)` over the keys.
  template <typename One>
  void pass(const char* operation, Keys keys, One one) {
    report_.time(operation, [&](Stopwatch& watch) {
      uint64_t sum = 0;
      watch.start();
      for (const Key& key : keys) one(key, sum);
      watch.stop();
      keep(sum);
      return keys.size();
    });
  }

  // hit: every key once, shuffled, as copies in other memory. miss: as many strangers. contains: both in turn.
  void look_up(const M& map) {
    pass("hit", hits(), [&](const Key& key, uint64_t& sum) { sum += map.get(key); });
    dependent_hit(map);
    pass("miss", workload_.misses, [&](const Key& key, uint64_t& sum) { sum += map.get(key); });
    std::vector<Key> both;
    for (size_t at = 0; at < workload_.hits.size(); ++at)
      both.push_back(at % 2 == 0 ? workload_.hits[at] : workload_.misses[at]);
    pass("contains", both, [&](const Key& key, uint64_t& sum) { sum += map.has(key); });
    if constexpr (FindsBatches<M>) batch(map);
  }

  // As hit, but each lookup needs the result of the one before: its latency, not its throughput. Values are below 2^32, so the shift adds
  // nothing, which the compiler can not know. (A lost key would answer kAbsent: that must not lead out of the array.)
  void dependent_hit(const M& map) {
    report_.time("dependent_hit", [&](Stopwatch& watch) {
      const Key* const keys = workload_.hits.data();
      uint64_t value = 0;
      watch.start();
      for (size_t at = 0; at < workload_.hits.size(); ++at) value = map.get(keys[at + ((value + 1) >> 63)]);
      watch.stop();
      keep(value);
      return workload_.hits.size();
    });
  }

  // The same keys as hit, 1,024 in a call.
  void batch(const M& map) {
    report_.time("batch_hit", [&](Stopwatch& watch) {
      std::array<const uint64_t*, kBatchKeys> values;
      uint64_t sum = 0;
      watch.start();
      for (size_t first = 0; first < hits().size(); first += kBatchKeys) {
        const Keys keys = hits().subspan(first, std::min(kBatchKeys, hits().size() - first));
        map.get_batch(keys, std::span(values).first(keys.size()));
        for (size_t at = 0; at < keys.size(); ++at) sum += *values[at];
      }
      watch.stop();
      keep(sum);
      return hits().size();
    });
  }

  void iterate(const M& map) {
    report_.time("iterate", [&](Stopwatch& watch) {
      uint64_t sum = 0;
      watch.start();
      map.each([&](uint64_t value) { sum += value; });
      watch.stop();
      keep(sum);
      return workload_.keys.size();
    });
  }

  // New values for all keys, shuffled, in place.
  void update() {
    report_.time("update", [&](Stopwatch& watch) {
      map_->edit([&](auto& draft) {
        watch.start();
        uint64_t value = 0;
        for (const Key& key : hits()) draft.put(key, value++);
        watch.stop();
      });
      return workload_.hits.size();
    });
  }

  // A tenth of the keys out of the full map and in again, in place. Two operations, so that the map is full at the start of each round.
  void erase_and_insert() {
    const auto run = [&](const char* operation, bool time_erase) {
      time_changes(operation, [&, time_erase](Stopwatch& watch) {
        map_->edit([&](auto& draft) {
          if (time_erase) watch.start();
          for (const Key& key : part()) draft.erase(key);
          if (time_erase) watch.stop();
          if (!time_erase) watch.start();
          put_back(draft);
          if (!time_erase) watch.stop();
        });
        return part_;
      });
    };
    run("erase", true);
    run("insert", false);
  }

  template <typename Draft>
  void put_back(Draft& draft) {
    uint64_t value = 0;
    for (const Key& key : part()) draft.put(key, value++);
  }

  // One write in `period` operations, the rest lookups of other keys. Writes erase a key and put it back in turn: size and keys stay.
  void mixed(const char* operation, size_t period) {
    time_changes(operation, [&, period](Stopwatch& watch) {
      const Keys keys = hits();
      uint64_t sum = 0;
      map_->edit([&](auto& draft) {
        watch.start();
        for (size_t at = 0; at + 2 * period <= keys.size(); at += 2 * period) {
          draft.erase(keys[at]);
          for (size_t next = 1; next < period; ++next) sum += draft.get(keys[at + next]);
          draft.put(keys[at], at);
          for (size_t next = period + 1; next < 2 * period; ++next) sum += draft.get(keys[at + next]);
          sum += draft.get(keys[at + period]);
        }
        watch.stop();
      });
      keep(sum);
      return keys.size() / (2 * period) * 2 * period;
    });
  }

  // One copy of the map, taken and dropped: a handle where versions share, else a copy of everything.
  void snapshot(const M& map) {
    report_.time("snapshot", [&](Stopwatch& watch) {
      const size_t copies = SharesCopies<M> ? kSnapshots : 1;
      watch.start();
      for (size_t copy = 0; copy < copies; ++copy) {
        const M other(map);
        keep(reinterpret_cast<uintptr_t>(&other));
      }
      watch.stop();
      return copies;
    });
  }

  // A new version per operation, the one before dropped. Starting from `map`, which stays as it is.
  void persistent(const M& map) {
    versions("persistent_update", map, [](const M& version, const Key& key) { return version.with(key, 7); });
    if constexpr (Diffs<M>) {
      if (report_.wants("diff")) differ(map);
      chain(map);  // of the maps that free what they drop
    }
    versions("persistent_erase", map, [](const M& version, const Key& key) { return version.without(key); });
    if (!report_.wants("persistent_insert")) return;
    M smaller = without_part(map);
    versions("persistent_insert", smaller, [](const M& version, const Key& key) { return version.with(key, 7); });
  }

  template <typename Change>
  void versions(const char* operation, const M& from, Change change) {
    report_.time(operation, [&](Stopwatch& watch) {
      const Rewind<M> rewind;
      watch.start();
      M version = change(from, part().front());
      for (const Key& key : part().subspan(1)) version = change(version, key);
      watch.stop();
      return part_;
    });
  }

  // A long chain of versions behind one that is kept: what a version costs must not grow with the chain.
  void chain(const M& map) {
    constexpr size_t kLength = 300'000;
    report_.time("persistent_chain", [&](Stopwatch& watch) {
      watch.start();
      M version = map;
      for (size_t done = 0; done < kLength; ++done) version = version.with(hits()[done % hits().size()], done);
      watch.stop();
      return kLength;
    });
  }

  M without_part(const M& map) const {
    M smaller = map.without(hits().front());
    for (const Key& key : part().subspan(1)) smaller = smaller.without(key);
    return smaller;
  }

  // Two versions that differ in one percent of the entries; an operation is one difference found.
  void differ(const M& map) {
    const size_t changed_count = std::max<size_t>(hits().size() / 100, 1);
    M after = map.with(hits().front(), kChanged);
    for (const Key& key : hits().first(changed_count).subspan(1)) after = after.with(key, kChanged);
    if (map.changes_to(after) != changed_count) stop("a diff that misses changes");
    report_.time("diff", [&](Stopwatch& watch) {
      watch.start();
      const size_t found_count = map.changes_to(after);
      watch.stop();
      return found_count;
    });
  }

  static constexpr uint64_t kChanged = 0xffff'ffffu;

  const Workload<Key>& workload_;
  Report& report_;
  size_t part_ = 0;
  std::optional<M> map_;  // full, at the start and the end of every operation
};

}  // namespace detail

template <MeasuredMap M>
void measure(const Workload<typename M::Key>& workload, Report& report) {
  detail::Measurement<M>(workload, report).run();
}

}  // namespace omendb::bench
