#include "engine/simd/code_distance.h"

#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace omendb::simd {
namespace {

// Lists of every length that matters: none, singles, fours, and more than a kernel asks for ahead.
constexpr size_t kCounts[] = {0, 1, 3, 4, 5, 8, 39};

// Codes each of which ends where its allocation ends, so that the address sanitizer sees a read behind it.
class TightCodes {
 public:
  TightCodes(size_t count, size_t bytes, base::Random& random) {
    for (size_t c = 0; c < count; ++c) {
      memory_.push_back(std::make_unique<std::byte[]>(bytes));
      for (size_t i = 0; i < bytes; ++i) memory_.back()[i] = static_cast<std::byte>(random.below(256));
      list_.push_back(memory_.back().get());
    }
  }
  const std::byte* const* list() const { return list_.data(); }
  std::byte* code(size_t c) { return memory_[c].get(); }

 private:
  std::vector<std::unique_ptr<std::byte[]>> memory_;
  std::vector<const std::byte*> list_;
};

template <class T>
struct alignas(64) Line {
  T values[64 / sizeof(T)];
};

// Aligned to 64 bytes.
template <class T>
class Aligned {
 public:
  explicit Aligned(size_t count) : lines_(count * sizeof(T) / 64 + 1) {}
  T* data() { return lines_[0].values; }
  T& operator[](size_t i) { return data()[i]; }

 private:
  std::vector<Line<T>> lines_;
};

class CodesOnEverySet : public testing::TestWithParam<NamedCodeKernels> {
 protected:
  static const CodeKernels& kernels() { return *GetParam().kernels; }
};

INSTANTIATE_TEST_SUITE_P(Sets, CodesOnEverySet,
                         testing::ValuesIn(available_code_kernels().begin(), available_code_kernels().end()),
                         [](const auto& set) { return std::string(set.param.name); });

TEST_P(CodesOnEverySet, SumsSquaresOfBytesExactly) {
  for (const size_t length : {16UL, 32UL, 48UL, 128UL, 784UL, 8208UL}) {
    for (const size_t count : kCounts) {
      SCOPED_TRACE(testing::Message() << "length " << length << " count " << count);
      base::Random random(length + count);
      TightCodes codes(count, length, random);
      Aligned<int16_t> query(length);
      for (size_t i = 0; i < length; ++i) {
        query[i] = static_cast<int16_t>(static_cast<int64_t>(random.below(768)) + kByteQueryMin);
      }
      std::vector<float> out(count);
      kernels().bytes(query.data(), codes.list(), count, length, out.data());
      for (size_t c = 0; c < count; ++c) {
        int64_t sum = 0;
        for (size_t i = 0; i < length; ++i) {
          const int64_t d = int64_t{query[i]} - static_cast<int64_t>(codes.code(c)[i]);
          sum += d * d;
        }
        ASSERT_EQ(out[c], static_cast<float>(sum));
      }
    }
  }
}

double half_value(uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const int mantissa = half & 1023;
  const double magnitude = exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

double bfloat_value(uint16_t bfloat) { return static_cast<double>(std::bit_cast<float>(uint32_t{bfloat} << 16)); }

using HalfKernel = void (*)(const float*, const std::byte* const*, size_t, size_t, float*);

void expect_squares_of_halves(HalfKernel kernel, double (*value)(uint16_t), uint16_t exponent_mask) {
  for (const size_t length : {8UL, 16UL, 24UL, 32UL, 40UL, 136UL, 1536UL}) {
    for (const size_t count : kCounts) {
      SCOPED_TRACE(testing::Message() << "length " << length << " count " << count);
      base::Random random(length * 100 + count);
      TightCodes codes(count, 2 * length, random);
      Aligned<float> query(length);
      for (size_t i = 0; i < length; ++i) query[i] = random.normal() * 100;
      const auto number = [&](size_t c, size_t i) {
        uint16_t half = 0;
        std::memcpy(&half, codes.code(c) + 2 * i, sizeof(half));
        return half;
      };
      for (size_t c = 0; c < count; ++c) {
        for (size_t i = 0; i < length;
             ++i) {  // ordinary magnitudes and subnormal ones: the highest bit of the exponent is cleared
          const auto half = static_cast<uint16_t>(number(c, i) & ~exponent_mask);
          std::memcpy(codes.code(c) + 2 * i, &half, sizeof(half));
        }
      }
      std::vector<float> out(count);
      kernel(query.data(), codes.list(), count, length, out.data());
      for (size_t c = 0; c < count; ++c) {
        double sum = 0;
        for (size_t i = 0; i < length; ++i) {
          const double d = static_cast<double>(query[i]) - value(number(c, i));
          sum += d * d;
        }
        ASSERT_NEAR(out[c], sum, sum * 1e-5);
      }
    }
  }
}

TEST_P(CodesOnEverySet, SumsSquaresOfHalves) { expect_squares_of_halves(kernels().halves, &half_value, 0x4000); }
TEST_P(CodesOnEverySet, SumsSquaresOfBfloats) { expect_squares_of_halves(kernels().bfloats, &bfloat_value, 0x4000); }

TEST_P(CodesOnEverySet, ReadsEveryFiniteHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7c00U) == 0x7c00U) continue;
    const auto half = static_cast<uint16_t>(bits);
    alignas(16) std::byte code[16] = {};
    std::memcpy(code, &half, sizeof(half));
    alignas(64) const float query[8] = {};
    const std::byte* list[] = {code};
    float out = 0;
    kernels().halves(query, list, 1, 8, &out);
    ASSERT_EQ(out, static_cast<float>(half_value(half) * half_value(half))) << bits;
  }
}

