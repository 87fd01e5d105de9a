#pragma once

// A File over a file descriptor: what posix and memory files share. Private to this room; open files through a
// Directory.

#include <omendb/status.h>

#include "engine/os/file.h"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace omendb::os {

// Owns a descriptor and closes it; a negative number is none.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();
  int number() const { return number_; }

 private:
  int number_;
};

// The error of a failed system call: "cannot write shop.omen/data at byte 4096: No space left on device".
// Codes: ENOSPC, EDQUOT, EFBIG kStorageFull; EACCES, EPERM, EROFS kPermission; ENOENT kNotFound; EEXIST kConflict;
// ENOMEM kOutOfMemory; else kIo.
Error system_error(int error_number, std::string_view what_failed);

// kClosed when the calling process is not `owner`: a handle that a fork() inherited must not write beside its first
// owner.
Result<void> refuse_after_fork(pid_t owner, const std::string& what);

// kInvalidArgument unless `name` can be a file of a flat directory: 1..255 bytes, no '/', no NUL, not "." or "..".
Result<void> check_file_name(std::string_view name);

enum class Access : uint8_t { kReadOnly, kReadWrite };

class DescriptorFile final : public File {
 public:
  // `name` is the file's own name, `display_path` what messages say.
  DescriptorFile(std::shared_ptr<Descriptor> descriptor, std::string name, std::string display_path, Access access,
                 pid_t owner);

  Result<size_t> read_at(std::span<std::byte> into, uint64_t offset) const override;
  Result<void> write_at(std::span<const std::byte> bytes, uint64_t offset) override;
  Result<void> allocate(uint64_t offset, uint64_t length) override;
  Result<void> release(uint64_t offset, uint64_t length) override;
  Result<void> truncate(uint64_t size_bytes) override;
  Result<void> sync() override;
  Result<uint64_t> size_bytes() const override;
  Result<uint64_t> allocated_bytes() const override;
  Result<void> map_at(AddressRange& range, size_t at, uint64_t offset, size_t length) const override;
  const std::string& name() const override { return name_; }

 private:
  Result<void> check_writable() const;
  Result<void> check_growth(uint64_t offset, uint64_t length) const;
  Result<void> allocate_by_writing(uint64_t offset, uint64_t length, uint64_t old_size_bytes);
  Result<void> write_zeros_over_zero_pages(uint64_t begin, uint64_t end);
  Result<void> write_all(std::span<const std::byte> bytes, uint64_t offset);
  Error failure(int error_number, std::string_view verb, uint64_t offset) const;

  std::shared_ptr<Descriptor> descriptor_;
  std::string name_;
  std::string display_path_;
  Access access_;
  pid_t owner_;
  std::mutex sync_mutex_;     // guards sync_failure_
  std::string sync_failure_;  // message of the first failed sync; "" while there was none
};

}  // namespace omendb::os
