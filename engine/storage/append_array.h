#pragma once

// A flat byte array that grows at its end: fixed-width columns, vectors, the bytes of strings. Written once by pwrite, read through a shared read-only
// mapping whose address does not change while a Mapping is held, so element i of width w is mapping.data() + i * w.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/os/file.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace omendb::storage {

using ArrayId = Id<struct ArrayTag, uint64_t>;  // opaque; the caller's numbering

inline constexpr size_t kExtentBytes = 65536;  // checksummed and replaced as a whole

enum class SpaceKind : uint8_t { kShared, kOwn };

// Keeps the addresses of an array's bytes valid, also where extents were released (checkpoint.h): they read as zeros. Shared by versions that read it.
class Mapping {
 public:
  explicit Mapping(os::AddressRange range) : range_(std::move(range)) {}
  const std::byte* data() const { return range_.data(); }
  os::AddressRange& range() { return range_; }

 private:
  os::AddressRange range_;
};

// Threads: one writer; any number of readers of bytes below a size that they were told after the append returned.
class AppendArray {
 public:
  virtual ~AppendArray() = default;

  // Appended bytes so far, committed or not.
  virtual uint64_t size_bytes() const = 0;

  // Makes room for `more_bytes` beyond size_bytes(): disk blocks are allocated and mapped, so that the appends that follow can not meet a full disk.
  // Growth is geometric with a bound (1/8 of the array, 1 extent .. 64 MiB). Fails: kStorageFull, changing nothing.
  virtual Result<void> reserve(uint64_t more_bytes) = 0;

  // Appends within what was reserved. Visible through mappings at once; durable by the next checkpoint (until then the log holds it).
  virtual Result<void> append(std::span<const std::byte> bytes) = 0;

  // Takes back appended bytes at and after `size_bytes` that nobody was told of (an aborted statement).
  virtual void truncate(uint64_t size_bytes) = 0;

  // The current mapping; its address changes only when the reservation is outgrown, old Mappings stay good for the bytes they covered.
  virtual std::shared_ptr<const Mapping> mapping() const = 0;
};

}  // namespace omendb::storage
