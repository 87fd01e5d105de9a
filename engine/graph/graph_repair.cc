// Taking rows out of the graph in place.
//
// A row can not leave by itself: lists all over the graph lead to it, and many ways to its neighbours lead through it. As in IP-DiskANN (Xu et al. 2025, arXiv
// 2502.13826) the lists that lose a link are given new ones in its stead at once, and nothing is built again. We differ in how those lists are found. Links lead one way, and
// IP-DiskANN finds most lists that lead to a row by a search for it; what it misses is cleaned up later. Here rows leave in turns, one in fifty or more at a time,
// and one pass over all lists finds every link to any of them. The pass costs a bit test a link, and the search is saved: it is what an insert mostly consists of.
//
// A turn: (1) rows are marked as dying, while no insert runs. Searches go on walking through them; inserts too, but choose none of them. (2) The pass, in pieces that
// any thread takes, beside inserts and searches: each list gives up its links to dying rows and takes as many of the rows behind them as pass the test of diversity
// that an insert uses. A list that loses more than a few links takes of the nearest staying rows instead, found by a search that begins at its own row and so is short:
// where half of the rows go at once, what lies behind them is too poor a choice. (3) No list leads to the rows any more; their own lists are cleared and their upper
// levels given away.
//
// The tree of protected links (graph_build.cc) stays whole: a row whose child dies adopts the nearest staying row below it, and the other rows that hung on the
// dying one are attached to it or below the adopted row. Those hang in other branches than their own, so no circle can come about. The new links are stored before
// the old one goes, so whatever could be reached can be reached at every moment.
//
// A graph that is saved in the middle of a turn holds dying rows that hang on no other any more. Nobody knows them for such when it is loaded, and a row that took one of them
// as its parent would be lost with the next turn. So loading says that there are some, and a turn that takes them begins before anything is linked (Graph::erase_cut_off).

#include <algorithm>
#include <cassert>
#include <new>
#include <string>

#include "engine/base/try.h"
#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

constexpr uint32_t kChosen = UINT32_MAX;
// A piece of a turn takes a few milliseconds: so many rows where one in fifty dies, fewer where more do.
constexpr uint32_t kRowsPerPiece = 512;
constexpr size_t kSearchesPerPiece = 32;
constexpr size_t kShareToSearch = 8;  // a list that loses one link in so many is worth a search
constexpr size_t kBeamsToSearch = 8;  // a search that has met so many times the rows it wants gives up

// What hangs on `row` in the tree and stays: the nearest staying rows on every way down.
void collect_orphans(const Graph::Impl& graph, uint32_t row, std::vector<uint32_t>& orphans) {
  std::vector<uint32_t> waiting{row};
  while (!waiting.empty()) {
    const uint32_t dying = waiting.back();
    waiting.pop_back();
    for (uint32_t& link : graph.links.list(dying, 0)) {
      const uint32_t word = load_link(&link);
      if ((word & kProtectedBit) == 0) continue;
      (graph.is_dying(word & kRowMask) ? waiting : orphans).push_back(word & kRowMask);
    }
  }
}

class ListRepair {
 public:
  ListRepair(Graph::Impl& graph, const VectorsView& vectors, SearchState& state)
      : graph_(graph), state_(state), space_(graph.space(vectors, state)) {
    if (!space_.builds_graphs()) space_ = space_.full();
  }

  Result<void> repair_row(uint32_t row) {
    for (uint32_t level = 0; level <= graph_.links.level(row); ++level) {
      const Losses losses = losses_of(row, level);
      if (losses.dying == 0) continue;
      if (level == 0) TRY_OK(adopt_children_of_dying(row));
      collect_candidates(row, level, losses);
      replace_links(row, level);
      for (const Neighbor& neighbor : chosen_) {
        (void)offer_link(graph_, space_, state_, neighbor.row.value, level, {neighbor.distance, RowId{row}}, false, 0);
      }
    }
    return {};
  }

  // So far.
  size_t searches() const { return searches_; }

  // Gives orphans to `parent`, which may take one more child than usual where one of its own dies: the nearest first, the others below it where there is no room.
  Result<void> adopt(uint32_t parent, std::vector<uint32_t>& orphans) {
    if (orphans.empty()) return {};
    const auto nearest = nearest_of(parent, orphans);
    std::swap(orphans.front(), orphans[nearest]);
    const uint32_t heir = orphans.front();
    TRY_OK(attach_below(graph_, space_, state_, parent, heir));
    for (size_t i = 1; i < orphans.size(); ++i) TRY_OK(attach_below(graph_, space_, state_, heir, orphans[i]));
    return {};
  }

