#include <algorithm>
#include <cassert>

#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

// Distances asked for at once while a candidate is held against those already chosen: most candidates fail against one of the nearest few.
constexpr size_t kRowsPerTest = 4;

}  // namespace

bool is_diverse(const RowSpace& space, SearchState& state, uint32_t row, float distance) {
  const std::span<const uint32_t> kept = state.kept;
  if (kept.empty()) return true;
  const RowSpace::Target target = space.target_of_row(row, state.row_bytes());
  float to_kept[kRowsPerTest];
  for (size_t i = 0; i < kept.size(); i += kRowsPerTest) {
    const size_t count = std::min(kRowsPerTest, kept.size() - i);
    space.distances(target, kept.data() + i, count, to_kept);
    state.distance_computations += count;
    for (size_t j = 0; j < count; ++j) {
      if (to_kept[j] < distance) return false;
    }
  }
  return true;
}

void rank(const RowSpace& space, SearchState& state, uint32_t row, size_t count) {
  space.distances(space.target_of_row(row, state.row_bytes()), state.ids.data(), count, state.distances.data());
  state.distance_computations += count;
  state.ranked.clear();
  for (uint32_t i = 0; i < count; ++i) state.ranked.push_back({state.distances[i], i});
  std::sort(state.ranked.begin(), state.ranked.end(), [](const Candidate& a, const Candidate& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.word < b.word);
  });
}

namespace {

// What a list holds at the moment of an offer.
struct ListScan {
  size_t protected_count = 0;
  size_t hole = SIZE_MAX;    // place of a free word
  size_t target = SIZE_MAX;  // place of the offered row, if it is there already
};

ListScan scan_list(std::span<uint32_t> list, uint32_t target, std::vector<uint32_t>& words) {
  ListScan scan;
  for (size_t i = 0; i < list.size(); ++i) {
    const uint32_t word = load_link(&list[i]);
    words[i] = word;
    if ((word & kRowMask) == kNoLink) {
      if (scan.hole == SIZE_MAX) scan.hole = i;
      continue;
    }
    if ((word & kProtectedBit) != 0) ++scan.protected_count;
    if ((word & kRowMask) == target) scan.target = i;
  }
  return scan;
}

// words[i] becomes kNoLink where a ranked link goes. Returns whether the last one stays.
bool keep_diverse(const RowSpace& space, SearchState& state, std::span<uint32_t> words, size_t protected_count) {
  const size_t link_count = words.size() - 1;
  size_t room = link_count - protected_count;  // for links that are not protected
  state.kept.clear();
  for (const Candidate& candidate : state.ranked) {
    uint32_t& word = words[candidate.word];
    const uint32_t neighbor = word & kRowMask;
    if ((word & kProtectedBit) == 0) {
      if (room == 0 || !is_diverse(space, state, neighbor, candidate.distance)) {
        word = kNoLink;
        continue;
      }
      --room;
    }
    state.kept.push_back(neighbor);
  }
  return words[link_count] != kNoLink;
}

// Chooses again among the links of a full list and the offered one. Links that stay keep their places; words[i] becomes kNoLink where one goes. Returns
// whether the offered link, whose word is the last of `words`, stays.
bool choose_again(const RowSpace& space, SearchState& state, uint32_t row, std::span<uint32_t> words,
                  size_t protected_count) {
  const size_t link_count = words.size() - 1;
  for (size_t i = 0; i <= link_count; ++i) state.ids[i] = words[i] & kRowMask;
  rank(space, state, row, words.size());
  if (space.is_coarse(state.ranked[link_count / 2].distance)) {
    const RowSpace full = space.full();
    rank(full, state, row, words.size());
    return keep_diverse(full, state, words, protected_count);
  }
  return keep_diverse(space, state, words, protected_count);
}

}  // namespace

// Keeps a spread-out subset of `candidates` (Malkov & Yashunin 2018, Algorithm 4, without its two extensions): one stays only if it is nearer to the row
// than to every one already kept. As in hnswlib, fewer candidates than places are all taken. Cost: O(candidates * count_max) distances at worst.
void choose_diverse(const Walk& walk, std::span<const Neighbor> candidates, size_t count_max,
                    std::vector<Neighbor>& chosen) {
  chosen.clear();
  if (candidates.size() <= count_max) {
    chosen.assign(candidates.begin(), candidates.end());
    return;
  }
  walk.state.kept.clear();
  for (const Neighbor& candidate : candidates) {
    if (chosen.size() == count_max) break;
    if (!is_diverse(walk.space, walk.state, candidate.row.value, candidate.distance)) continue;
    chosen.push_back(candidate);
    walk.state.kept.push_back(candidate.row.value);
  }
}

LinkOffer offer_link(Graph::Impl& graph, const RowSpace& space, SearchState& state, uint32_t row, uint32_t level,
                     Neighbor target, bool is_protected, size_t protected_max) {
  const std::span<uint32_t> list = graph.links.list(row, level);
  const uint32_t target_word = target.row.value | (is_protected ? kProtectedBit : 0U);
  const ListLocks::Guard guard = graph.list_locks.lock(row);
  const ListScan scan = scan_list(list, target.row.value, state.words);

  const bool already = scan.target != SIZE_MAX;
  const bool adds_protection = is_protected && (!already || (state.words[scan.target] & kProtectedBit) == 0);
  if (adds_protection && scan.protected_count >= protected_max) return LinkOffer::kRefused;
  if (already && !adds_protection) return LinkOffer::kTaken;
  graph.links.mark_list(row, level);
  if (already || scan.hole != SIZE_MAX) {
    store_link(&list[already ? scan.target : scan.hole], target_word);
    graph.edges.fetch_add(already ? 0 : 1, std::memory_order_relaxed);
    return LinkOffer::kTaken;
  }

  const size_t link_count = list.size();
  state.words[link_count] = target_word;
  const std::span<uint32_t> words(state.words.data(), link_count + 1);
  const bool stays = choose_again(space, state, row, words, scan.protected_count + (is_protected ? 1U : 0U));
  assert((stays || !is_protected) && "a protected link is never dropped");
  bool place_wanted = stays;
  uint64_t removed = 0;
  for (size_t i = 0; i < link_count; ++i) {
    if (words[i] != kNoLink) continue;
    store_link(&list[i], place_wanted ? target_word : kNoLink);
    removed += place_wanted ? 0 : 1;
    place_wanted = false;
  }
  graph.edges.fetch_sub(removed, std::memory_order_relaxed);
  return stays ? LinkOffer::kTaken : LinkOffer::kRefused;
}

}  // namespace omendb::graph
