#pragma once

// Long work asks every few hundred rows whether somebody wants it to end. Everywhere a null Stop means that nobody can.

#include <omendb/status.h>

#include <atomic>
#include <cstdint>

namespace omendb::base {

// Once asked() was true it stays so, and so does stopped(). Therefore loops that are told to end may leave anything behind: whoever answers the caller looks at stopped()
// afterwards, and answers the error. Threads: asked() and stopped() any; begin() only while nobody else works.
class Stop {
 public:
  Stop() = default;
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;
  virtual ~Stop() = default;

  // Costs about a look at a clock.
  bool asked() {
    if (stopped()) return true;
    if (!look()) return false;
    stopped_.store(true, std::memory_order_release);
    return true;
  }
  bool stopped() const { return stopped_.load(std::memory_order_acquire); }

  // What is done from now on, for the message of the error: a literal that goes on "while ...".
  void begin(const char* stage) { stage_ = stage; }
  const char* stage() const { return stage_; }

  // Of work that was stopped.
  virtual Error error() const = 0;

 private:
  // Whether the work is to end.
  virtual bool look() = 0;

  std::atomic<bool> stopped_{false};
  const char* stage_ = "beginning";
};

inline bool asked(Stop* stop) { return stop != nullptr && stop->asked(); }
inline bool stopped(const Stop* stop) { return stop != nullptr && stop->stopped(); }

// After work that may have been stopped: its error, if it was.
inline Result<void> unless_stopped(const Stop* stop) {
  return stopped(stop) ? Result<void>(stop->error()) : Result<void>();
}

// Before a stage.
inline Result<void> begin_stage(Stop* stop, const char* stage) {
  if (stop == nullptr) return {};
  stop->begin(stage);
  return stop->asked() ? Result<void>(stop->error()) : Result<void>();
}

// For loops whose rounds are short: asks every `rounds` of them. One thread's.
class StopEvery {
 public:
  StopEvery(Stop* stop, uint32_t rounds) : stop_(stop), rounds_(rounds), left_(rounds) {}
  bool asked() { return stop_ != nullptr && --left_ == 0 && ask(); }

 private:
  bool ask() {
    left_ = rounds_;
    return stop_->asked();
  }

  Stop* stop_;
  uint32_t rounds_;
  uint32_t left_;
};

}  // namespace omendb::base
