#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace omendb::base {

// How many workers suit a machine of `hardware_threads`: all up to 3, one left free from 4 up, at most 16; at least 1.
unsigned worker_count_for(unsigned hardware_threads);
// For the processors that this process may run on.
unsigned default_worker_count();

struct ThreadPoolOptions {
  std::string name = "omendb";  // threads are called name-0, name-1 ...; the system shows 15 characters
  unsigned thread_count =
      0;  // 0 = deterministic: no threads; work runs in order of submission when run_pending() is called
};

// A fixed set of threads and one queue, first in first out. Tasks must not throw. Threads: every member from any, from
// tasks too (wait_idle excepted). Memory: the queued tasks; the queue has no bound, whoever submits in a loop bounds
// himself.
class ThreadPool {
 public:
  explicit ThreadPool(const ThreadPoolOptions& options);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();  // runs what is queued, then joins. No submit may be under way, except from tasks

  void submit(std::function<void()> task);

  // Runs fn(index) for every index below `count`, by at most `thread_count` threads of which the caller is one; returns
  // when all are done. Effects of every fn are visible to the caller then. Never deadlocks: the caller works itself, so
  // a full or nested pool only means fewer hands.
  // Without threads, or with thread_count <= 1, it runs inline in rising order. Each index costs about 10 ns: make them
  // chunks of work.
  void parallel_for(size_t count, unsigned thread_count, const std::function<void(size_t index)>& fn);

  // Without threads: runs what is queued, and what that queues, on the calling thread; returns how many tasks ran. With
  // threads: 0, at once.
  size_t run_pending();

  // Returns when the queue is empty and no task runs. Without threads it runs them. Not from inside a task.
  void wait_idle();

  unsigned thread_count() const { return static_cast<unsigned>(threads_.size()); }

 private:
  void run_worker(const std::string& thread_name);
  bool run_one(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // guards the four below
  std::condition_variable work_or_stop_;
  std::condition_variable idle_;
  std::deque<std::function<void()>> queue_;
  size_t running_count_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // written by the constructor only
};

}  // namespace omendb::base
