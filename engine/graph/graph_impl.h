#pragma once

// What the files of this room share: the members of Graph and the walk over one level. Not for other rooms; they include graph.h.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/graph/link_store.h"
#include "engine/graph/row_space.h"
#include "engine/graph/search_state.h"

namespace omendb::graph {

struct EntryPoint {
  uint32_t row = kNoLink;  // kNoLink: the graph is empty
  uint32_t level = 0;
};

// Locks of lists, shared by rows that are 4,096 apart. Held for one list at a time and only by writers, for at most one pruning.
class ListLocks {
 public:
  class Guard {
   public:
    explicit Guard(std::atomic<uint8_t>& flag) : flag_(flag) {
      for (unsigned tries = 1; flag_.exchange(1, std::memory_order_acquire) != 0; ++tries) {
        while (flag_.load(std::memory_order_relaxed) != 0) {
          if (++tries % kTriesBeforeYield == 0) std::this_thread::yield();  // the holder may wait for our processor
#if defined(__x86_64__)
          __builtin_ia32_pause();
#endif
        }
      }
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { flag_.store(0, std::memory_order_release); }

   private:
    static constexpr unsigned kTriesBeforeYield = 64;
    std::atomic<uint8_t>& flag_;
  };
  Guard lock(uint32_t row) { return Guard(flags_[row % flags_.size()]); }

 private:
  std::array<std::atomic<uint8_t>, 4096> flags_{};
};

struct RowPiece {
  uint32_t first;
  uint32_t end;
};

// Rows on their way out. Changed while no insert runs, by begin_erase and end_erase.
struct Erasure {
  base::Bitmap dying;
  std::vector<uint32_t> rows;          // the same
  uint32_t row_count = 0;              // lists of rows below are repaired; later rows never link to dying ones
  std::atomic<uint32_t> repairing{0};  // how many threads are at it
  std::mutex taking;                   // guards the two below
  uint32_t next_row = 0;               // the first one that nobody has taken
  std::vector<RowPiece> put_aside;     // to be taken before

  bool is_dying(uint32_t row) const { return row < dying.bit_count() && dying.test(row); }
  RowPiece take();  // empty if there is none
  void put_back(RowPiece piece);
  bool has_more();
};

struct Graph::Impl {
  explicit Impl(const GraphOptions& graph_options)
      : options(graph_options),
        kernels(simd::distance_kernels(graph_options.metric)),
        links(graph_options.m),
        states(links.capacity(0)) {}

  EntryPoint entry() const {
    const uint64_t packed = packed_entry.load(std::memory_order_acquire);
    return {static_cast<uint32_t>(packed), static_cast<uint32_t>(packed >> 32)};
  }
  void set_entry(EntryPoint entry) {
    packed_entry.store(uint64_t{entry.level} << 32 | entry.row, std::memory_order_release);
  }
  std::shared_ptr<CodeStore> codes() const {
    const std::lock_guard lock(codes_lock_);
    return codes_;
  }
  void set_codes(std::shared_ptr<CodeStore> codes) {
    {
      const std::lock_guard lock(codes_lock_);
      codes_ = std::move(codes);
      codes_number_.fetch_add(1, std::memory_order_release);
    }
    states.forget_codes();
  }
  // What walks compare, good as long as the state is not given back.
  RowSpace space(const VectorsView& vectors, SearchState& state) const {
    const uint64_t number = codes_number_.load(std::memory_order_acquire);
    if (state.codes_number != number) {
      state.codes = codes();
      state.codes_number = number;
      if (state.codes != nullptr) state.fit_targets(state.codes->codec().query_bytes());
    }
    return {kernels, vectors, state.codes.get(), state.addresses.data()};
  }
  // The stream of blocks, or null where the graph has none of that kind.
  BlockStream* stream(Graph::Stream which);

  // The row from which protected links lead to all others; every walk on level 0 begins from it too.
  uint32_t root() const { return root_row.load(std::memory_order_acquire); }
  void set_root(uint32_t row) { root_row.store(row, std::memory_order_release); }
  bool is_dying(uint32_t row) const { return erasure != nullptr && erasure->is_dying(row); }
  Result<void> replace_dying_starts(const VectorsView& vectors);
  void release_rows_below(uint32_t row_count);