// The definition in code_distance.h, number by number.
uint32_t packed_number(const std::byte* planes, size_t dims, size_t bits, size_t d) {
  uint32_t number = 0;
  for (const size_t width : {8UL, 4UL, 2UL, 1UL}) {
    if ((bits & width) == 0) continue;
    const size_t in_group = d % kPackedDimsStep;
    const std::byte* group = planes + d / kPackedDimsStep * 8 * width;
    const auto byte = static_cast<uint32_t>(group[in_group % (8 * width)]);
    number = (number << width) | ((byte >> (in_group / (8 * width) * width)) & ((1U << width) - 1));
    planes += dims * width / 8;
  }
  return number;
}

TEST_P(CodesOnEverySet, MultipliesPackedNumbersExactly) {
  for (size_t bits = 1; bits <= kPackedBitsMax; ++bits) {
    for (const size_t dims : {64UL, 128UL, 192UL, 832UL}) {
      for (const size_t count : kCounts) {
        SCOPED_TRACE(testing::Message() << "bits " << bits << " dims " << dims << " count " << count);
        base::Random random(bits * 10000 + dims + count);
        const size_t offset = 16;
        TightCodes codes(count, offset + dims * bits / 8, random);
        Aligned<int8_t> coarse(dims);
        Aligned<int8_t> fine(dims);
        for (size_t d = 0; d < dims; ++d) {
          coarse[d] = static_cast<int8_t>(static_cast<int64_t>(random.below(255)) - 127);
          fine[d] = static_cast<int8_t>(static_cast<int64_t>(random.below(255)) - 127);
        }
        std::vector<int64_t> out(count);
        kernels().packed({coarse.data(), fine.data(), dims, bits, offset}, codes.list(), count, out.data());
        for (size_t c = 0; c < count; ++c) {
          int64_t sum = 0;
          for (size_t d = 0; d < dims; ++d) {
            const int64_t query = bits > kCoarseBitsMax ? int64_t{coarse[d]} * kFineStep + fine[d] : int64_t{coarse[d]};
            sum += query * packed_number(codes.code(c) + offset, dims, bits, d);
          }
          ASSERT_EQ(out[c], sum);
        }
      }
    }
  }
}

