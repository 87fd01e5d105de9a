#pragma once

// For tests: a small real file system in a file, so that a full disk can be met without filling one.

#include <omendb/status.h>

#include "engine/os/temporary_directory.h"

#include <cstdint>
#include <memory>
#include <string>

namespace omendb::os {

class LoopFileSystem {
 public:
  // `type` is "ext4", or "ext2", which can neither allocate ahead nor punch holes. Needs root, mkfs and a loop device;
  // kNotSupported says what is missing, and a test then says that it was skipped.
  static Result<std::unique_ptr<LoopFileSystem>> mount(const std::string& type, uint64_t size_bytes);
  LoopFileSystem(const LoopFileSystem&) = delete;
  LoopFileSystem& operator=(const LoopFileSystem&) = delete;
  ~LoopFileSystem();  // unmounts; everything in it must be closed

  // Where it is mounted; holds lost+found and nothing else.
  const std::string& path() const { return mount_point_; }

 private:
  LoopFileSystem() = default;

  TemporaryDirectory outside_;  // holds image and mount point
  std::string mount_point_;
  bool mounted_ = false;
};

}  // namespace omendb::os
