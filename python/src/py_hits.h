#pragma once

#include <nanobind/nanobind.h>

#include <omendb/table.h>

#include "handle.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace omendb::python {

// The hits of all queries of one search, flat. Keeps the version that was searched until it is freed.
class PyHits {
 public:
  PyHits(Hits hits, Table table, bool single) : found_({std::move(hits), std::move(table), single}) {}

  const Hits& hits() const { return found_->hits; }
  const Table& table() const { return found_->table; }
  bool single() const { return found_->single; }

 private:
  struct Found {
    Hits hits;
    Table table;
    bool single;  // the query was one vector, not an array of them
  };
  Handle<Found> found_;
};

// The nearest rows of one vector (one dimension) or several (two dimensions, row after row). Anything but an aligned C-contiguous buffer of float32, of
// bytes where the column holds bits, is a BufferError: the Python layer converts and calls again. No `threads`: one for a single vector, all cores for several.
// Where the query says how many vectors each query has (SearchQuery::vector_counts), `single` says whether it is one query.
PyHits search(const Table& table, nanobind::handle vectors, SearchQuery query, std::optional<unsigned> threads,
              bool single);
// By text or sparse vector alone.
PyHits search(const Table& table, const SearchQuery& query);

// What a search would do, or with `analyze` did, of at most one vector; `vectors` may be None beside a text or a sparse vector.
std::string explain(const Table& table, nanobind::handle vectors, SearchQuery query, bool analyze);

void bind_hits(nanobind::module_& module);

}  // namespace omendb::python
