#pragma once

// Ranked lists become one.

#include <omendb/query.h>

#include "engine/base/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace omendb::exec {

// A row that one of the searches has found.
struct Candidate {
  RowId row{};
  std::optional<size_t> vector_rank{};  // from 1, where the search by vector found it
  std::optional<size_t> text_rank{};
  std::optional<size_t> sparse_rank{};
  float distance = 0;                   // NaN for a row without a vector
  std::optional<float> vector_score{};  // none for such a row
  float text_score = 0;                 // 0 for a row that does not match
  float sparse_score = 0;               // the same
  double score = 0;                     // what fuse() makes of it
  double unbounded_score = 0;           // the same with scores that go beyond the ends of their scales
};

// Which searches there were.
struct FusedBy {
  bool vector = false;
  bool text = false;
  bool sparse = false;
  uint32_t count() const { return (vector ? 1U : 0U) + (text ? 1U : 0U) + (sparse ? 1U : 0U); }
};

// Fills in the scores and brings the candidates into order: best first; equal scores by the unbounded one, then by row.
void fuse(const Fusion& fusion, FusedBy by, std::vector<Candidate>& candidates);

}  // namespace omendb::exec
