#include "engine/quantize/unit_vectors.h"

#include <cmath>

namespace omendb::quantize {

std::vector<float> unit_vectors(std::span<const float> vectors, size_t dims) {
  std::vector<float> copy(vectors.begin(), vectors.end());
  for (size_t first = 0; first < copy.size(); first += dims) {
    const std::span<float> vector(copy.data() + first, dims);
    double square = 0;
    for (const float component : vector) square += static_cast<double>(component) * static_cast<double>(component);
    const double factor = square > 0 ? 1 / std::sqrt(square) : 0;
    for (float& component : vector) component = static_cast<float>(static_cast<double>(component) * factor);
  }
  return copy;
}

}  // namespace omendb::quantize
