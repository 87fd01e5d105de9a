#include "engine/storage/root_format.h"

#include "engine/base/bytes.h"
#include "engine/base/crc32c.h"
#include "engine/base/try.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>
#include <string>

namespace omendb::storage {
namespace {

constexpr char kRootMagic[8] = {'o', 'm', 'e', 'n', 'r', 'o', 'o', 't'};
constexpr uint64_t kExtentNumberMax = uint64_t{1} << 46;  // 4 EiB of file
constexpr uint64_t kSparseExtentsMax = uint64_t{1}
                                       << 31;  // of an array with holes: 128 TiB, all that a process can map
constexpr uint64_t kMetadataBytesMax = uint64_t{1} << 30;
constexpr size_t kVersionPrefixBytes = offsetof(RootHeader, version_checksum);

// Numbers of the array's extents that are holes.
std::vector<ExtentRun> holes_of(const RootArray& array) {
  std::vector<ExtentRun> holes;
  uint64_t begin = 0;
  for (const ExtentRun run : array.runs) {
    if (is_hole(run)) holes.push_back({begin, run.count});
    begin += run.count;
  }
  return holes;
}

bool has_holes(const RootArray& array) { return std::any_of(array.runs.begin(), array.runs.end(), is_hole); }

void put_runs(base::ByteWriter& writer, const std::vector<ExtentRun>& runs) {
  writer.put_varint(runs.size());
  for (const ExtentRun run : runs) {
    writer.put_varint(run.first);
    writer.put_varint(run.count);
  }
}

void put_array(base::ByteWriter& writer, uint32_t version, uint64_t id, const RootArray& array) {
  writer.put_u64(id);
  writer.put_u8(static_cast<uint8_t>(array.kind));
  writer.put_u8(static_cast<uint8_t>(array.space));
  writer.put_varint(array.size_bytes);
  if (version != kRootVersionWithoutHoles) put_runs(writer, holes_of(array));
  if (array.space == SpaceKind::kShared) put_runs(writer, held_runs(array.runs));
  writer.put_bytes(std::as_bytes(std::span(array.checksums)));
}

// Rising, apart from each other, inside the array.
Result<std::vector<ExtentRun>> read_holes(base::ByteReader& reader, uint64_t extents) {
  TRY(count, reader.count(2, "hole count"));
  std::vector<ExtentRun> holes;
  holes.reserve(static_cast<size_t>(count));
  uint64_t end = 0;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(first, reader.varint("first extent of the hole"));
    TRY(length, reader.varint("extents of the hole"));
    if (first < end || (i > 0 && first == end) || first > extents || length == 0 || length > extents - first)
      return reader.corruption("a hole is out of bounds");
    end = first + length;
    holes.push_back({first, length});
  }
  return holes;
}

// The runs of what is held, cut where holes lie between.
std::vector<ExtentRun> join(const std::vector<ExtentRun>& held, const std::vector<ExtentRun>& holes) {
  std::vector<ExtentRun> runs;
  uint64_t at = 0;  // in the array
  auto hole = holes.begin();
  const auto put_holes = [&] {
    for (; hole != holes.end() && hole->first == at; ++hole) {
      append_run(runs, {kNowhere, hole->count});
      at += hole->count;
    }
  };
  for (ExtentRun run : held) {
    while (run.count > 0) {
      put_holes();
      const uint64_t count = hole == holes.end() ? run.count : std::min(run.count, hole->first - at);
      append_run(runs, {run.first, count});
      run = {run.first + count, run.count - count};
      at += count;
    }
  }
  put_holes();
  return runs;
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

Result<RootArray> read_array(base::ByteReader& reader, uint32_t version) {
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
  std::vector<ExtentRun> holes;
  if (version != kRootVersionWithoutHoles) {
    TRY(found, read_holes(reader, extents));
    holes = std::move(found);
  }
  const uint64_t held = std::accumulate(holes.begin(), holes.end(), extents,
                                        [](uint64_t left, const ExtentRun& hole) { return left - hole.count; });
  if (size_bytes == 0 || extents > (holes.empty() ? kExtentNumberMax : kSparseExtentsMax) ||
      held > reader.remaining_bytes() / sizeof(uint32_t)) {
    return reader.corruption("an array of " + std::to_string(size_bytes) + " bytes can not be");
  }
  const bool open_end = array.kind == ArrayKind::kAppend && size_bytes % kExtentBytes != 0;
  if (open_end && !holes.empty() && holes.back().first + holes.back().count == extents)
    return reader.corruption("an array that grows ends in a hole");
  array.size_bytes = size_bytes;
  std::vector<ExtentRun> held_extents;
  if (array.space == SpaceKind::kShared) {
    TRY(runs, read_runs(reader, held));
    held_extents = std::move(runs);
  } else {
    uint64_t begin = 0;
    for (const ExtentRun hole : holes) {
      append_run(held_extents, {begin, hole.first - begin});
      begin = hole.first + hole.count;
    }
    append_run(held_extents, {begin, extents - begin});
  }
  array.runs = join(held_extents, holes);
  array.index_runs();
  TRY(checksums, reader.bytes(held * sizeof(uint32_t), "checksums"));
  array.checksums.resize(static_cast<size_t>(held));
  if (held != 0) std::memcpy(array.checksums.data(), checksums.data(), checksums.size());
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
  RunEnd end;
  for (const ExtentRun run : runs) {
    end.extents += run.count;
    if (!is_hole(run)) end.held += run.count;
    run_ends.push_back(end);
  }
}

RootArray::HeldExtent RootArray::held_extent(uint64_t rank) const {
  // The first run that ends behind it: a hole adds nothing to `held`, so it is never that one.
  const auto end = std::upper_bound(run_ends.begin(), run_ends.end(), rank,
                                    [](uint64_t wanted, const RunEnd& run) { return wanted < run.held; });
  assert(end != run_ends.end());
  const ExtentRun& run = runs[static_cast<size_t>(end - run_ends.begin())];
  const uint64_t before_end = end->held - rank;
  return {end->extents - before_end, (run.first + run.count - before_end) * kExtentBytes};
}

std::optional<uint64_t> RootArray::rank_of(uint64_t index) const {
  const auto end = std::upper_bound(run_ends.begin(), run_ends.end(), index,
                                    [](uint64_t wanted, const RunEnd& run) { return wanted < run.extents; });
  assert(end != run_ends.end());
  if (is_hole(runs[static_cast<size_t>(end - run_ends.begin())])) return std::nullopt;
  return end->held - (end->extents - index);
}

uint64_t RootArray::held_bytes() const {
  if (checksums.empty()) return 0;
  const uint64_t last_extent = extent_count(size_bytes) - 1;
  const uint64_t whole_bytes = checksums.size() * kExtentBytes;
  const bool ends_in_hole = !runs.empty() && is_hole(runs.back());
  return ends_in_hole ? whole_bytes : whole_bytes - kExtentBytes + used_bytes(size_bytes, last_extent);
}

void RootArray::make_hole(ExtentRun hole) {
  const auto checksum_at = [this](uint64_t index) {
    uint64_t rank = 0;
    uint64_t begin = 0;
    for (const ExtentRun run : runs) {
      if (!is_hole(run)) rank += std::min(run.count, index - std::min(index, begin));
      begin += run.count;
    }
    return checksums.begin() + static_cast<ptrdiff_t>(rank);
  };
  checksums.erase(checksum_at(hole.first), checksum_at(hole.first + hole.count));
  std::vector<ExtentRun> left;
  runs = with_hole(runs, hole, left);
  index_runs();
}

// A root without holes is written as the first version had it, so that older programs read what they can.
std::vector<std::byte> encode_root(const Root& root) {
  const bool sparse =
      std::any_of(root.arrays.begin(), root.arrays.end(), [](const auto& entry) { return has_holes(entry.second); });
  const uint32_t version = sparse ? kRootVersion : kRootVersionWithoutHoles;
  base::ByteWriter body;
  body.put_sized_bytes(root.metadata);
  body.put_varint(root.arrays.size());
  for (const auto& [id, array] : root.arrays) put_array(body, version, id, array);

  RootHeader header{};
  std::memcpy(header.magic, kRootMagic, sizeof(kRootMagic));
  header.version = version;
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
    TRY(array, read_array(reader, header.version));
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

std::vector<ExtentRun> shared_runs(const RootArray& array) {
  return array.space == SpaceKind::kShared ? held_runs(array.runs) : std::vector<ExtentRun>();
}

std::vector<ExtentRun> used_runs(const Root& root) {
  std::vector<ExtentRun> runs;
  for (const auto& [id, array] : root.arrays) {
    const std::vector<ExtentRun> held = shared_runs(array);
    runs.insert(runs.end(), held.begin(), held.end());
  }
  return runs;
}

}  // namespace omendb::storage
