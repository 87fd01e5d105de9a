#pragma once

// Conditions over the patches of a table (table/patches.h): what is evaluated are slots.

#include <omendb/status.h>

#include "engine/base/stop.h"
#include "engine/filter/filter.h"
#include "engine/table/live_bitmap.h"
#include "engine/table/table_version.h"

#include <cstdint>

namespace omendb::exec {

// Which columns of a table a condition reads.
enum class Reads : uint8_t { kOthers, kMetadata, kBoth };
Reads reads_of(const filter::Filter& filter, const Schema& schema);

// For a condition that reads both: clears the bits of `slots` for whose rows it is not true; they live in the version, and bit 0 is `first_slot`. Cost: a copy of what it reads.
// Fails: kInvalidArgument, for a row without an answer. Throws std::bad_alloc.
Result<void> evaluate_patched(const table::TableVersion& version, const filter::Filter& filter, uint32_t first_slot,
                              table::LiveBitmap::Block& slots, base::Stop* stop);

// `rows` and, of the rows of `slots`, those that are in `among`.
table::LiveBitmap with_rows_of(const table::Patches& patches, const table::LiveBitmap& slots,
                               const table::LiveBitmap& among, const table::LiveBitmap& rows);

}  // namespace omendb::exec
