#include "engine/storage/write_ahead_log.h"

#include "engine/base/crc32c.h"
#include "engine/base/try.h"
#include "engine/storage/file_names.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <limits>
#include <utility>

namespace omendb::storage {
namespace {

constexpr uint64_t kChunkBytesMin = 64 << 10;  // a small database stays small,
constexpr uint64_t kChunkBytesMax = 16 << 20;  // a busy one seldom asks for space
// Pieces up to this size are gathered, larger ones written from where they lie.
constexpr size_t kBufferBytes = 256 << 10;
// Kept free behind every commit for a durable mark and a seal.
constexpr uint64_t kControlFramesBytes = 2 * kFrameHeaderBytes;

uint64_t round_up_to_page(uint64_t bytes) { return (bytes + os::kPageBytes - 1) / os::kPageBytes * os::kPageBytes; }

uint64_t record_bytes(const LogRecord& record) {
  uint64_t bytes = 0;
  for (const auto piece : record.pieces) bytes += piece.size();
  return bytes;
}

constexpr std::array<std::byte, kFrameAlignmentBytes> kZeros{};

std::span<const std::byte> padding_of(uint64_t payload_bytes) {
  return std::span(kZeros).first(static_cast<size_t>(padded_bytes(payload_bytes) - payload_bytes));
}

// Writes one after the other with few system calls and without copying what is large.
class GatheredWrite {
 public:
  GatheredWrite(os::File& file, uint64_t offset) : file_(file), offset_(offset) {}

  Result<void> put(std::span<const std::byte> bytes) {
    if (buffer_.size() + bytes.size() > kBufferBytes) TRY_OK(flush());
    if (bytes.size() > kBufferBytes) return write(bytes);
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return {};
  }

  Result<void> flush() {
    if (buffer_.empty()) return {};
    TRY_OK(write(buffer_));
    buffer_.clear();
    return {};
  }

  uint64_t offset() const { return offset_ + buffer_.size(); }

 private:
  Result<void> write(std::span<const std::byte> bytes) {
    TRY_OK(file_.write_at(bytes, offset_));
    offset_ += bytes.size();
    return {};
  }

