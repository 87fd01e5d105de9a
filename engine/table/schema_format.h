#pragma once

// Schemas: what is allowed, and their bytes in the log and the root (docs/format/records.md).

#include <omendb/schema.h>
#include <omendb/status.h>

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::table {

// Fails: kSchema naming the column and what is wrong with it.
Result<void> check_table_name(std::string_view name);
Result<void> check_schema(std::string_view table, const Schema& schema);

// The storage that a column is made with: its own, or the one that kAuto stands for today.
VectorStorage chosen_storage(const VectorOptions& options);
// A table keeps the storages that it was made with, whatever kAuto comes to stand for. Bits have none, and stay kAuto.
Schema with_chosen_storage(Schema schema);

bool same_schema(const Schema& a, const Schema& b);

std::vector<std::byte> encode_schema(const Schema& schema);
// Checks lengths, types and everything check_schema checks. Fails: kCorruption.
Result<Schema> decode_schema(std::span<const std::byte> bytes);

}  // namespace omendb::table
