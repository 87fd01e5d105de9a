#include "engine/os/posix_file.h"

#include "engine/base/try.h"
#include "engine/os/descriptor_file.h"
#include "engine/os/writer_lock.h"

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace omendb::os {

namespace {

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(std::shared_ptr<Descriptor> descriptor, std::string path, Access access)
      : descriptor_(std::move(descriptor)), path_(std::move(path)), access_(access), owner_(::getpid()) {}

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;
  Result<std::vector<std::string>> list() const override;
  Result<void> sync() override;
  Result<std::unique_ptr<DirectoryLock>> lock_for_writing() override;
  const std::string& path() const override { return path_; }

 private:
  Result<void> check_writable() const {
    if (access_ == Access::kReadOnly) return Error{ErrorCode::kPermission, path_ + " was opened read-only"};
    return refuse_after_fork(owner_, path_);
  }
  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }

  std::shared_ptr<Descriptor> descriptor_;
  std::string path_;
  Access access_;
  pid_t owner_;
  std::string sync_failure_;  // message of the first failed sync; "" while there was none
};

int flags_of(OpenMode mode) {
  // Without O_NONBLOCK a FIFO of that name would make us wait for ever; regular files do not care.
  constexpr int kAlways = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  switch (mode) {
    case OpenMode::kMustExist: return kAlways | O_RDWR;
    case OpenMode::kCreate: return kAlways | O_RDWR | O_CREAT;
    case OpenMode::kCreateNew: return kAlways | O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::kReadOnly: return kAlways | O_RDONLY;
  }
  return kAlways | O_RDONLY;
}

int open_retrying(int directory, const char* name, int flags, mode_t mode) {
  while (true) {
    const int number = ::openat(directory, name, flags, mode);
    if (number >= 0 || errno != EINTR) return number;
  }
}

Result<std::unique_ptr<File>> PosixDirectory::open(std::string_view name, OpenMode mode) {
  TRY_OK(check_file_name(name));
  if (mode != OpenMode::kReadOnly) TRY_OK(check_writable());
  const std::string path = path_of(name);
  const int number = open_retrying(descriptor_->number(), std::string(name).c_str(), flags_of(mode), 0666);
  if (number < 0) return system_error(errno, "cannot open " + path);
  auto descriptor = std::make_shared<Descriptor>(number);
  struct stat status {};
  if (::fstat(number, &status) != 0) return system_error(errno, "cannot examine " + path);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kIo, path + " is not a regular file"};
  const Access access = mode == OpenMode::kReadOnly ? Access::kReadOnly : Access::kReadWrite;
  return std::unique_ptr<File>(
      std::make_unique<DescriptorFile>(std::move(descriptor), std::string(name), path, access, owner_));
}

Result<void> PosixDirectory::remove(std::string_view name) {
  TRY_OK(check_file_name(name));
  TRY_OK(check_writable());
  if (::unlinkat(descriptor_->number(), std::string(name).c_str(), 0) != 0) {
    return system_error(errno, "cannot remove " + path_of(name));
  }
  return {};
}

Result<void> PosixDirectory::rename(std::string_view from, std::string_view to) {
  TRY_OK(check_file_name(from));
  TRY_OK(check_file_name(to));
  TRY_OK(check_writable());
  const int directory = descriptor_->number();
  if (::renameat(directory, std::string(from).c_str(), directory, std::string(to).c_str()) != 0) {
    return system_error(errno, "cannot rename " + path_of(from) + " to " + std::string(to));
  }
  return {};
}

struct DirectoryStreamCloser {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

Result<std::vector<std::string>> PosixDirectory::list() const {
  // A descriptor of its own, so that two listings do not share a position.
  const int number = open_retrying(descriptor_->number(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (number < 0) return system_error(errno, "cannot list " + path_);
  const std::unique_ptr<DIR, DirectoryStreamCloser> stream(::fdopendir(number));
  if (stream == nullptr) {
    const int error_number = errno;
    ::close(number);
    return system_error(error_number, "cannot list " + path_);
  }
  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return system_error(errno, "cannot list " + path_);
  std::sort(names.begin(), names.end());
  return names;
}

// As for files: a failed fsync is final, because the next one may report success for what was never written.
Result<void> PosixDirectory::sync() {
  TRY_OK(check_writable());
  if (!sync_failure_.empty()) return Error{ErrorCode::kIo, sync_failure_};
  while (::fsync(descriptor_->number()) != 0) {
    if (errno == EINTR) continue;
    sync_failure_ = system_error(errno, "cannot make the directory " + path_ + " durable").message;
    return Error{ErrorCode::kIo, sync_failure_};
  }
  return {};
}

Result<std::unique_ptr<DirectoryLock>> PosixDirectory::lock_for_writing() {
  TRY_OK(check_writable());
  return take_writer_lock(descriptor_->number(), path_);
}

std::string parent_of(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> sync_directory_at(const std::string& path) {
  const Descriptor descriptor(open_retrying(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0));
  if (descriptor.number() < 0 || ::fsync(descriptor.number()) != 0) {
    return system_error(errno, "cannot make the new entry in " + path + " durable");
  }
  return {};
}

Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0777) == 0) return sync_directory_at(parent_of(path));
  const int error_number = errno;
  if (error_number == EEXIST) return {};  // opening it says what it is
  if (error_number == ENOENT) {
    return Error{ErrorCode::kNotFound, "cannot create " + path + ": " + parent_of(path) + " does not exist"};
  }
  if (error_number == ENOTDIR) {
    return Error{ErrorCode::kInvalidArgument, "cannot create " + path + ": " + parent_of(path) + " is not a directory"};
  }
  return system_error(error_number, "cannot create " + path);
}

}  // namespace

Result<std::unique_ptr<Directory>> open_directory(const std::string& path, DirectoryMode mode) {
  if (path.empty() || path.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "the path of a database directory is empty or holds a zero byte"};
  }
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  int number = open_retrying(AT_FDCWD, path.c_str(), kFlags, 0);
  if (number < 0 && errno == ENOENT && mode == DirectoryMode::kCreate) {
    TRY_OK(make_directory(path));
    number = open_retrying(AT_FDCWD, path.c_str(), kFlags, 0);
  }
  if (number < 0) {
    if (errno == ENOTDIR) {
      return Error{ErrorCode::kInvalidArgument, path + " is a file or leads through one; a database is a directory"};
    }
    return system_error(errno, "cannot open the directory " + path);
  }
  const Access access = mode == DirectoryMode::kReadOnly ? Access::kReadOnly : Access::kReadWrite;
  return std::unique_ptr<Directory>(
      std::make_unique<PosixDirectory>(std::make_shared<Descriptor>(number), path, access));
}

}  // namespace omendb::os