  const GraphOptions options;
  const simd::DistanceKernels& kernels;
  LinkStore links;
  ListLocks list_locks;
  std::mutex entry_lock;  // held by inserts that may change the entry point, from their first search to their last link
  std::atomic<uint64_t> packed_entry{kNoLink};
  std::atomic<uint32_t> root_row{kNoLink};
  std::unique_ptr<Erasure> erasure;  // null: no row is on its way out
  std::atomic<bool> erase_cut_off{false};
  std::atomic<uint64_t> linked_rows{0};
  std::atomic<uint64_t> edges{0};
  mutable SearchStatePool states;

 private:
  mutable std::mutex codes_lock_;
  std::shared_ptr<CodeStore> codes_;  // null: walks compare full vectors
  std::atomic<uint64_t> codes_number_{0};
};

// How far a search for the nearest `answers` rows looks: not much farther than the last answer so far, because rows behind those that lie there will hardly be nearer. It
// then ends before its beam is exhausted, and easy queries cost less than hard ones ("Distance Adaptive Beam Search", Al-Jazzazi et al. 2025, arXiv 2505.15636). By
// default as far as the beam reaches.
struct Horizon {
  size_t answers = 0;  // 0: no horizon
  size_t kept = 0;     // so many rows stay in the beam however far they are
  float stretch = 0;   // of the last answer's distance

  // Rows of the beam that are no answers push the last answer back; it is never looked for too near.
  float of(const Beam& beam) const {
    const size_t others = beam.size() - beam.live_count();
    if (answers == 0 || kept + others > beam.size()) return std::numeric_limits<float>::infinity();
    const float last = beam[answers - 1 + others].distance;
    return last > 0 ? std::max(stretch * last, beam[kept - 1 + others].distance)
                    : std::numeric_limits<float>::infinity();
  }
};

// One search or one insert: the borrowed inputs and the pooled memory.
struct Walk {
  const Graph::Impl& graph;
  RowSpace space;
  RowSpace::Target query;
  SearchState& state;
  uint32_t rows_max;               // VectorsView::row_count
  uint32_t left_out = UINT32_MAX;  // SearchOptions::left_out
  base::Stop* stop = nullptr;      // SearchOptions::stop
  uint32_t linked_below = 0;       // SearchOptions::linked_below

  static constexpr uint32_t kExpansionsPerLook = 32;  // some ten microseconds

  // Rows below may be looked at; it grows while others insert.
  uint32_t row_count() const { return std::min(graph.links.row_count(), rows_max); }
  float distance_to(uint32_t row) const {
    ++state.distance_computations;
    return space.distance(query, row);
  }
  void distances_to(const uint32_t* rows, size_t count, float* out) const {
    state.distance_computations += count;
    space.distances(query, rows, count, out);
  }
  void prefetch_links(uint32_t row) const {
    const uint32_t* list = graph.links.links(row);
    for (uint32_t i = 0; i < graph.links.capacity(0); i += 16) __builtin_prefetch(list + i);
  }
  // Nothing was met yet but the row that is left out.
  void begin() const {
    state.visited.begin(row_count());
    uint32_t row = left_out;
    (void)state.visited.visit({&row, 1});
  }
  // A list as searches see it.
  std::span<uint32_t> list_of(uint32_t row, uint32_t level) const {
    const std::span<uint32_t> list = graph.links.list(row, level);
    return left_out == UINT32_MAX ? list : without_left_out(row, level, list);
  }
  std::span<uint32_t> without_left_out(uint32_t row, uint32_t level, std::span<uint32_t> list) const;
  // The nearest row on the upper levels that a greedy walk from `from` finds: on every level from from.level down to above `level_floor`.
  Candidate descend(EntryPoint from, uint32_t level_floor) const;

