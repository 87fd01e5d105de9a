#pragma once

// Which rows of a version a condition is true for.

#include <omendb/status.h>

#include "engine/base/stop.h"
#include "engine/filter/filter.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"

namespace omendb::exec {

// Those of `among` that pass. The version must stay pinned. Cost: a pass over the columns that the condition names, on several threads where it takes some milliseconds;
// where the same condition was asked before of any version of the table, only of rows that it was not asked of. Fails: kInvalidArgument, for a row without an answer;
// kOutOfMemory, also where no thread can be started; as `stop` says, which is asked every 32,768 rows.
Result<table::LiveBitmap> rows_where(const table::TableVersion& version, const filter::Filter& filter,
                                     const table::LiveBitmap& among, base::Stop* stop = nullptr);

// The same for a condition in words; all of `among` if it is empty. Fails besides: kInvalidArgument, kSchema.
Result<table::LiveBitmap> rows_where(const table::TableVersion& version, const Where& where,
                                     const table::LiveBitmap& among, base::Stop* stop = nullptr);

}  // namespace omendb::exec
