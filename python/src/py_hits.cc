#include "py_hits.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "py_batch.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace nb = nanobind;

namespace omendb::python {
namespace {

template <typename T>
using Array = nb::ndarray<nb::numpy, const T, nb::ndim<1>>;

// Borrows a buffer of float32, or of bytes that hold bits, from a Python object for the length of a search.
class QueryBuffer {
 public:
  QueryBuffer(nb::handle object, bool of_bits) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) != 0) {
      PyErr_Clear();
      throw nb::buffer_error("not a buffer");
    }
    const std::string_view format = view_.format == nullptr ? "" : view_.format;
    const bool aligned = of_bits || reinterpret_cast<uintptr_t>(view_.buf) % alignof(float) == 0;
    if (format != (of_bits ? "B" : "f") || !aligned || (view_.ndim != 1 && view_.ndim != 2)) {
      PyBuffer_Release(&view_);
      throw nb::buffer_error("not one or two dimensions of float32 or of bytes");
    }
  }
  QueryBuffer(const QueryBuffer&) = delete;
  QueryBuffer& operator=(const QueryBuffer&) = delete;
  ~QueryBuffer() { PyBuffer_Release(&view_); }

  std::span<const float> floats() const {
    return {static_cast<const float*>(view_.buf), static_cast<size_t>(view_.len) / sizeof(float)};
  }
  std::span<const uint8_t> bits() const {
    return {static_cast<const uint8_t*>(view_.buf), static_cast<size_t>(view_.len)};
  }
  bool single() const { return view_.ndim == 1; }
  size_t vector_count() const { return single() ? 1 : static_cast<size_t>(view_.shape[0]); }

 private:
  Py_buffer view_{};
};

// Options of the column that is searched: the one of this name, or the only vector column. Where there is none, the search says so.
VectorOptions searched_options(const Schema& schema, std::string_view column) {
  const auto searched = [&](const ColumnSpec& spec) {
    return spec.type == Type::kVector && (column.empty() || spec.name == column);
  };
  const auto found = std::find_if(schema.columns.begin(), schema.columns.end(), searched);
  return found == schema.columns.end() ? VectorOptions{} : found->vector;
}

template <typename T>
nb::object to_array(nb::handle owner, const std::vector<T>& values, size_t first, size_t count) {
  if (first > values.size() || count > values.size() - first) throw nb::index_error("no such hits");
  return nb::cast(Array<T>(values.data() + first, {count}, owner));
}

nb::object keys_of(nb::handle_t<PyHits> self, size_t first, size_t count) {
  const ColumnData& keys = nb::cast<const PyHits&>(self).hits().keys;
  if (keys.type == Type::kInt64) return to_array(self, keys.ints, first, count);
  nb::list result;
  for (size_t i = first; i < first + count; ++i) {
    const std::string_view key = keys.string_at(i);
    result.append(nb::str(key.data(), key.size()));
  }
  return result;
}

}  // namespace

PyHits search(const Table& table, nb::handle vectors, SearchQuery query, std::optional<unsigned> threads) {
  const VectorOptions options = searched_options(table.schema(), query.column);
  const bool of_bits = options.element == Element::kBit;
  const QueryBuffer buffer(vectors, of_bits);
  if (of_bits) {
    query.bits = buffer.bits();
  } else {
    query.vectors = buffer.floats();
  }
  query.query_count = buffer.vector_count();
  query.threads = threads.value_or(buffer.single() ? 1 : 0);
  Result<Hits> hits = without_gil([&] { return table.search(query); });
  return {unwrap(std::move(hits), Failure::Of::kQuery), table, options.metric, buffer.single()};
}

void bind_hits(nb::module_& module) {
  nb::class_<PyHits>(module, "Hits", "The hits of all queries of one search, one after the other.")
      .def("__len__", [](const PyHits& self) { return self.hits().rows.size(); })
      .def_prop_ro("single", &PyHits::single, "True when the query was one vector, not an array of them.")
      .def_prop_ro("metric", [](const PyHits& self) { return to_string(self.metric()); })
      .def_prop_ro("query_count", [](const PyHits& self) { return self.hits().query_count(); })
      .def_prop_ro(
          "offsets",
          [](nb::handle_t<PyHits> self) {
            const std::vector<uint32_t>& offsets = nb::cast<const PyHits&>(self).hits().offsets;
            return to_array(self, offsets, 0, offsets.size());
          },
          nb::sig("def offsets(self) -> numpy.typing.NDArray[numpy.uint32]"),
          "Hits of query i are offsets[i] .. offsets[i + 1].")
      .def(
          "range",
          [](const PyHits& self, size_t query) {
            const std::vector<uint32_t>& offsets = self.hits().offsets;
            if (query >= self.hits().query_count()) throw nb::index_error("no such query");
            return nb::make_tuple(offsets[query], offsets[query + 1]);
          },
          nb::arg("query"), nb::sig("def range(self, query: int) -> tuple[int, int]"),
          "Where the hits of this query begin and end.")
      .def(
          "distances",
          [](nb::handle_t<PyHits> self, size_t first, size_t count) {
            return to_array(self, nb::cast<const PyHits&>(self).hits().distances, first, count);
          },
          nb::arg("first"), nb::arg("count"),
          nb::sig("def distances(self, first: int, count: int) -> numpy.typing.NDArray[numpy.float32]"),
          "A view, not a copy.")
      .def("keys", &keys_of, nb::arg("first"), nb::arg("count"),
           nb::sig("def keys(self, first: int, count: int) -> numpy.typing.NDArray[numpy.int64] | list[str]"),
           "Integer keys as a view, strings as a list.")
      .def(
          "fetch",
          [](const PyHits& self, size_t first, size_t count, const std::vector<std::string>& columns) {
            const Hits& hits = self.hits();
            const Table& table = self.table();
            Result<Batch> batch = without_gil([&] { return table.fetch(hits, first, count, columns); });
            return PyBatch(unwrap(std::move(batch)));
          },
          nb::arg("first"), nb::arg("count"), nb::arg("columns"),
          "Columns of these hits, as they were in the version that was searched.");
}

}  // namespace omendb::python
