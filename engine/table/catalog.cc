#include "engine/table/catalog.h"

#include "engine/base/bytes.h"
#include "engine/base/try.h"
#include "engine/table/schema_format.h"

#include <algorithm>
#include <cassert>
#include <memory>
#include <set>
#include <utility>

namespace omendb::table {
namespace {

constexpr size_t kNameBytesMax = 255;
constexpr uint64_t kSchemaBytesMax = 8ULL << 20;
// 1: shapes end at the linked rows; such a graph is built again. 2: graphs end at the watermark, without a calibration. 3: tables end with their graphs, without
// indexes of texts. 4: with these, without patches. 5: without the indexes that conditions had earned, calibrations without searches under conditions
constexpr uint32_t kCatalogVersion = 6;
constexpr uint64_t kCurvesMax = 16;
constexpr uint64_t kCurvePointsMax = 256;
constexpr uint8_t kCalibrationPlain = 1;     // is there, and knows nothing of conditions
constexpr uint8_t kCalibrationFiltered = 2;  // is there

void put_shape(base::ByteWriter& writer, const graph::Graph::Shape& shape) {
  writer.put_u64(shape.row_count);
  writer.put_u64(shape.rows_bytes);
  writer.put_u64(shape.upper_bytes);
  writer.put_u32(shape.entry_row);
  writer.put_u32(shape.entry_level);
  writer.put_u64(shape.linked_rows);
  writer.put_u32(shape.root_row);
  writer.put_u64(shape.codes_bytes);
  writer.put_u64(shape.codec_bytes);
  writer.put_u64(shape.trained_rows);
}

Result<graph::Graph::Shape> read_shape(base::ByteReader& reader, uint32_t version) {
  graph::Graph::Shape shape;
  TRY(row_count, reader.u64("graph row count"));
  TRY(rows_bytes, reader.u64("graph bytes"));
  TRY(upper_bytes, reader.u64("graph upper level bytes"));
  TRY(entry_row, reader.u32("graph entry row"));
  TRY(entry_level, reader.u32("graph entry level"));
  TRY(linked_rows, reader.u64("graph linked rows"));
  shape.row_count = row_count;
  shape.rows_bytes = rows_bytes;
  shape.upper_bytes = upper_bytes;
  shape.entry_row = entry_row;
  shape.entry_level = entry_level;
  shape.linked_rows = linked_rows;
  if (version == 1) return shape;
  TRY(root_row, reader.u32("graph root row"));
  TRY(codes_bytes, reader.u64("graph code bytes"));
  TRY(codec_bytes, reader.u64("graph codec bytes"));
  TRY(trained_rows, reader.u64("graph trained rows"));
  shape.root_row = root_row;
  shape.codes_bytes = codes_bytes;
  shape.codec_bytes = codec_bytes;
  shape.trained_rows = trained_rows;
  return shape;
}

void put_points(base::ByteWriter& writer, std::span<const RecallPoint> points) {
  assert(!points.empty() && points.size() <= kCurvePointsMax);
  writer.put_varint(points.size());
  for (const RecallPoint& point : points) {
    writer.put_u32(point.ef);
    writer.put_f32(point.recall);
    writer.put_f32(point.error);
  }
}

void put_calibration(base::ByteWriter& writer, const Calibration* calibration) {
  if (calibration == nullptr) return writer.put_u8(0);
  writer.put_u8(calibration->has_filtered ? kCalibrationFiltered : kCalibrationPlain);
  writer.put_u32(calibration->row_count);
  writer.put_u32(calibration->dead_rows);
  writer.put_u64(calibration->trained_rows);
  writer.put_u32(calibration->query_count);
  writer.put_varint(calibration->curves.size());
  for (const RecallCurve& curve : calibration->curves) {
    writer.put_u32(curve.k);
    put_points(writer, curve.points);
  }
  if (!calibration->has_filtered) return;
  writer.put_varint(calibration->filtered.size());
  for (const FilteredCurve& curve : calibration->filtered) {
    writer.put_u8(static_cast<uint8_t>(curve.kind));
    writer.put_f32(curve.share);
    put_points(writer, curve.points);
  }
}

bool is_share(float value) { return value >= 0 && value <= 1; }  // not a NaN either

Result<std::vector<RecallPoint>> read_points(base::ByteReader& reader) {
  TRY(count, reader.count(12, "points of a recall curve"));
  if (count == 0 || count > kCurvePointsMax) return reader.corruption("a recall curve of no points or too many");
  std::vector<RecallPoint> points;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(ef, reader.u32("beam"));
    TRY(recall, reader.f32("recall"));
    TRY(error, reader.f32("error of a recall"));
    const bool rises = ef != 0 && (points.empty() || ef > points.back().ef);
    if (!rises || !is_share(recall) || !is_share(error)) return reader.corruption("a recall curve that is none");
    points.push_back({ef, recall, error});
  }
  return points;
}

Result<RecallCurve> read_curve(base::ByteReader& reader) {
  TRY(k, reader.u32("k of a recall curve"));
  if (k == 0) return reader.corruption("a recall curve of no rows");
  TRY(points, read_points(reader));
  return RecallCurve{k, std::move(points)};
}

Result<FilteredCurve> read_filtered_curve(base::ByteReader& reader) {
  TRY(kind, reader.u8("kind of a condition"));
  TRY(share, reader.f32("share that passes a condition"));
  const bool known =
      kind == static_cast<uint8_t>(ConditionKind::kScattered) || kind == static_cast<uint8_t>(ConditionKind::kAway);
  if (!known || !is_share(share) || share == 0) return reader.corruption("a recall curve of no class of conditions");
  TRY(points, read_points(reader));
  return FilteredCurve{static_cast<ConditionKind>(kind), share, std::move(points)};
}

Result<std::vector<FilteredCurve>> read_filtered(base::ByteReader& reader) {
  TRY(count, reader.count(18, "recall curves under conditions"));
  if (count > kCurvesMax) return reader.corruption("too many recall curves under conditions");
  std::vector<FilteredCurve> curves;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(curve, read_filtered_curve(reader));
    const bool in_order = curves.empty() || curve.kind > curves.back().kind ||
                          (curve.kind == curves.back().kind && curve.share < curves.back().share);
    if (!in_order) return reader.corruption("recall curves under conditions out of order");
    curves.push_back(std::move(curve));
  }
  return curves;
}

