#include "engine/quantize/codec_test_sets.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <numeric>

#include "engine/base/random.h"

namespace omendb::quantize {

Vectors clustered_vectors(size_t count, size_t dims, size_t cluster_count, float spread, uint64_t seed) {
  base::Random random(seed);
  std::vector<float> centres(cluster_count * dims);
  for (float& value : centres) value = random.normal() * spread;
  Vectors rows{dims, {}};
  for (size_t i = 0; i < count; ++i) {
    const float* centre = centres.data() + random.below(cluster_count) * dims;
    for (size_t d = 0; d < dims; ++d) rows.values.push_back(centre[d] + random.normal());
  }
  return rows;
}

Vectors whole_vectors(size_t count, size_t dims, uint32_t bound, uint64_t seed) {
  base::Random random(seed);
  Vectors rows{dims, std::vector<float>(count * dims)};
  for (float& value : rows.values) value = static_cast<float>(random.below(bound));
  return rows;
}

std::string test_data(const std::string& name) {
  const char* folder = std::getenv("OMENDB_TEST_DATA");
  if (folder != nullptr) return std::string(folder) + "/" + name;
  const std::string source = __FILE__;
  return source.substr(0, source.rfind("/engine/quantize/")) + "/../shared/data/" + name;
}

Vectors read_fvecs(const std::string& path) {
  Vectors rows;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return rows;
  uint32_t dims = 0;
  while (std::fread(&dims, sizeof(dims), 1, file) == 1) {
    rows.dims = dims;
    std::vector<float> row(dims);
    if (std::fread(row.data(), sizeof(float), dims, file) != dims) break;
    rows.values.insert(rows.values.end(), row.begin(), row.end());
  }
  std::fclose(file);
  return rows;
}

std::vector<CodecOptions> every_codec(simd::Metric metric) {
  std::vector<CodecOptions> all;
  for (const Storage storage : {Storage::kF16, Storage::kBf16, Storage::kSq8, Storage::kPq, Storage::kBinary}) {
    all.push_back({.storage = storage, .metric = metric});
  }
  all.push_back({.storage = Storage::kPq, .metric = metric, .pq_bits = 4});
  for (const uint32_t bits : {1U, 2U, 3U, 4U, 7U, 8U}) {
    all.push_back({.storage = Storage::kRabitq, .metric = metric, .rabitq_bits = bits});
  }
  return all;
}

std::string name_of(const CodecOptions& options) {
  std::string name(to_string(options.storage));
  if (options.storage == Storage::kRabitq) name += " " + std::to_string(options.rabitq_bits) + " bits";
  if (options.storage == Storage::kPq) name += " " + std::to_string(options.pq_bits) + " bits";
  return name + ", metric " + std::to_string(static_cast<int>(options.metric));
}

double exact_distance(simd::Metric metric, const float* left, const float* right, size_t dims) {
  double dot = 0;
  double left_square = 0;
  double right_square = 0;
  double square = 0;
  for (size_t d = 0; d < dims; ++d) {
    const double l = left[d];
    const double r = right[d];
    dot += l * r;
    left_square += l * l;
    right_square += r * r;
    square += (l - r) * (l - r);
  }
  if (metric == simd::Metric::kL2) return square;
  if (metric == simd::Metric::kInnerProduct) return -dot;
  return left_square == 0 || right_square == 0 ? 1 : 1 - dot / (std::sqrt(left_square) * std::sqrt(right_square));
}

AlignedBytes::AlignedBytes(size_t count)
    : memory_(static_cast<std::byte*>(::operator new (count, std::align_val_t{kQueryAlignment}))), size_(count) {
  std::fill_n(memory_.get(), count, std::byte{0xa5});
}

void AlignedBytes::Free::operator()(std::byte* memory) const {
  ::operator delete (memory, std::align_val_t{kQueryAlignment});
}

Codes::Codes(const Codec& codec, const Vectors& rows) : codec_(codec), memory_(codec.code_bytes() * rows.count()) {
  for (size_t i = 0; i < rows.count(); ++i) {
    std::byte* code = memory_.data() + i * codec.code_bytes();
    (void)codec.encode(rows.row(i), code);
    list_.push_back(code);
  }
}

std::vector<float> Codes::estimates(const float* query) const {
  AlignedBytes prepared(codec_.query_bytes());
  (void)codec_.prepare(query, prepared.data());
  std::vector<float> out(list_.size());
  codec_.distances(prepared.data(), list_.data(), list_.size(), out.data());
  return out;
}

std::vector<float> Codes::estimates_from_code(size_t row) const {
  AlignedBytes prepared(codec_.query_bytes());
  codec_.prepare_code(list_[row], prepared.data());
  std::vector<float> out(list_.size());
  codec_.distances(prepared.data(), list_.data(), list_.size(), out.data());
  return out;
}

Truth::Truth(simd::Metric metric, const Vectors& row_vectors, const Vectors& query_vectors)
    : rows(row_vectors), queries(query_vectors) {
  for (size_t q = 0; q < queries.count(); ++q) {
    distances.emplace_back();
    for (size_t r = 0; r < rows.count(); ++r) {
      distances.back().push_back(exact_distance(metric, queries.row(q), rows.row(r), rows.dims));
    }
  }
}

double recall_at_10(const Codec& codec, const Truth& truth, size_t candidates) {
  constexpr size_t kWanted = 10;
  const Codes codes(codec, truth.rows);
  std::vector<uint32_t> order(truth.rows.count());
  size_t found = 0;
  for (size_t q = 0; q < truth.queries.count(); ++q) {
    const std::vector<double>& exact = truth.distances[q];
    std::vector<double> sorted = exact;
    std::nth_element(sorted.begin(), sorted.begin() + kWanted - 1, sorted.end());
    const double tenth = sorted[kWanted - 1];
    const std::vector<float> estimates = codes.estimates(truth.queries.row(q));
    std::iota(order.begin(), order.end(), 0U);
    std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(candidates), order.end(),
                      [&](uint32_t a, uint32_t b) { return estimates[a] < estimates[b]; });
    size_t near = 0;
    for (size_t i = 0; i < candidates; ++i) near += exact[order[i]] <= tenth ? 1U : 0U;
    found += std::min(near, kWanted);
  }
  return static_cast<double>(found) / static_cast<double>(kWanted * truth.queries.count());
}

TEST(CodecTestSets, ComeFromTheirSeedAlone) {
  EXPECT_EQ(clustered_vectors(3, 5, 2, 1, 9).values, clustered_vectors(3, 5, 2, 1, 9).values);
  EXPECT_NE(clustered_vectors(3, 5, 2, 1, 9).values, clustered_vectors(3, 5, 2, 1, 10).values);
}

}  // namespace omendb::quantize
