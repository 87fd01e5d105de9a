#pragma once

// What was done to a directory, in order: written by RecordingDirectory, read by CrashStates.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::os {

enum class OperationKind : uint8_t {
  kCreate,
  kWrite,
  kAllocate,
  kRelease,
  kTruncate,
  kSync,
  kRename,
  kRemove,
  kSyncDirectory,
  kRead,  // changes nothing and is never recorded; a fault may ask for it
  kMap,   // likewise
};

// "write", "sync directory": for messages of tests.
std::string_view to_string(OperationKind kind);

// One operation that had an effect. Fields that a kind does not need are empty.
struct Operation {
  OperationKind kind = OperationKind::kWrite;
  bool failed = false;           // of a sync: it reported failure, so what was unsynced then may never reach the disk
  uint32_t file = 0;             // the file itself, whatever its name: counted from 0, first the initial files
  uint64_t offset = 0;           // write, allocate, release
  uint64_t length = 0;           // write, allocate, release; of a truncate the new size
  std::string name;              // create, remove; of a rename the old name
  std::string to;                // rename
  std::vector<std::byte> bytes;  // write
};

struct InitialFile {
  std::string name;
  std::vector<std::byte> bytes;
};

// Memory: every byte that was written.
struct OperationLog {
  std::vector<InitialFile> initial_files;  // what the directory held before, taken as durable
  std::vector<Operation> operations;
};

}  // namespace omendb::os