 private:
  struct Losses {
    size_t links = 0;
    size_t dying = 0;  // of the links, those that lead to dying rows
  };
  Losses losses_of(uint32_t row, uint32_t level) const {
    Losses losses;
    for (uint32_t& word : graph_.links.list(row, level)) {
      const uint32_t neighbor = load_link(&word) & kRowMask;
      if (neighbor != kNoLink) ++losses.links;
      if (graph_.is_dying(neighbor)) ++losses.dying;
    }
    return losses;
  }

  size_t nearest_of(uint32_t row, const std::vector<uint32_t>& others) const {
    const RowSpace::Target target = space_.target_of_row(row, state_.query_bytes());
    size_t nearest = 0;
    float nearest_distance = space_.distance(target, others[0]);
    for (size_t i = 1; i < others.size(); ++i) {
      const float distance = space_.distance(target, others[i]);
      if (distance < nearest_distance) nearest = i;
      nearest_distance = std::min(nearest_distance, distance);
    }
    return nearest;
  }

  Result<void> adopt_children_of_dying(uint32_t row) {
    orphans_.clear();
    for (uint32_t& link : graph_.links.list(row, 0)) {
      const uint32_t word = load_link(&link);
      if ((word & kProtectedBit) != 0 && graph_.is_dying(word & kRowMask)) {
        collect_orphans(graph_, word & kRowMask, orphans_);
      }
    }
    return adopt(row, orphans_);
  }

  // Rows that may take the places of dying ones, none twice; at most twice as many as a list holds.
  void collect_candidates(uint32_t row, uint32_t level, const Losses& losses) {
    if (losses.dying * kShareToSearch >= losses.links && collect_nearest(space_, row, level, losses.dying)) return;
    collect_behind_dying(row, level);
  }

  // The nearest staying rows that are not in the list, by a walk that begins at `row` itself. False if it met fewer than are lost: the dying ones are too many here.
  bool collect_nearest(const RowSpace& space, uint32_t row, uint32_t level, size_t lost) {
    const std::span<uint32_t> list = graph_.links.list(row, level);
    // Of as many as a list holds recall falls a little; twice as many win nothing and cost a third more.
    const size_t wanted = list.size() * 3 / 2;
    const auto is_staying = [this](uint32_t other) { return !graph_.is_dying(other); };
    const Walk walk{graph_, space, space.target_of_row(row, state_.query_bytes()), state_, graph_.links.row_count()};
    ++searches_;
    state_.visited.begin(graph_.links.row_count());
    walk.search_level({walk.distance_to(row), row}, level, wanted, kBeamsToSearch * wanted, is_staying);
    const Beam& beam = state_.beam;
    const bool coarse = beam.size() > graph_.links.m() && space.is_coarse(beam[graph_.links.m()].distance);
    if (coarse) return collect_nearest(space.full(), row, level, lost);
    for (size_t i = 0; i < list.size(); ++i) state_.words[i] = load_link(&list[i]) & kRowMask;
    const auto known_end = state_.words.begin() + static_cast<ptrdiff_t>(list.size());
    candidates_.clear();
    for (size_t i = 0; i < beam.size() && candidates_.size() < wanted; ++i) {
      const uint32_t other = beam[i].row();
      if (other == row || !is_staying(other)) continue;
      if (std::find(state_.words.begin(), known_end, other) == known_end) candidates_.push_back(other);
    }
    return candidates_.size() >= lost;
  }

  // The rows behind the dying ones of the list, but those that are in it. Where dying rows lie behind dying ones, as when most of a region goes at once, what lies
  // behind those.
  void collect_behind_dying(uint32_t row, uint32_t level) {
    candidates_.clear();
    dying_.clear();
    const std::span<uint32_t> list = graph_.links.list(row, level);
    const size_t candidates_max = 2 * list.size();
    state_.visited.begin(graph_.links.row_count());
    uint32_t self = row;
    (void)state_.visited.visit({&self, 1});
    for (const uint32_t neighbor : state_.visited.visit(list)) {
      if (graph_.is_dying(neighbor)) dying_.push_back(neighbor);
    }
    for (size_t i = 0; i < dying_.size() && candidates_.size() < candidates_max; ++i) {
      for (const uint32_t behind : state_.visited.visit(graph_.links.list(dying_[i], level))) {
        (graph_.is_dying(behind) ? dying_ : candidates_).push_back(behind);
      }
    }
    candidates_.resize(std::min(candidates_.size(), candidates_max));
  }

