#pragma once

// Directories without a disk: each file lives in anonymous shared memory (memfd), so reading, writing and mapping work
// exactly as on disk.
// Used for ":memory:" databases and by tests.

#include <omendb/status.h>

#include "engine/os/file.h"

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace omendb::os {

// An empty directory that goes with the last of it and of its open files. `name` is what path() says. Sync has nothing
// to do and succeeds.
// Memory: what is written, in whole pages, counted as shared memory of the process. One writer's lock per directory
// object.
// Threads: as Directory says. After fork() a child's changing calls fail with kClosed, as on disk.
std::unique_ptr<Directory> memory_directory(std::string name);

// A memory directory that holds `contents` already. Fails: kOutOfMemory, kInvalidArgument (a bad file name), kIo (no
// descriptor left).
Result<std::unique_ptr<Directory>> memory_directory_from(std::string name,
                                                         const std::map<std::string, std::vector<std::byte>>& contents);

// Copies every file of any directory out. Fails as reading does.
Result<std::map<std::string, std::vector<std::byte>>> snapshot_contents(Directory& directory);

}  // namespace omendb::os
