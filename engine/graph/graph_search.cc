#include <algorithm>
#include <bit>
#include <optional>

#include "engine/graph/flat_scan.h"
#include "engine/graph/graph_impl.h"
#include "engine/graph/nearest_search.h"

namespace omendb::graph {
namespace {

// A beam that has grown past this (and 4 * ef) in search of live rows is a heap's work, not a sorted array's.
constexpr size_t kBeamRowsMin = 1024;

// How much farther than the last answer a search looks, as a share of its distance, for every k rows that its beam holds. Less saves more, but wants wider beams for the
// same recall (docs/tuning.md).
constexpr double kFartherPerK = 0.0125;

bool farther(const Candidate& a, const Candidate& b) { return a.distance > b.distance; }

// Through all rows, of which most live.
class Search : public NearestSearch {
 public:
  using NearestSearch::NearestSearch;

  Count run(EntryPoint entry, std::span<Neighbor> out) {
    const auto is_live = [this](uint32_t row) { return live_.contains(row); };
    walk_.begin();
    const Candidate start = walk_.descend(entry, 0);
    const size_t beam_rows_max = std::max(kBeamRowsMin, 4 * ef_);
    walk_.search_level(start, 0, ef_, beam_rows_max, is_live, horizon(ef_));
    const Beam* answers = &walk_.state.beam;
    if (base::stopped(walk_.stop)) return 0;
    if (answers->size() > beam_rows_max && !answers->full()) {
      if (!walk_on_widely(is_live)) return scan(out);
      answers = &walk_.state.live_beam;
    }
    if (base::stopped(walk_.stop)) return 0;
    const size_t found = answers->live_count();
    if (found < k_ && found < live_total_.get()) return scan(out);
    return take(*answers, out);
  }

 private:
  // Few of the rows around the query live: goes on from the beam with a heap of rows to expand and a beam of live rows only. Gives up, returning false,
  // once it has cost about as much as comparing with every live row would.
  template <class IsLive>
  bool walk_on_widely(const IsLive& is_live) {
    SearchState& state = walk_.state;
    const uint64_t expansions_max = live_total_.get() / walk_.graph.options.m;
    state.live_beam.begin(ef_);
    state.frontier.clear();
    for (size_t i = 0; i < state.beam.size(); ++i) meet(state.beam[i], is_live);
    base::StopEvery looking(walk_.stop, Walk::kExpansionsPerLook);
    for (uint64_t expansions = 0; !state.frontier.empty(); ++expansions) {
      const Candidate nearest = state.frontier.front();
      if (state.live_beam.full() && nearest.distance >= state.live_beam.worst()) return true;
      if (looking.asked()) return true;
      if (expansions == expansions_max) return false;
      std::pop_heap(state.frontier.begin(), state.frontier.end(), farther);
      state.frontier.pop_back();
      const std::span<const uint32_t> fresh = state.visited.visit(walk_.list_of(nearest.row(), 0));
      walk_.distances_to(fresh.data(), fresh.size(), state.distances.data());
      for (size_t i = 0; i < fresh.size(); ++i) meet({state.distances[i], fresh[i]}, is_live);
    }
    return true;
  }

  template <class IsLive>
  void meet(Candidate candidate, const IsLive& is_live) {
    SearchState& state = walk_.state;
    if (state.live_beam.full() && candidate.distance >= state.live_beam.worst()) return;
    if (is_live(candidate.row())) state.live_beam.offer(candidate.distance, candidate.row(), true, is_live);
    if (candidate.expanded()) return;
    state.frontier.push_back(candidate);
    std::push_heap(state.frontier.begin(), state.frontier.end(), farther);
  }

