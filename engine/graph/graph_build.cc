// Inserting (Malkov & Yashunin 2018, Algorithm 1), by any number of threads at once, with a proof that no row is ever lost.
//
// Pruning by distance alone can cut a row off: thousands of equal vectors, zero vectors or a far-off group lose all links that lead to them. So every row but
// the *root* has a *parent*, whose level-0 link to it is protected, that is, never pruned: the rows are a tree of protected links. A new row takes a parent
// from what its search found, which hangs on the tree itself (a row is found only after its parent link was stored, because that link is the first one that
// leads to it). Every walk on level 0 begins from the root too, so every row can be reached. A parent takes at most m children, so m of its 2 * m places stay
// free for the heuristic. A row whose nearest neighbours are all full goes to a row below them in the tree: every way down ends at a row without children.
// graph_repair.cc keeps the tree whole where rows are taken out; new rows have nothing to do with those that are on their way out.

#include <cassert>
#include <cmath>
#include <new>
#include <string>

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

// floor(-ln(U) / ln(m)) with U from (seed, row) alone, so that the order of inserts does not matter.
uint32_t level_of(const GraphOptions& options, uint32_t row) {
  uint64_t mixed = options.seed ^ (uint64_t{row} * 0xd1342543de82ef95ULL);
  const double uniform = static_cast<double>((base::splitmix64(mixed) >> 11) + 1) * 0x1.0p-53;  // (0, 1]
  const double level = std::floor(-std::log(uniform) / std::log(static_cast<double>(options.m)));
  return static_cast<uint32_t>(std::min(level, static_cast<double>(kLevelMax)));
}

class Insertion {
 public:
  Insertion(Graph::Impl& graph, const VectorsView& vectors, uint32_t row, SearchState& state)
      : graph_(graph),
        row_(row),
        level_(level_of(graph.options, row)),
        walk_{graph, graph.space(vectors, state), nullptr, state, vectors.row_count} {}

  Result<void> run() {
    for (auto& chosen : walk_.state.chosen_by_level) chosen.clear();
    encode();
    if (level_ > 0) upper_position_ = graph_.links.add_upper(row_, level_);
    if (upper_position_ == 0) level_ = 0;
    std::unique_lock entry_guard(graph_.entry_lock, std::defer_lock);
    EntryPoint entry = graph_.entry();
    if (entry.row == kNoLink || level_ > entry.level) {
      entry_guard.lock();
      entry = graph_.entry();
      if (entry.row != kNoLink && level_ <= entry.level) entry_guard.unlock();
    }
    if (entry.row == kNoLink) {
      write_own_lists();
      publish();
      graph_.set_root(row_);
      graph_.set_entry({row_, level_});
      return {};
    }
    choose_neighbors(entry);
    write_own_lists();
    TRY(parent, attach_to_parent());
    publish();
    link_back(parent);
    if (level_ > entry.level) graph_.set_entry({row_, level_});
    return {};
  }

 private:
  // A row that the codec clips is compared as what its code stands for, so that its distances fit those between codes.
  void encode() {
    walk_.space.encode(row_);
    if (!walk_.space.builds_graphs()) return compare_full_vectors();
    walk_.query = walk_.space.target_of(walk_.space.vector_of(row_), walk_.state.query_bytes());
    if (walk_.query == nullptr) walk_.query = walk_.space.target_of_row(row_, walk_.state.query_bytes());
  }

  // Where codes can not say which of two rows is the better neighbour of this one.
  void compare_full_vectors() {
    walk_.space = walk_.space.full();
    walk_.query = walk_.space.target_of_row(row_, nullptr);
  }

  // Searches every level that both this row and the graph have, from the top, and chooses this row's links there.
  void choose_neighbors(EntryPoint entry) {
    SearchState& state = walk_.state;
    const auto is_staying = [this](uint32_t row) { return !graph_.is_dying(row); };
    Candidate start = walk_.descend(entry, level_);
    for (uint32_t levels = std::min(level_, entry.level) + 1; levels-- > 0;) {
      const uint32_t level = levels;
      state.visited.begin(graph_.links.row_count());
      walk_.search_level(start, level, graph_.options.ef_construction, SIZE_MAX, is_staying);
      state.found.clear();
      for (size_t i = 0; i < state.beam.size(); ++i) {
        if (is_staying(state.beam[i].row()))
          state.found.push_back({state.beam[i].distance, RowId{state.beam[i].row()}});
      }
      if (state.found.empty()) continue;  // all rows of an upper level are on their way out; on level 0 the root stays
      if (walk_.space.is_coarse(state.found[std::min<size_t>(graph_.options.m, state.found.size()) - 1].distance)) {
        compare_full_vectors();
        choose_neighbors(entry);
        return;
      }
      choose_diverse(walk_, state.found, graph_.options.m, state.chosen_by_level[level]);
      start = {state.found.front().distance, state.found.front().row.value};
    }
  }