TEST_P(CodesOnEverySet, UnpacksNumbersAndAddsThemUp) {
  for (size_t bits = 1; bits <= kPackedBitsMax; ++bits) {
    for (const size_t dims : {64UL, 128UL, 192UL, kPackedDimsMax}) {
      SCOPED_TRACE(testing::Message() << "bits " << bits << " dims " << dims);
      base::Random random(bits * 10000 + dims);
      TightCodes codes(1, dims * bits / 8, random);
      std::vector<uint8_t> numbers(dims);
      const int64_t sum = kernels().unpack(codes.code(0), dims, bits, numbers.data());
      int64_t wanted_sum = 0;
      for (size_t d = 0; d < dims; ++d) {
        ASSERT_EQ(numbers[d], packed_number(codes.code(0), dims, bits, d)) << d;
        wanted_sum += numbers[d];
      }
      EXPECT_EQ(sum, wanted_sum);
    }
  }
}

TEST_P(CodesOnEverySet, HoldsTheLargestSumsOfPackedNumbers) {
  Aligned<int8_t> query(kPackedDimsMax);
  std::fill_n(query.data(), kPackedDimsMax, int8_t{127});
  const std::vector<std::byte> code(kPackedDimsMax, std::byte{0xff});
  const std::byte* list[] = {code.data()};
  for (size_t bits = 1; bits <= kPackedBitsMax; ++bits) {
    SCOPED_TRACE(bits);
    int64_t out = 0;
    kernels().packed({query.data(), query.data(), kPackedDimsMax, bits, 0}, list, 1, &out);
    const int64_t component = bits > kCoarseBitsMax ? 127 * kFineStep + 127 : 127;
    EXPECT_EQ(out, static_cast<int64_t>(kPackedDimsMax) * component * ((1 << bits) - 1));
  }
}

TEST_P(CodesOnEverySet, AddsUpLookups) {
  for (const size_t length : {1UL, 8UL, 32UL, 33UL, 128UL}) {
    for (const size_t count : kCounts) {
      SCOPED_TRACE(testing::Message() << "length " << length << " count " << count);
      base::Random random(length * 100 + count);
      TightCodes codes(count, length, random);
      std::vector<uint16_t> tables(length * kCentroids);
      for (uint16_t& entry : tables) entry = static_cast<uint16_t>(random.below(65536));
      std::vector<uint32_t> out(count);
      kernels().lookups(tables.data(), codes.list(), count, length, out.data());
      for (size_t c = 0; c < count; ++c) {
        uint32_t sum = 0;
        for (size_t j = 0; j < length; ++j) sum += tables[j * kCentroids + static_cast<size_t>(codes.code(c)[j])];
        ASSERT_EQ(out[c], sum);
      }
    }
  }
}

// Tables of `pieces` pieces and zeros for the rest of a code, whose four bits are anything.
Aligned<uint8_t> nibble_tables(size_t pieces, size_t length, base::Random& random) {
  Aligned<uint8_t> tables(2 * length * kNibbleCentroids);
  for (size_t i = 0; i < pieces * kNibbleCentroids; ++i) tables[i] = static_cast<uint8_t>(random.below(256));
  return tables;
}

// The definition in code_distance.h, piece by piece.
uint32_t nibble_sum(Aligned<uint8_t>& tables, const std::byte* code, size_t length) {
  uint32_t sum = 0;
  for (size_t piece = 0; piece < 2 * length; ++piece) {
    const auto byte = static_cast<size_t>(code[piece / 32 * 16 + piece % 16]);
    sum += tables[piece * kNibbleCentroids + (piece % 32 < 16 ? byte & 15 : byte >> 4)];
  }
  return sum;
}

TEST_P(CodesOnEverySet, AddsUpLookupsOfNibbles) {
  for (size_t pieces = 1; pieces <= 2 * kNibbleBytesMax; ++pieces) {
    const size_t length = (pieces + kNibblePiecesStep - 1) / kNibblePiecesStep * kNibbleBytesStep;
    base::Random random(pieces);
    Aligned<uint8_t> tables = nibble_tables(pieces, length, random);
    const size_t first = pieces % 32 == 0 ? 0 : 1 + random.below(70);
    const size_t last = pieces % 32 == 0 ? 70 : first;
    for (size_t count = first; count <= last; ++count) {
      SCOPED_TRACE(testing::Message() << "pieces " << pieces << " count " << count);
      TightCodes codes(count, length, random);
      std::vector<uint32_t> out(count + 1, 12345);
      kernels().nibble_lookups(tables.data(), codes.list(), count, length, out.data());
      for (size_t c = 0; c < count; ++c) ASSERT_EQ(out[c], nibble_sum(tables, codes.code(c), length));
      ASSERT_EQ(out[count], 12345U);
    }
  }
}

