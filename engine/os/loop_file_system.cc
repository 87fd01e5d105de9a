#include "engine/os/loop_file_system.h"

#include "engine/base/try.h"

#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace omendb::os {

namespace {

Result<void> run(std::initializer_list<std::string> words) {
  std::vector<std::string> owned(words);
  std::vector<char*> arguments;
  arguments.reserve(owned.size() + 1);
  for (std::string& word : owned) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  ::posix_spawn_file_actions_init(&quiet);
  ::posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t process = 0;
  const int spawn_error = ::posix_spawnp(&process, arguments[0], &quiet, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&quiet);
  int status = 0;
  if (spawn_error != 0 || ::waitpid(process, &status, 0) != process || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Error{ErrorCode::kNotSupported, owned[0] + " did not work here; it needs root and a loop device"};
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<LoopFileSystem>> LoopFileSystem::mount(const std::string& type, uint64_t size_bytes) {
  if (::geteuid() != 0) return Error{ErrorCode::kNotSupported, "mounting a file system needs root"};
  std::unique_ptr<LoopFileSystem> system(new LoopFileSystem());
  const std::string image = system->outside_.path() + "/image";
  system->mount_point_ = system->outside_.path() + "/mounted";
  std::ofstream(image).close();
  std::error_code failure;
  std::filesystem::resize_file(image, size_bytes, failure);
  if (!failure) std::filesystem::create_directory(system->mount_point_, failure);
  if (failure) return Error{ErrorCode::kIo, "cannot prepare " + image + ": " + failure.message()};
  TRY_OK(run({"/sbin/mkfs." + type, "-q", "-F", "-m", "0", image}));
  TRY_OK(run({"/bin/mount", "-t", type, "-o", "loop", image, system->mount_point_}));
  system->mounted_ = true;
  return system;
}

LoopFileSystem::~LoopFileSystem() {
  if (!mounted_) return;
  Result<void> unmounted = run({"/bin/umount", mount_point_});
  if (!unmounted.ok())
    unmounted = run({"/bin/umount", "-l", mount_point_});  // something is open still; it goes when that is closed
}

}  // namespace omendb::os
