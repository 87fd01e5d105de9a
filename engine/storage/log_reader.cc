#include "engine/storage/log_reader.h"

#include "engine/base/crc32c.h"
#include "engine/base/try.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <deque>

namespace omendb::storage {

Result<std::span<const std::byte>> FileWindow::peek(uint64_t offset, size_t length) {
  assert(length <= kWindowBytes);
  const uint64_t available = offset < file_bytes_ ? std::min<uint64_t>(length, file_bytes_ - offset) : 0;
  if (available == 0) return std::span<const std::byte>();
  if (offset < begin_ || offset + available > begin_ + buffer_.size()) {
    buffer_.resize(static_cast<size_t>(std::min<uint64_t>(kWindowBytes, file_bytes_ - offset)));
    TRY(got, file_.read_at(buffer_, offset));
    buffer_.resize(got);
    begin_ = offset;
    if (got < available) return Error{ErrorCode::kIo, file_.name() + " became shorter while it was read"};
  }
  return std::span<const std::byte>(buffer_).subspan(static_cast<size_t>(offset - begin_),
                                                     static_cast<size_t>(available));
}

namespace {

Error damage_at(const std::string& source, uint64_t offset, const std::string& what) {
  return {ErrorCode::kCorruption, source + " at byte " + std::to_string(offset) + ": " + what};
}

// The checksum of a payload and its padding.
Result<uint32_t> payload_checksum(FileWindow& window, uint64_t offset, uint64_t payload_bytes) {
  uint32_t checksum = 0;
  const uint64_t end = offset + padded_bytes(payload_bytes);
  while (offset < end) {
    TRY(piece, window.peek(offset, static_cast<size_t>(std::min<uint64_t>(end - offset, FileWindow::kWindowBytes))));
    checksum = base::crc32c(piece, checksum);
    offset += piece.size();
  }
  return checksum;
}

// Follows frames; knows what may come next.
class SegmentWalk {
 public:
  SegmentWalk(FileWindow& window, const SegmentIdentity& identity, const std::string& source, CommitNumber first_commit,
              uint32_t chain)
      : window_(window), identity_(identity), source_(source) {
    scan_.chain = chain;
    scan_.first_commit = first_commit;
    scan_.last_commit = {first_commit.value - 1};
    chain_ = chain;
  }

  // Goes on to the first frame that is not whole. A whole one that makes no sense is damage, or was written by a bug.
  Result<void> run() {
    while (!scan_.sealed) {
      TRY(bytes, window_.peek(offset_, kFrameHeaderBytes));
      const std::optional<FrameHeader> header = decode_frame_header(bytes, identity_, offset_);
      if (!header.has_value() || header->chain != chain_) return {};
      if (offset_ + frame_bytes(header->payload_bytes) > window_.file_bytes()) return {};
      TRY(checksum, payload_checksum(window_, offset_ + kFrameHeaderBytes, header->payload_bytes));
      if (checksum != header->payload_checksum) return {};
      TRY_OK(accept(*header));
    }
    return {};
  }

  const SegmentScan& scan() const { return scan_; }
  uint64_t offset() const { return offset_; }

 private:
  Result<void> accept(const FrameHeader& header) {
    const auto kind = static_cast<FrameKind>(header.kind);
    const bool in_commit = kind == FrameKind::kRecord || kind == FrameKind::kCommit;
    const uint64_t expected_commit = scan_.last_commit.value + (in_commit ? 1 : 0);
    const bool right_index = header.index == (in_commit ? record_count_ : 0);
    const bool between_commits = in_commit || record_count_ == 0;
    if (header.commit != expected_commit || !right_index || !between_commits)
      return damage_at(source_, offset_, "a whole frame stands where it can not be");
    if (kind == FrameKind::kRecord) {
      ++record_count_;
      payload_bytes_ += header.payload_bytes;
    }
    if (kind == FrameKind::kCommit) TRY_OK(accept_commit(header));
    if (kind == FrameKind::kSeal) scan_.sealed = true;
    chain_ = header.header_checksum;
    offset_ += frame_bytes(header.payload_bytes);
    if (kind == FrameKind::kCommit) unproven_.push_back({header.commit, offset_});
    while (!unproven_.empty() && unproven_.front().commit <= header.durable_commit) {
      scan_.proven_bytes = unproven_.front().end_bytes;
      unproven_.pop_front();
    }
    if (kind != FrameKind::kRecord) {
      scan_.end_bytes = offset_;
      scan_.chain = chain_;
    }
    return {};
  }

  Result<void> accept_commit(const FrameHeader& header) {
    CommitPayload payload{};
    if (header.payload_bytes != sizeof(payload)) return damage_at(source_, offset_, "a commit mark has a wrong length");
    TRY(bytes, window_.peek(offset_ + kFrameHeaderBytes, sizeof(payload)));
    std::memcpy(&payload, bytes.data(), sizeof(payload));
    if (payload.payload_bytes != payload_bytes_)
      return damage_at(source_, offset_, "a commit mark does not fit its records");
    scan_.last_commit = {header.commit};
    record_count_ = 0;
    payload_bytes_ = 0;
    return {};
  }

  struct CommitEnd {
    uint64_t commit;
    uint64_t end_bytes;
  };