TEST_P(CodesOnEverySet, HoldsTheLargestSumsOfNibbles) {
  Aligned<uint8_t> tables(2 * kNibbleBytesMax * kNibbleCentroids);
  std::fill_n(tables.data(), 2 * kNibbleBytesMax * kNibbleCentroids, uint8_t{255});
  base::Random random(1);
  const TightCodes codes(17, kNibbleBytesMax, random);
  uint32_t out[17] = {};
  kernels().nibble_lookups(tables.data(), codes.list(), 17, kNibbleBytesMax, out);
  for (const uint32_t sum : out) EXPECT_EQ(sum, 2 * kNibbleBytesMax * 255);
}

void expect_squares_of_centroids(const CodeKernels& kernels, size_t count, size_t dims) {
  SCOPED_TRACE(testing::Message() << count << " centroids of " << dims << " dims");
  base::Random random(dims);
  std::vector<float> centroids(dims * count);
  std::vector<float> point(dims);
  for (float& value : centroids) value = random.normal();
  for (float& value : point) value = random.normal();
  std::vector<float> out(count + 1, -1.0F);
  kernels.centroids(point.data(), centroids.data(), count, dims, out.data());
  EXPECT_EQ(out.back(), -1);
  out.pop_back();
  for (size_t c = 0; c < count; ++c) {
    double sum = 0;
    for (size_t d = 0; d < dims; ++d) {
      const double difference = static_cast<double>(point[d]) - static_cast<double>(centroids[d * count + c]);
      sum += difference * difference;
    }
    ASSERT_NEAR(out[c], sum, sum * 1e-5 + 1e-12);
  }
  const Nearest nearest = kernels.nearest(point.data(), centroids.data(), count, dims);
  const auto lowest = std::min_element(out.begin(), out.end());
  EXPECT_EQ(nearest.centroid, lowest - out.begin());
  EXPECT_EQ(nearest.square, *lowest);
  const Range range = kernels.range(out.data(), count);
  EXPECT_EQ(range.low, *lowest);
  EXPECT_EQ(range.high, *std::max_element(out.begin(), out.end()));
}

TEST_P(CodesOnEverySet, MeasuresAllCentroidsAndFindsTheNearest) {
  for (const size_t dims : {1UL, 2UL, 3UL, 4UL, 7UL, 48UL, 256UL}) {
    for (const size_t count : {kCentroids, kNibbleCentroids}) expect_squares_of_centroids(kernels(), count, dims);
  }
}

TEST_P(CodesOnEverySet, GivesTheLowerOfEqualCentroids) {
  std::vector<float> centroids(kCentroids, 5.0F);
  const float point = 2;
  EXPECT_EQ(kernels().nearest(&point, centroids.data(), kCentroids, 1).centroid, 0);
  centroids[200] = 3;
  centroids[210] = 1;
  EXPECT_EQ(kernels().nearest(&point, centroids.data(), kCentroids, 1).centroid, 200);
}

TEST_P(CodesOnEverySet, TransformsToTheSameBitsAsPlainCode) {
  for (size_t count = 64; count <= 8192; count *= 2) {
    SCOPED_TRACE(count);
    base::Random random(count);
    std::vector<float> values(count);
    for (float& value : values) value = random.normal();
    std::vector<float> plain = values;
    // Entry (i, j) of the matrix is minus one to the number of bits that i and j share.
    std::vector<double> expected(count);
    for (size_t i = 0; i < count && count <= 256; ++i) {
      for (size_t j = 0; j < count; ++j) {
        expected[i] += (std::popcount(i & j) % 2 == 0 ? 1.0 : -1.0) * static_cast<double>(values[j]);
      }
    }
    kernels().hadamard(values.data(), count);
    available_code_kernels().front().kernels->hadamard(plain.data(), count);
    ASSERT_EQ(std::memcmp(values.data(), plain.data(), count * sizeof(float)), 0);
    for (size_t i = 0; i < count && count <= 256; ++i) {
      ASSERT_NEAR(values[i], expected[i] / std::sqrt(static_cast<double>(count)), 1e-5);
    }
  }
}

