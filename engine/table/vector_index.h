#pragma once

// One vector column's graph and the order in which rows enter it. Rows below the watermark are in the graph (or never will be: dead at open, or without a vector);
// those above are the fresh tail, which searches compare one by one. Tables of up to kFlatRowsMax rows have no graph at all.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/graph/graph.h"
#include "engine/table/live_bitmap.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <vector>

namespace omendb::table {

struct TableVersion;

// Up to here comparing with every row is faster than a graph, and exact. A first choice; docs/performance.md says what is to be measured.
inline constexpr uint32_t kFlatRowsMax = 1000;

graph::GraphOptions graph_options(const VectorOptions& options);

class VectorIndex {
 public:
  VectorIndex(size_t column, const VectorOptions& options) : column_(column), graph_(graph_options(options)) {}

  size_t column() const { return column_; }  // position in the schema
  graph::Graph& graph() { return graph_; }
  const graph::Graph& graph() const { return graph_; }

  // Read it before searching the graph: every row below is then in the graph, every other is scanned; a row linked meanwhile is met twice and kept once.
  uint32_t watermark() const { return watermark_.load(std::memory_order_acquire); }
  // False while the table is small: nothing is linked, everything is tail.
  bool active(const TableVersion& version) const;
  // Rows of `version` that wait for the graph; 0 while the table is flat.
  uint32_t waiting_rows(const TableVersion& version) const;

  // Links the next few waiting rows of `version`, after teaching the graph to encode them where that is due. False if there were none to take. Threads: any number;
  // while one of them teaches, the others wait.
  Result<bool> link_some(const TableVersion& version);

  // Before the first link_some: the graph holds the rows below `watermark` already, and no version will ever show a row that is not in `live`.
  void start_at(uint32_t watermark, const LiveBitmap& live);

 private:
  struct Claim {
    uint32_t first;
    uint32_t last;
  };
  std::optional<Claim> claim(const TableVersion& version);
  void finish(const Claim& claim, uint32_t done_to);
  Result<void> link(const TableVersion& version, const Claim& claim);
  bool training_due(const TableVersion& version) const;
  Result<void> train(const TableVersion& version);

  size_t column_;
  graph::Graph graph_;
  std::shared_mutex training_;    // shared by those who link rows, exclusive to who trains
  LiveBitmap opened_live_;        // rows that were dead before this process opened the table are not worth linking
  std::mutex mutex_;              // guards the three below
  uint32_t next_ = 0;             // first row nobody has taken
  std::set<uint32_t> in_flight_;  // first rows of claims that are not finished
  std::vector<Claim> failed_;     // to be taken again; their first rows stay in in_flight_
  std::atomic<uint32_t> watermark_{0};
};

}  // namespace omendb::table
