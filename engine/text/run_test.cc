#include "engine/text/run.h"

#include "engine/base/test_scale.h"
#include "engine/text/test_model.h"

#include <gtest/gtest.h>

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {
namespace {

using base::must;

void expect_run_of(const RunModel& model) {
  const std::vector<std::byte> bytes = build(model);
  const text::Run run = must(text::Run::open(bytes));
  ASSERT_NO_FATAL_FAILURE(expect_same(model, run));
}

TEST(Run, RandomRowsAreFoundAsTheyWereWritten) {
  for (uint64_t seed = 1; seed <= base::scaled(100); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const RandomModelOptions options{.row_count = static_cast<uint32_t>(random.below(600)),
                                     .vocabulary = static_cast<uint32_t>(random.between(1, 300)),
                                     .length_max = static_cast<uint32_t>(random.between(1, 60)),
                                     .one_row_empty_in = random.between(1, 10),
                                     .position_step_max = random.one_in(4) ? 1'000'000U : 3U};
    ASSERT_NO_FATAL_FAILURE(expect_run_of(random_model(random, options)));
  }
}

TEST(Run, ListsOfEveryLengthAroundWholeBlocks) {
  for (const uint32_t count :
       {1U, 2U, 15U, 16U, 17U, 126U, 127U, 128U, 129U, 130U, 255U, 256U, 257U, 1279U, 1280U, 1281U}) {
    for (const uint32_t repeats : {1U, 2U, 3U}) {
      SCOPED_TRACE("rows " + std::to_string(count) + " repeats " + std::to_string(repeats));
      RunModel model;
      for (uint32_t row = 0; row < count; ++row) {
        model.add_row();
        for (uint32_t repeat = 0; repeat < repeats; ++repeat) model.add("all", repeat * 3);
        if (row % 3 == 0) model.add("third", 1);
        if (row % 3 == 0) model.add_row();
      }
      ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
    }
  }
}

TEST(Run, OfNoRowsOrRowsWithoutTokens) {
  ASSERT_NO_FATAL_FAILURE(expect_run_of({}));
  for (const uint32_t row_count : {1U, 2U, 300U}) {
    RunModel model;
    for (uint32_t row = 0; row < row_count; ++row) model.add_row();
    ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
    model.add("end", 0);
    ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
    for (uint32_t row = 0; row < row_count; ++row) model.add_row();
    ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
    const text::Run none;
    EXPECT_EQ(none.row_count(), 0U);
    EXPECT_FALSE(none.find("x").has_value());
    EXPECT_EQ(PostingCursor().row(), kNoRow);
  }
}

TEST(Run, WideGapsManyRepeatsFarPositions) {
  RunModel model;
  model.lengths.resize(10'000'000);
  base::Random random(1);
  std::set<uint32_t> rows = {0, 9'999'999};
  while (rows.size() < 300) rows.insert(static_cast<uint32_t>(random.below(10'000'000)));
  for (const uint32_t row : rows) {
    const bool many = row % 100 == 0;
    std::vector<uint32_t> positions;
    for (uint32_t token = 0; token < (many ? 100'000U : 2U); ++token)
      positions.push_back(token * (many ? 1U : 1U << 31));
    model.lengths[row] = static_cast<uint32_t>(positions.size());
    model.terms["far"].push_back({row, positions});
  }
  model.terms["first"] = {{0, {UINT32_MAX}}};
  ++model.lengths[0];
  model.terms["last"] = {{9'999'999, {0, 0, 7}}};
  model.lengths[9'999'999] += 3;
  ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
}

TEST(Run, LengthsTakeOneTwoOrFourBytes) {
  size_t bytes_before = 0;
  for (const uint32_t longest : {255U, 256U, 65'535U, 65'536U}) {
    RunModel model;
    for (uint32_t row = 0; row < 1000; ++row) model.add_row();
    for (uint32_t token = 0; token < longest; ++token) model.add("a", token);
    const std::vector<std::byte> bytes = build(model);
    EXPECT_EQ(static_cast<uint32_t>(bytes[9]), longest < 256 ? 1U : longest < 65'536 ? 2U : 4U);
    ASSERT_NO_FATAL_FAILURE(expect_same(model, must(text::Run::open(bytes))));
    EXPECT_GT(bytes.size(), bytes_before);
    bytes_before = bytes.size();
  }
}

TEST(Run, TermsOfAnyBytesSortAsBytes) {
  RunModel model;
  model.add_row();
  for (uint32_t byte = 0; byte < 256; ++byte) {
    const std::string one(1, static_cast<char>(byte));
    model.add(one, byte);
    model.add(one + one, byte);
    model.add(std::string(kTermBytesMax, static_cast<char>(byte)), byte);
    model.add("prefix of sixteen bytes and more " + one, byte);
  }
  model.add("", 0);
  ASSERT_NO_FATAL_FAILURE(expect_run_of(model));
}

TEST(Run, AbsentTermsAreNotFoundAndSeekGoesBehindThem) {
  for (uint64_t seed = 1; seed <= base::scaled(30); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    const RunModel model =
        random_model(random, {.row_count = 50, .vocabulary = static_cast<uint32_t>(random.between(1, 400))});
    const std::vector<std::byte> bytes = build(model);
    const text::Run run = must(text::Run::open(bytes));
    std::vector<std::string> wanted = {"", std::string(1, '\0'), "w", "zzz", std::string(kTermBytesMax, '\xff')};
    for (const auto& [term, list] : model.terms) {
      wanted.insert(wanted.end(), {term, term + '\0', term + "z", term.substr(0, term.size() - 1)});
      wanted.push_back(term);
      wanted.back().back() = static_cast<char>(wanted.back().back() + 1);
    }
    for (const std::string& term : wanted) {
      EXPECT_EQ(run.find(term).has_value(), model.terms.contains(term));
      TermIterator terms(run);
      terms.seek(term);
      const auto expected = model.terms.lower_bound(term);
      ASSERT_EQ(terms.valid(), expected != model.terms.end());
      if (terms.valid()) {
        ASSERT_EQ(terms.term(), expected->first);
        ASSERT_EQ(terms.entry().document_count, expected->second.size());
      }
    }
  }
}

TEST(Run, AdvanceReachesEveryRowFromEveryRow) {
  base::Random random(1);
  for (const uint32_t count : {1U, 5U, 127U, 128U, 129U, 700U}) {
    RunModel model;
    while (model.terms["x"].size() < count) {
      model.add_row();
      if (random.one_in(3)) model.add("x", 1);
    }
    const std::vector<std::byte> bytes = build(model);
    const text::Run run = must(text::Run::open(bytes));
    const TermEntry entry = *run.find("x");
    const std::vector<RunModel::Posting>& list = model.terms["x"];
    for (uint32_t from = 0; from <= run.row_count(); from += 1 + static_cast<uint32_t>(random.below(60))) {
      for (uint32_t to = 0; to <= run.row_count() + 1; ++to) {
        PostingCursor cursor(run, entry);
        cursor.advance(from);
        cursor.advance(to);
        const auto expected = std::find_if(list.begin(), list.end(), [&](const RunModel::Posting& posting) {
          return posting.row >= std::max(from, to);
        });
        ASSERT_EQ(cursor.row(), expected == list.end() ? kNoRow : expected->row) << from << " to " << to;
      }
      PostingCursor cursor(run, entry);
      cursor.advance(from);
      cursor.advance(kNoRow);
      ASSERT_EQ(cursor.row(), kNoRow);
    }
  }
}

// What a search does: bounds ahead of the cursor, then steps and leaps after them, positions of some rows.
TEST(Run, BoundsAheadOfTheCursorAndPositionsHereAndThere) {
  for (uint64_t seed = 1; seed <= base::scaled(200); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    RunModel model;
    const uint64_t count = random.between(1, 3000);
    while (model.terms["x"].size() < count) {
      model.add_row();
      if (random.one_in(3)) continue;
      const uint64_t tokens = random.one_in(10) ? random.between(1, 300) : 1;
      for (uint32_t token = 0; token < tokens; ++token) model.add("x", 5 + 2 * token);
    }
    const std::vector<std::byte> bytes = build(model);
    const text::Run run = must(text::Run::open(bytes));
    const std::vector<RunModel::Posting>& list = model.terms["x"];
    PostingCursor cursor(run, *run.find("x"));
    std::vector<uint32_t> positions;
    size_t at = 0;
    for (uint32_t row = 0; at < list.size();) {
      row = std::max(row, list[at].row) + static_cast<uint32_t>(random.below(random.one_in(5) ? 1000 : 10));
      size_t target = at;
      while (target < list.size() && list[target].row < row) ++target;
      const size_t block_end =
          std::min(target / kPostingsPerBlock * kPostingsPerBlock + kPostingsPerBlock, list.size());
      ASSERT_EQ(cursor.bound_at(row).last_row, target == list.size() ? kNoRow : list[block_end - 1].row);
      if (random.one_in(3)) {
        cursor.advance(row);
        at = target;
      } else if (random.one_in(2)) {
        cursor.next();
        ++at;
      }
      ASSERT_EQ(cursor.row(), at == list.size() ? kNoRow : list[at].row);
      for (uint64_t times = random.below(3); times > 0 && at < list.size(); --times) {
        cursor.positions(positions);
        ASSERT_EQ(positions, list[at].positions);
        ASSERT_EQ(cursor.frequency(), positions.size());
      }
    }
    ASSERT_FALSE(cursor.damaged());
  }
}

TEST(Run, CodesOfBoundsNeverPromiseTooMuch) {
  base::Random random(1);
  for (size_t step = 0; step < base::scaled(1'000'000); ++step) {
    const auto frequency = static_cast<uint32_t>(random.next() >> random.between(32, 63)) | 1U;
    const auto length = static_cast<uint32_t>(frequency + (random.next() >> random.between(32, 63)));
    const uint32_t shape = make_shape(0, 0, frequency_code(frequency), ratio_code(length, frequency));
    ASSERT_GE(shape_frequency_max(shape), frequency);
    if (frequency <= 64) {
      ASSERT_EQ(shape_frequency_max(shape), frequency);
    }
    if (length < frequency) continue;  // beyond 32 bits
    const double ratio = static_cast<double>(length) / frequency;
    ASSERT_LE(shape_length_ratio_min(shape), ratio);
    ASSERT_GE(shape_length_ratio_min(shape), std::min(ratio * (1 - 1.0 / 64), 65'024.0));
  }
  EXPECT_EQ(shape_frequency_max(make_shape(0, 0, frequency_code(UINT32_MAX), 0)), UINT32_MAX);
  EXPECT_EQ(shape_length_ratio_min(make_shape(0, 0, 0, ratio_code(3, 2))), 1.5F);
}

std::string hex(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    text += kDigits[static_cast<size_t>(byte >> 4)];
    text += kDigits[static_cast<size_t>(byte & std::byte{15})];
  }
  return text;
}

// The example of docs/format/text_run.md: "red car red", nothing, "car".
TEST(Run, HasTheBytesOfItsFormat) {
  RunModel model;
  model.add_row();
  model.add("red", 0);
  model.add("car", 1);
  model.add("red", 2);
  model.add_row();
  model.add_row();
  model.add("car", 0);
  EXPECT_EQ(hex(build(model)),
            "6f6d656e7465787401010400030000000200000002000000"                  // omentext, versions and widths, counts
            "0400000000000000040000000000000004000000000000001100000000000000"  // tokens, sizes of sections
            "030001"                                                            // lengths
            "0001"
            "0100"  // postings
            "0100"
            "0002"  // positions
            "03636172"
            "0000"
            "040202"  // car
            "03726564"
            "03000202"    // red
            "00000000");  // where the group begins
}

// Of a list of 130 rows, every third has the term twice: the sizes of its parts.
TEST(Run, HasBlocksEntriesAndTailWhereTheFormatSays) {
  RunModel model;
  for (uint32_t row = 0; row < 130; ++row) {
    model.add_row();
    model.add("x", 1);
    if (row % 3 == 0) model.add("x", 3);
  }
  const std::vector<std::byte> bytes = build(model);
  const text::Run run = must(text::Run::open(bytes));
  const TermEntry entry = *run.find("x");
  EXPECT_EQ(entry.postings_offset, 56U + 130U);
  // Rows without gaps take no bits, frequencies one; two entries, the bound, two rows of which one is repeated.
  EXPECT_EQ(entry.postings_bytes, 16U + 2U * 16 + 4 + 3);
  // 174 positions: 128 of two bits, 46 of a byte, the width.
  EXPECT_EQ(entry.positions_bytes, 32U + 46 + 1);
  EXPECT_EQ(hex(std::span(bytes).subspan(entry.postings_offset + 16, 39)),
            "000100"                            // tail
            "7f000000000000000000000040000200"  // last row, offset, tokens before it, shape
            "8100000001000000ab00000000000200"
            "00000200");
  EXPECT_EQ(bytes[entry.positions_offset + entry.positions_bytes - 1], std::byte{2});
}

TEST(Run, BuildingAgainAfterFinishStartsAnew) {
  RunBuilder builder;
  builder.begin_row();
  builder.token({.term = "a", .position = 0});
  const std::vector<std::byte> first = builder.finish();
  EXPECT_EQ(builder.row_count(), 0U);
  builder.begin_row();
  builder.token({.term = "a", .position = 0});
  EXPECT_GT(builder.memory_bytes(), 0U);
  EXPECT_EQ(builder.finish(), first);
}

}  // namespace
}  // namespace omendb::text