TEST_P(CodesOnEverySet, FitsAGrid) {
  base::Random random(3);
  for (const size_t count : {64UL, 192UL, 1536UL}) {
    for (const float top : {0.0F, 1.0F, 7.0F, 127.0F}) {
      SCOPED_TRACE(testing::Message() << "count " << count << " top " << top);
      std::vector<float> values(count);
      for (float& value : values) value = std::abs(random.normal());
      const float inverse_step = 2.7F;
      const GridFit fit = kernels().grid_fit(values.data(), count, inverse_step, top);
      double dot = 0;
      double square = 0;
      for (const float value : values) {
        const double y = std::floor(static_cast<double>(std::min(value * inverse_step, top))) + 0.5;
        dot += y * static_cast<double>(value);
        square += y * y;
      }
      EXPECT_NEAR(fit.dot, dot, dot * 1e-5);
      EXPECT_NEAR(fit.square, square, square * 1e-5);
    }
  }
}

TEST_P(CodesOnEverySet, CountsBitsThatDifferForAnyNumberOfBytes) {
  for (size_t bytes = 0; bytes <= 200; ++bytes) {
    for (const size_t count : {3UL, 5UL}) {
      SCOPED_TRACE(testing::Message() << "bytes " << bytes << " count " << count);
      base::Random random(bytes * 10 + count);
      TightCodes codes(count, bytes, random);
      TightCodes query(1, bytes, random);
      if (bytes > 0 && count == 3) std::copy_n(query.code(0), bytes, codes.code(1));
      std::vector<float> differing(count);
      std::vector<float> apart(count);
      kernels().hamming(query.code(0), codes.list(), count, bytes, differing.data());
      kernels().jaccard(query.code(0), codes.list(), count, bytes, apart.data());
      for (size_t c = 0; c < count; ++c) {
        int different = 0;
        int both = 0;
        int either = 0;
        for (size_t i = 0; i < bytes; ++i) {
          const auto left = static_cast<uint8_t>(query.code(0)[i]);
          const auto right = static_cast<uint8_t>(codes.code(c)[i]);
          different += std::popcount(static_cast<uint8_t>(left ^ right));
          both += std::popcount(static_cast<uint8_t>(left & right));
          either += std::popcount(static_cast<uint8_t>(left | right));
        }
        ASSERT_EQ(differing[c], static_cast<float>(different));
        ASSERT_EQ(apart[c], either == 0 ? 0.0F : 1.0F - static_cast<float>(both) / static_cast<float>(either));
      }
    }
  }
}

TEST_P(CodesOnEverySet, PutsTwoEmptySetsAtDistanceZeroAndAnEmptyOneFarFromAnyOther) {
  const std::byte empty[32] = {};
  std::byte other[32] = {};
  other[31] = std::byte{1};
  const std::byte* list[] = {empty, other};
  float out[2] = {-1, -1};
  kernels().jaccard(empty, list, 2, 32, out);
  EXPECT_EQ(out[0], 0);
  EXPECT_EQ(out[1], 1);
}

TEST(Codes, HaveKernelsOnEveryTarget) {
  EXPECT_EQ(available_code_kernels().front().name, "scalar");
  for (const Target target : {Target::kScalar, Target::kNeon, Target::kAvx2, Target::kAvx512}) {
    const CodeKernels& kernels = code_kernels(target);
    EXPECT_NE(kernels.bytes, nullptr);
    EXPECT_NE(kernels.grid_fit, nullptr);
  }
}

}  // namespace
}  // namespace omendb::simd
