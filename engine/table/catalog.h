#pragma once

// What the log says about tables and what the root remembers of them, as bytes (docs/format/records.md).

#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/table/table_store.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace omendb::table {

// Kinds of log records. On disk; never reused.
enum class RecordKind : uint8_t {
  kInsert = 1,  // rows.h
  kErase = 2,
  kCreateTable = 3,
  kDropTable = 4,
  kClearTable = 5,
  kPatch = 6,  // rows.h
  kPatchStorage = 7,
};

struct EraseRecord {
  TableId table{};
  std::vector<RowId> rows;
};
struct CreateTableRecord {
  TableId table{};
  StorageId storage{};
  std::string name;
  Schema schema;
};
struct DropTableRecord {
  TableId table{};
};
struct ClearTableRecord {
  TableId table{};
  StorageId storage{};  // the empty one that takes over
};

struct PatchStorageRecord {
  TableId table{};
  StorageId storage{};  // of the patches from now on; begins with what the live slots of the one before hold
};

std::vector<std::byte> encode(const EraseRecord& record);
std::vector<std::byte> encode(const CreateTableRecord& record);
std::vector<std::byte> encode(const DropTableRecord& record);
std::vector<std::byte> encode(const ClearTableRecord& record);
std::vector<std::byte> encode(const PatchStorageRecord& record);

// Fail: kCorruption.
Result<EraseRecord> decode_erase(std::span<const std::byte> payload);
Result<CreateTableRecord> decode_create_table(std::span<const std::byte> payload);
Result<DropTableRecord> decode_drop_table(std::span<const std::byte> payload);
Result<ClearTableRecord> decode_clear_table(std::span<const std::byte> payload);
Result<PatchStorageRecord> decode_patch_storage(std::span<const std::byte> payload);

// The root's metadata: every table with its summary, and the counter that TableId and StorageId are drawn from.
struct CatalogEntry {
  TableId table{};
  StorageId storage{};
  std::string name;
  Schema schema;
  TableSummary summary;
};
struct Catalog {
  uint32_t next_id = 1;
  std::vector<CatalogEntry> tables;
};
std::vector<std::byte> encode(const Catalog& catalog);
Result<Catalog> decode_catalog(std::span<const std::byte> bytes);

TableInfo make_table_info(TableId id, StorageId storage, std::string name, Schema schema);

}  // namespace omendb::table
