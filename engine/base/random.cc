#include "engine/base/random.h"

#include <cassert>
#include <cmath>

namespace omendb::base {

Random::Random(uint64_t seed) {
  for (uint64_t& word : words_) word = splitmix64(seed);
}

// Lemire, "Fast Random Integer Generation in an Interval" (2019), Algorithm 5: the high half of a 128-bit product; the
// few low halves that would favour some results are drawn again.
uint64_t Random::below(uint64_t bound) {
  assert(bound >= 1);
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{next()} * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t unfair = (uint64_t{0} - bound) % bound;
    while (static_cast<uint64_t>(product) < unfair) product = Wide{next()} * bound;
  }
  return static_cast<uint64_t>(product >> 64);
}

uint64_t Random::between(uint64_t low, uint64_t high) {
  assert(low <= high);
  const uint64_t width = high - low + 1;
  return width == 0 ? next() : low + below(width);
}

float Random::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  double x = 0;
  double y = 0;
  double square = 0;
  do {
    x = 2 * uniform() - 1;
    y = 2 * uniform() - 1;
    square = x * x + y * y;
  } while (square >= 1 || square == 0);
  const double scale = std::sqrt(-2 * std::log(square) / square);
  spare_normal_ = static_cast<float>(y * scale);
  has_spare_normal_ = true;
  return static_cast<float>(x * scale);
}

}  // namespace omendb::base
