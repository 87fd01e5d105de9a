#include "bench/sample_vectors.h"

#include <array>
#include <cmath>
#include <random>

namespace omendb::bench {
namespace {

constexpr size_t kClusters = 1000;
constexpr size_t kLatentDims = 32;
constexpr float kSpread = 0.9F;
constexpr float kNoise = 0.05F;

std::vector<float> normals(size_t count, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

}  // namespace

std::vector<float> sample_vectors(size_t row_count, uint64_t seed, uint64_t stream) {
  std::mt19937_64 shape(seed);
  const std::vector<float> centres = normals(kClusters * kLatentDims, shape);
  const std::vector<float> projection = normals(kLatentDims * kDims, shape);
  std::mt19937_64 random(seed * 1'000'003 + stream + 1);
  std::normal_distribution<float> normal;
  const float scale = 1.0F / std::sqrt(static_cast<float>(kLatentDims));
  std::vector<float> rows(row_count * kDims);
  for (size_t row = 0; row < row_count; ++row) {
    const float* centre = &centres[random() % kClusters * kLatentDims];
    std::array<float, kDims> sums{};
    for (size_t latent = 0; latent < kLatentDims; ++latent) {
      const float value = (centre[latent] + kSpread * normal(random)) * scale;
      const float* weights = &projection[latent * kDims];
      for (size_t dim = 0; dim < kDims; ++dim) sums[dim] += value * weights[dim];
    }
    for (size_t dim = 0; dim < kDims; ++dim) {
      rows[row * kDims + dim] = std::tanh(sums[dim]) + kNoise * (static_cast<float>(random() >> 40) * 0x1p-23F - 1.0F);
    }
  }
  return rows;
}

}  // namespace omendb::bench
