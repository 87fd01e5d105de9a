#include "engine/quantize/k_means.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace omendb::quantize {
namespace {

using simd::kCentroids;

constexpr size_t kRoundsMax =
    10;  // squared error of siftsmall in 32 pieces: 3,958 after 5 rounds, 3,775 after 10, 3,655 after 25

std::vector<float> first_centroids(std::span<const float> points, size_t dims, size_t wanted, base::Random& random) {
  const size_t count = points.size() / dims;
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  const size_t chosen = std::min(count, wanted);
  for (size_t i = 0; i < chosen; ++i) std::swap(order[i], order[i + random.below(count - i)]);
  std::vector<float> centroids(dims * wanted);
  for (size_t c = 0; c < wanted; ++c) {
    const float* point = points.data() + order[std::min(c, chosen - 1)] * dims;
    for (size_t d = 0; d < dims; ++d) centroids[d * wanted + c] = point[d];
  }
  return centroids;
}

struct Clusters {
  Clusters(size_t dims, size_t wanted) : centroid_count(wanted), sums(dims * wanted) {}
  size_t centroid_count;
  std::vector<double> sums;  // laid out like the centroids
  std::array<uint32_t, kCentroids> counts{};
  std::array<double, kCentroids> errors{};          // sums of squared distances
  std::array<float, kCentroids> farthest_square{};  // of the point that is farthest from its centroid
  std::array<const float*, kCentroids> farthest{};

  void add(const simd::Nearest& nearest, const float* point, size_t dims) {
    const size_t c = nearest.centroid;
    ++counts[c];
    errors[c] += static_cast<double>(nearest.square);
    if (nearest.square >= farthest_square[c]) {
      farthest_square[c] = nearest.square;
      farthest[c] = point;
    }
    for (size_t d = 0; d < dims; ++d) sums[d * centroid_count + c] += static_cast<double>(point[d]);
  }
};

// A centroid without points moves to where the most is lost: the farthest point of the cluster with the largest error, each cluster once a round.
void move_empty(std::span<float> centroids, Clusters& clusters, size_t empty) {
  const auto worst =
      static_cast<size_t>(std::max_element(clusters.errors.begin(), clusters.errors.end()) - clusters.errors.begin());
  if (clusters.errors[worst] == 0) return;
  clusters.errors[worst] = 0;
  const size_t count = clusters.centroid_count;
  for (size_t d = 0; d * count < centroids.size(); ++d) centroids[d * count + empty] = clusters.farthest[worst][d];
}

void move_to_means(std::span<float> centroids, Clusters& clusters) {
  for (size_t c = 0; c < clusters.centroid_count; ++c) {
    if (clusters.counts[c] == 0) {
      move_empty(centroids, clusters, c);
      continue;
    }
    for (size_t at = c; at < centroids.size(); at += clusters.centroid_count) {
      centroids[at] = static_cast<float>(clusters.sums[at] / clusters.counts[c]);
    }
  }
}

}  // namespace

std::vector<float> k_means(const simd::CodeKernels& kernels, std::span<const float> points, size_t dims, size_t wanted,
                           base::Random& random) {
  const size_t count = points.size() / dims;
  std::vector<float> centroids = first_centroids(points, dims, wanted, random);
  if (count <= wanted) return centroids;  // each point is its own
  std::vector<uint8_t> nearest(count);
  for (size_t round = 0; round < kRoundsMax; ++round) {
    Clusters clusters(dims, wanted);
    bool moved = round == 0;
    for (size_t p = 0; p < count; ++p) {
      const float* point = points.data() + p * dims;
      const simd::Nearest found = kernels.nearest(point, centroids.data(), wanted, dims);
      moved = moved || found.centroid != nearest[p];
      nearest[p] = found.centroid;
      clusters.add(found, point, dims);
    }
    if (!moved) break;
    move_to_means(centroids, clusters);
  }
  return centroids;
}

}  // namespace omendb::quantize
