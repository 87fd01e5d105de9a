#pragma once

// Product quantization (Jegou, Douze, Schmid 2011): the dimensions are cut into equal pieces, each piece of a vector is replaced by the nearest of 256 centroids of
// that piece, and a code is one byte a piece. A query is a table of its distances to all centroids (their "asymmetric distance"), an estimate one look-up a byte.
// A sample of up to 256 rows is kept as it is, one centroid each: every other vector then counts as foreign. 40 rows a centroid are enough.
// We keep tables in 16 bits, rounded to 1/65,535 of the widest: half the cache, and sums are the same on every target.
//
// With 4 bits it is fast scan (Andre, Kermarrec, Le Scouarnec, "Quicker ADC", 2019): pieces of half the dimensions, 16 centroids each, two to a byte, and tables of 16
// bytes that stay in registers.

#include "engine/quantize/codec.h"
#include "engine/quantize/l2_space.h"
#include "engine/simd/code_distance.h"

#include <memory>
#include <vector>

namespace omendb::quantize {

class Pq final : public Codec {
 public:
  // `centroids`: piece after piece, each dimension after dimension (simd::CodeKernels::centroids). `square_max`: of the distance from a sample row to its code.
  Pq(const L2Space& space, size_t bits, size_t pieces, std::vector<float> centroids, float square_max);
  static std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample);
  static Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims,
                                                   std::span<const std::byte> saved);

  Storage storage() const override { return Storage::kPq; }
  size_t dims() const override { return space_.dims(); }
  size_t code_bytes() const override;
  size_t query_bytes() const override;
  bool encode(const float* vector, std::byte* code) const override;
  bool prepare(const float* query, std::byte* prepared) const override;
  void prepare_code(const std::byte* code, std::byte* prepared) const override;
  void distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const override;
  float coarse_below() const override { return 0; }
  size_t rerank_rows(size_t, size_t ef) const override { return ef; }
  // Neighbours chosen by codes of 4 bits: recall@10 of BGE sentences at a beam of 120 was 0.240, of those chosen by full vectors 0.945.
  bool builds_graphs() const override { return false; }
  std::vector<std::byte> save() const override;

 private:
  size_t centroid_count() const { return size_t{1} << bits_; }  // of a piece
  // What a code says of a piece.
  size_t number_at(const std::byte* code, size_t piece) const;
  // Where a piece's dimensions begin: the first pieces have one more where they can not all be equal.
  size_t first_dim(size_t piece) const;
  // Squared distance of a placed vector to the code that is written.
  float encode_placed(const float* placed, std::byte* code) const;
  void prepare_placed(const float* placed, std::byte* prepared) const;

  L2Space space_;
  size_t bits_;  // of a piece in a code: 4 or 8
  size_t pieces_;
  std::vector<float> centroids_;
  float square_max_;
  const simd::CodeKernels& kernels_;
};

}  // namespace omendb::quantize