Result<std::shared_ptr<const Calibration>> read_calibration(base::ByteReader& reader) {
  TRY(present, reader.u8("calibration"));
  if (present > kCalibrationFiltered) return reader.corruption("a calibration that is neither there nor not");
  if (present == 0) return std::shared_ptr<const Calibration>();
  auto calibration = std::make_shared<Calibration>();
  TRY(row_count, reader.u32("calibrated rows"));
  TRY(dead_rows, reader.u32("calibrated dead rows"));
  TRY(trained_rows, reader.u64("calibrated trained rows"));
  TRY(query_count, reader.u32("calibration queries"));
  TRY(curve_count, reader.count(17, "recall curves"));
  if (curve_count > kCurvesMax) return reader.corruption("too many recall curves");
  calibration->row_count = row_count;
  calibration->dead_rows = dead_rows;
  calibration->trained_rows = trained_rows;
  calibration->query_count = query_count;
  for (uint64_t i = 0; i < curve_count; ++i) {
    TRY(curve, read_curve(reader));
    if (i > 0 && curve.k <= calibration->curves.back().k) return reader.corruption("recall curves out of order");
    calibration->curves.push_back(std::move(curve));
  }
  calibration->has_filtered = present == kCalibrationFiltered;
  if (calibration->has_filtered) {
    TRY(filtered, read_filtered(reader));
    calibration->filtered = std::move(filtered);
  }
  return std::shared_ptr<const Calibration>(std::move(calibration));
}

