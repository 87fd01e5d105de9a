#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <thread>

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/graph/graph_test_sets.h"

namespace omendb::graph {
namespace {

std::vector<std::byte> read_file(const std::string& path) {
  std::vector<std::byte> bytes;
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return bytes;
  std::byte buffer[65536];
  for (size_t got = std::fread(buffer, 1, sizeof(buffer), file); got > 0;
       got = std::fread(buffer, 1, sizeof(buffer), file)) {
    bytes.insert(bytes.end(), buffer, buffer + got);
  }
  std::fclose(file);
  return bytes;
}

}  // namespace

Vectors random_vectors(size_t count, size_t dims, uint64_t seed) {
  base::Random random(seed);
  Vectors rows(dims);
  std::vector<float> row(dims);
  for (size_t i = 0; i < count; ++i) {
    for (float& value : row) value = random.normal();
    rows.append(row);
  }
  return rows;
}

std::string test_data(const std::string& name) {
  const char* folder = std::getenv("OMENDB_TEST_DATA");
  if (folder != nullptr) return std::string(folder) + "/" + name;
  const std::string source = __FILE__;
  return source.substr(0, source.rfind("/engine/graph/")) + "/../shared/data/" + name;
}

Vectors read_fvecs(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  if (bytes.empty()) return Vectors(0);
  uint32_t dims = 0;
  std::memcpy(&dims, bytes.data(), sizeof(dims));
  Vectors rows(dims);
  std::vector<float> row(dims);
  const size_t row_bytes = (dims + 1) * sizeof(float);
  for (size_t at = 0; at + row_bytes <= bytes.size(); at += row_bytes) {
    std::memcpy(row.data(), bytes.data() + at + sizeof(dims), dims * sizeof(float));
    rows.append(row);
  }
  return rows;
}

Vectors read_npy(const std::string& path) {
  const std::vector<std::byte> bytes = read_file(path);
  if (bytes.size() < 10) return Vectors(0);
  uint16_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data() + 8, sizeof(header_bytes));
  const std::string header(reinterpret_cast<const char*>(bytes.data()) + 10, header_bytes);
  const bool is_double = header.find("<f8") != std::string::npos;
  const size_t value_bytes = is_double ? sizeof(double) : sizeof(float);
  const size_t comma = header.find(',', header.find("'shape'") + 8);
  Vectors rows(std::strtoull(header.c_str() + comma + 1, nullptr, 10));
  std::vector<float> row(rows.dims());
  for (size_t at = 10U + header_bytes; at + row.size() * value_bytes <= bytes.size(); at += row.size() * value_bytes) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::byte* from = bytes.data() + at + i * value_bytes;
      double wide = 0;
      std::memcpy(is_double ? static_cast<void*>(&wide) : static_cast<void*>(&row[i]), from, value_bytes);
      if (is_double) row[i] = static_cast<float>(wide);
    }
    rows.append(row);
  }
  return rows;
}

Live::Live(uint32_t row_count) : row_count_(row_count) {
  constexpr uint32_t kWordsPerBlock = LiveRows::kRowsPerBlock / 64;
  const uint32_t block_count = (row_count + LiveRows::kRowsPerBlock - 1) / LiveRows::kRowsPerBlock;
  words_.assign(static_cast<size_t>(block_count) * kWordsPerBlock, ~uint64_t{0});
  for (uint32_t block = 0; block < block_count; ++block) {
    blocks_.push_back(words_.data() + static_cast<size_t>(block) * kWordsPerBlock);
  }
}

void insert_all(Graph& graph, const Vectors& rows) {
  for (uint32_t row = 0; row < rows.row_count(); ++row) base::must(graph.insert(rows.view(), RowId{row}));
}

void insert_all_in_parallel(Graph& graph, const Vectors& rows, size_t thread_count) {
  std::atomic<uint32_t> next{0};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < thread_count; ++t) {
    threads.emplace_back([&] {
      for (uint32_t row = next.fetch_add(1); row < rows.row_count(); row = next.fetch_add(1)) {
        base::must(graph.insert(rows.view(), RowId{row}));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void save(Graph& graph, Saved& into) {
  const auto sink = [&into](Graph::Stream stream, uint64_t block, std::span<const std::byte> bytes) -> Result<void> {
    into.blocks[{stream, block}].assign(bytes.begin(), bytes.end());
    return {};
  };
  base::must(graph.copy_changed_blocks(sink));
  into.shape = graph.shape();
}

Saved saved(Graph& graph) {
  Saved all;
  save(graph, all);
  return all;
}

Result<void> load(Graph& graph, const Saved& from, size_t dims) {
  return graph.load(from.shape, dims,
                    [&from](Graph::Stream stream, uint64_t block, std::span<std::byte> into) -> Result<void> {
                      const auto found = from.blocks.find({stream, block});
                      if (found == from.blocks.end() || found->second.size() != into.size()) {
                        return Error{ErrorCode::kCorruption, "no such block"};
                      }
                      std::copy(found->second.begin(), found->second.end(), into.begin());
                      return {};
                    });
}

TEST(TestSets, ComeFromTheirSeedAlone) {
  EXPECT_EQ(random_vectors(3, 5, 9).row(2)[4], random_vectors(3, 5, 9).row(2)[4]);
  EXPECT_NE(random_vectors(3, 5, 9).row(2)[4], random_vectors(3, 5, 10).row(2)[4]);
}

}  // namespace omendb::graph
