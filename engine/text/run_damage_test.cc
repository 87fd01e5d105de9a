// Files are hostile: whatever the bytes of a run are, nothing outside them is read, rows stay in range and rise, and what should be seen of it is seen.
#include "engine/base/test_scale.h"
#include "engine/text/run.h"
#include "engine/text/test_model.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace omendb::text {
namespace {

using base::must;

// A run that has everything in few bytes: long and short lists, lists of whole blocks, single tokens, repeats.
RunModel small_model() {
  RunModel model;
  base::Random random(7);
  for (uint32_t row = 0; row < 300; ++row) {
    model.add_row();
    if (row % 50 == 49) continue;
    for (uint32_t token = 0; token < 1 + row % 3; ++token) model.add("all", token * 2);
    if (row < 256) model.add("blocks", 9);
    if (row % 40 == 3) model.add("few", 1);
    if (row % 10 == 3) model.add(model_term(row), 3);
  }
  return model;
}

// Walks one list in every way there is.
void walk_list(const text::Run& run, const TermEntry& entry, base::Random& random) {
  std::vector<uint32_t> positions;
  PostingCursor steps(run, entry);
  uint64_t rows_left = uint64_t{run.row_count()} + 2;
  for (uint32_t before = 0; steps.row() != kNoRow; steps.next(), --rows_left) {
    ASSERT_LT(steps.row(), run.row_count());
    ASSERT_TRUE(before == 0 || steps.row() >= before);
    ASSERT_GT(rows_left, 0U);
    before = steps.row() + 1;
    ASSERT_GE(steps.frequency(), 1U);
    const uint32_t row = steps.row();
    ASSERT_GE(steps.bound_at(row).last_row, row);
    steps.positions(positions);
    ASSERT_TRUE(std::is_sorted(positions.begin(), positions.end()));
  }
  PostingCursor leaps(run, entry);
  static_cast<void>(leaps.bound());
  for (uint32_t row = 0; row <= run.row_count(); row += 1 + static_cast<uint32_t>(random.below(150))) {
    static_cast<void>(leaps.bound_at(std::max(row, leaps.row())));
    leaps.advance(row);
    ASSERT_TRUE(leaps.row() == kNoRow || (leaps.row() >= row && leaps.row() < run.row_count()));
    static_cast<void>(leaps.frequency());
  }
}

// True if the bytes are seen to be damaged by opening or checking them.
bool survives_and_is_seen(const std::vector<std::byte>& bytes, base::Random& random) {
  // A copy of exactly these bytes, so that the sanitizer sees a step outside.
  const auto opened = text::Run::open(bytes);
  if (!opened.ok()) return true;
  const text::Run& run = *opened;
  for (const char* term : {"", "all", "blocks", "few", "zzz"}) {
    if (const auto entry = run.find(term)) walk_list(run, *entry, random);
    TermIterator terms(run);
    terms.seek(term);
  }
  std::string before;
  uint32_t term_count = 0;
  for (TermIterator terms(run); terms.valid(); terms.next()) {
    EXPECT_TRUE(term_count == 0 || before < terms.term());
    before = terms.term();
    EXPECT_LE(++term_count, run.term_count());
    walk_list(run, terms.entry(), random);
  }
  for (uint32_t row = 0; row < run.row_count(); ++row) static_cast<void>(run.length(row));
  const auto checked = check_run(run);
  EXPECT_TRUE(checked.ok() || checked.error().code == ErrorCode::kCorruption) << checked.error().message;
  return !checked.ok();
}

// Another letter or position may be as good as the one that was written; to see that takes a checksum. All the rest hangs together.
TEST(RunDamage, EveryBitThatIsFlippedIsSeenExceptInLettersAndPositions) {
  std::vector<std::byte> bytes = build(small_model());
  base::Random random(1);
  ASSERT_FALSE(survives_and_is_seen(bytes, random));
  const RunSections sections = must(text::Run::open(bytes)).sections();
  const uint64_t dictionary_end = sections.dictionary_begin + sections.header.dictionary_bytes;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (uint32_t bit = 0; bit < 8; ++bit) {
      bytes[at] ^= static_cast<std::byte>(1U << bit);
      const bool seen = survives_and_is_seen(bytes, random);
      EXPECT_TRUE(seen || (at >= sections.positions_begin && at < dictionary_end));
      bytes[at] ^= static_cast<std::byte>(1U << bit);
      if (testing::Test::HasFailure()) FAIL() << "byte " << at << " bit " << bit;
    }
  }
}

