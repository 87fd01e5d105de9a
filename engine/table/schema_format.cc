#include "engine/table/schema_format.h"

#include "engine/base/bytes.h"
#include "engine/base/try.h"
#include "engine/quantize/codec.h"
#include "engine/table/array_ids.h"
#include "engine/table/column_indexes.h"
#include "engine/table/row_vectors.h"
#include "engine/text/analyzer.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>

namespace omendb {

std::optional<size_t> Schema::find(std::string_view name) const {
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const ColumnSpec& spec) { return spec.name == name; });
  return found == columns.end() ? std::nullopt : std::optional(static_cast<size_t>(found - columns.begin()));
}

std::string_view to_string(Type type) {
  switch (type) {
    case Type::kBool: return "bool";
    case Type::kInt64: return "int64";
    case Type::kFloat64: return "float64";
    case Type::kTimestamp: return "timestamp";
    case Type::kString: return "string";
    case Type::kStringList: return "string[]";
    case Type::kJson: return "json";
    case Type::kText: return "text";
    case Type::kVector: return "vector";
    case Type::kVectors: return "vectors";
    case Type::kSparse: return "sparse";
  }
  return "unknown";
}

std::string_view to_string(VectorStorage storage) {
  switch (storage) {
    case VectorStorage::kAuto: return "auto";
    case VectorStorage::kF32: return "f32";
    case VectorStorage::kF16: return "f16";
    case VectorStorage::kBf16: return "bf16";
    case VectorStorage::kSq8: return "sq8";
    case VectorStorage::kPq: return "pq";
    case VectorStorage::kRabitq: return "rabitq";
    case VectorStorage::kBinary: return "binary";
  }
  return "unknown";
}

std::string_view to_string(Element element) {
  switch (element) {
    case Element::kF32: return "f32";
    case Element::kBit: return "bit";
  }
  return "unknown";
}

std::string_view to_string(Metric metric) {
  switch (metric) {
    case Metric::kL2: return "l2";
    case Metric::kCosine: return "cosine";
    case Metric::kInnerProduct: return "ip";
    case Metric::kL1: return "l1";
    case Metric::kHamming: return "hamming";
    case Metric::kJaccard: return "jaccard";
  }
  return "unknown";
}

}  // namespace omendb

