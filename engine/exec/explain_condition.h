#pragma once

// How a condition is answered, for explain(): which parts of it from an index, of which parts values are read, and why no index answers these.

#include <omendb/filter.h>
#include <omendb/status.h>

#include "engine/table/table_version.h"

#include <string>
#include <vector>

namespace omendb::exec {

// A sentence each, of the version as it is, which must stay pinned; nothing is read and nothing counts as asked. Fails: as the condition.
Result<std::vector<std::string>> condition_notes(const table::TableVersion& version, const Where& where);

}  // namespace omendb::exec