  os::File& file_;
  uint64_t offset_;  // of what the buffer holds
  std::vector<std::byte> buffer_;
};

}  // namespace

Result<std::unique_ptr<os::File>> create_segment(os::Directory& directory, const SegmentIdentity& identity,
                                                 CommitNumber first_commit) {
  const std::string name = segment_name(identity.segment);
  const Result<void> removed = directory.remove(name);
  if (!removed.ok() && removed.error().code != ErrorCode::kNotFound) return removed.error();
  TRY(file, directory.open(name, os::OpenMode::kCreateNew));
  const SegmentHeader header = make_segment_header(identity, first_commit);
  TRY_OK(file->allocate(0, kChunkBytesMin));
  TRY_OK(file->write_at(std::as_bytes(std::span(&header, 1)), 0));
  TRY_OK(file->sync());
  return file;
}

WriteAheadLog::WriteAheadLog(std::shared_ptr<StoreContext> context, LogStart start)
    : context_(std::move(context)),
      start_(start),
      last_appended_(start.checkpointed.value),
      last_durable_(start.checkpointed.value) {}

std::string WriteAheadLog::path_of(uint64_t segment) const { return context_->path_of(segment_name(segment)); }

// --- opening ---

Result<std::unique_ptr<os::File>> WriteAheadLog::open_segment(uint64_t segment) const {
  auto file = context_->directory->open(segment_name(segment),
                                        context_->read_only ? os::OpenMode::kReadOnly : os::OpenMode::kMustExist);
  if (!file.ok() && file.error().code == ErrorCode::kNotFound) {
    return Error{ErrorCode::kCorruption, path_of(segment) + " is missing; commits that were made durable are in it"};
  }
  return file;
}

// A segment that was not sealed is the last one, unless the process ended while it started the next: then that one has no commits.
Result<void> WriteAheadLog::check_unsealed_end(uint64_t segment, const std::vector<std::string>& names) const {
  for (const std::string& name : names) {
    const auto later = segment_of_name(name);
    if (!later.has_value() || *later <= segment) continue;
    TRY(file, open_segment(*later));
    TRY(file_bytes, file->size_bytes());
    TRY(used, holds_frames(*file, identity(*later), file_bytes));
    if (used)
      return Error{ErrorCode::kCorruption, path_of(segment) + ": its end is damaged; " + name + " goes on from there"};
  }
  return {};
}

Result<std::vector<WriteAheadLog::Found>> WriteAheadLog::find_segments() {
  TRY(names, context_->directory->list());
  std::vector<Found> found;
  uint64_t next_commit = start_.checkpointed.value + 1;
  for (uint64_t segment = start_.first_segment;; ++segment) {
    TRY(file, open_segment(segment));
    TRY(file_bytes, file->size_bytes());
    TRY(scan, scan_segment(*file, identity(segment), {next_commit}, file_bytes, path_of(segment)));
    next_commit = scan.last_commit.value + 1;
    found.push_back({segment, std::move(file), file_bytes, scan});
    if (!scan.sealed) break;
  }
  TRY_OK(check_unsealed_end(found.back().segment, names));
  return found;
}

Result<void> WriteAheadLog::replay(const ReplayVisitor& visitor) {
  const std::lock_guard guard(append_mutex_);
  if (replayed_) return Error{ErrorCode::kInternal, "the log is replayed twice"};
  if (start_.first_segment == 0) {  // a read-only look at a database whose creation was interrupted
    replayed_ = true;
    return {};
  }
  TRY(found, find_segments());
  for (const Found& segment : found)
    TRY_OK(deliver_segment(*segment.file, identity(segment.segment), segment.scan, path_of(segment.segment), visitor));
  uint64_t sealed_bytes = 0;
  for (size_t i = 0; i + 1 < found.size(); ++i) {
    sealed_segments_[found[i].segment] = found[i].scan.end_bytes - kSegmentHeaderBytes;
    sealed_bytes += found[i].scan.end_bytes - kSegmentHeaderBytes;
  }
  if (!context_->read_only) TRY_OK(make_found_durable(found));
  continue_in(std::move(found.back()), sealed_bytes);
  replayed_ = true;
  return {};
}

// What was replayed counts as durable from now on, so it has to be: commits of a process that was killed, or whose sync failed, may be in the page cache only.
// Whatever follows the last of them must not come back later.
Result<void> WriteAheadLog::make_found_durable(const std::vector<Found>& found) {
  const Found& last = found.back();
  // Commits went into the next segment only after the seal was durable.
  const bool seal_proven = last.scan.last_commit >= last.scan.first_commit;
  if (found.size() > 1 && !seal_proven) {
    const Found& sealed = found[found.size() - 2];
    TRY_OK(write_again(*sealed.file, sealed.scan.proven_bytes, sealed.scan.end_bytes));
  }
  TRY_OK(write_again(*last.file, last.scan.proven_bytes, last.scan.end_bytes));
  return clear_tail(*last.file, last.scan.end_bytes, last.file_bytes);
}

void WriteAheadLog::continue_in(Found last, uint64_t sealed_bytes) {
  segment_ = last.segment;
  file_ = std::move(last.file);
  position_ = last.scan.end_bytes;
  allocated_bytes_ = last.file_bytes;
  chain_ = last.scan.chain;
  segment_first_commit_ = last.scan.first_commit.value;
  last_appended_ = last.scan.last_commit.value;
  last_durable_ = last.scan.last_commit.value;
  bytes_since_checkpoint_ = sealed_bytes + position_ - kSegmentHeaderBytes;
}

// --- appending ---

Result<void> WriteAheadLog::reserve(uint64_t payload_bytes, size_t record_count) {
  const std::lock_guard guard(append_mutex_);
  const uint64_t frames = record_count * (kFrameHeaderBytes + kFrameAlignmentBytes) + kCommitFrameBytes;
  if (payload_bytes > std::numeric_limits<uint64_t>::max() / 4)
    return Error{ErrorCode::kInvalidArgument, "a commit can not have " + std::to_string(payload_bytes) + " bytes"};
  return reserve_locked(payload_bytes + frames);
}

Result<void> WriteAheadLog::reserve_locked(uint64_t bytes) {
  TRY_OK(context_->check_writable());
  if (!replayed_) return Error{ErrorCode::kInternal, "the log was not replayed"};
  const uint64_t end = position_ + bytes + kControlFramesBytes;
  if (end <= allocated_bytes_) return {};
  const uint64_t least = round_up_to_page(end);
  const uint64_t wanted = std::max(
      least, round_up_to_page(allocated_bytes_ + std::clamp(allocated_bytes_, kChunkBytesMin, kChunkBytesMax)));
  uint64_t reached = wanted;
  Result<void> allocated = file_->allocate(allocated_bytes_, wanted - allocated_bytes_);
  if (!allocated.ok() && allocated.error().code == ErrorCode::kStorageFull && least < wanted) {
    reached = least;
    allocated = file_->allocate(allocated_bytes_, least - allocated_bytes_);
  }
  if (allocated.ok()) allocated_bytes_ = reached;
  return allocated;
}

FrameHeader WriteAheadLog::next_header(FrameKind kind, uint64_t commit) const {
  FrameHeader header{};
  header.kind = static_cast<uint8_t>(kind);
  header.commit = commit;
  header.chain = chain_;
  header.durable_commit = last_durable_.load(std::memory_order_acquire);
  return header;
}

Result<void> WriteAheadLog::append(CommitNumber commit, uint64_t wall_micros, std::span<const LogRecord> records) {
  const std::lock_guard guard(append_mutex_);
  if (commit.value != last_appended_ + 1) {
    return Error{ErrorCode::kInternal, "commit " + std::to_string(commit.value) + " is logged after commit " +
                                           std::to_string(last_appended_)};
  }
  uint64_t bytes = kCommitFrameBytes;
  for (const LogRecord& record : records) {
    const uint64_t payload_bytes = record_bytes(record);
    if (payload_bytes > kRecordBytesMax) {
      return Error{ErrorCode::kInvalidArgument, "a log record of " + std::to_string(payload_bytes) +
                                                    " bytes; at most " + std::to_string(kRecordBytesMax) +
                                                    " are possible"};
    }
    bytes += frame_bytes(payload_bytes);
  }
  TRY_OK(reserve_locked(bytes));
  Result<void> written = write_commit(commit, wall_micros, records);
  if (!written.ok()) {
    context_->poison.strike(written.error());
    return context_->poison.check();
  }
  bytes_since_checkpoint_ += bytes;
  last_appended_.store(commit.value, std::memory_order_release);
  return {};
}

Result<void> WriteAheadLog::write_commit(CommitNumber commit, uint64_t wall_micros,
                                         std::span<const LogRecord> records) {
  GatheredWrite out(*file_, position_);
  CommitPayload mark{wall_micros, 0};
  uint32_t index = 0;
  for (const LogRecord& record : records) {
    FrameHeader header = next_header(FrameKind::kRecord, commit.value);
    header.record_kind = record.kind;
    header.index = index++;
    header.payload_bytes = static_cast<uint32_t>(record_bytes(record));
    for (const auto piece : record.pieces) header.payload_checksum = base::crc32c(piece, header.payload_checksum);
    const auto padding = padding_of(header.payload_bytes);
    header.payload_checksum = base::crc32c(padding, header.payload_checksum);
    seal_frame_header(header, identity(segment_), out.offset());
    chain_ = header.header_checksum;
    TRY_OK(out.put(std::as_bytes(std::span(&header, 1))));
    for (const auto piece : record.pieces) TRY_OK(out.put(piece));
    TRY_OK(out.put(padding));
    mark.payload_bytes += header.payload_bytes;
  }
  FrameHeader header = next_header(FrameKind::kCommit, commit.value);
  header.index = index;
  header.payload_bytes = sizeof(mark);
  header.payload_checksum = base::crc32c(std::as_bytes(std::span(&mark, 1)));
  seal_frame_header(header, identity(segment_), out.offset());
  chain_ = header.header_checksum;
  TRY_OK(out.put(std::as_bytes(std::span(&header, 1))));
  TRY_OK(out.put(std::as_bytes(std::span(&mark, 1))));
  TRY_OK(out.flush());
  position_ = out.offset();
  return {};
}

// A frame that tells what is durable. Its place was reserved with the commit before it; without a place it is left out, it is no promise.
Result<void> WriteAheadLog::write_control_frame(FrameKind kind) {
  if (kind == FrameKind::kDurable && position_ + kControlFramesBytes > allocated_bytes_) return {};
  FrameHeader header = next_header(kind, last_appended_);
  seal_frame_header(header, identity(segment_), position_);
  const Result<void> written = file_->write_at(std::as_bytes(std::span(&header, 1)), position_);
  if (!written.ok()) {
    context_->poison.strike(written.error());
    return context_->poison.check();
  }
  chain_ = header.header_checksum;
  position_ += kFrameHeaderBytes;
  bytes_since_checkpoint_ += kFrameHeaderBytes;
  return {};
}

// --- durability ---

Result<void> WriteAheadLog::lead_sync() {
  std::shared_ptr<os::File> file;
  uint64_t target = 0;
  {
    const std::lock_guard guard(append_mutex_);
    file = file_;
    target = last_appended_;
  }
  const Result<void> synced = context_->poison.struck() ? context_->poison.check() : file->sync();
  const std::lock_guard guard(sync_mutex_);
  if (!synced.ok()) {
    context_->poison.strike(synced.error());
  } else if (target > last_durable_) {
    last_durable_.store(target, std::memory_order_release);
  }
  syncing_ = false;
  synced_.notify_all();
  return synced;
}

Result<void> WriteAheadLog::wait_durable(CommitNumber commit) {
  if (commit > last_appended())
    return Error{ErrorCode::kInternal, "commit " + std::to_string(commit.value) + " was never logged"};
  if (!start_.sync_commits && commit > last_durable()) return context_->poison.check();
  while (commit > last_durable()) {
    {
      std::unique_lock lock(sync_mutex_);
      synced_.wait(lock, [&] { return !syncing_ || commit <= last_durable(); });
      if (commit <= last_durable()) return {};
      TRY_OK(context_->poison.check());
      syncing_ = true;
    }
    if (!lead_sync().ok()) return context_->poison.check();
    // Proof for a later opening, should the disk damage these commits. Nothing is owed: the commits are durable whether it gets there or not.
    const std::lock_guard guard(append_mutex_);
    if (!context_->closed && !context_->poison.struck()) static_cast<void>(write_control_frame(FrameKind::kDurable));
  }
  return {};
}

Result<void> WriteAheadLog::sync_all_locked() {
  if (last_durable_ == last_appended_) return {};
  const Result<void> synced = file_->sync();
  if (!synced.ok()) {
    context_->poison.strike(synced.error());
    return context_->poison.check();
  }
  const std::lock_guard guard(sync_mutex_);
  last_durable_.store(last_appended_, std::memory_order_release);
  return {};
}

// --- segments ---

// The new segment exists, durable, before the old one says that it ends: a seal without a successor can only be damage.
Result<uint64_t> WriteAheadLog::start_segment() {
  const std::lock_guard guard(append_mutex_);
  TRY_OK(context_->check_writable());
  if (!replayed_) return Error{ErrorCode::kInternal, "the log was not replayed"};
  TRY_OK(sync_all_locked());
  if (segment_first_commit_ == last_appended_ + 1) return segment_;
  TRY_OK(reserve_locked(0));  // a place for the seal
  const uint64_t next = segment_ + 1;
  auto created = create_segment(*context_->directory, identity(next), {last_appended_ + 1});
  if (created.ok()) TRY_OK(context_->sync_names());
  if (!created.ok()) {
    static_cast<void>(context_->directory->remove(segment_name(next)));  // what stays is replaced by the next attempt
    return std::move(created).error();
  }
  TRY(file_bytes, (*created)->size_bytes());
  TRY_OK(write_control_frame(FrameKind::kSeal));
  const Result<void> sealed = file_->sync();
  if (!sealed.ok()) {
    context_->poison.strike(sealed.error());
    return sealed.error();
  }
  static_cast<void>(file_->truncate(position_));  // slack; no loss if it stays
  sealed_segments_[segment_] = position_ - kSegmentHeaderBytes;
  segment_ = next;
  file_ = std::move(created).value();
  position_ = kSegmentHeaderBytes;
  allocated_bytes_ = file_bytes;
  chain_ = make_segment_header(identity(next), {last_appended_ + 1}).header_checksum;
  segment_first_commit_ = last_appended_ + 1;
  return segment_;
}

void WriteAheadLog::remove_segments_below(uint64_t first_segment) {
  const std::lock_guard guard(append_mutex_);
  while (!sealed_segments_.empty() && sealed_segments_.begin()->first < first_segment) {
    bytes_since_checkpoint_ -= sealed_segments_.begin()->second;
    sealed_segments_.erase(sealed_segments_.begin());
  }
  const auto names = context_->directory->list();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const auto segment = segment_of_name(name);
    if (segment.has_value() && *segment < first_segment) static_cast<void>(context_->directory->remove(name));
  }
}

