#pragma once

// What a table's rows look like. Names: 1..255 bytes of UTF-8 without control characters, unique in their table.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omendb {

// Numbers are on disk and never reused. 10..15 are reserved: int32, float32, date, uuid, bytes, decimal; 16: sparse vectors.
enum class Type : uint8_t {
  kBool = 1,
  kInt64 = 2,
  kFloat64 = 3,
  kTimestamp = 4,   // microseconds since 1970-01-01 UTC
  kString = 5,      // UTF-8
  kStringList = 6,  // "string[]"
  kJson = 7,        // any JSON value, kept as its text
  kText = 8,        // UTF-8 meant for full-text search
  kVector = 9,      // float32 x dims, or bits (Element)
  kSparse = 16,     // pairs of a uint32 index and a float32 weight, as SPLADE makes them; ranked by inner product
  kVectors = 17,    // 0 .. kRowVectorsMax vectors of float32 x dims a row, searched by MaxSim (query.h)
};

// Numbers are on disk and never reused. kL1 is the sum of absolute differences; it walks over full vectors, as codes know squared differences only.
// Of bits: kHamming, the number of bits that differ, and kJaccard, 1 - |and| / |or| (0 between two rows without bits).
enum class Metric : uint8_t { kL2 = 1, kCosine = 2, kInnerProduct = 3, kL1 = 4, kHamming = 5, kJaccard = 6 };

// What a vector is made of. Numbers are on disk and never reused.
enum class Element : uint8_t {
  kF32 = 0,
  kBit = 1,  // in whole bytes a row, the first bit the most significant one of its byte; bits behind the last one are 0
};

inline constexpr uint32_t kVectorDimsMax = 8192;
inline constexpr uint32_t kVectorBitsMax = 65'536;
inline constexpr uint32_t kRowVectorsMax = 4096;     // of one value of kVectors
inline constexpr uint32_t kSparsePairsMax = 65'536;  // of one sparse vector

// What searches walk over, held in memory for every row of the graph. The vectors themselves stay in their file, mapped, and every answer is compared again
// with its full vector, so distances are exact in any case. Numbers are on disk and never reused.
enum class VectorStorage : uint8_t {
  kAuto = 0,    // the fastest when the table is made: kF32 (kL1, below 16 dimensions), kSq8 (below 256), kRabitq
  kF32 = 1,     // the vectors as they are: nothing more in memory
  kF16 = 2,     // IEEE half precision, two bytes a dimension
  kBf16 = 3,    // bfloat16, two bytes a dimension
  kSq8 = 4,     // a byte a dimension
  kPq = 5,      // product quantization, 32 bytes a vector, storage_bits a piece: the graph is built by the full vectors
  kRabitq = 6,  // RaBitQ, storage_bits a dimension; of fewer than 4 the graph is built by the full vectors
  kBinary = 7,  // one bit a dimension, compared by counting: the graph is built by the full vectors
};

struct VectorOptions {
  uint32_t dims = 0;  // 1 .. kVectorDimsMax; bits: 1 .. kVectorBitsMax
  Metric metric = Metric::kL2;
  uint32_t m = 16;                               // graph links per row (2 * m on the ground level), 4 .. 128
  uint32_t ef_construction = 200;                // beam while building, 8 .. 4096
  VectorStorage storage = VectorStorage::kAuto;  // bits: kAuto, the bits themselves
  // Of kRabitq: 1 .. 8 a dimension, 0 = 4. More: better estimates, so smaller beams reach a recall; more memory.
  // Of kPq: 4 or 8 a piece, 0 = 8. With 4 the same bytes are compared several times as fast, and tell rows apart less well.
  uint8_t storage_bits = 0;
  Element element = Element::kF32;
};

struct TextOptions {
  std::string analyzer = "english";
  double k1 = 0.9;
  double b = 0.4;
};

// Whether conditions get an index of a column (docs/filters.md). Numbers are on disk and never reused.
enum class IndexMode : uint8_t {
  kAuto = 0,    // once reading the column has cost four times as much; see OpenOptions::index_bytes_max
  kAlways = 1,  // from the beginning, and whatever memory it takes
  kNever = 2,
};

// Of numbers, times, strings, texts, lists and JSON; of other columns kAuto only, and none is made.
struct IndexOptions {
  IndexMode mode = IndexMode::kAuto;
  // Of JSON with kAlways, and there only: the members that get one, "brand", "size.width", or "price::float8" where conditions cast it. Others as by kAuto.
  std::vector<std::string> paths{};
};

struct ColumnSpec {
  std::string name;
  Type type = Type::kInt64;
  bool primary_key = false;  // exactly one column; int64 or string; never null
  VectorOptions vector{};    // for kVector and kVectors, whose metric is kCosine or kInnerProduct
  TextOptions text{};        // for kText
  IndexOptions index{};
};

struct Schema {
  std::vector<ColumnSpec> columns;

  // Index of the column or nothing.
  std::optional<size_t> find(std::string_view name) const;
};

// "int64", "vector", ... as the Python interface spells them.
std::string_view to_string(Type type);
std::string_view to_string(Metric metric);
std::string_view to_string(VectorStorage storage);
std::string_view to_string(Element element);

}  // namespace omendb
