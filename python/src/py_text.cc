#include "py_text.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include <string_view>

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

void make(PyTextSearch* self, std::optional<std::string> text, std::optional<std::string> query,
          std::vector<std::pair<std::string, double>> columns, std::string_view method,
          std::pair<double, double> weights, size_t candidates, size_t offset, std::optional<float> min_score,
          std::string group_by) {
  const Fusion fusion{to_method(method), weights.first, weights.second, candidates};
  new (self) PyTextSearch(std::move(text), std::move(query), std::move(columns), fusion, offset, min_score,
                          std::move(group_by));
}

}  // namespace

void bind_text(nb::module_& module) {
  nb::class_<PyTextSearch>(module, "TextSearch",
                           "What a search looks for in texts, how it is fused with vectors, and which hits it returns.")
      .def("__init__", &make, nb::arg("text").none(), nb::arg("query").none(), nb::arg("columns"), nb::arg("method"),
           nb::arg("weights"), nb::arg("candidates"), nb::arg("offset"), nb::arg("min_score").none(),
           nb::arg("group_by"));
}

}  // namespace omendb::python
