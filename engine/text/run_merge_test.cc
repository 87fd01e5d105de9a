#include "engine/base/test_scale.h"
#include "engine/text/run.h"
#include "engine/text/test_model.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace omendb::text {
namespace {

using base::must;

class KeptRows final : public RowFilter {
 public:
  explicit KeptRows(std::vector<bool> kept) : kept_(std::move(kept)) {}
  bool keep(uint32_t row) const override { return kept_[row]; }

 private:
  std::vector<bool> kept_;
};

std::vector<std::byte> merge(const std::vector<std::vector<std::byte>>& parts, const RowFilter* filter,
                             std::vector<DroppedTerm>* dropped) {
  std::vector<Run> runs;
  runs.reserve(parts.size());
  for (const std::vector<std::byte>& part : parts) runs.push_back(must(text::Run::open(part)));
  std::vector<const text::Run*> pointers;
  pointers.reserve(parts.size());
  for (const Run& run : runs) pointers.push_back(&run);
  return must(merge_runs(pointers, filter, dropped));
}

// `model` cut into runs at random.
std::vector<std::vector<std::byte>> random_parts(const RunModel& model, base::Random& random) {
  std::vector<std::vector<std::byte>> parts;
  const auto row_count = static_cast<uint32_t>(model.lengths.size());
  for (uint32_t begin = 0; begin < row_count || random.one_in(2);) {
    const auto end = static_cast<uint32_t>(random.between(begin, row_count));
    parts.push_back(build_rows(model, begin, end));
    begin = end;
  }
  return parts;
}

RunModel filtered(const RunModel& model, const RowFilter& filter) {
  RunModel kept;
  kept.lengths = model.lengths;
  for (uint32_t row = 0; row < kept.lengths.size(); ++row) {
    if (!filter.keep(row)) kept.lengths[row] = 0;
  }
  for (const auto& [term, list] : model.terms) {
    for (const RunModel::Posting& posting : list) {
      if (filter.keep(posting.row)) kept.terms[term].push_back(posting);
    }
  }
  return kept;
}

RandomModelOptions random_options(base::Random& random) {
  return {.row_count = static_cast<uint32_t>(random.below(1000)),
          .vocabulary = static_cast<uint32_t>(random.between(1, 200)),
          .length_max = random.one_in(5) ? 400U : 20U,
          .one_row_empty_in = random.between(1, 10)};
}

TEST(RunMerge, GivesTheBytesOfOneRunBuiltAtOnce) {
  for (uint64_t seed = 1; seed <= base::scaled(100); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const RunModel model = random_model(random, random_options(random));
    ASSERT_EQ(merge(random_parts(model, random), nullptr, nullptr), build(model));
  }
}

TEST(RunMerge, LeavesRowsOutAndCountsThem) {
  for (uint64_t seed = 1; seed <= base::scaled(100); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const RunModel model = random_model(random, random_options(random));
    std::vector<bool> kept(model.lengths.size());
    const uint64_t one_in = random.between(1, 5);
    for (size_t row = 0; row < kept.size(); ++row) kept[row] = !random.one_in(one_in);
    const KeptRows filter(kept);
    const RunModel expected = filtered(model, filter);
    std::vector<DroppedTerm> dropped;
    ASSERT_EQ(merge(random_parts(model, random), &filter, &dropped), build(expected));
    auto at = dropped.begin();
    for (const auto& [term, list] : model.terms) {
      const auto left = expected.terms.find(term);
      const size_t lost = list.size() - (left == expected.terms.end() ? 0 : left->second.size());
      if (lost == 0) continue;
      ASSERT_NE(at, dropped.end());
      ASSERT_EQ(at->term, term);
      ASSERT_EQ(at->document_count, lost);
      ++at;
    }
    ASSERT_EQ(at, dropped.end());
  }
}

TEST(RunMerge, OfNothingOrNothingKept) {
  EXPECT_EQ(merge({}, nullptr, nullptr), build({}));
  base::Random random(1);
  const RunModel model = random_model(random, {});
  const KeptRows none(std::vector<bool>(model.lengths.size(), false));
  RunModel empty;
  empty.lengths.resize(model.lengths.size());
  const std::vector<std::byte> bytes = merge(random_parts(model, random), &none, nullptr);
  EXPECT_EQ(bytes, build(empty));
  ASSERT_NO_FATAL_FAILURE(expect_same(empty, must(text::Run::open(bytes))));
}

TEST(RunMerge, RefusesMoreRowsThanARunMayHave) {
  RunModel model;
  model.lengths.resize(1 << 20);
  const std::vector<std::byte> bytes = build(model);
  const text::Run run = must(text::Run::open(bytes));
  const std::vector<const text::Run*> runs(2049, &run);
  EXPECT_EQ(base::code_of(merge_runs(runs, nullptr, nullptr)), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace omendb::text
