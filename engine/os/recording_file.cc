#include "engine/os/recording_file.h"

#include "engine/base/try.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

namespace omendb::os {

std::string_view to_string(OperationKind kind) {
  switch (kind) {
    case OperationKind::kCreate: return "create";
    case OperationKind::kWrite: return "write";
    case OperationKind::kAllocate: return "allocate";
    case OperationKind::kRelease: return "release";
    case OperationKind::kTruncate: return "truncate";
    case OperationKind::kSync: return "sync";
    case OperationKind::kRename: return "rename";
    case OperationKind::kRemove: return "remove";
    case OperationKind::kSyncDirectory: return "sync directory";
    case OperationKind::kRead: return "read";
    case OperationKind::kMap: return "map";
  }
  return "unknown";
}

namespace {

// What the directory and its files share. Every member under `mutex`.
struct Recorder {
  std::mutex mutex;
  OperationLog log;
  std::map<std::string, uint32_t, std::less<>> names;  // the files as a running process sees them
  uint32_t file_count = 0;
  bool powered = true;
  std::optional<Fault> fault;
  uint64_t matches = 0;  // operations that the fault looked at since it was armed
  bool fault_reached = false;

  Result<void> check_power() const {
    if (powered) return {};
    return Error{ErrorCode::kIo, "the power is cut"};
  }

  // The fault that strikes this operation, if it does.
  std::optional<Fault> strike(OperationKind kind) {
    if (!fault.has_value()) return std::nullopt;
    const bool changes = kind != OperationKind::kRead && kind != OperationKind::kMap;
    const bool meant = fault->kinds.empty()
                           ? changes
                           : std::find(fault->kinds.begin(), fault->kinds.end(), kind) != fault->kinds.end();
    if (!meant) return std::nullopt;
    ++matches;
    const bool hit = fault->duration == FaultDuration::kSticky ? matches >= fault->nth : matches == fault->nth;
    if (!hit) return std::nullopt;
    fault_reached = true;
    if (fault->duration == FaultDuration::kPowerCut) powered = false;
    return fault;
  }

  Error injected(const Fault& struck, OperationKind kind, std::string_view where) const {
    return Error{struck.code, "injected fault: " + std::string(to_string(kind)) + " " + std::string(where) +
                                  ", number " + std::to_string(matches)};
  }

  // Runs one changing operation: checks power and fault, lets `perform` do it on the base, records `operation` if it
  // had its effect.
  template <typename Perform>
  Result<void> change(Operation operation, std::string_view where, const Perform& perform) {
    TRY_OK(check_power());
    const std::optional<Fault> struck = strike(operation.kind);
    const bool is_sync = operation.kind == OperationKind::kSync || operation.kind == OperationKind::kSyncDirectory;
    if (!struck.has_value()) {
      Result<void> outcome = perform(operation);
      operation.failed = !outcome.ok();
      if (outcome.ok() || is_sync) log.operations.push_back(std::move(operation));
      return outcome;
    }
    Error error = injected(*struck, operation.kind, where);
    if (struck->effect == FaultEffect::kPart && operation.kind == OperationKind::kWrite) {
      operation.bytes.resize(operation.bytes.size() / 2);
      operation.length = operation.bytes.size();
    }
    const bool has_effect =
        struck->effect == FaultEffect::kAll ||
        (struck->effect == FaultEffect::kPart && operation.kind == OperationKind::kWrite && operation.length > 0);
    if (has_effect) {
      TRY_OK(perform(operation));
      log.operations.push_back(std::move(operation));
    } else if (is_sync && powered) {  // a power cut ends the history before it
      operation.failed = true;
      log.operations.push_back(std::move(operation));
    }
    return error;
  }
};

class RecordingFile final : public File {
 public:
  RecordingFile(std::shared_ptr<Recorder> recorder, std::unique_ptr<File> base, uint32_t number)
      : recorder_(std::move(recorder)), base_(std::move(base)), number_(number) {}

  Result<size_t> read_at(std::span<std::byte> into, uint64_t offset) const override {
    {
      const std::lock_guard guard(recorder_->mutex);
      TRY_OK(admit(OperationKind::kRead));
    }
    return base_->read_at(into, offset);
  }