  void replace_links(uint32_t row, uint32_t level) {
    const ListLocks::Guard guard = graph_.list_locks.lock(row);
    const std::span<uint32_t> list = graph_.links.list(row, level);
    uint64_t dying_links = 0;
    size_t staying = 0;
    for (uint32_t& word : list) {
      const uint32_t neighbor = load_link(&word) & kRowMask;
      if (neighbor == kNoLink) continue;
      if (graph_.is_dying(neighbor)) {
        ++dying_links;
      } else {
        state_.ids[staying++] = neighbor;
      }
    }
    choose_replacements(row, staying, dying_links, list.size() - staying);
    uint64_t added = 0;
    for (uint32_t& word : list) {
      const uint32_t neighbor = load_link(&word) & kRowMask;
      if (neighbor != kNoLink && !graph_.is_dying(neighbor)) continue;
      const bool takes_new = added < chosen_.size();
      if (neighbor != kNoLink || takes_new) store_link(&word, takes_new ? chosen_[added].row.value : kNoLink);
      added += takes_new ? 1 : 0;
    }
    graph_.links.mark_list(row, level);
    graph_.edges.fetch_add(added - dying_links, std::memory_order_relaxed);
  }

  // Into chosen_: at most `count_max` of the candidates, spread out among each other and the links that stay, which are the first `staying` of state_.ids.
  void choose_replacements(uint32_t row, size_t staying, size_t lost, size_t count_max) {
    // An insert may have linked one of them meanwhile.
    std::erase_if(candidates_, [&](uint32_t candidate) {
      return std::find(state_.ids.begin(), state_.ids.begin() + static_cast<ptrdiff_t>(staying), candidate) !=
             state_.ids.begin() + static_cast<ptrdiff_t>(staying);
    });
    chosen_.clear();
    if (candidates_.empty()) return;
    std::copy(candidates_.begin(), candidates_.end(), state_.ids.begin() + static_cast<ptrdiff_t>(staying));
    const size_t count = staying + candidates_.size();
    rank(space_, state_, row, count);
    if (!space_.is_coarse(state_.ranked[count / 2].distance)) return keep_new(space_, staying, lost, count_max);
    const RowSpace full = space_.full();
    rank(full, state_, row, count);
    keep_new(full, staying, lost, count_max);
  }

  // As many as are diverse and find room; where those are fewer than the links that went, the nearest others, as in a list that has never been full.
  void keep_new(const RowSpace& space, size_t staying, size_t lost, size_t count_max) {
    state_.kept.clear();
    for (Candidate& candidate : state_.ranked) {
      const uint32_t neighbor = state_.ids[candidate.word];
      if (candidate.word >= staying) {
        if (chosen_.size() == count_max || !is_diverse(space, state_, neighbor, candidate.distance)) continue;
        chosen_.push_back({candidate.distance, RowId{neighbor}});
        candidate.word = kChosen;
      }
      state_.kept.push_back(neighbor);
    }
    for (const Candidate& candidate : state_.ranked) {
      if (chosen_.size() >= lost) return;
      if (candidate.word == kChosen || candidate.word < staying) continue;
      chosen_.push_back({candidate.distance, RowId{state_.ids[candidate.word]}});
    }
  }

  Graph::Impl& graph_;
  SearchState& state_;
  RowSpace space_;
  std::vector<uint32_t> orphans_;
  std::vector<uint32_t> dying_;
  std::vector<uint32_t> candidates_;
  std::vector<Neighbor> chosen_;
  size_t searches_ = 0;
};

// The entry point has to be on the highest level that a staying row is on.
EntryPoint highest_staying_row(const Graph::Impl& graph) {
  EntryPoint highest;
  for (uint32_t row = 0; row < graph.links.row_count(); ++row) {
    if ((graph.links.state(row) & kLinkedBit) == 0 || graph.is_dying(row)) continue;
    const uint32_t level = graph.links.level(row);
    if (highest.row == kNoLink || level > highest.level) highest = {row, level};
  }
  return highest;
}

}  // namespace

RowPiece Erasure::take() {
  const std::lock_guard lock(taking);
  if (!put_aside.empty()) {
    const RowPiece piece = put_aside.back();
    put_aside.pop_back();
    return piece;
  }
  const uint32_t first = next_row;
  next_row = std::min(row_count, next_row + kRowsPerPiece);
  return {first, next_row};
}

void Erasure::put_back(RowPiece piece) {
  if (piece.first == piece.end) return;
  const std::lock_guard lock(taking);
  put_aside.push_back(piece);
}

bool Erasure::has_more() {
  const std::lock_guard lock(taking);
  return !put_aside.empty() || next_row < row_count;
}

// A region is empty for good where no row is linked and none will be.
void Graph::Impl::release_rows_below(uint32_t row_count) {
  links.release_rows_below(row_count);
  const auto current = codes();
  for (uint32_t row = 0; current != nullptr && row < row_count; row += LinkStore::kRowsPerChunk) {
    if (row < links.row_count() && links.is_released(row)) current->release_chunk_of(row);
  }
}

