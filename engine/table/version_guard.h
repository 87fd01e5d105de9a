#pragma once

// Says when a row that was removed can not be seen by anybody any more: when the last version that shows it is gone. Every version of a table holds the guard of its
// state, and every guard the next one, so guards go in the order of the commits, however long an old version is kept.

#include "engine/base/ids.h"

#include <memory>
#include <utility>
#include <vector>

namespace omendb::table {

class DeadRows;
class VectorIndex;

class VersionGuard {
 public:
  VersionGuard(std::vector<std::shared_ptr<VectorIndex>> indexes, std::shared_ptr<DeadRows> dead_rows)
      : indexes_(std::move(indexes)), dead_rows_(std::move(dead_rows)) {}
  VersionGuard(const VersionGuard&) = delete;
  VersionGuard& operator=(const VersionGuard&) = delete;
  ~VersionGuard();

  // A guard for the state after this one.
  std::shared_ptr<VersionGuard> successor() const { return std::make_shared<VersionGuard>(indexes_, dead_rows_); }
  // The next state is the newest one now; it does not show `removed` any more. Once, by the writer.
  void pass_on(std::vector<RowId> removed, std::shared_ptr<VersionGuard> next);

 private:
  const std::vector<std::shared_ptr<VectorIndex>> indexes_;
  const std::shared_ptr<DeadRows> dead_rows_;
  std::vector<RowId> removed_;
  std::shared_ptr<VersionGuard> next_;
};

}  // namespace omendb::table
