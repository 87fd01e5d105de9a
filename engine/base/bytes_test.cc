#include "engine/base/bytes.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace omendb::base {
namespace {

std::vector<std::byte> bytes_of(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

// An empty message is success.
template <typename T>
Error error_of(const Result<T>& result) {
  return result.ok() ? Error{} : result.error();
}

TEST(Bytes, AreLittleEndianOnDisk) {
  ByteWriter writer;
  writer.put_u8(1);
  writer.put_u16(0x0302);
  writer.put_u32(0x07060504);
  writer.put_u64(0x0F0E0D0C0B0A0908);
  writer.put_f32(1.0F);
  writer.put_varint(300);
  writer.put_string("hi");
  writer.put_zeros(2);
  const std::vector<std::byte> expected =
      bytes_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 0, 0x80, 0x3F, 0xAC, 2, 2, 'h', 'i', 0, 0});
  EXPECT_EQ(std::move(writer).take(), expected);
}

TEST(Bytes, ReadsBackWhatWasWritten) {
  for (uint64_t seed = 0; seed < scaled(500); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<uint64_t> values(random.below(50));
    ByteWriter writer;
    for (uint64_t& value : values) {
      value = random.next() >> random.below(64);
      writer.put_varint(value);
      writer.put_u64(value);
      writer.put_i64(-static_cast<int64_t>(value >> 1));
      writer.put_f64(static_cast<double>(value));
      writer.put_string(std::to_string(value));
    }
    ByteReader reader(writer.bytes(), "test");
    for (const uint64_t value : values) {
      ASSERT_EQ(must(reader.varint("number")), value);
      ASSERT_EQ(must(reader.u64("number")), value);
      ASSERT_EQ(must(reader.i64("number")), -static_cast<int64_t>(value >> 1));
      ASSERT_EQ(must(reader.f64("number")), static_cast<double>(value));
      ASSERT_EQ(must(reader.string(20, "text")), std::to_string(value));
    }
    ASSERT_TRUE(reader.expect_end("test").ok());
  }
}

TEST(Bytes, CoverTheWholeRangeOfVarints) {
  for (const uint64_t value : {uint64_t{0}, uint64_t{127}, uint64_t{128}, uint64_t{16383}, uint64_t{16384},
                               uint64_t{1} << 63, std::numeric_limits<uint64_t>::max()}) {
    ByteWriter writer;
    writer.put_varint(value);
    ByteReader reader(writer.bytes(), "test");
    EXPECT_EQ(must(reader.varint("number")), value);
    EXPECT_TRUE(reader.at_end());
  }
}

TEST(Bytes, RefuseEveryTruncationAndStayWhereTheyWere) {
  ByteWriter writer;
  writer.put_u32(7);
  writer.put_varint(1 << 20);
  writer.put_string("some text");
  writer.put_u64(9);
  using Step = Error (*)(ByteReader&);
  const Step steps[] = {
      [](ByteReader& reader) { return error_of(reader.u32("head")); },
      [](ByteReader& reader) { return error_of(reader.varint("number")); },
      [](ByteReader& reader) { return error_of(reader.string(100, "text")); },
      [](ByteReader& reader) { return error_of(reader.u64("tail")); },
  };
  for (size_t length = 0; length <= writer.size_bytes(); ++length) {
    // A copy of exactly that length, so that the address sanitizer sees any step past the end.
    const std::unique_ptr<std::byte[]> exact(new std::byte[length]);
    std::copy_n(writer.bytes().begin(), length, exact.get());
    ByteReader reader(std::span(exact.get(), length), "cut file");
    size_t done_count = 0;
    for (const Step step : steps) {
      const size_t before = reader.offset();
      const Error error = step(reader);
      if (!error.message.empty()) {
        EXPECT_EQ(error.code, ErrorCode::kCorruption) << length;
        EXPECT_EQ(reader.offset(), before) << length;
        break;
      }
      ++done_count;
    }
    EXPECT_EQ(done_count == std::size(steps), length == writer.size_bytes()) << length;
  }
}

TEST(Bytes, NamesWhatAndWhere) {
  const std::vector<std::byte> bytes(6);
  ByteReader reader(bytes, "root", 4096);
  must(reader.u32("magic"));
  EXPECT_EQ(message_of(reader.u64("commit number")), "root at byte 4100: commit number wants 8 bytes, 2 are left");
  EXPECT_EQ(message_of(reader.expect_end("the header")), "root at byte 4100: 2 bytes follow the end of the header");
}

TEST(Bytes, RefuseOverlongVarints) {
  const std::vector<std::byte> padded = bytes_of({0x80, 0x00});
  EXPECT_EQ(code_of(ByteReader(padded, "t").varint("n")), ErrorCode::kCorruption);
  const std::vector<std::byte> too_many_bits = bytes_of({0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02});
  EXPECT_EQ(code_of(ByteReader(too_many_bits, "t").varint("n")), ErrorCode::kCorruption);
  const std::vector<std::byte> endless(20, std::byte{0xFF});
  EXPECT_EQ(code_of(ByteReader(endless, "t").varint("n")), ErrorCode::kCorruption);
}

TEST(Bytes, TrustNoLength) {
  ByteWriter writer;
  writer.put_varint(std::numeric_limits<uint64_t>::max());
  writer.put_zeros(8);
  const std::span<const std::byte> bytes = writer.bytes();
  EXPECT_EQ(code_of(ByteReader(bytes, "t").sized_bytes(std::numeric_limits<uint64_t>::max(), "blob")),
            ErrorCode::kCorruption);
  EXPECT_EQ(code_of(ByteReader(bytes, "t").count(1, "items")), ErrorCode::kCorruption);
  EXPECT_EQ(code_of(ByteReader(bytes, "t").bytes(std::numeric_limits<uint64_t>::max(), "blob")),
            ErrorCode::kCorruption);
  ByteWriter fits;
  fits.put_varint(3);
  fits.put_zeros(12);
  EXPECT_EQ(must(ByteReader(fits.bytes(), "t").count(4, "items")), 3U);
  EXPECT_EQ(code_of(ByteReader(fits.bytes(), "t").count(5, "items")), ErrorCode::kCorruption);
  EXPECT_EQ(code_of(ByteReader(fits.bytes(), "t").string(2, "name")), ErrorCode::kCorruption);
}

TEST(Bytes, OverwriteALengthThatIsKnownLater) {
  ByteWriter writer;
  writer.put_u8(9);
  writer.put_u32(0);
  writer.overwrite_u32(1, 0xAABBCCDD);
  EXPECT_EQ(std::move(writer).take(), bytes_of({9, 0xDD, 0xCC, 0xBB, 0xAA}));
}

}  // namespace
}  // namespace omendb::base