void put_text(base::ByteWriter& writer, const TableSummary::TextIndexSummary& text) {
  writer.put_u32(text.document_count);
  writer.put_u64(text.token_count);
  writer.put_u64(text.dead_terms_bytes);
  writer.put_varint(text.runs.size());
  for (const TableSummary::TextRunSummary& run : text.runs) {
    writer.put_u32(run.storage.value);
    writer.put_u64(run.size_bytes);
    writer.put_u32(run.row_count);
    writer.put_u32(run.dead_documents);
  }
}

Result<TableSummary::TextIndexSummary> read_text(base::ByteReader& reader) {
  TableSummary::TextIndexSummary text;
  TRY(document_count, reader.u32("rows with terms"));
  TRY(token_count, reader.u64("tokens"));
  TRY(dead_terms_bytes, reader.u64("bytes of dead terms"));
  TRY(run_count, reader.count(20, "text runs"));
  text.document_count = document_count;
  text.token_count = token_count;
  text.dead_terms_bytes = dead_terms_bytes;
  for (uint64_t i = 0; i < run_count; ++i) {
    TRY(storage, reader.u32("storage of a text run"));
    TRY(size_bytes, reader.u64("bytes of a text run"));
    TRY(row_count, reader.u32("rows of a text run"));
    TRY(dead_documents, reader.u32("dead rows of a text run"));
    text.runs.push_back({{storage}, size_bytes, row_count, dead_documents});
  }
  return text;
}

constexpr uint8_t kMemberName = 0;
constexpr uint8_t kMemberPlace = 1;

void put_sources(base::ByteWriter& writer, std::span<const column::Source> sources) {
  writer.put_varint(sources.size());
  for (const column::Source& source : sources) {
    writer.put_u32(source.column);
    writer.put_u8(static_cast<uint8_t>(source.kind));
    writer.put_varint(source.path.size());
    for (const column::Member& member : source.path) {
      const auto* name = std::get_if<std::string>(&member);
      writer.put_u8(name != nullptr ? kMemberName : kMemberPlace);
      if (name != nullptr) {
        writer.put_string(*name);
      } else {
        writer.put_u64(static_cast<uint64_t>(std::get<int64_t>(member)));
      }
    }
  }
}

Result<column::Member> read_member(base::ByteReader& reader) {
  TRY(how, reader.u8("a member of JSON"));
  if (how > kMemberPlace) return reader.corruption("a member of JSON that has no name and no place");
  if (how == kMemberName) {
    TRY(name, reader.string(kMemberBytesMax, "name of a member"));
    return column::Member(std::string(name));
  }
  TRY(place, reader.u64("place of an element"));
  return column::Member(static_cast<int64_t>(place));
}

Result<column::Source> read_source(base::ByteReader& reader, const Schema& schema) {
  column::Source source;
  TRY(column, reader.u32("column of an index"));
  TRY(kind, reader.u8("values of an index"));
  TRY(count, reader.count(2, "members of an index"));
  if (column >= schema.columns.size()) return reader.corruption("an index of a column that is not there");
  source.column = column;
  source.kind = static_cast<column::ValueKind>(kind);
  const auto values = indexed_values(schema.columns[column].type);
  const bool fits = values == column::ValueKind::kJson ? column::of_json(source.kind) : values == source.kind;
  const bool has_path = values == column::ValueKind::kJson;
  if (!fits || has_path != (count != 0) || count > column::kPathMembersMax ||
      schema.columns[column].index.mode == IndexMode::kNever)
    return reader.corruption("an index that its column can not have");
  for (uint64_t i = 0; i < count; ++i) {
    TRY(member, read_member(reader));
    source.path.push_back(std::move(member));
  }
  return source;
}

