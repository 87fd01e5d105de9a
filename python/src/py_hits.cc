#include "py_hits.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "py_batch.h"
#include "py_text.h"

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
  QueryBuffer(nb::handle object, bool of_bits) : of_bits_(of_bits) {
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

  // One of the two is empty.
  std::span<const float> floats() const {
    if (of_bits_) return {};
    return {static_cast<const float*>(view_.buf), static_cast<size_t>(view_.len) / sizeof(float)};
  }
  std::span<const uint8_t> bits() const {
    if (!of_bits_) return {};
    return {static_cast<const uint8_t*>(view_.buf), static_cast<size_t>(view_.len)};
  }
  bool single() const { return view_.ndim == 1; }
  size_t vector_count() const { return single() ? 1 : static_cast<size_t>(view_.shape[0]); }

 private:
  bool of_bits_;
  Py_buffer view_{};
};

// The column that is searched: the one of this name, or the only vector column; null where the search will say that there is none.
const ColumnSpec* searched_column(const Schema& schema, std::string_view column) {
  const auto searched = [&](const ColumnSpec& spec) {
    return (spec.type == Type::kVector || spec.type == Type::kVectors) && (column.empty() || spec.name == column);
  };
  const auto found = std::find_if(schema.columns.begin(), schema.columns.end(), searched);
  return found == schema.columns.end() ? nullptr : &*found;
}

template <typename T>
nb::object to_array(nb::handle owner, const std::vector<T>& values, size_t first, size_t count) {
  if (first > values.size() || count > values.size() - first) throw nb::index_error("no such hits");
  return nb::cast(Array<T>(values.data() + first, {count}, owner));
}

template <std::vector<float> Hits::*kValues>
nb::object floats_of(nb::handle_t<PyHits> self, size_t first, size_t count) {
  return to_array(self, nb::cast<const PyHits&>(self).hits().*kValues, first, count);
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

namespace {

// A query as a buffer of what the column that is searched holds.
QueryBuffer query_buffer(const Table& table, nb::handle vectors, const SearchQuery& query) {
  const ColumnSpec* column = searched_column(table.schema(), query.column);
  if (column != nullptr && column->type == Type::kVectors && query.vector_counts.empty())
    throw nb::buffer_error("not a query of several vectors");
  return {vectors, column != nullptr && column->vector.element == Element::kBit};
}

void set_vectors(const QueryBuffer& buffer, SearchQuery& query) {
  query.vectors = buffer.floats();
  query.bits = buffer.bits();
  query.query_count = query.vector_counts.empty() ? buffer.vector_count() : query.vector_counts.size();
}

}  // namespace

PyHits search(const Table& table, nb::handle vectors, SearchQuery query, std::optional<unsigned> threads, bool single) {
  const QueryBuffer buffer = query_buffer(table, vectors, query);
  set_vectors(buffer, query);
  if (query.vector_counts.empty()) single = buffer.single();
  query.threads = threads.value_or(single ? 1 : 0);
  Result<Hits> hits = without_gil([&] { return table.search(query); });
  return {unwrap(std::move(hits), Failure::Of::kQuery), table, single};
}

PyHits search(const Table& table, const SearchQuery& query) {
  Result<Hits> hits = without_gil([&] { return table.search(query); });
  return {unwrap(std::move(hits), Failure::Of::kQuery), table, true};
}

std::string explain(const Table& table, nb::handle vectors, SearchQuery query, bool analyze) {
  const auto run = [&] {
    return unwrap(without_gil([&] { return table.explain(query, analyze); }), Failure::Of::kQuery);
  };
  if (vectors.is_none() && (query.text || query.text_query || query.sparse || !query.where.text.empty())) return run();
  const QueryBuffer buffer = query_buffer(table, vectors, query);
  set_vectors(buffer, query);
  return run();
}

namespace {

// (begin, end) of the words of a query in texts of a column, a list a hit.
nb::list highlight(const PyHits& self, size_t first, size_t count, std::string_view column, const PyTextSearch& text) {
  const Hits& hits = self.hits();
  const Table& table = self.table();
  SearchQuery query;
  text.add_to(query);
  nb::list result;
  for (const auto& ranges :
       unwrap(without_gil([&] { return table.highlight(hits, first, count, column, query); }), Failure::Of::kQuery)) {
    nb::list words;
    for (const TextRange& range : ranges) words.append(nb::make_tuple(range.begin_byte, range.end_byte));
    result.append(words);
  }
  return result;
}

}  // namespace

void bind_hits(nb::module_& module) {
  nb::class_<PyHits>(module, "Hits", "The hits of all queries of one search, one after the other.")
      .def("__len__", [](const PyHits& self) { return self.hits().rows.size(); })
      .def_prop_ro("single", &PyHits::single, "True when the query was one vector, not an array of them.")
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
      .def("distances", &floats_of<&Hits::distances>, nb::arg("first"), nb::arg("count"),
           nb::sig("def distances(self, first: int, count: int) -> numpy.typing.NDArray[numpy.float32]"),
           "A view, not a copy.")
      .def("scores", &floats_of<&Hits::scores>, nb::arg("first"), nb::arg("count"),
           nb::sig("def scores(self, first: int, count: int) -> numpy.typing.NDArray[numpy.float32]"),
           "A view, not a copy.")
      .def("text_scores", &floats_of<&Hits::text_scores>, nb::arg("first"), nb::arg("count"),
           nb::sig("def text_scores(self, first: int, count: int) -> numpy.typing.NDArray[numpy.float32]"),
           "A view, not a copy.")
      .def("sparse_scores", &floats_of<&Hits::sparse_scores>, nb::arg("first"), nb::arg("count"),
           nb::sig("def sparse_scores(self, first: int, count: int) -> numpy.typing.NDArray[numpy.float32]"),
           "A view, not a copy.")
      .def(
          "rearranged",
          [](const PyHits& self, const std::vector<uint32_t>& order, const std::vector<float>& scores) {
            return PyHits(unwrap(self.table().rearrange(self.hits(), order, scores)), self.table(), true);
          },
          nb::arg("order"), nb::arg("scores"), "Some of the hits of one query in another order, with other scores.")
      .def("highlight", &highlight, nb::arg("first"), nb::arg("count"), nb::arg("column"), nb::arg("text"),
           nb::sig("def highlight(self, first: int, count: int, column: str, text: TextSearch) -> "
                   "list[list[tuple[int, int]]]"),
           "Where the words of a query stand in texts of a column: first byte and the one behind the last, a list a "
           "hit.")
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
