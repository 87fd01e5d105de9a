#pragma once

#include <omendb/status.h>

#include "engine/os/file.h"
#include "engine/storage/poison.h"

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

namespace omendb::storage {

// What the parts of one opened store share. Outlives the store as long as somebody holds one of its arrays.
struct StoreContext {
  std::shared_ptr<os::Directory> directory;
  std::shared_ptr<os::Directory> overlay;  // of a read-only store: in memory, holds what log replay appends
  bool read_only = false;
  Poison poison;
  std::atomic<bool> closed{false};
  std::atomic<bool> names_changed{false};  // files were created whose names are not yet durable

  std::string path_of(std::string_view name) const { return directory->path() + "/" + std::string(name); }

  // A new file, whatever lay under the name before: its name is durable after the next directory sync. A file that is merely found might not be.
  Result<std::unique_ptr<os::File>> create_file(std::string_view name) {
    if (auto removed = directory->remove(name); !removed.ok() && removed.error().code != ErrorCode::kNotFound)
      return std::move(removed).error();
    names_changed = true;
    return directory->open(name, os::OpenMode::kCreateNew);
  }

  // Makes names durable. A failure poisons: nobody can say which names a crash would leave, not even after a later success.
  Result<void> sync_names() {
    names_changed = false;
    Result<void> synced = directory->sync();
    if (!synced.ok()) poison.strike(synced.error());
    return synced;
  }

  // Before anything is changed: kClosed, kPermission, or the poison.
  Result<void> check_writable() const {
    if (closed) return Error{ErrorCode::kClosed, directory->path() + " is closed"};
    if (read_only) return Error{ErrorCode::kPermission, directory->path() + " was opened read-only"};
    return poison.check();
  }
};

}  // namespace omendb::storage