namespace omendb::table {
namespace {

constexpr size_t kNameBytesMax = 255;
constexpr size_t kAnalyzerBytesMax = 64;

// Flags of a column.
constexpr uint8_t kPrimaryKey = 1;
constexpr uint8_t kHasStorage = 2;  // a vector column's storage follows its other options
constexpr uint8_t kHasElement = 4;  // a vector column whose element is not kF32: it follows the storage
constexpr uint8_t kHasPqBits = 8;   // a column of pq whose bits are not 8: they follow the storage
constexpr uint8_t kHasIndex = 64;   // the index of a column that is not left to kAuto ends it
constexpr uint8_t kVectorFlags = kPrimaryKey | kHasStorage | kHasElement | kHasPqBits;

// Of a piece of pq. In the first tables there was no choice: schemas say nothing of 8.
constexpr uint8_t kPqBitsFew = 4;
constexpr uint8_t kPqBitsDefault = 8;

// How several vectors a row are encoded (row_vectors.h): their columns say it behind the other options.
constexpr uint8_t kFixedEncoding = 1;
constexpr size_t kIndexPathsMax = 64;  // of a column

// What kAuto stands for. From so many dimensions on codes of a byte are smaller than vectors and faster to compare, and from so many on RaBitQ's of four bits are smaller
// still and as fast or faster, to search and to link (docs/performance.md).
constexpr uint32_t kCodedDimsMin = 16;
constexpr uint32_t kRabitqDimsMin = 256;

bool is_name(std::string_view name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  return !name.empty() && name.size() <= kNameBytesMax && simdjson::validate_utf8(name.data(), name.size()) &&
         std::none_of(name.begin(), name.end(), is_control);
}

// "" or what is wrong with the kind of vectors.
std::string element_fault(const VectorOptions& vector) {
  const std::string_view metric = to_string(vector.metric);
  const bool compares_bits = vector.metric == Metric::kHamming || vector.metric == Metric::kJaccard;
  const uint32_t dims_max = vector.element == Element::kBit ? kVectorBitsMax : kVectorDimsMax;
  if (to_string(vector.element) == "unknown") return "the element is f32 or bit";
  if (vector.dims < 1 || vector.dims > dims_max)
    return fmt::format("a vector has 1 to {} {}, not {}", dims_max,
                       vector.element == Element::kBit ? "bits" : "dimensions", vector.dims);
  if (metric == "unknown") return "the metric is l2, cosine, ip or l1; of bits, hamming or jaccard";
  if (vector.element == Element::kBit && !compares_bits)
    return fmt::format("the metric of bits is hamming or jaccard, not {}", metric);
  if (vector.element == Element::kF32 && compares_bits)
    return fmt::format("the metric {} compares bits; of float32 vectors it is l2, cosine, ip or l1", metric);
  if (to_string(vector.storage) == "unknown") return "the storage is auto, f32, f16, bf16, sq8, pq, rabitq or binary";
  if (vector.element == Element::kBit && vector.storage != VectorStorage::kAuto)
    return fmt::format("bits have no other storage than auto, not {}", to_string(vector.storage));
  if (vector.metric == Metric::kL1 && vector.storage != VectorStorage::kAuto && vector.storage != VectorStorage::kF32)
    return fmt::format("the metric l1 has the storage f32 only, not {}", to_string(vector.storage));
  return "";
}

std::string several_vectors_fault(const VectorOptions& vector) {
  if (vector.element != Element::kF32) return "several vectors a row are of float32, not of bits";
  if (vector.metric == Metric::kCosine || vector.metric == Metric::kInnerProduct) return "";
  return fmt::format("the metric of several vectors a row is cosine or ip, not {}", to_string(vector.metric));
}

std::string storage_bits_fault(const VectorOptions& vector) {
  const uint8_t bits = vector.storage_bits;
  if (vector.storage == VectorStorage::kPq)
    return bits == 0 || bits == kPqBitsFew || bits == kPqBitsDefault
               ? ""
               : fmt::format("storage pq takes {} or {} bits, not {}", kPqBitsFew, kPqBitsDefault, bits);
  return bits <= (vector.storage == VectorStorage::kRabitq ? quantize::kRabitqBitsMax : 0)
             ? ""
             : fmt::format("storage rabitq takes 1 to {} bits and pq {} or {}, others none", quantize::kRabitqBitsMax,
                           kPqBitsFew, kPqBitsDefault);
}

// "" or what is wrong with what conditions are to have.
std::string index_fault(const ColumnSpec& spec) {
  const IndexOptions& index = spec.index;
  const bool members = spec.type == Type::kJson && index.mode == IndexMode::kAlways;
  if (index.mode > IndexMode::kNever) return "the index is auto, always or never";
  if (index.mode != IndexMode::kAuto && !indexed_values(spec.type))
    return fmt::format("an index is of numbers, times, strings, texts, lists or JSON, not of {}", to_string(spec.type));
  if (members && index.paths.empty()) return "an index of JSON is of its members; name them: brand, size.width";
  if (!members && !index.paths.empty()) return "paths of an index are of JSON that is to have one";
  if (index.paths.size() > kIndexPathsMax)
    return fmt::format("{} paths of an index; at most {}", index.paths.size(), kIndexPathsMax);
  for (size_t i = 0; i < index.paths.size(); ++i) {
    const std::string& path = index.paths[i];
    const bool valid = path.size() <= kMemberBytesMax && simdjson::validate_utf8(path.data(), path.size());
    if (!valid || !member_source(0, path))
      return fmt::format(
          "path {} of its index is not 1 to {} names with dots between them, in UTF-8 of at most {} bytes", i,
          column::kPathMembersMax, kMemberBytesMax);
    if (std::ranges::count(index.paths, path) > 1) return fmt::format("path {} of its index stands there twice", i);
  }
  return "";
}

Result<void> check_column(std::string_view table, const ColumnSpec& spec) {
  const auto wrong = [&](std::string_view what) {
    return Error{ErrorCode::kSchema, fmt::format("column '{}' of table '{}': {}", spec.name, table, what)};
  };
  if (!is_name(spec.name)) {  // not shown: who knows what it holds
    return Error{ErrorCode::kSchema,
                 fmt::format("table '{}': a column name is 1 to 255 bytes of UTF-8 without control characters", table)};
  }
  if (to_string(spec.type) == "unknown")
    return wrong(fmt::format("type number {} is not known", static_cast<int>(spec.type)));
  if (spec.primary_key && spec.type != Type::kInt64 && spec.type != Type::kString)
    return wrong("a primary key is int64 or string");
  if (const std::string fault = index_fault(spec); !fault.empty()) return wrong(fault);
  if (is_searched_by_vector(spec)) {
    const VectorOptions& vector = spec.vector;
    if (spec.type == Type::kVectors) {
      if (const std::string fault = several_vectors_fault(vector); !fault.empty()) return wrong(fault);
    }
    if (const std::string fault = element_fault(vector); !fault.empty()) return wrong(fault);
    if (const std::string fault = storage_bits_fault(vector); !fault.empty()) return wrong(fault);
    if (vector.m < 4 || vector.m > 128) return wrong(fmt::format("m is 4 to 128, not {}", vector.m));
    if (vector.ef_construction < 8 || vector.ef_construction > 4096)
      return wrong(fmt::format("ef_construction is 8 to 4096, not {}", vector.ef_construction));
  }
  if (spec.type == Type::kText) {
    if (!(spec.text.k1 >= 0 && std::isfinite(spec.text.k1))) return wrong("k1 is a number from 0");
    if (!(spec.text.b >= 0 && spec.text.b <= 1)) return wrong("b is a number from 0 to 1");
    if (spec.text.analyzer.empty() || spec.text.analyzer.size() > kAnalyzerBytesMax)
      return wrong("the analyzer's name is 1 to 64 bytes");
    if (const auto analyzer = text::Analyzer::make(spec.text.analyzer); !analyzer.ok())
      return wrong(analyzer.error().message);
  }
  return {};
}

}  // namespace

Result<void> check_table_name(std::string_view name) {
  if (is_name(name)) return {};
  return Error{ErrorCode::kSchema, "a table name is 1 to 255 bytes of UTF-8 without control characters"};
}

Result<void> check_schema(std::string_view table, const Schema& schema) {
  const auto wrong = [&](std::string_view what) {
    return Error{ErrorCode::kSchema, fmt::format("table '{}': {}", table, what)};
  };
  if (schema.columns.size() > kColumnsMax)
    return wrong(fmt::format("{} columns; at most {}", schema.columns.size(), kColumnsMax));
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    TRY_OK(check_column(table, schema.columns[i]));
    if (*schema.find(schema.columns[i].name) != i)
      return wrong(fmt::format("two columns are called '{}'", schema.columns[i].name));
  }
  const auto keys = std::count_if(schema.columns.begin(), schema.columns.end(),
                                  [](const ColumnSpec& spec) { return spec.primary_key; });
  if (keys != 1) return wrong(fmt::format("exactly one column is the primary key (int64 or string), not {}", keys));
  return {};
}

