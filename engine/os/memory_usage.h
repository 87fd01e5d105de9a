#pragma once

// What memory the process uses, as the system counts it.

#include <omendb/status.h>

#include <cstdint>

namespace omendb::os {

// In bytes, from one reading of /proc/self/status, so the parts add up to the whole.
struct ResidentMemory {
  uint64_t total_bytes = 0;      // RSS
  uint64_t anonymous_bytes = 0;  // heap and stacks: the process's own
  uint64_t file_bytes = 0;       // pages of mapped files: the system may take them back at any time
  uint64_t shared_bytes = 0;     // mapped shared memory, which is where the files of memory directories live
};

// Cost: opening and reading one file of /proc. Fails: kIo when /proc is not there.
Result<ResidentMemory> resident_memory();

// RAM of the machine, or the limit of the process's control group (v2) when that is lower. Fails: kIo.
Result<uint64_t> physical_memory_bytes();

}  // namespace omendb::os
