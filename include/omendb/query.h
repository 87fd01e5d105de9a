#pragma once

#include <omendb/batch.h>
#include <omendb/filter.h>
#include <omendb/status.h>
#include <omendb/stop_when.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

// How the hits of searches by vector, by text and by sparse vector become one list. Each contributes its best rows, the candidates; of each
// of them the distance and the scores by text and by sparse vector are known.
struct Fusion {
  enum class Method : uint8_t {
    kDistribution,  // the sum of weight * score, scores of all candidates scaled to 0 for three standard deviations below their mean and 1 for three above
    kRelative,      // the same, scaled to 0 for the worst and 1 for the best of them
    kReciprocalRank,  // the sum of weight / (60 + rank), ranks among each search's own candidates (Cormack, Clarke, Buettcher: SIGIR 2009)
    kTextFilters,  // no fusion: rows that match the text, ranked by the vector alone, or by the sparse one
  };
  Method method = Method::kDistribution;  // docs/text.md says when which one
  double vector_weight = 1;               // not negative
  double text_weight = 1;
  size_t candidates = 0;  // of each search, at least as many as hits; 0: twice as many, and at least 50
  double sparse_weight = 1;
};

struct TextColumnWeight {
  std::string_view column;
  double weight = 1;  // above 0; scores are multiplied by it
};

// A sparse vector to look for: the rows of the largest inner product with it, of those that have one of its indexes. Pairs in any order, no index twice; finite weights; at
// most kSparsePairsMax.
struct SparseQuery {
  std::span<const uint32_t> indexes{};
  std::span<const float> weights{};
  std::string_view column{};  // may be empty when the table has one sparse column
};

// Rows nearest to one or several query vectors, or whose texts or sparse vectors match best, or several of these.
struct SearchQuery {
  std::span<const float> vectors{};  // query_count x dims, row after row; finite
  size_t query_count = 1;            // 1 beside text or sparse
  // Of a column of several vectors a row: how many of `vectors` each query has, 1 .. kRowVectorsMax; empty: all are one query. The score of a row (MaxSim) is the
  // sum, over the query's vectors, of the largest similarity, cosine or inner product, that one of the row's has to it. Found in two stages
  // (docs/multi-vector.md): `recall` and `ef` say how many rows are compared, `exact` all of them.
  std::span<const uint32_t> vector_counts{};
  std::string_view column{};  // may be empty when the table has one vector column
  size_t k = 10;              // 1 .. 10,000
  // Only rows no farther than this, as Hits::distances counts; negative for inner products only. k is then the most that are returned.
  std::optional<float> radius{};
  // Share of the true k nearest, or of the rows within the radius, that is wanted on average, above 0 and at most 1; 0 = 0.95. The beam is chosen by what was measured
  // with the table's own rows (docs/tuning.md); 1, and what no beam reaches, compares with every row. More: slower.
  double recall = 0;
  // Beam of the graph search, or with a radius how many rows beyond it are looked at, whatever the recall; 0 = chosen for it.
  size_t ef = 0;
  bool exact = false;    // compare with every row instead
  unsigned threads = 1;  // for several queries; 0 = what the hardware has
  std::span<const uint8_t>
      bits{};     // instead of `vectors` where the column holds bits: query_count rows as ColumnView has them
  Where where{};  // only rows for which this is true
  std::optional<std::string_view> text{};            // words, any of them; ranked by BM25
  std::optional<std::string_view> text_query{};      // instead of `text`: words, phrases and operators (docs/text.md)
  std::span<const TextColumnWeight> text_columns{};  // that are searched; none: every text column, each with weight 1
  std::optional<SparseQuery> sparse{};
  Fusion fusion{};                   // of vector, text and sparse
  size_t offset = 0;                 // so many of the best hits are left out; offset + k is at most 10,000
  std::optional<float> min_score{};  // only hits that score no less
  // Of rows that have the same value in this column (bool, int64, float64, timestamp, string; null is a value) only the best one. Looked for among the best 10,000 rows.
  std::string_view group_by{};
  StopWhen stop_when{};  // the search is to end before it is done
};

inline constexpr size_t kSearchRowsMax = 10'000;

// Part of a text.
struct TextRange {
  uint32_t begin_byte = 0;
  uint32_t end_byte = 0;
};

class Snapshot;  // a pinned version of the database; opaque

// Hits of query i are entries offsets[i] .. offsets[i + 1] of the flat arrays, best first, ties in the order of a scan. Fewer than k only when the table has
// fewer rows with a vector, or fewer lie within the radius, match the text or have an index of the sparse vector, pass the condition or
// score enough. Holds the version it was made from, so fetch() returns the rows as they were.
struct Hits {
  std::vector<uint32_t> offsets;
  std::vector<float>
      distances;  // true L2, 1 - cosine, -inner product, L1, Hamming, Jaccard, or -MaxSim; NaN of a search without a vector, and of rows that have none
  std::vector<float>
      scores;  // larger is better: cosine, inner product, 1 - Jaccard, MaxSim, the negative distance; BM25 of a search by text; the fused score of several
  std::vector<float> text_scores;  // BM25, 0 for rows that do not match; empty without text
  std::vector<float>
      sparse_scores;  // inner products, 0 for rows that have no index of the query; empty without a sparse vector
  std::vector<uint32_t> rows;  // internal row numbers, for fetch()
  ColumnData keys;             // primary keys, one per hit
  std::shared_ptr<const Snapshot> snapshot;

  size_t query_count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
};

}  // namespace omendb
