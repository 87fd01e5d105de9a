#include "engine/table/version_guard.h"

#include "engine/table/dead_rows.h"
#include "engine/table/vector_index.h"

namespace omendb::table {

void VersionGuard::pass_on(std::vector<RowId> removed, std::shared_ptr<VersionGuard> next) {
  removed_ = std::move(removed);
  next_ = std::move(next);
}

// After a version that was kept for long a whole chain of guards goes at once: one by one, not each inside the one before.
VersionGuard::~VersionGuard() {
  if (!removed_.empty()) {
    for (const auto& index : indexes_) index->forget(removed_);
    dead_rows_->forget(removed_);
  }
  std::shared_ptr<VersionGuard> next = std::move(next_);
  while (next != nullptr && next.use_count() == 1) {
    std::shared_ptr<VersionGuard> after = std::move(next->next_);
    next = std::move(after);
  }
}

}  // namespace omendb::table
