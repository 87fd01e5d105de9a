#pragma once

// The navigable graph over one vector column: HNSW (Malkov & Yashunin 2018, arXiv 1603.09320), built in place by several threads beside
// readers that never wait. The graph holds edges only; vectors are borrowed through VectorsView, rows are plain numbers, files are somebody else's.

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/base/row_bits.h"
#include "engine/base/stop.h"
#include "engine/quantize/codec.h"
#include "engine/simd/distance.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <vector>

namespace omendb::graph {

// Rows of float32 vectors, or of bits where the metric compares bits, one behind the other. Borrowed: the bytes of a linked row never change or move while a view
// of them is in use.
struct VectorsView {
  VectorsView() = default;
  VectorsView(const float* vectors, size_t dimensions)
      : bytes(reinterpret_cast<const std::byte*>(vectors)), dims(dimensions), row_bytes(dimensions * sizeof(float)) {}
  VectorsView(const std::byte* first_row, size_t dimensions, size_t bytes_a_row)
      : bytes(first_row), dims(dimensions), row_bytes(bytes_a_row) {}

  const std::byte* row(size_t index) const { return bytes + index * row_bytes; }
  // Where rows are float32 vectors.
  const float* floats(size_t index) const { return reinterpret_cast<const float*>(row(index)); }

  const std::byte* bytes = nullptr;
  size_t dims = 0;
  size_t row_bytes = 0;
  // A search looks at no row from here on: it may have been linked by somebody who sees more. Who links or erases rows sees every linked one.
  uint32_t row_count = UINT32_MAX;
};

struct GraphOptions {
  simd::Metric metric = simd::Metric::kL2;
  // 2 to 512 links per row on upper levels; 2 * m on level 0. More: better recall at high targets, more memory, slower build
  uint32_t m = 16;
  uint32_t ef_construction = 200;  // beam while inserting. More: better graph, slower build
  // What walks and inserts compare; answers are always compared by the full vectors. Codes: faster, and the vectors need not be in memory
  quantize::Storage storage = quantize::Storage::kF32;
  uint32_t rabitq_bits = 4;  // of kRabitq
  uint32_t pq_bits = 8;      // of kPq
  uint64_t seed = 42;        // levels are a function of (seed, row), so a single-threaded build is reproducible
};

// On average, of a row; a list holds up to 2 m.
inline double links_of_row(uint32_t m) { return 1.5 * m; }
// Rows that pass and to which two links lead from a row, where such a share of all rows passes.
inline double rows_within_two_links(uint32_t m, double passing_share) {
  return passing_share * links_of_row(m) * links_of_row(m);
}

struct Neighbor {
  float distance;  // as simd::DistanceKernels returns it
  RowId row;
  friend bool operator<(const Neighbor& a, const Neighbor& b) {
    return a.distance < b.distance || (a.distance == b.distance && a.row < b.row);
  }
};

// Which rows may be answers.
using LiveRows = base::RowBits;

// What a search for the k nearest does where a condition chose the live rows. Not heeded by searches by radius, which walk through all rows.
enum class Filtered : uint8_t {
  kNot,   // most rows live: walks through all of them and keeps those that live
  kWalk,  // walks over live rows alone, from one to the next through the lists of others (graph_filtered.cc); with a wider beam where few of those around the query live
  kScan,  // compares with each live row
};

struct SearchOptions {
  size_t k = 10;
  // Beam; raised to k if smaller. Where other rows are much farther than the k-th one, a walk ends before its beam is full.
  size_t ef = 64;
  size_t rerank =
      0;  // of a walk over codes: how many of the nearest are compared by their full vectors; 0 = chosen from k and ef
  // This row is treated as if it had never been linked: links to it lead to one of its neighbours instead. So a graph is asked with a row of its own as if
  // that row were somebody's query (table/calibration.h). If walks start at it, it may be returned.
  uint32_t left_out = UINT32_MAX;
  // Below infinity: all live rows no farther than this, at most the k nearest of them. `ef` then counts the rows beyond the radius that the walk passes, is not raised
  // to k, and there may be fewer than k answers. As simd::DistanceKernels returns distances.
  float radius = std::numeric_limits<float>::infinity();
  Filtered filtered = Filtered::kNot;
  uint64_t passing_count = 0;  // of kWalk: how many rows live
  double passing_share = 1;    // of kWalk: of all rows that would without the condition
  size_t ef_wide = 0;          // of kWalk: the beam where few of the rows around the query live; raised to ef
  uint32_t linked_below = 0;  // live rows below are linked, whoever looks: spares a look at each where all are compared
  base::Stop* stop = nullptr;  // asked every few expansions; what a stopped search returns means nothing
};

struct SearchCounters {  // optional; filled when the pointer given is not null
  uint64_t visited_rows = 0;
  uint64_t distance_computations = 0;
};

struct GraphStats {
  uint64_t linked_rows = 0;         // those that are being erased included
  uint32_t entry_row = UINT32_MAX;  // where walks start; UINT32_MAX = empty graph
  uint64_t level_max = 0;
  uint64_t edges = 0;
  uint64_t memory_bytes = 0;  // what the graph really holds, codes included
  uint64_t code_memory_bytes = 0;
};

class Graph {
 public:
  struct Impl;  // graph_impl.h, for the files of this room
  explicit Graph(const GraphOptions& options);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  // Learns from a sample of rows (at least one) how to encode them, and encodes the linked ones anew; until then walks compare full vectors. Wanted before the first
  // insert of a graph whose storage is not kF32, and again when rows have become many more or different (training()). Threads: searches may run beside it, inserts
  // may not. Cost: O(sample + linked rows). Memory: old and new codes until the last search over the old ones ends. Fails: kOutOfMemory, nothing changed.
  Result<void> train(const VectorsView& vectors, const quantize::Sample& sample);
  struct Training {
    uint64_t trained_rows =
        0;  // linked rows or, of a first training, sampled ones when the codec learned; 0: it never did
    uint64_t encoded_rows = 0;       // since then in this process
    uint64_t poor_rows = 0;          // of these, the ones that lie outside of what it learned from
    double poor_share_expected = 0;  // of the sample itself
  };
  Training training() const;

