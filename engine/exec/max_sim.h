#pragma once

// How well a set of vectors answers a query of several vectors: the sum, over the query's vectors, of the largest similarity that one of the set has to it
// (late interaction: Khattab and Zaharia, ColBERT, SIGIR 2020).

#include <omendb/schema.h>

#include <cstddef>
#include <span>
#include <vector>

namespace omendb::exec {

class MaxSim {
 public:
  // `query`: finite, `dims` numbers a vector, at least one; borrowed where the metric is kInnerProduct, the only other one is kCosine.
  MaxSim(Metric metric, std::span<const float> query, size_t dims);

  // `vectors`: at least one. Finite. The same numbers give the same score, whichever rows are asked before. A similarity that is not a number counts as the
  // least there is. Cost: an inner product a pair. Threads: one.
  float score(std::span<const float> vectors);

 private:
  void add(const float* vectors, size_t count);

  Metric metric_;
  size_t dims_;
  std::vector<float> normalized_;  // the query under kCosine
  std::span<const float> query_;
  size_t query_count_;
  std::vector<float> products_;  // of some of the row's vectors with each of the query's, negated
  std::vector<float> best_;      // of each of the query's vectors
};

}  // namespace omendb::exec
