#include "engine/text/bit_packing.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace omendb::text {
namespace {

using Numbers = std::array<uint32_t, kPackedValues>;

// Bit `bit` of number `index`, found the slow way by what the header says of the layout.
bool packed_bit(const std::byte* packed, uint32_t width, uint32_t index, uint32_t bit) {
  const uint32_t lane_bit = index / 4 * width + bit;
  const uint32_t byte = lane_bit / 32 * 16 + index % 4 * 4 + lane_bit % 32 / 8;
  return ((static_cast<uint32_t>(packed[byte]) >> (lane_bit % 8)) & 1U) != 0;
}

Numbers random_numbers(base::Random& random, uint32_t width) {
  Numbers numbers{};
  for (uint32_t& number : numbers) number = width == 0 ? 0 : static_cast<uint32_t>(random.next() >> (64 - width));
  return numbers;
}

// Exactly as many bytes as needed, so that the sanitizer sees a step outside.
std::vector<std::byte> pack(const Numbers& numbers, uint32_t width) {
  std::vector<std::byte> packed(packed_bytes(width));
  pack_block(numbers.data(), width, packed.data());
  return packed;
}

TEST(BitPacking, EveryWidthGivesBackWhatWasPacked) {
  for (uint32_t width = 0; width <= kPackedWidthMax; ++width) {
    for (uint64_t seed = 1; seed <= base::scaled(50); ++seed) {
      SCOPED_TRACE("width " + std::to_string(width) + " seed " + std::to_string(seed));
      base::Random random(seed);
      const Numbers numbers = random_numbers(random, width);
      ASSERT_LE(packed_width(numbers.data()), width);
      const std::vector<std::byte> packed = pack(numbers, width);
      Numbers unpacked{};
      unpack_block(packed.data(), width, 0, unpacked.data());
      ASSERT_EQ(unpacked, numbers);
      unpack_block(packed.data(), width, 7, unpacked.data());
      for (uint32_t index = 0; index < kPackedValues; ++index) ASSERT_EQ(unpacked[index], numbers[index] + 7);
    }
  }
}

TEST(BitPacking, SumsAreThoseOfGapsAndOneEach) {
  for (uint32_t width = 0; width <= kPackedWidthMax; ++width) {
    base::Random random(width);
    const Numbers numbers = random_numbers(random, width);
    const std::vector<std::byte> packed = pack(numbers, width);
    Numbers sums{};
    for (const uint32_t before : {UINT32_MAX, 0U, 1'000'000U}) {
      unpack_sums(packed.data(), width, before, sums.data());
      uint32_t sum = before;
      for (uint32_t index = 0; index < kPackedValues; ++index) {
        sum += numbers[index] + 1;
        ASSERT_EQ(sums[index], sum) << "width " << width << " index " << index;
      }
    }
  }
}

TEST(BitPacking, BitsLieWhereTheFormatSays) {
  for (uint32_t width = 1; width <= kPackedWidthMax; ++width) {
    base::Random random(width);
    const Numbers numbers = random_numbers(random, width);
    const std::vector<std::byte> packed = pack(numbers, width);
    for (uint32_t index = 0; index < kPackedValues; ++index) {
      for (uint32_t bit = 0; bit < width; ++bit) {
        ASSERT_EQ(packed_bit(packed.data(), width, index, bit), ((numbers[index] >> bit) & 1U) != 0)
            << "width " << width << " index " << index << " bit " << bit;
      }
    }
  }
}

TEST(BitPacking, TheWidthIsThatOfTheLargest) {
  Numbers numbers{};
  EXPECT_EQ(packed_width(numbers.data()), 0U);
  for (uint32_t index = 0; index < kPackedValues; ++index) {
    for (uint32_t bit = 0; bit < 32; ++bit) {
      numbers[index] = uint32_t{1} << bit;
      ASSERT_EQ(packed_width(numbers.data()), bit + 1);
    }
    numbers[index] = 0;
  }
}

}  // namespace
}  // namespace omendb::text
