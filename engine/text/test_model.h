#pragma once

// For tests: an index that is a map, and comparisons of runs with it.

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/text/run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace omendb::text {

struct RunModel {
  struct Posting {
    uint32_t row;
    std::vector<uint32_t> positions;
  };
  std::map<std::string, std::vector<Posting>> terms;
  std::vector<uint32_t> lengths;  // of every row

  uint32_t add_row() {
    lengths.push_back(0);
    return static_cast<uint32_t>(lengths.size() - 1);
  }
  // To the last row.
  void add(const std::string& term, uint32_t position) {
    const auto row = static_cast<uint32_t>(lengths.size() - 1);
    std::vector<Posting>& list = terms[term];
    if (list.empty() || list.back().row != row) list.push_back({row, {}});
    list.back().positions.push_back(position);
    ++lengths.back();
  }
  uint64_t token_count() const {
    uint64_t tokens = 0;
    for (const uint32_t length : lengths) tokens += length;
    return tokens;
  }
};

// The tokens of rows `begin` to `end` - 1, a term's positions rising, terms among each other in any order.
inline std::vector<std::byte> build_rows(const RunModel& model, uint32_t begin, uint32_t end) {
  std::vector<std::vector<std::pair<const std::string*, uint32_t>>> rows(end - begin);
  for (const auto& [term, list] : model.terms) {
    for (const RunModel::Posting& posting : list) {
      if (posting.row < begin || posting.row >= end) continue;
      for (const uint32_t position : posting.positions) rows[posting.row - begin].emplace_back(&term, position);
    }
  }
  RunBuilder builder;
  for (const auto& row : rows) {
    builder.begin_row();
    for (const auto& [term, position] : row) builder.token({.term = *term, .position = position});
  }
  EXPECT_EQ(builder.row_count(), end - begin);
  return builder.finish();
}

inline std::vector<std::byte> build(const RunModel& model) {
  return build_rows(model, 0, static_cast<uint32_t>(model.lengths.size()));
}

struct RandomModelOptions {
  uint32_t row_count = 100;
  uint32_t vocabulary = 50;
  uint32_t length_max = 20;
  uint64_t one_row_empty_in = 4;
  uint32_t position_step_max = 3;
};

// The n-th word; binary, of any length from 1 to 255 now and then.
inline std::string model_term(uint32_t number) {
  std::string term = "w" + std::to_string(number * 2654435761U % 10'000) + "." + std::to_string(number);
  if (number % 7 == 0) term = std::string(1, static_cast<char>(number)) + std::string(1, '\0') + term;
  if (number % 11 == 0) term.resize(kTermBytesMax, static_cast<char>('a' + number % 3));
  if (number % 13 == 0) term = std::string(1, static_cast<char>(number));
  return term;
}

inline RunModel random_model(base::Random& random, const RandomModelOptions& options) {
  RunModel model;
  for (uint32_t row = 0; row < options.row_count; ++row) {
    model.add_row();
    if (random.one_in(options.one_row_empty_in)) continue;
    uint32_t position = 0;
    const uint64_t length = random.between(1, options.length_max);
    for (uint64_t token = 0; token < length; ++token) {
      // The product of two makes some words common and most rare.
      const auto word = static_cast<uint32_t>(random.below(random.between(1, options.vocabulary)));
      position += static_cast<uint32_t>(random.between(0, options.position_step_max));
      model.add(model_term(word), position);
    }
  }
  return model;
}

// True if no row of `rows` from index `begin` to `end` - 1 is outside the bound.
inline void expect_bound(const RunModel& model, const std::vector<RunModel::Posting>& list, size_t begin, size_t end,
                         const BlockBound& bound) {
  uint32_t frequency_max = 0;
  double ratio_min = 1e300;
  for (size_t index = begin; index < end; ++index) {
    const auto frequency = static_cast<uint32_t>(list[index].positions.size());
    const double ratio = static_cast<double>(model.lengths[list[index].row]) / frequency;
    frequency_max = std::max(frequency_max, frequency);
    ratio_min = std::min(ratio_min, ratio);
  }
  ASSERT_GE(bound.frequency_max, frequency_max);
  ASSERT_LE(bound.length_ratio_min, ratio_min);
  // and it is near
  ASSERT_LE(bound.frequency_max, static_cast<double>(frequency_max) * 1.04);
  if (ratio_min < 60'000) {
    ASSERT_GE(bound.length_ratio_min, ratio_min * 0.98);
  }
}

inline void expect_list(const RunModel& model, const Run& run, const TermEntry& entry,
                        const std::vector<RunModel::Posting>& list) {
  ASSERT_EQ(entry.document_count, list.size());
  PostingCursor cursor(run, entry);
  std::vector<uint32_t> positions;
  uint64_t tokens = 0;
  expect_bound(model, list, 0, list.size(), cursor.bound());
  ASSERT_EQ(cursor.bound().last_row, list.back().row);
  for (size_t index = 0; index < list.size(); ++index, cursor.next()) {
    ASSERT_EQ(cursor.row(), list[index].row);
    ASSERT_EQ(cursor.frequency(), list[index].positions.size());
    cursor.positions(positions);
    ASSERT_EQ(positions, list[index].positions);
    tokens += positions.size();
    const size_t begin = index / kPostingsPerBlock * kPostingsPerBlock;
    const size_t end = std::min<size_t>(begin + kPostingsPerBlock, list.size());
    const BlockBound bound = cursor.bound_at(cursor.row());
    ASSERT_EQ(bound.last_row, list[end - 1].row);
    if (index == begin) expect_bound(model, list, begin, end, bound);
  }
  ASSERT_EQ(entry.token_count, tokens);
  for (uint32_t times = 0; times < 300; ++times) {  // the end is the end
    ASSERT_EQ(cursor.row(), kNoRow);
    ASSERT_EQ(cursor.bound_at(list.back().row + 1).last_row, kNoRow);
    cursor.next();
    cursor.advance(5);
  }
  cursor.positions(positions);
  ASSERT_TRUE(positions.empty());
  ASSERT_FALSE(cursor.damaged());
}

inline void expect_same(const RunModel& model, const Run& run) {
  ASSERT_EQ(run.row_count(), model.lengths.size());
  ASSERT_EQ(run.token_count(), model.token_count());
  ASSERT_EQ(run.term_count(), model.terms.size());
  uint32_t documents = 0;
  for (uint32_t row = 0; row < run.row_count(); ++row) {
    ASSERT_EQ(run.length(row), model.lengths[row]);
    documents += model.lengths[row] != 0 ? 1U : 0U;
  }
  ASSERT_EQ(run.document_count(), documents);
  TermIterator terms(run);
  for (const auto& [term, list] : model.terms) {
    ASSERT_TRUE(terms.valid());
    ASSERT_EQ(terms.term(), term);
    ASSERT_NO_FATAL_FAILURE(expect_list(model, run, terms.entry(), list));
    const auto found = run.find(term);
    ASSERT_TRUE(found.has_value());
    ASSERT_EQ(found->postings_offset, terms.entry().postings_offset);
    ASSERT_EQ(found->positions_offset, terms.entry().positions_offset);
    ASSERT_EQ(found->document_count, terms.entry().document_count);
    ASSERT_EQ(found->token_count, terms.entry().token_count);
    terms.next();
  }
  ASSERT_FALSE(terms.valid());
  ASSERT_FALSE(terms.damaged());
  ASSERT_EQ(base::message_of(check_run(run)), "");
}

}  // namespace omendb::text
