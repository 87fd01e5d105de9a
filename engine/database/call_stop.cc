#include "engine/database/call_stop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

namespace omendb::database {
namespace {

// 0 for what is over already.
uint64_t micros_of(std::chrono::nanoseconds duration) {
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
  return static_cast<uint64_t>(std::max<int64_t>(micros, 0));
}

std::string milliseconds(uint64_t micros) { return fmt::format("{:.3g} ms", static_cast<double>(micros) / 1000); }

}  // namespace

CallStop::CallStop(const StopWhen& when, const os::Clock& clock)
    : when_(when), clock_(clock), begin_micros_(clock.monotonic_micros()), asked_micros_(begin_micros_) {}

bool CallStop::look() {
  const uint64_t now_micros = clock_.monotonic_micros();
  if (when_.cancelled != nullptr && when_.cancelled->load(std::memory_order_relaxed))
    return stop_for(Reason::kCancelled, now_micros);
  if (when_.timeout && now_micros - begin_micros_ >= micros_of(*when_.timeout))
    return stop_for(Reason::kTimeout, now_micros);
  return interrupted(now_micros) && stop_for(Reason::kCancelled, now_micros);
}

bool CallStop::interrupted(uint64_t now_micros) {
  if (when_.interrupted == nullptr || std::this_thread::get_id() != caller_ || !may_ask_) return false;
  if (now_micros - asked_micros_ < micros_of(when_.interval)) return false;
  asked_micros_ = now_micros;
  return when_.interrupted(when_.context);
}

// Whoever of several threads is first decides what the call answers.
bool CallStop::stop_for(Reason reason, uint64_t now_micros) {
  Reason none = Reason::kNone;
  if (reason_.compare_exchange_strong(none, reason, std::memory_order_acq_rel))
    stopped_micros_.store(now_micros - begin_micros_, std::memory_order_release);
  return true;
}

Error CallStop::error() const {
  const std::string after = milliseconds(stopped_micros_.load(std::memory_order_acquire));
  if (reason_.load(std::memory_order_acquire) == Reason::kCancelled)
    return {ErrorCode::kCancelled, fmt::format("the call was cancelled after {}, while {}", after, stage())};
  return {ErrorCode::kTimeout,
          fmt::format("the call was stopped after {}, of {} that it might take, while {}", after,
                      milliseconds(micros_of(when_.timeout.value_or(std::chrono::nanoseconds(0)))), stage())};
}

}  // namespace omendb::database
