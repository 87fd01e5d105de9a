#include "tests/test_data.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace omendb::test {
namespace {

[[noreturn]] void malformed(const std::string& path) {
  std::fprintf(stderr, "%s is not the data that the test was written for\n", path.c_str());
  std::abort();
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename T>
T read_at(const std::string& bytes, size_t at) {
  T value{};
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

// Calls visit(first byte, count) for every record of an fvecs or ivecs file: a count, then as many values of 4 bytes.
template <typename Visit>
void for_each_vecs_record(const std::string& path, const Visit& visit) {
  const std::string bytes = read_file(path);
  for (size_t at = 0; at < bytes.size();) {
    const auto count = static_cast<size_t>(read_at<int32_t>(bytes, at));
    if (count > 65536 || at + 4 + count * 4 > bytes.size()) malformed(path);
    visit(bytes.data() + at + 4, count);
    at += 4 + count * 4;
  }
}

}  // namespace

std::optional<std::string> find_test_data(const std::string& name) {
  const char* given = std::getenv("OMENDB_TEST_DATA");
  const std::string folder = given != nullptr ? given : std::string(OMENDB_SOURCE_DIR) + "/../shared/data";
  const std::string path = folder + "/" + name;
  return std::filesystem::exists(path) ? std::optional(path) : std::nullopt;
}

std::string missing_test_data(const std::string& name) {
  return "the data set " + name + " is neither in OMENDB_TEST_DATA nor in ../shared/data";
}

VectorSet read_fvecs(const std::string& path) {
  VectorSet set;
  for_each_vecs_record(path, [&set](const char* values, size_t count) {
    set.dims = count;
    const size_t size = set.values.size();
    set.values.resize(size + count);
    std::memcpy(set.values.data() + size, values, count * sizeof(float));
  });
  return set;
}

std::vector<std::vector<int32_t>> read_ivecs(const std::string& path) {
  std::vector<std::vector<int32_t>> rows;
  for_each_vecs_record(path, [&rows](const char* values, size_t count) {
    std::memcpy(rows.emplace_back(count).data(), values, count * sizeof(int32_t));
  });
  return rows;
}

VectorSet read_npy(const std::string& path, size_t dims) {
  const std::string bytes = read_file(path);
  const bool wide = bytes.find("'<f8'") != std::string::npos;
  if (bytes.size() < 10 || bytes.compare(0, 6, "\x93NUMPY") != 0 || (!wide && bytes.find("'<f4'") == std::string::npos))
    malformed(path);
  const size_t start = 10 + read_at<uint16_t>(bytes, 8);
  const size_t width = wide ? sizeof(double) : sizeof(float);
  const size_t count = (bytes.size() - start) / width;
  if (count == 0 || count % dims != 0) malformed(path);
  VectorSet set{dims, {}};
  for (size_t i = 0; i < count; ++i) {
    const size_t at = start + i * width;
    set.values.push_back(wide ? static_cast<float>(read_at<double>(bytes, at)) : read_at<float>(bytes, at));
  }
  return set;
}

VectorSet read_idx_images(const std::string& gz_path, size_t count) {
  std::FILE* pipe = ::popen(("gzip -dc '" + gz_path + "'").c_str(), "r");
  if (pipe == nullptr) malformed(gz_path);
  constexpr size_t kPixels = 784;
  std::vector<unsigned char> bytes(16 + count * kPixels);
  const size_t got = std::fread(bytes.data(), 1, bytes.size(), pipe);
  ::pclose(pipe);  // the rest is not wanted, so its status says nothing
  if (got != bytes.size() || bytes[3] != 3) malformed(gz_path);
  return {kPixels, std::vector<float>(bytes.begin() + 16, bytes.end())};
}

}  // namespace omendb::test
