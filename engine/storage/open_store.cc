// Opening and creating a store.

#include "engine/base/random.h"
#include "engine/base/thread_pool.h"
#include "engine/base/try.h"
#include "engine/os/memory_file.h"
#include "engine/storage/directory_store.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

namespace omendb::storage {
namespace {

constexpr uint64_t kExtentsPerTask = 256;                       // 16 MiB
constexpr std::string_view kLockName = "omendb.lock";           // docs/format/lock.md
constexpr std::string_view kFileSystemsOwnName = "lost+found";  // at the top of every ext file system

Result<std::vector<std::byte>> read_whole(os::Directory& directory, std::string_view name) {
  TRY(file, directory.open(name, os::OpenMode::kReadOnly));
  TRY(size_bytes, file->size_bytes());
  std::vector<std::byte> bytes(static_cast<size_t>(size_bytes));
  TRY(got, file->read_at(bytes, 0));
  bytes.resize(got);
  return bytes;
}

// A directory without a root: nothing, the remains of a creation, a damaged database, or somebody else's.
Result<void> check_may_create(const StoreContext& context, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (!holds_database_bytes(name)) continue;
    return Error{ErrorCode::kCorruption, context.path_of(kRootName) + " is missing, but there is " + name};
  }
  for (const std::string& name : names) {
    if (name == kNewRootName || name == kDoubtName || name == kLockName || name == kFileSystemsOwnName) continue;
    return Error{ErrorCode::kUnsupportedFormat,
                 context.directory->path() + " is not a database: it holds '" + name + "' and no root"};
  }
  if (!context.read_only) return {};
  return Error{ErrorCode::kNotFound, "there is no database in " + context.directory->path()};
}

Root draw_new_root(uint64_t uuid_seed) {
  if (uuid_seed == 0) {
    std::random_device entropy;
    uuid_seed = (uint64_t{entropy()} << 32) | entropy();
  }
  base::Random random(uuid_seed);
  Root root;
  root.uuid_low = random.next();
  root.uuid_high = random.next();
  root.number = 1;
  return root;
}

// A root that is not ours at all is somebody else's file, unless our other files lie beside it.
Result<Root> read_root(const StoreContext& context, const std::vector<std::string>& names) {
  TRY(bytes, read_whole(*context.directory, kRootName));
  const bool ours = std::any_of(names.begin(), names.end(), holds_database_bytes);
  const std::string_view begin(reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 4));
  if (!ours && begin != "omen") {
    return Error{ErrorCode::kUnsupportedFormat,
                 context.directory->path() + " is not a database: its file 'root' is of another kind"};
  }
  return decode_root(bytes, context.path_of(kRootName));
}

}  // namespace

Result<std::unique_ptr<DirectoryStore>> DirectoryStore::open_directory_store(std::shared_ptr<os::Directory> directory,
                                                                             const StoreOptions& options) {
  auto context = std::make_shared<StoreContext>();
  context->directory = std::move(directory);
  context->read_only = options.read_only;
  if (options.read_only) context->overlay = os::memory_directory("overlay");
  std::unique_ptr<DirectoryStore> store(new DirectoryStore(std::move(context), options));
  TRY_OK(store->open_files());
  return store;
}

Result<void> DirectoryStore::open_files() {
  if (!options_.read_only) {
    TRY(names,
        context_->directory->list());  // before the lock file is made: a directory of something else is left as it is
    if (std::find(names.begin(), names.end(), kRootName) == names.end()) TRY_OK(check_may_create(*context_, names));
    TRY(lock, context_->directory->lock_for_writing());
    lock_ = std::move(lock);
  }
  TRY_OK(load_root());
  next_root_number_ = std::max(next_root_number_, root_->number + 1);
  TRY_OK(shared_->open(*root_));
  if (options_.verify_on_open) TRY_OK(verify_append_arrays());
  if (root_->first_segment == 0 && !options_.read_only) TRY_OK(finish_creation());
  const LogStart start{root_->uuid_low, root_->uuid_high, root_->first_segment, root_->commit, options_.sync_commits};
  log_ = std::make_unique<WriteAheadLog>(context_, start);
  return {};
}

Result<void> DirectoryStore::load_root() {
  TRY(names, context_->directory->list());
  const auto has = [&names = names](std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (has(kRootName)) {
    TRY(found, read_root(*context_, names));
    root_ = std::make_shared<const Root>(std::move(found));
    return options_.read_only ? Result<void>() : make_root_durable(has(kDoubtName));
  }
  TRY_OK(check_may_create(*context_, names));
  Root fresh = draw_new_root(options_.uuid_seed);
  bool in_doubt = false;
  TRY_OK(publish_root(*context_, fresh, in_doubt));
  root_ = std::make_shared<const Root>(std::move(fresh));
  return {};
}

// Extents that this root does not name are about to be written, so no older root may come back. The process before may have ended between renaming the root and
// syncing the directory; if that sync had failed, another one proves nothing and the root is published again.
Result<void> DirectoryStore::make_root_durable(bool in_doubt) {
  if (Result<void> synced = context_->sync_names(); !synced.ok()) {
    leave_doubt(*context_);
    return synced;
  }
  if (!in_doubt) return {};
  Root again = *root_;
  again.number = root_->number + 1;
  TRY_OK(publish_root(*context_, again, in_doubt));
  root_ = std::make_shared<const Root>(std::move(again));
  static_cast<void>(context_->directory->remove(kDoubtName));
  return {};
}

// The second root of a new database names the log's first segment. From then on a missing segment is damage.
Result<void> DirectoryStore::finish_creation() {
  Root root = *root_;
  root.number = next_root_number_++;
  root.first_segment = 1;
  TRY_OK(create_segment(*context_->directory, {root.uuid_low, root.uuid_high, root.first_segment},
                        {root.commit.value + 1}));
  TRY_OK(context_->sync_names());
  bool in_doubt = false;
  TRY_OK(publish_root(*context_, root, in_doubt));
  root_ = std::make_shared<const Root>(std::move(root));
  return {};
}

Result<void> DirectoryStore::verify_append_arrays() const {
  struct Task {
    uint64_t id;
    const RootArray* array;
    uint64_t first;
    uint64_t count;
  };
  std::vector<Task> tasks;
  for (const auto& [id, array] : root_->arrays) {
    if (array.kind != ArrayKind::kAppend) continue;
    const uint64_t extents = array.checksums.size();
    for (uint64_t first = 0; first < extents; first += kExtentsPerTask)
      tasks.push_back({id, &array, first, std::min(kExtentsPerTask, extents - first)});
  }
  const unsigned wanted_threads = options_.threads != 0 ? options_.threads : base::default_worker_count();
  const auto thread_count = static_cast<unsigned>(std::min<size_t>(wanted_threads, tasks.size()));
  base::ThreadPool pool({.name = "omendb-verify", .thread_count = thread_count > 1 ? thread_count - 1 : 0});
  std::vector<Result<void>> outcomes(tasks.size());
  pool.parallel_for(tasks.size(), thread_count, [&](size_t i) {
    outcomes[i] = verify_extents(tasks[i].id, *tasks[i].array, tasks[i].first, tasks[i].count);
  });
  for (Result<void>& outcome : outcomes) TRY_OK(std::move(outcome));
  return {};
}

}  // namespace omendb::storage