TEST(RunDamage, EveryByteSetToExtremes) {
  std::vector<std::byte> bytes = build(small_model());
  base::Random random(1);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const uint32_t value : {0x00U, 0x7FU, 0x80U, 0xFFU}) {
      const std::byte before = std::exchange(bytes[at], static_cast<std::byte>(value));
      survives_and_is_seen(bytes, random);
      bytes[at] = before;
      if (testing::Test::HasFailure()) FAIL() << "byte " << at << " value " << value;
    }
  }
}

TEST(RunDamage, EveryLengthBelowAndAboveIsRefused) {
  const std::vector<std::byte> bytes = build(small_model());
  for (size_t size_bytes = 0; size_bytes < bytes.size(); ++size_bytes) {
    const std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size_bytes));
    ASSERT_EQ(base::code_of(text::Run::open(cut)), ErrorCode::kCorruption) << size_bytes;
  }
  std::vector<std::byte> longer = bytes;
  longer.push_back(std::byte{0});
  EXPECT_EQ(base::code_of(text::Run::open(longer)), ErrorCode::kCorruption);
}

TEST(RunDamage, ManyBytesAtOnce) {
  for (uint64_t seed = 1; seed <= base::scaled(3000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    std::vector<std::byte> bytes =
        build(random_model(random, {.row_count = static_cast<uint32_t>(random.between(1, 400)), .vocabulary = 20}));
    for (uint64_t flips = random.between(1, 20); flips > 0; --flips) {
      bytes[random.between(sizeof(RunHeader), bytes.size() - 1)] = static_cast<std::byte>(random.next());
    }
    survives_and_is_seen(bytes, random);
    ASSERT_FALSE(testing::Test::HasFailure());
  }
}

TEST(RunDamage, SectionsThatOverflowAreRefused) {
  std::vector<std::byte> bytes = build(small_model());
  for (const size_t field : {32U, 40U, 48U}) {  // bytes of postings, positions, dictionary
    for (const uint64_t value : {UINT64_MAX, UINT64_MAX - 55, uint64_t{1} << 63, uint64_t{1} << 32}) {
      std::vector<std::byte> changed = bytes;
      std::memcpy(changed.data() + field, &value, sizeof(value));
      EXPECT_EQ(base::code_of(text::Run::open(changed)), ErrorCode::kCorruption);
    }
  }
}

TEST(RunDamage, AnEntryOfAnotherRunStaysInside) {
  const std::vector<std::byte> bytes = build(small_model());
  const text::Run run = must(text::Run::open(bytes));
  base::Random random(1);
  for (size_t step = 0; step < base::scaled(20'000); ++step) {
    const auto any = [&random, &bytes] {
      return random.one_in(10) ? random.next() >> random.below(64) : random.below(bytes.size());
    };
    const TermEntry entry{.document_count = static_cast<uint32_t>(random.one_in(2) ? any() : random.below(300)),
                          .token_count = any(),
                          .postings_offset = any(),
                          .postings_bytes = any(),
                          .positions_offset = any(),
                          .positions_bytes = any()};
    walk_list(run, entry, random);
    ASSERT_FALSE(testing::Test::HasFailure()) << "step " << step;
  }
}

TEST(RunDamage, ChecksNameThePart) {
  std::vector<std::byte> bytes = build(small_model());
  bytes[sizeof(RunHeader) + 5] ^= std::byte{1};
  EXPECT_EQ(base::message_of(check_run(must(text::Run::open(bytes)))), "text run: row 5 has 4 tokens, not 5");
}

}  // namespace
}  // namespace omendb::text
