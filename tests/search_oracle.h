#pragma once

// What a search must answer, computed the slow way: every distance in float64, ties allowed in any order.

#include <omendb/schema.h>

#include "engine/base/ids.h"
#include "engine/table/table_version.h"
#include "tests/database_model.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace omendb::test {

// As the user sees it: L2, 1 - cosine (1 when one side is zero), -inner product, L1.
double true_distance(Metric metric, std::span<const float> a, std::span<const float> b);
// How far a distance summed in float lanes may lie from it.
double tolerance(Metric metric, std::span<const float> a, std::span<const float> b);

// "" when `keys` and `distances` are the k nearest rows of the column, nearest first, or all where there are fewer; else what is wrong.
std::string search_fault(const TableModel& table, size_t column, std::span<const float> query, size_t k,
                         const std::vector<Value>& keys, std::span<const float> distances);

std::vector<Value> keys_of(const table::TableVersion& version, std::span<const RowId> rows);
std::vector<Value> keys_of(const ColumnData& keys, size_t first, size_t last);

}  // namespace omendb::test
