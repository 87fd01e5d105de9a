#pragma once

// Time, injected: whoever needs it takes a Clock, so that tests decide what time it is.

#include <atomic>
#include <cstdint>

namespace omendb::os {

// Threads: any.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since 1970-01-01 UTC. May jump when somebody sets the clock; for time stamps.
  virtual uint64_t wall_micros() const = 0;
  // Microseconds since an arbitrary moment; never goes back; for durations.
  virtual uint64_t monotonic_micros() const = 0;
};

class SystemClock final : public Clock {
 public:
  uint64_t wall_micros() const override;
  uint64_t monotonic_micros() const override;
};

// Stands still until it is moved.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(uint64_t wall_micros = 1'700'000'000'000'000) : wall_micros_(wall_micros) {}

  uint64_t wall_micros() const override { return wall_micros_.load(std::memory_order_relaxed); }
  uint64_t monotonic_micros() const override { return monotonic_micros_.load(std::memory_order_relaxed); }

  // Moves both.
  void advance_micros(uint64_t micros) {
    wall_micros_.fetch_add(micros, std::memory_order_relaxed);
    monotonic_micros_.fetch_add(micros, std::memory_order_relaxed);
  }
  // Sets the wall clock alone, backwards too.
  void set_wall_micros(uint64_t micros) { wall_micros_.store(micros, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> wall_micros_;
  std::atomic<uint64_t> monotonic_micros_{0};
};

}  // namespace omendb::os
