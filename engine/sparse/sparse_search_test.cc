#include "engine/sparse/sparse_search.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/sparse/sparse_analyzer.h"
#include "engine/text/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omendb::sparse {
namespace {

using base::must;
using Vector = std::map<uint32_t, float>;

std::string bytes_of(const Vector& vector) {
  std::string bytes;
  for (const auto& [index, weight] : vector) {
    const Pair pair{index, weight};
    bytes.append(reinterpret_cast<const char*>(&pair), sizeof(pair));
  }
  return bytes;
}

std::vector<Pair> pairs_of(const Vector& vector) {
  std::vector<Pair> pairs;
  for (const auto& [index, weight] : vector) pairs.push_back({index, weight});
  return pairs;
}

// Few values and small integers among the weights, so that scores tie and cancel.
float random_weight(base::Random& random) {
  if (random.one_in(3)) return static_cast<float>(random.between(1, 3)) * (random.one_in(4) ? -1.0F : 1.0F);
  const float weight = random.normal() * (random.one_in(20) ? 1e30F : 1.0F);
  return weight == 0 ? 1.0F : weight;
}

// Small indexes are frequent; some are at the very end.
uint32_t random_index(base::Random& random) {
  if (random.one_in(50)) return std::numeric_limits<uint32_t>::max() - static_cast<uint32_t>(random.below(3));
  return static_cast<uint32_t>(random.below(random.below(400) + 1));
}

Vector random_vector(base::Random& random, uint64_t pairs_max) {
  Vector vector;
  for (uint64_t i = random.below(pairs_max + 1); i > 0; --i) vector[random_index(random)] = random_weight(random);
  return vector;
}

std::vector<std::byte> run_of(const std::vector<Vector>& rows, size_t first, size_t end) {
  const auto analyzer = make_analyzer();
  const auto tokenizer = analyzer->tokenizer();
  text::RunBuilder builder;
  for (size_t row = first; row < end; ++row) {
    builder.begin_row();
    tokenizer->run(bytes_of(rows[row]), builder);
  }
  return builder.finish();
}

// Runs of some rows each, as tables have them.
class Runs {
 public:
  Runs(const std::vector<Vector>& rows, uint64_t rows_max, base::Random& random) {
    for (size_t first = 0; first < rows.size();) {
      const size_t end = std::min<size_t>(rows.size(), first + random.between(1, rows_max));
      bytes_.push_back(run_of(rows, first, end));
      firsts_.push_back(static_cast<uint32_t>(first));
      first = end;
    }
    for (const auto& bytes : bytes_) runs_.push_back(must(text::Run::open(bytes)));
    for (size_t i = 0; i < runs_.size(); ++i) placed_.push_back({&runs_[i], firsts_[i]});
  }
  std::span<const text::PlacedRun> placed() const { return placed_; }
  const std::vector<text::Run>& runs() const { return runs_; }

