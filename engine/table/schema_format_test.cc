#include "engine/table/schema_format.h"

#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace omendb::table {
namespace {

ColumnSpec column(std::string name, Type type, bool primary_key = false) {
  ColumnSpec spec;
  spec.name = std::move(name);
  spec.type = type;
  spec.primary_key = primary_key;
  spec.vector.dims = 16;
  return spec;
}

Schema schema_of_all_types() {
  Schema schema{{column("id", Type::kInt64, true)}};
  for (const Type type : {Type::kBool, Type::kInt64, Type::kFloat64, Type::kTimestamp, Type::kString, Type::kStringList,
                          Type::kJson, Type::kText, Type::kVector}) {
    schema.columns.push_back(column("c " + std::string(to_string(type)), type));
  }
  schema.columns.back().vector = {.dims = 768, .metric = Metric::kCosine, .m = 32, .ef_construction = 400};
  ColumnSpec& bits = schema.columns.emplace_back(column("c bits", Type::kVector));
  bits.vector = {.dims = 1000, .metric = Metric::kJaccard, .element = Element::kBit};
  ColumnSpec& codes = schema.columns.emplace_back(column("c codes", Type::kVector));
  codes.vector.storage = VectorStorage::kSq8;
  ColumnSpec& pieces = schema.columns.emplace_back(column("c pieces", Type::kVector));
  pieces.vector.storage = VectorStorage::kPq;
  pieces.vector.storage_bits = 4;
  schema.columns.push_back(column("c sparse", Type::kSparse));
  ColumnSpec& several = schema.columns.emplace_back(column("c several", Type::kVectors));
  several.vector.metric = Metric::kCosine;
  schema.columns[2].index.mode = IndexMode::kAlways;
  schema.columns[5].index.mode = IndexMode::kNever;
  schema.columns[7].index = {IndexMode::kAlways, {"brand", "size.width", "price::float8"}};
  schema.columns[8].index.mode = IndexMode::kNever;
  schema.columns[8].text = {.analyzer = "simple", .k1 = 1.2, .b = 0.75};
  return schema;
}

TEST(SchemaFormat, ASchemaComesBackAsItWent) {
  const Schema schema = with_chosen_storage(schema_of_all_types());
  const Schema decoded = base::must(decode_schema(encode_schema(schema)));
  EXPECT_TRUE(same_schema(schema, decoded));
  ASSERT_EQ(decoded.columns.size(), schema.columns.size());
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    EXPECT_EQ(decoded.columns[c].name, schema.columns[c].name);
    EXPECT_EQ(decoded.columns[c].type, schema.columns[c].type);
    EXPECT_EQ(decoded.columns[c].primary_key, schema.columns[c].primary_key);
    EXPECT_EQ(decoded.columns[c].index.mode, schema.columns[c].index.mode);
    EXPECT_EQ(decoded.columns[c].index.paths, schema.columns[c].index.paths);
  }
  EXPECT_EQ(decoded.columns[9].vector.dims, 768U);
  EXPECT_EQ(decoded.columns[9].vector.metric, Metric::kCosine);
  EXPECT_EQ(decoded.columns[9].vector.m, 32U);
  EXPECT_EQ(decoded.columns[9].vector.ef_construction, 400U);
  EXPECT_EQ(decoded.columns[9].vector.storage, VectorStorage::kRabitq);
  EXPECT_EQ(decoded.columns[9].vector.element, Element::kF32);
  EXPECT_EQ(decoded.columns.back().vector.dims, 16U);
  EXPECT_EQ(decoded.columns.back().vector.metric, Metric::kCosine);
  EXPECT_EQ(decoded.columns.back().vector.storage, VectorStorage::kRabitq) << "of encodings, not of 16 dimensions";
  EXPECT_EQ(decoded.columns[10].vector.element, Element::kBit);
  EXPECT_EQ(decoded.columns[10].vector.metric, Metric::kJaccard);
  EXPECT_EQ(decoded.columns[10].vector.storage, VectorStorage::kAuto);
  EXPECT_EQ(decoded.columns[11].vector.element, Element::kF32);
  EXPECT_EQ(decoded.columns[11].vector.storage, VectorStorage::kSq8);
  EXPECT_EQ(decoded.columns[12].vector.storage, VectorStorage::kPq);
  EXPECT_EQ(decoded.columns[12].vector.storage_bits, 4);
  EXPECT_EQ(decoded.columns[8].text.analyzer, "simple");
  EXPECT_EQ(decoded.columns[8].text.k1, 1.2);
  EXPECT_EQ(decoded.columns[8].text.b, 0.75);
}