  FileWindow& window_;
  const SegmentIdentity& identity_;
  const std::string& source_;
  std::deque<CommitEnd> unproven_;
  SegmentScan scan_;
  uint64_t offset_ = kSegmentHeaderBytes;
  uint32_t chain_ = 0;
  uint32_t record_count_ = 0;  // of the commit that is not closed yet
  uint64_t payload_bytes_ = 0;
};

// The first frame header at or behind `from` for which wanted(header) holds. Only the header's own checksum counts here.
template <typename Wanted>
Result<std::optional<uint64_t>> find_frame(FileWindow& window, const SegmentIdentity& identity, uint64_t from,
                                           const Wanted& wanted) {
  for (uint64_t offset = from; offset + kFrameHeaderBytes <= window.file_bytes(); offset += kFrameAlignmentBytes) {
    TRY(bytes, window.peek(offset, kFrameHeaderBytes));
    const std::optional<FrameHeader> header = decode_frame_header(bytes, identity, offset);
    if (header.has_value() && wanted(*header)) return std::optional(offset);
  }
  return std::optional<uint64_t>();
}

}  // namespace

Result<SegmentScan> scan_segment(const os::File& file, const SegmentIdentity& identity, CommitNumber first_commit,
                                 uint64_t file_bytes, const std::string& source) {
  FileWindow window(file, file_bytes);
  TRY(header_bytes, window.peek(0, kSegmentHeaderBytes));
  TRY(header, decode_segment_header(header_bytes, identity, source));
  if (header.first_commit != first_commit.value) {
    return damage_at(source, 0,
                     "it begins with commit " + std::to_string(header.first_commit) + " where " +
                         std::to_string(first_commit.value) + " must follow");
  }
  SegmentWalk walk(window, identity, source, first_commit, header.header_checksum);
  TRY_OK(walk.run());
  if (walk.scan().sealed) return walk.scan();
  const uint64_t last_commit = walk.scan().last_commit.value;
  TRY(proof, find_frame(window, identity, walk.offset(),
                        [last_commit](const FrameHeader& found) { return found.durable_commit > last_commit; }));
  if (!proof.has_value()) return walk.scan();
  return damage_at(source, walk.offset(),
                   "damaged; byte " + std::to_string(*proof) + " proves that commits after " +
                       std::to_string(last_commit) + " had been made durable");
}

Result<bool> holds_frames(const os::File& file, const SegmentIdentity& identity, uint64_t file_bytes) {
  FileWindow window(file, file_bytes);
  TRY(found, find_frame(window, identity, kSegmentHeaderBytes, [](const FrameHeader&) { return true; }));
  return found.has_value();
}

namespace {

Result<void> read_payload(const os::File& file, uint64_t offset, const FrameHeader& header, const std::string& source,
                          std::vector<std::byte>& payload) {
  payload.resize(static_cast<size_t>(padded_bytes(header.payload_bytes)));
  TRY(got, file.read_at(payload, offset + kFrameHeaderBytes));
  if (got == payload.size() && base::crc32c(payload) == header.payload_checksum) return {};
  return damage_at(source, offset, "the frame changed while the log was read");
}

}  // namespace

Result<void> deliver_segment(const os::File& file, const SegmentIdentity& identity, const SegmentScan& scan,
                             const std::string& source, const ReplayVisitor& visitor) {
  FileWindow window(file, scan.end_bytes);
  std::vector<std::byte> payload;
  for (uint64_t offset = kSegmentHeaderBytes; offset < scan.end_bytes;) {
    TRY(bytes, window.peek(offset, kFrameHeaderBytes));
    const std::optional<FrameHeader> header = decode_frame_header(bytes, identity, offset);
    if (!header.has_value()) return damage_at(source, offset, "the frame changed while the log was read");
    const auto kind = static_cast<FrameKind>(header->kind);
    if (kind == FrameKind::kRecord || kind == FrameKind::kCommit)
      TRY_OK(read_payload(file, offset, *header, source, payload));
    if (kind == FrameKind::kRecord)
      TRY_OK(visitor.record(header->record_kind, std::span(payload).first(header->payload_bytes)));
    if (kind == FrameKind::kCommit) {
      CommitPayload mark{};
      std::memcpy(&mark, payload.data(), sizeof(mark));
      TRY_OK(visitor.commit({header->commit}, mark.wall_micros));
    }
    offset += frame_bytes(header->payload_bytes);
  }
  return {};
}

Result<void> write_again(os::File& file, uint64_t from_bytes, uint64_t to_bytes) {
  if (from_bytes == to_bytes) return {};
  FileWindow window(file, to_bytes);
  for (uint64_t offset = from_bytes; offset < to_bytes;) {
    TRY(piece, window.peek(offset, FileWindow::kWindowBytes));
    TRY_OK(file.write_at(piece, offset));
    offset += piece.size();
  }
  return file.sync();
}

Result<void> clear_tail(os::File& file, uint64_t from_bytes, uint64_t file_bytes) {
  FileWindow window(file, file_bytes);
  const std::vector<std::byte> zeros(FileWindow::kWindowBytes);
  bool found = false;
  for (uint64_t offset = from_bytes; offset < file_bytes;) {
    TRY(piece, window.peek(offset, FileWindow::kWindowBytes));
    const bool clean = std::all_of(piece.begin(), piece.end(), [](std::byte value) { return value == std::byte{0}; });
    if (!clean) TRY_OK(file.write_at(std::span(zeros).first(piece.size()), offset));
    found = found || !clean;
    offset += piece.size();
  }
  return found ? file.sync() : Result<void>();
}

}  // namespace omendb::storage
