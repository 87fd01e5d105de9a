#include "py_text.h"

#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <array>
#include <cstdint>
#include <string_view>
#include <tuple>

namespace nb = nanobind;

namespace omendb::python {
namespace {

Fusion::Method to_method(std::string_view name) {
  if (name == "rrf") return Fusion::Method::kReciprocalRank;
  if (name == "relative") return Fusion::Method::kRelative;
  if (name == "distribution") return Fusion::Method::kDistribution;
  if (name == "filter") return Fusion::Method::kTextFilters;
  throw nb::value_error("no such way to fuse");
}

using Sparse = std::tuple<std::vector<uint32_t>, std::vector<float>, std::string>;

void make(PyTextSearch* self, std::optional<std::string> text, std::optional<std::string> query,
          std::vector<std::pair<std::string, double>> columns, std::optional<Sparse> sparse, std::string_view method,
          const std::array<double, 3>& weights, size_t candidates, size_t offset, std::optional<float> min_score,
          std::string group_by) {
  const Fusion fusion{to_method(method), weights[0], weights[1], candidates, weights[2]};
  std::optional<PySparseQuery> pairs;
  if (sparse) {
    auto& [indexes, pair_weights, column] = *sparse;
    pairs = {std::move(indexes), std::move(pair_weights), std::move(column)};
  }
  new (self) PyTextSearch(std::move(text), std::move(query), std::move(columns), std::move(pairs), fusion, offset,
                          min_score, std::move(group_by));
}

}  // namespace

void bind_text(nb::module_& module) {
  nb::class_<PyTextSearch>(
      module, "TextSearch",
      "What a search looks for in texts and sparse vectors, how that is fused with vectors, and which hits it "
      "returns.")
      .def("__init__", &make, nb::arg("text").none(), nb::arg("query").none(), nb::arg("columns"),
           nb::arg("sparse").none(), nb::arg("method"), nb::arg("weights"), nb::arg("candidates"), nb::arg("offset"),
           nb::arg("min_score").none(), nb::arg("group_by"));
}

}  // namespace omendb::python
