#include "engine/os/descriptor_file.h"

#include "engine/base/test_result.h"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

namespace omendb::os {
namespace {

using base::code_of;
using base::message_of;
using base::must;

TEST(DescriptorFile, NeverTrustsASyncAgainAfterAFailedOne) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe(pipe_ends.data()), 0);
  const auto descriptor = std::make_shared<Descriptor>(pipe_ends[1]);  // a pipe can not be synced
  DescriptorFile file(descriptor, "f", "dir/f", Access::kReadWrite, ::getpid());
  const Result<void> failed = file.sync();
  EXPECT_EQ(code_of(failed), ErrorCode::kIo);
  EXPECT_EQ(message_of(failed).find("cannot make dir/f durable: "), 0U) << message_of(failed);

  // From here on the system would report success, as it does after an I/O error whose pages it has given up.
  const Descriptor memory(::memfd_create("f", MFD_CLOEXEC));
  ASSERT_EQ(::dup2(memory.number(), descriptor->number()), descriptor->number());
  EXPECT_EQ(message_of(file.sync()), message_of(failed));
  must(DescriptorFile(descriptor, "f", "dir/f", Access::kReadWrite, ::getpid()).sync());
  ::close(pipe_ends[0]);
}

TEST(DescriptorFile, SortsErrorsByWhatTheCallerCanDo) {
  const auto code = [](int error_number) { return system_error(error_number, "x").code; };
  for (const int full : {ENOSPC, EDQUOT, EFBIG}) EXPECT_EQ(code(full), ErrorCode::kStorageFull);
  for (const int forbidden : {EACCES, EPERM, EROFS}) EXPECT_EQ(code(forbidden), ErrorCode::kPermission);
  EXPECT_EQ(code(ENOENT), ErrorCode::kNotFound);
  EXPECT_EQ(code(EEXIST), ErrorCode::kConflict);
  EXPECT_EQ(code(ENOMEM), ErrorCode::kOutOfMemory);
  for (const int other : {EIO, EMFILE, ENFILE, EBADF, EINVAL}) EXPECT_EQ(code(other), ErrorCode::kIo);
  EXPECT_EQ(system_error(ENOSPC, "cannot write f at byte 7").message,
            "cannot write f at byte 7: No space left on device");
}

}  // namespace
}  // namespace omendb::os