// The root and the entry point stay; where they can not, others take over before anybody misses them.
Result<void> Graph::Impl::replace_dying_starts(const VectorsView& vectors) {
  if (is_dying(entry().row)) set_entry(highest_staying_row(*this));
  if (!is_dying(root())) return {};
  std::vector<uint32_t> orphans;
  collect_orphans(*this, root(), orphans);
  if (orphans.empty()) {  // everything goes
    set_root(kNoLink);
    return {};
  }
  std::vector<uint32_t> others(orphans.begin() + 1, orphans.end());
  const SearchStatePool::Lease state = states.take();
  TRY_OK(ListRepair(*this, vectors, *state).adopt(orphans.front(), others));
  set_root(orphans.front());
  return {};
}

Result<void> Graph::begin_erase(const VectorsView& vectors, std::span<const RowId> rows) {
  assert(!erase_under_way() && "one turn at a time");
  const EntryPoint entry = impl_->entry();
  const auto begin = [&]() -> Result<void> {
    try {
      auto erasure = std::make_unique<Erasure>();
      erasure->row_count = impl_->links.row_count();
      erasure->dying.resize(erasure->row_count);
      erasure->put_aside.reserve(erasure->row_count / kRowsPerPiece + 1);  // so that putting back never fails
      for (const RowId row : rows) {
        if (!contains(row) || erasure->dying.test(row.value)) continue;
        erasure->dying.set(row.value);
        erasure->rows.push_back(row.value);
      }
      if (erasure->rows.empty()) return {};
      impl_->erasure = std::move(erasure);
      return impl_->replace_dying_starts(vectors);
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory, "graph: no memory to take out " + std::to_string(rows.size()) + " rows"};
    }
  };
  Result<void> begun = begin();
  if (!begun.ok()) {  // all rows are still in their places, and so is the root
    impl_->erasure.reset();
    impl_->set_entry(entry);
    return begun;
  }
  impl_->erase_cut_off.store(false, std::memory_order_release);
  return begun;
}

bool Graph::erase_under_way() const { return impl_->erasure != nullptr; }

bool Graph::erase_cut_off() const { return impl_->erase_cut_off.load(std::memory_order_acquire); }

Result<bool> Graph::repair_some(const VectorsView& vectors) {
  if (!erase_under_way()) return false;
  Erasure& erasure = *impl_->erasure;
  erasure.repairing.fetch_add(1, std::memory_order_acq_rel);
  RowPiece piece = erasure.take();
  const auto repair = [&]() -> Result<bool> {
    if (piece.first == piece.end) return false;
    try {
      const SearchStatePool::Lease state = impl_->states.take();
      ListRepair lists(*impl_, vectors, *state);
      for (; piece.first < piece.end && lists.searches() < kSearchesPerPiece; ++piece.first) {
        const uint32_t row = piece.first;
        if (contains({row}) && !erasure.is_dying(row)) TRY_OK(lists.repair_row(row));
      }
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory, "graph: no memory to repair the lists of rows"};
    }
    return true;
  };
  Result<bool> repaired = repair();
  erasure.put_back(piece);
  erasure.repairing.fetch_sub(1, std::memory_order_acq_rel);
  return repaired;
}

bool Graph::erase_repaired() const {
  assert(erase_under_way());
  Erasure& erasure = *impl_->erasure;
  return erasure.repairing.load(std::memory_order_acquire) == 0 && !erasure.has_more();
}

void Graph::end_erase(uint32_t settled_rows) {
  assert(erase_under_way() && erase_repaired());
  LinkStore& links = impl_->links;
  uint64_t edges = 0;
  for (const uint32_t row : impl_->erasure->rows) {
    const uint32_t position = links.state(row) & kUpperPositionMask;
    for (uint32_t level = 0; level <= links.level(row); ++level) {
      for (uint32_t& word : links.list(row, level)) {
        if ((load_link(&word) & kRowMask) != kNoLink) ++edges;
        if (level == 0) store_link(&word, kNoLink);
      }
    }
    links.mark_list(row, 0);
    links.mark_state(row);
    store_link(links.state_word(row), 0);
    if (position != 0) links.free_upper(position);
  }
  impl_->edges.fetch_sub(edges, std::memory_order_relaxed);
  impl_->linked_rows.fetch_sub(impl_->erasure->rows.size(), std::memory_order_relaxed);
  impl_->erasure.reset();
  impl_->release_rows_below(settled_rows);
}

void Graph::release_regions(uint32_t settled_rows) { impl_->release_rows_below(settled_rows); }

}  // namespace omendb::graph
