// Graphs that walk over codes instead of full vectors.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/graph/flat_scan.h"
#include "engine/graph/graph.h"
#include "engine/graph/graph_test_sets.h"

namespace omendb::graph {
namespace {

using base::must;

GraphOptions options_of(simd::Metric metric) { return {.metric = metric, .storage = quantize::Storage::kSq8}; }

void train_on(Graph& graph, const Vectors& rows) {
  must(graph.train(rows.view(), {rows.row(0), rows.count(), rows.dims()}));
}

// Of the true 10 nearest rows, the share that the graph finds; distances must be those of the full vectors.
double recall_at_10(const Graph& graph, const Vectors& rows, const Vectors& queries, size_t ef = 64) {
  const Live live(rows.row_count());
  const simd::DistanceKernels& kernels = simd::distance_kernels(graph.options().metric);
  std::vector<Neighbor> found(10);
  std::vector<Neighbor> truth;
  size_t hits = 0;
  for (size_t q = 0; q < queries.count(); ++q) {
    flat_scan(graph.options().metric, rows.view(), queries.row(q), live.view(), {0}, {rows.row_count()}, 10, truth);
    EXPECT_EQ(graph.search(rows.view(), queries.row(q), live.view(), {.k = 10, .ef = ef}, found), truth.size());
    for (size_t i = 0; i < truth.size(); ++i) {
      hits += found[i].distance <= truth.back().distance ? 1U : 0U;
      EXPECT_EQ(found[i].distance, kernels.one(queries.row(q), rows.row(found[i].row.value), rows.dims()));
    }
  }
  return static_cast<double>(hits) / static_cast<double>(10 * queries.count());
}

Vectors scaled_by_row(const Vectors& rows, uint64_t seed, float deviation) {
  base::Random random(seed);
  Vectors scaled(rows.dims());
  for (size_t r = 0; r < rows.count(); ++r) {
    const float factor = std::exp(deviation * random.normal());
    std::vector<float> row(rows.row(r), rows.row(r) + rows.dims());
    for (float& value : row) value *= factor;
    scaled.append(row);
  }
  return scaled;
}

// Groups of rows, far from each other and so narrow that all rows of a group have nearly the same code.
Vectors narrow_groups(size_t groups, size_t rows_per_group, size_t dims, uint64_t seed) {
  const Vectors centres = random_vectors(groups, dims, seed);
  const Vectors offsets = random_vectors(groups * rows_per_group, dims, seed + 1);
  Vectors rows(dims);
  for (size_t r = 0; r < offsets.count(); ++r) {
    std::vector<float> row(offsets.row(r), offsets.row(r) + dims);
    for (size_t d = 0; d < dims; ++d) row[d] = 1000 * centres.row(r % groups)[d] + 0.01F * row[d];
    rows.append(row);
  }
  return rows;
}

TEST(GraphCodes, ReachTheRecallOfFullVectorsForEveryMetric) {
  const Vectors rows = random_vectors(base::scaled(4000), 24, 70);
  const Vectors queries = random_vectors(50, 24, 71);
  for (const simd::Metric metric : {simd::Metric::kL2, simd::Metric::kCosine, simd::Metric::kInnerProduct}) {
    SCOPED_TRACE(static_cast<int>(metric));
    Graph coded(options_of(metric));
    train_on(coded, rows);
    insert_all(coded, rows);
    Graph full({.metric = metric});
    insert_all(full, rows);
    EXPECT_EQ(base::message_of(check(coded, Live(rows.row_count()).view())), "");
    EXPECT_GE(recall_at_10(coded, rows, queries), recall_at_10(full, rows, queries) - 0.03);
    EXPECT_GE(recall_at_10(coded, rows, queries, 200), 0.97);
  }
}

TEST(GraphCodes, OfEveryStorageReachTheirRecallWithABeamThatFitsThem) {
  struct Case {
    quantize::Storage storage;
    uint32_t bits;
    size_t ef;
  };
  const Vectors rows = random_vectors(base::scaled(3000), 32, 85);
  const Vectors queries = random_vectors(30, 32, 86);
  for (const auto& [storage, bits, ef] :
       {Case{quantize::Storage::kF16, 4, 80}, Case{quantize::Storage::kBf16, 4, 80},
        Case{quantize::Storage::kRabitq, 8, 80}, Case{quantize::Storage::kRabitq, 4, 120},
        Case{quantize::Storage::kRabitq, 1, 500}, Case{quantize::Storage::kPq, 8, 300},
        Case{quantize::Storage::kPq, 4, 300}, Case{quantize::Storage::kBinary, 4, 800}}) {
    for (const simd::Metric metric : {simd::Metric::kL2, simd::Metric::kCosine, simd::Metric::kInnerProduct}) {
      SCOPED_TRACE(std::string(quantize::to_string(storage)) + " " + std::to_string(bits) + ", metric " +
                   std::to_string(static_cast<int>(metric)));
      GraphOptions options{.metric = metric, .storage = storage};
      (storage == quantize::Storage::kPq ? options.pq_bits : options.rabitq_bits) = bits;
      Graph graph(options);
      train_on(graph, rows);
      insert_all(graph, rows);
      const double recall = recall_at_10(graph, rows, queries, ef);
      EXPECT_GE(recall, 0.9);
      Graph loaded(graph.options());
      must(load(loaded, saved(graph), rows.dims()));
      EXPECT_EQ(recall_at_10(loaded, rows, queries, ef), recall);
    }
  }
}

TEST(GraphCodes, FindTheLargestProductsAmongRowsOfVeryDifferentNorms) {
  const Vectors rows = scaled_by_row(random_vectors(base::scaled(4000), 24, 72), 73, 1.0F);
  const Vectors queries = random_vectors(50, 24, 74);
  Graph graph(options_of(simd::Metric::kInnerProduct));
  train_on(graph, rows);
  insert_all(graph, rows);
  EXPECT_GE(recall_at_10(graph, rows, queries), 0.95);
}

TEST(GraphCodes, TellRowsApartThatShareACode) {
  const Vectors rows = narrow_groups(20, base::scaled(2000) / 20, 24, 75);
  for (const auto& [storage, bits] : {std::pair{quantize::Storage::kSq8, 4U},
                                      {quantize::Storage::kRabitq, 8U},
                                      {quantize::Storage::kRabitq, 4U},
                                      {quantize::Storage::kRabitq, 1U}}) {
    SCOPED_TRACE(std::string(quantize::to_string(storage)) + " " + std::to_string(bits));
    Graph graph({.storage = storage, .rabitq_bits = bits});
    train_on(graph, rows);
    insert_all(graph, rows);
    EXPECT_GE(recall_at_10(graph, rows, rows.first(std::min<size_t>(100, rows.count()))), 0.99);
  }
}

TEST(GraphCodes, AnswerAQueryFromFarAwayByFullVectors) {
  const Vectors rows = random_vectors(base::scaled(2000), 24, 76);
  Vectors queries(24);
  for (const float distance : {10.0F, 1e3F, 1e6F, 1e15F}) {
    for (size_t d = 0; d < 24; ++d) {
      std::vector<float> query(24, 0.5F);
      query[d] = distance;
      queries.append(query);
    }
  }
  for (const quantize::Storage storage : {quantize::Storage::kSq8, quantize::Storage::kRabitq}) {
    SCOPED_TRACE(quantize::to_string(storage));
    Graph coded({.storage = storage});
    train_on(coded, rows);
    insert_all(coded, rows);
    EXPECT_GE(recall_at_10(coded, rows, queries, 100), 0.9);
  }
}

TEST(GraphCodes, KeepZeroVectorsBehindEveryRowThatPointsAlmostWhereTheQueryDoes) {
  Vectors rows = random_vectors(1000, 24, 77);
  for (size_t i = 0; i < 500; ++i) rows.append(std::vector<float>(24, 0.0F));
  const Vectors queries = random_vectors(50, 24, 78);
  Graph graph(options_of(simd::Metric::kCosine));
  train_on(graph, rows);
  insert_all(graph, rows);
  EXPECT_GE(recall_at_10(graph, rows, queries), 0.98);
}

TEST(GraphCodes, SurviveRowsOfAnyMagnitude) {
  for (const float magnitude : {1e-40F, 1e-20F, 1.0F, 1e18F, 1e37F}) {
    SCOPED_TRACE(magnitude);
    Vectors rows(16);
    const Vectors unit = random_vectors(300, 16, 79);
    for (size_t r = 0; r < unit.count(); ++r) {
      std::vector<float> row(unit.row(r), unit.row(r) + 16);
      for (float& value : row) value = std::clamp(value, -3.0F, 3.0F) * magnitude;
      rows.append(row);
    }
    for (const simd::Metric metric : {simd::Metric::kL2, simd::Metric::kCosine, simd::Metric::kInnerProduct}) {
      Graph graph(options_of(metric));
      train_on(graph, rows);
      insert_all(graph, rows);
      EXPECT_EQ(base::message_of(check(graph, Live(rows.row_count()).view())), "");
      std::vector<Neighbor> found(10);
      ASSERT_EQ(graph.search(rows.view(), rows.row(5), Live(rows.row_count()).view(), {}, found), 10U);
      for (const Neighbor& neighbor : found) EXPECT_FALSE(std::isnan(neighbor.distance));
    }
  }
}

TEST(GraphCodes, AreLearnedAgainFromRowsThatHaveDrifted) {
  Vectors rows = random_vectors(1000, 24, 80);
  const size_t first_count = rows.count();
  Graph graph(options_of(simd::Metric::kL2));
  train_on(graph, rows);
  insert_all(graph, rows);
  const Vectors later = random_vectors(1000, 24, 81);
  for (size_t r = 0; r < later.count(); ++r) {
    std::vector<float> row(later.row(r), later.row(r) + 24);
    for (float& value : row) value = 30 + 5 * value;
    rows.append(row);
  }
  for (uint32_t row = static_cast<uint32_t>(first_count); row < rows.row_count(); ++row) {
    must(graph.insert(rows.view(), {row}));
  }
  EXPECT_EQ(graph.training().encoded_rows, 2000U);
  EXPECT_GE(graph.training().poor_rows, 990U);
  train_on(graph, rows);
  EXPECT_EQ(graph.training().trained_rows, 2000U);
  EXPECT_EQ(graph.training().poor_rows, 0U);
  EXPECT_GE(recall_at_10(graph, rows, rows.first(50)), 0.97);
  EXPECT_GE(recall_at_10(graph, rows, later.first(1)), 0.9);
}

TEST(GraphCodes, AreReplacedWhileOthersSearch) {
  const Vectors rows = random_vectors(base::scaled(1500), 24, 82);
  Graph graph(options_of(simd::Metric::kL2));
  train_on(graph, rows);
  insert_all(graph, rows);
  std::atomic<bool> stop{false};
  std::atomic<size_t> searches{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      const Live live(rows.row_count());
      std::vector<Neighbor> found(10);
      for (uint32_t row = 0; !stop; row = (row + 7) % rows.row_count()) {
        EXPECT_EQ(graph.search(rows.view(), rows.row(row), live.view(), {}, found), 10U);
        EXPECT_EQ(found[0].distance, 0.0F) << "row " << row;
        ++searches;
      }
    });
  }
  for (int turn = 0; turn < 20 || searches < 100; ++turn) train_on(graph, rows);
  stop = true;
  for (std::thread& reader : readers) reader.join();
}