  LiveTotal live_total_{live_};
};

}  // namespace

// Rows are compared by the dozen, whatever words they stand in, and asked for before, so that loads overlap.
void scan_linked_rows(const Walk& walk, const LiveRows& live, size_t k, float radius) {
  constexpr size_t kRowsAtOnce = 64;
  constexpr uint32_t kRowsPerFewLive = 8 * kRowsPerLook;  // a look costs what comparing with one or two rows does
  const LinkStore& links = walk.graph.links;
  NearestRows nearest(walk.state.found, k, radius);
  uint32_t coming[kRowsAtOnce];
  uint32_t rows[kRowsAtOnce];
  float distances[kRowsAtOnce];
  size_t coming_count = 0;
  const auto compare = [&] {
    size_t count = 0;
    for (size_t i = 0; i < coming_count; ++i) {
      rows[count] = coming[i];
      const bool linked = coming[i] < walk.linked_below || (links.state(coming[i]) & kLinkedBit) != 0;
      if (linked && coming[i] != walk.left_out) ++count;
    }
    coming_count = 0;
    walk.distances_to(rows, count, distances);
    for (size_t i = 0; i < count; ++i) nearest.offer({distances[i], RowId{rows[i]}});
  };
  for_each_live_word(live, 0, walk.row_count(), walk.stop, kRowsPerFewLive, [&](uint32_t word_row, uint64_t bits) {
    for (uint64_t rest = bits; rest != 0; rest &= rest - 1) {
      const uint32_t row = word_row + static_cast<uint32_t>(std::countr_zero(rest));
      if (row < walk.linked_below)
        walk.space.prefetch(row);
      else  // one that is being linked may have no code yet, nor room for it
        __builtin_prefetch(links.state_word(row));
      coming[coming_count++] = row;
      if (coming_count == kRowsAtOnce) compare();
    }
  });
  compare();
  nearest.sort();
}

size_t scan_linked_rows(const Walk& walk, const LiveRows& live, size_t k, float radius, std::span<Neighbor> out) {
  scan_linked_rows(walk, live, k, radius);
  std::copy(walk.state.found.begin(), walk.state.found.end(), out.begin());
  return walk.state.found.size();
}

Horizon NearestSearch::horizon(size_t ef) const {
  const simd::Metric metric = walk_.graph.options.metric;
  if (metric == simd::Metric::kInnerProduct || !walk_.space.builds_graphs()) return {};
  // Squared but for L1: all others are squares of distances, or grow like them.
  const double farther = 1 + kFartherPerK * static_cast<double>(ef) / static_cast<double>(k_);
  return {k_, rerank_, static_cast<float>(metric == simd::Metric::kL1 ? farther : farther * farther)};
}

NearestSearch::Count NearestSearch::scan(std::span<Neighbor> out) {
  scan_linked_rows(walk_, live_, rows_wanted(), kNoRadius);
  return finish(out);
}

NearestSearch::Count NearestSearch::take(const Beam& beam, std::span<Neighbor> out) {
  std::vector<Neighbor>& found = walk_.state.found;
  found.clear();
  for (size_t i = 0; i < beam.size() && found.size() < rows_wanted(); ++i) {
    const uint32_t row = beam[i].row();
    if (live_.contains(row)) found.push_back({beam[i].distance, RowId{row}});
  }
  return finish(out);
}

// Of state.found, nearest first by what the walk compares.
NearestSearch::Count NearestSearch::finish(std::span<Neighbor> out) {
  std::vector<Neighbor>& found = walk_.state.found;
  const size_t count = std::min(k_, found.size());
  if (count != 0 && walk_.space.is_coarse(found[count - 1].distance)) return std::nullopt;
  if (walk_.space.has_codes()) compare_exactly();
  std::partial_sort(found.begin(), found.begin() + static_cast<ptrdiff_t>(count), found.end());
  std::copy_n(found.begin(), count, out.begin());
  return count;
}

void NearestSearch::compare_exactly() {
  constexpr size_t kRowsAtOnce = 64;
  std::vector<Neighbor>& rows = walk_.state.found;
  uint32_t ids[kRowsAtOnce];
  float distances[kRowsAtOnce];
  for (size_t first = 0; first < rows.size(); first += kRowsAtOnce) {
    const size_t count = std::min(kRowsAtOnce, rows.size() - first);
    for (size_t i = 0; i < count; ++i) ids[i] = rows[first + i].row.value;
    exact_.distances_to(ids, count, distances);
    for (size_t i = 0; i < count; ++i) rows[first + i].distance = distances[i];
  }
}

// A copy of the list, good until the next one is made. When the row that is left out was linked, its neighbours' lists gave up links to rows that lie behind it;
// without it they would have kept one. So the link to it leads to the one of its neighbours that is nearest to `row` and not in the list. With plain holes the
// same recall seems to take 1.2 to 2.1 times the beam that queries from outside need, with this 0.8 to 1.7 times (docs/tuning.md).
std::span<uint32_t> Walk::without_left_out(uint32_t row, uint32_t level, std::span<uint32_t> list) const {
  const std::span<uint32_t> copy(state.words.data(), list.size());
  for (size_t i = 0; i < list.size(); ++i) copy[i] = load_link(&list[i]) & kRowMask;
  const auto place = std::find(copy.begin(), copy.end(), left_out);
  if (place == copy.end()) return copy;
  *place = kNoLink;
  std::vector<uint32_t>& behind = state.kept;  // others may hold what they collect in state.ids
  behind.clear();
  for (uint32_t& link : graph.links.list(left_out, level)) {
    const uint32_t neighbor = load_link(&link) & kRowMask;
    const bool known = neighbor == row || std::find(copy.begin(), copy.end(), neighbor) != copy.end();
    if (!known && neighbor < row_count()) behind.push_back(neighbor);
  }
  if (behind.empty()) return copy;
  const RowSpace compared = space.builds_graphs() ? space : space.full();
  const auto first = state.distances.begin();
  const auto last = first + static_cast<ptrdiff_t>(behind.size());
  compared.distances(compared.target_of_row(row, state.row_bytes()), behind.data(), behind.size(), &*first);
  *place = behind[static_cast<size_t>(std::min_element(first, last) - first)];
  return copy;
}

Candidate Walk::descend(EntryPoint from, uint32_t level_floor) const {
  const uint32_t rows_end = row_count();
  Candidate nearest{distance_to(from.row), from.row};
  for (uint32_t level = from.level; level > level_floor; --level) {
    for (uint32_t expanded = kNoLink; expanded != nearest.row();) {
      expanded = nearest.row();
      size_t count = 0;
      for (uint32_t& word : graph.links.list(expanded, level)) {
        const uint32_t neighbor = load_link(&word) & kRowMask;
        if (neighbor < rows_end && neighbor != left_out) state.ids[count++] = neighbor;
      }
      distances_to(state.ids.data(), count, state.distances.data());
      for (size_t i = 0; i < count; ++i) {
        if (state.distances[i] < nearest.distance) nearest = {state.distances[i], state.ids[i]};
      }
    }
  }
  return nearest;
}

// Nothing where the codes could not tell the nearest rows apart.
std::optional<size_t> search_nearest(const Walk& walk, const Walk& exact, const LiveRows& live,
                                     const SearchOptions& options, const NearestSearch::Widths& widths,
                                     EntryPoint entry, std::span<Neighbor> out) {
  if (options.filtered == Filtered::kNot) return Search(walk, exact, live, widths).run(entry, out);
  if (options.filtered == Filtered::kWalk) return FilteredSearch(walk, exact, live, widths, options).run(entry, out);
  walk.state.visited.begin(0);
  return NearestSearch(walk, exact, live, widths).scan(out);
}

size_t Graph::search(const VectorsView& vectors, const void* query, const LiveRows& live, const SearchOptions& options,
                     std::span<Neighbor> out, SearchCounters* counters) const {
  const EntryPoint entry = impl_->entry();
  const size_t k = std::min(options.k, out.size());
  if (entry.row == kNoLink || k == 0) return 0;
  const SearchStatePool::Lease state = impl_->states.take();
  state->distance_computations = 0;
  const auto walk_over = [&](const RowSpace& space, RowSpace::Target target) {
    return Walk{*impl_, space, target, *state, vectors.row_count, options.left_out, options.stop, options.linked_below};
  };
  Walk walk = walk_over(impl_->space(vectors, *state), nullptr);
  walk.query = walk.space.target_of(query, state->query_bytes());
  const Walk exact = walk_over(walk.space.full(), query);
  const size_t ef = std::max(options.ef, k);
  const size_t rerank = std::max(k, options.rerank == 0 ? walk.space.rerank_rows(k, ef) : options.rerank);
  const Walk& first = walk.query == nullptr ? exact : walk;
  size_t found = 0;
  if (entry.row >= walk.row_count()) {  // it became the entry since the caller looked
    found = scan_linked_rows(exact, live, k, options.radius, out);
  } else if (options.radius < kNoRadius) {
    found = search_within(first, exact, live, options, k, entry, out);
  } else {
    const auto run = [&](const Walk& compared) {
      return search_nearest(compared, exact, live, options, {k, ef, rerank}, entry, out);
    };
    const std::optional<size_t> count = run(first);
    found = count ? *count : run(exact).value_or(0);
  }
  if (counters != nullptr) {
    counters->visited_rows = state->visited.count();
    counters->distance_computations = state->distance_computations;
  }
  return found;
}

}  // namespace omendb::graph
