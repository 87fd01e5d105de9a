#include "engine/quantize/rotated_space.h"

#include "engine/base/try.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace omendb::quantize {
namespace {

constexpr float kRadiusFactor = 2;  // a row so many times as far from the mean as any of the sample is foreign to it

// Components are at most kPlacedMax apart from each other, so float holds it.
float square_of(const float* vector, size_t dims) {
  return -simd::distance_kernels(simd::Metric::kInnerProduct).one(vector, vector, dims);
}

std::vector<float> mean_of(const L2Space& space, const Sample& sample) {
  std::vector<double> sums(space.dims_out());
  Rotated placed;
  for (size_t r = 0; r < sample.count; ++r) {
    (void)space.place_row(sample.rows + r * sample.dims, placed.data());
    for (size_t d = 0; d < sums.size(); ++d) sums[d] += static_cast<double>(placed[d]);
  }
  std::vector<float> mean;
  mean.reserve(sums.size());
  for (const double sum : sums) mean.push_back(static_cast<float>(sum / static_cast<double>(sample.count)));
  return mean;
}

}  // namespace

RotatedSpace RotatedSpace::learn(const CodecOptions& options, const Sample& sample) {
  const L2Space space = L2Space::learn(options.metric, sample.rows, sample.count, sample.dims);
  std::vector<float> mean = mean_of(space, sample);
  float square_max = 0;
  Rotated placed;
  for (size_t r = 0; r < sample.count; ++r) {
    (void)space.place_row(sample.rows + r * sample.dims, placed.data());
    for (size_t d = 0; d < mean.size(); ++d) placed[d] -= mean[d];
    square_max = std::max(square_max, square_of(placed.data(), mean.size()));
  }
  return {space, std::move(mean), std::sqrt(square_max), options.seed};
}

void RotatedSpace::rotate(Rotated& placed) const {
  for (size_t d = 0; d < mean_.size(); ++d) placed[d] -= mean_[d];
  rotation_.apply(placed.data(), placed.data());
}

bool RotatedSpace::place_row(const float* row, Rotated& out) const {
  const bool fits = space_.place_row(row, out.data());
  rotate(out);
  return fits && is_near(square_of(out.data(), dims()));
}

bool RotatedSpace::is_near(float square) const { return std::sqrt(square) <= kRadiusFactor * radius_; }

bool RotatedSpace::place_query(const float* query, Rotated& out) const {
  const bool fits = space_.place_query(query, out.data());
  rotate(out);
  return fits;
}

void RotatedSpace::save(base::ByteWriter& out) const {
  space_.save(out);
  out.put_u64(seed_);
  out.put_f32(radius_);
  for (const float value : mean_) out.put_f32(value);
}

Result<RotatedSpace> RotatedSpace::load(simd::Metric metric, size_t dims, base::ByteReader& in) {
  TRY(space, L2Space::load(metric, dims, in));
  TRY(seed, in.u64("seed"));
  TRY(radius, in.f32("radius"));
  if (!(radius >= 0 && std::isfinite(radius))) return in.corruption("a radius that is none");
  std::vector<float> mean;
  for (size_t d = 0; d < space.dims_out(); ++d) {
    TRY(value, in.f32("mean"));
    if (!(std::fabs(value) <= kPlacedMax)) return in.corruption("a mean outside of the space");
    mean.push_back(value);
  }
  return RotatedSpace(space, std::move(mean), radius, seed);
}

}  // namespace omendb::quantize
