#pragma once

// For the tests of this room: vectors from seeds and files, codes in aligned memory, exact distances in double.

#include "engine/quantize/codec.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace omendb::quantize {

struct Vectors {
  size_t dims = 0;
  std::vector<float> values;

  size_t count() const { return dims == 0 ? 0 : values.size() / dims; }
  const float* row(size_t i) const { return values.data() + i * dims; }
  Sample sample() const { return {values.data(), count(), dims}; }
};

// Normally distributed values around centres that are normally distributed themselves, `spread` times as wide.
Vectors clustered_vectors(size_t count, size_t dims, size_t cluster_count, float spread, uint64_t seed);
Vectors whole_vectors(size_t count, size_t dims, uint32_t bound, uint64_t seed);

// A file of the folder of test data (OMENDB_TEST_DATA or ../shared/data seen from the project); no rows where it is not there.
std::string test_data(const std::string& name);
Vectors read_fvecs(const std::string& path);

// Every storage that has a codec, kPq with 4 and 8 bits, kRabitq with 1, 2, 3, 4, 7 and 8.
std::vector<CodecOptions> every_codec(simd::Metric metric);
std::string name_of(const CodecOptions& options);

// The metric as a distance, by loops in double.
double exact_distance(simd::Metric metric, const float* left, const float* right, size_t dims);

// Bytes at a multiple of kQueryAlignment, so many exactly: the address sanitizer sees an access behind them.
class AlignedBytes {
 public:
  explicit AlignedBytes(size_t count);
  std::byte* data() { return memory_.get(); }
  const std::byte* data() const { return memory_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte, Free> memory_;
  size_t size_;
};

// The codes of rows, and estimates for queries.
class Codes {
 public:
  Codes(const Codec& codec, const Vectors& rows);
  const std::byte* code(size_t i) const { return list_[i]; }
  const std::vector<const std::byte*>& list() const { return list_; }
  std::vector<float> estimates(const float* query) const;
  std::vector<float> estimates_from_code(size_t row) const;

 private:
  const Codec& codec_;
  AlignedBytes memory_;
  std::vector<const std::byte*> list_;
};

// Queries and how far every row really is from each.
struct Truth {
  Truth(simd::Metric metric, const Vectors& rows, const Vectors& queries);
  const Vectors& rows;
  const Vectors& queries;
  std::vector<std::vector<double>> distances;  // of each query
};

// Of the 10 nearest rows by exact distance, the share among the 10 nearest of the `candidates` rows with the lowest estimates, over all queries. Rows as near as the
// tenth count as found.
double recall_at_10(const Codec& codec, const Truth& truth, size_t candidates);

}  // namespace omendb::quantize
