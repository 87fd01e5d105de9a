#pragma once

// L2Space seen from the mean of a sample and rotated at random: where RaBitQ and one-bit codes work.

#include "engine/quantize/codec.h"
#include "engine/quantize/l2_space.h"
#include "engine/quantize/rotation.h"

#include <omendb/schema.h>

#include <array>
#include <vector>

namespace omendb::quantize {

// A vector of the space, on the stack: encoding allocates nothing. 8,192 dimensions and one more, rounded up.
inline constexpr size_t kRotatedDimsMax = kVectorDimsMax + 64;
using Rotated = std::array<float, kRotatedDimsMax>;

class RotatedSpace {
 public:
  static RotatedSpace learn(const CodecOptions& options, const Sample& sample);

  const L2Space& l2() const { return space_; }
  size_t dims() const { return rotation_.dims_out(); }  // a multiple of 64

  // The vector less the mean, rotated. Returns false if it lies far outside of the sample.
  bool place_row(const float* row, Rotated& out) const;
  bool place_query(const float* query, Rotated& out) const;
  // Whether a vector that is placed, of this squared length, lies no farther out than place_row() takes rows.
  bool is_near(float square) const;

  void save(base::ByteWriter& out) const;
  static Result<RotatedSpace> load(simd::Metric metric, size_t dims, base::ByteReader& in);

 private:
  RotatedSpace(const L2Space& space, std::vector<float> mean, float radius, uint64_t seed)
      : space_(space), mean_(std::move(mean)), radius_(radius), seed_(seed), rotation_(space.dims_out(), seed) {}
  void rotate(Rotated& placed) const;

  L2Space space_;
  std::vector<float> mean_;
  float radius_;  // how far the sample's farthest row lies from the mean
  uint64_t seed_;
  Rotation rotation_;
};

}  // namespace omendb::quantize
