#pragma once

// What a table says about its graphs, and what it finds out about them when it is asked to.

#include <omendb/schema.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

// What a search for 10 rows does to reach a recall.
struct RecallTarget {
  double recall = 0;
  size_t ef = 0;       // beam of the graph search; 0 when exact
  bool exact = false;  // compares with every row
};

// Searches for 10 rows under conditions of one class, as they were measured with conditions made up for it.
struct FilteredRecall {
  bool away = false;  // rows pass that are far from the query; else rows here and there
  double share = 0;   // of the rows that pass
  size_t ef =
      0;  // beam for the default recall; 0: none that was measured reaches it, and each row that passes is compared
  double recall = 0;  // expected with that beam
};

// One vector column's graph. Of a table that is too small for one: no links, every target exact.
struct IndexStats {
  std::string column{};
  VectorOptions options{};            // of bits with storage kF32
  uint64_t linked_row_count = 0;      // in the graph, dead ones among them
  double links_per_row = 0;           // mean, all levels
  uint32_t links_per_row_max = 0;     // on the ground level, where every row is
  uint64_t link_bytes = 0;            // in memory
  uint64_t code_bytes = 0;            // in memory
  uint32_t calibrated_row_count = 0;  // how many rows the graph had when its recall was last measured; 0: not yet
  uint32_t calibration_query_count = 0;
  double default_recall = 0;               // expected recall@10 of a search with default settings; 0: not known
  std::vector<RecallTarget> targets{};     // the default's, 0.95, among them
  std::vector<FilteredRecall> filtered{};  // empty: not measured, or of so few rows that each that passes is compared
};

// An index behind conditions, or that a column is to have none.
struct ColumnIndexStats {
  enum class Why : uint8_t {
    kAsked,    // IndexMode::kAlways
    kEarned,   // it pays, or did before the database was opened
    kRefused,  // IndexMode::kNever: there is none
  };
  std::string column{};
  std::string source{};  // what it is of, as conditions say it: year, extra->'size'->>'width', (extra->>'n')::int8
  Why why = Why::kEarned;
  uint64_t row_count = 0;  // of the blocks that are made
  uint64_t bytes = 0;      // in memory
};

// How Table::measure_recall() asks.
struct RecallMeasurement {
  std::string_view column{};    // may be empty when the table has one vector column
  size_t k = 10;                // 1 .. 1,000
  std::vector<uint32_t> efs{};  // rising, not empty; beams below k count as k
  uint32_t query_count = 256;   // rows to ask with, at most 4,096
  uint64_t seed = 1;            // of their choice
};

struct MeasuredRecall {
  uint32_t ef = 0;
  double recall = 0;
  double error = 0;  // its standard error
};

}  // namespace omendb