Result<void> WriteAheadLog::check() {
  const std::lock_guard guard(append_mutex_);
  if (file_ == nullptr) return {};
  uint64_t next_commit = 0;
  std::vector<std::pair<uint64_t, uint64_t>> segments;  // number and end
  for (const auto& [segment, bytes] : sealed_segments_) segments.emplace_back(segment, bytes + kSegmentHeaderBytes);
  segments.emplace_back(segment_, position_);
  for (const auto& [segment, end_bytes] : segments) {
    TRY(file, context_->directory->open(segment_name(segment), os::OpenMode::kReadOnly));
    std::array<std::byte, kSegmentHeaderBytes> header_bytes{};
    TRY(got, file->read_at(header_bytes, 0));
    TRY(header, decode_segment_header(std::span(header_bytes).first(got), identity(segment), path_of(segment)));
    if (next_commit == 0) next_commit = header.first_commit;
    TRY(scan, scan_segment(*file, identity(segment), {next_commit}, end_bytes, path_of(segment)));
    if (scan.end_bytes != end_bytes) {
      return Error{ErrorCode::kCorruption, path_of(segment) + " at byte " + std::to_string(scan.end_bytes) +
                                               ": the log is damaged; it was written up to byte " +
                                               std::to_string(end_bytes)};
    }
    next_commit = scan.last_commit.value + 1;
  }
  return {};
}