TEST(SchemaFormat, SchemasThatDifferAnywhereAreNotTheSame) {
  const Schema schema = schema_of_all_types();
  Schema other = schema;
  other.columns[3].name += "x";
  EXPECT_FALSE(same_schema(schema, other));
  other = schema;
  other.columns[9].vector.m = 33;
  EXPECT_FALSE(same_schema(schema, other));
  other = schema;
  other.columns[10].vector.metric = Metric::kHamming;
  EXPECT_FALSE(same_schema(schema, other));
  other = schema;
  std::swap(other.columns[1], other.columns[2]);
  EXPECT_FALSE(same_schema(schema, other));
}

// What a directory of an earlier version holds: one column of vectors as it was written before there were elements.
TEST(SchemaFormat, BytesOfAVectorColumnAreThoseThatTheyWere) {
  const Schema schema = {{column("id", Type::kInt64, true), column("v", Type::kVector)}};
  constexpr uint8_t kBytes[] = {2, 2, 'i', 'd', 2, 1, 1, 'v', 9, 0, 16, 0, 0, 0, 1, 16, 0, 0, 0, 200, 0, 0, 0};
  const std::vector<std::byte> encoded = encode_schema(schema);
  ASSERT_EQ(encoded.size(), sizeof(kBytes));
  for (size_t i = 0; i < sizeof(kBytes); ++i) EXPECT_EQ(encoded[i], static_cast<std::byte>(kBytes[i])) << "byte " << i;
  Schema bits = schema;
  bits.columns[1].vector = {.dims = 16, .metric = Metric::kHamming, .element = Element::kBit};
  const std::vector<std::byte> longer = encode_schema(bits);
  ASSERT_EQ(longer.size(), sizeof(kBytes) + 1);
  EXPECT_EQ(longer[9], std::byte{4});
  EXPECT_EQ(longer.back(), std::byte{1});
}

TEST(SchemaFormat, BytesOfPqSayItsBitsOnlyWhereTheyAreFour) {
  Schema schema = {{column("id", Type::kInt64, true), column("v", Type::kVector)}};
  schema.columns[1].vector.storage = VectorStorage::kPq;
  const std::vector<std::byte> unsaid = encode_schema(schema);
  constexpr uint8_t kEnd[] = {9, 2, 16, 0, 0, 0, 1, 16, 0, 0, 0, 200, 0, 0, 0, 5};
  ASSERT_GE(unsaid.size(), sizeof(kEnd));
  for (size_t i = 0; i < sizeof(kEnd); ++i)
    EXPECT_EQ(unsaid[unsaid.size() - sizeof(kEnd) + i], static_cast<std::byte>(kEnd[i])) << "byte " << i;
  schema.columns[1].vector.storage_bits = 8;
  EXPECT_EQ(encode_schema(schema), unsaid);
  schema.columns[1].vector.storage_bits = 4;
  std::vector<std::byte> four = encode_schema(schema);
  ASSERT_EQ(four.size(), unsaid.size() + 1);
  EXPECT_EQ(four[9], std::byte{10});
  EXPECT_EQ(four.back(), std::byte{4});
  EXPECT_TRUE(same_schema(base::must(decode_schema(four)), schema));
  four.back() = std::byte{8};
  EXPECT_EQ(base::code_of(decode_schema(four)), ErrorCode::kCorruption);
  four.back() = std::byte{4};
  four[four.size() - 2] = std::byte{4};  // sq8
  EXPECT_EQ(base::code_of(decode_schema(four)), ErrorCode::kCorruption);
}

// A column whose index is left to the table is written as before there was a choice.
TEST(SchemaFormat, BytesSayWhichIndexOnlyWhereItWasChosen) {
  Schema schema = {{column("id", Type::kInt64, true), column("n", Type::kInt64)}};
  const std::vector<std::byte> unsaid = encode_schema(schema);
  schema.columns[1].index.mode = IndexMode::kNever;
  std::vector<std::byte> never = encode_schema(schema);
  ASSERT_EQ(never.size(), unsaid.size() + 2);
  EXPECT_EQ(never[unsaid.size() - 1], std::byte{64});
  EXPECT_EQ(never[unsaid.size()], std::byte{2});
  for (const uint8_t mode : std::initializer_list<uint8_t>{0, 3, 255}) {
    never[unsaid.size()] = std::byte{mode};
    EXPECT_EQ(base::code_of(decode_schema(never)), ErrorCode::kCorruption) << int{mode};
  }
  never[unsaid.size()] = std::byte{1};
  EXPECT_EQ(base::must(decode_schema(never)).columns[1].index.mode, IndexMode::kAlways);
  never.back() = std::byte{1};  // a path that is not there
  EXPECT_EQ(base::code_of(decode_schema(never)), ErrorCode::kCorruption);
}