  // Best-first search on one level from `start` (Malkov & Yashunin 2018, Algorithm 2), into state.beam. Stops when nothing in the beam is left to expand, when the next
  // row lies behind the horizon, when the beam holds more than `beam_rows_max` rows: too many dead rows lie around the query, or when `stop` says so.
  template <class IsLive>
  void search_level(Candidate start, uint32_t level, size_t ef, size_t beam_rows_max, const IsLive& is_live,
                    Horizon horizon = {}) const {
    Beam& beam = state.beam;
    beam.begin(ef);
    begin_with(start, is_live);
    if (level == 0) begin_with_root(is_live);
    base::StopEvery looking(stop, kExpansionsPerLook);
    for (size_t at = beam.next(); at < beam.size() && beam.size() <= beam_rows_max; at = beam.next()) {
      const float too_far = horizon.of(beam);
      if (beam[at].distance > too_far || looking.asked()) return;
      const std::span<const uint32_t> fresh = state.visited.visit(list_of(beam[at].row(), level));
      if (fresh.empty()) continue;
      const uint32_t likely_next = beam.peek();
      if (level == 0 && likely_next != kNoLink) prefetch_links(likely_next);
      distances_to(fresh.data(), fresh.size(), state.distances.data());
      for (size_t i = 0; i < fresh.size(); ++i) {
        const float distance = state.distances[i];
        if (distance > too_far || (beam.full() && !(distance < beam.worst()))) continue;
        const bool comes_next = beam.offer(distance, fresh[i], is_live(fresh[i]), is_live);
        if (comes_next && level == 0) prefetch_links(fresh[i]);
      }
    }
  }

 private:
  template <class IsLive>
  void begin_with(Candidate start, const IsLive& is_live) const {
    uint32_t row = start.row();
    if (!state.visited.visit({&row, 1}).empty()) state.beam.offer(start.distance, row, is_live(row), is_live);
  }
  // From the root every row can be reached (graph_build.cc).
  template <class IsLive>
  void begin_with_root(const IsLive& is_live) const {
    uint32_t root = graph.root();
    const std::span<const uint32_t> fresh = state.visited.visit({&root, 1});
    if (!fresh.empty()) state.beam.offer(distance_to(root), root, is_live(root), is_live);
  }
};

// Graph::search for a radius (graph_range.cc).
size_t search_within(const Walk& walk, const Walk& exact, const LiveRows& live, const SearchOptions& options, size_t k,
                     EntryPoint entry, std::span<Neighbor> out);

// Compares with every row that is live and linked: never misses one, whatever a walk met.
void scan_linked_rows(const Walk& walk, const LiveRows& live, size_t k, float radius);  // into state.found
size_t scan_linked_rows(const Walk& walk, const LiveRows& live, size_t k, float radius, std::span<Neighbor> out);

// How many rows live: counted when it is first asked for, which few searches do.
class LiveTotal {
 public:
  explicit LiveTotal(const LiveRows& live) : live_(live) {}
  uint64_t get() {
    if (count_ == kUncounted) count_ = count_live(live_);
    return count_;
  }

 private:
  static constexpr uint64_t kUncounted = ~uint64_t{0};
  const LiveRows& live_;
  uint64_t count_ = kUncounted;
};

// Chooses at most `count_max` of `candidates` (nearest first) as neighbours, spread out by the diversity heuristic (graph_prune.cc).
void choose_diverse(const Walk& walk, std::span<const Neighbor> candidates, size_t count_max,
                    std::vector<Neighbor>& chosen);

// Into state.ranked: the first `count` of state.ids, nearest to `row` first. `word` of each is its place.
void rank(const RowSpace& space, SearchState& state, uint32_t row, size_t count);
// The test of Algorithm 4: `row` is at `distance` from the centre and nearer to none of state.kept than to the centre.
bool is_diverse(const RowSpace& space, SearchState& state, uint32_t row, float distance);

// What became of a link that was offered to a list.
enum class LinkOffer : uint8_t { kTaken, kRefused };

// Puts `target`, at `distance`, into the list of `row`; a full list is pruned by the heuristic, and what is protected stays. A protected link is refused
// only when `protected_max` links of the list are protected already; any other may lose against the links that are there.
LinkOffer offer_link(Graph::Impl& graph, const RowSpace& space, SearchState& state, uint32_t row, uint32_t level,
                     Neighbor target, bool is_protected, size_t protected_max);

// Gives `row`, which has no parent, one: `top` or a row below it in the tree of protected links. Fails: kCorruption.
Result<uint32_t> attach_below(Graph::Impl& graph, const RowSpace& space, SearchState& state, uint32_t top,
                              uint32_t row);

}  // namespace omendb::graph
