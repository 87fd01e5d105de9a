#include "py_database.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <omendb/database.h>

#include "py_table.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nb = nanobind;

namespace omendb::python {
namespace {

using PyDatabase = Handle<Database>;

// Runs a method of the database without the GIL; a failed one becomes a Failure.
template <typename Call>
auto call(const PyDatabase& self, Call&& method) {
  Database& database = *self;
  auto result = without_gil([&] { return method(database); });
  return unwrap(std::move(result));
}

PyDatabase open(std::string_view path, bool create, bool read_only, bool sync, unsigned threads,
                std::optional<uint64_t> index_bytes_max) {
  OpenOptions options;
  options.create = create;
  options.read_only = read_only;
  options.sync = sync ? Sync::kFull : Sync::kOff;
  options.threads = threads;
  if (index_bytes_max) options.index_bytes_max = *index_bytes_max;
  return PyDatabase(unwrap(without_gil([&] { return Database::open(path, options); })));
}

PyTable create_table(const PyDatabase& self, std::string_view name, std::vector<ColumnSpec> columns, bool exist_ok) {
  const Schema schema{std::move(columns)};
  return PyTable(call(self, [&](Database& database) { return database.create_table(name, schema, exist_ok); }));
}

nb::dict stats(const PyDatabase& self) {
  const DatabaseStats stats = call(self, [](Database& database) { return database.stats(); });
  nb::dict result;
  result["commit_number"] = stats.commit_number;
  result["resident_bytes"] = stats.resident_bytes;
  result["memory_bytes"] = parts_to_dict(stats.memory);
  result["disk_bytes"] = parts_to_dict(stats.disk);
  return result;
}

}  // namespace

void bind_database(nb::module_& module) {
  nb::class_<PyDatabase>(module, "Database", "A handle to an open database.")
      .def_prop_ro("path", [](const PyDatabase& self) { return self->path(); })
      .def("create_table", &create_table, nb::arg("name"), nb::arg("columns"), nb::arg("exist_ok"))
      .def(
          "table",
          [](const PyDatabase& self, std::string_view name) {
            return PyTable(call(self, [&](Database& database) { return database.table(name); }));
          },
          nb::arg("name"))
      .def("table_names",
           [](const PyDatabase& self) { return call(self, [](Database& database) { return database.table_names(); }); })
      .def(
          "drop_table",
          [](const PyDatabase& self, std::string_view name) {
            call(self, [&](Database& database) { return database.drop_table(name); });
          },
          nb::arg("name"))
      .def("check", [](const PyDatabase& self) { call(self, [](Database& database) { return database.check(); }); })
      .def("state_hash",
           [](const PyDatabase& self) { return call(self, [](Database& database) { return database.state_hash(); }); })
      .def("stats", &stats, nb::sig("def stats(self) -> dict[str, typing.Any]"))
      .def(
          "backup",
          [](const PyDatabase& self, std::string_view target) {
            call(self, [&](Database& database) { return database.backup(target); });
          },
          nb::arg("target"))
      .def("checkpoint",
           [](const PyDatabase& self) { call(self, [](Database& database) { return database.checkpoint(); }); })
      .def("close", [](const PyDatabase& self) { call(self, [](Database& database) { return database.close(); }); });
  module.def("open", &open, nb::arg("path"), nb::arg("create"), nb::arg("read_only"), nb::arg("sync"),
             nb::arg("threads"), nb::arg("index_bytes_max") = nb::none(), "Opens a database.");
}

}  // namespace omendb::python