namespace {

Result<void> copy_bytes(const os::File& source, os::File& target, uint64_t end_bytes) {
  std::vector<std::byte> buffer(static_cast<size_t>(std::min<uint64_t>(end_bytes, 1 << 20)));
  for (uint64_t offset = 0; offset < end_bytes;) {
    const auto piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), end_bytes - offset)));
    TRY(got, source.read_at(piece, offset));
    if (got != piece.size()) return Error{ErrorCode::kIo, source.name() + " became shorter while it was copied"};
    TRY_OK(target.write_at(piece, offset));
    offset += piece.size();
  }
  return target.sync();
}

}  // namespace

Result<void> WriteAheadLog::copy_to(os::Directory& target) {
  const std::lock_guard guard(append_mutex_);
  if (file_ == nullptr) return {};
  std::map<uint64_t, uint64_t> ends = sealed_segments_;  // bytes behind the header
  ends[segment_] = position_ - kSegmentHeaderBytes;
  for (const auto& [segment, bytes] : ends) {
    TRY(source, context_->directory->open(segment_name(segment), os::OpenMode::kReadOnly));
    TRY(copy, target.open(segment_name(segment), os::OpenMode::kCreateNew));
    TRY_OK(copy_bytes(*source, *copy, bytes + kSegmentHeaderBytes));
  }
  return {};
}

Result<void> WriteAheadLog::close() {
  const std::lock_guard guard(append_mutex_);
  if (file_ == nullptr || context_->read_only || context_->poison.struck()) return {};
  TRY_OK(sync_all_locked());
  if (allocated_bytes_ == position_) return {};
  TRY_OK(file_->truncate(position_));
  allocated_bytes_ = position_;
  return file_->sync();
}

}  // namespace omendb::storage
