#pragma once

// The working memory of one search or insert, kept from call to call so that the hot path allocates nothing. Not for other rooms; they include graph.h.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "engine/graph/code_store.h"
#include "engine/graph/graph.h"
#include "engine/graph/link_store.h"
#include "engine/quantize/codec.h"
#include "engine/simd/select.h"

namespace omendb::graph {

// A row with its distance to the query; the high bit of `word` says that its neighbours were looked at.
struct Candidate {
  static constexpr uint32_t kExpanded = 0x80000000U;
  float distance;
  uint32_t word;
  uint32_t row() const { return word & kRowMask; }
  bool expanded() const { return (word & kExpanded) != 0; }
};

static_assert(LiveRows::kRowsPerBlock == simd::kBitsPerBlock);

// Rows met in this search: a bit per row, 125 kB for a million, so that it stays in the second-level cache; cleared through the list of the rows met.
class VisitedRows {
 public:
  // Rows at and above row_count count as visited, as do holes (kNoLink), because bit 0 stands for both. Throws std::bad_alloc.
  void begin(uint32_t row_count) {
    for (size_t i = 0; i < met_count_; ++i) bits_[(size_t{met_[i]} + 1) / 64] = 0;
    met_count_ = 0;
    row_count_ = row_count;
    const size_t words = static_cast<size_t>(row_count) / 64 + 1;
    if (bits_.size() < words) bits_.resize(words + words / 4);
    bits_[0] = 1;
  }
  // The rows of the links that were not met before; they are now. Masks instead of branches, because which ones are new can not be predicted. The span is
  // good until the next call. Throws std::bad_alloc.
  std::span<const uint32_t> visit(std::span<uint32_t> links) {
    if (met_.size() < met_count_ + links.size()) met_.resize(2 * (met_count_ + links.size()));
    uint64_t* const bits = bits_.data();
    uint32_t* const fresh = met_.data() + met_count_;
    const uint32_t row_count = row_count_;
    size_t count = 0;
    for (uint32_t& link : links) {
      const uint32_t row = load_link(&link) & kRowMask;
      const uint32_t place = (row + 1) & (0 - uint32_t{row < row_count});
      const uint64_t word = bits[place / 64];
      bits[place / 64] = word | uint64_t{1} << (place % 64);
      fresh[count] = row;
      count += ~(word >> (place % 64)) & 1;
    }
    met_count_ += count;
    return {fresh, count};
  }
  struct Split {
    size_t fresh = 0;
    size_t others = 0;
    uint64_t live = 0;  // links to rows that live
  };
  // Of the rows of the links, those that live and were not met before go to `fresh` and are met now, those that do not live go to `others`; both have room for all links and
  // simd::kPartedAtOnce more. Throws std::bad_alloc.
  Split visit_live(std::span<uint32_t> links, const LiveRows& live, uint32_t* fresh, uint32_t* others) {
    if (rows_.size() < links.size()) rows_.resize(links.size());
    for (size_t i = 0; i < links.size(); ++i) rows_[i] = load_link(&links[i]) & kRowMask;
    const auto parted = part_by_bits_(rows_.data(), links.size(), live.blocks.data(),
                                      std::min(row_count_, live.row_count), fresh, others);
    size_t fresh_count = 0;
    for (size_t i = 0; i < parted.set; ++i) {
      const uint32_t row = fresh[i];
      fresh[fresh_count] = row;
      fresh_count += size_t{meet(row)};
    }
    return {fresh_count, parted.unset, parted.set};
  }
  // Whether the row was not met before; it is now. Throws std::bad_alloc.
  bool meet(uint32_t row) {
    if (row >= row_count_) return false;
    uint64_t& word = bits_[(size_t{row} + 1) / 64];
    const uint64_t bit = uint64_t{1} << ((row + 1) % 64);
    if ((word & bit) != 0) return false;
    if (met_.size() == met_count_) met_.resize(2 * met_count_ + 64);
    word |= bit;
    met_[met_count_++] = row;
    return true;
  }
  uint32_t row_count() const { return row_count_; }
  std::span<const uint32_t> met() const { return {met_.data(), met_count_}; }
  uint64_t count() const { return met_count_; }
  size_t memory_bytes() const {
    return bits_.capacity() * sizeof(uint64_t) + (met_.capacity() + rows_.capacity()) * sizeof(uint32_t);
  }

