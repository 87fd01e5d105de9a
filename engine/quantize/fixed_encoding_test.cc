#include "engine/quantize/fixed_encoding.h"

#include "engine/base/random.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

namespace omendb::quantize {
namespace {

using Floats = std::vector<float>;
constexpr size_t kCellNumbers = FixedEncoding::kProjected;

// Of IsForEverTheSame, as version 1 made them.
constexpr double kRowSum = -5322.5698;
constexpr double kQuerySum = -249.6087;

Floats random_vectors(size_t count, size_t dims, base::Random& random) {
  Floats vectors(count * dims);
  for (float& component : vectors) component = random.normal();
  return vectors;
}

Floats of_row(const FixedEncoding& encoding, std::span<const float> vectors) {
  Floats out(FixedEncoding::kDims, NAN);
  encoding.encode_row(vectors, out);
  return out;
}

Floats of_query(const FixedEncoding& encoding, std::span<const float> vectors) {
  Floats out(FixedEncoding::kDims, NAN);
  encoding.encode_query(vectors, out);
  return out;
}

double product(const Floats& left, const Floats& right) {
  double sum = 0;
  for (size_t i = 0; i < left.size(); ++i) sum += static_cast<double>(left[i]) * static_cast<double>(right[i]);
  return sum;
}

void expect_near(const Floats& left, const Floats& right, float tolerance) {
  ASSERT_EQ(left.size(), right.size());
  for (size_t i = 0; i < left.size(); ++i) ASSERT_NEAR(left[i], right[i], tolerance) << "number " << i;
}

Floats joined(Floats left, const Floats& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

// A query is a sum, cell by cell: so it is that of its parts.
TEST(FixedEncoding, OfAQueryIsTheSumOfThoseOfItsVectors) {
  for (const size_t dims : {1UL, 7UL, 64UL, 128UL, 1000UL}) {
    base::Random random(dims);
    const FixedEncoding encoding(dims, false);
    const Floats vectors = random_vectors(9, dims, random);
    Floats sum(FixedEncoding::kDims);
    for (size_t v = 0; v < 9; ++v) {
      const Floats one = of_query(encoding, std::span(vectors).subspan(v * dims, dims));
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += one[i];
      // One cell of each repetition.
      for (size_t r = 0; r < FixedEncoding::kRepetitions; ++r) {
        size_t cells = 0;
        for (size_t c = 0; c < FixedEncoding::kCells; ++c) {
          const auto cell = one.begin() + static_cast<ptrdiff_t>((r * FixedEncoding::kCells + c) * kCellNumbers);
          cells += std::any_of(cell, cell + kCellNumbers, [](float number) { return number != 0; }) ? 1U : 0U;
        }
        ASSERT_EQ(cells, 1U);
      }
    }
    expect_near(of_query(encoding, vectors), sum, 1e-3F * std::sqrt(static_cast<float>(dims)));
  }
}

// A row with one vector has it in every cell, so its product with a query is about that of the vectors, once a repetition; and copies change no mean.
TEST(FixedEncoding, OfARowWithOneVectorStandsInEveryCell) {
  constexpr size_t kDims = 64;
  base::Random random(3);
  const FixedEncoding encoding(kDims, false);
  for (int i = 0; i < 20; ++i) {
    const Floats vector = random_vectors(1, kDims, random);
    const Floats row = of_row(encoding, vector);
    for (size_t r = 0; r < FixedEncoding::kRepetitions; ++r) {
      const float* first = row.data() + r * FixedEncoding::kCells * kCellNumbers;
      for (size_t c = 1; c < FixedEncoding::kCells; ++c)
        ASSERT_TRUE(std::equal(first, first + kCellNumbers, first + c * kCellNumbers));
    }
    expect_near(of_row(encoding, joined(vector, joined(vector, vector))), row, 1e-4F);
    const double itself = product(of_query(encoding, vector), row) / static_cast<double>(FixedEncoding::kRepetitions);
    EXPECT_NEAR(itself / product(vector, vector), 1, 0.35);
  }
}

// In each cell of a row is the mean of its vectors there, which stand alone in their cells as queries.
TEST(FixedEncoding, OfARowHasTheMeansOfItsCellsAndTheNearestVectorElsewhere) {
  constexpr size_t kDims = 16;
  base::Random random(4);
  const FixedEncoding encoding(kDims, false);
  const Floats vectors = random_vectors(11, kDims, random);
  const Floats row = of_row(encoding, vectors);
  std::vector<Floats> queries;
  std::vector<Floats> alone;
  for (size_t v = 0; v < 11; ++v) {
    queries.push_back(of_query(encoding, std::span(vectors).subspan(v * kDims, kDims)));
    alone.push_back(of_row(encoding, std::span(vectors).subspan(v * kDims, kDims)));
  }
  for (size_t cell = 0; cell < FixedEncoding::kRepetitions * FixedEncoding::kCells; ++cell) {
    Floats mean(kCellNumbers);
    size_t count = 0;
    for (const Floats& query : queries) {
      const float* numbers = query.data() + cell * kCellNumbers;
      if (std::all_of(numbers, numbers + kCellNumbers, [](float number) { return number == 0; })) continue;
      ++count;
      for (size_t i = 0; i < kCellNumbers; ++i) mean[i] += numbers[i];
    }
    const Floats found(row.begin() + static_cast<ptrdiff_t>(cell * kCellNumbers),
                       row.begin() + static_cast<ptrdiff_t>((cell + 1) * kCellNumbers));
    if (count == 0) {
      EXPECT_TRUE(std::ranges::any_of(alone,
                                      [&](const Floats& one) {
                                        const float* numbers = one.data() + cell * kCellNumbers;
                                        return std::equal(numbers, numbers + kCellNumbers, found.begin());
                                      }))
          << "cell " << cell;
      continue;
    }
    for (float& number : mean) number /= static_cast<float>(count);
    expect_near(found, mean, 1e-4F);
  }
}

TEST(FixedEncoding, NoVectorsMakeZerosAndLengthsDoNotCountWhereNormalized) {
  constexpr size_t kDims = 12;
  base::Random random(5);
  const FixedEncoding encoding(kDims, true);
  EXPECT_EQ(of_row(encoding, {}), Floats(FixedEncoding::kDims));
  EXPECT_EQ(of_query(encoding, {}), Floats(FixedEncoding::kDims));
  EXPECT_EQ(of_row(encoding, Floats(kDims)), Floats(FixedEncoding::kDims));
  const Floats vectors = random_vectors(6, kDims, random);
  for (const float factor : {1e-30F, 7.0F, 1e30F}) {
    Floats scaled = vectors;
    for (float& component : scaled) component *= factor;
    expect_near(of_row(encoding, scaled), of_row(encoding, vectors), 1e-4F);
  }
  const FixedEncoding plain(kDims, false);
  for (const float size : {3e38F, -3e38F, 1e-40F}) {
    for (const float number :
         joined(of_row(plain, Floats(kDims * 50, size)), of_query(plain, Floats(kDims * 50, size))))
      ASSERT_TRUE(std::isfinite(number));
  }
}

// Encodings are on disk: those of other versions have to fit them.
TEST(FixedEncoding, IsForEverTheSame) {
  const FixedEncoding encoding(8, false);
  const Floats vectors = {1, -2, 3, -4, 5, -6, 7, -8, 0.5F, 0.25F, -1, 2, 0, 1, 1, -3};
  const Floats row = of_row(encoding, vectors);
  const Floats query = of_query(encoding, vectors);
  EXPECT_EQ(FixedEncoding::kDims, 2560U);
  double row_sum = 0;
  double query_sum = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    row_sum += static_cast<double>(row[i]) * static_cast<double>(i % 17);
    query_sum += static_cast<double>(query[i]) * static_cast<double>(i % 13);
  }
  EXPECT_NEAR(row_sum, kRowSum, 0.1);
  EXPECT_NEAR(query_sum, kQuerySum, 0.1);
}

// What it is for: the best rows by MaxSim are among the best by encodings.
TEST(FixedEncoding, RanksAsMaxSimDoes) {
  constexpr size_t kDims = 48;
  base::Random random(6);
  const FixedEncoding encoding(kDims, true);
  const Floats topics = random_vectors(300, kDims, random);
  const auto tokens = [&](size_t count) {
    Floats result;
    const size_t chosen[] = {random.below(300), random.below(300), random.below(300)};
    for (size_t i = 0; i < count; ++i) {
      const float* topic = topics.data() + chosen[random.below(3)] * kDims;
      double square = 0;
      Floats token(topic, topic + kDims);
      for (float& component : token) {
        component += 0.7F * random.normal();
        square += static_cast<double>(component) * static_cast<double>(component);
      }
      for (const float component : token) result.push_back(static_cast<float>(component / std::sqrt(square)));
    }
    return result;
  };
  const size_t row_count = 200 + base::scaled(800);
  std::vector<Floats> rows;
  std::vector<Floats> encodings;
  for (size_t r = 0; r < row_count; ++r) {
    rows.push_back(tokens(5 + random.below(25)));
    encodings.push_back(of_row(encoding, rows.back()));
  }
  double found = 0;
  constexpr size_t kQueries = 10;
  for (size_t q = 0; q < kQueries; ++q) {
    const Floats query = tokens(16);
    const Floats encoded = of_query(encoding, query);
    std::vector<std::pair<double, size_t>> true_best;
    std::vector<std::pair<double, size_t>> candidates;
    for (size_t r = 0; r < row_count; ++r) {
      double sum = 0;
      for (size_t i = 0; i < query.size(); i += kDims) {
        double best = -2;
        for (size_t v = 0; v < rows[r].size(); v += kDims)
          best = std::max(best, std::inner_product(query.begin() + static_cast<ptrdiff_t>(i),
                                                   query.begin() + static_cast<ptrdiff_t>(i + kDims),
                                                   rows[r].begin() + static_cast<ptrdiff_t>(v), 0.0));
        sum += best;
      }
      true_best.emplace_back(-sum, r);
      candidates.emplace_back(-product(encoded, encodings[r]), r);
    }
    std::ranges::sort(true_best);
    std::ranges::sort(candidates);
    std::set<size_t> first;
    for (size_t i = 0; i < 100; ++i) first.insert(candidates[i].second);
    for (size_t i = 0; i < 10; ++i) found += first.contains(true_best[i].second) ? 0.1 : 0;
  }
  EXPECT_GE(found / kQueries, 0.95);
}

}  // namespace
}  // namespace omendb::quantize
