#pragma once

// What the searches for the k nearest share: how far they look, and how a beam becomes answers. Not for other rooms; they include graph.h.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "engine/graph/graph_impl.h"
#include "engine/graph/live_words.h"

namespace omendb::graph {

class NearestSearch {
 public:
  struct Widths {
    size_t k = 0;
    size_t ef = 0;      // at least k
    size_t rerank = 0;  // of codes; at least k
  };
  // `exact`: the same walk over full vectors. All are borrowed.
  NearestSearch(const Walk& walk, const Walk& exact, const LiveRows& live, const Widths& widths)
      : walk_(walk), exact_(exact), live_(live), k_(widths.k), ef_(widths.ef), rerank_(widths.rerank) {}

  // Of answers; nothing where the codes can not tell the nearest rows apart.
  using Count = std::optional<size_t>;
  // Compares with every live row, by codes first where there are any.
  Count scan(std::span<Neighbor> out);

 protected:
  // Wider beams are for those who want to miss less, so they look farther as well. Inner products are no distances, and codes too coarse to build graphs by say too
  // little about where the last answer is.
  Horizon horizon(size_t ef) const;
  // The nearest live rows of a beam, by their full vectors.
  Count take(const Beam& beam, std::span<Neighbor> out);

  const Walk& walk_;
  const Walk& exact_;  // the same query, compared with full vectors
  const LiveRows& live_;
  const size_t k_;
  const size_t ef_;

 private:
  size_t rows_wanted() const { return walk_.space.has_codes() ? rerank_ : k_; }
  Count finish(std::span<Neighbor> out);
  void compare_exactly();

  const size_t rerank_;
};

// Graph::search where a condition chose few of the rows (graph_filtered.cc).
class FilteredSearch : public NearestSearch {
 public:
  FilteredSearch(const Walk& walk, const Walk& exact, const LiveRows& live, const Widths& widths,
                 const SearchOptions& options)
      : NearestSearch(walk, exact, live, widths),
        passing_count_(options.passing_count),
        passing_share_(options.passing_share),
        ef_wide_(std::max(options.ef_wide, ef_)) {}
  Count run(EntryPoint entry, std::span<Neighbor> out);

 private:
  Count run_widely(Candidate start, std::span<Neighbor> out);
  Count answer(std::span<Neighbor> out);
  bool is_away(uint32_t start) const;
  bool scan_is_cheaper() const;
  void begin_beam(Candidate start, size_t ef);
  template <class Ends>
  bool walk_until(size_t ef, const Ends& ends);
  bool walk_on();
  void walk_on_widely();
  void meet_around(Candidate start);
  void offer_around();
  void begin_with_samples();
  void offer_reached(size_t count);
  size_t collect(uint32_t row);
  VisitedRows::Split collect_from(uint32_t row, uint32_t* fresh, uint32_t* others);
  double reach(uint64_t links_passing, uint64_t links_seen) const;
  bool is_lost() const;

  const uint64_t passing_count_;
  const double passing_share_;
  const size_t ef_wide_;
  uint64_t links_seen_ = 0;
  uint64_t links_passing_ = 0;
};

}  // namespace omendb::graph
