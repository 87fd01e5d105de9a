#pragma once

// The background workers that move fresh rows from the tail into the graphs, take dead ones out and keep the graphs' calibrations current. They can be paused at
// an insert boundary, so that a checkpoint sees graphs at rest.

#include <omendb/status.h>

#include "engine/table/table_version.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace omendb::table {

class IndexWorkers {
 public:
  using VersionSource = std::function<std::shared_ptr<const DatabaseVersion>()>;

  // Starts `threads` workers; 0 = none, rows are linked by link_all() only (deterministic tests). `version` gives the newest published version.
  IndexWorkers(unsigned threads, VersionSource version);
  ~IndexWorkers();  // stops at the next insert boundary
  IndexWorkers(const IndexWorkers&) = delete;
  IndexWorkers& operator=(const IndexWorkers&) = delete;

  // Tells that a new version was published.
  void wake();
  void stop();

  // No worker runs while one of these lives.
  class Pause {
   public:
    explicit Pause(IndexWorkers& workers);
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    IndexWorkers& workers_;
  };

  // Waits until wanted() is true, looking again after every piece of work; with no workers of its own it links on the calling thread.
  // Fails: kOutOfMemory, kClosed when stopped meanwhile.
  Result<void> wait_until(const std::function<bool()>& wanted);

 private:
  void run();
  // One piece of work, a few milliseconds long; false if there was none. `turn` counts the caller's pieces.
  Result<bool> work_once(uint64_t turn);

  VersionSource version_;
  std::mutex mutex_;  // guards the fields below
  std::condition_variable changed_;
  unsigned pauses_ = 0;
  unsigned running_ = 0;
  uint64_t wakes_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace omendb::table
