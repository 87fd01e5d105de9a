#include "engine/os/clock.h"

#include <gtest/gtest.h>

#include <chrono>

namespace omendb::os {
namespace {

TEST(Clock, SystemTimeIsTheSystemsAndNeverRunsBackwards) {
  const SystemClock clock;
  const auto wall = static_cast<uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count());
  EXPECT_NEAR(static_cast<double>(clock.wall_micros()), static_cast<double>(wall), 5e6);
  uint64_t last = clock.monotonic_micros();
  const uint64_t first = last;
  while (last < first + 2000) {
    const uint64_t now = clock.monotonic_micros();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, ManualTimeStandsStillUntilItIsMoved) {
  ManualClock clock(1000);
  EXPECT_EQ(clock.wall_micros(), 1000U);
  EXPECT_EQ(clock.monotonic_micros(), 0U);
  clock.advance_micros(50);
  EXPECT_EQ(clock.wall_micros(), 1050U);
  EXPECT_EQ(clock.monotonic_micros(), 50U);
  clock.set_wall_micros(10);
  EXPECT_EQ(clock.wall_micros(), 10U);
  EXPECT_EQ(clock.monotonic_micros(), 50U);
}

}  // namespace
}  // namespace omendb::os
