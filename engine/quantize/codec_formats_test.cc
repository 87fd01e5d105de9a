// The bytes of docs/format/codecs.md, written out: a change here is a change of the format.

#include <gtest/gtest.h>

#include <string>

#include "engine/base/crc32c.h"
#include "engine/quantize/codec.h"
#include "engine/quantize/codec_test_sets.h"
#include "engine/quantize/rotation.h"

namespace omendb::quantize {
namespace {

using simd::Metric;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 8 == 0) text += i % 32 == 0 ? "\n" : " ";
    for (const int shift : {4, 0}) text += "0123456789abcdef"[(std::to_integer<unsigned>(bytes[i]) >> shift) & 0xf];
  }
  return text;
}

// Three rows of three dimensions; the code is that of the second.
const Vectors kRows{3, {0, 0, 0, 1, -2.5F, 0.25F, 0.5F, 4, 0.75F}};

std::string saved(const CodecOptions& options, size_t bytes_max = 1000) {
  const std::vector<std::byte> bytes = train(options, kRows.sample())->save();
  return hex(std::span(bytes).first(std::min(bytes.size(), bytes_max)));
}

std::string code(const CodecOptions& options) {
  const auto codec = train(options, kRows.sample());
  AlignedBytes bytes(codec->code_bytes());
  EXPECT_TRUE(codec->encode(kRows.row(1), bytes.data()));
  return hex({bytes.data(), bytes.size()});
}

TEST(CodecFormats, HalvesAreTheseBytes) {
  EXPECT_EQ(saved({.storage = Storage::kF16}), "0000000000000080 3f1691d13f");
  EXPECT_EQ(saved({.storage = Storage::kF16, .metric = Metric::kInnerProduct}), "01b3358340000080 3fb3350340");
  EXPECT_EQ(code({.storage = Storage::kF16}), "003c00c100340000 0000000000000000");
  EXPECT_EQ(code({.storage = Storage::kBf16}), "803f20c0803e0000 0000000000000000");
}

TEST(CodecFormats, Sq8IsTheseBytes) {
  EXPECT_EQ(saved({.storage = Storage::kSq8}), "0000000000000080 3f00d1d0d03c0000 30c0000020c00000 38c0");
  EXPECT_EQ(code({.storage = Storage::kSq8}), "93007b0000000000 0000000000000000");
}

TEST(CodecFormats, PqIsTheseBytes) {
  const CodecOptions options{.storage = Storage::kPq, .pq_bytes = 2};
  EXPECT_EQ(saved(options, 40),
            "0000000000000080 3f02000000000000 003f000000000000 803f0000803f0000\n"
            "803f0000803f0000");
  EXPECT_EQ(train(options, kRows.sample())->save().size(), 14 + 3 * 256 * sizeof(float));
  EXPECT_EQ(code(options), "0201000000000000 0000000000000000");
}

TEST(CodecFormats, PqOfFourBitsIsTheseBytes) {
  const CodecOptions options{.storage = Storage::kPq, .pq_bytes = 1, .pq_bits = 4};
  EXPECT_EQ(saved(options, 40),
            "0000000000000080 3f00020000000000 0000003f00000000 0000803f0000803f\n"
            "0000803f0000803f");
  EXPECT_EQ(train(options, kRows.sample())->save().size(), 16 + 3 * 16 * sizeof(float));
  EXPECT_EQ(code(options), "0201000000000000 0000000000000000");
}

TEST(CodecFormats, PqOfFourBitsHasPiecesInBothHalvesOfItsBytes) {
  Vectors rows{34, std::vector<float>(2 * 34)};  // rows that differ in dimensions 0, 16, 31 and 32, each a piece
  for (const size_t d : {0UL, 16UL, 31UL, 32UL}) rows.values[34 + d] = 1;
  const auto codec = train({.storage = Storage::kPq, .pq_bits = 4, .seed = 2}, rows.sample());
  AlignedBytes bytes(codec->code_bytes());
  std::string codes;
  for (const size_t row : {0UL, 1UL}) {
    EXPECT_TRUE(codec->encode(rows.row(row), bytes.data()));
    codes += hex({bytes.data(), bytes.size()}) + "\n";
  }
  EXPECT_EQ(codes,
            "0100000000000000 0000000000000000 0000000000000000 0000000000000000\n"
            "1000000000000000 0000000000000010 0100000000000000 0000000000000000\n");
}

TEST(CodecFormats, RabitqIsTheseBytes) {
  const CodecOptions options{.storage = Storage::kRabitq, .rabitq_bits = 3, .seed = 0x1122334455667788};
  EXPECT_EQ(saved(options),
            "0300000000000000 803f887766554433 2211eb9461400000 003f0000003fabaa\n"
            "aa3e6d19be3e");
  EXPECT_EQ(code(options),
            "721c1441cb6f8c3e 979e1d3e00000000 9a965d0dbbd55a92 961759a955a5a2a6\n"
            "6eb86b772217805d 0000000000000000");
}

TEST(CodecFormats, BinaryIsTheseBytes) {
  const CodecOptions options{.storage = Storage::kBinary, .metric = Metric::kCosine};
  EXPECT_EQ(saved(options),
            "0100000000000080 3f01000000000000 001488823f18d927 3e605d8b3c38fbbb\n"
            "3dabaaaa3e");
  EXPECT_EQ(code(options), "0588acce046e871e 0000000000000000");
}

TEST(CodecFormats, RotationsOfOneSeedHaveTheseBits) {
  for (const auto& [dims, checksum] :
       {std::pair<size_t, uint32_t>{64, 0xaa20c666U}, {129, 0x59b08269U}, {1536, 0xd1354b54U}}) {
    const Rotation rotation(dims, 5);
    std::vector<float> values(rotation.dims_out());
    for (size_t d = 0; d < dims; ++d) values[d] = static_cast<float>(d % 17) - 3.5F;
    rotation.apply(values.data(), values.data());
    EXPECT_EQ(base::crc32c(std::as_bytes(std::span(values))), checksum) << dims;
  }
}

}  // namespace
}  // namespace omendb::quantize