 private:
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<uint32_t> firsts_;
  std::vector<text::Run> runs_;
  std::vector<text::PlacedRun> placed_;
};

// Every row, then sorted.
std::vector<text::ScoredRow> brute_force(const std::vector<Vector>& rows, const Vector& query,
                                         const std::vector<bool>& passing, size_t k) {
  std::vector<text::ScoredRow> scored;
  for (uint32_t row = 0; row < rows.size(); ++row) {
    if (!passing[row]) continue;
    double sum = 0;
    bool shared = false;
    for (const auto& [index, weight] : query) {
      const auto found = rows[row].find(index);
      if (found == rows[row].end()) continue;
      sum += static_cast<double>(weight) * static_cast<double>(found->second);
      shared = true;
    }
    constexpr double kMost = std::numeric_limits<float>::max();
    if (shared) scored.push_back({row, static_cast<float>(std::clamp(sum, -kMost, kMost))});
  }
  std::stable_sort(scored.begin(), scored.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
  scored.resize(std::min(scored.size(), k));
  return scored;
}

class Bits {
 public:
  explicit Bits(const std::vector<bool>& rows) {
    constexpr uint32_t kBlock = text::RowBits::kRowsPerBlock;
    words_.resize((rows.size() / kBlock + 1) * kBlock / 64);
    for (size_t row = 0; row < rows.size(); ++row)
      if (rows[row]) words_[row / 64] |= uint64_t{1} << row % 64;
    for (size_t word = 0; word < words_.size(); word += kBlock / 64) blocks_.push_back(words_.data() + word);
    bits_ = {blocks_, static_cast<uint32_t>(rows.size())};
  }
  text::RowBits bits() const { return bits_; }

 private:
  std::vector<uint64_t> words_;
  std::vector<const uint64_t*> blocks_;
  text::RowBits bits_;
};

void expect_same_as_brute_force(const std::vector<Vector>& rows, const Runs& runs, base::Random& random) {
  std::vector<bool> passing(rows.size());
  const uint64_t one_in = random.between(1, 4);
  for (size_t row = 0; row < rows.size(); ++row) passing[row] = random.one_in(one_in);
  const Bits bits(passing);
  const Vector query = random_vector(random, 40);
  for (const size_t k : {size_t{1}, size_t{10}, rows.size() + 1}) {
    uint64_t scored = 0;
    const auto found = must(best_rows(runs.placed(), pairs_of(query), bits.bits(), k, &scored));
    ASSERT_EQ(found, brute_force(rows, query, passing, k)) << "k " << k;
    ASSERT_LE(scored, count_postings(runs.placed(), pairs_of(query)));
  }
}

TEST(SparseSearch, FindsTheRowsOfBruteForceHoweverTheyLieInRuns) {
  for (uint64_t seed = 1; seed <= base::scaled(40); ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    base::Random random(seed);
    std::vector<Vector> rows(random.below(seed % 5 == 0 ? 9000 : 600));
    for (Vector& row : rows) row = random_vector(random, 30);
    const Runs runs(rows, random.between(1, 5000), random);
    for (int i = 0; i < 5; ++i) ASSERT_NO_FATAL_FAILURE(expect_same_as_brute_force(rows, runs, random));
    for (const text::Run& run : runs.runs()) ASSERT_EQ(base::message_of(text::check_run(run)), "");
  }
}

TEST(SparseSearch, MergedRunsHaveEveryWeight) {
  base::Random random(3);
  std::vector<Vector> rows(5000);
  for (Vector& row : rows) row = random_vector(random, 30);
  const Runs runs(rows, 700, random);
  std::vector<const text::Run*> pieces;
  for (const text::Run& run : runs.runs()) pieces.push_back(&run);
  EXPECT_TRUE(must(text::merge_runs(pieces, nullptr, nullptr)) == run_of(rows, 0, rows.size()));
}

TEST(SparseSearch, OfNothingFindsNothing) {
  const std::vector<Vector> rows = {{}, {{7, 1.0F}}, {}};
  base::Random random(1);
  const Runs runs(rows, 3, random);
  const Bits bits({true, true, true});
  EXPECT_TRUE(must(best_rows(runs.placed(), {}, bits.bits(), 5)).empty());
  EXPECT_TRUE(must(best_rows(runs.placed(), pairs_of({{8, 1.0F}}), bits.bits(), 5)).empty());
  EXPECT_TRUE(must(best_rows({}, pairs_of({{7, 1.0F}}), bits.bits(), 5)).empty());
  EXPECT_TRUE(must(best_rows(runs.placed(), pairs_of({{7, 1.0F}}), bits.bits(), 0)).empty());
  const auto found = must(best_rows(runs.placed(), pairs_of({{7, -2.0F}}), bits.bits(), 5));
  EXPECT_EQ(found, (std::vector<text::ScoredRow>{{1, -2.0F}}));
}

// Whatever the bytes are: nothing outside of them is read (a sanitizer sees it), and rows stay those of the run.
TEST(SparseSearch, DamagedRunsAnswerOrSaySo) {
  base::Random random(11);
  std::vector<Vector> rows(400);
  for (Vector& row : rows) row = random_vector(random, 8);
  const std::vector<std::byte> good = run_of(rows, 0, rows.size());
  const std::vector<Pair> query = pairs_of(random_vector(random, 40));
  const Bits bits(std::vector<bool>(rows.size(), true));
  for (uint64_t i = 0; i < base::scaled(4000); ++i) {
    std::vector<std::byte> bytes = good;
    for (uint64_t flips = random.between(1, 3); flips > 0; --flips)
      bytes[random.below(bytes.size())] ^= static_cast<std::byte>(random.between(1, 255));
    const auto opened = text::Run::open(bytes);
    if (!opened.ok() || opened->row_count() != rows.size()) continue;
    const text::PlacedRun placed[] = {{&*opened, 0}};
    const auto found = best_rows(placed, query, bits.bits(), 500);
    if (!found.ok()) {
      ASSERT_EQ(found.error().code, ErrorCode::kCorruption);
      continue;
    }
    for (const text::ScoredRow& row : *found) ASSERT_LT(row.row, rows.size());
  }
}

// A run of a text column in the place of one of sparse vectors.
TEST(SparseSearch, ATermTwiceInARowIsDamage) {
  text::RunBuilder builder;
  builder.begin_row();
  const IndexTerm term(7);
  builder.token({term.view(), 1, 0, 0});
  builder.token({term.view(), 2, 0, 0});
  const std::vector<std::byte> bytes = builder.finish();
  const text::Run run = must(text::Run::open(bytes));
  const text::PlacedRun placed[] = {{&run, 0}};
  const Bits bits({true});
  EXPECT_EQ(base::code_of(best_rows(placed, pairs_of({{7, 1.0F}}), bits.bits(), 5)), ErrorCode::kCorruption);
}

TEST(SparseVector, DamagedValuesEndBeforeTheDamage) {
  const auto count = [](const std::string& bytes) {
    size_t pairs = 0;
    for_each_pair(bytes, [&pairs](const Pair&) { ++pairs; });
    return pairs;
  };
  const auto value = [](std::vector<Pair> pairs) {
    return std::string(reinterpret_cast<const char*>(pairs.data()), pairs.size() * sizeof(Pair));
  };
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(fault_of(""), "");
  EXPECT_EQ(fault_of(value({{0, 1}, {5, -2}})), "");
  EXPECT_EQ(count(value({{0, 1}, {5, -2}})), 2U);
  EXPECT_EQ(fault_of(std::string("1234567")), "has 7 bytes, which are no pairs");
  EXPECT_EQ(fault_of(value({{3, 1}, {3, 2}})), "has index 3 as pair 1, out of order or without a weight");
  EXPECT_EQ(count(value({{3, 1}, {2, 2}, {9, 1}})), 1U);
  EXPECT_EQ(fault_of(value({{3, 0}})), "has index 3 as pair 0, out of order or without a weight");
  EXPECT_EQ(fault_of(value({{3, kInfinity}})), "has index 3 as pair 0, out of order or without a weight");
  EXPECT_NE(fault_of(value(std::vector<Pair>(kSparsePairsMax + 1, Pair{1, 1}))), "");
  EXPECT_EQ(inner_product(pairs_of({{3, 2.0F}}), value({{3, kInfinity}})), std::nullopt);
}

TEST(SparseVector, ScoresStayFinite) {
  const float most = std::numeric_limits<float>::max();
  const Vector large = {{1, most}, {2, most}};
  EXPECT_EQ(to_score(*inner_product(pairs_of(large), bytes_of(large))), most);
  EXPECT_EQ(to_score(*inner_product(pairs_of({{1, -most}, {2, -most}}), bytes_of(large))), -most);
}

}  // namespace
}  // namespace omendb::sparse
