#pragma once

// One vector column's graph and the order in which rows enter it. Rows below the watermark are in the graph (or never will be: dead at open, or without a vector);
// those above are the fresh tail, which searches compare one by one. Tables of up to flat_rows_max() rows have no graph at all.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/graph/graph.h"
#include "engine/quantize/fixed_encoding.h"
#include "engine/storage/append_array.h"
#include "engine/table/calibration.h"
#include "engine/table/live_bitmap.h"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <vector>

namespace omendb::table {

struct TableVersion;

// So many of the rows of a graph may be dead ones, still walked through, before they are taken out: one in kDeadShare, and at least kDeadRowsMin. A turn looks at every
// list, so fewer at a time would cost more each.
inline constexpr uint64_t kDeadShare = 50;
inline constexpr size_t kDeadRowsMin = 64;

// Up to so many rows every search compares with each of them: exact, nothing to build, no links in memory. A graph at recall 0.95 is as fast from 200 (768 dimensions) to 400 rows
// (16, 128) on; a scan of 1,000 costs up to 20 us, twice what the graph does, as long as the vectors fit into the second-level cache, and five times past it (docs/performance.md).
inline constexpr uint32_t kFlatRowsMax = 1000;
inline constexpr uint32_t kFlatRowsMin = 256;
inline constexpr size_t kFlatBytesMax = size_t{3} << 19;
uint32_t flat_rows_max(const VectorOptions& options);

graph::GraphOptions graph_options(const VectorOptions& options);

class VectorIndex {
 public:
  // `options`: of the vectors that the graph is made of (graph_vectors()); `encoding`: what makes them of several vectors a row.
  VectorIndex(size_t column, const VectorOptions& options,
              std::shared_ptr<const quantize::FixedEncoding> encoding = nullptr)
      : column_(column),
        dims_(options.dims),
        encoding_(std::move(encoding)),
        flat_rows_max_(table::flat_rows_max(options)),
        graph_(graph_options(options)) {}

  size_t column() const { return column_; }  // position in the schema
  size_t dims() const { return dims_; }      // of the vectors in the graph
  const quantize::FixedEncoding* encoding() const { return encoding_.get(); }
  graph::Graph& graph() { return graph_; }
  const graph::Graph& graph() const { return graph_; }

  // Read it before searching the graph: every row below is then in the graph, every other is scanned; a row linked meanwhile is met twice and kept once.
  uint32_t watermark() const { return watermark_.load(std::memory_order_acquire); }
  // False while the table is small: nothing is linked, everything is tail.
  bool active(const TableVersion& version) const;
  // Whether the rows of `version` are so few that searches compare with each, graph or not.
  bool small(const TableVersion& version) const;
  // Rows of `version` that wait for the graph; 0 while the table is flat.
  uint32_t waiting_rows(const TableVersion& version) const;

  // The vectors of all rows that are in the graph by now, be they of later versions than this one, whose own addresses may end before. For one search.
  struct LinkedVectors {
    graph::VectorsView view;
    std::shared_ptr<const storage::Mapping> pin;  // null: the version keeps the addresses good
  };
  LinkedVectors linked_vectors(const TableVersion& version) const;

  // Links the next few waiting rows of `version`, after teaching the graph to encode them where that is due. False if there were none to take. Threads: any number;
  // while one of them teaches, the others wait.
  Result<bool> link_some(const TableVersion& version);

  // Rows that no version shows any more. They leave the graph in turns, each when they are one in kDeadShare of its rows. Threads: any.
  void forget(std::span<const RowId> rows);
  // After recovery: the rows of the graph that `version`, the only one there is, does not show.
  void forget_dead_rows(const TableVersion& version);
  // Takes the next step of a turn (graph::Graph::begin_erase), or begins one where that is due. False if there was nothing to do. Threads: any number.
  Result<bool> erase_some(const TableVersion& version);
  // Whether rows wait for the graph, or for leaving it.
  bool has_work(const TableVersion& version) const;

  // How wide beams have to be, as measured when the graph was last calibrated; null: not yet. Threads: any.
  std::shared_ptr<const Calibration> calibration() const;
  void set_calibration(std::shared_ptr<const Calibration> calibration);
  // When measuring again is wanted: `kSoon` where the graph has doubled, a quarter of its rows died or the codec learned anew, although rows may wait to be linked; `kIdle`
  // where it has grown by a quarter or any of that, and nothing waits.
  enum class CalibrateWhen : uint8_t { kSoon, kIdle };
  bool calibration_due(const TableVersion& version, CalibrateWhen when) const;
  // A few milliseconds of a calibration that is under way or due; false if there is none, or another thread is at it. Fails: kOutOfMemory.
  Result<bool> calibrate_some(const TableVersion& version, CalibrateWhen when);
  // For a calibration of one's own: it says what state of the table it sees. The version must stay pinned while the constructor runs.
  std::unique_ptr<Calibrator> make_calibrator(const TableVersion& version, CalibratorOptions options) const;

  // Before the first link_some: the graph holds the rows below `watermark` already, and no version will ever show a row that is not in `live`.
  void start_at(uint32_t watermark, const LiveBitmap& live);

 private:
  struct Claim {
    uint32_t first;
    uint32_t last;
  };
  std::optional<Claim> claim(const TableVersion& version);
  void finish(const Claim& claim, uint32_t done_to);
  void extend_reach(const TableVersion& version);
  graph::VectorsView vectors_in_reach(const TableVersion& version) const;  // under linking_
  Result<void> link(const TableVersion& version, const Claim& claim);
  bool is_forgotten(RowId row) const;  // under the lock
  bool erase_due() const;
  Result<bool> begin_erase(const TableVersion& version);
  bool training_due(const TableVersion& version) const;
  Result<void> train(const TableVersion& version);

  size_t column_;
  size_t dims_;
  std::shared_ptr<const quantize::FixedEncoding> encoding_;
  uint32_t flat_rows_max_;
  graph::Graph graph_;
  std::shared_mutex
      linking_;  // shared by those who link rows or repair lists, exclusive to who trains, begins a turn or ends one
  std::atomic<bool> erasing_{false};
  // The addresses of vectors, as of the newest version whose rows were linked: every row of the graph lies there. An array that outgrows its addresses moves, and an older
  // version does not see what came behind. Changed under linking_, exclusively, so that who links or erases compares all rows at the same addresses.
  std::atomic<const storage::Mapping*> reach_address_{nullptr};
  std::atomic<uint32_t> reach_rows_{0};
  mutable std::mutex reach_mutex_;  // guards reach_ where linking_ is not held
  std::shared_ptr<const storage::Mapping> reach_;
  mutable std::mutex mutex_;              // guards those below
  std::vector<RowId> forgotten_;          // for the next turn
  std::vector<uint64_t> forgotten_bits_;  // all there ever were, a bit a row: not worth linking either
  uint32_t next_ = 0;                     // first row nobody has taken
  std::set<uint32_t> in_flight_;          // first rows of claims that are not finished
  std::vector<Claim> failed_;             // to be taken again; their first rows stay in in_flight_
  std::atomic<uint32_t> watermark_{0};
  std::mutex calibrating_;  // held for one step; guards calibrator_
  std::unique_ptr<Calibrator> calibrator_;
  mutable std::mutex calibration_mutex_;  // guards calibration_
  std::shared_ptr<const Calibration> calibration_;
};

}  // namespace omendb::table