  // Nobody knows this row yet, so plain order suffices: the first link that leads here publishes it all.
  void write_own_lists() {
    const SearchState& state = walk_.state;
    uint64_t edges = 0;
    for (uint32_t level = 0; level <= level_; ++level) {
      const std::span<uint32_t> list =
          level == 0 ? std::span(graph_.links.links(row_), graph_.links.capacity(0)) : own_upper_list(level);
      size_t count = 0;
      for (const Neighbor& neighbor : state.chosen_by_level[level]) list[count++] = neighbor.row.value;
      edges += count;
      while (count < list.size()) list[count++] = kNoLink;
    }
    graph_.links.mark_list(row_, 0);
    graph_.edges.fetch_add(edges, std::memory_order_relaxed);
  }

  std::span<uint32_t> own_upper_list(uint32_t level) {
    UpperHeader* header = graph_.links.upper_at(upper_position_);
    return {reinterpret_cast<uint32_t*>(header + 1) + static_cast<size_t>(level - 1) * graph_.links.m(),
            graph_.links.m()};
  }

  // Stores the parent link: from the nearest chosen row with room for a child, or from a row below the nearest one. Returns the parent.
  Result<uint32_t> attach_to_parent() {
    const SearchState& state = walk_.state;
    for (const Neighbor& neighbor : state.chosen_by_level[0]) {
      if (offer_as_child(neighbor.row.value, neighbor.distance)) return neighbor.row.value;
    }
    return attach_below(graph_, walk_.space, walk_.state, state.found.front().row.value, row_);
  }

  bool offer_as_child(uint32_t parent, float distance) {
    return offer_link(graph_, walk_.space, walk_.state, parent, 0, {distance, RowId{row_}}, true, graph_.options.m) ==
           LinkOffer::kTaken;
  }

  void publish() {
    graph_.links.mark_state(row_);
    store_link(graph_.links.state_word(row_), kLinkedBit | upper_position_);
    graph_.linked_rows.fetch_add(1, std::memory_order_relaxed);
  }

  // The links from the chosen rows back to this one, lowest level first.
  void link_back(uint32_t parent) {
    for (uint32_t level = 0; level <= level_; ++level) {
      for (const Neighbor& neighbor : walk_.state.chosen_by_level[level]) {
        if (level == 0 && neighbor.row.value == parent) continue;
        (void)offer_link(graph_, walk_.space, walk_.state, neighbor.row.value, level, {neighbor.distance, RowId{row_}},
                         false, 0);
      }
    }
  }

  Graph::Impl& graph_;
  const uint32_t row_;
  uint32_t level_;
  uint32_t upper_position_ = 0;
  Walk walk_;
};

// A child by chance: keeps the tree shallow where all distances are equal. kNoLink if there is none that stays.
uint32_t any_child_of(const Graph::Impl& graph, uint32_t parent, uint64_t& random_state) {
  uint32_t child = kNoLink;
  uint64_t children_seen = 0;
  for (uint32_t& link : graph.links.list(parent, 0)) {
    const uint32_t word = load_link(&link);
    if ((word & kProtectedBit) == 0 || graph.is_dying(word & kRowMask)) continue;
    if (base::splitmix64(random_state) % ++children_seen == 0) child = word & kRowMask;
  }
  return child;
}

}  // namespace

Result<uint32_t> attach_below(Graph::Impl& graph, const RowSpace& space, SearchState& state, uint32_t top,
                              uint32_t row) {
  uint64_t random_state = row;
  uint32_t parent = top;
  for (uint64_t steps = 0; steps <= graph.links.row_count(); ++steps) {
    const uint32_t child = any_child_of(graph, parent, random_state);
    // Where all children are on their way out, their places will be free.
    const size_t children_max = child == kNoLink ? graph.links.capacity(0) - 1 : graph.options.m;
    const float distance = space.distance(space.target_of_row(row, state.row_bytes()), parent);
    if (offer_link(graph, space, state, parent, 0, {distance, RowId{row}}, true, children_max) == LinkOffer::kTaken) {
      return parent;
    }
    if (child == kNoLink) break;
    parent = child;
  }
  return Error{ErrorCode::kCorruption, "graph: no row can take row " + std::to_string(row) +
                                           " as a child; its tree of protected links is damaged"};
}

Result<void> Graph::insert(const VectorsView& vectors, RowId row) {
  if (row.value >= kRowsMax) {
    return Error{ErrorCode::kNotSupported,
                 "graph: row " + std::to_string(row.value) + " is past the last one that a graph can hold"};
  }
  try {
    impl_->links.cover(row.value);
    assert(!contains(row) && "a row is linked once");
    const SearchStatePool::Lease state = impl_->states.take();
    return Insertion(*impl_, vectors, row.value, *state).run();
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "graph: no memory to link row " + std::to_string(row.value)};
  }
}

}  // namespace omendb::graph
