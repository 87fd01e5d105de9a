#pragma once

// What a measurement prints. Two kinds of lines:
//   method,dataset_type,operation,size,total_time_ns,ops_per_sec,ns_per_op     a time: the median repeat
//   figure,method,dataset_type,size,name,value                                 memory and structure

#include "bench/hamt/stopwatch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::bench {

struct Plan {
  std::string method;
  std::string key_kind;
  size_t size = 0;
  std::string operation;            // empty: all
  size_t repeat_count = 5;          // after one that warms up; the median is reported
  uint64_t repeat_ns = 10'000'000;  // a repeat goes on for whole rounds until it has measured this long
};

class Report {
 public:
  explicit Report(Plan plan) : plan_(std::move(plan)) {}

  size_t size() const { return plan_.size; }
  bool wants(std::string_view operation) const { return plan_.operation.empty() || plan_.operation == operation; }

  // `round(watch)` does some operations, those to be measured between watch.start() and watch.stop(), and returns how many it measured.
  // `prepare()` runs before each repeat.
  template <typename Round, typename Prepare>
  void time(std::string_view operation, Round&& round, Prepare&& prepare) {
    if (!wants(operation)) return;
    std::vector<Repeat> repeats;
    for (size_t repeat = 0; repeat <= plan_.repeat_count; ++repeat) {
      prepare();
      repeats.push_back(repeat_of(round));
    }
    repeats.erase(repeats.begin());
    std::sort(repeats.begin(), repeats.end(),
              [](const Repeat& a, const Repeat& b) { return a.ns_per_op() < b.ns_per_op(); });
    print(operation, repeats[repeats.size() / 2]);
  }

  template <typename Round>
  void time(std::string_view operation, Round&& round) {
    time(operation, round, [] {});
  }

  void figure(std::string_view name, double value) const {
    std::printf("figure,%s,%s,%zu,%.*s,%.6g\n", plan_.method.c_str(), plan_.key_kind.c_str(), plan_.size,
                static_cast<int>(name.size()), name.data(), value);
  }

 private:
  static constexpr uint64_t kPreparationMax =
      10;  // a repeat ends after so many times its length, where most of it is not measured

  struct Repeat {
    uint64_t total_ns = 0;
    size_t op_count = 0;
    double ns_per_op() const {
      return static_cast<double>(total_ns) / static_cast<double>(std::max<size_t>(op_count, 1));
    }
  };

  template <typename Round>
  Repeat repeat_of(Round& round) const {
    Stopwatch watch;
    size_t op_count = 0;
    const uint64_t began_ns = thread_ns();
    do {
      op_count += round(watch);
    } while (watch.elapsed_ns() < plan_.repeat_ns && thread_ns() - began_ns < kPreparationMax * plan_.repeat_ns);
    return {watch.elapsed_ns(), op_count};
  }

  void print(std::string_view operation, const Repeat& repeat) const {
    std::printf("%s,%s,%.*s,%zu,%llu,%.0f,%.3f\n", plan_.method.c_str(), plan_.key_kind.c_str(),
                static_cast<int>(operation.size()), operation.data(), plan_.size,
                static_cast<unsigned long long>(repeat.total_ns), 1e9 / repeat.ns_per_op(), repeat.ns_per_op());
    std::fflush(stdout);
  }

  Plan plan_;
};

}  // namespace omendb::bench
