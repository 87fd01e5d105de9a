#include "engine/os/memory_usage.h"

#include "engine/base/try.h"
#include "engine/os/descriptor_file.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace omendb::os {

namespace {

Result<std::string> read_small_file(const std::string& path) {
  const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.number() < 0) return Error{ErrorCode::kIo, system_error(errno, "cannot open " + path).message};
  std::string text;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t got = ::read(descriptor.number(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{ErrorCode::kIo, system_error(errno, "cannot read " + path).message};
    if (got == 0) return text;
    text.append(piece.data(), static_cast<size_t>(got));
  }
}

std::optional<uint64_t> leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

// "RssAnon:    1234 kB" -> bytes.
uint64_t kilobyte_field(std::string_view status, std::string_view name) {
  const size_t at = status.find(name);
  if (at == std::string_view::npos) return 0;
  return leading_number(status.substr(at + name.size())).value_or(0) * 1024;
}

// The path of the process's group in the unified hierarchy: the line "0::<path>".
std::string control_group_path() {
  const Result<std::string> groups = read_small_file("/proc/self/cgroup");
  if (!groups.ok()) return "";
  const size_t at = groups->find("0::");
  if (at == std::string::npos) return "";
  return groups->substr(at + 3, groups->find('\n', at) - at - 3);
}

// The lowest memory.max on the way from the process's group to the root; nullopt when none is set.
std::optional<uint64_t> control_group_limit_bytes() {
  std::optional<uint64_t> lowest;
  std::string group = control_group_path();
  while (true) {
    const Result<std::string> limit = read_small_file("/sys/fs/cgroup" + group + "/memory.max");
    const std::optional<uint64_t> bytes = limit.ok() ? leading_number(*limit) : std::nullopt;
    if (bytes.has_value()) lowest = std::min(lowest.value_or(*bytes), *bytes);
    const size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return lowest;
    group.resize(slash);
  }
}

}  // namespace

Result<ResidentMemory> resident_memory() {
  TRY(status, read_small_file("/proc/self/status"));
  ResidentMemory memory;
  memory.anonymous_bytes = kilobyte_field(status, "\nRssAnon:");
  memory.file_bytes = kilobyte_field(status, "\nRssFile:");
  memory.shared_bytes = kilobyte_field(status, "\nRssShmem:");
  memory.total_bytes = memory.anonymous_bytes + memory.file_bytes + memory.shared_bytes;
  return memory;
}

Result<uint64_t> physical_memory_bytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || page_bytes <= 0) return Error{ErrorCode::kIo, "the system does not say how much memory it has"};
  const uint64_t machine_bytes = static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes);
  return std::min(machine_bytes, control_group_limit_bytes().value_or(machine_bytes));
}

}  // namespace omendb::os
