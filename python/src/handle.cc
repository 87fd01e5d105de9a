#include "handle.h"

#include <pthread.h>

#include <atomic>

namespace omendb::python {
namespace {

std::atomic<uint32_t> forks{0};

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint32_t fork_count() { return forks.load(std::memory_order_relaxed); }

void watch_forks() { pthread_atfork(nullptr, nullptr, &count_fork); }

}  // namespace omendb::python
