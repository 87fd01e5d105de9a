// The bytes of docs/format/root.md and log.md, written out: a change here is a change of the format.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/storage/file_names.h"
#include "engine/storage/log_format.h"
#include "engine/storage/log_reader.h"
#include "engine/storage/root_format.h"
#include "engine/storage/script_client.h"
#include "engine/storage/write_ahead_log.h"

#include <gtest/gtest.h>

#include <string>

namespace omendb::storage {
namespace {

using base::code_of;
using base::message_of;
using base::must;

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 8 == 0) text += i % 32 == 0 ? "\n" : " ";
    for (const int shift : {4, 0}) text += "0123456789abcdef"[(std::to_integer<unsigned>(bytes[i]) >> shift) & 0xf];
  }
  return text;
}

Root example_root() {
  Root root;
  root.uuid_low = 0x1122334455667788;
  root.uuid_high = 0x99aabbccddeeff00;
  root.number = 5;
  root.commit = {42};
  root.first_segment = 3;
  root.metadata = {std::byte{'m'}, std::byte{'d'}};
  root.arrays[0x101] = {ArrayKind::kAppend,
                        SpaceKind::kShared,
                        3 * kExtentBytes + 1,
                        {{7, 3}, {2, 1}},
                        {0xa1a1a1a1, 0xb2b2b2b2, 0xc3c3c3c3, 0xd4d4d4d4}};
  root.arrays[0x202] = {ArrayKind::kAppend, SpaceKind::kOwn, 100, {}, {0xe5e5e5e5}};
  root.arrays[0x303] = {ArrayKind::kBlocks, SpaceKind::kShared, kExtentBytes, {{0, 1}}, {0xf6f6f6f6}};
  return root;
}

TEST(Formats, ARootIsTheseBytes) {
  EXPECT_EQ(hex(encode_root(example_root())),
            "6f6d656e726f6f74 010000008fc5795d 8877665544332211 00ffeeddccbbaa99\n"
            "0500000000000000 2a00000000000000 0300000000000000 4900000000000000\n"
            "afabafe8413fb2d9 026d640301010000 0000000001008180 0c0207030201a1a1\n"
            "a1a1b2b2b2b2c3c3 c3c3d4d4d4d40202 0000000000000101 64e5e5e5e5030300\n"
            "0000000000000080 8004010001f6f6f6 f6");
}

Root sparse_root() {
  Root root = example_root();
  root.arrays[0x101].make_hole({1, 2});  // the run {7, 3} loses its end
  root.arrays[0x202] = {ArrayKind::kAppend, SpaceKind::kOwn, 4 * kExtentBytes, {{0, 1}, {kNowhere, 3}}, {0xe5e5e5e5}};
  root.arrays[0x303] = {ArrayKind::kBlocks, SpaceKind::kShared, 9, {{kNowhere, 1}}, {}};
  return root;
}

TEST(Formats, ARootWithHolesIsTheseBytes) {
  EXPECT_EQ(hex(encode_root(sparse_root())),
            "6f6d656e726f6f74 02000000b64c5b3f 8877665544332211 00ffeeddccbbaa99\n"
            "0500000000000000 2a00000000000000 0300000000000000 4400000000000000\n"
            "f549352633fd4c5b 026d640301010000 0000000001008180 0c01010202070102\n"
            "01a1a1a1a1d4d4d4 d402020000000000 0001018080100101 03e5e5e5e5030300\n"
            "0000000000000009 01000100");
}

TEST(Formats, ARootWithHolesReadsBackAsItWas) {
  const Root root = sparse_root();
  const Root read = must(decode_root(encode_root(root), "root"));
  EXPECT_EQ(encode_root(read), encode_root(root));
  for (const auto& [id, array] : root.arrays) {
    EXPECT_EQ(read.arrays.at(id).runs, array.runs);
    EXPECT_EQ(read.arrays.at(id).checksums, array.checksums);
  }
  const RootArray& array = read.arrays.at(0x101);
  EXPECT_EQ(array.rank_of(0), 0U);
  EXPECT_EQ(array.rank_of(1), std::nullopt);
  EXPECT_EQ(array.rank_of(2), std::nullopt);
  EXPECT_EQ(array.rank_of(3), 1U);
  EXPECT_EQ(array.held_extent(0).file_offset, 7 * kExtentBytes);
  EXPECT_EQ(array.held_extent(1).index, 3U);
  EXPECT_EQ(array.held_extent(1).file_offset, 2 * kExtentBytes);
  EXPECT_EQ(array.held_bytes(), kExtentBytes + 1);
}

TEST(Formats, ARootReadsBackAsItWas) {
  const Root root = example_root();
  const Root read = must(decode_root(encode_root(root), "root"));
  EXPECT_EQ(encode_root(read), encode_root(root));
  EXPECT_EQ(read.commit, root.commit);
  EXPECT_EQ(read.first_segment, root.first_segment);
  EXPECT_EQ(read.metadata, root.metadata);
  EXPECT_EQ(read.arrays.at(0x101).runs, root.arrays.at(0x101).runs);
  EXPECT_EQ(read.arrays.at(0x202).checksums, root.arrays.at(0x202).checksums);
}

