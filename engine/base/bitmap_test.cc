#include "engine/base/bitmap.h"

#include "engine/base/random.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace omendb::base {
namespace {

TEST(Bitmap, AgreesWithAVectorOfBool) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Bitmap bitmap(random.below(300));
    std::vector<bool> model(bitmap.bit_count());
    for (int step = 0; step < 100; ++step) {
      if (random.one_in(10)) {
        const size_t bit_count = random.below(300);
        bitmap.resize(bit_count);
        model.resize(bit_count);
      }
      if (model.empty()) continue;
      const size_t bit = random.below(model.size());
      const bool on = random.one_in(2);
      on ? bitmap.set(bit) : bitmap.clear(bit);
      model[bit] = on;
    }
    std::vector<size_t> expected;
    for (size_t bit = 0; bit < model.size(); ++bit) {
      ASSERT_EQ(bitmap.test(bit), model[bit]) << bit;
      if (model[bit]) expected.push_back(bit);
    }
    std::vector<size_t> visited;
    bitmap.view().for_each([&](size_t bit) { visited.push_back(bit); });
    EXPECT_EQ(visited, expected);
    EXPECT_EQ(bitmap.view().count(), expected.size());
  }
}

TEST(Bitmap, IgnoresBitsPastItsEnd) {
  const std::vector<uint64_t> words = {~uint64_t{0}, ~uint64_t{0}};
  const BitmapView view(words, 70);
  EXPECT_EQ(view.count(), 70U);
  size_t last = 0;
  view.for_each([&](size_t bit) { last = bit; });
  EXPECT_EQ(last, 69U);
  EXPECT_EQ(BitmapView().count(), 0U);
}

}  // namespace
}  // namespace omendb::base
