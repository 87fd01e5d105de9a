#pragma once

// How often searches meet vectors that wait for the graph; writers make way for them (Engine::wait_for_room).

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace omendb::database {

class SearchPace {
 public:
  static constexpr uint64_t kOften = 10;  // a second

  // A search took place. Threads: any; two at the same moment may count as one.
  void count(uint64_t now_micros) {
    Seconds seconds = read(now_micros);
    seconds.in_this = std::min(seconds.in_this + 1, kCountMax);
    packed_.store(now_micros / kSecond << 32 | seconds.in_last << 16 | seconds.in_this, std::memory_order_relaxed);
  }

  // Whether there were kOften in the current second or in the one before it.
  bool often(uint64_t now_micros) const {
    const Seconds seconds = read(now_micros);
    return std::max(seconds.in_last, seconds.in_this) >= kOften;
  }

 private:
  static constexpr uint64_t kSecond = 1'000'000;  // in microseconds
  static constexpr uint64_t kCountMax = 0xFFFF;
  struct Seconds {
    uint64_t in_last = 0;
    uint64_t in_this = 0;
  };
  Seconds read(uint64_t now_micros) const {
    const uint64_t packed = packed_.load(std::memory_order_relaxed);
    const uint64_t age = (now_micros / kSecond - (packed >> 32)) & 0xFFFFFFFF;
    const Seconds then{packed >> 16 & kCountMax, packed & kCountMax};
    return age == 0 ? then : age == 1 ? Seconds{then.in_this, 0} : Seconds{};
  }

  std::atomic<uint64_t> packed_{0};  // second << 32 | searches in the one before it << 16 | searches in it
};

}  // namespace omendb::database
