#include "engine/simd/select.h"

#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace omendb::simd {
namespace {

constexpr size_t kWords = 7;
constexpr size_t kRows = kWords * 64;
using Words = std::vector<uint64_t>;

// Words without rows, with a few, with most and with all.
Words random_rows(base::Random& random) {
  Words rows(kWords);
  for (uint64_t& word : rows) {
    const uint64_t kind = random.below(4);
    word = kind == 0 ? 0 : kind == 3 ? ~uint64_t{0} : random.next();
    for (int i = 0; kind == 1 && i < 4; ++i) word &= random.next();
  }
  return rows;
}

int64_t random_int(base::Random& random) {
  constexpr int64_t kSome[] = {
      std::numeric_limits<int64_t>::min(),     std::numeric_limits<int64_t>::min() + 1, -1, 0, 1, 2,
      std::numeric_limits<int64_t>::max() - 1, std::numeric_limits<int64_t>::max()};
  return random.one_in(2) ? kSome[random.below(std::size(kSome))] : static_cast<int64_t>(random.next());
}

double random_float(base::Random& random) {
  using Limits = std::numeric_limits<double>;
  const double some[] = {-Limits::infinity(),
                         -1.5,
                         -Limits::denorm_min(),
                         -0.0,
                         0.0,
                         Limits::denorm_min(),
                         1.5,
                         Limits::max(),
                         Limits::infinity(),
                         Limits::quiet_NaN(),
                         -Limits::quiet_NaN()};
  return random.one_in(2) ? some[random.below(std::size(some))] : static_cast<double>(random.below(100)) - 50;
}

double random_bound(base::Random& random) {
  double bound = random_float(random);
  while (std::isnan(bound)) bound = random_float(random);
  return bound;
}

template <class Passes>
Words naive(const Words& rows, const Passes& passes) {
  Words out(kWords);
  for (size_t row = 0; row < kRows; ++row) {
    if ((rows[row / 64] >> row % 64 & 1) != 0 && passes(row)) out[row / 64] |= uint64_t{1} << row % 64;
  }
  return out;
}

template <class T, class Make>
std::vector<T> values_of(base::Random& random, const Make& make) {
  std::vector<T> values(kRows);
  for (T& value : values) value = make(random);
  return values;
}

template <class Test>
void on_every_target(const Test& test) {
  for (const Target target : available_targets()) {
    for (uint64_t seed = 1; seed <= 500; ++seed) {
      SCOPED_TRACE(testing::Message() << to_string(target) << ", seed " << seed);
      base::Random random(seed);
      test(select_kernels(target), random);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(Select, FindsIntsInARangeAsALoopDoes) {
  on_every_target([](const SelectKernels& kernels, base::Random& random) {
    const auto values = values_of<int64_t>(random, random_int);
    const Words rows = random_rows(random);
    const int64_t low = random_int(random);
    const int64_t high = random_int(random);
    Words out = rows;  // in place
    kernels.ints_between(values.data(), out.data(), kWords, low, high, out.data());
    EXPECT_EQ(out, naive(rows, [&](size_t row) { return low <= values[row] && values[row] <= high; }));
  });
}

TEST(Select, FindsFloatsInARangeAsALoopDoes) {
  on_every_target([](const SelectKernels& kernels, base::Random& random) {
    const auto values = values_of<double>(random, random_float);
    const Words rows = random_rows(random);
    const double low = random_bound(random);
    const double high = random_bound(random);
    const bool nan = random.one_in(2);
    Words out(kWords);
    kernels.floats_between(values.data(), rows.data(), kWords, low, high, nan, out.data());
    EXPECT_EQ(out, naive(rows, [&](size_t row) {
                return std::isnan(values[row]) ? nan : low <= values[row] && values[row] <= high;
              }));
  });
}

TEST(Select, FindsIntsAmongOthersAsALoopDoes) {
  on_every_target([](const SelectKernels& kernels, base::Random& random) {
    const auto values = values_of<int64_t>(random, random_int);
    const Words rows = random_rows(random);
    std::vector<int64_t> wanted(random.below(17));
    for (int64_t& value : wanted) value = random_int(random);
    Words out(kWords);
    kernels.ints_among(values.data(), rows.data(), kWords, wanted.data(), wanted.size(), out.data());
    EXPECT_EQ(out, naive(rows, [&](size_t row) {
                return std::find(wanted.begin(), wanted.end(), values[row]) != wanted.end();
              }));
  });
}

TEST(Select, TestsBytesAndCountsBitsAsALoopDoes) {
  on_every_target([](const SelectKernels& kernels, base::Random& random) {
    const auto bytes = values_of<uint8_t>(random, [](base::Random& from) {
      return static_cast<uint8_t>(from.one_in(2) ? from.below(3) : from.below(256));
    });
    const Words rows = random_rows(random);
    Words out(kWords);
    kernels.bytes_not_zero(bytes.data(), rows.data(), kWords, out.data());
    EXPECT_EQ(out, naive(rows, [&](size_t row) { return bytes[row] != 0; }));
    kernels.bytes_odd(bytes.data(), rows.data(), kWords, out.data());
    EXPECT_EQ(out, naive(rows, [&](size_t row) { return bytes[row] % 2 == 1; }));
    uint64_t count = 0;
    for (const uint64_t word : rows) count += static_cast<uint64_t>(std::popcount(word));
    EXPECT_EQ(kernels.count_bits(rows.data(), rows.size()), count);
  });
}

TEST(Select, PartsNumbersByTheirBitsAsALoopDoes) {
  base::Random bits(1);
  std::vector<Words> words(5, Words(kBitsPerBlock / 64));
  for (Words& block : words) {
    for (uint64_t& word : block) word = bits.next();
  }
  on_every_target([&](const SelectKernels& kernels, base::Random& random) {
    std::vector<const uint64_t*> blocks;
    for (const Words& block : words) blocks.push_back(random.one_in(4) ? nullptr : block.data());
    const auto bit_count = static_cast<uint32_t>(random.below(words.size() * kBitsPerBlock + 1));
    std::vector<uint32_t> numbers(random.below(70));
    for (uint32_t& number : numbers)
      number = static_cast<uint32_t>(random.one_in(5) ? UINT32_MAX - random.below(3) : random.below(bit_count + 3));
    std::vector<uint32_t> expected_set;
    std::vector<uint32_t> expected_unset;
    for (const uint32_t number : numbers) {
      if (number >= bit_count) continue;
      const uint64_t* const block = blocks[number / kBitsPerBlock];
      const bool set = block != nullptr && (block[number % kBitsPerBlock / 64] >> number % 64 & 1U) != 0;
      (set ? expected_set : expected_unset).push_back(number);
    }
    std::vector<uint32_t> set(numbers.size() + kPartedAtOnce);
    std::vector<uint32_t> unset(numbers.size() + kPartedAtOnce);
    const auto parted =
        kernels.part_by_bits(numbers.data(), numbers.size(), blocks.data(), bit_count, set.data(), unset.data());
    set.resize(parted.set);
    unset.resize(parted.unset);
    EXPECT_EQ(set, expected_set);
    EXPECT_EQ(unset, expected_unset);
  });
}

}  // namespace
}  // namespace omendb::simd
