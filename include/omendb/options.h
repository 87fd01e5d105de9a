#pragma once

#include <cstdint>

namespace omendb {

// When a statement may answer "done".
enum class Sync : uint8_t {
  kFull,  // after its log bytes survive a power loss (default). Statements of several threads share one sync
  kOff,  // at once; a crash of the machine may lose the last commits, never one from the middle. A crash of the process loses nothing
};

struct OpenOptions {
  bool create = true;  // make the directory if it is not there
  // No lock, no writes, nothing in the directory changes. Only for directories that nobody writes to meanwhile: a writer uses space again that this
  // opening may still read.
  bool read_only = false;
  Sync sync = Sync::kFull;
  unsigned threads = 0;  // background workers; 0 = all cores up to 3, one left free from 4 up, at most 16
  // Vectors waiting for the graph before writers are slowed to its rate. More: longer bursts, slower searches meanwhile.
  uint64_t tail_bytes_max = 100ULL << 20;
  // The same as long as ten or more searches a second meet waiting vectors: each compares with all of them, about 0.05 ms for 1 MiB.
  uint64_t tail_bytes_beside_searches = 1ULL << 20;
  // Size of the log, and of regions that moves emptied, at which a background checkpoint starts.
  uint64_t log_bytes_max = 256ULL << 20;
  // Memory that indexes behind conditions may take. Those that were asked for (IndexMode::kAlways) count, and are made in any case; of the others the one that no condition
  // has asked for longest gives way. 0: none but those that were asked for.
  uint64_t index_bytes_max = 1ULL << 30;
  // Check every byte of the base data at open (about 10 GB/s from the page cache); check() does it at any time.
  bool verify_on_open = true;
};

}  // namespace omendb
