// A walk for rows that a condition chose. It goes over those alone: a row's neighbours that pass, and through the lists of its neighbours that do not, those behind
// them. So a step leads to about as many rows as in a walk without a condition, no distance is computed to a row that can not be an answer, and a list costs a few
// loads. (The predicate subgraph of ACORN-1, Patel et al. 2024, arXiv 2403.04871; there each step reads two levels of lists, here as many as it wants rows.)
//
// Rows that pass may lie far from where the upper levels lead, or in several places; so the walk begins with a sample of them as well. Where too few links lead to rows
// that pass, which rows are met is chance: then the beam is wider, or each is compared (the fallback that RACORN-1 argues for, arXiv 2607.00768).

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/graph/nearest_search.h"

namespace omendb::graph {
namespace {

constexpr uint32_t kSamples = 32;
constexpr size_t kListsAhead = 24;  // are loaded while others are read
// rows_within_two_links() by the links seen so far: with fewer, parts of the rows that pass are cut off from one another.
constexpr double kReachMin = 6;
constexpr uint64_t kLinksMin = 2048;  // few links say little

// A query is away from the rows that pass where those around it are less than the first share of what they are among all rows; or less than the second, where so many
// would pass that this is not chance. (Of queries at the edge of what passes, half of the rows of 200,000 x 128, narrow beams found 0.85.)
constexpr double kAwayShare = 0.5;
constexpr double kEdgeShare = 0.8;
constexpr double kChance = 4;             // standard deviations of rows that pass at random
constexpr uint64_t kLinksAround = 512;    // that are looked at
constexpr size_t kRowsAround = 128;       // whose links these are, at most
constexpr uint64_t kScannedWhileOne = 2;  // distances of a scan, while a walk computes one
constexpr size_t kAroundBeams = 2;        // of the walk that looks for the few that pass around such a query

// A wide walk ends after so many steps in a row, as a share of its beam, that brought no answer nearer: where some queries need all of such a beam, most do not. (60,000 x
// 784, ten or four of 20 clusters far from the query pass: recall 0.975 and 0.937 instead of 0.984 and 0.962, 0.65 times the time; a beam so narrow that it takes as long:
// 0.956 and 0.920. 200,000 x 128: 0.978 and 0.986 instead of 0.986 and 0.994, 0.5 to 0.7 times.)
constexpr double kPatience = 0.4;

bool passes(uint32_t /*row*/) { return true; }  // what a beam of rows that pass asks

// Counts the steps since the last one that brought one of the k answers nearer.
class Patience {
 public:
  Patience(size_t k, size_t steps_max) : k_(k), steps_max_(steps_max) {}
  bool ends(const Beam& beam) {
    if (beam.size() < k_) return false;
    const float last_answer = beam[k_ - 1].distance;
    steps_ = last_answer < last_answer_ ? 0 : steps_ + 1;
    last_answer_ = last_answer;
    return steps_ > steps_max_;
  }

