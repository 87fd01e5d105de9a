#include "engine/graph/graph.h"

#include <cassert>

#include "engine/graph/graph_impl.h"

namespace omendb::graph {

Graph::Graph(const GraphOptions& options) : impl_(std::make_unique<Impl>(options)) {
  assert(options.m >= 2 && options.m <= kLinksPerRowMax);
  assert(options.ef_construction >= 1);
}

Graph::~Graph() = default;

bool Graph::contains(RowId row) const {
  return row.value < impl_->links.row_count() && (impl_->links.state(row.value) & kLinkedBit) != 0;
}

const GraphOptions& Graph::options() const { return impl_->options; }

GraphStats Graph::stats() const {
  const EntryPoint entry = impl_->entry();
  return {.linked_rows = impl_->linked_rows.load(std::memory_order_relaxed),
          .level_max = entry.row == kNoLink ? 0 : entry.level,
          .edges = impl_->edges.load(std::memory_order_relaxed),
          .memory_bytes = sizeof(Impl) + impl_->links.memory_bytes() + impl_->states.memory_bytes()};
}

}  // namespace omendb::graph
