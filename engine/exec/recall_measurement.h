#pragma once

// The recall of a graph at given beams, measured once for somebody who asks; searches use the calibration that the workers keep (table/calibration.h).

#include <omendb/stats.h>
#include <omendb/status.h>

#include "engine/table/table_version.h"

#include <vector>

namespace omendb::exec {

// Asks on the calling thread, beside searches and inserts; the version must stay pinned. Empty where every search is exact. Cost and memory as a calibration's, per
// query. Fails: kInvalidArgument, kSchema, kOutOfMemory.
Result<std::vector<MeasuredRecall>> measure_recall(const table::TableVersion& version,
                                                   const RecallMeasurement& measurement);

}  // namespace omendb::exec
