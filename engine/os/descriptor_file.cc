#include "engine/os/descriptor_file.h"

#include "engine/base/try.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace omendb::os {

namespace {

// off_t is signed; nothing may lie past its end.
constexpr uint64_t kFileBytesMax = static_cast<uint64_t>(std::numeric_limits<off_t>::max());
// Linux transfers at most 2^31 - 4096 bytes per call; a smaller piece costs nothing and keeps every length an int.
constexpr size_t kTransferBytesMax = size_t{1} << 30;
constexpr size_t kZeroChunkBytes = 256 * 1024;

bool all_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte value) { return value == std::byte{0}; });
}

ErrorCode code_of(int error_number) {
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorCode::kStorageFull;
    case EACCES:
    case EPERM:
    case EROFS: return ErrorCode::kPermission;
    case ENOENT: return ErrorCode::kNotFound;
    case EEXIST: return ErrorCode::kConflict;
    case ENOMEM: return ErrorCode::kOutOfMemory;
    default: return ErrorCode::kIo;
  }
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ < 0) return;
  ::close(number_);  // a failed close loses nothing that sync() vouched for, and Linux has freed the number either way
}

Error system_error(int error_number, std::string_view what_failed) {
  return Error{code_of(error_number), std::string(what_failed) + ": " + std::generic_category().message(error_number)};
}

Result<void> refuse_after_fork(pid_t owner, const std::string& what) {
  if (::getpid() == owner) return {};
  return Error{ErrorCode::kClosed, what + " was opened before fork() by process " + std::to_string(owner) +
                                       "; the child must open it itself"};
}

Result<void> check_file_name(std::string_view name) {
  const bool good = !name.empty() && name.size() <= 255 && name != "." && name != ".." &&
                    name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
  if (good) return {};
  return Error{ErrorCode::kInvalidArgument, "not a file name: '" + std::string(name.substr(0, 255)) + "'"};
}

DescriptorFile::DescriptorFile(std::shared_ptr<Descriptor> descriptor, std::string name, std::string display_path,
                               Access access, pid_t owner)
    : descriptor_(std::move(descriptor)),
      name_(std::move(name)),
      display_path_(std::move(display_path)),
      access_(access),
      owner_(owner) {}

Error DescriptorFile::failure(int error_number, std::string_view verb, uint64_t offset) const {
  return system_error(error_number,
                      "cannot " + std::string(verb) + " " + display_path_ + " at byte " + std::to_string(offset));
}

Result<void> DescriptorFile::check_writable() const {
  if (access_ == Access::kReadOnly) {
    return Error{ErrorCode::kPermission, display_path_ + " was opened read-only"};
  }
  return refuse_after_fork(owner_, display_path_);
}

// The kernel answers a write past RLIMIT_FSIZE with the signal SIGXFSZ, which ends a process that does not expect it. A
// library installs no handlers, so the limit is asked before.
Result<void> DescriptorFile::check_growth(uint64_t offset, uint64_t length) const {
  if (offset > kFileBytesMax || length > kFileBytesMax - offset) return failure(EFBIG, "write", offset);
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && offset + length > limit.rlim_cur) {
    return Error{ErrorCode::kStorageFull, "cannot write " + display_path_ + " up to byte " +
                                              std::to_string(offset + length) + ": the process may write files of " +
                                              std::to_string(limit.rlim_cur) + " bytes at most (ulimit -f)"};
  }
  return {};
}

