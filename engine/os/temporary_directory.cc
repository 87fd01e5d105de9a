#include "engine/os/temporary_directory.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace omendb::os {

TemporaryDirectory::TemporaryDirectory() {
  std::error_code ignored;
  path_ = (std::filesystem::temp_directory_path(ignored) / "omendb-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) {
    std::perror("cannot make a temporary directory");
    std::abort();
  }
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace omendb::os
