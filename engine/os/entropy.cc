#include "engine/os/entropy.h"

#include "engine/os/descriptor_file.h"

#include <cerrno>

#include <sys/random.h>

namespace omendb::os {

Result<void> fill_with_entropy(std::span<std::byte> into) {
  while (!into.empty()) {
    const ssize_t got = ::getrandom(into.data(), into.size(), 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return Error{ErrorCode::kIo, system_error(errno, "the system gives no random bytes").message};
    }
    into = into.subspan(static_cast<size_t>(got));
  }
  return {};
}

}  // namespace omendb::os
