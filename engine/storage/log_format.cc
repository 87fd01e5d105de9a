#include "engine/storage/log_format.h"

#include "engine/base/crc32c.h"

#include <array>
#include <cstring>
#include <string>

namespace omendb::storage {
namespace {

constexpr char kLogMagic[8] = {'o', 'm', 'e', 'n', 'l', 'o', 'g', '\n'};
constexpr size_t kVersionPrefixBytes = offsetof(SegmentHeader, version_checksum);

uint32_t frame_checksum(const FrameHeader& header, const SegmentIdentity& identity, uint64_t offset) {
  const std::array<uint64_t, 4> place = {identity.uuid_low, identity.uuid_high, identity.segment, offset};
  const uint32_t seed = base::crc32c(std::as_bytes(std::span(place)));
  return base::crc32c(std::as_bytes(std::span(&header, 1)).subspan(sizeof(header.header_checksum)), seed);
}

}  // namespace

SegmentHeader make_segment_header(const SegmentIdentity& identity, CommitNumber first_commit) {
  SegmentHeader header{};
  std::memcpy(header.magic, kLogMagic, sizeof(kLogMagic));
  header.version = kLogVersion;
  const auto bytes = std::as_bytes(std::span(&header, 1));
  header.version_checksum = base::crc32c(bytes.first(kVersionPrefixBytes));
  header.uuid_low = identity.uuid_low;
  header.uuid_high = identity.uuid_high;
  header.segment = identity.segment;
  header.first_commit = first_commit.value;
  header.header_checksum = base::crc32c(bytes.first(offsetof(SegmentHeader, header_checksum)));
  return header;
}

Result<SegmentHeader> decode_segment_header(std::span<const std::byte> bytes, const SegmentIdentity& identity,
                                            std::string_view source) {
  const auto corrupt = [source](std::string_view what) {
    return Error{ErrorCode::kCorruption, std::string(source) + " at byte 0: " + std::string(what)};
  };
  SegmentHeader header{};
  if (bytes.size() < sizeof(header)) return corrupt("the header is cut off");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kLogMagic, sizeof(kLogMagic)) != 0)
    return corrupt("it does not begin like a log segment");
  if (base::crc32c(bytes.first(kVersionPrefixBytes)) != header.version_checksum)
    return corrupt("the version has a wrong checksum");
  if (header.version > kLogVersion) {
    return Error{ErrorCode::kUnsupportedFormat,
                 std::string(source) + " has format version " + std::to_string(header.version) +
                     "; this program reads versions up to " + std::to_string(kLogVersion) + ": use a newer OmenDB"};
  }
  if (base::crc32c(bytes.first(offsetof(SegmentHeader, header_checksum))) != header.header_checksum)
    return corrupt("the header has a wrong checksum");
  if (header.uuid_low != identity.uuid_low || header.uuid_high != identity.uuid_high)
    return corrupt("it belongs to another database");
  if (header.segment != identity.segment)
    return corrupt("it is segment " + std::to_string(header.segment) + " under a wrong name");
  return header;
}

void seal_frame_header(FrameHeader& header, const SegmentIdentity& identity, uint64_t offset) {
  header.header_checksum = frame_checksum(header, identity, offset);
}

std::optional<FrameHeader> decode_frame_header(std::span<const std::byte> bytes, const SegmentIdentity& identity,
                                               uint64_t offset) {
  FrameHeader header{};
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const bool plausible = header.kind >= static_cast<uint8_t>(FrameKind::kRecord) &&
                         header.kind <= static_cast<uint8_t>(FrameKind::kSeal) && header.reserved == 0;
  if (!plausible || frame_checksum(header, identity, offset) != header.header_checksum) return std::nullopt;
  return header;
}

}  // namespace omendb::storage
