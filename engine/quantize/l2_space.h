#pragma once

// Cosine and inner product as squared L2 distances, so that codecs need one kind of distance and graphs are built in a space with a triangle inequality.
//
// L2: nothing changes. Cosine: vectors are normalised; half the squared distance is 1 - cosine. Inner product: rows are brought to the norm of the longest by
// one more dimension, sqrt(longest^2 - norm^2), which is zero in queries (Bachrach et al. 2014); rows are then nearer the larger their product. The same
// dimension keeps rows without a direction, zero vectors under cosine, at distance 1 from every query. It is left out where the rows learned from need none.
//
// Components of a placed vector are finite and lie within +-kPlacedMax, so that no sum of squares over them leaves float. Where the rows learned from are tiny or
// huge, placing multiplies them by a power of two, which costs no bit: distances here are scale()^2 times those outside.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/bytes.h"
#include "engine/simd/distance.h"

#include <array>
#include <cstddef>

namespace omendb::quantize {

inline constexpr float kPlacedMax = 32768.0F;

// Room for a placed vector on the stack: encoding allocates nothing.
inline constexpr size_t kPlacedDimsMax = kVectorDimsMax + 1;
using PlacedVector = std::array<float, kPlacedDimsMax>;

class L2Space {
 public:
  // For rows like these, at least one. Cost: two passes over them at most.
  static L2Space learn(simd::Metric metric, const float* rows, size_t count, size_t dims);

  simd::Metric metric() const { return metric_; }
  size_t dims() const { return dims_; }
  size_t dims_out() const { return dims_ + (has_extra_ ? 1 : 0); }
  float scale() const { return scale_; }
  // Whether neighbours chosen in this space are good ones to walk along. Not where norms differ: queries for the largest product do not lie among the rows then,
  // and a graph of nearest rows leads them to the wrong end (recall 0.45 where a graph of largest products reaches 0.97; graph_codes_test.cc).
  bool builds_graphs() const { return !(has_extra_ && metric_ == simd::Metric::kInnerProduct); }

  // Writes dims_out() floats. Returns false if the row has no proper place here: it is longer than all rows learned from, has a component beyond kPlacedMax, or
  // needs the dimension that is left out. It is brought as near as there is room then.
  bool place_row(const float* row, float* out) const;
  // Returns false if the query was brought nearer in the same way.
  bool place_query(const float* query, float* out) const;

  void save(base::ByteWriter& out) const;
  static Result<L2Space> load(simd::Metric metric, size_t dims, base::ByteReader& in);

 private:
  L2Space(simd::Metric metric, size_t dims, float longest_norm, float scale, bool has_extra)
      : metric_(metric), dims_(dims), longest_norm_(longest_norm), scale_(scale), has_extra_(has_extra) {}

  simd::Metric metric_;
  size_t dims_;
  float longest_norm_;  // inner product only: before scaling
  float scale_;         // a power of two
  bool has_extra_;
};

}  // namespace omendb::quantize
