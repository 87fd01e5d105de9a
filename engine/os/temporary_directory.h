#pragma once

// For tests: a fresh directory on disk, removed with everything in it when the object goes.

#include <string>

namespace omendb::os {

class TemporaryDirectory {
 public:
  TemporaryDirectory();  // below TMPDIR, or /tmp; stops the process when it can not be made
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace omendb::os
