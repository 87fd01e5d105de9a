#pragma once

#include <omendb/status.h>

#include <atomic>
#include <mutex>
#include <string>

namespace omendb::storage {

// Remembers the first failed sync or log write for ever. After it nobody can say what the disk holds, so nothing more is acknowledged; reads go on.
// Threads: any.
class Poison {
 public:
  // Keeps the first cause, ignores later ones.
  void strike(const Error& cause) {
    const std::lock_guard guard(mutex_);
    if (struck_.load(std::memory_order_relaxed)) return;
    cause_ = cause.message;
    struck_.store(true, std::memory_order_release);
  }

  bool struck() const { return struck_.load(std::memory_order_acquire); }

  // kIo with the first cause, once there is one.
  Result<void> check() const {
    if (!struck()) return {};
    const std::lock_guard guard(mutex_);
    return Error{ErrorCode::kIo, "changes are refused until the database is opened again, because of: " + cause_};
  }

 private:
  mutable std::mutex mutex_;  // guards cause_
  std::string cause_;
  std::atomic<bool> struck_{false};
};

}  // namespace omendb::storage
