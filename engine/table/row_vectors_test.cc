#include "engine/table/row_vectors.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/os/memory_file.h"
#include "engine/storage/store.h"
#include "engine/table/catalog.h"
#include "engine/table/table_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

namespace omendb::table {
namespace {

constexpr uint32_t kDims = 3;
constexpr size_t kVectorBytes = kDims * sizeof(float);

Schema schema_of(Type type) {
  ColumnSpec key;
  key.name = "id";
  key.primary_key = true;
  ColumnSpec several;
  several.name = "c";
  several.type = type;
  several.vector = {.dims = kDims, .metric = Metric::kCosine};
  return {{key, several}};
}

// Three rows: two vectors, null, none.
Rows sample() {
  static const std::array<int64_t, 3> kIds = {1, 2, 3};
  static const std::array<uint8_t, 3> kValidity = {1, 0, 1};
  static const std::array<int64_t, 4> kOffsets = {0, 2, 3, 3};
  static const std::array<float, 9> kFloats = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::array<ColumnView, 2> views = {ColumnView{.name = "id", .ints = kIds.data()},
                                           ColumnView{.name = "c",
                                                      .validity = kValidity.data(),
                                                      .list_offsets = kOffsets.data(),
                                                      .floats = kFloats.data(),
                                                      .dims = kDims}};
  return base::must(check_rows(schema_of(Type::kVectors), "t", {3, views}));
}

TEST(RowVectors, VectorsOfNullRowsAreLeftOut) {
  const Rows rows = sample();
  const RowsColumn& column = rows.columns[1];
  EXPECT_EQ(column.length(0), 2 * kVectorBytes);
  EXPECT_EQ(column.length(1), 0U);
  EXPECT_EQ(column.length(2), 0U);
  EXPECT_EQ(column.values.size(), 2 * kVectorBytes);
  EXPECT_TRUE(column.has_vector(0));
  EXPECT_FALSE(column.has_vector(1));
  EXPECT_FALSE(column.has_vector(2));
}

TEST(RowVectors, OfBytesThatAreNoValueThoseThatAreWhole) {
  alignas(float) std::array<char, 4 * kVectorBytes> bytes{};
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(vectors_of({bytes.data(), size}, kDims).size(), size / kVectorBytes * kDims);
    EXPECT_EQ(are_whole_vectors(size, kDims), size % kVectorBytes == 0);
  }
  EXPECT_TRUE(are_whole_vectors(kRowVectorsMax * kVectorBytes, kDims));
  EXPECT_FALSE(are_whole_vectors((kRowVectorsMax + 1) * kVectorBytes, kDims));
  EXPECT_FALSE(are_whole_vectors(kRowVectorsMax * uint64_t{kVectorDimsMax} * sizeof(float), kVectorDimsMax));
}

// Every byte of a record changed in every way that matters for lengths: it is refused, or its values are whole.
TEST(RowVectors, ALogRecordWithOtherLengthsIsRefused) {
  const Schema schema = schema_of(Type::kVectors);
  Rows rows = sample();
  const RowRecords encoded = encode_insert({1}, {0}, schema, rows, 1 << 20);
  std::vector<std::byte> record;
  for (const auto piece : encoded.records.front()) record.insert(record.end(), piece.begin(), piece.end());
  const InsertRecord whole = base::must(decode_insert(schema, record));
  EXPECT_TRUE(whole.rows.columns[1].encodings.empty()) << "encodings follow from the values";
  size_t refused = 0;
  for (size_t at = 0; at < record.size(); ++at) {
    for (const int flip : {0x01, 0x04, 0x08, 0x0C, 0x80, 0xFF}) {
      std::vector<std::byte> damaged = record;
      damaged[at] ^= static_cast<std::byte>(flip);
      const auto decoded = decode_insert(schema, damaged);
      refused += decoded.ok() ? 0U : 1U;
      if (!decoded.ok() || decoded->rows.columns[1].nulls == Nulls::kAll) continue;
      for (uint32_t row = 0; row < decoded->rows.row_count; ++row)
        ASSERT_TRUE(are_whole_vectors(decoded->rows.columns[1].length(row), kDims)) << "byte " << at;
    }
  }
  EXPECT_GT(refused, 0U);
  // Two lengths that sum up as they should, of parts of vectors.
  std::array<uint32_t, 3> lengths = {20, 0, 4};
  rows.columns[1].lengths = std::as_bytes(std::span(lengths));
  const RowRecords parts = encode_insert({1}, {0}, schema, rows, 1 << 20);
  record.clear();
  for (const auto piece : parts.records.front()) record.insert(record.end(), piece.begin(), piece.end());
  const auto decoded = decode_insert(schema, record);
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().code, ErrorCode::kCorruption);
  EXPECT_NE(decoded.error().message.find("not made of whole vectors"), std::string::npos) << decoded.error().message;
}

