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

// Ranks are there only of searches that there were.
void score_by_rank(const Fusion& fusion, std::vector<Candidate>& candidates) {
  for (Candidate& candidate : candidates) {
    candidate.score = fusion.vector_weight * reciprocal(candidate.vector_rank) +
                      fusion.text_weight * reciprocal(candidate.text_rank) +
                      fusion.sparse_weight * reciprocal(candidate.sparse_rank);
  }
}

void add(double weight, double on_scale, Candidate& candidate) {
  candidate.score += weight * std::clamp(on_scale, 0.0, 1.0);
  candidate.unbounded_score += weight * on_scale;
}

// What one search has to say. `score_of` a candidate: a number, or nothing for a row that counts as the worst one.
template <typename ScoreOf>
void add_scaled(Fusion::Method method, double weight, const ScoreOf& score_of, std::vector<Candidate>& candidates) {
  std::vector<double> scores;
  for (const Candidate& candidate : candidates) {
    if (const std::optional<float> score = score_of(candidate)) scores.push_back(*score);
  }
  const Scale scale = scale_of(method, scores);
  for (Candidate& candidate : candidates) {
    if (const std::optional<float> score = score_of(candidate)) add(weight, scale(*score), candidate);
  }
}

void score_by_scale(const Fusion& fusion, FusedBy by, std::vector<Candidate>& candidates) {
  const auto add_search = [&](bool there_was, double weight, const auto& score_of) {
    if (there_was) add_scaled(fusion.method, weight, score_of, candidates);
  };
  add_search(by.vector, fusion.vector_weight, [](const Candidate& row) { return row.vector_score; });
  add_search(by.text, fusion.text_weight, [](const Candidate& row) { return std::optional(row.text_score); });
  add_search(by.sparse, fusion.sparse_weight, [](const Candidate& row) { return std::optional(row.sparse_score); });
}

}  // namespace

void fuse(const Fusion& fusion, FusedBy by, std::vector<Candidate>& candidates) {
  if (fusion.method == Fusion::Method::kReciprocalRank) {
    score_by_rank(fusion, candidates);
  } else {
    score_by_scale(fusion, by, candidates);
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.unbounded_score != b.unbounded_score ? a.unbounded_score > b.unbounded_score : a.row < b.row;
  });
}

}  // namespace omendb::exec
