#pragma once

// What a walk compares: the full vectors that the caller holds, or the codes that the graph keeps of them. Not for other rooms; they include graph.h.

#include <cstddef>
#include <cstdint>

#include "engine/graph/code_store.h"
#include "engine/graph/graph.h"

namespace omendb::graph {

class RowSpace {
 public:
  // What rows are compared with: a full vector, or what the codec made of a vector or of a code. Good as long as the `room` it was given.
  using Target = const void*;

  // `codes` may be null: full vectors. `addresses` has room for the longest list of rows that distances() is given.
  RowSpace(const simd::DistanceKernels& kernels, const VectorsView& vectors, CodeStore* codes,
           const std::byte** addresses)
      : kernels_(&kernels), vectors_(vectors), codes_(codes), addresses_(addresses) {}

  bool has_codes() const { return codes_ != nullptr; }
  size_t rerank_rows(size_t k, size_t ef) const { return codes_ == nullptr ? k : codes_->codec().rerank_rows(k, ef); }
  bool builds_graphs() const { return codes_ == nullptr || codes_->codec().builds_graphs(); }
  // The same rows compared by their full vectors.
  RowSpace full() const { return {*kernels_, vectors_, nullptr, addresses_}; }
  // Whether rows at this distance are near enough for the codes' rounding to hide which one is nearer.
  bool is_coarse(float distance) const { return codes_ != nullptr && distance < codes_->codec().coarse_below(); }
  const std::byte* vector_of(uint32_t row) const { return vectors_.row(row); }

  // Writes the code of a row that is about to be linked. Throws std::bad_alloc.
  void encode(uint32_t row) const {
    if (codes_ == nullptr) return;
    codes_->cover(row + 1);
    codes_->encode(row, vectors_.floats(row));
  }

  // Null if the codec can not say how far from `query` its codes are.
  Target target_of(const void* query, std::byte* room) const {
    if (codes_ == nullptr) return query;
    return codes_->codec().prepare(static_cast<const float*>(query), room) ? room : nullptr;
  }
  Target target_of_row(uint32_t row, std::byte* room) const {
    if (codes_ == nullptr) return vector_of(row);
    codes_->codec().prepare_code(codes_->at(row), room);
    return room;
  }

  // Asks for what distances() reads of a row that is linked.
  void prefetch(uint32_t row) const {
    constexpr size_t kLineBytes = 64;
    const std::byte* const bytes = codes_ == nullptr ? vectors_.row(row) : codes_->at(row);
    const size_t size_bytes = codes_ == nullptr ? vectors_.row_bytes : codes_->codec().code_bytes();
    for (size_t i = 0; i < size_bytes; i += kLineBytes) __builtin_prefetch(bytes + i);
  }

  void distances(Target target, const uint32_t* rows, size_t count, float* out) const {
    if (codes_ == nullptr) {
      kernels_->gather(target, vectors_.bytes, rows, count, vectors_.dims, out);
      return;
    }
    for (size_t i = 0; i < count; ++i) addresses_[i] = codes_->at(rows[i]);
    codes_->codec().distances(static_cast<const std::byte*>(target), addresses_, count, out);
  }
  float distance(Target target, uint32_t row) const {
    float distance = 0;
    distances(target, &row, 1, &distance);
    return distance;
  }

 private:
  const simd::DistanceKernels* kernels_;
  VectorsView vectors_;
  CodeStore* codes_;
  const std::byte** addresses_;
};

}  // namespace omendb::graph