 private:
  const size_t k_;
  const size_t steps_max_;
  size_t steps_ = 0;
  float last_answer_ = std::numeric_limits<float>::infinity();
};

}  // namespace

NearestSearch::Count FilteredSearch::run(EntryPoint entry, std::span<Neighbor> out) {
  walk_.begin();
  const Candidate start = walk_.descend(entry, 0);
  if (is_away(start.row())) return run_widely(start, out);
  begin_beam(start, ef_);
  return walk_on() ? answer(out) : run_widely(start, out);
}

NearestSearch::Count FilteredSearch::run_widely(Candidate start, std::span<Neighbor> out) {
  if (scan_is_cheaper()) return scan(out);
  meet_around(start);
  begin_beam(start, ef_wide_);
  offer_around();
  walk_on_widely();
  return answer(out);
}

NearestSearch::Count FilteredSearch::answer(std::span<Neighbor> out) {
  const Beam& beam = walk_.state.beam;
  return beam.size() < std::min<uint64_t>(k_, passing_count_) && !base::stopped(walk_.stop) ? scan(out)
                                                                                            : take(beam, out);
}

void FilteredSearch::begin_beam(Candidate start, size_t ef) {
  SearchState& state = walk_.state;
  walk_.begin();
  state.beam.begin(ef);
  if (live_.contains(start.row()) && state.visited.meet(start.row()))
    state.beam.offer(start.distance, start.row(), true, passes);
  begin_with_samples();
  offer_reached(collect(start.row()));
}

// Until the beam is exhausted, the next row lies behind the horizon, or `ends` says so after a step, which is then false.
template <class Ends>
bool FilteredSearch::walk_until(size_t ef, const Ends& ends) {
  Beam& beam = walk_.state.beam;
  const Horizon horizon = this->horizon(ef);
  links_seen_ = links_passing_ = 0;
  base::StopEvery looking(walk_.stop, Walk::kExpansionsPerLook);
  for (size_t at = beam.next(); at < beam.size(); at = beam.next()) {
    if (beam[at].distance > horizon.of(beam) || looking.asked()) break;
    offer_reached(collect(beam[at].row()));
    if (ends()) return false;
  }
  return true;
}

// False where it is lost.
bool FilteredSearch::walk_on() {
  return walk_until(ef_, [this] { return is_lost(); });
}

// Goes on where it is lost: each of so many rows would cost more. A beam that was given is walked to its end.
void FilteredSearch::walk_on_widely() {
  const auto steps_max = static_cast<size_t>(kPatience * static_cast<double>(ef_wide_));
  Patience patience(k_, ef_wide_ > ef_ ? steps_max : ef_wide_);
  (void)walk_until(ef_wide_, [&] { return patience.ends(walk_.state.beam); });
}

// Looks at the rows around the start, some more than once, by their links.
bool FilteredSearch::is_away(uint32_t start) const {
  const uint32_t row_count = std::min(walk_.row_count(), live_.row_count);
  std::vector<uint32_t>& around = walk_.state.around;
  around.assign(1, start);
  uint64_t seen = 0;
  uint64_t passing = 0;
  for (size_t i = 0; i < around.size() && seen < kLinksAround; ++i) {
    for (uint32_t& link : walk_.list_of(around[i], 0)) {
      const uint32_t row = load_link(&link) & kRowMask;
      if (row >= row_count) continue;
      if (around.size() < kRowsAround) {
        around.push_back(row);
        walk_.prefetch_links(row);
      }
      ++seen;
      passing += uint64_t{live_.contains(row)};
    }
  }
  const double expected = passing_share_ * static_cast<double>(seen);
  const double by_chance = expected - kChance * std::sqrt(expected * (1 - passing_share_));
  const double away = std::max(kAwayShare * expected, std::min(kEdgeShare * expected, by_chance));
  return static_cast<double>(passing) < away || reach(passing, seen) < kReachMin;
}

double FilteredSearch::reach(uint64_t links_passing, uint64_t links_seen) const {
  const double share = static_cast<double>(links_passing) / static_cast<double>(std::max<uint64_t>(1, links_seen));
  return rows_within_two_links(walk_.graph.options.m, share);
}

// The few that pass there may have no links to one another: a walk through all rows meets them.
void FilteredSearch::meet_around(Candidate start) {
  SearchState& state = walk_.state;
  const size_t ef = kAroundBeams * ef_;
  walk_.begin();
  state.around.clear();
  walk_.search_level(start, 0, ef, ef + 1, passes);
  for (const uint32_t row : state.visited.met()) {
    if (row != walk_.left_out && live_.contains(row)) state.around.push_back(row);
  }
}

void FilteredSearch::offer_around() {
  SearchState& state = walk_.state;
  constexpr size_t kRowsAtOnce = 64;
  for (size_t first = 0; first < state.around.size(); first += kRowsAtOnce) {
    size_t count = 0;
    for (size_t i = first; i < std::min(first + kRowsAtOnce, state.around.size()); ++i) {
      if (state.visited.meet(state.around[i])) state.ids[count++] = state.around[i];
    }
    offer_reached(count);
  }
}

// A step takes about as many distances as a list holds, and as long again for lists and for distances to rows that lie anywhere. (200,000 x 128, 10,000 rows pass: compared
// in 237 us, walked to with a beam of 251 in 798 us; 60,000 x 784: 91 and 188 ns a distance.)
bool FilteredSearch::scan_is_cheaper() const {
  return passing_count_ <= kScannedWhileOne * ef_wide_ * walk_.graph.links.capacity(0);
}

// Of as many equal stretches of rows, the first that passes. One that is being linked is nobody's yet.
void FilteredSearch::begin_with_samples() {
  SearchState& state = walk_.state;
  const uint32_t row_count = std::min(state.visited.row_count(), live_.row_count);
  size_t count = 0;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const auto first = static_cast<uint32_t>(i * row_count / kSamples);
    const auto last = static_cast<uint32_t>((i + 1) * row_count / kSamples);
    const uint32_t row = first_live_row(live_, first, last);
    const bool linked = row < last && (walk_.graph.links.state(row) & kLinkedBit) != 0;
    if (linked && state.visited.meet(row)) state.ids[count++] = row;
  }
  offer_reached(count);
}

void FilteredSearch::offer_reached(size_t count) {
  SearchState& state = walk_.state;
  walk_.distances_to(state.ids.data(), count, state.distances.data());
  for (size_t i = 0; i < count; ++i) {
    const float distance = state.distances[i];
    if (!(distance < state.beam.worst())) continue;
    if (state.beam.offer(distance, state.ids[i], true, passes)) walk_.prefetch_links(state.ids[i]);
  }
}

// Into state.ids: rows that pass, were not met before, and are one or two links away; all of the former, and of the latter until there are as many as a list holds.
size_t FilteredSearch::collect(uint32_t row) {
  SearchState& state = walk_.state;
  const size_t wanted = walk_.graph.links.capacity(0);
  const size_t room = wanted + simd::kPartedAtOnce;
  state.bridges.resize(2 * room);
  const VisitedRows::Split near = collect_from(row, state.ids.data(), state.bridges.data());
  const std::span<const uint32_t> bridges(state.bridges.data(), near.others);
  size_t count = near.fresh;
  for (size_t i = 0; i < std::min(kListsAhead, bridges.size()); ++i) walk_.prefetch_links(bridges[i]);
  for (size_t i = 0; i < bridges.size() && count < wanted; ++i) {
    if (i + kListsAhead < bridges.size()) walk_.prefetch_links(bridges[i + kListsAhead]);
    if (!state.visited.meet(bridges[i])) continue;
    count += collect_from(bridges[i], state.ids.data() + count, state.bridges.data() + room).fresh;
  }
  return count;
}

VisitedRows::Split FilteredSearch::collect_from(uint32_t row, uint32_t* fresh, uint32_t* others) {
  const auto split = walk_.state.visited.visit_live(walk_.list_of(row, 0), live_, fresh, others);
  links_seen_ += split.live + split.others;
  links_passing_ += split.live;
  return split;
}

bool FilteredSearch::is_lost() const {
  return links_seen_ >= kLinksMin && reach(links_passing_, links_seen_) < kReachMin;
}

}  // namespace omendb::graph
