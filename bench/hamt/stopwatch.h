#pragma once

// Processor time of the calling thread, in nanoseconds. Threads: one. Fails: never (Linux has had the clock since 2.6.12).
//
// Thread time, not wall time: what other jobs of the machine take is not counted. Reading the clock is a system call (0.1 to 0.3 us), so the mean cost
// of a lap is measured once and taken off; a round of a map of 100 entries would otherwise be mostly clock.

#include <cstddef>
#include <cstdint>
#include <ctime>

namespace omendb::bench {

inline uint64_t thread_ns() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(now.tv_nsec);
}

// Adds up laps: whatever lies between start() and stop().
class Stopwatch {
 public:
  void start() { began_ns_ = thread_ns(); }
  void stop() {
    total_ns_ += thread_ns() - began_ns_;
    ++lap_count_;
  }
  // Of all laps, without the cost of the clock. At least 1.
  uint64_t elapsed_ns() const {
    const uint64_t clock_ns = lap_count_ * lap_cost_ns();
    return total_ns_ > clock_ns ? total_ns_ - clock_ns : 1;
  }
  size_t lap_count() const { return lap_count_; }

 private:
  static uint64_t lap_cost_ns() {
    static const uint64_t cost_ns = [] {
      constexpr uint64_t kLaps = 2000;
      uint64_t total_ns = 0;
      for (uint64_t lap = 0; lap < kLaps; ++lap) {
        const uint64_t began_ns = thread_ns();
        total_ns += thread_ns() - began_ns;
      }
      return total_ns / kLaps;
    }();
    return cost_ns;
  }

  uint64_t began_ns_ = 0;
  uint64_t total_ns_ = 0;
  size_t lap_count_ = 0;
};

}  // namespace omendb::bench
