#include "engine/os/posix_file.h"

#include "engine/base/bytes.h"
#include "engine/base/test_result.h"
#include "engine/os/loop_file_system.h"
#include "engine/os/temporary_directory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace omendb::os {
namespace {

using base::as_bytes;
using base::code_of;
using base::message_of;
using base::must;

// Runs `body` in a child of its own, whose limits and rights it may change, and hands back its exit code; 256 plus the
// signal if one ended it.
int exit_code_of_child(const std::function<bool()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

std::string text_of(const File& file) {
  std::vector<std::byte> bytes(must(file.size_bytes()));
  bytes.resize(must(file.read_at(bytes, 0)));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(PosixDirectory, IsMadeOnlyWhenAsked) {
  const TemporaryDirectory temporary;
  const std::string path = temporary.path() + "/shop.omen";
  EXPECT_EQ(code_of(open_directory(path, DirectoryMode::kMustExist)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(open_directory(path, DirectoryMode::kReadOnly)), ErrorCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(must(open_directory(path + "/", DirectoryMode::kCreate))->path(), path + "/");
  EXPECT_TRUE(std::filesystem::is_directory(path));
  must(open_directory(path, DirectoryMode::kCreate));
  must(open_directory(path, DirectoryMode::kMustExist));
}

TEST(PosixDirectory, SaysWhatIsWrongWithAPath) {
  const TemporaryDirectory temporary;
  const std::string file = temporary.path() + "/a_file";
  std::ofstream(file) << "x";
  for (const DirectoryMode mode : {DirectoryMode::kCreate, DirectoryMode::kMustExist, DirectoryMode::kReadOnly}) {
    EXPECT_EQ(code_of(open_directory(file, mode)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(open_directory(file + "/below", mode)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(open_directory("", mode)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(code_of(open_directory(temporary.path() + "/absent/deeper", mode)), ErrorCode::kNotFound);
  }
  EXPECT_NE(message_of(open_directory(file, DirectoryMode::kCreate)).find("a database is a directory"),
            std::string::npos);
  EXPECT_EQ(message_of(open_directory(temporary.path() + "/absent/deeper", DirectoryMode::kCreate)),
            "cannot create " + temporary.path() + "/absent/deeper: " + temporary.path() + "/absent does not exist");
}

TEST(PosixDirectory, ReadOnlyTouchesNothing) {
  const TemporaryDirectory temporary;
  must(must(must(open_directory(temporary.path(), DirectoryMode::kCreate))->open("f", OpenMode::kCreate))
           ->write_at(as_bytes("x"), 0));
  const std::unique_ptr<Directory> directory = must(open_directory(temporary.path(), DirectoryMode::kReadOnly));
  for (const OpenMode mode : {OpenMode::kMustExist, OpenMode::kCreate, OpenMode::kCreateNew}) {
    EXPECT_EQ(code_of(directory->open("f", mode)), ErrorCode::kPermission);
  }
  EXPECT_EQ(code_of(directory->remove("f")), ErrorCode::kPermission);
  EXPECT_EQ(code_of(directory->rename("f", "g")), ErrorCode::kPermission);
  EXPECT_EQ(code_of(directory->sync()), ErrorCode::kPermission);
  EXPECT_EQ(code_of(directory->lock_for_writing()), ErrorCode::kPermission);
  EXPECT_EQ(text_of(*must(directory->open("f", OpenMode::kReadOnly))), "x");
  EXPECT_EQ(must(directory->list()), std::vector<std::string>{"f"});
}

TEST(PosixDirectory, ReportsMissingRights) {
  if (::geteuid() != 0) GTEST_SKIP() << "giving up rights in a child needs root";
  const TemporaryDirectory temporary;
  ASSERT_EQ(::chmod(temporary.path().c_str(), 0755), 0);
  must(must(open_directory(temporary.path(), DirectoryMode::kCreate))->open("f", OpenMode::kCreate));
  EXPECT_EQ(
      exit_code_of_child([&] {
        if (::seteuid(65534) != 0) return false;
        const std::unique_ptr<Directory> directory = must(open_directory(temporary.path(), DirectoryMode::kMustExist));
        return code_of(open_directory(temporary.path() + "/new", DirectoryMode::kCreate)) == ErrorCode::kPermission &&
               code_of(directory->open("g", OpenMode::kCreate)) == ErrorCode::kPermission &&
               code_of(directory->open("f", OpenMode::kMustExist)) == ErrorCode::kPermission &&
               code_of(directory->remove("f")) == ErrorCode::kPermission &&
               code_of(directory->lock_for_writing()) == ErrorCode::kPermission &&
               directory->open("f", OpenMode::kReadOnly).ok();
      }),
      0);
}

TEST(PosixDirectory, StaysTheSameWhenItIsRenamedOrTheProcessMoves) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = must(open_directory(temporary.path() + "/old", DirectoryMode::kCreate));
  std::filesystem::rename(temporary.path() + "/old", temporary.path() + "/new");
  must(must(directory->open("f", OpenMode::kCreate))->write_at(as_bytes("here"), 0));
  EXPECT_TRUE(std::filesystem::exists(temporary.path() + "/new/f"));
}

TEST(PosixDirectory, DoesNotHangOnThingsThatAreNotFiles) {
  const TemporaryDirectory temporary;
  const std::unique_ptr<Directory> directory = must(open_directory(temporary.path(), DirectoryMode::kCreate));
  ASSERT_EQ(::mkfifo((temporary.path() + "/pipe").c_str(), 0600), 0);
  std::filesystem::create_directory(temporary.path() + "/inner");
  EXPECT_EQ(code_of(directory->open("pipe", OpenMode::kReadOnly)), ErrorCode::kIo);
  EXPECT_EQ(code_of(directory->open("pipe", OpenMode::kMustExist)), ErrorCode::kIo);
  EXPECT_EQ(code_of(directory->open("inner", OpenMode::kReadOnly)), ErrorCode::kIo);
  EXPECT_EQ(code_of(directory->open("inner", OpenMode::kCreate)), ErrorCode::kIo);
  EXPECT_EQ(must(directory->list()), (std::vector<std::string>{"inner", "pipe"}));
}

TEST(PosixFile, AnswersTheFileSizeLimitWithoutASignal) {
  const TemporaryDirectory temporary;
  const auto body = [&] {
    const rlimit limit{1 << 20, 1 << 20};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return false;
    const auto full = [](const Result<void>& result) { return code_of(result) == ErrorCode::kStorageFull; };
    const std::unique_ptr<Directory> directory = must(open_directory(temporary.path(), DirectoryMode::kMustExist));
    const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kCreate));
    return full(file->allocate(0, (1 << 20) + 1)) && full(file->write_at(as_bytes("x"), 1 << 20)) &&
           full(file->write_at(as_bytes("xx"), (1 << 20) - 1)) && full(file->truncate((1 << 20) + 1)) &&
           must(file->size_bytes()) == 0 && file->allocate(0, 1 << 20).ok() &&
           file->write_at(as_bytes("x"), (1 << 20) - 1).ok() && file->truncate(10).ok() && file->sync().ok();
  };
  EXPECT_EQ(exit_code_of_child(body), 0);
}

// What both kinds of file system have to do when there is no room; ext2 takes the way without fallocate.
class FullDisk : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(All, FullDisk, testing::Values("ext4", "ext2"),
                         [](const auto& tested) { return std::string(tested.param); });

TEST_P(FullDisk, RefusesChangesNothingAndRecovers) {
  const Result<std::unique_ptr<LoopFileSystem>> system = LoopFileSystem::mount(GetParam(), 16 << 20);
  if (!system.ok()) GTEST_SKIP() << system.error().message;
  const std::unique_ptr<Directory> directory = must(open_directory((*system)->path() + "/db", DirectoryMode::kCreate));
  const std::unique_ptr<DirectoryLock> lock = must(directory->lock_for_writing());
  const std::unique_ptr<File> ballast = must(directory->open("ballast", OpenMode::kCreate));
  const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kCreate));
  must(file->allocate(0, 1 << 20));
  must(file->write_at(as_bytes("kept"), 0));
  must(file->truncate((1 << 20) + 100));

  EXPECT_EQ(code_of(file->allocate(0, 64 << 20)), ErrorCode::kStorageFull);
  EXPECT_EQ(must(file->size_bytes()), (1U << 20) + 100) << "a refused allocation changes nothing";
  uint64_t ballast_bytes = 0;
  while (ballast->allocate(ballast_bytes, 64 * 1024).ok()) ballast_bytes += 64 * 1024;
  while (ballast->allocate(ballast_bytes, 1024).ok()) ballast_bytes += 1024;
  EXPECT_GT(ballast_bytes, 8U << 20);
  EXPECT_EQ(must(ballast->size_bytes()), ballast_bytes);

  EXPECT_EQ(code_of(file->allocate(2 << 20, 1 << 20)), ErrorCode::kStorageFull);
  EXPECT_EQ(code_of(file->write_at(std::vector<std::byte>(1 << 20, std::byte{1}), 2 << 20)), ErrorCode::kStorageFull);
  must(file->write_at(std::vector<std::byte>(1 << 20, std::byte{7}),
                      0));  // what was allocated can be written on a full disk
  must(file->sync());
  EXPECT_EQ(text_of(*file).substr(0, 1 << 20), std::string(1 << 20, 7));

  must(directory->remove("ballast"));
  must(ballast->truncate(0));
  must(file->truncate(1 << 20));
  must(file->allocate(1 << 20, 4 << 20));
  must(file->write_at(as_bytes("more"), 1 << 20));
  must(file->release(0, 1 << 20));
  must(file->sync());
  must(directory->sync());
}

TEST_P(FullDisk, AllocatesHolesInTheMiddleWithoutTouchingBytes) {
  const Result<std::unique_ptr<LoopFileSystem>> system = LoopFileSystem::mount(GetParam(), 16 << 20);
  if (!system.ok()) GTEST_SKIP() << system.error().message;
  const std::unique_ptr<Directory> directory = must(open_directory((*system)->path() + "/db", DirectoryMode::kCreate));
  const std::unique_ptr<File> file = must(directory->open("f", OpenMode::kCreate));
  must(file->truncate(1 << 20));
  std::string expected(1 << 20, '\0');
  for (const size_t offset : {size_t{0}, size_t{5000}, size_t{200'000}, size_t{999'999}}) {
    must(file->write_at(as_bytes("data"), offset));
    expected.replace(offset, 4, "data");
  }
  EXPECT_LT(must(file->allocated_bytes()), 100'000U);
  must(file->allocate(3000, (1 << 20) - 3000 + 777));
  EXPECT_GE(must(file->allocated_bytes()), (1U << 20) - 4096);
  EXPECT_EQ(text_of(*file), expected + std::string(777, '\0'));
}

}  // namespace
}  // namespace omendb::os
