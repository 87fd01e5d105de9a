#include "engine/os/writer_lock.h"

#include "engine/base/try.h"
#include "engine/os/descriptor_file.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace omendb::os {

namespace {

constexpr std::string_view kMagicText = "omendb lock 1\n";

// The lock covers header and owner record only: a later reader locks its own slot of the table beside it.
struct flock writer_range() {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 0;
  range.l_len = static_cast<off_t>(kReaderPinOffset);
  return range;
}

// Field 22 of /proc/<pid>/stat: when the process started, in clock ticks since boot. Tells a process from a later one
// with its number.
std::string process_start_ticks(pid_t process) {
  const std::string path = "/proc/" + std::to_string(process) + "/stat";
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 1024> text{};
  const ssize_t got = descriptor.number() < 0 ? 0 : ::read(descriptor.number(), text.data(), text.size());
  std::string_view rest(text.data(), got > 0 ? static_cast<size_t>(got) : 0);
  const size_t name_end = rest.rfind(')');  // the program's name may hold spaces and parentheses itself
  if (name_end == std::string_view::npos) return "unknown";
  rest.remove_prefix(name_end + 1);
  for (int field = 2; field < 22; ++field) {
    const size_t space = rest.find(' ');
    if (space == std::string_view::npos) return "unknown";
    rest.remove_prefix(space + 1);
  }
  return std::string(rest.substr(0, rest.find(' ')));
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "unknown";
  return name.data();
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string owner_record() {
  const pid_t self = ::getpid();
  return "pid=" + std::to_string(self) + "\nhost=" + host_name() + "\nsince=" + utc_now() +
         "\nstart=" + process_start_ticks(self) + "\n";
}

std::string field_of(std::string_view record, std::string_view key) {
  const std::string start = std::string(key) + "=";
  while (!record.empty()) {
    const size_t line_end = record.find('\n');
    const std::string_view line = record.substr(0, line_end);
    if (line.starts_with(start)) return std::string(line.substr(start.size()));
    if (line_end == std::string_view::npos) break;
    record.remove_prefix(line_end + 1);
  }
  return "";
}

std::string read_owner_record(int descriptor) {
  std::array<char, kLockOwnerBytes> bytes{};
  const ssize_t got = ::pread(descriptor, bytes.data(), bytes.size(), static_cast<off_t>(kLockHeaderBytes));
  const std::string_view text(bytes.data(), got > 0 ? static_cast<size_t>(got) : 0);
  return std::string(text.substr(0, text.find('\0')));
}

bool process_is_gone(pid_t process, std::string_view start_ticks) {
  if (::kill(process, 0) != 0) return errno == ESRCH;
  return process_start_ticks(process) != start_ticks;
}

Error locked_error(int descriptor, const std::string& directory_path) {
  const std::string record = read_owner_record(descriptor);
  const std::string pid_text = field_of(record, "pid");
  const std::string host = field_of(record, "host");
  pid_t process = 0;
  const auto parsed = std::from_chars(pid_text.data(), pid_text.data() + pid_text.size(), process);
  if (parsed.ec != std::errc{} || process <= 0) {
    return Error{ErrorCode::kLocked,
                 directory_path + " is open for writing in another process, which has not written its name yet"};
  }
  std::string message = directory_path + " is open for writing in ";
  message += process == ::getpid() && host == host_name() ? "this process (" : "another process (";
  message += "pid " + pid_text + " on " + host + ", since " + field_of(record, "since") + ")";
  if (host == host_name() && process_is_gone(process, field_of(record, "start"))) {
    message += "; that process has ended, but a child that it forked still holds the lock";
  } else {
    message += "; close it there or open read-only here";
  }
  return Error{ErrorCode::kLocked, std::move(message)};
}

// Best effort: the lock is the kernel's, the record only names its holder.
void write_owner_record(int descriptor, std::string_view record) {
  std::array<char, kLockFileBytes> image{};
  std::memcpy(image.data(), kMagicText.data(), kMagicText.size());
  std::memcpy(image.data() + kLockHeaderBytes, record.data(), std::min(record.size(), kLockOwnerBytes - 1));
  struct stat status {};
  const bool table_present = ::fstat(descriptor, &status) == 0 && status.st_size >= static_cast<off_t>(kLockFileBytes);
  const size_t image_bytes = table_present ? kReaderPinOffset : kLockFileBytes;
  [[maybe_unused]] const ssize_t put = ::pwrite(descriptor, image.data(), image_bytes, 0);
}

class WriterLock final : public DirectoryLock {
 public:
  explicit WriterLock(std::unique_ptr<Descriptor> descriptor)
      : descriptor_(std::move(descriptor)), owner_(::getpid()) {}

  // Closing releases: the lock belongs to the open file description. A forked child that comes here closes its copy
  // only, so it must not unlock by name, which would take the lock from the parent.
  ~WriterLock() override {
    if (::getpid() == owner_) write_owner_record(descriptor_->number(), "");
  }

 private:
  std::unique_ptr<Descriptor> descriptor_;
  pid_t owner_;
};

// The directory entry must still lead to the file that was locked: somebody may have removed the lock file in between.
bool still_in_directory(int directory_descriptor, int descriptor) {
  struct stat locked {};
  struct stat named {};
  return ::fstat(descriptor, &locked) == 0 && ::fstatat(directory_descriptor, kLockFileName, &named, 0) == 0 &&
         locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

}  // namespace

Result<std::unique_ptr<DirectoryLock>> take_writer_lock(int directory_descriptor, const std::string& directory_path) {
  const std::string path = directory_path + "/" + kLockFileName;
  constexpr int kAttemptsMax = 16;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    const int number =
        ::openat(directory_descriptor, kLockFileName, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
    if (number < 0) return system_error(errno, "cannot open " + path);
    auto descriptor = std::make_unique<Descriptor>(number);
    struct flock range = writer_range();
    if (::fcntl(number, F_OFD_SETLK, &range) != 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EACCES) return locked_error(number, directory_path);
      return system_error(errno, "cannot lock " + path);
    }
    if (!still_in_directory(directory_descriptor, number)) continue;
    write_owner_record(number, owner_record());
    return std::unique_ptr<DirectoryLock>(std::make_unique<WriterLock>(std::move(descriptor)));
  }
  return Error{ErrorCode::kIo, path + " is being replaced again and again; something else works in the directory"};
}

}  // namespace omendb::os
