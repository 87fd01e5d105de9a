#pragma once

#include <nanobind/nanobind.h>

#include <omendb/schema.h>

namespace omendb::python {

// The class `Column` of the extension, one column of a schema.
void bind_schema(nanobind::module_& module);

}  // namespace omendb::python