  // Links `row` (not linked before, below 2^31 - 2). vectors must cover the row and every linked row. Threads: any number of inserts of different rows beside any number
  // of searches; never beside load or copy_changed_blocks, nor while erase_cut_off(). Cost: about ef_construction * m distances. Fails: kOutOfMemory (the row stays
  // unlinked, the graph sound), kNotSupported (the row number).
  Result<void> insert(const VectorsView& vectors, RowId row);

  // Taking rows out, in place: they leave the lists of all other rows, whose places are filled with what lay behind them. Searches may run beside all of it and
  // walk through the rows until the end. One turn at a time, in three steps; docs of graph_repair.cc say how.
  // 1. Begins a turn for linked rows that no search will want again. Threads: not beside inserts. Cost: O(rows), and O(linked rows) if the entry point is among them.
  Result<void> begin_erase(const VectorsView& vectors, std::span<const RowId> rows);
  // 2. Repairs the lists of the next few rows. False if there were none left to take. Threads: any number, beside inserts. Fails: kOutOfMemory; the same rows are
  // taken again.
  Result<bool> repair_some(const VectorsView& vectors);
  bool erase_under_way() const;
  // Loaded as it was saved, in the middle of a turn: rows that no search will want are left, on which nothing may be linked. Until another turn begins, with all such rows; no
  // insert before that.
  bool erase_cut_off() const;
  // Nothing is left to repair, and nobody is repairing.
  bool erase_repaired() const;
  // 3. Gives up the rows' own lists, and the memory of regions without rows below `settled_rows`, up to where no row will ever be inserted again. Threads: not
  // beside inserts. Only when erase_repaired().
  void end_erase(uint32_t settled_rows);
  // The last part of that, for a graph that was just loaded.
  void release_regions(uint32_t settled_rows);