class SavedCodes : public testing::Test {
 protected:
  SavedCodes() {
    train_on(graph_, rows_);
    insert_all(graph_, rows_);
    saved_ = saved(graph_);
  }
  std::string load_message(const Saved& changed, const GraphOptions& options) {
    Graph loaded(options);
    const std::string message = base::message_of(load(loaded, changed, rows_.dims()));
    if (!message.empty()) {
      EXPECT_EQ(loaded.shape().codes_bytes, 0U) << "a graph that could not be loaded is empty";
    }
    return message;
  }

  const Vectors rows_ = random_vectors(600, 20, 83);
  Graph graph_{options_of(simd::Metric::kL2)};
  Saved saved_;
};

TEST_F(SavedCodes, AnswerAsBeforeAndGrowOn) {
  Graph loaded(graph_.options());
  must(load(loaded, saved_, 20));
  EXPECT_EQ(loaded.training().trained_rows, 600U);
  const Live live(rows_.row_count());
  std::vector<Neighbor> before(10);
  std::vector<Neighbor> after(10);
  const Vectors queries = random_vectors(30, 20, 84);
  for (size_t q = 0; q < queries.count(); ++q) {
    ASSERT_EQ(graph_.search(rows_.view(), queries.row(q), live.view(), {.k = 10, .ef = 20}, before), 10U);
    ASSERT_EQ(loaded.search(rows_.view(), queries.row(q), live.view(), {.k = 10, .ef = 20}, after), 10U);
    for (size_t i = 0; i < 10; ++i) EXPECT_EQ(before[i].row, after[i].row);
  }
  Vectors more = rows_;
  more.append(std::vector<float>(20, 0.25F));
  must(loaded.insert(more.view(), {600}));
  Saved changed;
  save(loaded, changed);
  EXPECT_TRUE(changed.blocks.contains({Graph::Stream::kCodes, 600U * 32 / Graph::kBlockBytes}));
  EXPECT_FALSE(changed.blocks.contains({Graph::Stream::kCodec, 0})) << "it has not changed";
}

