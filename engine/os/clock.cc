#include "engine/os/clock.h"

#include <ctime>

namespace omendb::os {

namespace {

uint64_t micros_of(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

}  // namespace

uint64_t SystemClock::wall_micros() const { return micros_of(CLOCK_REALTIME); }

uint64_t SystemClock::monotonic_micros() const { return micros_of(CLOCK_MONOTONIC); }

}  // namespace omendb::os