TEST(SchemaCheck, NamesWhatNoIndexCanBeOf) {
  const auto message = [](Type type, IndexMode mode, std::vector<std::string> paths = {}) {
    ColumnSpec spec = column("c", type);
    spec.index = {mode, std::move(paths)};
    return base::message_of(check_schema("shop", {{column("id", Type::kString, true), spec}}));
  };
  EXPECT_EQ(message(Type::kInt64, IndexMode::kAlways), "");
  EXPECT_EQ(message(Type::kJson, IndexMode::kNever), "");
  EXPECT_EQ(message(Type::kJson, IndexMode::kAlways, {"a.b.c", "a", "\u00e9::int8"}), "");
  EXPECT_EQ(message(Type::kBool, IndexMode::kAlways),
            "column 'c' of table 'shop': an index is of numbers, times, strings, texts, lists or JSON, not of bool");
  EXPECT_NE(message(Type::kVector, IndexMode::kNever).find("not of vector"), std::string::npos);
  EXPECT_NE(message(Type::kInt64, static_cast<IndexMode>(3)).find("auto, always or never"), std::string::npos);
  EXPECT_NE(message(Type::kJson, IndexMode::kAlways).find("name them"), std::string::npos);
  EXPECT_NE(message(Type::kJson, IndexMode::kNever, {"a"}).find("paths of an index are of JSON"), std::string::npos);
  EXPECT_NE(message(Type::kString, IndexMode::kAlways, {"a"}).find("paths of an index are of JSON"), std::string::npos);
  EXPECT_NE(message(Type::kJson, IndexMode::kAlways, {"a", "b", "a"}).find("path 0 of its index stands there twice"),
            std::string::npos);
  for (const std::string path : {"", ".", "a.", ".a", "a..b", "::int8", "\xff"})
    EXPECT_NE(message(Type::kJson, IndexMode::kAlways, {path}).find("path 0 of its index"), std::string::npos) << path;
  EXPECT_NE(message(Type::kJson, IndexMode::kAlways, {"a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a"}).find("path 0"),
            std::string::npos);
  EXPECT_NE(message(Type::kJson, IndexMode::kAlways, {std::string(1025, 'a')}).find("path 0"), std::string::npos);
  EXPECT_NE(message(Type::kJson, IndexMode::kAlways, std::vector<std::string>(65, "a")).find("65 paths"),
            std::string::npos);
}

TEST(SchemaFormat, EveryCutOfTheBytesIsCorruption) {
  const std::vector<std::byte> bytes = encode_schema(schema_of_all_types());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_EQ(base::code_of(decode_schema(std::span(bytes).first(size))), ErrorCode::kCorruption) << size << " bytes";
  }
}

TEST(SchemaFormat, RandomDamageIsCorruptionOrAnAllowedSchema) {
  for (uint64_t seed = 1; seed <= base::scaled(2000); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    base::Random random(seed);
    std::vector<std::byte> bytes = encode_schema(schema_of_all_types());
    for (uint64_t i = random.between(1, 8); i > 0; --i)
      bytes[random.below(bytes.size())] = static_cast<std::byte>(random.below(256));
    const auto decoded = decode_schema(bytes);
    if (decoded.ok()) {
      EXPECT_TRUE(check_schema("t", *decoded).ok());
    } else {
      EXPECT_EQ(decoded.error().code, ErrorCode::kCorruption) << decoded.error().message;
    }
  }
}

