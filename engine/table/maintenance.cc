#include "engine/table/maintenance.h"

#include "engine/base/try.h"

#include <chrono>

namespace omendb::table {
namespace {

constexpr std::chrono::seconds kIdle(1);

// Of the first column that has some; false if none has.
template <typename Work>
Result<bool> try_columns(const DatabaseVersion& version, const Work& work) {
  for (const auto& [name, table] : version.tables) {
    for (const VectorColumnVersion& column : table->vectors) {
      TRY(done, work(*column.index, *table));
      if (done) return true;
    }
  }
  return false;
}

}  // namespace

IndexWorkers::IndexWorkers(unsigned threads, VersionSource version) : version_(std::move(version)) {
  for (unsigned i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
}

IndexWorkers::~IndexWorkers() { stop(); }

void IndexWorkers::wake() {
  {
    const std::lock_guard lock(mutex_);
    ++wakes_;
  }
  changed_.notify_all();
}

void IndexWorkers::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

IndexWorkers::Pause::Pause(IndexWorkers& workers) : workers_(workers) {
  std::unique_lock lock(workers_.mutex_);
  ++workers_.pauses_;
  workers_.changed_.wait(lock, [this] { return workers_.running_ == 0; });
}

IndexWorkers::Pause::~Pause() {
  {
    const std::lock_guard lock(workers_.mutex_);
    --workers_.pauses_;
  }
  workers_.changed_.notify_all();
}

// Rows first: links one claim of some column, and takes one step in taking dead rows out. A calibration that must not wait until none are left gets every other
// turn, so that no statement is held up by it for long.
Result<bool> IndexWorkers::work_once(uint64_t turn) {
  using When = VectorIndex::CalibrateWhen;
  const std::shared_ptr<const DatabaseVersion> version = version_();
  if (turn % 2 == 1) {
    TRY(calibrated, try_columns(*version, [](VectorIndex& index, const TableVersion& table) {
          return index.calibrate_some(table, When::kSoon);
        }));
    if (calibrated) return true;
  }
  TRY(moved, try_columns(*version, [](VectorIndex& index, const TableVersion& table) -> Result<bool> {
        TRY(linked, index.link_some(table));
        TRY(erased, index.erase_some(table));
        return linked || erased;
      }));
  if (moved) return true;
  return try_columns(
      *version, [](VectorIndex& index, const TableVersion& table) { return index.calibrate_some(table, When::kIdle); });
}

void IndexWorkers::run() {
  uint64_t turn = 0;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (pauses_ > 0) {
      changed_.wait(lock);
      continue;
    }
    const uint64_t wakes_before = wakes_;
    ++running_;
    lock.unlock();
    const Result<bool> worked = work_once(turn++);
    lock.lock();
    --running_;
    changed_.notify_all();
    if (worked.ok() && *worked) continue;
    // Nothing to do: sleep until a commit, or until a reader may have let go of a version, whose rows may leave then. Out of memory: the rows stay in the tail, exact and
    // correct; try again in a while.
    const bool failed = !worked.ok();
    changed_.wait_for(lock, kIdle, [&] { return stopping_ || (!failed && wakes_ != wakes_before); });
  }
}

Result<void> IndexWorkers::wait_until(const std::function<bool()>& wanted) {
  uint64_t turn = 0;
  std::unique_lock lock(mutex_);
  while (!wanted()) {
    if (stopping_) return Error{ErrorCode::kClosed, "the database was closed while rows were being indexed"};
    if (!threads_.empty()) {
      changed_.wait(lock);
      continue;
    }
    changed_.wait(lock, [this] { return pauses_ == 0 || stopping_; });
    ++running_;
    lock.unlock();
    const Result<bool> worked = work_once(turn++);
    lock.lock();
    --running_;
    changed_.notify_all();
    if (!worked.ok()) return worked.error();
    if (!*worked && !wanted()) return {};
  }
  return {};
}

}  // namespace omendb::table