Result<std::vector<column::Source>> read_sources(base::ByteReader& reader, const Schema& schema) {
  TRY(count, reader.count(6, "indexes behind conditions"));
  if (count > kIndexesMax) return reader.corruption("too many indexes behind conditions");
  std::vector<column::Source> sources;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(source, read_source(reader, schema));
    if (std::ranges::find(sources, source) != sources.end()) return reader.corruption("two indexes of the same");
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<TableSummary> read_summary(base::ByteReader& reader, uint32_t version, const Schema& schema) {
  TableSummary summary;
  TRY(row_count, reader.u32("row count"));
  TRY(live_count, reader.u32("live count"));
  TRY(vector_count, reader.count(44, "graph count"));
  summary.row_count = row_count;
  summary.live_count = live_count;
  for (uint64_t i = 0; i < vector_count; ++i) {
    TRY(shape, read_shape(reader, version));
    TRY(watermark, reader.u32("watermark"));
    summary.vectors.push_back({shape, watermark});
    if (version < 3) continue;
    TRY(calibration, read_calibration(reader));
    summary.vectors.back().calibration = std::move(calibration);
  }
  if (version < 4) return summary;
  TRY(text_count, reader.count(21, "text index count"));
  for (uint64_t i = 0; i < text_count; ++i) {
    TRY(text, read_text(reader));
    summary.texts.push_back(std::move(text));
  }
  if (version < 5) return summary;
  TRY(patch_storage, reader.u32("storage of patches"));
  TRY(patch_slot_count, reader.u32("slots of patches"));
  if (patch_storage == 0 && patch_slot_count != 0) return reader.corruption("patches without a storage");
  summary.patch_storage = {patch_storage};
  summary.patch_slot_count = patch_slot_count;
  if (version < 6) return summary;
  TRY(earned_indexes, read_sources(reader, schema));
  summary.earned_indexes = std::move(earned_indexes);
  return summary;
}

Result<CatalogEntry> read_entry(base::ByteReader& reader, uint32_t version) {
  CatalogEntry entry;
  TRY(table, reader.u32("table id"));
  TRY(storage, reader.u32("storage id"));
  TRY(name, reader.string(kNameBytesMax, "table name"));
  TRY(schema_bytes, reader.sized_bytes(kSchemaBytesMax, "schema"));
  TRY(schema, decode_schema(schema_bytes));
  TRY(summary, read_summary(reader, version, schema));
  entry.table = {table};
  entry.storage = {storage};
  entry.name = name;
  entry.schema = std::move(schema);
  entry.summary = std::move(summary);
  return entry;
}

}  // namespace

std::vector<std::byte> encode(const EraseRecord& record) {
  base::ByteWriter writer;
  writer.put_u32(record.table.value);
  writer.put_bytes(std::as_bytes(std::span(record.rows)));
  return std::move(writer).take();
}

std::vector<std::byte> encode(const CreateTableRecord& record) {
  base::ByteWriter writer;
  writer.put_u32(record.table.value);
  writer.put_u32(record.storage.value);
  writer.put_string(record.name);
  writer.put_sized_bytes(encode_schema(record.schema));
  return std::move(writer).take();
}

std::vector<std::byte> encode(const DropTableRecord& record) {
  base::ByteWriter writer;
  writer.put_u32(record.table.value);
  return std::move(writer).take();
}

std::vector<std::byte> encode(const ClearTableRecord& record) {
  base::ByteWriter writer;
  writer.put_u32(record.table.value);
  writer.put_u32(record.storage.value);
  return std::move(writer).take();
}

std::vector<std::byte> encode(const PatchStorageRecord& record) {
  base::ByteWriter writer;
  writer.put_u32(record.table.value);
  writer.put_u32(record.storage.value);
  return std::move(writer).take();
}

Result<EraseRecord> decode_erase(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: erase record");
  TRY(table, reader.u32("table"));
  EraseRecord record{{table}, {}};
  record.rows.resize(reader.remaining_bytes() / sizeof(uint32_t));
  for (RowId& row : record.rows) {
    TRY(value, reader.u32("row"));
    row = {value};
  }
  TRY_OK(reader.expect_end("the last row"));
  return record;
}

Result<CreateTableRecord> decode_create_table(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: create table record");
  TRY(table, reader.u32("table"));
  TRY(storage, reader.u32("storage"));
  TRY(name, reader.string(kNameBytesMax, "table name"));
  TRY(schema_bytes, reader.sized_bytes(kSchemaBytesMax, "schema"));
  TRY_OK(reader.expect_end("the schema"));
  TRY(schema, decode_schema(schema_bytes));
  return CreateTableRecord{{table}, {storage}, std::string(name), std::move(schema)};
}

