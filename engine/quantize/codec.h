#pragma once

// Vectors in a few bytes each, and estimates of how far such a code is from a query: what a graph walks over when full vectors are too slow or too large. An answer
// is always compared again with the full vector, so an estimate needs the right order, not the right value.
//
// Every codec works on squared L2 distances: L2Space (l2_space.h) turns cosine and inner product into them first. A codec is trained on a sample, immutable
// afterwards, and shared by any number of threads. Vectors and queries are finite, of any magnitude; estimates are finite then, and no call but train(), load() and
// save() allocates or fails. Codes are what encode() of the same codec wrote: other bytes give estimates without meaning (NaN among them), never a bad access.

#include <omendb/status.h>

#include "engine/simd/distance.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::quantize {

// How a vector column keeps what a walk compares. Numbers are on disk and never reused.
enum class Storage : uint8_t {
  kF32 = 1,     // the full vectors themselves; no codec
  kF16 = 2,     // IEEE half precision: 11 bits of each component
  kBf16 = 3,    // bfloat16: 8 bits of each component
  kSq8 = 4,     // a byte a dimension
  kPq = 5,      // product quantization: a byte or half of one for several dimensions
  kRabitq = 6,  // RaBitQ: 1 to 8 bits a dimension and an unbiased estimate
  kBinary = 7,  // one bit a dimension, compared by counting
};

std::string_view to_string(Storage storage);

inline constexpr uint32_t kRabitqBitsMax = 8;
inline constexpr uint32_t kPqBytesMax = 128;

// What a codec is made by; part of a column's schema, so load() wants the same again.
struct CodecOptions {
  Storage storage = Storage::kF32;
  simd::Metric metric = simd::Metric::kL2;  // or kCosine, kInnerProduct: no other has codes
  uint32_t rabitq_bits = 4;  // kRabitq: 1 to kRabitqBitsMax a dimension; each more halves the error of estimates
  uint32_t pq_bytes =
      32;  // kPq: 1 to kPqBytesMax a code, fewer where there are fewer dimensions; more are finer, slower to compare and larger queries
  uint32_t pq_bits =
      8;  // kPq: 4 or 8 a piece. 4: twice as many pieces in the same bytes, faster to compare and to encode, coarser
  uint64_t seed = 1;  // of rotations and of the first centroids; the same sample and seed give the same codec
};

// Memory of codes and prepared queries: every address that a codec is given is a multiple of this.
inline constexpr size_t kCodeAlignment = 16;
inline constexpr size_t kQueryAlignment = 64;

// Full vectors to learn from, row after row.
struct Sample {
  const float* rows = nullptr;
  size_t count = 0;  // at least 1; 10,000 are enough for every codec
  size_t dims = 0;   // 1 to kVectorDimsMax
};

class Codec {
 public:
  virtual ~Codec() = default;

  virtual Storage storage() const = 0;
  virtual size_t dims() const = 0;         // of the vectors it takes
  virtual size_t code_bytes() const = 0;   // a multiple of kCodeAlignment
  virtual size_t query_bytes() const = 0;  // of a prepared query

  // Writes code_bytes() bytes. Returns false if the vector lies outside of what training saw, so that its code is a poor one. Cost: O(dims) for kF16, kBf16 and
  // kSq8, O(dims log dims) for kRabitq and kBinary, O(2^pq_bits dims) for kPq.
  virtual bool encode(const float* vector, std::byte* code) const = 0;
  // Writes query_bytes() bytes, for distances(). Returns false if the query lies so far from the sample that estimates would mislead: compare with full vectors
  // then. Cost: as encode().
  virtual bool prepare(const float* query, std::byte* prepared) const = 0;
  // The same for the vector that a code stands for, so that codes can be compared with each other.
  virtual void prepare_code(const std::byte* code, std::byte* prepared) const = 0;
  // out[i] = estimated distance of the prepared query to codes[i]. Comparable within one codec and metric only; an estimate of kRabitq may be a little below zero.
  virtual void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const = 0;

  // Below this estimates are mostly rounding: rows so near to each other have to be compared by their full vectors. 0: never, or estimates are exact.
  virtual float coarse_below() const = 0;
  // Of the `ef` rows with the smallest estimates, how many hold the k nearest, as good as always if ef is large enough: those whose full vectors are worth a look.
  virtual size_t rerank_rows(size_t k, size_t ef) const = 0;
  // Whether distances between codes are good enough to choose neighbours by, while a graph is built.
  virtual bool builds_graphs() const = 0;

  // What load() makes the same codec of: docs/format/codecs.md.
  virtual std::vector<std::byte> save() const = 0;
};

// Learns from a sample. `storage` is not kF32. Cost: passes over the sample, and for kPq about 10 * 2^pq_bits distances a row for at most 10,240 rows. Throws std::bad_alloc.
std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);

// Bytes are hostile: kCorruption unless save() of a codec of these options could have written them. The seed is the saved one.
Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims, std::span<const std::byte> saved);

}  // namespace omendb::quantize
