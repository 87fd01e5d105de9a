// libFuzzer entry: any bytes lie behind the header of a log segment. Each chunk of the input becomes a frame with right checksums or stays as it is, so that both
// the scan for proofs and the rules of the chain are reached. Reading must end, never deliver half a commit, and find the same end twice.

#include "engine/base/crc32c.h"
#include "engine/os/memory_file.h"
#include "engine/storage/log_format.h"
#include "engine/storage/log_reader.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace omendb;           // NOLINT(google-build-using-namespace): a program of one page
using namespace omendb::storage;  // NOLINT(google-build-using-namespace)

constexpr SegmentIdentity kIdentity{1, 2, 3};

// Seals a frame at `at` whose fields come from the input; returns where the next one may begin.
size_t mend_frame(std::vector<std::byte>& bytes, size_t at, uint32_t& chain) {
  FrameHeader header{};
  std::memcpy(&header, bytes.data() + at, sizeof(header));
  const bool keep = header.reserved != 0;  // the input says: leave it as it is
  const size_t room = bytes.size() - at - sizeof(header);
  header.kind = static_cast<uint8_t>(1 + header.kind % 4);
  header.payload_bytes = static_cast<uint32_t>(std::min<size_t>(header.payload_bytes % 64, room / 8 * 8));
  header.chain = chain;
  if (!keep) {
    header.payload_checksum =
        base::crc32c(std::span(bytes).subspan(at + sizeof(header), padded_bytes(header.payload_bytes)));
    seal_frame_header(header, kIdentity, at);
    chain = header.header_checksum;
    std::memcpy(bytes.data() + at, &header, sizeof(header));
  }
  return at + frame_bytes(header.payload_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const SegmentHeader header = make_segment_header(kIdentity, {1});
  std::vector<std::byte> bytes(sizeof(header) + size);
  std::memcpy(bytes.data(), &header, sizeof(header));
  if (size > 0) std::memcpy(bytes.data() + sizeof(header), data, size);
  uint32_t chain = header.header_checksum;
  for (size_t at = sizeof(header); at + kFrameHeaderBytes <= bytes.size();) at = mend_frame(bytes, at, chain);

  const auto directory = os::memory_directory_from("fuzz", {{"log-3", bytes}});
  if (!directory.ok()) return 0;
  const auto file = (*directory)->open("log-3", os::OpenMode::kMustExist);
  if (!file.ok()) std::abort();
  const auto scan = scan_segment(**file, kIdentity, {1}, bytes.size(), "log-3");
  if (!scan.ok()) return 0;
  uint64_t records_open = 0;
  ReplayVisitor visitor;
  visitor.record = [&](uint8_t, std::span<const std::byte>) {
    ++records_open;
    return Result<void>();
  };
  visitor.commit = [&](CommitNumber, uint64_t) {
    records_open = 0;
    return Result<void>();
  };
  if (!deliver_segment(**file, kIdentity, *scan, "log-3", visitor).ok() || records_open != 0) std::abort();
  if (!clear_tail(**file, scan->end_bytes, bytes.size()).ok()) std::abort();
  const auto second = scan_segment(**file, kIdentity, {1}, bytes.size(), "log-3");
  if (!second.ok() || second->end_bytes != scan->end_bytes || second->last_commit != scan->last_commit) std::abort();
  return 0;
}