TEST_F(SavedCodes, AreRefusedWhereTheyDoNotFit) {
  EXPECT_EQ(load_message(saved_, graph_.options()), "");
  EXPECT_NE(load_message(saved_, {}), "") << "a graph of full vectors";
  Saved changed = saved_;
  changed.shape.codes_bytes -= 32;
  EXPECT_NE(load_message(changed, graph_.options()), "");
  changed = saved_;
  changed.shape.codec_bytes = uint64_t{1} << 60;
  EXPECT_NE(load_message(changed, graph_.options()), "");
  changed = saved_;
  changed.shape.codec_bytes = 0;
  EXPECT_NE(load_message(changed, graph_.options()), "") << "codes without a codec";
  changed = saved_;
  const float not_a_number = std::nanf("");
  std::memcpy(changed.blocks.at({Graph::Stream::kCodec, 0}).data() + 5, &not_a_number, sizeof(float));
  EXPECT_NE(load_message(changed, graph_.options()), "") << "the step";
}

TEST_F(SavedCodes, MayBeMissingAndAreLearnedLater) {
  Saved changed = saved_;
  changed.shape.codes_bytes = 0;
  changed.shape.codec_bytes = 0;
  Graph loaded(graph_.options());
  must(load(loaded, changed, 20));
  EXPECT_EQ(loaded.training().trained_rows, 0U);
  EXPECT_GE(recall_at_10(loaded, rows_, rows_.first(50)), 0.97);
  train_on(loaded, rows_);
  EXPECT_EQ(loaded.training().trained_rows, 600U);
  EXPECT_GE(recall_at_10(loaded, rows_, rows_.first(50)), 0.97);
}

}  // namespace
}  // namespace omendb::graph
