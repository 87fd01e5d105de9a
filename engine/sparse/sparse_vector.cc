#include "engine/sparse/sparse_vector.h"

namespace omendb::sparse {

std::string fault_of(std::string_view value) {
  if (value.size() % sizeof(Pair) != 0) return "has " + std::to_string(value.size()) + " bytes, which are no pairs";
  const size_t count = value.size() / sizeof(Pair);
  if (count > kSparsePairsMax) return "has " + std::to_string(count) + " pairs";
  size_t good = 0;
  for_each_pair(value, [&good](const Pair&) { ++good; });
  if (good == count) return "";
  return "has index " + std::to_string(pair_at(value, good).index) + " as pair " + std::to_string(good) +
         ", out of order or without a weight";
}

std::string sort_pairs(std::vector<Pair>& pairs, std::string_view where) {
  std::ranges::sort(pairs, {}, &Pair::index);
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto index = [&] { return "index " + std::to_string(pairs[i].index); };
    if (i > 0 && pairs[i].index == pairs[i - 1].index) return index() + " stands twice" + std::string(where);
    if (!std::isfinite(pairs[i].weight))
      return "the weight of " + index() + std::string(where) + " is " + std::to_string(pairs[i].weight) +
             "; weights are finite numbers";
  }
  return "";
}

std::optional<double> inner_product(std::span<const Pair> query, std::string_view value) {
  double sum = 0;
  bool shared = false;
  auto asked = query.begin();
  for_each_pair(value, [&](const Pair& pair) {
    while (asked != query.end() && asked->index < pair.index) ++asked;
    if (asked == query.end() || asked->index != pair.index) return;
    sum += double{asked->weight} * double{pair.weight};
    shared = true;
  });
  return shared ? std::optional(sum) : std::nullopt;
}

}  // namespace omendb::sparse
