#pragma once

// The only way to the operating system's files. Three implementations: posix (posix_file.h), memory (memory_file.h),
// and a recording / faulty twin for crash tests (recording_file.h). No other room makes system calls.

#include <omendb/status.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::os {

// A reserved, contiguous range of addresses into which pieces of files are mapped. The base address never changes, so a
// pointer into the range stays good for as long as the object lives. Costs address space only. Not copyable; move
// leaves an empty range.
// Threads: const members from any; map_at calls of File on it by one thread at a time.
class AddressRange {
 public:
  AddressRange() = default;
  AddressRange(AddressRange&& other) noexcept;
  AddressRange& operator=(AddressRange&& other) noexcept;
  ~AddressRange();  // unmaps everything

  // Reserves `size_bytes` (rounded up to a page) without memory behind it. Fails: kOutOfMemory.
  static Result<AddressRange> reserve(size_t size_bytes);

  std::byte* data() const { return data_; }
  size_t size_bytes() const { return size_bytes_; }

  // Makes [at, at + length) read as zeros, whatever was mapped there, without memory behind it. Both are multiples of
  // kPageBytes. Somebody who reads there meanwhile sees the old bytes or zeros. Threads: as map_at of File.
  // Fails: kOutOfMemory (too many pieces are mapped; the range is as it was), kInvalidArgument.
  Result<void> map_zeros(size_t at, size_t length);

 private:
  std::byte* data_ = nullptr;
  size_t size_bytes_ = 0;
};

// One open file. Threads: read_at and size from any number; the writing calls by one thread at a time, beside readers.
// Every call may fail with kIo, kStorageFull (ENOSPC, EDQUOT, EFBIG) or kPermission; the message names the file and the
// offset.
class File {
 public:
  virtual ~File() = default;

  // Fills `into` from `offset`; returns how many bytes there were: fewer than asked only at the end of the file.
  virtual Result<size_t> read_at(std::span<std::byte> into, uint64_t offset) const = 0;

  // Writes all of `bytes`; extends the file if needed. Visible at once to read_at and to mappings. Not durable before
  // sync().
  virtual Result<void> write_at(std::span<const std::byte> bytes, uint64_t offset) = 0;

  // Makes sure that [offset, offset + length) has disk blocks behind it, so that later writes there can not run out of
  // space, and extends the file to at least offset + length. Bytes not yet written read as zero. Fails with
  // kStorageFull, changing nothing a reader sees.
  virtual Result<void> allocate(uint64_t offset, uint64_t length) = 0;

  // Gives the blocks of [offset, offset + length) back (punches a hole; the range reads as zero). Page-aligned. Where
  // the file system can not, it succeeds and the range keeps its blocks and bytes: nobody may read it before it is
  // written again.
  virtual Result<void> release(uint64_t offset, uint64_t length) = 0;

  virtual Result<void> truncate(uint64_t size_bytes) = 0;

  // Returns when everything written so far survives a power loss (fdatasync). After a failure nothing written since the
  // last success may be trusted.
  // The failure is kIo whatever the cause, and every later sync of this handle repeats it.
  virtual Result<void> sync() = 0;

  virtual Result<uint64_t> size_bytes() const = 0;
  // Bytes of disk (or memory) that the file really occupies.
  virtual Result<uint64_t> allocated_bytes() const = 0;

  // Maps [offset, offset + length) read-only and shared at `range`.data() + `at`, replacing what was mapped there. All
  // three are multiples of kPageBytes. The range of the file must be allocated: touching a mapped page past the end of
  // a file is a signal.
  // Fails with kInvalidArgument when it would reach past the page in which the file ends now; truncating below a
  // mapping later is the caller's to avoid.
  virtual Result<void> map_at(AddressRange& range, size_t at, uint64_t offset, size_t length) const = 0;

  virtual const std::string& name() const = 0;
};

inline constexpr size_t kPageBytes = 4096;

// Held while a process may write the directory; releasing is destruction.
class DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class OpenMode : uint8_t {
  kMustExist,  // kNotFound otherwise
  kCreate,     // creates or opens
  kCreateNew,  // kConflict if it exists
  kReadOnly,   // must exist; writing calls fail
};

// One directory: flat, no subdirectories. Threads: any, one at a time for calls that change it.
class Directory {
 public:
  virtual ~Directory() = default;

  virtual Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) = 0;
  virtual Result<void> remove(std::string_view name) = 0;
  // Atomic replacement of `to`.
  virtual Result<void> rename(std::string_view from, std::string_view to) = 0;
  virtual Result<std::vector<std::string>> list() const = 0;
  // Makes creations, renames and removals durable (fsync of the directory).
  virtual Result<void> sync() = 0;
  // Takes the writer's lock or fails with kLocked, naming the holder (process id, host, since when) as far as it can be
  // read.
  // Two openings inside one process exclude each other as well. A lock never survives its process.
  virtual Result<std::unique_ptr<DirectoryLock>> lock_for_writing() = 0;
  // For messages: "shop.omen", ":memory:".
  virtual const std::string& path() const = 0;
};

}  // namespace omendb::os