  // Up to k live rows nearest to `query` among the linked ones, nearest first, ties by row number; returns how many were written to `out` (out.size() >= k).
  // Rows that are not live are walked through but never returned; while fewer than k live rows are found the beam grows, so that the result holds k
  // rows whenever k live rows are linked; where live rows are few, all of them are compared. With a radius: where the answers are many, likewise. Threads: any,
  // beside inserts; takes no lock and waits for nobody; allocates nothing after a thread's first searches, and throws std::bad_alloc if those get no memory.
  size_t search(const VectorsView& vectors, const void* query, const LiveRows& live, const SearchOptions& options,
                std::span<Neighbor> out, SearchCounters* counters = nullptr) const;

  bool contains(RowId row) const;
  // Linked rows are below, those of inserts that are under way too.
  uint32_t row_count() const;
  GraphStats stats() const;
  const GraphOptions& options() const;

  // --- persistence: the graph as numbered blocks of kBlockBytes, in four streams. No insert may run meanwhile (the caller pauses its workers). ---
  static constexpr size_t kBlockBytes = 65536;
  enum class Stream : uint8_t { kRows = 1, kUpperLevels = 2, kCodes = 3, kCodec = 4 };
  static constexpr Stream kStreams[] = {Stream::kRows, Stream::kUpperLevels, Stream::kCodes, Stream::kCodec};
  // Calls sink(stream, block_number, bytes) for every block that changed since the last call that returned success, then forgets the changes. The
  // last block of a stream may be shorter. If the sink fails, nothing is forgotten and its error is returned.
  Result<void> copy_changed_blocks(
      const std::function<Result<void>(Stream, uint64_t, std::span<const std::byte>)>& sink);
  // Takes a block back that was copied but never reached the disk: the next copy_changed_blocks delivers it again. Threads: any.
  void mark_block_changed(Stream stream, uint64_t block_number);
  struct Shape {                      // small, goes into the root
    uint64_t row_count = 0;           // rows 0 .. row_count - 1 have a slot (linked or not)
    uint64_t rows_bytes = 0;          // length of the kRows stream
    uint64_t upper_bytes = 0;         // length of the kUpperLevels stream
    uint64_t codes_bytes = 0;         // length of the kCodes stream; 0 without codes
    uint64_t codec_bytes = 0;         // length of the kCodec stream; 0 without codes
    uint64_t trained_rows = 0;        // as Training says
    uint32_t entry_row = UINT32_MAX;  // where searches start; UINT32_MAX = empty graph
    uint32_t entry_level = 0;
    uint32_t root_row = UINT32_MAX;  // from which protected links lead to every row; UINT32_MAX = empty graph
    uint64_t linked_rows = 0;
  };
  Shape shape() const;
  static uint64_t stream_bytes(const Shape& shape, Stream stream);
  // Fills an empty graph over vectors of `dims`. `source(stream, block_number, into)` fills exactly into.size() bytes. Everything read is checked (ids in
  // range, levels sane, offsets inside): kCorruption otherwise, and the graph is empty again. Blocks loaded count as unchanged.
  Result<void> load(const Shape& shape, size_t dims,
                    const std::function<Result<void>(Stream, uint64_t, std::span<std::byte>)>& source);

 private:
  friend Result<void> check(const Graph& graph, const LiveRows& live);
  std::unique_ptr<Impl> impl_;
};

// Checks every promise of the structure: ids in range, no self-links, no duplicates in a list, degrees within capacity, every live linked row reachable on level 0 from the entry
// point or the root, upper levels consistent. Cost: O(edges). kCorruption naming the first row that breaks one. No insert may run meanwhile.
Result<void> check(const Graph& graph, const LiveRows& live);

}  // namespace omendb::graph
