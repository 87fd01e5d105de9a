#pragma once

// The codes of linked rows and the codec that made them: a flat array, beside the links and like them in memory that never moves. Not for other rooms; they
// include graph.h. Training again makes a new store; searches that still walk over the old one keep it until they end.

#include <omendb/status.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "engine/graph/block_stream.h"
#include "engine/graph/link_store.h"
#include "engine/quantize/codec.h"

namespace omendb::graph {

quantize::CodecOptions codec_options(const GraphOptions& options);

class CodeStore {
 public:
  static constexpr uint32_t kRowsPerChunk =
      LinkStore::kRowsPerChunk;  // whole blocks, as every code is a multiple of 16 bytes

  // `trained_rows`: how many rows there were when the codec learned. Throws std::bad_alloc.
  CodeStore(std::shared_ptr<const quantize::Codec> codec, uint64_t trained_rows);
  // Learns from a sample. Throws std::bad_alloc.
  static std::shared_ptr<CodeStore> learn(const GraphOptions& options, const quantize::Sample& sample,
                                          uint64_t linked_rows);

  const quantize::Codec& codec() const { return *codec_; }
  uint64_t trained_rows() const { return trained_rows_; }
  // Of the sample, what share the codec could not place well, though it learned from it.
  double poor_share_expected() const { return poor_share_expected_; }
  // Codes written of rows that came later, and those of them that the codec could not place well.
  uint64_t encoded_rows() const { return encoded_rows_.load(std::memory_order_relaxed); }
  uint64_t poor_rows() const { return poor_rows_.load(std::memory_order_relaxed); }
  void begin_counting() {
    encoded_rows_.store(0, std::memory_order_relaxed);
    poor_rows_.store(0, std::memory_order_relaxed);
  }

  // For rows that are covered.
  std::byte* at(uint32_t row) const {
    return codes_.chunk(row / kRowsPerChunk) + size_t{row % kRowsPerChunk} * code_bytes_;
  }
  // Room for rows 0 .. row_count - 1. Threads: any. Throws std::bad_alloc.
  void cover(uint32_t row_count);
  // Writes the code of a row that is covered. Threads: any, for different rows.
  void encode(uint32_t row, const float* vector);

  // Gives back the memory of the chunk that holds `row`, of which no row will be linked again.
  void release_chunk_of(uint32_t row) {
    const std::lock_guard lock(growing_);
    if (uint64_t{row} * code_bytes_ < codes_.size_bytes()) codes_.release(row / kRowsPerChunk);
  }

  BlockStream& codes_stream() { return codes_; }
  BlockStream& codec_stream() { return saved_codec_; }
  uint64_t memory_bytes() const { return codes_.memory_bytes() + saved_codec_.memory_bytes(); }

 private:
  const std::shared_ptr<const quantize::Codec> codec_;
  const size_t code_bytes_;
  const uint64_t trained_rows_;
  double poor_share_expected_ = 0;
  std::mutex growing_;
  BlockStream codes_;
  BlockStream saved_codec_;
  std::atomic<uint64_t> encoded_rows_{0};
  std::atomic<uint64_t> poor_rows_{0};
};

}  // namespace omendb::graph