namespace {

// Codes estimate squared L2 distances, or what can be turned into them.
bool has_codecs(const VectorOptions& options) {
  return options.element == Element::kF32 && options.metric != Metric::kL1 && options.dims >= kCodedDimsMin;
}

// What was kAuto in the first tables, whose schemas do not say what it stood for.
VectorStorage first_storage_of(const VectorOptions& options) {
  return has_codecs(options) ? VectorStorage::kSq8 : VectorStorage::kF32;
}

}  // namespace

VectorStorage chosen_storage(const VectorOptions& options) {
  if (options.storage != VectorStorage::kAuto) return options.storage;
  if (!has_codecs(options)) return VectorStorage::kF32;
  return options.dims < kRabitqDimsMin ? VectorStorage::kSq8 : VectorStorage::kRabitq;
}

Schema with_chosen_storage(Schema schema) {
  for (ColumnSpec& spec : schema.columns) {
    const bool has_choice = is_searched_by_vector(spec) && spec.vector.element == Element::kF32;
    if (has_choice) spec.vector.storage = chosen_storage(graph_vectors(spec));
  }
  return schema;
}

bool same_schema(const Schema& a, const Schema& b) { return encode_schema(a) == encode_schema(b); }

namespace {

void put_index(base::ByteWriter& writer, const IndexOptions& index) {
  writer.put_u8(static_cast<uint8_t>(index.mode));
  writer.put_varint(index.paths.size());
  for (const std::string& path : index.paths) writer.put_string(path);
}

Result<IndexOptions> read_index(base::ByteReader& reader) {
  IndexOptions index;
  TRY(mode, reader.u8("index"));
  TRY(count, reader.count(1, "paths of an index"));
  if (mode == 0) return reader.corruption("an index that need not be said");
  if (count > kIndexPathsMax) return reader.corruption("too many paths of an index");
  index.mode = static_cast<IndexMode>(mode);
  for (uint64_t i = 0; i < count; ++i) {
    TRY(path, reader.string(kMemberBytesMax, "path of an index"));
    index.paths.emplace_back(path);
  }
  return index;
}

}  // namespace