TEST(Formats, ANewerRootIsNamedWithBothVersions) {
  Bytes bytes = encode_root(example_root());
  bytes[offsetof(RootHeader, version)] = std::byte{9};
  EXPECT_EQ(code_of(decode_root(bytes, "root")), ErrorCode::kCorruption) << "a flipped bit is not a newer version";
  mend_root_checksums(bytes);
  const auto newer = decode_root(bytes, "db/root");
  EXPECT_EQ(code_of(newer), ErrorCode::kUnsupportedFormat);
  EXPECT_EQ(message_of(newer), "db/root has format version 9; this program reads versions up to 2: use a newer OmenDB");
}

// The checks behind the checksums, for files that somebody made on purpose.
TEST(Formats, ARootThatContradictsItselfIsDamage) {
  const auto code_with = [](const std::function<void(Root&)>& change) {
    Root root = example_root();
    change(root);
    return code_of(decode_root(encode_root(root), "root"));
  };
  EXPECT_EQ(code_with([](Root&) {}), std::nullopt);
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x101].runs = {{7, 3}, {8, 1}};
            }),
            ErrorCode::kCorruption)
      << "an extent twice in one array";
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x303].runs = {{9, 1}};
            }),
            ErrorCode::kCorruption)
      << "an extent in two arrays";
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x101].runs = {{7, 3}};
            }),
            ErrorCode::kCorruption)
      << "too few extents";
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x101].runs = {{7, 4}, {20, 1}};
            }),
            ErrorCode::kCorruption)
      << "too many extents";
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x101].runs = {{7, 4}, {20, 0}};
            }),
            ErrorCode::kCorruption)
      << "an empty run";
  EXPECT_EQ(code_with([](Root& root) {
              root.arrays[0x303].runs = {{uint64_t{1} << 60, 1}};
            }),
            ErrorCode::kCorruption)
      << "an extent that no file can have";
  EXPECT_EQ(code_with([](Root& root) { root.arrays[0x202].size_bytes = UINT64_MAX; }), ErrorCode::kCorruption)
      << "a length without checksums";
  EXPECT_EQ(code_with([](Root& root) { root.arrays[0x202].size_bytes = 0; }), ErrorCode::kCorruption)
      << "an empty array";
  EXPECT_EQ(code_with([](Root& root) { root.arrays[0x202].kind = ArrayKind::kBlocks; }), ErrorCode::kCorruption)
      << "blocks in a space of their own";
  EXPECT_EQ(code_with([](Root& root) { root.arrays[0x202].kind = static_cast<ArrayKind>(7); }), ErrorCode::kCorruption)
      << "an unknown kind";
}