TEST(SchemaCheck, NamesWhatIsWrong) {
  const auto message = [](ColumnSpec spec) {
    return base::message_of(check_schema("shop", {{column("id", Type::kString, true), std::move(spec)}}));
  };
  EXPECT_EQ(message(column("fine", Type::kVector)), "");
  ColumnSpec vector = column("v", Type::kVector);
  vector.vector.m = 3;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': m is 4 to 128, not 3");
  vector = column("v", Type::kVector);
  vector.vector.ef_construction = 5000;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': ef_construction is 8 to 4096, not 5000");
  vector = column("v", Type::kVector);
  vector.vector.metric = static_cast<Metric>(9);
  EXPECT_EQ(message(vector),
            "column 'v' of table 'shop': the metric is l2, cosine, ip or l1; of bits, hamming or jaccard");
  vector = column("v", Type::kVector);
  vector.vector.metric = Metric::kL1;
  EXPECT_EQ(message(vector), "");
  vector.vector.storage = VectorStorage::kF32;
  EXPECT_EQ(message(vector), "");
  vector.vector.storage = VectorStorage::kSq8;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': the metric l1 has the storage f32 only, not sq8");
  vector = column("v", Type::kVector);
  vector.vector.metric = Metric::kHamming;
  EXPECT_NE(message(vector).find("the metric hamming compares bits"), std::string::npos);
  vector.vector.element = Element::kBit;
  EXPECT_EQ(message(vector), "");
  vector.vector.dims = 65'536;
  EXPECT_EQ(message(vector), "");
  vector.vector.dims = 65'537;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': a vector has 1 to 65536 bits, not 65537");
  vector.vector.dims = 64;
  vector.vector.storage = VectorStorage::kF32;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': bits have no other storage than auto, not f32");
  vector = column("v", Type::kVector);
  vector.vector.element = Element::kBit;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': the metric of bits is hamming or jaccard, not l2");
  vector.vector.element = static_cast<Element>(2);
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': the element is f32 or bit");
  ColumnSpec text = column("t", Type::kText);
  text.text.k1 = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message(text), "column 't' of table 'shop': k1 is a number from 0");
  text = column("t", Type::kText);
  text.text.b = 1.5;
  EXPECT_EQ(message(text), "column 't' of table 'shop': b is a number from 0 to 1");
  EXPECT_NE(message(column("id", Type::kBool)).find("two columns are called 'id'"), std::string::npos);
  EXPECT_NE(message(column(std::string(256, 'x'), Type::kBool)).find("1 to 255 bytes"), std::string::npos);
  EXPECT_NE(message(column("\xFF", Type::kBool)).find("UTF-8"), std::string::npos);
}

TEST(SchemaCheck, NamesBitsThatTheStorageDoesNotTake) {
  const auto message = [](const ColumnSpec& spec) {
    return base::message_of(check_schema("shop", {{column("id", Type::kString, true), spec}}));
  };
  ColumnSpec vector = column("v", Type::kVector);
  vector.vector.storage = VectorStorage::kPq;
  for (const uint8_t bits : std::initializer_list<uint8_t>{0, 4, 8}) {
    vector.vector.storage_bits = bits;
    EXPECT_EQ(message(vector), "");
  }
  vector.vector.storage_bits = 5;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': storage pq takes 4 or 8 bits, not 5");
  vector.vector.storage = VectorStorage::kSq8;
  EXPECT_EQ(message(vector), "column 'v' of table 'shop': storage rabitq takes 1 to 8 bits and pq 4 or 8, others none");
}

TEST(SchemaFormat, ReadsAColumnWithoutAStorageAsWhatAutoStoodForThen) {
  for (const auto& [dims, storage] :
       {std::pair{15U, VectorStorage::kF32}, {16U, VectorStorage::kSq8}, {1536U, VectorStorage::kSq8}}) {
    Schema schema{{column("id", Type::kInt64), column("v", Type::kVector)}};
    schema.columns[0].primary_key = true;
    schema.columns[1].vector.dims = dims;
    const Schema decoded = base::must(decode_schema(encode_schema(schema)));
    EXPECT_EQ(decoded.columns[1].vector.storage, storage) << dims;
  }
}

TEST(SchemaFormat, ChoosesAStorageOnlyWhereNoneWasAskedFor) {
  Schema schema{{column("a", Type::kVector), column("b", Type::kVector), column("c", Type::kVector)}};
  schema.columns[0].vector.dims = 256;
  schema.columns[1].vector.dims = 255;
  schema.columns[2].vector = {.dims = 256, .storage = VectorStorage::kF16};
  const Schema chosen = with_chosen_storage(schema);
  EXPECT_EQ(chosen.columns[0].vector.storage, VectorStorage::kRabitq);
  EXPECT_EQ(chosen.columns[1].vector.storage, VectorStorage::kSq8);
  EXPECT_EQ(chosen.columns[2].vector.storage, VectorStorage::kF16);
}

}  // namespace
}  // namespace omendb::table