Result<size_t> DescriptorFile::read_at(std::span<std::byte> into, uint64_t offset) const {
  size_t done = 0;
  while (done < into.size()) {
    const uint64_t from = offset + done;
    if (from < offset || from > kFileBytesMax) break;  // nothing can lie there
    const size_t piece = std::min({into.size() - done, kTransferBytesMax, static_cast<size_t>(kFileBytesMax - from)});
    if (piece == 0) break;
    const ssize_t got = ::pread(descriptor_->number(), into.data() + done, piece, static_cast<off_t>(from));
    if (got < 0) {
      if (errno == EINTR) continue;
      return failure(errno, "read", from);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

Result<void> DescriptorFile::write_all(std::span<const std::byte> bytes, uint64_t offset) {
  size_t done = 0;
  while (done < bytes.size()) {
    const size_t piece = std::min(bytes.size() - done, kTransferBytesMax);
    const ssize_t put = ::pwrite(descriptor_->number(), bytes.data() + done, piece, static_cast<off_t>(offset + done));
    if (put < 0) {
      if (errno == EINTR) continue;
      return failure(errno, "write", offset + done);
    }
    if (put == 0) return failure(EIO, "write", offset + done);  // a device that takes nothing would loop us for ever
    done += static_cast<size_t>(put);
  }
  return {};
}

Result<void> DescriptorFile::write_at(std::span<const std::byte> bytes, uint64_t offset) {
  TRY_OK(check_writable());
  if (bytes.empty()) return {};
  TRY_OK(check_growth(offset, bytes.size()));
  return write_all(bytes, offset);
}

Result<void> DescriptorFile::allocate(uint64_t offset, uint64_t length) {
  TRY_OK(check_writable());
  if (length == 0) return {};
  TRY_OK(check_growth(offset, length));
  TRY(old_size_bytes, size_bytes());
  int error_number = 0;
  do {
    error_number =
        ::fallocate(descriptor_->number(), 0, static_cast<off_t>(offset), static_cast<off_t>(length)) == 0 ? 0 : errno;
  } while (error_number == EINTR);
  if (error_number == 0) return {};

  Result<void> outcome = failure(error_number, "allocate " + std::to_string(length) + " bytes of", offset);
  if (error_number == EOPNOTSUPP || error_number == ENOSYS) {
    outcome = allocate_by_writing(offset, length, old_size_bytes);
  }
  if (!outcome.ok()) {
    // Some file systems have extended the file by the part that fitted; take it back, so that the failure changes
    // nothing.
    Result<uint64_t> size_now = size_bytes();
    if (size_now.ok() && *size_now > old_size_bytes &&
        ::ftruncate(descriptor_->number(), static_cast<off_t>(old_size_bytes)) != 0) {
      return failure(errno, "take back the growth of", old_size_bytes);
    }
  }
  return outcome;
}

// For file systems without fallocate: zeros are written where the file reads as zero, which gives holes their blocks
// and changes no byte.
Result<void> DescriptorFile::allocate_by_writing(uint64_t offset, uint64_t length, uint64_t old_size_bytes) {
  const uint64_t end = offset + length;
  if (offset < old_size_bytes) TRY_OK(write_zeros_over_zero_pages(offset, std::min(end, old_size_bytes)));
  const std::vector<std::byte> zeros(kZeroChunkBytes);
  for (uint64_t at = std::max(offset, old_size_bytes); at < end; at += zeros.size()) {
    const size_t piece = static_cast<size_t>(std::min<uint64_t>(zeros.size(), end - at));
    TRY_OK(write_all(std::span(zeros).first(piece), at));
  }
  return {};
}

Result<void> DescriptorFile::write_zeros_over_zero_pages(uint64_t begin, uint64_t end) {
  std::array<std::byte, kPageBytes> page;
  for (uint64_t at = begin; at < end;) {
    const uint64_t page_end = (at / kPageBytes + 1) * kPageBytes;
    const size_t piece = static_cast<size_t>(std::min(page_end, end) - at);
    const std::span<std::byte> content = std::span(page).first(piece);
    TRY(got, read_at(content, at));
    const std::span<const std::byte> present = content.first(got);
    if (all_zero(present)) TRY_OK(write_all(present, at));
    at += piece;
  }
  return {};
}

Result<void> DescriptorFile::release(uint64_t offset, uint64_t length) {
  TRY_OK(check_writable());
  if (length == 0) return {};
  if (offset % kPageBytes != 0 || length % kPageBytes != 0 || offset > kFileBytesMax ||
      length > kFileBytesMax - offset) {
    return failure(EINVAL, "release " + std::to_string(length) + " bytes of", offset);
  }
  while (::fallocate(descriptor_->number(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                     static_cast<off_t>(length)) != 0) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return {};  // the blocks stay; only space is lost
    return failure(errno, "release " + std::to_string(length) + " bytes of", offset);
  }
  return {};
}

Result<void> DescriptorFile::truncate(uint64_t size_bytes) {
  TRY_OK(check_writable());
  TRY(old_size_bytes, this->size_bytes());
  if (size_bytes > old_size_bytes) TRY_OK(check_growth(size_bytes, 0));
  while (::ftruncate(descriptor_->number(), static_cast<off_t>(size_bytes)) != 0) {
    if (errno != EINTR) return failure(errno, "truncate", size_bytes);
  }
  return {};
}

// Linux marks the pages of a failed fdatasync clean: the next call would succeed without having written them. So the
// first failure is remembered and answered for ever. It is kIo whatever the cause: what was written before may be lost,
// which kStorageFull would deny.
Result<void> DescriptorFile::sync() {
  TRY_OK(check_writable());
  const std::lock_guard guard(sync_mutex_);
  if (!sync_failure_.empty()) return Error{ErrorCode::kIo, sync_failure_};
  while (::fdatasync(descriptor_->number()) != 0) {
    if (errno == EINTR) continue;
    sync_failure_ = system_error(errno, "cannot make " + display_path_ + " durable").message;
    return Error{ErrorCode::kIo, sync_failure_};
  }
  return {};
}

Result<uint64_t> DescriptorFile::size_bytes() const {
  struct stat status {};
  if (::fstat(descriptor_->number(), &status) != 0) return failure(errno, "ask the size of", 0);
  return static_cast<uint64_t>(status.st_size);
}

Result<uint64_t> DescriptorFile::allocated_bytes() const {
  struct stat status {};
  if (::fstat(descriptor_->number(), &status) != 0) return failure(errno, "ask the blocks of", 0);
  return static_cast<uint64_t>(status.st_blocks) *
         512;  // st_blocks counts 512-byte units whatever the file system's block
}

Result<void> DescriptorFile::map_at(AddressRange& range, size_t at, uint64_t offset, size_t length) const {
  if (length == 0) return {};
  TRY(file_bytes, size_bytes());
  const uint64_t mappable_bytes = (file_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
  const bool aligned = at % kPageBytes == 0 && offset % kPageBytes == 0 && length % kPageBytes == 0;
  const bool inside_range = at <= range.size_bytes() && length <= range.size_bytes() - at;
  const bool inside_file = offset <= mappable_bytes && length <= mappable_bytes - offset;
  if (!aligned || !inside_range || !inside_file) {
    return Error{ErrorCode::kInvalidArgument, "cannot map " + std::to_string(length) + " bytes of " + display_path_ +
                                                  " from byte " + std::to_string(offset) + " at " + std::to_string(at) +
                                                  ": the file has " + std::to_string(file_bytes) +
                                                  " bytes, the range " + std::to_string(range.size_bytes()) +
                                                  ", and all three must be multiples of the page"};
  }
  void* mapped = ::mmap(range.data() + at, length, PROT_READ, MAP_SHARED | MAP_FIXED, descriptor_->number(),
                        static_cast<off_t>(offset));
  if (mapped == MAP_FAILED) return failure(errno, "map " + std::to_string(length) + " bytes of", offset);
  return {};
}

}  // namespace omendb::os