// As root_fuzz.cc does with all bytes there are.
TEST(Formats, ARootThatIsChangedIsRefusedOrReadsBackTheSame) {
  base::Random random(11);
  size_t accepted = 0;
  for (size_t round = 0; round < base::scaled(50'000); ++round) {
    SCOPED_TRACE(round);
    Bytes bytes = encode_root(random.one_in(2) ? sparse_root() : example_root());
    for (uint64_t i = 0; i <= random.below(3); ++i) {
      const size_t at = sizeof(RootHeader) + random.below(bytes.size() - sizeof(RootHeader));
      bytes[at] = static_cast<std::byte>(random.one_in(2) ? random.below(8) : random.next());
    }
    mend_root_checksums(bytes);
    const auto root = decode_root(bytes, "root");
    if (!root.ok()) continue;
    ++accepted;
    const Bytes again = encode_root(*root);
    const Root second = must(decode_root(again, "again"));
    ASSERT_EQ(encode_root(second), again);
    for (const auto& [id, array] : root->arrays) {
      ASSERT_EQ(second.arrays.at(id).runs, array.runs);
      for (uint64_t rank = 0; rank < array.checksums.size(); ++rank)
        ASSERT_EQ(array.rank_of(array.held_extent(rank).index), rank);
    }
  }
  EXPECT_GT(accepted, 100U);
}

TEST(Formats, HolesThatContradictTheirArrayAreDamage) {
  // Array 0x202 of sparse_root() with its one hole {1, 3} replaced by what a test writes.
  const auto code_with = [](uint64_t size_bytes, const std::vector<uint64_t>& numbers, size_t checksum_count) {
    Root plain = example_root();
    plain.arrays.clear();
    plain.arrays[0x202] = {ArrayKind::kAppend, SpaceKind::kOwn, 4 * kExtentBytes, {{kNowhere, 4}}, {}};
    base::ByteWriter writer;
    writer.put_varint(size_bytes);
    for (const uint64_t number : numbers) writer.put_varint(number);
    for (size_t i = 0; i < checksum_count; ++i) writer.put_u32(0xe5e5e5e5);
    const Bytes end = std::move(writer).take();
    Bytes bytes = encode_root(plain);
    bytes.resize(sizeof(RootHeader) + 4 + 10);  // metadata, count, id, kind, space
    bytes.insert(bytes.end(), end.begin(), end.end());
    mend_root_checksums(bytes);
    return code_of(decode_root(bytes, "root"));
  };
  constexpr uint64_t kFour = 4 * kExtentBytes;
  EXPECT_EQ(code_with(kFour, {1, 1, 2}, 2), std::nullopt);
  EXPECT_EQ(code_with(kFour, {2, 0, 1, 3, 1}, 2), std::nullopt);
  EXPECT_EQ(code_with(kFour, {0}, 4), std::nullopt) << "none at all";
  EXPECT_EQ(code_with(kFour, {1, 1, 2}, 3), ErrorCode::kCorruption) << "a checksum too many";
  EXPECT_EQ(code_with(kFour, {1, 1, 2}, 1), ErrorCode::kCorruption) << "a checksum too few";
  EXPECT_EQ(code_with(kFour, {2, 0, 2, 1, 1}, 2), ErrorCode::kCorruption) << "over each other";
  EXPECT_EQ(code_with(kFour, {2, 0, 1, 1, 1}, 2), ErrorCode::kCorruption) << "side by side";
  EXPECT_EQ(code_with(kFour, {2, 2, 1, 0, 1}, 2), ErrorCode::kCorruption) << "falling";
  EXPECT_EQ(code_with(kFour, {1, 1, 0}, 4), ErrorCode::kCorruption) << "empty";
  EXPECT_EQ(code_with(kFour, {1, 1, 4}, 1), ErrorCode::kCorruption) << "past the end";
  EXPECT_EQ(code_with(kFour, {1, UINT64_MAX, 2}, 2), ErrorCode::kCorruption);
  EXPECT_EQ(code_with(kFour, {1, 1, UINT64_MAX}, 2), ErrorCode::kCorruption);
  EXPECT_EQ(code_with(kFour - 1, {1, 3, 1}, 3), ErrorCode::kCorruption) << "an extent that still grows";
  EXPECT_EQ(code_with(kExtentBytes << 40, {1, 0, uint64_t{1} << 40}, 0), ErrorCode::kCorruption)
      << "more than anybody can map";
}

TEST(Formats, ALogSegmentIsTheseBytes) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto context = std::make_shared<StoreContext>();
  context->directory = directory;
  must(create_segment(*directory, {0x1122334455667788, 0x99aabbccddeeff00, 3}, {43}));
  WriteAheadLog log(context, {0x1122334455667788, 0x99aabbccddeeff00, 3, {42}, true});
  must(log.replay({}));
  const Bytes payload = {std::byte{'a'}, std::byte{'b'}, std::byte{'c'}};
  const std::span<const std::byte> piece(payload);
  const LogRecord record{9, std::span(&piece, 1)};
  must(log.append({43}, 1'700'000'000'000'000, std::span(&record, 1)));
  must(log.wait_durable({43}));
  must(log.start_segment());
  EXPECT_EQ(hex(must(os::snapshot_contents(*directory)).at("log-3")),
            "6f6d656e6c6f670a 010000008e7c8cbe 8877665544332211 00ffeeddccbbaa99\n"
            "0300000000000000 2b00000000000000 0000000000000000 00000000f8068ae2\n"
            "cfd1e9b7ed3ab2fa 03000000f8068ae2 0109000000000000 2b00000000000000\n"
            "2a00000000000000 6162630000000000 0bd9c172b784144a 10000000cfd1e9b7\n"
            "0200000001000000 2b00000000000000 2a00000000000000 00401e18240a0600\n"
            "0300000000000000 1c904bfe00000000 000000000bd9c172 0300000000000000\n"
            "2b00000000000000 2b00000000000000 57fe91ab00000000 000000001c904bfe\n"
            "0400000000000000 2b00000000000000 2b00000000000000");
}

TEST(Formats, FileNamesAreWrittenInOneWay) {
  EXPECT_EQ(segment_name(12), "log-12");
  EXPECT_EQ(own_space_name(0xab00000001), "vectors-000000ab00000001");
  EXPECT_EQ(segment_of_name("log-12"), 12U);
  EXPECT_EQ(array_of_name("vectors-000000ab00000001"), 0xab00000001U);
  for (const char* other : {"log-", "log-012", "log-+1", "log-1x", "log-99999999999999999999999", "Log-1", "log"})
    EXPECT_FALSE(segment_of_name(other).has_value()) << other;
  for (const char* other : {"vectors-", "vectors-1", "vectors-000000AB00000001", "vectors-000000ab000000011"})
    EXPECT_FALSE(array_of_name(other).has_value()) << other;
}

}  // namespace
}  // namespace omendb::storage
