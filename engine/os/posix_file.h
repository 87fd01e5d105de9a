#pragma once

// Directories of the operating system's file system.

#include <omendb/status.h>

#include "engine/os/file.h"

#include <cstdint>
#include <memory>
#include <string>

namespace omendb::os {

enum class DirectoryMode : uint8_t {
  kCreate,     // makes the last component of the path if it is not there, and makes that durable
  kMustExist,  // kNotFound otherwise
  kReadOnly,   // must exist; every changing call fails with kPermission and nothing on disk is touched
};

// Opens the directory at `path`. It stays the same directory when the process changes its working directory or somebody
// renames it.
// Fails: kNotFound (absent, or its parent is), kInvalidArgument (the path is a file), kPermission, kStorageFull, kIo.
// After fork() the child's inherited handle still reads; every changing call there fails with kClosed.
// Durability: File::sync is fdatasync, Directory::sync is fsync of the directory. A failed sync is final for its
// handle.
Result<std::unique_ptr<Directory>> open_directory(const std::string& path, DirectoryMode mode);

}  // namespace omendb::os
