#include "engine/graph/graph.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <string>

#include "engine/graph/graph_impl.h"

namespace omendb::graph {

Graph::Graph(const GraphOptions& options) : impl_(std::make_unique<Impl>(options)) {
  assert(options.m >= 2 && options.m <= kLinksPerRowMax);
  assert(options.ef_construction >= 1);
  assert((options.metric <= simd::Metric::kInnerProduct || options.storage == quantize::Storage::kF32) &&
         "codes estimate squared L2");
}

Graph::~Graph() = default;

Result<void> Graph::train(const VectorsView& vectors, const quantize::Sample& sample) {
  assert(impl_->options.storage != quantize::Storage::kF32 && "full vectors need no training");
  const uint32_t row_count = impl_->links.row_count();
  try {
    auto codes = CodeStore::learn(impl_->options, sample, impl_->linked_rows.load(std::memory_order_relaxed));
    codes->cover(row_count);
    for (uint32_t row = 0; row < row_count; ++row) {
      if (contains({row})) codes->encode(row, vectors.floats(row));
    }
    codes->begin_counting();
    impl_->set_codes(std::move(codes));
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "graph: no memory for the codes of " + std::to_string(row_count) + " rows"};
  }
  return {};
}

Graph::Training Graph::training() const {
  const auto codes = impl_->codes();
  if (codes == nullptr) return {};
  return {codes->trained_rows(), codes->encoded_rows(), codes->poor_rows(), codes->poor_share_expected()};
}

uint32_t Graph::row_count() const { return impl_->links.row_count(); }

bool Graph::contains(RowId row) const {
  return row.value < impl_->links.row_count() && (impl_->links.state(row.value) & kLinkedBit) != 0;
}

const GraphOptions& Graph::options() const { return impl_->options; }

GraphStats Graph::stats() const {
  const EntryPoint entry = impl_->entry();
  const auto codes = impl_->codes();
  const uint64_t code_bytes = codes == nullptr ? 0 : codes->memory_bytes();
  return {.linked_rows = impl_->linked_rows.load(std::memory_order_relaxed),
          .entry_row = entry.row == kNoLink ? UINT32_MAX : entry.row,
          .level_max = entry.row == kNoLink ? 0 : entry.level,
          .edges = impl_->edges.load(std::memory_order_relaxed),
          .memory_bytes = sizeof(Impl) + impl_->links.memory_bytes() + impl_->states.memory_bytes() + code_bytes,
          .code_memory_bytes = code_bytes};
}

}  // namespace omendb::graph
