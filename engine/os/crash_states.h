#pragma once

// What a directory may look like after the power goes. Given the log of a run, CrashStates builds, for any moment of
// it, contents that a file system is allowed to leave behind: everything that was synced, and of the rest whatever it
// had got to.
//
// The model, harsher than any one file system:
//   - sync() of a file makes its bytes and its size durable, not its name; Directory::sync makes names durable, not bytes.
//   - unsynced bytes reach the disk in sectors of 512 bytes, each on its own, each in the state it had after any of the writes to it;
//     a sector is never half old and half new.
//   - the size is durable on its own: an extension whose bytes did not make it reads as zeros or as junk.
//   - creations, renames and removals since the last Directory::sync are kept or lost one by one; a kept rename of a file whose bytes were never
//     synced shows the missing bytes under the new name.
//   - after a failed sync a later successful one does not bring back what was unsynced then.
// Pillai et al. 2014 ("All file systems are not created equal", ALICE) is where the list of permitted reorderings comes
// from.

#include "engine/os/operation_log.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::os {

inline constexpr size_t kSectorBytes = 512;  // what a disk writes whole

enum class CrashMode : uint8_t {
  kDropUnsynced,      // nothing unsynced reached the disk
  kKeepAll,           // everything did: the process died, not the machine
  kNamesWithoutData,  // all names, no unsynced bytes: the renamed file that is empty
  kDataWithoutNames,  // all bytes, no unsynced names
  kPrefixPerFile,     // each file, and the names, kept a prefix of their own: reordering between files
  kRandomSectors,     // each sector on its own, each size and each name on its own
  kTornLastWrite,     // everything, but of the newest write only some sectors, and of its file nothing later
  kMixed,             // each file, and the names, in one of the ways above, drawn for each
};
inline constexpr CrashMode kCrashModes[] = {
    CrashMode::kDropUnsynced,  CrashMode::kKeepAll,       CrashMode::kNamesWithoutData, CrashMode::kDataWithoutNames,
    CrashMode::kPrefixPerFile, CrashMode::kRandomSectors, CrashMode::kTornLastWrite,    CrashMode::kMixed,
};
std::string_view to_string(CrashMode mode);

using DirectoryContents = std::map<std::string, std::vector<std::byte>>;

// Walks forward through a log and keeps what is durable, so that a state costs one copy of the directory and not a
// replay.
// Memory: one copy of every file; borrows the log. Threads: one. Deterministic: the same log, position, mode and seed
// give the same contents.
class CrashStates {
 public:
  explicit CrashStates(const OperationLog& log);

  // Moves to the moment after the first `operation_count` operations. Only forward.
  void advance_to(size_t operation_count);
  size_t position() const { return position_; }

  // The directory after a power cut at this moment. Cost: about the bytes of the directory plus those not yet synced.
  DirectoryContents draw(CrashMode mode, uint64_t seed) const;

 private:
  struct FileState {
    std::vector<std::byte> durable;
    std::vector<size_t> pending;  // positions in the log since the last sync, in order
    size_t doomed_count = 0;      // of them, from the front: unsynced when a sync failed
  };

  void apply_sync(const Operation& operation, FileState& file) const;
  std::vector<std::byte> draw_file(uint32_t number, CrashMode mode, uint64_t seed) const;
  std::vector<std::byte> draw_prefix(const FileState& file, size_t kept_count) const;
  std::vector<std::byte> draw_sectors(const FileState& file, uint64_t seed) const;
  std::vector<std::byte> draw_torn(const FileState& file, uint64_t seed) const;
  std::map<std::string, uint32_t> draw_names(CrashMode mode, uint64_t seed) const;

  const OperationLog& log_;
  size_t position_ = 0;
  std::vector<FileState> files_;           // by file number
  std::map<std::string, uint32_t> names_;  // durable
  std::vector<size_t> pending_names_;      // positions of unsynced creations, renames, removals
  size_t doomed_names_ = 0;
  size_t last_write_ = SIZE_MAX;  // position of the newest unsynced write; SIZE_MAX when there is none
};

struct CrashState {
  size_t operation_count = 0;  // the power went after that many operations
  CrashMode mode = CrashMode::kDropUnsynced;
  uint64_t seed = 0;
  DirectoryContents contents;

  // "after operation 17 of 240 (write log-1), random sectors, seed 99": enough to draw it again.
  std::string describe(const OperationLog& log) const;
};

// Calls `visit` with about `state_count` states spread evenly over every moment of the log: at each moment first every
// mode once, then kRandomSectors and kMixed with further seeds. With fewer states than moments times modes the choice
// is drawn from `seed`. Returns how many were visited.
size_t for_each_crash_state(const OperationLog& log, size_t state_count, uint64_t seed,
                            const std::function<void(const CrashState&)>& visit);

}  // namespace omendb::os
