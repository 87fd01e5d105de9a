#include "tests/search_oracle.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace omendb::test {
namespace {

struct Sums {
  double squares = 0;      // of the difference
  double differences = 0;  // without their signs
  double products = 0;
  double magnitudes = 0;  // of the products
  double a = 0;           // squared lengths
  double b = 0;
};

Sums sums_of(std::span<const float> a, std::span<const float> b) {
  Sums sums;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i];
    const double y = b[i];
    sums.squares += (x - y) * (x - y);
    sums.differences += std::abs(x - y);
    sums.products += x * y;
    sums.magnitudes += std::abs(x * y);
    sums.a += x * x;
    sums.b += y * y;
  }
  return sums;
}

}  // namespace

double true_distance(Metric metric, std::span<const float> a, std::span<const float> b) {
  const Sums sums = sums_of(a, b);
  if (metric == Metric::kL2) return std::sqrt(sums.squares);
  if (metric == Metric::kInnerProduct) return -sums.products;
  if (metric == Metric::kL1) return sums.differences;
  return sums.a == 0 || sums.b == 0 ? 1.0 : 1.0 - sums.products / std::sqrt(sums.a * sums.b);
}

double tolerance(Metric metric, std::span<const float> a, std::span<const float> b) {
  const Sums sums = sums_of(a, b);
  const double relative = 2e-6 * std::sqrt(static_cast<double>(a.size()) + 4);
  if (metric == Metric::kInnerProduct) return relative * sums.magnitudes + 1e-30;
  if (metric == Metric::kCosine) return relative * 2;
  if (metric == Metric::kL1) return relative * sums.differences + 1e-30;
  return relative * std::sqrt(sums.squares) + 1e-30;
}

std::string search_fault(const TableModel& table, size_t column, std::span<const float> query, size_t k,
                         const std::vector<Value>& keys, std::span<const float> distances) {
  const Metric metric = table.schema.columns[column].vector.metric;
  std::vector<std::pair<double, double>> truth;  // distance, tolerance
  for (const auto& [key, row] : table.rows) {
    const auto* vector = std::get_if<Floats>(&row[column]);
    if (vector != nullptr) truth.emplace_back(true_distance(metric, query, *vector), tolerance(metric, query, *vector));
  }
  std::sort(truth.begin(), truth.end());
  if (keys.size() != std::min(k, truth.size()))
    return fmt::format("{} hits of {} rows for k = {}", keys.size(), truth.size(), k);
  std::set<Value> seen;
  double slack = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto row = table.rows.find(keys[i]);
    if (row == table.rows.end()) return fmt::format("hit {} is not a row of the table", i);
    const auto* vector = std::get_if<Floats>(&row->second[column]);
    if (vector == nullptr) return fmt::format("hit {} has no vector", i);
    if (!seen.insert(keys[i]).second) return fmt::format("hit {} is there twice", i);
    const double distance = true_distance(metric, query, *vector);
    slack = std::max(tolerance(metric, query, *vector), truth[i].second);
    if (std::abs(distance - static_cast<double>(distances[i])) > slack)
      return fmt::format("hit {}: distance {} instead of {}", i, distances[i], distance);
    if (std::abs(distance - truth[i].first) > 2 * slack)
      return fmt::format("hit {} is {} away where another row is {} away", i, distance, truth[i].first);
    if (i > 0 && distances[i] < distances[i - 1]) return fmt::format("hit {} is nearer than the one before", i);
  }
  return "";
}

std::vector<Value> keys_of(const table::TableVersion& version, std::span<const RowId> rows) {
  std::vector<Value> keys;
  const bool numbers = version.key_column->type() == Type::kInt64;
  for (const RowId row : rows) {
    const table::Key key = version.key_column->at(row);
    keys.push_back(numbers ? Value(key.number) : Value(std::string(key.text)));
  }
  return keys;
}

std::vector<Value> keys_of(const ColumnData& keys, size_t first, size_t last) {
  std::vector<Value> result;
  for (size_t i = first; i < last; ++i) result.push_back(value_at(keys, i));
  return result;
}

}  // namespace omendb::test
