#include "py_table.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "arrow_in.h"
#include "py_batch.h"
#include "py_hits.h"
#include "py_keys.h"
#include "py_stop.h"
#include "py_text.h"
#include "py_where.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nb = nanobind;

namespace omendb::python {
namespace {

using PyScan = Handle<std::unique_ptr<Scan>>;

nb::str to_str(std::string_view text) { return nb::str(text.data(), text.size()); }

using Write = Result<uint64_t> (Table::*)(const BatchView&);

// The two Arrow capsules of a record batch, borrowed for the length of one statement.
template <Write kWrite>
uint64_t write(const PyTable& self, const nb::capsule& schema, const nb::capsule& array) {
  const ArrowRows rows = unwrap(ArrowRows::read(*static_cast<const ArrowSchema*>(schema.data("arrow_schema")),
                                                *static_cast<const ArrowArray*>(array.data("arrow_array"))));
  Table& table = *self;
  return unwrap(without_gil([&] { return (table.*kWrite)(rows.view()); }));
}

uint64_t erase(const PyTable& self, const nb::list& keys) {
  Table& table = *self;
  const PyKeys given(table.schema(), keys);
  return unwrap(without_gil([&] { return table.erase(given.view()); }));
}

uint64_t update(const PyTable& self, const nb::capsule& schema, const nb::capsule& array, nb::handle condition,
                nb::handle params, std::optional<double> timeout) {
  const ArrowRows values = unwrap(ArrowRows::read(*static_cast<const ArrowSchema*>(schema.data("arrow_schema")),
                                                  *static_cast<const ArrowArray*>(array.data("arrow_array"))));
  Table& table = *self;
  const PyWhere where(condition, params);
  const StopWhen stop = stop_when(timeout);
  return unwrap(without_gil([&] { return table.update(values.view(), where.view(), stop); }), Failure::Of::kQuery);
}

uint64_t erase_where(const PyTable& self, nb::handle condition, nb::handle params, std::optional<double> timeout) {
  Table& table = *self;
  const PyWhere where(condition, params);
  const StopWhen stop = stop_when(timeout);
  return unwrap(without_gil([&] { return table.erase(where.view(), stop); }), Failure::Of::kQuery);
}

uint64_t count(const PyTable& self, nb::handle condition, nb::handle params, std::optional<double> timeout) {
  const Table& table = *self;
  const PyWhere where(condition, params);
  const StopWhen stop = stop_when(timeout);
  return unwrap(without_gil([&] { return table.count(where.view(), stop); }), Failure::Of::kQuery);
}

// (rows that exist, one byte a key: was it found)
nb::tuple get(const PyTable& self, const nb::list& keys, const std::vector<std::string>& columns) {
  const Table& table = *self;
  const PyKeys given(table.schema(), keys);
  std::vector<uint8_t> found;
  Result<Batch> batch = without_gil([&] { return table.get(given.view(), columns, &found); });
  PyBatch rows(unwrap(std::move(batch)));
  return nb::make_tuple(std::move(rows), nb::bytes(found.data(), found.size()));
}

std::string explain_table(const PyTable& self, nb::handle vectors, size_t k, std::optional<float> radius,
                          std::string_view column, double recall, size_t ef, bool exact, nb::handle condition,
                          nb::handle params, const PyTextSearch* text, bool analyze, std::optional<double> timeout,
                          const std::vector<uint32_t>& vector_counts) {
  const PyWhere where(condition, params);
  SearchQuery query{
      .column = column, .k = k, .radius = radius, .recall = recall, .ef = ef, .exact = exact, .where = where.view()};
  if (text != nullptr) text->add_to(query);
  query.stop_when = stop_when(timeout);
  query.vector_counts = vector_counts;
  return explain(*self, vectors, query, analyze);
}

PyHits search_table(const PyTable& self, nb::handle vectors, size_t k, std::optional<float> radius,
                    std::string_view column, double recall, size_t ef, bool exact, std::optional<unsigned> threads,
                    nb::handle condition, nb::handle params, const PyTextSearch* text, std::optional<double> timeout,
                    const std::vector<uint32_t>& vector_counts, bool single) {
  const PyWhere where(condition, params);
  SearchQuery query{
      .column = column, .k = k, .radius = radius, .recall = recall, .ef = ef, .exact = exact, .where = where.view()};
  if (text != nullptr) text->add_to(query);
  query.stop_when = stop_when(timeout);
  if (vectors.is_none() && (query.text || query.text_query || query.sparse)) return search(*self, query);
  query.vector_counts = vector_counts;
  return search(*self, vectors, query, threads, single);
}

// (ef, recall, its standard error) per beam.
nb::list measure_recall(const PyTable& self, std::string_view column, size_t k, std::vector<uint32_t> efs,
                        uint32_t query_count, uint64_t seed) {
  const Table& table = *self;
  const RecallMeasurement measurement{column, k, std::move(efs), query_count, seed};
  nb::list result;
  for (const MeasuredRecall& point : unwrap(without_gil([&] { return table.measure_recall(measurement); })))
    result.append(nb::make_tuple(point.ef, point.recall, point.error));
  return result;
}

nb::dict index_to_dict(const IndexStats& index) {
  nb::dict result;
  const bool of_bits = index.options.element == Element::kBit;
  result["storage"] = to_str(of_bits ? "bits" : to_string(index.options.storage));
  result["metric"] = to_str(to_string(index.options.metric));
  result["dims"] = index.options.dims;
  result["m"] = index.options.m;
  result["ef_construction"] = index.options.ef_construction;
  result["linked_rows"] = index.linked_row_count;
  result["links_per_row"] = index.links_per_row;
  result["links_per_row_max"] = index.links_per_row_max;
  result["link_bytes"] = index.link_bytes;
  result["code_bytes"] = index.code_bytes;
  result["calibrated_rows"] = index.calibrated_row_count;
  result["calibration_queries"] = index.calibration_query_count;
  result["recall"] = index.default_recall == 0 ? nb::none() : nb::cast(index.default_recall);
  nb::dict targets;  // None: compares with every row
  for (const RecallTarget& target : index.targets)
    targets[nb::cast(target.recall)] = target.exact ? nb::none() : nb::cast(target.ef);
  result["ef"] = targets;
  nb::list filtered;
  for (const FilteredRecall& measured : index.filtered) {
    nb::dict one;
    one["away"] = measured.away;
    one["share"] = measured.share;
    one["ef"] = measured.ef == 0 ? nb::none() : nb::cast(measured.ef);
    one["recall"] = measured.recall;
    filtered.append(one);
  }
  result["filtered"] = filtered;
  return result;
}

PyScan scan(const PyTable& self, std::vector<std::string> columns, size_t batch_rows, nb::handle condition,
            nb::handle params, std::optional<double> timeout) {
  const Table& table = *self;
  const PyWhere where(condition, params);
  const StopWhen stop = stop_when(timeout);
  Result<std::unique_ptr<Scan>> scan = without_gil([&] {
    return table.scan({std::move(columns), batch_rows, where.view(), stop});
  });
  return PyScan(unwrap(std::move(scan), Failure::Of::kQuery));
}

nb::object next_batch(const PyScan& self) {
  Scan& scan = **self;
  std::optional<Batch> batch = unwrap(without_gil([&] { return scan.next(); }));
  return batch ? nb::cast(PyBatch(std::move(*batch))) : nb::none();
}

constexpr const char* kWhys[] = {"asked", "earned", "refused"};  // as ColumnIndexStats::Why

nb::dict stats(const PyTable& self) {
  const Table& table = *self;
  const TableStats stats = unwrap(without_gil([&] { return table.stats(); }));
  nb::dict result;
  result["rows"] = stats.row_count;
  result["dead_rows"] = stats.dead_row_count;
  result["tail_rows"] = stats.tail_row_count;
  result["flat"] = stats.flat;
  result["graph_edges"] = stats.graph_edge_count;
  result["memory_bytes"] = parts_to_dict(stats.memory);
  result["disk_bytes"] = parts_to_dict(stats.disk);
  nb::dict indexes;
  for (const IndexStats& index : stats.indexes) indexes[to_str(index.column)] = index_to_dict(index);
  result["indexes"] = indexes;
  nb::dict column_indexes;
  for (const ColumnIndexStats& index : stats.column_indexes) {
    nb::dict figures;
    figures["column"] = to_str(index.column);
    figures["why"] = kWhys[static_cast<size_t>(index.why)];
    figures["rows"] = index.row_count;
    figures["bytes"] = index.bytes;
    column_indexes[to_str(index.source)] = figures;
  }
  result["column_indexes"] = column_indexes;
  return result;
}

}  // namespace

nb::dict parts_to_dict(const std::vector<MemoryOrDiskPart>& parts) {
  uint64_t total_bytes = 0;
  for (const MemoryOrDiskPart& part : parts) total_bytes += part.bytes;
  nb::dict result;
  result["total"] = total_bytes;
  for (const MemoryOrDiskPart& part : parts) result[to_str(part.name)] = part.bytes;
  return result;
}

void bind_table(nb::module_& module) {
  nb::class_<PyScan>(module, "Scan", "Reads the rows of one version, batch by batch.")
      .def("next", &next_batch, nb::sig("def next(self) -> Batch | None"), "The next batch, or None at the end.");
  nb::class_<PyTable>(module, "Table", "A handle to one table.")
      .def_prop_ro("name", [](const PyTable& self) { return self->name(); })
      .def_prop_ro("columns", [](const PyTable& self) { return self->schema().columns; })
      .def("insert", &write<&Table::insert>, nb::arg("schema"), nb::arg("array"),
           "Adds the rows of an Arrow record batch.")
      .def("upsert", &write<&Table::upsert>, nb::arg("schema"), nb::arg("array"),
           "Adds or replaces the rows of an Arrow record batch.")
      .def("erase", &erase, nb::arg("keys"), nb::sig("def erase(self, keys: list[typing.Any]) -> int"),
           "Removes rows by key; returns how many were there.")
      .def(
          "clear",
          [](const PyTable& self) {
            Table& table = *self;
            return unwrap(without_gil([&] { return table.clear(); }));
          },
          "Removes every row; returns how many there were.")
      .def("get", &get, nb::arg("keys"), nb::arg("columns"),
           nb::sig("def get(self, keys: list[typing.Any], columns: list[str]) -> tuple[Batch, bytes]"),
           "The rows that exist, in the order of the keys, and one byte a key that says whether it was found.")
      .def("update", &update, nb::arg("schema"), nb::arg("array"), nb::arg("where"), nb::arg("params").none(),
           nb::arg("timeout").none() = nb::none(),
           "Sets the columns of an Arrow record batch of one row where a condition is true; returns in how many rows.")
      .def("erase_where", &erase_where, nb::arg("where"), nb::arg("params").none(),
           nb::arg("timeout").none() = nb::none(), "Removes the rows for which a condition is true; returns how many.")
      .def("count", &count, nb::arg("where").none() = nb::none(), nb::arg("params").none() = nb::none(),
           nb::arg("timeout").none() = nb::none(), "How many rows there are, or for how many a condition is true.")
      .def("scan", &scan, nb::arg("columns"), nb::arg("batch_rows"), nb::arg("where").none() = nb::none(),
           nb::arg("params").none() = nb::none(), nb::arg("timeout").none() = nb::none(),
           "Reads the rows of the newest version.")
      .def("search", &search_table, nb::arg("vectors").none(), nb::arg("k"), nb::arg("radius").none(),
           nb::arg("column"), nb::arg("recall"), nb::arg("ef"), nb::arg("exact"), nb::arg("threads").none(),
           nb::arg("where").none() = nb::none(), nb::arg("params").none() = nb::none(),
           nb::arg("text").none() = nb::none(), nb::arg("timeout").none() = nb::none(),
           nb::arg("vector_counts") = std::vector<uint32_t>(), nb::arg("single") = false,
           "Nearest rows to one or several vectors of float32, or of bits in bytes; BufferError for any other buffer. "
           "`vector_counts`: how many of them each query has, for a column of several vectors a row; `single`: it is "
           "one "
           "query.")
      .def("explain", &explain_table, nb::arg("vectors").none(), nb::arg("k"), nb::arg("radius").none(),
           nb::arg("column"), nb::arg("recall"), nb::arg("ef"), nb::arg("exact"), nb::arg("where").none(),
           nb::arg("params").none(), nb::arg("text").none(), nb::arg("analyze"), nb::arg("timeout").none() = nb::none(),
           nb::arg("vector_counts") = std::vector<uint32_t>(),
           "What a search of at most one vector would do, or did, as a tree of lines.")
      .def(
          "measure_recall", &measure_recall, nb::arg("column"), nb::arg("k"), nb::arg("efs"), nb::arg("query_count"),
          nb::arg("seed"),
          nb::sig("def measure_recall(self, column: str, k: int, efs: list[int], query_count: int, seed: int) -> "
                  "list[tuple[int, float, float]]"),
          "(ef, recall, its standard error) per beam, asked with rows of the table; empty where every search is exact.")
      .def("stats", &stats, nb::sig("def stats(self) -> dict[str, typing.Any]"))
      .def(
          "wait_for_index",
          [](const PyTable& self) {
            const Table& table = *self;
            unwrap(without_gil([&] { return table.wait_for_index(); }));
          },
          "Waits until every row is in its graph.");
}

}  // namespace omendb::python