Result<DropTableRecord> decode_drop_table(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: drop table record");
  TRY(table, reader.u32("table"));
  TRY_OK(reader.expect_end("the table"));
  return DropTableRecord{{table}};
}

Result<ClearTableRecord> decode_clear_table(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: clear table record");
  TRY(table, reader.u32("table"));
  TRY(storage, reader.u32("storage"));
  TRY_OK(reader.expect_end("the storage"));
  return ClearTableRecord{{table}, {storage}};
}

Result<PatchStorageRecord> decode_patch_storage(std::span<const std::byte> payload) {
  base::ByteReader reader(payload, "log: patch storage record");
  TRY(table, reader.u32("table"));
  TRY(storage, reader.u32("storage"));
  TRY_OK(reader.expect_end("the storage"));
  return PatchStorageRecord{{table}, {storage}};
}

std::vector<std::byte> encode(const Catalog& catalog) {
  base::ByteWriter writer;
  writer.put_u32(kCatalogVersion);
  writer.put_u32(catalog.next_id);
  writer.put_varint(catalog.tables.size());
  for (const CatalogEntry& entry : catalog.tables) {
    writer.put_u32(entry.table.value);
    writer.put_u32(entry.storage.value);
    writer.put_string(entry.name);
    writer.put_sized_bytes(encode_schema(entry.schema));
    writer.put_u32(entry.summary.row_count);
    writer.put_u32(entry.summary.live_count);
    writer.put_varint(entry.summary.vectors.size());
    for (const TableSummary::VectorIndexSummary& index : entry.summary.vectors) {
      put_shape(writer, index.shape);
      writer.put_u32(index.watermark);
      put_calibration(writer, index.calibration.get());
    }
    writer.put_varint(entry.summary.texts.size());
    for (const TableSummary::TextIndexSummary& text : entry.summary.texts) put_text(writer, text);
    writer.put_u32(entry.summary.patch_storage.value);
    writer.put_u32(entry.summary.patch_slot_count);
    put_sources(writer, entry.summary.earned_indexes);
  }
  return std::move(writer).take();
}

Result<Catalog> decode_catalog(std::span<const std::byte> bytes) {
  base::ByteReader reader(bytes, "root: catalog");
  Catalog catalog;
  TRY(version, reader.u32("catalog version"));
  if (version < 1 || version > kCatalogVersion) return reader.corruption("unknown catalog version");
  TRY(next_id, reader.u32("next id"));
  TRY(count, reader.count(20, "table count"));
  catalog.next_id = next_id;
  std::set<uint32_t> ids;
  std::set<std::string> names;
  for (uint64_t i = 0; i < count; ++i) {
    TRY(entry, read_entry(reader, version));
    const bool fresh = ids.insert(entry.table.value).second && ids.insert(entry.storage.value).second &&
                       names.insert(entry.name).second;
    if (!fresh || std::max(entry.table.value, entry.storage.value) >= next_id)
      return reader.corruption("two tables share a name or an id");
    for (const TableSummary::TextIndexSummary& text : entry.summary.texts) {
      for (const TableSummary::TextRunSummary& run : text.runs) {
        if (!ids.insert(run.storage.value).second || run.storage.value >= next_id)
          return reader.corruption("a text run shares its id");
      }
    }
    if (const uint32_t patches = entry.summary.patch_storage.value; patches != 0) {
      if (!ids.insert(patches).second || patches >= next_id) return reader.corruption("patches share their id");
    }
    catalog.tables.push_back(std::move(entry));
  }
  TRY_OK(reader.expect_end("the last table"));
  return catalog;
}

TableInfo make_table_info(TableId id, StorageId storage, std::string name, Schema schema) {
  TableInfo info{id, storage, std::move(name), std::move(schema), 0};
  const auto& columns = info.schema.columns;
  info.key_column = static_cast<size_t>(
      std::find_if(columns.begin(), columns.end(), [](const ColumnSpec& spec) { return spec.primary_key; }) -
      columns.begin());
  return info;
}

}  // namespace omendb::table
