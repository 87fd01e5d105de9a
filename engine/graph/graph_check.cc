#include <string>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/try.h"
#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

Error broken(uint32_t row, const std::string& what) {
  return {ErrorCode::kCorruption, "graph: row " + std::to_string(row) + " " + what};
}

class Checker {
 public:
  Checker(const LinkStore& links, EntryPoint entry, uint32_t root, const LiveRows& live)
      : links_(links),
        entry_(entry),
        root_(root),
        live_(live),
        row_count_(links.row_count()),
        reached_(row_count_),
        in_list_(row_count_) {}

  Result<void> run(uint64_t linked_rows_expected) {
    uint64_t linked_rows = 0;
    for (uint32_t row = 0; row < row_count_; ++row) {
      if (!linked(row)) continue;
      ++linked_rows;
      TRY_OK(check_row(row));
    }
    if (linked_rows != linked_rows_expected) {
      return Error{ErrorCode::kCorruption, "graph: " + std::to_string(linked_rows) + " rows are linked, " +
                                               std::to_string(linked_rows_expected) + " were counted"};
    }
    if (linked_rows == 0) return {};
    TRY_OK(check_entry());
    if (root_ >= row_count_ || !linked(root_)) return broken(root_, "is the root but not linked");
    reach_from(entry_.row);
    if (!reached_.test(root_)) reach_from(root_);
    for (uint32_t row = 0; row < row_count_; ++row) {
      if (linked(row) && live_.contains(row) && !reached_.test(row))
        return broken(row, "is live but cannot be reached from the entry point or the root");
    }
    return {};
  }

 private:
  bool linked(uint32_t row) const { return (links_.state(row) & kLinkedBit) != 0; }

  Result<void> check_row(uint32_t row) {
    const uint32_t position = links_.state(row) & kUpperPositionMask;
    if (position != 0) {
      const UpperHeader header = *links_.upper_at(position);
      if (header.row != row) return broken(row, "shares its upper levels with row " + std::to_string(header.row));
      if (header.level < 1 || header.level > kLevelMax)
        return broken(row, "is on level " + std::to_string(header.level));
    }
    // A dead row that is on its way out may be: the entry point has left it already.
    if (entry_.row != kNoLink && live_.contains(row) && links_.level(row) > entry_.level)
      return broken(row, "is on a higher level than the entry point");
    for (uint32_t level = 0; level <= links_.level(row); ++level) TRY_OK(check_list(row, level));
    return {};
  }

  Result<void> check_list(uint32_t row, uint32_t level) {
    const std::string where = "on level " + std::to_string(level);
    std::vector<uint32_t> neighbors;
    Result<void> result;
    size_t children = 0;
    for (uint32_t& word : links_.list(row, level)) {
      const uint32_t link = load_link(&word);
      const uint32_t neighbor = link & kRowMask;
      if (neighbor == kNoLink) continue;
      if (neighbor >= row_count_ || !linked(neighbor))
        result = broken(row, "links to row " + std::to_string(neighbor) + ", which is not linked, " + where);
      else if (neighbor == row)
        result = broken(row, "links to itself " + where);
      else if (in_list_.test(neighbor))
        result = broken(row, "links twice to row " + std::to_string(neighbor) + " " + where);
      else if (links_.level(neighbor) < level)
        result = broken(row, "links to row " + std::to_string(neighbor) + ", which is not there, " + where);
      if (!result.ok()) break;
      in_list_.set(neighbor);
      neighbors.push_back(neighbor);
      if ((link & kProtectedBit) != 0) ++children;
    }
    for (const uint32_t neighbor : neighbors) in_list_.clear(neighbor);
    if (result.ok() && children > (level == 0 ? links_.capacity(0) - 1 : 0U))
      result = broken(row, "protects " + std::to_string(children) + " links " + where);
    return result;
  }

  Result<void> check_entry() const {
    if (entry_.row == kNoLink)
      return Error{ErrorCode::kCorruption, "graph: rows are linked, but there is no entry point"};
    if (entry_.row >= row_count_ || !linked(entry_.row)) return broken(entry_.row, "is the entry point but not linked");
    if (links_.level(entry_.row) != entry_.level)
      return broken(entry_.row, "is the entry point but not on level " + std::to_string(entry_.level));
    return {};
  }

  void reach_from(uint32_t start) {
    std::vector<uint32_t> waiting{start};
    reached_.set(start);
    while (!waiting.empty()) {
      const uint32_t row = waiting.back();
      waiting.pop_back();
      for (uint32_t& word : links_.list(row, 0)) {
        const uint32_t neighbor = load_link(&word) & kRowMask;
        if (neighbor == kNoLink || reached_.test(neighbor)) continue;
        reached_.set(neighbor);
        waiting.push_back(neighbor);
      }
    }
  }

  const LinkStore& links_;
  const EntryPoint entry_;
  const uint32_t root_;
  const LiveRows& live_;
  const uint32_t row_count_;
  base::Bitmap reached_;
  base::Bitmap in_list_;
};

}  // namespace

Result<void> check(const Graph& graph, const LiveRows& live) {
  const Graph::Impl& impl = *graph.impl_;
  return Checker(impl.links, impl.entry(), impl.root(), live).run(impl.linked_rows.load(std::memory_order_acquire));
}

}  // namespace omendb::graph