 private:
  uint32_t row_count_ = 0;
  std::vector<uint64_t> bits_;
  std::vector<uint32_t> met_;
  size_t met_count_ = 0;
  std::vector<uint32_t> rows_;  // of one list
  decltype(simd::SelectKernels::part_by_bits) part_by_bits_ = simd::select_kernels().part_by_bits;
};

// The nearest rows met so far in one array sorted by distance ("linear pool"): for the usual beams of tens to hundreds, moving a few hundred bytes beats two
// heaps, and the next row to expand is found by walking on. It holds the nearest `ef` live rows and every dead row that is nearer than the last of them;
// while there are fewer live rows it holds everything it is offered.
class Beam {
 public:
  // Throws std::bad_alloc.
  void begin(size_t ef) {
    ef_ = ef;
    size_ = 0;
    live_count_ = 0;
    cursor_ = 0;
    if (entries_.size() < ef + 1) entries_.resize(2 * ef + 64);
  }
  size_t size() const { return size_; }
  size_t live_count() const { return live_count_; }
  bool full() const { return live_count_ >= ef_; }
  const Candidate& operator[](size_t index) const { return entries_[index]; }
  // Rows at this distance or farther need not be offered.
  float worst() const { return full() ? entries_[size_ - 1].distance : kNoLimit; }

  // `is_live(row)` is asked again when a row falls off the end. Returns whether the row is now the nearest one to expand. Throws std::bad_alloc while the
  // beam is not full.
  template <class IsLive>
  bool offer(float distance, uint32_t row, bool live, const IsLive& is_live) {
    if (full() && distance >= entries_[size_ - 1].distance) return false;
    const size_t place = place_for(distance);
    if (size_ == entries_.size()) entries_.resize(2 * size_);
    std::memmove(&entries_[place + 1], &entries_[place], (size_ - place) * sizeof(Candidate));
    entries_[place] = {distance, row};
    ++size_;
    live_count_ += live ? 1 : 0;
    const bool is_nearest = place <= cursor_;
    if (is_nearest) cursor_ = place;
    if (full()) drop_behind_last_live(is_live);
    return is_nearest;
  }

  // Index of the nearest row not yet expanded, which counts as expanded from now on; size() if there is none.
  size_t next() {
    while (cursor_ < size_ && entries_[cursor_].expanded()) ++cursor_;
    if (cursor_ == size_) return size_;
    entries_[cursor_].word |= Candidate::kExpanded;
    return cursor_++;
  }
  // The row that next() would choose if nothing nearer were offered; kNoLink if there is none.
  uint32_t peek() const {
    for (size_t i = cursor_; i < size_; ++i) {
      if (!entries_[i].expanded()) return entries_[i].row();
    }
    return kNoLink;
  }
  size_t memory_bytes() const { return entries_.capacity() * sizeof(Candidate); }

 private:
  static constexpr float kNoLimit = std::numeric_limits<float>::infinity();

  // After every entry at the same distance. A mask where one would write `? half : 0`, of which g++ makes a jump that can not be predicted.
  size_t place_for(float distance) const {
    if (size_ == 0) return 0;
    const Candidate* low = entries_.data();
    for (size_t count = size_; count > 1;) {
      const size_t half = count / 2;
      low += half & (0 - size_t{low[half - 1].distance <= distance});
      count -= half;
    }
    return static_cast<size_t>(low - entries_.data()) + (low->distance <= distance ? 1 : 0);
  }
  // Keeps `ef` live rows, the last entry being one of them.
  template <class IsLive>
  void drop_behind_last_live(const IsLive& is_live) {
    if (live_count_ > ef_) {
      --size_;  // it was full before, so the last one is live
      --live_count_;
    }
    while (size_ > 0 && !is_live(entries_[size_ - 1].row())) --size_;
    if (cursor_ > size_) cursor_ = size_;
  }

  size_t ef_ = 0;
  size_t size_ = 0;
  size_t live_count_ = 0;
  size_t cursor_ = 0;  // everything before it is expanded
  std::vector<Candidate> entries_;
};

// Of a search by radius: an answer, and how far its row was in what the walk compares.
struct AnswerWithin {
  Neighbor neighbor;
  float walked_distance;
  friend bool operator<(const AnswerWithin& a, const AnswerWithin& b) { return a.neighbor < b.neighbor; }
};

struct alignas(quantize::kQueryAlignment) Line {
  std::byte bytes[quantize::kQueryAlignment];
};

struct SearchState {
  // Repairs compare the links of a list with twice as many that may come in. Throws std::bad_alloc.
  explicit SearchState(uint32_t list_links_max)
      : addresses(3 * list_links_max + 64),
        ids(addresses.size()),
        words(addresses.size()),
        distances(addresses.size()) {
    ranked.reserve(addresses.size());
    kept.reserve(addresses.size());
  }

  // Room for what a codec prepares: of the query, and of a row while lists are pruned. Throws std::bad_alloc.
  void fit_targets(size_t target_bytes) {
    const size_t lines = (target_bytes + sizeof(Line) - 1) / sizeof(Line);
    if (query_room.size() < lines) query_room.resize(lines);
    if (row_room.size() < lines) row_room.resize(lines);
  }
  std::byte* query_bytes() { return reinterpret_cast<std::byte*>(query_room.data()); }
  std::byte* row_bytes() { return reinterpret_cast<std::byte*>(row_room.data()); }

