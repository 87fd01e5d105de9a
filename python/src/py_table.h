#pragma once

#include <nanobind/nanobind.h>

#include <omendb/table.h>

#include "handle.h"

namespace omendb::python {

using PyTable = Handle<Table>;

void bind_table(nanobind::module_& module);

// {"total": bytes, part: bytes, ...}
nanobind::dict parts_to_dict(const std::vector<MemoryOrDiskPart>& parts);

}  // namespace omendb::python