  Result<void> write_at(std::span<const std::byte> bytes, uint64_t offset) override {
    Operation operation = ranged(OperationKind::kWrite, offset, bytes.size());
    operation.bytes.assign(bytes.begin(), bytes.end());
    return change(std::move(operation),
                  [&](const Operation& done) { return base_->write_at(done.bytes, done.offset); });
  }

  Result<void> allocate(uint64_t offset, uint64_t length) override {
    return change(ranged(OperationKind::kAllocate, offset, length),
                  [&](const Operation&) { return base_->allocate(offset, length); });
  }

  Result<void> release(uint64_t offset, uint64_t length) override {
    return change(ranged(OperationKind::kRelease, offset, length),
                  [&](const Operation&) { return base_->release(offset, length); });
  }

  Result<void> truncate(uint64_t size_bytes) override {
    return change(ranged(OperationKind::kTruncate, 0, size_bytes),
                  [&](const Operation&) { return base_->truncate(size_bytes); });
  }

  Result<void> sync() override {
    return change(ranged(OperationKind::kSync, 0, 0), [&](const Operation&) { return base_->sync(); });
  }

  Result<uint64_t> size_bytes() const override {
    TRY_OK(check_power());
    return base_->size_bytes();
  }

  Result<uint64_t> allocated_bytes() const override {
    TRY_OK(check_power());
    return base_->allocated_bytes();
  }

  Result<void> map_at(AddressRange& range, size_t at, uint64_t offset, size_t length) const override {
    {
      const std::lock_guard guard(recorder_->mutex);
      TRY_OK(admit(OperationKind::kMap));
    }
    return base_->map_at(range, at, offset, length);
  }

  const std::string& name() const override { return base_->name(); }

 private:
  Operation ranged(OperationKind kind, uint64_t offset, uint64_t length) const {
    Operation operation;
    operation.kind = kind;
    operation.file = number_;
    operation.offset = offset;
    operation.length = length;
    return operation;
  }

  template <typename Perform>
  Result<void> change(Operation operation, const Perform& perform) {
    const std::lock_guard guard(recorder_->mutex);
    return recorder_->change(std::move(operation), base_->name(), perform);
  }

  Result<void> admit(OperationKind kind) const {
    TRY_OK(recorder_->check_power());
    const std::optional<Fault> struck = recorder_->strike(kind);
    if (struck.has_value()) return recorder_->injected(*struck, kind, base_->name());
    return {};
  }

  Result<void> check_power() const {
    const std::lock_guard guard(recorder_->mutex);
    return recorder_->check_power();
  }

  std::shared_ptr<Recorder> recorder_;
  std::unique_ptr<File> base_;
  uint32_t number_;
};

class RecordingDirectoryImpl final : public RecordingDirectory {
 public:
  RecordingDirectoryImpl(std::shared_ptr<Directory> base, std::shared_ptr<Recorder> recorder)
      : base_(std::move(base)), recorder_(std::move(recorder)) {}

  Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) override;
  Result<void> remove(std::string_view name) override;
  Result<void> rename(std::string_view from, std::string_view to) override;

  Result<std::vector<std::string>> list() const override {
    const std::lock_guard guard(recorder_->mutex);
    TRY_OK(recorder_->check_power());
    return base_->list();
  }

  Result<void> sync() override {
    const std::lock_guard guard(recorder_->mutex);
    Operation operation;
    operation.kind = OperationKind::kSyncDirectory;
    return recorder_->change(std::move(operation), base_->path(), [&](const Operation&) { return base_->sync(); });
  }

  Result<std::unique_ptr<DirectoryLock>> lock_for_writing() override {
    const std::lock_guard guard(recorder_->mutex);
    TRY_OK(recorder_->check_power());
    return base_->lock_for_writing();
  }

  const std::string& path() const override { return base_->path(); }

  void inject(Fault fault) override {
    const std::lock_guard guard(recorder_->mutex);
    recorder_->fault = std::move(fault);
    recorder_->matches = 0;
    recorder_->fault_reached = false;
  }

  void clear_fault() override {
    const std::lock_guard guard(recorder_->mutex);
    recorder_->fault.reset();
  }

