#pragma once

// How a caller ends what it has asked for before it is done: after a time, from another thread, or from a question that is asked meanwhile.

#include <atomic>
#include <chrono>
#include <optional>

namespace omendb {

// A search, a count, the beginning of a scan and the condition of an update or erase look at this every few hundred rows, some ten to hundred microseconds apart (more where
// rows are thousands of dimensions or texts are long). A call that is stopped answers kTimeout or kCancelled and nothing else: no part of an answer, nothing written. What
// is borrowed must outlive the call. By default nothing stops a call, and nothing is looked at.
struct StopWhen {
  // From the beginning of the call; 0 and less: the time is over before it begins.
  std::optional<std::chrono::nanoseconds> timeout{};
  // Ends the call once it is true. Any thread, or a signal handler, may set it.
  const std::atomic<bool>* cancelled = nullptr;
  // Asked on the thread of the call, every `interval` or a bit later; ends the call when it returns true. Never asked while a lock is held. Must not throw.
  bool (*interrupted)(void* context) = nullptr;
  void* context = nullptr;
  std::chrono::nanoseconds interval = std::chrono::milliseconds(50);  // 0: whenever the call looks
};

}  // namespace omendb
