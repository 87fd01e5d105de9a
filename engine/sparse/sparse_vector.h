#pragma once

// A sparse vector as a table keeps it: pairs of an index, u32, and a weight, f32, little-endian, indexes rising, weights finite and not 0.

#include <omendb/schema.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::sparse {

struct Pair {
  uint32_t index = 0;
  float weight = 0;
};
static_assert(sizeof(Pair) == 8 && std::endian::native == std::endian::little, "pairs are kept as they lie in memory");

inline Pair pair_at(std::string_view value, size_t i) {
  Pair pair;
  std::memcpy(&pair, value.data() + i * sizeof(Pair), sizeof(Pair));
  return pair;
}

// Whether a pair may stand behind one of index `before`, or first.
inline bool follows(const Pair& pair, std::optional<uint32_t> before) {
  return (!before || pair.index > *before) && std::isfinite(pair.weight) && pair.weight != 0;
}

// Calls visit(Pair) for those of a value. Bytes may be damaged: it ends before the first pair that can not stand there.
template <typename Visit>
void for_each_pair(std::string_view value, const Visit& visit) {
  const size_t count = std::min<size_t>(value.size() / sizeof(Pair), kSparsePairsMax);
  std::optional<uint32_t> before;
  for (size_t i = 0; i < count; ++i) {
    const Pair pair = pair_at(value, i);
    if (!follows(pair, before)) return;
    visit(pair);
    before = pair.index;
  }
}

// "" or what is wrong with a value's bytes.
std::string fault_of(std::string_view value);

// A sum of products as a score. Beyond the largest float it is that.
inline float to_score(double sum) {
  constexpr double kMost = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(sum, -kMost, kMost));
}

// Sorts pairs by their index; "" or what is wrong with them, an index twice or a weight that is not finite, `where` (" in the ...").
std::string sort_pairs(std::vector<Pair>& pairs, std::string_view where = "");

// The inner product of a value with the pairs of a query, which rise; nothing where they share no index. Cost: a step for each pair of either.
std::optional<double> inner_product(std::span<const Pair> query, std::string_view value);

}  // namespace omendb::sparse
