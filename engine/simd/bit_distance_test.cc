// Distances between rows of bits against counting bit by bit.

#include "engine/base/random.h"
#include "engine/simd/distance.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace omendb::simd {
namespace {

constexpr Metric kBitMetrics[] = {Metric::kHamming, Metric::kJaccard};

bool bit(const uint8_t* row, size_t at) { return ((row[at / 8] >> (7 - at % 8)) & 1U) != 0; }

float counted(Metric metric, const uint8_t* left, const uint8_t* right, size_t dims) {
  size_t differing = 0;
  size_t both = 0;
  size_t either = 0;
  for (size_t i = 0; i < dims; ++i) {
    differing += bit(left, i) != bit(right, i) ? 1U : 0U;
    both += bit(left, i) && bit(right, i) ? 1U : 0U;
    either += bit(left, i) || bit(right, i) ? 1U : 0U;
  }
  if (metric == Metric::kHamming) return static_cast<float>(differing);
  return either == 0 ? 0.0F : static_cast<float>(1.0 - static_cast<double>(both) / static_cast<double>(either));
}

// Rows that end exactly where the allocation ends, so that the address sanitizer sees any read behind the last one. Bits behind the last are 0.
class TightBits {
 public:
  TightBits(size_t row_count, size_t dims, size_t offset, base::Random& random)
      : row_bytes_(bit_row_bytes(dims)),
        memory_(std::make_unique<uint8_t[]>(row_count * row_bytes_ + offset)),
        first_(memory_.get() + offset) {
    for (size_t r = 0; r < row_count; ++r) {
      const uint64_t set_in_ten = random.below(11);
      for (size_t i = 0; i < dims; ++i) {
        if (random.below(10) < set_in_ten) first_[r * row_bytes_ + i / 8] |= static_cast<uint8_t>(0x80U >> (i % 8));
      }
    }
  }
  const uint8_t* row(size_t r) const { return first_ + r * row_bytes_; }

 private:
  size_t row_bytes_;
  std::unique_ptr<uint8_t[]> memory_;
  uint8_t* first_;
};

std::vector<size_t> tested_dims() {
  std::vector<size_t> dims;
  for (size_t d = 1; d <= 140; ++d) dims.push_back(d);
  constexpr size_t kAbove[] = {255, 256, 257, 504, 511, 512, 513, 767, 1000, 1024, 1031, 2048, 4097, 65535, 65536};
  dims.insert(dims.end(), std::begin(kAbove), std::end(kAbove));
  return dims;
}

class BitDistanceOnEveryTarget : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(Targets, BitDistanceOnEveryTarget,
                         testing::ValuesIn(available_targets().begin(), available_targets().end()),
                         [](const auto& target) { return std::string(to_string(target.param)); });

TEST_P(BitDistanceOnEveryTarget, CountsBitsInEveryFormForEveryDimension) {
  constexpr size_t kRows = 9;
  for (const size_t dims : tested_dims()) {
    base::Random random(dims);
    const TightBits queries(3, dims, dims % 5, random);
    const TightBits rows(kRows, dims, dims % 3, random);
    std::vector<uint32_t> ids(2 * kRows);
    for (uint32_t& id : ids) id = static_cast<uint32_t>(random.below(kRows));
    for (const Metric metric : kBitMetrics) {
      SCOPED_TRACE(testing::Message() << "dims " << dims << " metric " << static_cast<int>(metric));
      const DistanceKernels& kernels = distance_kernels(metric, GetParam());
      std::vector<float> many(3 * kRows);
      kernels.many_to_many(queries.row(0), 3, rows.row(0), kRows, dims, many.data());
      for (size_t q = 0; q < 3; ++q) {
        std::vector<float> scanned(kRows);
        std::vector<float> gathered(ids.size());
        kernels.scan(queries.row(q), rows.row(0), kRows, dims, scanned.data());
        kernels.gather(queries.row(q), rows.row(0), ids.data(), ids.size(), dims, gathered.data());
        for (size_t r = 0; r < kRows; ++r) {
          const float single = kernels.one(queries.row(q), rows.row(r), dims);
          ASSERT_FLOAT_EQ(single, counted(metric, queries.row(q), rows.row(r), dims)) << "row " << r;
          ASSERT_EQ(scanned[r], single);
          ASSERT_EQ(many[q * kRows + r], single);
          ASSERT_EQ(kernels.one(rows.row(r), queries.row(q), dims), single);
        }
        for (size_t i = 0; i < ids.size(); ++i) ASSERT_EQ(gathered[i], scanned[ids[i]]);
      }
    }
  }
}

TEST_P(BitDistanceOnEveryTarget, IsExactAtTheEndsOfTheRange) {
  constexpr size_t kDims = 65536;
  const std::vector<uint8_t> none(bit_row_bytes(kDims), 0);
  const std::vector<uint8_t> all(bit_row_bytes(kDims), 0xFF);
  const DistanceKernels& hamming = distance_kernels(Metric::kHamming, GetParam());
  const DistanceKernels& jaccard = distance_kernels(Metric::kJaccard, GetParam());
  EXPECT_EQ(hamming.one(none.data(), all.data(), kDims), 65536.0F);
  EXPECT_EQ(hamming.one(all.data(), all.data(), kDims), 0.0F);
  EXPECT_EQ(jaccard.one(none.data(), all.data(), kDims), 1.0F);
  EXPECT_EQ(jaccard.one(all.data(), all.data(), kDims), 0.0F);
  EXPECT_EQ(jaccard.one(none.data(), none.data(), kDims), 0.0F);
}

TEST_P(BitDistanceOnEveryTarget, TouchesNothingForNoRows) {
  const uint8_t query[1] = {1};
  float untouched = 7;
  for (const Metric metric : kBitMetrics) {
    const DistanceKernels& kernels = distance_kernels(metric, GetParam());
    kernels.scan(query, nullptr, 0, 8, &untouched);
    kernels.gather(query, nullptr, nullptr, 0, 8, &untouched);
    kernels.many_to_many(query, 1, nullptr, 0, 8, &untouched);
    kernels.many_to_many(nullptr, 0, query, 1, 8, &untouched);
  }
  EXPECT_EQ(untouched, 7);
}

}  // namespace
}  // namespace omendb::simd
