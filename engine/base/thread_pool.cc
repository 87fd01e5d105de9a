#include "engine/base/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <utility>

#include <pthread.h>

namespace omendb::base {

namespace {

constexpr unsigned kWorkersMax = 16;
constexpr size_t kThreadNameMax = 15;  // pthread_setname_np refuses more

// Shared with helpers that may start after the loop is over; they find no index left and touch nothing but this.
struct Loop {
  Loop(size_t index_count, const std::function<void(size_t)>& body) : count(index_count), fn(&body) {}

  // Takes indexes until there are none. `fn` is alive as long as an index is not done, because the caller waits for
  // that.
  void work() {
    size_t done_here = 0;
    for (size_t index = next.fetch_add(1, std::memory_order_relaxed); index < count;
         index = next.fetch_add(1, std::memory_order_relaxed)) {
      (*fn)(index);
      ++done_here;
    }
    if (done_here == 0) return;
    const std::lock_guard guard(mutex);
    done_count += done_here;
    if (done_count == count) all_done.notify_all();
  }

  void wait() {
    std::unique_lock lock(mutex);
    all_done.wait(lock, [this] { return done_count == count; });
  }

  const size_t count;
  const std::function<void(size_t)>* fn;
  std::atomic<size_t> next{0};
  std::mutex mutex;  // guards done_count
  std::condition_variable all_done;
  size_t done_count = 0;
};

}  // namespace

unsigned worker_count_for(unsigned hardware_threads) {
  if (hardware_threads <= 3) return std::max(1U, hardware_threads);
  return std::min(hardware_threads - 1, kWorkersMax);
}

unsigned default_worker_count() { return worker_count_for(std::thread::hardware_concurrency()); }

ThreadPool::ThreadPool(const ThreadPoolOptions& options) {
  threads_.reserve(options.thread_count);
  for (unsigned index = 0; index < options.thread_count; ++index) {
    std::string suffix(1, '-');
    suffix += std::to_string(index);
    const size_t stem_size = kThreadNameMax - std::min(kThreadNameMax, suffix.size());
    threads_.emplace_back(
        [this, thread_name = options.name.substr(0, stem_size) + suffix] { run_worker(thread_name); });
  }
}

ThreadPool::~ThreadPool() {
  run_pending();
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  work_or_stop_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::submit(std::function<void()> task) {
  {
    const std::lock_guard guard(mutex_);
    queue_.push_back(std::move(task));
  }
  work_or_stop_.notify_one();
}

bool ThreadPool::run_one(std::unique_lock<std::mutex>& lock) {
  if (queue_.empty()) return false;
  {
    const std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    ++running_count_;
    lock.unlock();
    task();
  }  // the task's captures go before anybody is told that it is over
  lock.lock();
  --running_count_;
  if (queue_.empty() && running_count_ == 0) idle_.notify_all();
  return true;
}

void ThreadPool::run_worker(const std::string& thread_name) {
  ::pthread_setname_np(::pthread_self(), thread_name.c_str());
  std::unique_lock lock(mutex_);
  while (true) {
    work_or_stop_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (!run_one(lock) && stopping_) return;
  }
}

void ThreadPool::parallel_for(size_t count, unsigned thread_count, const std::function<void(size_t index)>& fn) {
  const size_t helper_count =
      count == 0 || thread_count == 0 ? 0 : std::min({count - 1, size_t{thread_count} - 1, threads_.size()});
  if (helper_count == 0) {
    for (size_t index = 0; index < count; ++index) fn(index);
    return;
  }
  const auto loop = std::make_shared<Loop>(count, fn);
  for (size_t helper = 0; helper < helper_count; ++helper) submit([loop] { loop->work(); });
  loop->work();
  loop->wait();
}

size_t ThreadPool::run_pending() {
  if (!threads_.empty()) return 0;
  size_t run_count = 0;
  std::unique_lock lock(mutex_);
  while (run_one(lock)) ++run_count;
  return run_count;
}

void ThreadPool::wait_idle() {
  run_pending();
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return queue_.empty() && running_count_ == 0; });
}

}  // namespace omendb::base
