#include "engine/base/crc32c.h"

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <vector>

namespace omendb::base {
namespace {

// The definition, bit by bit.
uint32_t slow_crc32c(std::span<const std::byte> bytes) {
  uint32_t state = 0xFFFFFFFF;
  for (const std::byte value : bytes) {
    state ^= std::to_integer<uint32_t>(value);
    for (int bit = 0; bit < 8; ++bit) state = (state >> 1) ^ ((state & 1) != 0 ? 0x82F63B78 : 0);
  }
  return ~state;
}

TEST(Crc32c, GivesThePublishedCheckValues) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283);
  EXPECT_EQ(crc32c({}), 0U);
  const std::vector<std::byte> zeros(32);
  EXPECT_EQ(crc32c(zeros), 0x8A9136AA);  // RFC 3720 B.4
  const std::vector<std::byte> ones(32, std::byte{0xFF});
  EXPECT_EQ(crc32c(ones), 0x62A8AB43);
}

TEST(Crc32c, AgreesWithTheDefinitionForEveryLengthAndAlignment) {
  Random random(1);
  std::vector<std::byte> bytes(700);
  for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
  for (size_t start = 0; start < 16; ++start) {
    for (size_t length = 0; length < 300; ++length) {
      const std::span<const std::byte> piece = std::span(bytes).subspan(start, length);
      ASSERT_EQ(crc32c(piece), slow_crc32c(piece)) << "start " << start << " length " << length;
    }
  }
}

TEST(Crc32c, ContinuesOverPieces) {
  Random random(2);
  for (size_t round = 0; round < scaled(2000); ++round) {
    std::vector<std::byte> bytes(random.below(5000));
    for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
    const size_t cut = random.below(bytes.size() + 1);
    const std::span<const std::byte> all(bytes);
    ASSERT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all))
        << "size " << bytes.size() << " cut " << cut;
  }
}

}  // namespace
}  // namespace omendb::base
