#include "engine/os/writer_lock.h"

#include "engine/base/bytes.h"
#include "engine/base/test_result.h"
#include "engine/os/posix_file.h"
#include "engine/os/temporary_directory.h"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace omendb::os {
namespace {

using base::code_of;
using base::message_of;
using base::must;

Result<std::unique_ptr<DirectoryLock>> lock(const std::string& path) {
  return must(open_directory(path, DirectoryMode::kMustExist))->lock_for_writing();
}

std::string lock_file_of(const std::string& path) {
  std::ifstream stream(path + "/" + kLockFileName, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// A child that runs `body`, tells when it has, and then waits to be killed.
class HeldChild {
 public:
  explicit HeldChild(const std::function<bool()>& body) {
    std::array<int, 2> ends{};
    if (::pipe(ends.data()) != 0) return;
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const char answer = body() ? 'y' : 'n';
      if (::write(ends[1], &answer, 1) == 1) ::pause();
      ::_exit(1);
    }
    ::close(ends[1]);
    char answer = 'n';
    good_ = ::read(ends[0], &answer, 1) == 1 && answer == 'y';
    ::close(ends[0]);
  }
  ~HeldChild() { kill(); }
  HeldChild(const HeldChild&) = delete;
  HeldChild& operator=(const HeldChild&) = delete;

  void kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  bool good() const { return good_; }
  pid_t process() const { return process_; }

 private:
  pid_t process_ = 0;
  bool good_ = false;
};

TEST(WriterLock, ExcludesAnotherProcessAndNamesIt) {
  const TemporaryDirectory temporary;
  std::unique_ptr<DirectoryLock> held;
  HeldChild child([&] {
    Result<std::unique_ptr<DirectoryLock>> taken = lock(temporary.path());
    if (taken.ok()) held = std::move(taken).value();
    return held != nullptr;
  });
  ASSERT_TRUE(child.good());
  const Result<std::unique_ptr<DirectoryLock>> refused = lock(temporary.path());
  ASSERT_EQ(code_of(refused), ErrorCode::kLocked);
  const std::string message = message_of(refused);
  std::array<char, 256> host{};
  ASSERT_EQ(::gethostname(host.data(), host.size() - 1), 0);
  EXPECT_NE(
      message.find("another process (pid " + std::to_string(child.process()) + " on " + host.data() + ", since 2"),
      std::string::npos)
      << message;

  child.kill();
  must(lock(temporary.path()));  // the lock went with its process; what it wrote about itself does not count
}

TEST(WriterLock, ExcludesTwoOpeningsInOneProcess) {
  const TemporaryDirectory temporary;
  std::unique_ptr<DirectoryLock> first = must(lock(temporary.path()));
  EXPECT_EQ(code_of(lock(temporary.path())), ErrorCode::kLocked);
  EXPECT_EQ(code_of(lock(temporary.path())), ErrorCode::kLocked)
      << "a refused attempt, closing its descriptor, must not free the lock";
  first.reset();
  must(lock(temporary.path()));
}

TEST(WriterLock, OutlivesTheDirectoryObject) {
  const TemporaryDirectory temporary;
  std::unique_ptr<Directory> directory = must(open_directory(temporary.path(), DirectoryMode::kMustExist));
  const std::unique_ptr<DirectoryLock> held = must(directory->lock_for_writing());
  directory.reset();
  EXPECT_EQ(code_of(lock(temporary.path())), ErrorCode::kLocked);
}

TEST(WriterLock, IsNotReleasedByAChildThatLeaves) {
  const TemporaryDirectory temporary;
  std::unique_ptr<DirectoryLock> held = must(lock(temporary.path()));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    held.reset();
    ::_exit(code_of(lock(temporary.path())) == ErrorCode::kLocked ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  const Result<std::unique_ptr<DirectoryLock>> refused = lock(temporary.path());
  ASSERT_EQ(code_of(refused), ErrorCode::kLocked);
  EXPECT_NE(message_of(refused).find("this process"), std::string::npos)
      << "the owner record is still the parent's: " << message_of(refused);
}

TEST(WriterLock, SaysThatAForkedChildHoldsTheLockOfADeadProcess) {
  const TemporaryDirectory temporary;
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t parent = ::fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    const std::unique_ptr<DirectoryLock> held = must(lock(temporary.path()));
    const pid_t grandchild = ::fork();
    if (grandchild == 0) {
      ::pause();
      ::_exit(0);
    }
    if (::write(ends[1], &grandchild, sizeof(grandchild)) != sizeof(grandchild)) ::_exit(1);
    ::_exit(0);  // without destructors: as if killed
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(ends[0], &grandchild, sizeof(grandchild)), static_cast<ssize_t>(sizeof(grandchild)));
  ::close(ends[0]);
  ::close(ends[1]);
  ASSERT_EQ(::waitpid(parent, nullptr, 0), parent);
  const Result<std::unique_ptr<DirectoryLock>> refused = lock(temporary.path());
  EXPECT_EQ(code_of(refused), ErrorCode::kLocked);
  EXPECT_NE(message_of(refused).find("a child that it forked still holds the lock"), std::string::npos)
      << message_of(refused);
  ::kill(grandchild, SIGKILL);
  bool freed = false;
  for (int attempt = 0; attempt < 500 && !freed; ++attempt) {  // nobody here can wait for a grandchild
    freed = lock(temporary.path()).ok();
    if (!freed) ::usleep(10'000);
  }
  EXPECT_TRUE(freed);
}

TEST(WriterLock, WritesTheBytesThatTheFormatDescribes) {
  const TemporaryDirectory temporary;
  std::unique_ptr<DirectoryLock> held = must(lock(temporary.path()));
  const std::string bytes = lock_file_of(temporary.path());
  ASSERT_EQ(bytes.size(), 2048U);
  EXPECT_EQ(bytes.substr(0, 32), "omendb lock 1\n" + std::string(18, '\0'));
  const std::string record = bytes.substr(32, bytes.find('\0', 32) - 32);
  EXPECT_EQ(record.find("pid=" + std::to_string(::getpid()) + "\nhost="), 0U) << record;
  EXPECT_NE(record.find("\nsince=20"), std::string::npos) << record;
  EXPECT_NE(record.find("\nstart="), std::string::npos) << record;
  EXPECT_EQ(record.find("\nstart=unknown"), std::string::npos) << record;
  EXPECT_EQ(bytes.substr(1024), std::string(1024, '\0')) << "the table of reader pins";
  held.reset();
  const std::string after = lock_file_of(temporary.path());
  EXPECT_EQ(after.substr(0, 32), bytes.substr(0, 32));
  EXPECT_EQ(after.substr(32), std::string(2016, '\0')) << "an orderly end takes its name out";
}

TEST(WriterLock, TakesAnyLockFileAndLeavesThePinsAlone) {
  const TemporaryDirectory temporary;
  for (const std::string& content :
       {std::string(), std::string("short"), std::string(2047, 'j'), std::string(5000, 'j')}) {
    std::ofstream(temporary.path() + "/" + kLockFileName, std::ios::binary | std::ios::trunc) << content;
    std::unique_ptr<DirectoryLock> held = must(lock(temporary.path()));
    EXPECT_EQ(code_of(lock(temporary.path())), ErrorCode::kLocked);
    held.reset();
    const std::string after = lock_file_of(temporary.path());
    const std::string expected_pins = content.size() >= 2048 ? content.substr(1024) : std::string(1024, '\0');
    EXPECT_EQ(after.substr(1024), expected_pins) << content.size();
  }
}

}  // namespace
}  // namespace omendb::os
