#include "py_schema.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "failure.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace nb = nanobind;

namespace omendb::python {
namespace {

constexpr std::array kTypes = {Type::kBool,   Type::kInt64,      Type::kFloat64, Type::kTimestamp,
                               Type::kString, Type::kStringList, Type::kJson,    Type::kText,
                               Type::kVector, Type::kVectors,    Type::kSparse};
constexpr std::array kMetrics = {Metric::kL2, Metric::kCosine,  Metric::kInnerProduct,
                                 Metric::kL1, Metric::kHamming, Metric::kJaccard};
constexpr std::array kStorages = {VectorStorage::kAuto,   VectorStorage::kF32,   VectorStorage::kF16,
                                  VectorStorage::kBf16,   VectorStorage::kSq8,   VectorStorage::kPq,
                                  VectorStorage::kRabitq, VectorStorage::kBinary};

constexpr std::array<std::string_view, 3> kIndexModes = {"auto", "always", "never"};  // by their numbers

constexpr std::string_view kBits = "bits";  // vectors whose element is a bit have a word of their own

std::string_view type_word(const ColumnSpec& spec) {
  return spec.type == Type::kVector && spec.vector.element == Element::kBit ? kBits : to_string(spec.type);
}

// The enumerator whose name (as the engine spells it) is `word`.
template <typename Values>
typename Values::value_type named(const Values& values, std::string_view word, std::string_view what) {
  std::string known;
  for (const auto value : values) {
    if (to_string(value) == word) return value;
    known += (known.empty() ? "" : ", ") + std::string(to_string(value));
  }
  throw Failure(
      {ErrorCode::kSchema, "there is no " + std::string(what) + " '" + std::string(word) + "'; there are: " + known});
}

}  // namespace

void bind_schema(nb::module_& module) {
  nb::class_<ColumnSpec>(module, "Column", "One column of a table's schema.")
      .def(
          "__init__",
          [](ColumnSpec* self, std::string name, std::string_view type, bool primary_key) {
            new (self) ColumnSpec{.name = std::move(name),
                                  .type = type == kBits ? Type::kVector : named(kTypes, type, "column type"),
                                  .primary_key = primary_key};
            if (type == kBits) self->vector = {.metric = Metric::kHamming, .element = Element::kBit};
          },
          nb::arg("name"), nb::arg("type"), nb::arg("primary_key") = false)
      .def_ro("name", &ColumnSpec::name)
      .def_ro("primary_key", &ColumnSpec::primary_key)
      .def_prop_ro("type", &type_word)
      .def_prop_rw(
          "dims", [](const ColumnSpec& self) { return self.vector.dims; },
          [](ColumnSpec& self, uint32_t dims) { self.vector.dims = dims; })
      .def_prop_rw(
          "metric", [](const ColumnSpec& self) { return to_string(self.vector.metric); },
          [](ColumnSpec& self, std::string_view metric) { self.vector.metric = named(kMetrics, metric, "metric"); })
      .def_prop_rw(
          "m", [](const ColumnSpec& self) { return self.vector.m; },
          [](ColumnSpec& self, uint32_t m) { self.vector.m = m; })
      .def_prop_rw(
          "ef_construction", [](const ColumnSpec& self) { return self.vector.ef_construction; },
          [](ColumnSpec& self, uint32_t beam) { self.vector.ef_construction = beam; })
      .def_prop_rw(
          "storage", [](const ColumnSpec& self) { return to_string(self.vector.storage); },
          [](ColumnSpec& self, std::string_view storage) {
            self.vector.storage = named(kStorages, storage, "vector storage");
          })
      .def_prop_rw(
          "storage_bits", [](const ColumnSpec& self) { return self.vector.storage_bits; },
          [](ColumnSpec& self, uint8_t bits) { self.vector.storage_bits = bits; })
      .def_prop_rw(
          "analyzer", [](const ColumnSpec& self) { return self.text.analyzer; },
          [](ColumnSpec& self, std::string analyzer) { self.text.analyzer = std::move(analyzer); })
      .def_prop_rw(
          "k1", [](const ColumnSpec& self) { return self.text.k1; },
          [](ColumnSpec& self, double k1) { self.text.k1 = k1; })
      .def_prop_rw(
          "b", [](const ColumnSpec& self) { return self.text.b; }, [](ColumnSpec& self, double b) { self.text.b = b; })
      .def_prop_rw(
          "index_mode", [](const ColumnSpec& self) { return kIndexModes[static_cast<size_t>(self.index.mode)]; },
          [](ColumnSpec& self, std::string_view mode) {
            const auto found = std::find(kIndexModes.begin(), kIndexModes.end(), mode);
            if (found == kIndexModes.end())
              throw Failure({ErrorCode::kSchema, "an index is auto, always or never, not '" + std::string(mode) + "'"});
            self.index.mode = static_cast<IndexMode>(found - kIndexModes.begin());
          })
      .def_prop_rw(
          "index_paths", [](const ColumnSpec& self) { return self.index.paths; },
          [](ColumnSpec& self, std::vector<std::string> paths) { self.index.paths = std::move(paths); });
}

}  // namespace omendb::python
