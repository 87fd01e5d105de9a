#include "engine/storage/root_format.h"

#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"
#include "engine/base/try.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

namespace omendb::storage {
namespace {

constexpr char kRootMagic[8] = {'o', 'm', 'e', 'n', 'r', 'o', 'o', 't'};
constexpr uint64_t kExtentNumberMax = uint64_t{1} << 46;  // 4 EiB of file
constexpr uint64_t kMetadataBytesMax = uint64_t{1} << 30;
constexpr size_t kVersionPrefixBytes = offsetof(RootHeader, version_checksum);

void put_array(base::ByteWriter& writer, uint64_t id, const RootArray& array) {
  writer.put_u64(id);
  writer.put_u8(static_cast<uint8_t>(array.kind));
  writer.put_u8(static_cast<uint8_t>(array.space));
  writer.put_varint(array.size_bytes);
  if (array.space == SpaceKind::kShared) {
    writer.put_varint(array.runs.size());
    for (const ExtentRun run : array.runs) {
      writer.put_varint(run.first);
      writer.put_varint(run.count);
    }
  }
  writer.put_bytes(std::as_bytes(std::span(array.checksums)));
}

Result<std::vector<ExtentRun>> read_runs(base::ByteReader& reader, uint64_t extents) {
  TRY(count, reader.count(2, "run count"));
  std::vector<ExtentRun> runs;
  runs.reserve(static_cast<size_t>(count));
  uint64_t sum = 0;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(first, reader.varint("first extent"));
    TRY(length, reader.varint("extents of the run"));
    if (first > kExtentNumberMax || length == 0 || length > extents - sum)
      return reader.corruption("a run of extents is out of bounds");
    sum += length;
    runs.push_back({first, length});
  }
  if (sum != extents) return reader.corruption("the runs do not add up to the length of the array");
  return runs;
}

Result<RootArray> read_array(base::ByteReader& reader) {
  RootArray array;
  TRY(kind, reader.u8("array kind"));
  TRY(space, reader.u8("array space"));
  TRY(size_bytes, reader.varint("array length"));
  if (kind > static_cast<uint8_t>(ArrayKind::kAppend) || space > static_cast<uint8_t>(SpaceKind::kOwn))
    return reader.corruption("unknown kind of array");
  array.kind = static_cast<ArrayKind>(kind);
  array.space = static_cast<SpaceKind>(space);
  if (array.kind == ArrayKind::kBlocks && array.space == SpaceKind::kOwn)
    return reader.corruption("an array of blocks has no space of its own");
  const uint64_t extents = extent_count(size_bytes);
  if (size_bytes == 0 || extents > kExtentNumberMax || extents > reader.remaining_bytes() / sizeof(uint32_t)) {
    return reader.corruption("an array of " + std::to_string(size_bytes) + " bytes can not be");
  }
  array.size_bytes = size_bytes;
  if (array.space == SpaceKind::kShared) {
    TRY(runs, read_runs(reader, extents));
    array.runs = std::move(runs);
    array.index_runs();
  }
  TRY(checksums, reader.bytes(extents * sizeof(uint32_t), "checksums"));
  array.checksums.resize(static_cast<size_t>(extents));
  std::memcpy(array.checksums.data(), checksums.data(), checksums.size());
  return array;
}

Result<void> check_no_extent_twice(const Root& root, const base::ByteReader& reader) {
  std::vector<ExtentRun> runs = used_runs(root);
  std::sort(runs.begin(), runs.end());
  for (size_t i = 1; i < runs.size(); ++i) {
    if (runs[i - 1].first + runs[i - 1].count > runs[i].first) {
      return reader.corruption("extent " + std::to_string(runs[i].first) + " is used twice");
    }
  }
  return {};
}

Result<RootHeader> read_header(std::span<const std::byte> bytes, std::string_view source) {
  const auto corrupt = [source](const std::string& what) {
    return Error{ErrorCode::kCorruption, std::string(source) + " at byte 0: " + what};
  };
  RootHeader header{};
  if (bytes.size() < sizeof(header)) return corrupt("the header is cut off");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kRootMagic, sizeof(kRootMagic)) != 0)
    return corrupt("it does not begin like the root of a database");
  if (base::crc32c(bytes.first(kVersionPrefixBytes)) != header.version_checksum)
    return corrupt("the version has a wrong checksum");
  if (header.version > kRootVersion) {
    return Error{ErrorCode::kUnsupportedFormat,
                 std::string(source) + " has format version " + std::to_string(header.version) +
                     "; this program reads versions up to " + std::to_string(kRootVersion) + ": use a newer OmenDB"};
  }
  if (base::crc32c(bytes.first(offsetof(RootHeader, header_checksum))) != header.header_checksum)
    return corrupt("the header has a wrong checksum");
  if (header.version == 0) return corrupt("there is no version 0");
  return header;
}

}  // namespace

