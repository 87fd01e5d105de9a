#pragma once

// Vectors in a few bytes each, and estimates of how far such a code is from a query: what a graph walks over when full vectors are too slow or too large. An answer
// is always compared again with the full vector, so an estimate needs the right order, not the right value.
//
// Every codec works on squared L2 distances: L2Space (l2_space.h) turns cosine and inner product into them first. A codec is trained on a sample, immutable
// afterwards, and shared by any number of threads.

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
  kF32 = 1,  // the full vectors themselves; no codec
  kSq8 = 4,  // a byte a dimension
};

// Memory of codes and prepared queries: every address that a codec is given is a multiple of this.
inline constexpr size_t kCodeAlignment = 16;
inline constexpr size_t kQueryAlignment = 64;

// Full vectors to learn from, row after row.
struct Sample {
  const float* rows = nullptr;
  size_t count = 0;  // at least 1
  size_t dims = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;

  virtual Storage storage() const = 0;
  virtual size_t dims() const = 0;         // of the vectors it takes
  virtual size_t code_bytes() const = 0;   // a multiple of kCodeAlignment
  virtual size_t query_bytes() const = 0;  // of a prepared query

  // Writes code_bytes() bytes. Returns false if the vector lies outside of what training saw, so that its code is a poor one. Cost: O(dims).
  virtual bool encode(const float* vector, std::byte* code) const = 0;
  // Writes query_bytes() bytes, for distances(). Returns false if the query lies so far from the sample that estimates would mislead: compare with full vectors then.
  virtual bool prepare(const float* query, std::byte* prepared) const = 0;
  // The same for the vector that a code stands for, so that codes can be compared with each other.
  virtual void prepare_code(const std::byte* code, std::byte* prepared) const = 0;
  // out[i] = estimated distance of the prepared query to codes[i]. Comparable within one codec and metric only.
  virtual void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const = 0;

  // Below this estimates are mostly rounding: rows so near to each other have to be compared by their full vectors. 0: estimates are exact.
  virtual float coarse_below() const = 0;
  // Whether distances between codes are good enough to choose neighbours by, while a graph is built.
  virtual bool builds_graphs() const = 0;

  // What load() makes the same codec of.
  virtual std::vector<std::byte> save() const = 0;
};

// Learns from a sample. The same sample and seed give the same codec. `storage` is not kF32. Cost: O(sample) for kSq8. Throws std::bad_alloc.
std::unique_ptr<const Codec> train(Storage storage, simd::Metric metric, const Sample& sample, uint64_t seed);

// Bytes are hostile: kCorruption unless save() of a codec of this kind could have written them.
Result<std::unique_ptr<const Codec>> load(Storage storage, simd::Metric metric, size_t dims,
                                          std::span<const std::byte> saved);

}  // namespace omendb::quantize
