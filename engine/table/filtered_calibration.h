#pragma once

// How wide a beam searches under a condition need: measured with conditions that are made up, by the rows and the beams of a calibration (calibration.h), each class of
// conditions by itself.

#include "engine/base/ids.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/table/calibration.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace omendb::table {

// Some of the first `row_count` rows.
class RowSet {
 public:
  // Throws std::bad_alloc.
  explicit RowSet(uint32_t row_count);
  void add(uint32_t row) { words_[row / 64] |= uint64_t{1} << (row % 64); }
  // Becomes those rows of `other`, which has as many, that live; returns how many they are. Cost: 1 ns per 64 rows.
  uint64_t assign_living(const RowSet& other, const graph::LiveRows& live);
  graph::LiveRows view() const { return {blocks_, row_count_}; }

 private:
  uint32_t row_count_;
  std::vector<uint64_t> words_;
  std::vector<const uint64_t*> blocks_;
};

// One such measurement under way. Threads: one at a time. Memory: its queries, and up to 9 bytes a row. Throws std::bad_alloc, as do its functions.
class FilteredCalibrator {
 public:
  // `so_far`: what was measured without conditions, curves by rising k. Asks with some of `rows`, whose vectors are `queries`, row after row. Classes of which fewer than
  // `passing_rows_min` rows would pass are left out.
  FilteredCalibrator(const graph::Graph& graph, const Calibration& so_far, std::span<const RowId> rows,
                     std::span<const std::byte> queries, const graph::VectorsView& vectors, uint32_t passing_rows_min);

  // A few milliseconds of work; true when all is measured. `live`: the rows that live now, as many as so_far.row_count at most.
  bool step(const graph::VectorsView& vectors, const graph::LiveRows& live);
  const std::vector<FilteredCurve>& curves() const { return known_.filtered; }

 private:
  struct Query {
    RowId row;
    uint32_t region = 0;
    std::vector<graph::Neighbor> neighbors{};  // its nearest rows that pass
  };
  // Queries of one condition stand one behind the other, from `first` to `last`.
  struct Condition {
    RowSet passing;
    size_t first = 0;
    size_t last = 0;
    std::vector<bool> regions{};  // that pass; empty: rows pass by a hash
  };

  const std::byte* query(size_t index) const { return queries_.data() + index * row_bytes_; }
  void choose_queries(std::span<const RowId> rows, std::span<const std::byte> queries);
  uint32_t nearest_region(const std::byte* vector) const;
  void find_regions(const graph::VectorsView& vectors);
  void make_conditions();
  std::vector<bool> far_regions(uint32_t from) const;
  bool passes(const Condition& condition, uint32_t row) const;
  void scan_some(const graph::VectorsView& vectors, const graph::LiveRows& live);
  void begin_condition_scan();
  void begin_searches();
  void search_some(const graph::VectorsView& vectors, const graph::LiveRows& live);
  std::optional<double> recall_of(size_t query, const Condition& condition, const graph::VectorsView& vectors);
  bool next_beam();

  const graph::Graph& graph_;
  const simd::DistanceKernels& kernels_;
  Calibration known_;  // with the curves that are done
  const size_t dims_;
  const size_t row_bytes_;
  const uint32_t row_count_;
  const uint32_t passing_rows_min_;

  std::vector<Query> asked_;  // by region
  std::vector<std::byte> queries_;
  std::vector<std::byte> centres_;  // of the regions
  std::vector<uint8_t> region_of_;  // of each row, as far as they are found

  size_t class_ = 0;  // under way
  std::vector<Condition> conditions_;
  std::vector<graph::NearestRows> nearest_;  // of the condition whose rows are scanned
  size_t scanned_condition_ = 0;
  uint32_t scan_row_ = 0;

  // The searches of a class: beam ef_, queries up to query_ are done.
  RowSet living_;  // of a condition, in this step
  uint64_t living_count_ = 0;
  uint64_t live_total_ = 0;
  std::vector<RecallPoint> points_;
  uint32_t ef_ = 0;
  uint32_t ef_amid_ = 0;
  size_t query_ = 0;
  size_t answered_ = 0;
  double sum_ = 0;
  double sum_of_squares_ = 0;
  double share_sum_ = 0;
  std::vector<graph::Neighbor> found_;
};

}  // namespace omendb::table
