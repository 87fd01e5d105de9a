#include "engine/quantize/codec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/quantize/codec_test_sets.h"

namespace omendb::quantize {
namespace {

using simd::Metric;
constexpr Metric kMetrics[] = {Metric::kL2, Metric::kCosine, Metric::kInnerProduct};

// Lowest recall@10 with 50 candidates on a clustered set; measured 0.03 or more above.
double recall_floor(const CodecOptions& options) {
  switch (options.storage) {
    case Storage::kBinary: return 0.65;
    case Storage::kPq: return 0.9;
    case Storage::kRabitq: return options.rabitq_bits == 1 ? 0.85 : 0.97;
    default: return 0.99;
  }
}

TEST(Codec, FindsTheNearestRowsAmongFiftyCandidates) {
  const uint64_t seed = 41;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const Vectors all = clustered_vectors(3050, 96, 40, 0.7F, seed);
  const Vectors rows{all.dims, {all.values.begin(), all.values.begin() + 3000 * 96}};
  const Vectors queries{all.dims, {all.values.begin() + 3000 * 96, all.values.end()}};
  for (const Metric metric : kMetrics) {
    const Truth truth(metric, rows, queries);
    for (const CodecOptions& options : every_codec(metric)) {
      SCOPED_TRACE(name_of(options));
      const auto codec = train(options, rows.sample());
      EXPECT_GE(recall_at_10(*codec, truth, 50), recall_floor(options));
    }
  }
}

TEST(Codec, FindsTheNearestOfRealVectors) {
  const Vectors rows = read_fvecs(test_data("siftsmall/siftsmall_base.fvecs"));
  const Vectors queries = read_fvecs(test_data("siftsmall/siftsmall_query.fvecs"));
  if (rows.count() == 0) GTEST_SKIP() << "no siftsmall in the folder of test data";
  const Truth truth(Metric::kL2, rows, queries);
  for (const CodecOptions& options : every_codec(Metric::kL2)) {
    SCOPED_TRACE(name_of(options));
    const auto codec = train(options, rows.sample());
    const double recall = recall_at_10(*codec, truth, 50);
    const bool one_bit = options.storage == Storage::kBinary || options.rabitq_bits == 1;
    EXPECT_GE(recall, options.storage == Storage::kBinary ? 0.7 : one_bit ? 0.87 : 0.99);
  }
}

TEST(Codec, FindsLargeProductsAmongRowsOfWildlyDifferentLength) {
  const uint64_t seed = 7;
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  base::Random random(seed);
  Vectors rows = clustered_vectors(2000, 64, 30, 1, seed);
  const Vectors queries = clustered_vectors(40, 64, 30, 1, seed);
  for (size_t r = 0; r < rows.count(); ++r) {
    const float length = std::exp(1.5F * random.normal());
    for (size_t d = 0; d < rows.dims; ++d) rows.values[r * rows.dims + d] *= length;
  }
  const Truth truth(Metric::kInnerProduct, rows, queries);
  for (const CodecOptions& options : every_codec(Metric::kInnerProduct)) {
    SCOPED_TRACE(name_of(options));
    const auto codec = train(options, rows.sample());
    EXPECT_GE(recall_at_10(*codec, truth, 50), recall_floor(options));
  }
}

TEST(Codec, PutsZeroVectorsBetweenLikeAndUnlikeOnesUnderCosine) {
  const size_t dims = 48;
  Vectors rows = clustered_vectors(500, dims, 5, 1, 3);
  std::fill_n(rows.values.begin() + 10 * dims, dims, 0.0F);
  for (size_t d = 0; d < dims; ++d) rows.values[11 * dims + d] = -rows.values[d];
  const std::vector<float> zero(dims);
  for (const CodecOptions& options : every_codec(Metric::kCosine)) {
    SCOPED_TRACE(name_of(options));
    const auto codec = train(options, rows.sample());
    const Codes codes(*codec, rows);
    const std::vector<float> estimates = codes.estimates(rows.row(0));
    EXPECT_LT(estimates[0], estimates[10]);
    EXPECT_LT(estimates[10], estimates[11]);
    for (const float estimate : codes.estimates(zero.data())) ASSERT_TRUE(std::isfinite(estimate));
  }
}

TEST(Codec, KeepsWholeNumbersOfASmallRangeAsTheyAre) {
  const Vectors rows = whole_vectors(400, 37, 200, 5);
  for (const Storage storage : {Storage::kSq8, Storage::kF16}) {
    const auto codec = train({.storage = storage}, rows.sample());
    const Codes codes(*codec, rows);
    for (size_t q = 0; q < 20; ++q) {
      const std::vector<float> estimates = codes.estimates(rows.row(q));
      const std::vector<float> between = codes.estimates_from_code(q);
      for (size_t r = 0; r < rows.count(); ++r) {
        ASSERT_EQ(estimates[r], exact_distance(Metric::kL2, rows.row(q), rows.row(r), rows.dims));
        ASSERT_EQ(between[r], estimates[r]);
      }
    }
  }
}

TEST(Codec, MeasuresBetweenCodesNearlyAsBetweenVectorsWhereGraphsAreBuiltByThem) {
  const Vectors rows = clustered_vectors(600, 80, 6, 0.5F, 17);
  for (const Metric metric : {Metric::kL2, Metric::kCosine}) {
    for (const CodecOptions& options : every_codec(metric)) {
      SCOPED_TRACE(name_of(options));
      const auto codec = train(options, rows.sample());
      const Codes codes(*codec, rows);
      size_t kept = 0;
      for (size_t q = 0; q < 30; ++q) {
        const std::vector<float> estimates = codes.estimates_from_code(q);
        ASSERT_EQ(std::min_element(estimates.begin(), estimates.end()) - estimates.begin(), static_cast<ptrdiff_t>(q));
        std::vector<std::pair<double, float>> pairs;
        for (size_t r = 0; r < rows.count(); ++r) {
          pairs.emplace_back(exact_distance(metric, rows.row(q), rows.row(r), rows.dims), estimates[r]);
        }
        std::sort(pairs.begin(), pairs.end());
        std::vector<float> sorted = estimates;
        std::sort(sorted.begin(), sorted.end());
        for (size_t i = 0; i < 32; ++i) kept += pairs[i].second <= sorted[31] ? 1U : 0U;
      }
      if (codec->builds_graphs()) {
        EXPECT_GE(static_cast<double>(kept) / (30 * 32), 0.85);
      }
    }
  }
}

TEST(Codec, GivesTheSameBytesAfterSaveAndLoad) {
  for (const Metric metric : kMetrics) {
    Vectors rows = clustered_vectors(400, 33, 4, 1, 23);
    if (metric != Metric::kL2) std::fill_n(rows.values.begin(), 33, 0.0F);
    for (const CodecOptions& options : every_codec(metric)) {
      SCOPED_TRACE(name_of(options));
      const auto codec = train(options, rows.sample());
      CodecOptions other_seed = options;
      other_seed.seed = 99;
      const auto loaded = base::must(load(other_seed, rows.dims, codec->save()));
      EXPECT_EQ(loaded->storage(), options.storage);
      EXPECT_EQ(loaded->dims(), rows.dims);
      EXPECT_EQ(loaded->builds_graphs(), codec->builds_graphs());
      ASSERT_EQ(loaded->code_bytes(), codec->code_bytes());
      ASSERT_EQ(loaded->query_bytes(), codec->query_bytes());
      EXPECT_EQ(loaded->save(), codec->save());
      EXPECT_EQ(train(options, rows.sample())->save(), codec->save());
      const Codes before(*codec, rows);
      const Codes after(*loaded, rows);
      for (size_t r = 0; r < rows.count(); ++r) {
        ASSERT_EQ(std::memcmp(before.code(r), after.code(r), codec->code_bytes()), 0);
      }
      for (size_t q = 0; q < 5; ++q) {
        EXPECT_EQ(before.estimates(rows.row(q)), after.estimates(rows.row(q)));
        EXPECT_EQ(before.estimates_from_code(q), after.estimates_from_code(q));
      }
    }
  }
}

TEST(Codec, RefusesBytesThatAreCutOrLongerOrOfOtherOptions) {
  const Vectors rows = clustered_vectors(50, 9, 2, 1, 1);
  for (const Metric metric : kMetrics) {
    for (const CodecOptions& options : every_codec(metric)) {
      SCOPED_TRACE(name_of(options));
      const std::vector<std::byte> saved = train(options, rows.sample())->save();
      const size_t step = std::max<size_t>(saved.size() / 200, 1);
      for (size_t size = 0; size < saved.size(); size += step) {
        ASSERT_EQ(base::code_of(load(options, rows.dims, std::span(saved).first(size))), ErrorCode::kCorruption);
      }
      std::vector<std::byte> longer = saved;
      longer.push_back(std::byte{0});
      EXPECT_EQ(base::code_of(load(options, rows.dims, longer)), ErrorCode::kCorruption);
      CodecOptions other = options;
      other.rabitq_bits = options.rabitq_bits % 8 + 1;
      other.pq_bytes = 3;
      CodecOptions other_bits = options;
      other_bits.pq_bits = 12 - options.pq_bits;
      if (options.storage == Storage::kRabitq || options.storage == Storage::kPq) {
        EXPECT_EQ(base::code_of(load(other, rows.dims, saved)), ErrorCode::kCorruption);
      }
      if (options.storage == Storage::kPq) {
        EXPECT_EQ(base::code_of(load(other_bits, rows.dims, saved)), ErrorCode::kCorruption);
      }
    }
  }
  EXPECT_EQ(base::code_of(load({.storage = Storage::kF32}, 3, {})), ErrorCode::kCorruption);
}

// What load() lets pass may estimate badly, but without a bad access and without a NaN.
TEST(Codec, SurvivesChangedBytes) {
  const Vectors rows = clustered_vectors(20, 9, 2, 1, 1);
  const std::byte values[] = {std::byte{0}, std::byte{1}, std::byte{0x7f}, std::byte{0x80}, std::byte{0xff}};
  for (const Metric metric : kMetrics) {
    for (const CodecOptions& options : every_codec(metric)) {
      const std::vector<std::byte> saved = train(options, rows.sample())->save();
      base::Random random(5);
      for (size_t round = 0; round < base::scaled(400); ++round) {
        SCOPED_TRACE(testing::Message() << name_of(options) << ", round " << round << " of seed 5");
        std::vector<std::byte> changed = saved;
        const size_t at =
            random.one_in(2) ? random.below(std::min<size_t>(changed.size(), 24)) : random.below(changed.size());
        for (size_t i = at; i < std::min(changed.size(), at + 1 + random.below(4)); ++i) {
          changed[i] = values[random.below(std::size(values))];
        }
        const auto loaded = load(options, rows.dims, changed);
        if (!loaded.ok()) {
          ASSERT_EQ(loaded.error().code, ErrorCode::kCorruption);
          continue;
        }
        for (const float estimate : Codes(**loaded, rows).estimates(rows.row(3))) ASSERT_FALSE(std::isnan(estimate));
      }
    }
  }
}

// Whatever bytes stand in a code, nothing outside of it is touched; the address sanitizer watches.
TEST(Codec, ReadsNothingOutsideOfHostileCodes) {
  const Vectors rows = clustered_vectors(60, 70, 2, 1, 1);
  base::Random random(9);
  for (const CodecOptions& options : every_codec(Metric::kL2)) {
    SCOPED_TRACE(name_of(options));
    const auto codec = train(options, rows.sample());
    AlignedBytes code(codec->code_bytes());
    AlignedBytes prepared(codec->query_bytes());
    for (size_t round = 0; round < 50; ++round) {
      for (size_t i = 0; i < code.size(); ++i) code.data()[i] = static_cast<std::byte>(random.below(256));
      codec->prepare_code(code.data(), prepared.data());
      const std::byte* list[] = {code.data()};
      float out = 0;
      codec->distances(prepared.data(), list, 1, &out);
    }
  }
}

// Rows of one kind of trouble each.
std::vector<Vectors> troublesome_sets(size_t dims, size_t count, uint64_t seed) {
  base::Random random(seed);
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kDenormal = std::numeric_limits<float>::denorm_min();
  std::vector<Vectors> sets;
  const auto add = [&](auto&& value) {
    Vectors rows{dims, std::vector<float>(count * dims)};
    for (float& component : rows.values) component = value();
    sets.push_back(std::move(rows));
  };
  add([] { return 0.0F; });
  add([] { return 0.3F; });
  add([] { return -kMax; });
  add([&] { return kDenormal * static_cast<float>(random.below(5)); });
  add([&] { return random.normal() * 4e37F; });
  add([&] { return random.normal() * 1e-38F; });
  add([&] { return random.one_in(2) ? kMax : -kMax; });
  add([&] { return 1.0F + random.normal() * 1e-7F; });
  add([&] { return random.one_in(50) ? 1e30F : random.normal(); });
  const float mixed[] = {0.0F, kDenormal, -1e-20F, 1.0F, -3.0F, 1e19F, kMax, -kMax};
  add([&] { return mixed[random.below(std::size(mixed))]; });
  return sets;
}

void expect_finite(const Codec& codec, const Vectors& rows, const std::vector<Vectors>& queries) {
  const Codes codes(codec, rows);
  for (const Vectors& set : queries) {
    for (const float estimate : codes.estimates(set.row(0))) ASSERT_TRUE(std::isfinite(estimate));
    const Codes foreign(codec, set);
    for (const float estimate : foreign.estimates(rows.row(0))) ASSERT_TRUE(std::isfinite(estimate));
    for (const float estimate : foreign.estimates_from_code(0)) ASSERT_TRUE(std::isfinite(estimate));
  }
}

TEST(Codec, StaysFiniteForFiniteVectorsOfAnyMagnitude) {
  for (const size_t dims : {1UL, 2UL, 17UL, 64UL, 100UL}) {
    for (const size_t count : {1UL, 2UL, 30UL}) {
      const std::vector<Vectors> sets = troublesome_sets(dims, count, dims * 100 + count);
      for (size_t s = 0; s < sets.size(); ++s) {
        for (const Metric metric : kMetrics) {
          for (const CodecOptions& options : every_codec(metric)) {
            SCOPED_TRACE(testing::Message()
                         << name_of(options) << ", " << dims << " dims, " << count << " rows, set " << s);
            expect_finite(*train(options, sets[s].sample()), sets[s], sets);
            if (testing::Test::HasFatalFailure()) return;
          }
        }
      }
    }
  }
}

TEST(Codec, TakesTheMostDimensionsThatAVectorMayHave) {
  const size_t dims = 8192;
  std::vector<Vectors> sets = troublesome_sets(dims, 2, 1);
  sets.push_back(clustered_vectors(2, dims, 2, 1, 1));
  for (const Metric metric : kMetrics) {
    for (const CodecOptions& options : every_codec(metric)) {
      for (size_t s = 0; s < sets.size(); s += 2) {
        SCOPED_TRACE(testing::Message() << name_of(options) << ", set " << s);
        expect_finite(*train(options, sets[s].sample()), sets[s], {sets[6], sets[10]});
      }
    }
  }
}

// The order survives scaling by powers of two, to where squares leave float.
TEST(Codec, RanksTinyAndHugeVectorsLikeOrdinaryOnes) {
  const Vectors rows = clustered_vectors(300, 24, 5, 1, 31);
  for (const Metric metric : kMetrics) {
    for (const float factor : {0x1p-120F, 0x1p100F, 0x1p120F}) {
      Vectors scaled = rows;
      for (float& value : scaled.values) value *= factor;
      const Vectors queries{24, {scaled.values.begin(), scaled.values.begin() + 240}};
      const Truth truth(metric, scaled, queries);
      for (const CodecOptions& options : every_codec(metric)) {
        SCOPED_TRACE(testing::Message() << name_of(options) << ", factor " << factor);
        EXPECT_GE(recall_at_10(*train(options, scaled.sample()), truth, 50), 0.8);
      }
    }
  }
}

TEST(Codec, SaysWhenAVectorLiesOutsideOfTheSample) {
  const Vectors rows = clustered_vectors(500, 40, 5, 1, 77);
  std::vector<float> far(rows.row(0), rows.row(1));
  for (float& value : far) value *= 1e6F;
  for (const Metric metric : {Metric::kL2, Metric::kInnerProduct}) {
    for (const CodecOptions& options : every_codec(metric)) {
      SCOPED_TRACE(name_of(options));
      const auto codec = train(options, rows.sample());
      AlignedBytes code(codec->code_bytes());
      size_t inside = 0;
      for (size_t r = 0; r < rows.count(); ++r) inside += codec->encode(rows.row(r), code.data()) ? 1U : 0U;
      EXPECT_GE(inside, rows.count() * 9 / 10);
      EXPECT_FALSE(codec->encode(far.data(), code.data()));
    }
  }
}

TEST(Codec, OfFourBitsTakesAsManyPiecesAsItsBytesHold) {
  const Vectors rows = clustered_vectors(300, 300, 5, 1, 13);
  for (const uint32_t bytes : {1U, 16U, 17U, 128U}) {
    SCOPED_TRACE(bytes);
    const CodecOptions options{.storage = Storage::kPq, .pq_bytes = bytes, .pq_bits = 4};
    const auto codec = train(options, rows.sample());
    const auto loaded = base::must(load(options, rows.dims, codec->save()));
    EXPECT_EQ(Codes(*codec, rows).estimates(rows.row(7)), Codes(*loaded, rows).estimates(rows.row(7)));
    EXPECT_EQ(Codes(*codec, rows).estimates_from_code(7), Codes(*loaded, rows).estimates_from_code(7));
  }
}

TEST(Codec, HasCodesOfTheSizeThatTheFormatSays) {
  const auto bytes = [](const CodecOptions& options, size_t dims) {
    const Vectors rows = clustered_vectors(2, dims, 1, 1, 1);
    const auto codec = train(options, rows.sample());
    EXPECT_EQ(codec->code_bytes() % kCodeAlignment, 0);
    return codec->code_bytes();
  };
  EXPECT_EQ(bytes({.storage = Storage::kF16}, 128), 256);
  EXPECT_EQ(bytes({.storage = Storage::kBf16}, 3), 16);
  EXPECT_EQ(bytes({.storage = Storage::kSq8}, 128), 128);
  EXPECT_EQ(bytes({.storage = Storage::kPq}, 768), 32);
  EXPECT_EQ(bytes({.storage = Storage::kPq}, 10), 16);
  EXPECT_EQ(bytes({.storage = Storage::kPq, .pq_bytes = 96}, 768), 96);
  EXPECT_EQ(bytes({.storage = Storage::kPq, .pq_bits = 4}, 768), 32);
  EXPECT_EQ(bytes({.storage = Storage::kPq, .pq_bits = 4}, 33), 32);
  EXPECT_EQ(bytes({.storage = Storage::kPq, .pq_bits = 4}, 32), 16);
  EXPECT_EQ(bytes({.storage = Storage::kPq, .pq_bytes = 128, .pq_bits = 4}, 768), 128);
  EXPECT_EQ(bytes({.storage = Storage::kRabitq}, 128), 80);
  EXPECT_EQ(bytes({.storage = Storage::kRabitq, .rabitq_bits = 1}, 128), 32);
  EXPECT_EQ(bytes({.storage = Storage::kRabitq, .rabitq_bits = 7}, 768), 688);
  EXPECT_EQ(bytes({.storage = Storage::kBinary}, 128), 16);
  EXPECT_EQ(bytes({.storage = Storage::kBinary}, 129), 32);
}

TEST(Codec, NamesEveryStorage) {
  std::set<std::string_view> names;
  for (uint8_t s = 1; s <= 7; ++s) names.insert(to_string(static_cast<Storage>(s)));
  EXPECT_EQ(names.size(), 7U);
  EXPECT_EQ(names.count("unknown"), 0U);
}

}  // namespace
}  // namespace omendb::quantize
