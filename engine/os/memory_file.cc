#include "engine/os/memory_file.h"

#include "engine/base/try.h"
#include "engine/os/descriptor_file.h"

#include <cerrno>
#include <functional>
#include <mutex>
#include <string_view>
#include <utility>

#include <sys/mman.h>
#include <unistd.h>

namespace omendb::os {

namespace {

// Outlives its directory while a lock on it is held, so that releasing late is harmless.
struct LockState {
  std::mutex mutex;
  bool held = false;
};

class MemoryLock final : public DirectoryLock {
 public:
  explicit MemoryLock(std::shared_ptr<LockState> state) : state_(std::move(state)) {}
  ~MemoryLock() override {
    const std::lock_guard guard(state_->mutex);
    state_->held = false;
  }

 private:
  std::shared_ptr<LockState> state_;
};

class MemoryDirectory final : public Directory {
 public:
  explicit MemoryDirectory(std::string name) : path_(std::move(name)), owner_(::getpid()) {}

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override {
    TRY_OK(check_file_name(name));
    if (mode != OpenMode::kReadOnly) TRY_OK(refuse_after_fork(owner_, path_));
    const std::lock_guard guard(mutex_);
    auto found = files_.find(name);
    if (found != files_.end() && mode == OpenMode::kCreateNew) {
      return Error{ErrorCode::kConflict, path_of(name) + " exists already"};
    }
    if (found == files_.end()) {
      if (mode == OpenMode::kMustExist || mode == OpenMode::kReadOnly) return absent(name);
      const std::string path = path_of(name);
      const int number =
          ::memfd_create(path.substr(0, 200).c_str(), MFD_CLOEXEC);  // the kernel takes 249 bytes of name
      if (number < 0) return system_error(errno, "cannot create " + path);
      found = files_.emplace(std::string(name), std::make_shared<Descriptor>(number)).first;
    }
    const Access access = mode == OpenMode::kReadOnly ? Access::kReadOnly : Access::kReadWrite;
    return std::unique_ptr<File>(
        std::make_unique<DescriptorFile>(found->second, std::string(name), path_of(name), access, owner_));
  }

  Result<void> remove(std::string_view name) override {
    TRY_OK(refuse_after_fork(owner_, path_));
    const std::lock_guard guard(mutex_);
    const auto found = files_.find(name);
    if (found == files_.end()) return absent(name);
    files_.erase(found);
    return {};
  }

  Result<void> rename(std::string_view from, std::string_view to) override {
    TRY_OK(check_file_name(to));
    TRY_OK(refuse_after_fork(owner_, path_));
    const std::lock_guard guard(mutex_);
    const auto found = files_.find(from);
    if (found == files_.end()) return absent(from);
    std::shared_ptr<Descriptor> content = found->second;
    files_.erase(found);
    files_.insert_or_assign(std::string(to), std::move(content));
    return {};
  }

  Result<std::vector<std::string>> list() const override {
    const std::lock_guard guard(mutex_);
    std::vector<std::string> names;
    names.reserve(files_.size());
    for (const auto& [name, content] : files_) names.push_back(name);
    return names;
  }

  Result<void> sync() override { return refuse_after_fork(owner_, path_); }

  Result<std::unique_ptr<DirectoryLock>> lock_for_writing() override {
    TRY_OK(refuse_after_fork(owner_, path_));
    const std::lock_guard guard(lock_->mutex);
    if (lock_->held) {
      return Error{ErrorCode::kLocked,
                   path_ + " is open for writing in this process (pid " + std::to_string(owner_) + ")"};
    }
    lock_->held = true;
    return std::unique_ptr<DirectoryLock>(std::make_unique<MemoryLock>(lock_));
  }

  const std::string& path() const override { return path_; }

 private:
  std::string path_of(std::string_view name) const { return path_ + "/" + std::string(name); }
  Error absent(std::string_view name) const { return Error{ErrorCode::kNotFound, path_of(name) + " does not exist"}; }

  std::string path_;
  pid_t owner_;
  mutable std::mutex mutex_;  // guards files_
  std::map<std::string, std::shared_ptr<Descriptor>, std::less<>> files_;
  std::shared_ptr<LockState> lock_ = std::make_shared<LockState>();
};

}  // namespace

std::unique_ptr<Directory> memory_directory(std::string name) {
  return std::make_unique<MemoryDirectory>(std::move(name));
}

Result<std::unique_ptr<Directory>> memory_directory_from(
    std::string name, const std::map<std::string, std::vector<std::byte>>& contents) {
  std::unique_ptr<Directory> directory = memory_directory(std::move(name));
  for (const auto& [file_name, bytes] : contents) {
    TRY(file, directory->open(file_name, OpenMode::kCreateNew));
    TRY_OK(file->write_at(bytes, 0));
  }
  return directory;
}

Result<std::map<std::string, std::vector<std::byte>>> snapshot_contents(Directory& directory) {
  std::map<std::string, std::vector<std::byte>> contents;
  TRY(names, directory.list());
  for (const std::string& name : names) {
    TRY(file, directory.open(name, OpenMode::kReadOnly));
    TRY(size_bytes, file->size_bytes());
    std::vector<std::byte> bytes(static_cast<size_t>(size_bytes));
    TRY(got, file->read_at(bytes, 0));
    bytes.resize(got);
    contents.emplace(name, std::move(bytes));
  }
  return contents;
}

}  // namespace omendb::os
