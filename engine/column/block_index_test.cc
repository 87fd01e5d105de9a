#include "engine/column/block_index.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::column {
namespace {

template <class T>
std::vector<std::byte> bytes_of(const std::vector<T>& values) {
  const auto* first = reinterpret_cast<const std::byte*>(values.data());
  return {first, first + values.size() * sizeof(T)};
}

// A block of rows, behind `before` others.
template <class T>
struct Column {
  std::vector<std::optional<T>> rows;
  std::vector<std::byte> values{}, ends{}, chars{}, validity{};

  Arrays arrays() {
    validity.clear();
    for (const auto& row : rows) validity.push_back(row ? std::byte{1} : std::byte{0});
    if constexpr (std::is_same_v<T, std::string>) {
      std::vector<uint64_t> all;
      std::string text;
      for (const auto& row : rows) {
        text += row.value_or("");
        all.push_back(text.size());
      }
      ends = bytes_of(all);
      chars = bytes_of(std::vector<char>(text.begin(), text.end()));
      return {nullptr, ends.data(), chars.data(), validity.data()};
    } else {
      std::vector<T> all;
      for (const auto& row : rows) all.push_back(row.value_or(T{}));
      values = bytes_of(all);
      return {values.data(), nullptr, nullptr, validity.data()};
    }
  }
};

BlockBits random_rows(base::Random& random) {
  BlockBits rows;
  const uint64_t kind = random.below(3);
  for (uint64_t& word : rows) word = kind == 0 ? ~uint64_t{0} : kind == 1 ? random.next() : random.one_in(40) ? 1 : 0;
  return rows;
}

template <class Passes>
BlockBits rows_that(const BlockBits& covered, const Passes& passes) {
  BlockBits out{};
  for_each_bit(covered, [&](uint32_t row) {
    if (passes(row)) set_bit(out, row);
  });
  return out;
}

constexpr uint32_t kFirst = kRowsPerBlock;  // the second block of its column

// Some of few values, or many, or all the same; some null, or all, or none.
template <class T, class Make>
Column<T> random_column(base::Random& random, const Make& make) {
  Column<T> column;
  const uint64_t nulls = random.below(4);
  const bool same = random.one_in(5);
  const T one = make();
  for (uint32_t row = 0; row < 2 * kRowsPerBlock; ++row) {
    const bool null = nulls == 1 ? random.one_in(3) : nulls == 2 ? random.one_in(1000) : nulls == 3 && random.one_in(1);
    column.rows.push_back(null ? std::optional<T>() : same ? one : make());
  }
  return column;
}

bool in_range(int64_t value, int64_t low, int64_t high) { return low <= value && value <= high; }

TEST(SortedRows, FindWholeNumbers) {
  using Limits = std::numeric_limits<int64_t>;
  constexpr int64_t kEdges[] = {Limits::min(), Limits::min() + 1, -1, 0, 1, Limits::max() - 1, Limits::max()};
  for (uint64_t seed = 1; seed <= base::scaled(20); ++seed) {
    base::Random random(seed);
    const uint64_t different = uint64_t{1} << random.below(20);
    const auto make = [&] {
      return random.one_in(50) ? kEdges[random.below(std::size(kEdges))]
                               : static_cast<int64_t>(random.below(different)) - 5;
    };
    auto column = random_column<int64_t>(random, make);
    const Arrays arrays = column.arrays();
    const BlockBits covered = random_rows(random);
    const SortedRows rows(arrays, ValueKind::kInt64, kFirst, covered);
    const auto known = [&](uint32_t row) { return column.rows[kFirst + row].has_value(); };
    ASSERT_EQ(rows.known(), rows_that(covered, known)) << seed;
    for (int i = 0; i < 20; ++i) {
      const int64_t low = make();
      const int64_t high = random.one_in(3) ? low : make();
      BlockBits found{};
      rows.flip(rows.ints(arrays, low, high), found);
      ASSERT_EQ(found,
                rows_that(covered,
                          [&](uint32_t row) { return known(row) && in_range(*column.rows[kFirst + row], low, high); }))
          << "seed " << seed << ", " << low << " to " << high;
    }
  }
}

TEST(SortedRows, FindFloats) {
  using Limits = std::numeric_limits<double>;
  const double edges[] = {-Limits::infinity(), -1.5, -Limits::denorm_min(), -0.0, 0.0, Limits::denorm_min(), 1.5, 1e300,
                          Limits::infinity()};
  for (uint64_t seed = 1; seed <= base::scaled(20); ++seed) {
    base::Random random(seed);
    const bool few = random.one_in(2);
    const auto number = [&] {
      return few || random.one_in(9) ? edges[random.below(std::size(edges))]
                                     : static_cast<double>(random.below(1000)) / 7 - 50;
    };
    const auto make = [&] {
      return random.one_in(20) ? std::copysign(Limits::quiet_NaN(), random.one_in(2) ? 1.0 : -1.0) : number();
    };
    auto column = random_column<double>(random, make);
    const Arrays arrays = column.arrays();
    const BlockBits covered = random_rows(random);
    const SortedRows rows(arrays, ValueKind::kFloat64, kFirst, covered);
    const auto value = [&](uint32_t row) { return column.rows[kFirst + row]; };
    for (int i = 0; i < 20; ++i) {
      const double low = number();
      const double high = random.one_in(3) ? low : number();
      BlockBits found{};
      rows.flip(rows.floats(arrays, low, high), found);
      ASSERT_EQ(found, rows_that(covered,
                                 [&](uint32_t row) { return value(row) && low <= *value(row) && *value(row) <= high; }))
          << "seed " << seed << ", " << low << " to " << high;
    }
    BlockBits nans{};
    rows.flip(rows.nans(arrays), nans);
    ASSERT_EQ(nans, rows_that(covered, [&](uint32_t row) { return value(row) && std::isnan(*value(row)); })) << seed;
  }
}

constexpr const char* kTexts[] = {"",          "a",        "ab", "abcdefg",       "abcdefgh", "abcdefghi",
                                  "abcdefghj", "abcdefgi", "b",  "\u00e9t\u00e9", "\u00e9",   "zzzzzzzzzzzz"};

std::string random_text(base::Random& random) {
  if (random.one_in(10)) return std::string(random.below(12), '\0');
  std::string text = kTexts[random.below(std::size(kTexts))];
  if (random.one_in(3)) text += std::to_string(random.below(100));
  return text;
}

TEST(SortedRows, FindStrings) {
  for (uint64_t seed = 1; seed <= base::scaled(10); ++seed) {
    base::Random random(seed);
    auto column = random_column<std::string>(random, [&] { return random_text(random); });
    const Arrays arrays = column.arrays();
    const BlockBits covered = random_rows(random);
    const SortedRows rows(arrays, ValueKind::kString, kFirst, covered);
    const auto value = [&](uint32_t row) { return column.rows[kFirst + row]; };
    for (int i = 0; i < 20; ++i) {
      const std::string text = random_text(random);
      BlockBits equal{};
      rows.flip(rows.equal(arrays, text), equal);
      ASSERT_EQ(equal, rows_that(covered, [&](uint32_t row) { return value(row) == text; }))
          << "seed " << seed << ", " << text;
      const bool below = random.one_in(2);
      const bool or_equal = random.one_in(2);
      BlockBits beside{};
      rows.flip(rows.beside(arrays, text, below, or_equal), beside);
      ASSERT_EQ(beside, rows_that(covered,
                                  [&](uint32_t row) {
                                    return value(row) && (value(row) == text ? or_equal : (value(row) < text) == below);
                                  }))
          << "seed " << seed << ", " << text;
      BlockBits prefixed{};
      rows.flip(rows.prefixed(arrays, text), prefixed);
      ASSERT_EQ(prefixed, rows_that(covered, [&](uint32_t row) { return value(row) && value(row)->starts_with(text); }))
          << "seed " << seed << ", " << text;
    }
  }
}

TEST(SortedRows, OfAColumnWithoutArraysAreNone) {
  BlockBits all;
  all.fill(~uint64_t{0});
  const SortedRows rows({}, ValueKind::kInt64, 0, all);
  EXPECT_EQ(rows.known(), BlockBits{});
  BlockBits found{};
  rows.flip(rows.ints({}, 0, 5), found);
  rows.flip(rows.equal({}, "a"), found);
  EXPECT_EQ(found, BlockBits{});
}

TEST(SortedTerms, FindRowsOfTexts) {
  for (uint64_t seed = 1; seed <= base::scaled(20); ++seed) {
    base::Random random(seed);
    std::vector<std::string> texts;
    for (uint64_t i = random.below(40); i > 0; --i) texts.push_back(random_text(random));
    std::vector<SortedTerms::Entry> entries;
    const uint64_t count = texts.empty() ? 0 : random.below(40'000);
    for (uint64_t i = 0; i < count; ++i) {
      const std::string& text = random.one_in(3) ? texts.front() : texts[random.below(texts.size())];
      entries.push_back({text, static_cast<uint16_t>(random.below(kRowsPerBlock))});
    }
    const auto terms = SortedTerms::make(entries, {});
    ASSERT_TRUE(terms);
    ASSERT_LE(terms->count(), texts.size());
    std::vector<std::string> wanted = texts;
    wanted.emplace_back("none");
    for (const std::string& text : wanted) {
      const auto rows_with = [&](const SortedTerms::Span& span) {
        BlockBits bits{};
        for (uint32_t term = span.first; term < span.end; ++term) terms->set(term, bits);
        return bits;
      };
      BlockBits equal{};
      BlockBits prefixed{};
      for (const SortedTerms::Entry& entry : entries) {
        if (entry.text == text) set_bit(equal, entry.row);
        if (entry.text.starts_with(text)) set_bit(prefixed, entry.row);
      }
      ASSERT_EQ(rows_with(terms->equal(text)), equal) << "seed " << seed << ", " << text;
      ASSERT_EQ(rows_with(terms->prefixed(text)), prefixed) << "seed " << seed << ", " << text;
    }
  }
}

TEST(SortedTerms, AreNotMadeOfTextsThatTakeTooMuchRoom) {
  const std::string large(size_t{3} << 20, 'x');
  const std::string other(size_t{3} << 20, 'y');
  EXPECT_TRUE(SortedTerms::make({{large, 0}, {large, 1}}, {}));
  EXPECT_FALSE(SortedTerms::make({{large, 0}, {other, 1}}, {}));
}

}  // namespace
}  // namespace omendb::column