void RootArray::index_runs() {
  run_ends.clear();
  uint64_t end = 0;
  for (const ExtentRun run : runs) run_ends.push_back(end += run.count);
}

uint64_t RootArray::extent_offset(uint64_t index) const {
  if (space == SpaceKind::kOwn) return index * kExtentBytes;
  const auto run = std::upper_bound(run_ends.begin(), run_ends.end(), index);
  assert(run != run_ends.end());
  const ExtentRun& found = runs[static_cast<size_t>(run - run_ends.begin())];
  return (found.first + found.count - (*run - index)) * kExtentBytes;
}

std::vector<std::byte> encode_root(const Root& root) {
  base::ByteWriter body;
  body.put_sized_bytes(root.metadata);
  body.put_varint(root.arrays.size());
  for (const auto& [id, array] : root.arrays) put_array(body, id, array);

  RootHeader header{};
  std::memcpy(header.magic, kRootMagic, sizeof(kRootMagic));
  header.version = kRootVersion;
  const auto header_bytes = std::as_bytes(std::span(&header, 1));
  header.version_checksum = base::crc32c(header_bytes.first(kVersionPrefixBytes));
  header.uuid_low = root.uuid_low;
  header.uuid_high = root.uuid_high;
  header.number = root.number;
  header.commit = root.commit.value;
  header.first_segment = root.first_segment;
  header.body_bytes = body.size_bytes();
  header.body_checksum = base::crc32c(body.bytes());
  header.header_checksum = base::crc32c(header_bytes.first(offsetof(RootHeader, header_checksum)));

  base::ByteWriter whole;
  whole.put_bytes(header_bytes);
  whole.put_bytes(body.bytes());
  return std::move(whole).take();
}

Result<Root> decode_root(std::span<const std::byte> bytes, std::string_view source) {
  TRY(header, read_header(bytes, source));
  const std::span<const std::byte> body = bytes.subspan(sizeof(RootHeader));
  base::ByteReader reader(body, source, sizeof(RootHeader));
  if (header.body_bytes != body.size()) {
    return reader.corruption(std::to_string(header.body_bytes) + " bytes should follow, " +
                             std::to_string(body.size()) + " do");
  }
  if (base::crc32c(body) != header.body_checksum) return reader.corruption("the body has a wrong checksum");

  Root root;
  root.uuid_low = header.uuid_low;
  root.uuid_high = header.uuid_high;
  root.number = header.number;
  root.commit = {header.commit};
  root.first_segment = header.first_segment;
  TRY(metadata, reader.sized_bytes(kMetadataBytesMax, "metadata"));
  root.metadata.assign(metadata.begin(), metadata.end());
  TRY(array_count, reader.count(11, "array count"));
  for (uint64_t i = 0; i < array_count; ++i) {
    TRY(id, reader.u64("array id"));
    if (!root.arrays.empty() && id <= root.arrays.rbegin()->first) return reader.corruption("array ids do not rise");
    TRY(array, read_array(reader));
    root.arrays.emplace_hint(root.arrays.end(), id, std::move(array));
  }
  TRY_OK(reader.expect_end("the last array"));
  TRY_OK(check_no_extent_twice(root, reader));
  return root;
}

void mend_root_checksums(std::span<std::byte> bytes) {
  RootHeader header{};
  if (bytes.size() < sizeof(header)) return;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const auto header_bytes = std::as_bytes(std::span(&header, 1));
  header.body_bytes = bytes.size() - sizeof(header);
  header.body_checksum = base::crc32c(bytes.subspan(sizeof(header)));
  header.version_checksum = base::crc32c(header_bytes.first(kVersionPrefixBytes));
  header.header_checksum = base::crc32c(header_bytes.first(offsetof(RootHeader, header_checksum)));
  std::memcpy(bytes.data(), &header, sizeof(header));
}

std::vector<ExtentRun> used_runs(const Root& root) {
  std::vector<ExtentRun> runs;
  for (const auto& [id, array] : root.arrays) runs.insert(runs.end(), array.runs.begin(), array.runs.end());
  return runs;
}

}  // namespace omendb::storage