// What a column of strings wrote, read as vectors.
TEST(RowVectors, StoredValuesThatAreNotWholeAreCorruption) {
  for (const size_t size_bytes : {2 * kVectorBytes, 2 * kVectorBytes + 1, kVectorBytes - 4, size_t{4}}) {
    const auto store = base::must(storage::Store::open(os::memory_directory("test"), {}));
    const LiveBitmap none;
    Column strings = base::must(Column::open(*store, {2}, 1, schema_of(Type::kString).columns[1], none));
    const std::vector<std::byte> bytes(size_bytes);
    const auto length = static_cast<uint32_t>(size_bytes);
    const RowsColumn row{
        .nulls = Nulls::kNone, .validity = {}, .values = bytes, .lengths = std::as_bytes(std::span(&length, 1))};
    base::must(strings.reserve(row, 0, 1));
    base::must(strings.append(row, 0, 1));
    const auto values = base::must(store->append_array(array_id({2}, 1, Part::kValues), storage::SpaceKind::kOwn));
    const std::vector<std::byte> encoding(quantize::FixedEncoding::kDims * sizeof(float));
    base::must(values->reserve(encoding.size()));
    base::must(values->append(encoding));
    LiveBitmap live;
    live.append(1, true);
    const auto opened = Column::open(*store, {2}, 1, schema_of(Type::kVectors).columns[1], live);
    if (size_bytes % kVectorBytes == 0) {
      base::must(opened);
      EXPECT_TRUE(opened->reader().has_vector({0}));
      continue;
    }
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().code, ErrorCode::kCorruption);
    EXPECT_NE(opened.error().message.find("which are not whole vectors"), std::string::npos) << opened.error().message;
  }
}

// Rows that are written once more keep the encodings that they have.
TEST(RowVectors, CopiesOfRowsHaveTheirEncodings) {
  const auto store = base::must(storage::Store::open(os::memory_directory("test"), {}));
  const auto table = base::must(TableStore::create(*store, make_table_info({1}, {2}, "t", schema_of(Type::kVectors))));
  Rows rows = sample();
  base::must(encode_vectors(*table->version(), rows));
  const std::vector<std::byte> encodings(rows.columns[1].encodings.begin(), rows.columns[1].encodings.end());
  EXPECT_EQ(encodings.size(), 3 * quantize::FixedEncoding::kDims * sizeof(float));
  table->install(base::must(table->prepare_write(rows, {}, OnConflict::kFail)));
  const std::array<RowId, 3> all = {RowId{0}, RowId{1}, RowId{2}};
  const Rows copy = base::must(copy_rows(*table->version(), all));
  EXPECT_TRUE(std::ranges::equal(copy.columns[1].encodings, encodings));
  EXPECT_EQ(table->version()->vectors.front().searchable.live_count(), 1U);
  base::must(table->check(*table->version()));
}

}  // namespace
}  // namespace omendb::table