  bool fault_reached() const override {
    const std::lock_guard guard(recorder_->mutex);
    return recorder_->fault_reached;
  }

  void cut_power() override {
    const std::lock_guard guard(recorder_->mutex);
    recorder_->powered = false;
  }

  size_t operation_count() const override {
    const std::lock_guard guard(recorder_->mutex);
    return recorder_->log.operations.size();
  }

  OperationLog log() const override {
    const std::lock_guard guard(recorder_->mutex);
    return recorder_->log;
  }

 private:
  std::shared_ptr<Directory> base_;
  std::shared_ptr<Recorder> recorder_;
};

Result<std::unique_ptr<File>> RecordingDirectoryImpl::open(std::string_view name, OpenMode mode) {
  const std::lock_guard guard(recorder_->mutex);
  TRY_OK(recorder_->check_power());
  const auto known = recorder_->names.find(name);
  const bool creates = known == recorder_->names.end() && (mode == OpenMode::kCreate || mode == OpenMode::kCreateNew);
  std::unique_ptr<File> file;
  const auto perform = [&](const Operation&) -> Result<void> {
    TRY(opened, base_->open(name, mode));
    file = std::move(opened);
    return {};
  };
  if (!creates) {
    TRY_OK(perform({}));
    if (known == recorder_->names.end())
      return file;  // made behind our back, such as the base's lock file: not part of the recorded state
    return std::unique_ptr<File>(std::make_unique<RecordingFile>(recorder_, std::move(file), known->second));
  }
  const uint32_t number = recorder_->file_count;
  Operation operation;
  operation.kind = OperationKind::kCreate;
  operation.file = number;
  operation.name = name;
  Result<void> outcome = recorder_->change(std::move(operation), name, perform);
  if (file != nullptr) {  // also when a fault hides that it was created
    recorder_->names.emplace(std::string(name), number);
    ++recorder_->file_count;
  }
  TRY_OK(std::move(outcome));
  return std::unique_ptr<File>(std::make_unique<RecordingFile>(recorder_, std::move(file), number));
}

Result<void> RecordingDirectoryImpl::remove(std::string_view name) {
  const std::lock_guard guard(recorder_->mutex);
  TRY_OK(recorder_->check_power());
  const auto known = recorder_->names.find(name);
  if (known == recorder_->names.end()) return base_->remove(name);
  Operation operation;
  operation.kind = OperationKind::kRemove;
  operation.file = known->second;
  operation.name = name;
  return recorder_->change(std::move(operation), name, [&](const Operation&) -> Result<void> {
    TRY_OK(base_->remove(name));
    recorder_->names.erase(known);
    return {};
  });
}

Result<void> RecordingDirectoryImpl::rename(std::string_view from, std::string_view to) {
  const std::lock_guard guard(recorder_->mutex);
  TRY_OK(recorder_->check_power());
  const auto known = recorder_->names.find(from);
  if (known == recorder_->names.end()) return base_->rename(from, to);
  Operation operation;
  operation.kind = OperationKind::kRename;
  operation.file = known->second;
  operation.name = from;
  operation.to = to;
  return recorder_->change(std::move(operation), from, [&](const Operation& done) -> Result<void> {
    TRY_OK(base_->rename(from, to));
    recorder_->names.erase(known);
    recorder_->names.insert_or_assign(done.to, done.file);
    return {};
  });
}

}  // namespace

Result<std::unique_ptr<RecordingDirectory>> RecordingDirectory::wrap(std::shared_ptr<Directory> base) {
  auto recorder = std::make_shared<Recorder>();
  TRY(names, base->list());
  for (const std::string& name : names) {
    TRY(file, base->open(name, OpenMode::kReadOnly));
    TRY(size_bytes, file->size_bytes());
    InitialFile initial{name, std::vector<std::byte>(static_cast<size_t>(size_bytes))};
    TRY(got, file->read_at(initial.bytes, 0));
    initial.bytes.resize(got);
    recorder->log.initial_files.push_back(std::move(initial));
    recorder->names.emplace(name, recorder->file_count++);
  }
  return std::unique_ptr<RecordingDirectory>(
      std::make_unique<RecordingDirectoryImpl>(std::move(base), std::move(recorder)));
}

}  // namespace omendb::os
