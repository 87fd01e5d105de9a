#pragma once

#include <nanobind/nanobind.h>

namespace omendb::python {

void bind_database(nanobind::module_& module);

}  // namespace omendb::python
