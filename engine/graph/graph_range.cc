// Every row within a distance. A walk in the order of distance that goes on while there are rows within the radius to expand, and then `ef` rows beyond it: the
// beam of a search for the k nearest whose width is the number of answers plus ef. Rows that are met only over rows farther out than that rim are missed; recall
// is that of a search whose beam is so much wider than its answers (graph_range_test.cc measures it).

#include <algorithm>
#include <cstdint>

#include "engine/graph/flat_scan.h"
#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

// From here on a walk is worth weighing against a scan of every live row; counting those costs about 1 ns per 64 rows.
constexpr uint64_t kExpansionsMin = 256;

bool farther(const Candidate& a, const Candidate& b) { return a.distance > b.distance; }

class RangeSearch {
 public:
  RangeSearch(const Walk& walk, const Walk& exact, const LiveRows& live, const SearchOptions& options, size_t k)
      : walk_(walk), exact_(exact), live_(live), radius_(options.radius), ef_(std::max<size_t>(options.ef, 1)), k_(k) {}

  // After run(): the codes could not tell rows apart, and there is no answer yet.
  bool too_coarse() const { return too_coarse_; }

  size_t run(EntryPoint entry, std::span<Neighbor> out) {
    SearchState& state = walk_.state;
    walk_.begin();
    state.frontier.clear();
    state.within.clear();
    rim_.begin(ef_);
    const Candidate start = walk_.descend(entry, 0);
    uint32_t start_row = start.row();
    (void)state.visited.visit({&start_row, 1});
    meet(start);
    meet_root();
    base::StopEvery looking(walk_.stop, Walk::kExpansionsPerLook);
    for (uint64_t expansions = 0; !state.frontier.empty(); ++expansions) {
      const Candidate nearest = state.frontier.front();
      if (is_behind_rim(nearest.distance)) break;
      if (looking.asked()) return 0;
      if (expansions >= kExpansionsMin && is_starving(expansions))
        return scan_linked_rows(exact_, live_, k_, radius_, out);
      std::pop_heap(state.frontier.begin(), state.frontier.end(), farther);
      state.frontier.pop_back();
      if (live_.contains(nearest.row())) place(nearest);
      expand(nearest.row());
    }
    too_coarse_ = rim_.full() && walk_.space.is_coarse(rim_.worst());
    return too_coarse_ ? 0 : take(out);
  }

 private:
  // Whether what was done already, or filling the rim at the rate at which live rows were met so far, costs more than comparing with each live row: where few of the
  // rows around a query live, a walk may go through all others before it comes to an answer.
  bool is_starving(uint64_t expansions) {
    const uint64_t live_total = live_total_.get();
    const uint64_t distances = expansions * walk_.graph.options.m;
    return distances >= live_total ||
           static_cast<double>(distances) * static_cast<double>(ef_ - rim_.size()) >
               static_cast<double>(std::max<uint64_t>(1, live_met_)) * static_cast<double>(live_total);
  }

  bool is_behind_rim(float distance) const { return rim_.full() && distance >= rim_.worst(); }

  void meet(Candidate candidate) {
    if (is_behind_rim(candidate.distance)) return;
    walk_.state.frontier.push_back(candidate);
    std::push_heap(walk_.state.frontier.begin(), walk_.state.frontier.end(), farther);
  }

  // From the root every row can be reached (graph_build.cc).
  void meet_root() {
    uint32_t root = walk_.graph.root();
    if (!walk_.state.visited.visit({&root, 1}).empty()) meet({walk_.distance_to(root), root});
  }

  void expand(uint32_t row) {
    SearchState& state = walk_.state;
    if (!state.frontier.empty()) walk_.prefetch_links(state.frontier.front().row());
    const std::span<const uint32_t> fresh = state.visited.visit(walk_.list_of(row, 0));
    walk_.distances_to(fresh.data(), fresh.size(), state.distances.data());
    for (size_t i = 0; i < fresh.size(); ++i) meet({state.distances[i], fresh[i]});
  }

  // A live row comes to the answers or to the rim; so does the farthest of more than k answers.
  void place(Candidate row) {
    ++live_met_;
    std::vector<AnswerWithin>& within = walk_.state.within;
    const float distance = walk_.space.has_codes() ? exact_.distance_to(row.row()) : row.distance;
    if (!(distance <= radius_)) return put_on_rim(row.distance, row.row());
    within.push_back({{distance, RowId{row.row()}}, row.distance});
    std::push_heap(within.begin(), within.end());
    if (within.size() <= k_) return;
    std::pop_heap(within.begin(), within.end());
    put_on_rim(within.back().walked_distance, within.back().neighbor.row.value);
    within.pop_back();
  }
  void put_on_rim(float distance, uint32_t row) {
    rim_.offer(distance, row, true, [](uint32_t) { return true; });
  }

  size_t take(std::span<Neighbor> out) {
    std::vector<AnswerWithin>& within = walk_.state.within;
    std::sort_heap(within.begin(), within.end());
    for (size_t i = 0; i < within.size(); ++i) out[i] = within[i].neighbor;
    return within.size();
  }

  const Walk& walk_;
  const Walk& exact_;  // the same query, compared with full vectors
  const LiveRows& live_;
  const float radius_;
  const size_t ef_;
  const size_t k_;
  Beam& rim_ = walk_.state.live_beam;  // the nearest live rows that are no answers, by what the walk compares
  LiveTotal live_total_{live_};
  uint64_t live_met_ = 0;  // that were expanded
  bool too_coarse_ = false;
};

}  // namespace

size_t search_within(const Walk& walk, const Walk& exact, const LiveRows& live, const SearchOptions& options, size_t k,
                     EntryPoint entry, std::span<Neighbor> out) {
  RangeSearch search(walk, exact, live, options, k);
  const size_t found = search.run(entry, out);
  return search.too_coarse() ? RangeSearch(exact, exact, live, options, k).run(entry, out) : found;
}

}  // namespace omendb::graph
