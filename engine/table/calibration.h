#pragma once

// How wide a beam a column's own graph needs for a recall: measured by asking it with rows of its own, each left out of the graph while it asks
// (graph::SearchOptions::left_out), and comparing with an exact scan. What predicts the recall of queries from outside, and what does not, is in docs/tuning.md.

#include "engine/base/ids.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/table/live_bitmap.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

struct RecallPoint {
  uint32_t ef = 0;
  float recall = 0;  // mean over the queries
  float error = 0;   // standard error of that mean
};

// Of searches for the k nearest. Points by rising ef.
struct RecallCurve {
  uint32_t k = 0;
  std::vector<RecallPoint> points;
};

// Conditions that are made up for measuring.
enum class ConditionKind : uint8_t {
  kScattered = 1,  // rows pass by a hash of their number
  kAway = 2,       // those pass that are in the regions farthest from the query
};

// Of searches for the kFilteredK nearest rows that pass such a condition. Of kAway the beam is graph::SearchOptions::ef_wide.
struct FilteredCurve {
  ConditionKind kind{};
  float share = 0;                  // of the rows that pass; the mean over the queries
  std::vector<RecallPoint> points;  // by rising ef
};

// Immutable once published; small (about 1 KB).
struct Calibration {
  uint32_t row_count = 0;     // of the graph when it was measured: its watermark
  uint32_t dead_rows = 0;     // of the table then
  uint64_t trained_rows = 0;  // of the codec then, as graph::Graph::Training says
  uint32_t query_count = 0;
  std::vector<RecallCurve> curves;        // by rising k; empty where there was nothing to ask with
  bool has_filtered = false;              // searches under conditions were measured as well
  std::vector<FilteredCurve> filtered{};  // by kind, then by falling share; only classes of which enough rows pass
};

inline constexpr double kRecallDefault = 0.95;
inline constexpr uint32_t kCalibratedK[] = {1, 10, 100};
inline constexpr uint32_t kFilteredK = 10;
// The narrowest beam that is measured: below it a search costs hardly less, and what the rows say is least certain.
inline constexpr uint32_t kCalibratedEfMin = 8;
// The widest beam that is measured; the second where the first misses more than one row in a hundred.
inline constexpr uint32_t kCalibratedEfMax = 1024;
inline constexpr uint32_t kCalibratedEfMaxHard = 4096;

// What a search for k rows does to reach a recall.
struct Effort {
  size_t ef = 0;
  bool exact = false;  // compare with every row: asked for, or no beam that was measured reaches the recall
};
// By the calibration, or cautiously where it is null. `row_count_now`: the graph's watermark; wider beams if it has grown since. Cost: about 100 ns.
Effort effort_for(const Calibration* calibration, size_t k, double recall, uint32_t row_count_now);

// How many times as wide as without a condition a beam is for a share of the rows, above 0, where nothing was measured: a walk over these has fewer ways to each. 1.2 for a
// half, 1.6 for a fifth, 2.6 for a twenty-fifth. (bench/filtered.py, a million rows, beams of recall 0.967 without a condition: at 4 % an exponent of 0.15 gives 0.926, one
// of 0.25 gives 0.963; it is 0.3.)
double widening_by_rule(double passing_share);

// The same under a condition that lets `share` of the rows pass; nothing where no class of this kind was measured. At kFilteredK the beam that the class needs, between
// two classes by the logarithm of their shares (kAway: the wider of both); for other k as many times the beam without a condition.
std::optional<Effort> filtered_effort_for(const Calibration& calibration, ConditionKind kind, double share, size_t k,
                                          double recall, uint32_t row_count_now);
// What a search of the curve's class with this beam is expected to find.
double expected_recall(const FilteredCurve& curve, size_t ef);

// What share of the k nearest a search with this beam is expected to find; nothing where nothing was measured.
std::optional<double> expected_recall(const Calibration& calibration, size_t k, size_t ef);

struct CalibratorOptions {
  std::vector<uint32_t> ks{std::begin(kCalibratedK), std::end(kCalibratedK)};
  std::vector<uint32_t>
      efs;  // empty: from k or kCalibratedEfMin on in steps of a fourth, until nothing is missed or the widest
  uint32_t query_count_min = 128;  // as many as leave the exact scan at a few seconds, between these two
  uint32_t query_count_max = 256;
  uint64_t seed = 1;
  bool filtered = false;  // searches under conditions too
  uint32_t filtered_passing_rows_min =
      4096;  // of a class: fewer rows are compared one by one (plan/vector_strategy.cc)
};

class FilteredCalibrator;

// One calibration under way. Threads: one at a time. Memory: the queries and their true neighbours, under 2 MB at 1,000 dimensions; pins no version.
class Calibrator {
 public:
  // Chooses the queries among the rows below `seen.row_count` that are in `rows` and linked, spread evenly. `seen` says what state of the table this is. Throws
  // std::bad_alloc.
  Calibrator(const graph::Graph& graph, const graph::VectorsView& vectors, const LiveBitmap& rows,
             const Calibration& seen, CalibratorOptions options);

  ~Calibrator();

  // A few milliseconds of work; true when the calibration is complete. `rows`: those that live now; what died since the last step is neither looked for nor
  // missed. Throws std::bad_alloc.
  bool step(const graph::VectorsView& vectors, const LiveBitmap& rows);
  const Calibration& result() const { return result_; }
  // The rows that were asked with.
  std::span<const RowId> query_rows() const { return rows_; }

 private:
  void choose_rows(const graph::VectorsView& vectors, const LiveBitmap& candidates);
  void scan_some(const graph::VectorsView& vectors, const graph::LiveRows& live);
  void finish_scan();
  void search_some(const graph::VectorsView& vectors, const graph::LiveRows& live);
  double recall_of_query(const graph::VectorsView& vectors, const graph::LiveRows& live);
  bool next_beam();
  void begin_curve();
  bool filtered_step(const graph::VectorsView& vectors, const graph::LiveRows& live);

  const graph::Graph& graph_;
  const CalibratorOptions options_;
  Calibration result_;
  std::vector<RowId> rows_;
  std::vector<std::byte> queries_;  // row after row, as the column's

  // The exact scan: up to scan_row_ it is done.
  std::vector<std::vector<graph::Neighbor>> neighbors_;  // of each query
  std::vector<graph::NearestRows> nearest_;              // what fills them; none once all is scanned
  uint32_t scan_row_ = 0;

  // The searches: of the curve under way, beam ef_, queries up to query_ are done.
  size_t curve_ = 0;
  size_t ef_at_ = 0;
  uint32_t ef_ = 0;
  size_t query_ = 0;
  double sum_ = 0;
  double sum_of_squares_ = 0;
  std::vector<graph::Neighbor> found_;
  std::unique_ptr<FilteredCalibrator> filtered_;  // once all curves are done
};

// What both calibrators ask: which share of the `k` nearest of `neighbors` (of `query`, nearest first) that are in `rows` a search with `options` finds; nothing where there
// are none. `found` is working memory.
std::optional<double> recall_of(const graph::Graph& graph, const graph::VectorsView& vectors, const std::byte* query,
                                std::span<const graph::Neighbor> neighbors, const graph::LiveRows& rows,
                                const graph::SearchOptions& options, std::vector<graph::Neighbor>& found);
// By sums over `count` recalls, at least one, and over their squares.
RecallPoint recall_point(uint32_t ef, size_t count, double sum, double sum_of_squares);
// What the recall is at least, of queries from outside.
double lower_bound_of(const RecallPoint& point);

}  // namespace omendb::table