std::vector<std::byte> encode_schema(const Schema& schema) {
  base::ByteWriter writer;
  writer.put_varint(schema.columns.size());
  for (const ColumnSpec& spec : schema.columns) {
    writer.put_string(spec.name);
    writer.put_u8(static_cast<uint8_t>(spec.type));
    const bool has_storage = is_searched_by_vector(spec) && spec.vector.storage != VectorStorage::kAuto;
    const bool has_element = spec.type == Type::kVector && spec.vector.element != Element::kF32;
    const bool has_pq_bits = has_storage && spec.vector.storage == VectorStorage::kPq &&
                             spec.vector.storage_bits != 0 && spec.vector.storage_bits != kPqBitsDefault;
    writer.put_u8(static_cast<uint8_t>((spec.primary_key ? kPrimaryKey : 0) | (has_storage ? kHasStorage : 0) |
                                       (has_element ? kHasElement : 0) | (has_pq_bits ? kHasPqBits : 0) |
                                       (spec.index.mode != IndexMode::kAuto ? kHasIndex : 0)));
    if (is_searched_by_vector(spec)) {
      writer.put_u32(spec.vector.dims);
      writer.put_u8(static_cast<uint8_t>(spec.vector.metric));
      writer.put_u32(spec.vector.m);
      writer.put_u32(spec.vector.ef_construction);
      if (has_storage) writer.put_u8(static_cast<uint8_t>(spec.vector.storage));
      if (spec.vector.storage == VectorStorage::kRabitq || has_pq_bits) writer.put_u8(spec.vector.storage_bits);
      if (has_element) writer.put_u8(static_cast<uint8_t>(spec.vector.element));
      if (spec.type == Type::kVectors) writer.put_u8(kFixedEncoding);
    }
    if (spec.type == Type::kText) {
      writer.put_string(spec.text.analyzer);
      writer.put_f64(spec.text.k1);
      writer.put_f64(spec.text.b);
    }
    if (spec.index.mode != IndexMode::kAuto) put_index(writer, spec.index);
  }
  return std::move(writer).take();
}

namespace {

Result<ColumnSpec> decode_column_spec(base::ByteReader& reader) {
  ColumnSpec spec;
  TRY(name, reader.string(kNameBytesMax, "column name"));
  TRY(type, reader.u8("column type"));
  TRY(flags, reader.u8("column flags"));
  spec.name = name;
  spec.type = static_cast<Type>(type);
  spec.primary_key = (flags & kPrimaryKey) != 0;
  const bool has_storage = (flags & kHasStorage) != 0;
  const bool has_element = (flags & kHasElement) != 0;
  const bool has_pq_bits = (flags & kHasPqBits) != 0;
  if ((flags & ~kHasIndex) > (is_searched_by_vector(spec) ? kVectorFlags : kPrimaryKey))
    return reader.corruption("unknown column flags");
  if (is_searched_by_vector(spec)) {
    TRY(dims, reader.u32("dimensions"));
    TRY(metric, reader.u8("metric"));
    TRY(m, reader.u32("m"));
    TRY(ef_construction, reader.u32("ef_construction"));
    spec.vector = {dims, static_cast<Metric>(metric), m, ef_construction, VectorStorage::kAuto, 0, Element::kF32};
    if (has_storage) {
      TRY(storage, reader.u8("storage"));
      if (storage == 0) return reader.corruption("a storage that need not be said");
      spec.vector.storage = static_cast<VectorStorage>(storage);
    }
    if (has_pq_bits && spec.vector.storage != VectorStorage::kPq)
      return reader.corruption("bits of pq in a column of another storage");
    if (spec.vector.storage == VectorStorage::kRabitq || has_pq_bits) {
      TRY(bits, reader.u8("storage bits"));
      if (has_pq_bits && bits != kPqBitsFew) return reader.corruption("bits of pq that need not be said");
      spec.vector.storage_bits = bits;
    }
    if (has_element) {
      TRY(element, reader.u8("element"));
      if (element == 0) return reader.corruption("an element that need not be said");
      spec.vector.element = static_cast<Element>(element);
    }
    if (!has_storage && !has_element) spec.vector.storage = first_storage_of(graph_vectors(spec));
    if (spec.type == Type::kVectors) {
      TRY(encoding, reader.u8("encoding"));
      if (encoding != kFixedEncoding) return reader.corruption("an unknown encoding of several vectors");
    }
  }
  if (spec.type == Type::kText) {
    TRY(analyzer, reader.string(kAnalyzerBytesMax, "analyzer"));
    TRY(k1, reader.f64("k1"));
    TRY(b, reader.f64("b"));
    spec.text = {std::string(analyzer), k1, b};
  }
  if ((flags & kHasIndex) != 0) {
    TRY(index, read_index(reader));
    spec.index = std::move(index);
  }
  return spec;
}

}  // namespace

Result<Schema> decode_schema(std::span<const std::byte> bytes) {
  base::ByteReader reader(bytes, "schema");
  TRY(count, reader.count(3, "column count"));
  Schema schema;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(spec, decode_column_spec(reader));
    schema.columns.push_back(std::move(spec));
  }
  TRY_OK(reader.expect_end("the last column"));
  if (auto checked = check_schema("stored", schema); !checked.ok()) return reader.corruption(checked.error().message);
  return schema;
}

}  // namespace omendb::table
