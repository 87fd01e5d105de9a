// omendb._omendb: the engine's C++ door as Python objects, nearly one to one. The package omendb around it has the interface that users see.

#include <nanobind/nanobind.h>

#include "failure.h"
#include "handle.h"
#include "py_batch.h"
#include "py_database.h"
#include "py_hits.h"
#include "py_map.h"
#include "py_schema.h"
#include "py_stop.h"
#include "py_table.h"
#include "py_text.h"
#include "py_where.h"

NB_MODULE(_omendb, module) {
  using namespace omendb::python;
  watch_forks();
  register_failures();
  bind_schema(module);
  bind_batch(module);
  bind_hits(module);
  bind_where(module);
  bind_text(module);
  bind_stop(module);
  bind_table(module);
  bind_database(module);
  bind_map(module);
}
