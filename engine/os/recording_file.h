#pragma once

// A directory that passes everything to another one, writes down every change in order, fails when it is told to, and
// goes dead at a power cut.
// For tests only: recover from what crash_states.h makes of the log, or run the same script once for every n with the
// n-th call failing.

#include <omendb/status.h>

#include "engine/os/file.h"
#include "engine/os/operation_log.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::os {

enum class FaultDuration : uint8_t {
  kOnce,      // only the n-th
  kSticky,    // the n-th and every later one of the same kinds
  kPowerCut,  // after the n-th nothing works any more, reads neither
};

// What a failing operation leaves behind. Errors do not promise that nothing happened.
enum class FaultEffect : uint8_t {
  kNothing,
  kPart,  // a write: the first half of its bytes is in the file; other operations: nothing
  kAll,   // done, and reported as failed all the same
};

struct Fault {
  uint64_t nth = 1;                  // counted from inject(), the next one is 1
  std::vector<OperationKind> kinds;  // empty = every changing operation; kRead and kMap only when named
  ErrorCode code = ErrorCode::kIo;
  FaultDuration duration = FaultDuration::kOnce;
  FaultEffect effect = FaultEffect::kNothing;
};

// A full disk refuses these; syncs, removals and renames go on.
inline std::vector<OperationKind> space_taking_operations() {
  return {OperationKind::kCreate, OperationKind::kWrite, OperationKind::kAllocate, OperationKind::kTruncate};
}

// Threads: any; one lock serialises every call, so the order of the log is the order of effects. Memory: the log keeps
// all written bytes.
class RecordingDirectory : public Directory {
 public:
  // Reads what `base` holds as the log's initial state. `base` must not be changed by others meanwhile. Fails as
  // reading does.
  static Result<std::unique_ptr<RecordingDirectory>> wrap(std::shared_ptr<Directory> base);

  // Arms one fault, replacing the one before, and counts from here.
  virtual void inject(Fault fault) = 0;
  virtual void clear_fault() = 0;
  // Whether the armed fault has struck: the loop over n ends when it has not.
  virtual bool fault_reached() const = 0;

  // From now on every call of the directory and of its files fails with kIo.
  virtual void cut_power() = 0;

  // Recorded operations so far. A test notes it when a commit is acknowledged: crashes at or after that count must keep
  // the commit.
  virtual size_t operation_count() const = 0;
  virtual OperationLog log() const = 0;  // a copy
};

}  // namespace omendb::os
