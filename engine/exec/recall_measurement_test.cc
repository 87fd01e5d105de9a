#include "engine/exec/recall_measurement.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/table/test_table.h"

#include <gtest/gtest.h>

#include <numeric>

namespace omendb::exec {
namespace {

void fill(table::TestTable& table, size_t row_count, size_t dims) {
  base::Random random(1);
  std::vector<int64_t> keys(row_count);
  std::iota(keys.begin(), keys.end(), 0);
  std::vector<float> vectors(row_count * dims);
  for (float& component : vectors) component = random.normal();
  table.write(keys, vectors);
  table.link();
}

TEST(RecallMeasurement, WiderBeamsFindMore) {
  table::TestTable table(8);
  fill(table, 3000, 8);
  const auto measured = base::must(measure_recall(*table.version(), {.k = 5, .efs = {5, 20, 400}, .query_count = 200}));
  ASSERT_EQ(measured.size(), 3U);
  EXPECT_EQ(measured[1].ef, 20U);
  EXPECT_LT(measured[0].recall, measured[2].recall);
  EXPECT_GE(measured[2].recall, 0.99);
  EXPECT_GT(measured[0].error, 0);
  const auto again = base::must(measure_recall(*table.version(), {.k = 5, .efs = {5, 20, 400}, .query_count = 200}));
  EXPECT_EQ(measured[0].recall, again[0].recall) << "the same seed asks with the same rows";
}

TEST(RecallMeasurement, OfBitsAndOfTheMetricL1) {
  table::TestTable absolute(8, Metric::kL1);
  fill(absolute, 3000, 8);
  table::TestTable bits({.dims = 128, .metric = Metric::kHamming, .element = Element::kBit});
  base::Random random(2);
  std::vector<int64_t> keys(3000);
  std::iota(keys.begin(), keys.end(), 0);
  std::vector<uint8_t> bytes(3000 * 16);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.below(256) & random.below(256));
  bits.write_bits(keys, bytes);
  bits.link();
  for (const auto& version : {absolute.version(), bits.version()}) {
    const auto measured = base::must(measure_recall(*version, {.k = 5, .efs = {5, 600}, .query_count = 200}));
    ASSERT_EQ(measured.size(), 2U);
    EXPECT_LT(measured[0].recall, measured[1].recall);
    EXPECT_GE(measured[1].recall, 0.99);
  }
}

TEST(RecallMeasurement, OfASmallTableIsEmpty) {
  table::TestTable table(8);
  fill(table, 100, 8);
  EXPECT_TRUE(base::must(measure_recall(*table.version(), {.efs = {10}})).empty());
}

TEST(RecallMeasurement, RefusesWhatItCanNotMeasure) {
  table::TestTable table(8);
  fill(table, 100, 8);
  const auto code = [&table](const RecallMeasurement& measurement) {
    return base::code_of(measure_recall(*table.version(), measurement));
  };
  EXPECT_EQ(code({.column = "w", .efs = {10}}), ErrorCode::kSchema);
  EXPECT_EQ(code({.k = 0, .efs = {10}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.k = 1001, .efs = {10}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.efs = {}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.efs = {0}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.efs = {10, 10}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.efs = {10}, .query_count = 0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code({.efs = {10}, .query_count = 1'000'000}), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace omendb::exec
