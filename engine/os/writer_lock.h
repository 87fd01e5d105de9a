#pragma once

// The lock file of a directory, `omendb.lock`: who may write. Its bytes are described in docs/format/lock.md. Private
// to this room; take the lock through Directory::lock_for_writing.

#include <omendb/status.h>

#include "engine/os/file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace omendb::os {

inline constexpr char kLockFileName[] = "omendb.lock";

// One reader that keeps an old root alive: a place in the lock file's table, 64 of them behind the owner record. Nobody
// fills it yet; the bytes are reserved, and zero, so that filling it later changes no format.
struct ReaderPin {
  uint32_t process_id = 0;  // 0 = the slot is free
  uint32_t reserved = 0;
  uint64_t root_number = 0;  // the root that the reader uses
};
static_assert(sizeof(ReaderPin) == 16);

inline constexpr size_t kLockHeaderBytes = 32;  // magic and version, zero padded
inline constexpr size_t kLockOwnerBytes = 992;  // the owner record: text, zero padded
inline constexpr size_t kReaderPinOffset = kLockHeaderBytes + kLockOwnerBytes;
inline constexpr size_t kReaderPinCount = 64;
inline constexpr size_t kLockFileBytes = kReaderPinOffset + kReaderPinCount * sizeof(ReaderPin);
static_assert(kReaderPinOffset == 1024 && kLockFileBytes == 2048);

// Takes the writer's lock in the directory behind `directory_descriptor` or fails with kLocked, naming the holder.
// Two takers exclude each other wherever they are, inside one process too. The lock goes when the object or the process
// goes; a child that inherited it by fork() keeps it as well, and the message of kLocked then says so.
// A disk without room for the owner record does not prevent the lock, only the naming.
Result<std::unique_ptr<DirectoryLock>> take_writer_lock(int directory_descriptor, const std::string& directory_path);

}  // namespace omendb::os
