#pragma once

// Real data sets, where they are: in OMENDB_TEST_DATA or in ../shared/data beside the project. A test that misses one is skipped and says so:
//   const auto path = find_test_data("siftsmall/siftsmall_base.fvecs");
//   if (!path) GTEST_SKIP() << missing_test_data("siftsmall");

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace omendb::test {

struct VectorSet {
  size_t dims = 0;
  std::vector<float> values;
  size_t count() const { return dims == 0 ? 0 : values.size() / dims; }
  const float* row(size_t i) const { return values.data() + i * dims; }
};

std::optional<std::string> find_test_data(const std::string& name);
std::string missing_test_data(const std::string& name);

// Stop the process on a malformed file: the set is not what the test was written for.
VectorSet read_fvecs(const std::string& path);
std::vector<std::vector<int32_t>> read_ivecs(const std::string& path);
VectorSet read_npy(const std::string& path, size_t dims);  // float32 or float64, in C order, read as rows of `dims`
VectorSet read_idx_images(const std::string& gz_path, size_t count);  // the first `count` images, a component a pixel

}  // namespace omendb::test
