#include "engine/exec/recall_measurement.h"

#include "engine/base/try.h"
#include "engine/exec/vector_search.h"
#include "engine/table/calibration.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

namespace omendb::exec {
namespace {

constexpr size_t kMax = 1000;  // k; so that true neighbours fit into memory
constexpr uint32_t kQueriesMax = 4096;
constexpr size_t kBeamsMax = 256;
constexpr uint32_t kEfMax = 100'000;

Result<void> check(const table::TableVersion& version, const RecallMeasurement& measurement) {
  const auto wrong = [&](const std::string& what) {
    return Error{ErrorCode::kInvalidArgument, fmt::format("recall of table '{}': {}", version.info->name, what)};
  };
  const std::vector<uint32_t>& efs = measurement.efs;
  if (measurement.k < 1 || measurement.k > kMax) return wrong(fmt::format("k is 1 to {}, not {}", kMax, measurement.k));
  if (measurement.query_count < 1 || measurement.query_count > kQueriesMax)
    return wrong(fmt::format("1 to {} queries, not {}", kQueriesMax, measurement.query_count));
  const bool rising = std::adjacent_find(efs.begin(), efs.end(), std::greater_equal<>()) == efs.end();
  if (efs.empty() || efs.size() > kBeamsMax || !rising || efs.front() < 1 || efs.back() > kEfMax)
    return wrong(fmt::format("1 to {} rising beams of 1 to {}", kBeamsMax, kEfMax));
  return {};
}

}  // namespace

Result<std::vector<MeasuredRecall>> measure_recall(const table::TableVersion& version,
                                                   const RecallMeasurement& measurement) {
  TRY(column, find_vector_column(version, measurement.column));
  TRY_OK(check(version, measurement));
  const table::VectorIndex& index = *column->index;
  if (index.watermark() == 0 || index.small(version)) return std::vector<MeasuredRecall>();
  try {
    const table::VectorIndex::LinkedVectors linked = index.linked_vectors(version);
    const auto calibrator = index.make_calibrator(version, {.ks = {static_cast<uint32_t>(measurement.k)},
                                                            .efs = measurement.efs,
                                                            .query_count_min = measurement.query_count,
                                                            .query_count_max = measurement.query_count,
                                                            .seed = measurement.seed});
    while (!calibrator->step(linked.view, column->searchable)) {
    }
    std::vector<MeasuredRecall> measured;
    for (const table::RecallCurve& curve : calibrator->result().curves) {
      for (const table::RecallPoint& point : curve.points)
        measured.push_back({point.ef, static_cast<double>(point.recall), static_cast<double>(point.error)});
    }
    return measured;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "recall: no memory for the queries and their neighbours"};
  }
}

}  // namespace omendb::exec
