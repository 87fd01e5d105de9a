#include "engine/os/memory_usage.h"

#include "engine/base/test_result.h"
#include "engine/os/memory_file.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <memory>
#include <vector>

namespace omendb::os {
namespace {

using base::must;

constexpr size_t kLoadBytes = 64 << 20;
constexpr uint64_t kSlackBytes = 16 << 20;

TEST(MemoryUsage, SeesWhatTheProcessTouches) {
  const ResidentMemory before = must(resident_memory());
  EXPECT_GT(before.total_bytes, 0U);
  const std::vector<std::byte> heap(kLoadBytes, std::byte{1});
  const ResidentMemory with_heap = must(resident_memory());
  EXPECT_GE(with_heap.anonymous_bytes, before.anonymous_bytes + kLoadBytes - kSlackBytes);
  EXPECT_EQ(heap[kLoadBytes / 2], std::byte{1});
}

TEST(MemoryUsage, TellsSharedMemoryFromHeap) {
  const std::unique_ptr<Directory> directory = memory_directory("m");
  const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kCreate));
  must(file->allocate(0, kLoadBytes));
  AddressRange range = must(AddressRange::reserve(kLoadBytes));
  must(file->map_at(range, 0, 0, kLoadBytes));
  const ResidentMemory before = must(resident_memory());
  size_t sum = 0;
  for (size_t at = 0; at < kLoadBytes; at += kPageBytes) sum += std::to_integer<size_t>(range.data()[at]);
  EXPECT_EQ(sum, 0U);
  const ResidentMemory after = must(resident_memory());
  EXPECT_GE(after.shared_bytes, before.shared_bytes + kLoadBytes - kSlackBytes);
#ifndef OMENDB_SANITIZED  // a sanitizer keeps shadow memory of its own for every page touched
  EXPECT_LE(after.anonymous_bytes, before.anonymous_bytes + kSlackBytes);
#endif
  EXPECT_EQ(after.total_bytes, after.anonymous_bytes + after.file_bytes + after.shared_bytes);
}

TEST(MemoryUsage, KnowsTheMachine) {
  const uint64_t physical_bytes = must(physical_memory_bytes());
  EXPECT_GT(physical_bytes, 64U << 20);
  EXPECT_GE(physical_bytes, must(resident_memory()).total_bytes);
}

}  // namespace
}  // namespace omendb::os
