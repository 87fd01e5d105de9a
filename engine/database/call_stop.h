#pragma once

// A call's StopWhen as the rooms that do the work ask it.

#include <omendb/status.h>
#include <omendb/stop_when.h>

#include "engine/base/stop.h"
#include "engine/os/clock.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>

namespace omendb::database {

// Made on the thread of the call when it begins. Borrows both arguments.
class CallStop final : public base::Stop {
 public:
  CallStop(const StopWhen& when, const os::Clock& clock);

  // StopWhen::interrupted is not asked from here on.
  void ask_no_more() { may_ask_ = false; }

  // kTimeout or kCancelled: how long the call ran, and what it was doing.
  Error error() const override;

 private:
  enum class Reason : uint8_t { kNone, kTimeout, kCancelled };

  bool look() override;
  bool interrupted(uint64_t now_micros);
  bool stop_for(Reason reason, uint64_t now_micros);

  const StopWhen& when_;
  const os::Clock& clock_;
  const std::thread::id caller_ = std::this_thread::get_id();
  const uint64_t begin_micros_;
  uint64_t asked_micros_;  // when the caller was asked last
  bool may_ask_ = true;    // looked at by the caller's thread alone
  std::atomic<Reason> reason_{Reason::kNone};
  std::atomic<uint64_t> stopped_micros_{0};
};

// Null where nothing can stop the call.
class OptionalStop {
 public:
  OptionalStop(const StopWhen& when, const os::Clock& clock) {
    if (when.timeout || when.cancelled != nullptr || when.interrupted != nullptr) stop_.emplace(when, clock);
  }
  CallStop* get() { return stop_ ? &*stop_ : nullptr; }

 private:
  std::optional<CallStop> stop_;
};

}  // namespace omendb::database
