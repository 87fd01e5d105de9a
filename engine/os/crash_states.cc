#include "engine/os/crash_states.h"

#include "engine/base/random.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <utility>

namespace omendb::os {

namespace {

constexpr size_t kModeCount = std::size(kCrashModes);

// An independent number for each (seed, thing): the same whatever else is drawn.
uint64_t draw_number(uint64_t seed, uint64_t thing) {
  uint64_t state = seed ^ (thing * 0xd1342543de82ef95ULL + 0x2545f4914f6cdd1dULL);
  base::splitmix64(state);
  return base::splitmix64(state);
}

size_t to_size(uint64_t value) { return static_cast<size_t>(value); }

size_t size_after(const Operation& operation, size_t size_bytes) {
  switch (operation.kind) {
    case OperationKind::kWrite:
    case OperationKind::kAllocate: return std::max(size_bytes, to_size(operation.offset + operation.length));
    case OperationKind::kTruncate: return to_size(operation.length);
    default: return size_bytes;
  }
}

// The bytes that an operation sets, within a file of `size_bytes`: [begin, end), from `source` or to zero where it is
// null.
struct Patch {
  size_t begin = 0;
  size_t end = 0;
  const std::byte* source = nullptr;
};

Patch patch_of(const Operation& operation, size_t size_bytes) {
  const size_t begin = std::min(to_size(operation.offset), size_bytes);
  switch (operation.kind) {
    case OperationKind::kWrite:
      return {begin, std::min(begin + operation.bytes.size(), size_bytes), operation.bytes.data()};
    case OperationKind::kRelease:
      return {begin, std::min(to_size(operation.offset + operation.length), size_bytes), nullptr};
    case OperationKind::kTruncate: return {std::min(to_size(operation.length), size_bytes), size_bytes, nullptr};
    default: return {};
  }
}

void set_bytes(std::vector<std::byte>& image, const Patch& patch, size_t begin, size_t end) {
  if (begin >= end) return;
  if (patch.source == nullptr) {
    std::memset(image.data() + begin, 0, end - begin);
  } else {
    std::memcpy(image.data() + begin, patch.source + (begin - patch.begin), end - begin);
  }
}

void apply(const Operation& operation, std::vector<std::byte>& image) {
  image.resize(size_after(operation, image.size()));
  const Patch patch = patch_of(operation, image.size());
  set_bytes(image, patch, patch.begin, patch.end);
}

void fill_with_junk(std::span<std::byte> bytes, uint64_t seed) {
  base::Random random(seed);
  for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
}

// A file whose sectors got to the disk one by one. Past `durable_bytes` and the end of `bytes` lies what was never
// written: zeros, or junk of whole sectors. The first operation that a sector gets makes zeros of the junk around it,
// because the system writes the sector whole.
class SectorImage {
 public:
  SectorImage(std::vector<std::byte> bytes, size_t size_bytes, size_t durable_bytes, std::optional<uint64_t> junk_seed)
      : bytes_(std::move(bytes)) {
    const size_t written_end = std::max(bytes_.size(), durable_bytes);
    const size_t sector_end = (written_end + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
    junk_begin_ = std::min(size_bytes, sector_end);
    bytes_.resize(size_bytes);
    if (junk_seed.has_value()) fill_with_junk(std::span(bytes_).subspan(junk_begin_), *junk_seed);
    cleaned_.resize(size_bytes / kSectorBytes + 1);
  }

  // `keep(sector)` says whether the sector got this operation.
  template <typename Keep>
  void apply(const Operation& operation, const Keep& keep) {
    const Patch patch = patch_of(operation, bytes_.size());
    for (size_t begin = patch.begin; begin < patch.end;) {
      const size_t sector = begin / kSectorBytes;
      const size_t end = std::min(patch.end, (sector + 1) * kSectorBytes);
      if (keep(sector)) {
        clean(sector);
        set_bytes(bytes_, patch, begin, end);
      }
      begin = end;
    }
  }

  std::vector<std::byte> take(size_t size_bytes) && {
    bytes_.resize(size_bytes);
    return std::move(bytes_);
  }

 private:
  void clean(size_t sector) {
    if (cleaned_[sector]) return;
    cleaned_[sector] = true;
    const size_t begin = std::max(junk_begin_, sector * kSectorBytes);
    const size_t end = std::min(bytes_.size(), (sector + 1) * kSectorBytes);
    if (begin < end) std::memset(bytes_.data() + begin, 0, end - begin);
  }

  std::vector<std::byte> bytes_;
  size_t junk_begin_ = 0;
  std::vector<bool> cleaned_;
};

void apply_name(const Operation& operation, std::map<std::string, uint32_t>& names) {
  switch (operation.kind) {
    case OperationKind::kCreate: names[operation.name] = operation.file; return;
    case OperationKind::kRename: {
      const auto old_name = names.find(operation.name);
      if (old_name != names.end() && old_name->second == operation.file) names.erase(old_name);
      names[operation.to] = operation.file;
      return;
    }
    case OperationKind::kRemove: {
      const auto name = names.find(operation.name);
      if (name != names.end() && name->second == operation.file) names.erase(name);
      return;
    }
    default: return;
  }
}

// One of 0..count, the two ends more often than the rest: whole and nothing are the commonest truths.
size_t draw_cut(uint64_t number, size_t count) {
  switch (number % 3) {
    case 0: return 0;
    case 1: return count;
    default: return to_size((number / 3) % (count + 1));
  }
}

// Half of the states have junk where others have zeros.
std::optional<uint64_t> draw_junk_seed(uint64_t seed) {
  const uint64_t number = draw_number(seed, ~uint64_t{1});
  return number % 2 == 0 ? std::optional<uint64_t>(number) : std::nullopt;
}

}  // namespace

std::string_view to_string(CrashMode mode) {
  switch (mode) {
    case CrashMode::kDropUnsynced: return "drop unsynced";
    case CrashMode::kKeepAll: return "keep all";
    case CrashMode::kNamesWithoutData: return "names without data";
    case CrashMode::kDataWithoutNames: return "data without names";
    case CrashMode::kPrefixPerFile: return "prefix per file";
    case CrashMode::kRandomSectors: return "random sectors";
    case CrashMode::kTornLastWrite: return "torn last write";
    case CrashMode::kMixed: return "mixed";
  }
  return "unknown";
}

CrashStates::CrashStates(const OperationLog& log) : log_(log) {
  for (const InitialFile& initial : log.initial_files) {
    names_.emplace(initial.name, static_cast<uint32_t>(files_.size()));
    files_.push_back({initial.bytes, {}, 0});
  }
}

// A sync after a failed one writes only what was changed since: the pages of the failed one count as clean.
void CrashStates::apply_sync(const Operation& operation, FileState& file) const {
  if (operation.failed) {
    file.doomed_count = file.pending.size();
    return;
  }
  for (size_t index = file.doomed_count; index < file.pending.size(); ++index) {
    apply(log_.operations[file.pending[index]], file.durable);
  }
  file.pending.clear();
  file.doomed_count = 0;
}

void CrashStates::advance_to(size_t operation_count) {
  assert(operation_count >= position_ && operation_count <= log_.operations.size());
  for (; position_ < operation_count; ++position_) {
    const Operation& operation = log_.operations[position_];
    switch (operation.kind) {
      case OperationKind::kCreate:
        if (operation.file >= files_.size()) files_.resize(operation.file + 1);
        pending_names_.push_back(position_);
        break;
      case OperationKind::kRename:
      case OperationKind::kRemove: pending_names_.push_back(position_); break;
      case OperationKind::kSyncDirectory:
        if (operation.failed) {
          doomed_names_ = pending_names_.size();
          break;
        }
        for (size_t index = doomed_names_; index < pending_names_.size(); ++index) {
          apply_name(log_.operations[pending_names_[index]], names_);
        }
        pending_names_.clear();
        doomed_names_ = 0;
        break;
      case OperationKind::kSync:
        apply_sync(operation, files_[operation.file]);
        if (last_write_ != SIZE_MAX && log_.operations[last_write_].file == operation.file) last_write_ = SIZE_MAX;
        break;
      case OperationKind::kWrite:
        last_write_ = position_;
        files_[operation.file].pending.push_back(position_);
        break;
      case OperationKind::kAllocate:
      case OperationKind::kRelease:
      case OperationKind::kTruncate: files_[operation.file].pending.push_back(position_); break;
      case OperationKind::kRead:
      case OperationKind::kMap: break;
    }
  }
}

std::vector<std::byte> CrashStates::draw_prefix(const FileState& file, size_t kept_count) const {
  std::vector<std::byte> image = file.durable;
  for (size_t index = 0; index < kept_count; ++index) apply(log_.operations[file.pending[index]], image);
  return image;
}

std::vector<std::byte> CrashStates::draw_sectors(const FileState& file, uint64_t seed) const {
  const size_t count = file.pending.size();
  const size_t size_cut = draw_cut(draw_number(seed, ~uint64_t{0}), count);
  size_t size_bytes = file.durable.size();
  size_t size_bytes_kept = size_bytes;
  size_t size_bytes_max = size_bytes;
  for (size_t index = 0; index < count; ++index) {
    size_bytes = size_after(log_.operations[file.pending[index]], size_bytes);
    size_bytes_max = std::max(size_bytes_max, size_bytes);
    if (index + 1 == size_cut) size_bytes_kept = size_bytes;
  }
  SectorImage image(file.durable, size_bytes_max, file.durable.size(), draw_junk_seed(seed));
  for (size_t index = 0; index < count; ++index) {
    image.apply(log_.operations[file.pending[index]],
                [&](size_t sector) { return index < draw_cut(draw_number(seed, sector), count); });
  }
  return std::move(image).take(size_bytes_kept);
}

// All before the newest write; of that a run of its first sectors, or any of them, and the size with it or without.
// What came after it is lost.
std::vector<std::byte> CrashStates::draw_torn(const FileState& file, uint64_t seed) const {
  const auto last = std::find(file.pending.begin(), file.pending.end(), last_write_);
  assert(last != file.pending.end());
  const auto before_count = static_cast<size_t>(last - file.pending.begin());
  std::vector<std::byte> before = draw_prefix(file, before_count);
  const Operation& torn = log_.operations[last_write_];
  const size_t size_bytes_before = before.size();
  const size_t size_bytes_with = size_after(torn, size_bytes_before);
  SectorImage image(std::move(before), size_bytes_with, file.durable.size(), draw_junk_seed(seed));
  const size_t first_sector = to_size(torn.offset) / kSectorBytes;
  const size_t sector_count = (to_size(torn.offset + torn.length) + kSectorBytes - 1) / kSectorBytes - first_sector;
  const size_t cut = to_size(draw_number(seed, 3) % std::max<size_t>(1, sector_count));
  const bool in_order = draw_number(seed, 4) % 2 == 0;
  image.apply(torn, [&](size_t sector) {
    return in_order ? sector - first_sector < cut : draw_number(seed, 16 + sector) % 2 == 0;
  });
  return std::move(image).take(draw_number(seed, 5) % 4 == 0 ? size_bytes_before : size_bytes_with);
}

std::vector<std::byte> CrashStates::draw_file(uint32_t number, CrashMode mode, uint64_t seed) const {
  const FileState& file = files_[number];
  const size_t count = file.pending.size();
  if (count == 0) return file.durable;
  switch (mode) {
    case CrashMode::kDropUnsynced:
    case CrashMode::kNamesWithoutData: return file.durable;
    case CrashMode::kKeepAll:
    case CrashMode::kDataWithoutNames: return draw_prefix(file, count);
    case CrashMode::kPrefixPerFile: return draw_prefix(file, to_size(draw_number(seed, 0) % (count + 1)));
    case CrashMode::kRandomSectors: return draw_sectors(file, seed);
    case CrashMode::kTornLastWrite:
      if (last_write_ != SIZE_MAX && log_.operations[last_write_].file == number) return draw_torn(file, seed);
      return draw_prefix(file, count);
    case CrashMode::kMixed: break;
  }
  const uint64_t way = draw_number(seed, 6);
  const CrashMode drawn = kCrashModes[way % (kModeCount - 1)];  // kMixed is the last
  return draw_file(number, drawn, draw_number(seed, 7));
}

std::map<std::string, uint32_t> CrashStates::draw_names(CrashMode mode, uint64_t seed) const {
  const uint64_t number = draw_number(seed, 8);
  if (mode == CrashMode::kMixed) mode = kCrashModes[number % (kModeCount - 1)];
  const size_t count = pending_names_.size();
  std::map<std::string, uint32_t> names = names_;
  for (size_t index = 0; index < count; ++index) {
    bool kept = true;
    if (mode == CrashMode::kDropUnsynced || mode == CrashMode::kDataWithoutNames) kept = false;
    if (mode == CrashMode::kPrefixPerFile) kept = index < draw_number(seed, 9) % (count + 1);
    if (mode == CrashMode::kRandomSectors) kept = draw_number(seed, 1000 + index) % 2 == 0;
    if (kept) apply_name(log_.operations[pending_names_[index]], names);
  }
  return names;
}

DirectoryContents CrashStates::draw(CrashMode mode, uint64_t seed) const {
  DirectoryContents contents;
  for (const auto& [name, number] : draw_names(mode, seed)) {
    contents.emplace(name, draw_file(number, mode, draw_number(seed, 100 + uint64_t{number})));
  }
  return contents;
}

std::string CrashState::describe(const OperationLog& log) const {
  std::string text =
      "after operation " + std::to_string(operation_count) + " of " + std::to_string(log.operations.size());
  if (operation_count > 0) {
    const Operation& last = log.operations[operation_count - 1];
    text += " (" + std::string(to_string(last.kind)) + " " + last.name + " file " + std::to_string(last.file) + ")";
  }
  return text + ", " + std::string(to_string(mode)) + ", seed " + std::to_string(seed);
}

size_t for_each_crash_state(const OperationLog& log, size_t state_count, uint64_t seed,
                            const std::function<void(const CrashState&)>& visit) {
  const size_t moment_count = log.operations.size() + 1;
  CrashStates states(log);
  size_t visited = 0;
  for (size_t moment = 0; moment < moment_count; ++moment) {
    // What the first moments + 1 are due in all, less what they got: rounding never adds up.
    const size_t due = state_count * (moment + 1) / moment_count - visited;
    if (due == 0) continue;
    states.advance_to(moment);
    const bool every_mode = due >= kModeCount;
    for (size_t index = 0; index < due; ++index, ++visited) {
      CrashState state;
      state.operation_count = moment;
      state.seed = draw_number(seed, visited);
      if (every_mode) {
        state.mode = index < kModeCount ? kCrashModes[index]
                     : index % 2 == 0   ? CrashMode::kRandomSectors
                                        : CrashMode::kMixed;
      } else {
        state.mode = kCrashModes[draw_number(seed ^ 1, visited) % kModeCount];
      }
      state.contents = states.draw(state.mode, state.seed);
      visit(state);
    }
  }
  return visited;
}

}  // namespace omendb::os
