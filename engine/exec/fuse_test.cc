#include "engine/exec/fuse.h"

#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace omendb::exec {
namespace {

using Method = Fusion::Method;

constexpr FusedBy kBoth = {.vector = true, .text = true};

// A few rows far above the rest on each side, some of them without a vector.
std::vector<Candidate> random_candidates(base::Random& random, size_t count) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < count; ++i) {
    const auto steep = [&] { return static_cast<float>(std::floor(std::pow(random.uniform(), 12) * 1000)); };
    Candidate candidate{.row = {i}, .text_score = random.below(3) == 0 ? 0 : steep()};
    if (random.below(8) != 0) candidate.vector_score = steep();
    candidates.push_back(candidate);
  }
  return candidates;
}

std::vector<uint32_t> rows_of(const std::vector<Candidate>& candidates) {
  std::vector<uint32_t> rows;
  rows.reserve(candidates.size());
  for (const Candidate& candidate : candidates) rows.push_back(candidate.row.value);
  return rows;
}

TEST(Fuse, AWeightOfNothingLeavesTheOtherRanking) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    base::Random random(seed);
    const std::vector<Candidate> given = random_candidates(random, 2 + random.below(100));
    std::vector<Candidate> by_text = given;
    std::stable_sort(by_text.begin(), by_text.end(),
                     [](const Candidate& a, const Candidate& b) { return a.text_score > b.text_score; });
    for (const Method method : {Method::kDistribution, Method::kRelative}) {
      std::vector<Candidate> fused = given;
      fuse({.method = method, .vector_weight = 0, .text_weight = 2}, kBoth, fused);
      EXPECT_EQ(rows_of(fused), rows_of(by_text)) << "seed " << seed;
    }
  }
}

TEST(Fuse, RowsBeyondTheEndOfAScaleKeepTheirOrder) {
  std::vector<Candidate> candidates;
  for (uint32_t i = 0; i < 100; ++i)
    candidates.push_back({.row = {i}, .vector_score = i == 7 ? 90.0F : i == 8 ? 91.0F : 0.0F});
  fuse({.method = Method::kDistribution}, kBoth, candidates);
  EXPECT_EQ(candidates[0].score, candidates[1].score);
  EXPECT_EQ(candidates[0].row.value, 8U);
  EXPECT_EQ(candidates[1].row.value, 7U);
  EXPECT_EQ(candidates[2].row.value, 0U);
}

TEST(Fuse, ScoresAreFromNothingToTheSumOfTheWeights) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    base::Random random(seed);
    for (const Method method : {Method::kDistribution, Method::kRelative}) {
      std::vector<Candidate> candidates = random_candidates(random, random.below(60));
      fuse({.method = method, .vector_weight = 0.5, .text_weight = 3}, kBoth, candidates);
      for (const Candidate& candidate : candidates) {
        EXPECT_TRUE(candidate.score >= 0 && candidate.score <= 3.5) << candidate.score << ", seed " << seed;
        EXPECT_TRUE(candidate.vector_score || candidate.score <= 3) << "seed " << seed;
      }
    }
  }
}

TEST(Fuse, OneRowAndEqualRowsHaveTheBestScore) {
  for (const uint32_t count : {1U, 5U}) {
    for (const Method method : {Method::kDistribution, Method::kRelative}) {
      std::vector<Candidate> candidates;
      for (uint32_t i = 0; i < count; ++i) candidates.push_back({.row = {i}, .vector_score = 0.1F, .text_score = 3});
      fuse({.method = method}, kBoth, candidates);
      for (uint32_t i = 0; i < count; ++i) {
        EXPECT_EQ(candidates[i].score, 2);
        EXPECT_EQ(candidates[i].row.value, i);
      }
    }
  }
}

TEST(Fuse, SearchesThatThereWereNotAddNothing) {
  for (const Method method : {Method::kDistribution, Method::kRelative, Method::kReciprocalRank}) {
    std::vector<Candidate> candidates;
    for (uint32_t i = 0; i < 9; ++i)
      candidates.push_back({.row = {i}, .sparse_rank = 9 - i, .sparse_score = static_cast<float>(i) - 4});
    fuse({.method = method, .sparse_weight = 0.5}, {.sparse = true}, candidates);
    for (uint32_t i = 0; i < 9; ++i) EXPECT_EQ(candidates[i].row.value, 8 - i);
    EXPECT_LE(candidates.front().score, 0.5);
    EXPECT_GE(candidates.back().score, 0);
  }
}

}  // namespace
}  // namespace omendb::exec
