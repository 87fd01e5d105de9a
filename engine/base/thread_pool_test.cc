#include "engine/base/thread_pool.h"

#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <numeric>
#include <string>
#include <vector>

#include <pthread.h>

namespace omendb::base {
namespace {

TEST(ThreadPool, ChoosesWorkersFromTheHardware) {
  EXPECT_EQ(worker_count_for(0), 1U);
  EXPECT_EQ(worker_count_for(1), 1U);
  EXPECT_EQ(worker_count_for(2), 2U);
  EXPECT_EQ(worker_count_for(3), 3U);
  EXPECT_EQ(worker_count_for(4), 3U);
  EXPECT_EQ(worker_count_for(16), 15U);
  EXPECT_EQ(worker_count_for(17), 16U);
  EXPECT_EQ(worker_count_for(64), 16U);
  EXPECT_GE(default_worker_count(), 1U);
}

TEST(ThreadPool, RunsEveryTaskOnceAndNamesItsThreads) {
  ThreadPool pool({.name = "a-rather-long-pool-name", .thread_count = 3});
  const size_t task_count = scaled(20'000);
  std::vector<std::atomic<int>> runs(task_count);
  for (size_t task = 0; task < task_count; ++task) pool.submit([&runs, task] { ++runs[task]; });
  pool.wait_idle();
  for (const std::atomic<int>& run_count : runs) ASSERT_EQ(run_count, 1);

  std::string name;
  pool.submit([&name] {
    char text[32] = {};
    pthread_getname_np(pthread_self(), text, sizeof(text));
    name = text;
  });
  pool.wait_idle();
  EXPECT_EQ(name.substr(0, 14), "a-rather-long-");
  EXPECT_EQ(name.size(), 15U);
}

TEST(ThreadPool, FinishesWhatIsQueuedBeforeItGoes) {
  std::atomic<int> run_count = 0;
  {
    ThreadPool pool({.name = "drain", .thread_count = 2});
    for (int task = 0; task < 500; ++task) {
      pool.submit([&, task] {
        ++run_count;
        if (task < 100) pool.submit([&] { ++run_count; });
      });
    }
  }
  EXPECT_EQ(run_count, 600);
  {
    ThreadPool pool({.name = "drain", .thread_count = 0});
    pool.submit([&] { ++run_count; });
  }
  EXPECT_EQ(run_count, 601);
}

TEST(ThreadPool, ParallelForVisitsEveryIndexOnceWhateverTheThreads) {
  for (const unsigned pool_threads : {0U, 1U, 3U}) {
    ThreadPool pool({.name = "for", .thread_count = pool_threads});
    for (const unsigned thread_count : {0U, 1U, 2U, 8U}) {
      for (const size_t count : {size_t{0}, size_t{1}, size_t{2}, size_t{1000}}) {
        std::vector<int> visits(
            count);  // plain ints: each index belongs to one thread, and the loop's end publishes them
        pool.parallel_for(count, thread_count, [&](size_t index) { ++visits[index]; });
        EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), size_t{0}), count);
        EXPECT_TRUE(std::all_of(visits.begin(), visits.end(), [](int visit_count) { return visit_count == 1; }));
      }
    }
  }
}

TEST(ThreadPool, ParallelForReallyUsesTheThreadsItMay) {
  ThreadPool pool({.name = "for", .thread_count = 2});
  std::latch all_here(3);  // nobody gets through unless three run at once
  pool.parallel_for(3, 3, [&](size_t) { all_here.arrive_and_wait(); });
  EXPECT_TRUE(all_here.try_wait());
}

TEST(ThreadPool, NestedLoopsDoNotDeadlock) {
  ThreadPool pool({.name = "nest", .thread_count = 2});
  for (size_t round = 0; round < scaled(200); ++round) {
    std::atomic<size_t> visit_count = 0;
    pool.parallel_for(8, 3, [&](size_t) { pool.parallel_for(8, 3, [&](size_t) { ++visit_count; }); });
    ASSERT_EQ(visit_count, 64U);
  }
}

TEST(ThreadPool, WithoutThreadsRunsInOrderAndOnlyWhenAsked) {
  ThreadPool pool({.name = "manual", .thread_count = 0});
  std::vector<int> order;
  pool.submit([&] {
    order.push_back(1);
    pool.submit([&] { order.push_back(3); });
  });
  pool.submit([&] { order.push_back(2); });
  EXPECT_TRUE(order.empty());
  EXPECT_EQ(pool.run_pending(), 3U);
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
  pool.parallel_for(3, 8, [&](size_t index) { order.push_back(static_cast<int>(index) + 4); });
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(pool.thread_count(), 0U);
}

}  // namespace
}  // namespace omendb::base