  std::shared_ptr<CodeStore> codes;  // those that this state has walked over last
  uint64_t codes_number = 0;         // which ones of the graph's they are
  VisitedRows visited;
  Beam beam;
  std::vector<Line> query_room;
  std::vector<Line> row_room;
  std::vector<const std::byte*> addresses;  // of the codes of one list
  std::vector<uint32_t> ids;                // unvisited neighbours of one row
  std::vector<uint32_t> words;              // one list as it was read, while pruning
  std::vector<float> distances;             // of `ids`
  std::vector<Candidate> ranked;            // places of that list by distance
  std::vector<uint32_t> kept;               // what the heuristic has chosen so far
  std::vector<Neighbor> found;              // of one level, nearest first
  std::array<std::vector<Neighbor>, kLevelMax + 1> chosen_by_level;
  Beam live_beam;                   // the answers of a wide walk; the rim of a search by radius
  std::vector<Candidate> frontier;  // the heap of these two
  std::vector<uint32_t>
      bridges;  // of a filtered walk: neighbours of one row that are no answers; and as much room again
  std::vector<uint32_t> around;      // of such a walk: rows near its start
  std::vector<AnswerWithin> within;  // of a search by radius: a heap, the farthest first
  uint64_t distance_computations = 0;
  size_t counted_bytes = 0;  // what the pool believes that this state holds

  size_t memory_bytes() const {
    size_t bytes = sizeof(SearchState) + visited.memory_bytes() + beam.memory_bytes() + live_beam.memory_bytes();
    bytes += (query_room.capacity() + row_room.capacity()) * sizeof(Line) + addresses.capacity() * sizeof(std::byte*);
    bytes += (ids.capacity() + words.capacity() + distances.capacity() + kept.capacity()) * sizeof(uint32_t);
    bytes += (bridges.capacity() + around.capacity()) * sizeof(uint32_t);
    bytes += found.capacity() * sizeof(Neighbor) + (frontier.capacity() + ranked.capacity()) * sizeof(Candidate);
    bytes += within.capacity() * sizeof(AnswerWithin);
    for (const auto& level : chosen_by_level) bytes += level.capacity() * sizeof(Neighbor);
    return bytes;
  }
};

// States that nobody uses at the moment. Taking one is an exchange; more threads at once than places only means new states.
class SearchStatePool {
 public:
  explicit SearchStatePool(uint32_t list_links_max) : list_links_max_(list_links_max) {}
  SearchStatePool(const SearchStatePool&) = delete;
  SearchStatePool& operator=(const SearchStatePool&) = delete;
  ~SearchStatePool() {
    for (auto& place : places_) delete place.load(std::memory_order_acquire);
  }

  class Lease {
   public:
    Lease(SearchStatePool& pool, std::unique_ptr<SearchState> state) : pool_(pool), state_(std::move(state)) {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool_.give_back(std::move(state_)); }
    SearchState& operator*() const { return *state_; }
    SearchState* operator->() const { return state_.get(); }

   private:
    SearchStatePool& pool_;
    std::unique_ptr<SearchState> state_;
  };

  // Throws std::bad_alloc when it has to make one.
  Lease take() {
    for (auto& place : places_) {
      if (SearchState* state = place.exchange(nullptr, std::memory_order_acq_rel)) {
        return {*this, std::unique_ptr<SearchState>(state)};
      }
    }
    return {*this, std::make_unique<SearchState>(list_links_max_)};
  }
  // States that nobody uses let go of codes that have been replaced.
  void forget_codes() {
    for (auto& place : places_) {
      std::unique_ptr<SearchState> state(place.exchange(nullptr, std::memory_order_acq_rel));
      if (state == nullptr) continue;
      state->codes.reset();
      state->codes_number = 0;
      give_back(std::move(state));
    }
  }
  // What all states held when they were last given back.
  uint64_t memory_bytes() const { return memory_bytes_.load(std::memory_order_relaxed); }

 private:
  void give_back(std::unique_ptr<SearchState> state) {
    const size_t bytes = state->memory_bytes();
    memory_bytes_.fetch_add(bytes - state->counted_bytes, std::memory_order_relaxed);
    state->counted_bytes = bytes;
    for (auto& place : places_) {
      SearchState* expected = nullptr;
      if (place.load(std::memory_order_relaxed) == nullptr &&
          place.compare_exchange_strong(expected, state.get(), std::memory_order_acq_rel)) {
        static_cast<void>(state.release());  // the place owns it now
        return;
      }
    }
    memory_bytes_.fetch_sub(bytes, std::memory_order_relaxed);
  }

  const uint32_t list_links_max_;
  std::array<std::atomic<SearchState*>, 32> places_{};
  std::atomic<uint64_t> memory_bytes_{0};
};

}  // namespace omendb::graph
