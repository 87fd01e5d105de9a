#include "engine/os/forks.h"

#include <atomic>

#include <pthread.h>

namespace omendb::os {
namespace {

std::atomic<uint32_t> forks{0};

void count_fork() { forks.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

uint32_t fork_count() {
  [[maybe_unused]] static const int watched = ::pthread_atfork(nullptr, nullptr, &count_fork);
  return forks.load(std::memory_order_relaxed);
}

}  // namespace omendb::os
