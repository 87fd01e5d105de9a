#include "engine/exec/fuse.h"

#include <algorithm>
#include <cmath>

namespace omendb::exec {
namespace {

constexpr double kRankConstant = 60;

double reciprocal(std::optional<size_t> rank) { return rank ? 1 / (kRankConstant + static_cast<double>(*rank)) : 0; }

// What is taken as 0 and as 1.
struct Scale {
  double zero = 0;
  double one = 0;
  double operator()(double score) const { return one > zero ? (score - zero) / (one - zero) : 1; }
};

Scale scale_of(Fusion::Method method, const std::vector<double>& scores) {
  if (scores.empty()) return {};
  if (method == Fusion::Method::kRelative) {
    const auto [least, most] = std::minmax_element(scores.begin(), scores.end());
    return {*least, *most};
  }
  double sum = 0;
  for (const double score : scores) sum += score;
  const double mean = sum / static_cast<double>(scores.size());
  double squares = 0;
  for (const double score : scores) squares += (score - mean) * (score - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(scores.size()));
  return {mean - 3 * deviation, mean + 3 * deviation};
}

void score_by_rank(const Fusion& fusion, std::vector<Candidate>& candidates) {
  for (Candidate& candidate : candidates) {
    candidate.score =
        fusion.vector_weight * reciprocal(candidate.vector_rank) + fusion.text_weight * reciprocal(candidate.text_rank);
  }
}

void add(double weight, double on_scale, Candidate& candidate) {
  candidate.score += weight * std::clamp(on_scale, 0.0, 1.0);
  candidate.unbounded_score += weight * on_scale;
}

// A row without a vector counts as the farthest one.
void score_by_scale(const Fusion& fusion, std::vector<Candidate>& candidates) {
  std::vector<double> vector_scores;
  std::vector<double> text_scores;
  for (const Candidate& candidate : candidates) {
    if (candidate.vector_score) vector_scores.push_back(*candidate.vector_score);
    text_scores.push_back(candidate.text_score);
  }
  const Scale vector_scale = scale_of(fusion.method, vector_scores);
  const Scale text_scale = scale_of(fusion.method, text_scores);
  for (Candidate& candidate : candidates) {
    if (candidate.vector_score) add(fusion.vector_weight, vector_scale(*candidate.vector_score), candidate);
    add(fusion.text_weight, text_scale(candidate.text_score), candidate);
  }
}

}  // namespace

void fuse(const Fusion& fusion, std::vector<Candidate>& candidates) {
  if (fusion.method == Fusion::Method::kReciprocalRank) {
    score_by_rank(fusion, candidates);
  } else {
    score_by_scale(fusion, candidates);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.unbounded_score != b.unbounded_score ? a.unbounded_score > b.unbounded_score : a.row < b.row;
  });
}

}  // namespace omendb::exec
