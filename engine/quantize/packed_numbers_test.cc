#include "engine/quantize/packed_numbers.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "engine/base/random.h"
#include "engine/simd/code_distance.h"

namespace omendb::quantize {
namespace {

TEST(PackedNumbers, ComeBackAndAreWhatTheKernelsRead) {
  for (size_t bits = 1; bits <= 8; ++bits) {
    for (const size_t dims : {64UL, 128UL, 320UL}) {
      SCOPED_TRACE(testing::Message() << "bits " << bits << " dims " << dims);
      base::Random random(bits + dims);
      std::vector<uint8_t> numbers(dims);
      for (uint8_t& number : numbers) number = static_cast<uint8_t>(random.below(1U << bits));
      std::vector<std::byte> packed(dims * bits / 8);
      pack_numbers(numbers.data(), dims, bits, packed.data());
      std::vector<uint8_t> back(dims);
      const int64_t sum = simd::code_kernels().unpack(packed.data(), dims, bits, back.data());
      EXPECT_EQ(back, numbers);
      EXPECT_EQ(sum, std::accumulate(numbers.begin(), numbers.end(), int64_t{0}));
      const std::byte* list[] = {packed.data()};
      for (size_t d = 0; d < dims; ++d) {  // a query that picks one dimension
        alignas(64) int8_t coarse[320] = {};
        alignas(64) int8_t fine[320] = {};
        (bits > simd::kCoarseBitsMax ? fine : coarse)[d] = 1;
        int64_t out = 0;
        simd::code_kernels().packed({coarse, fine, dims, bits, 0}, list, 1, &out);
        ASSERT_EQ(out, numbers[d]) << d;
      }
    }
  }
}

}  // namespace
}  // namespace omendb::quantize
