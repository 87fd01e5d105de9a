#include "py_batch.h"

#include <nanobind/ndarray.h>

#include "arrow_out.h"
#include "failure.h"

#include <memory>
#include <string_view>
#include <utility>

namespace nb = nanobind;

namespace omendb::python {
namespace {

nb::object to_str(std::string_view text) {
  return nb::steal(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "strict"));
}

// Turns the values of one column into Python objects. What a column needs of Python's modules is looked up once.
class ValueMaker {
 public:
  ValueMaker(const std::shared_ptr<const Batch>& batch, const ColumnData& column) : column_(column) {
    if (column.type == Type::kJson) parse_json_ = nb::module_::import_("json").attr("loads");
    if (column.type == Type::kTimestamp) prepare_timestamps();
    if (column.type == Type::kVector || column.type == Type::kVectors) {
      owner_ = nb::capsule(new std::shared_ptr<const Batch>(batch),
                           [](void* kept) noexcept { delete static_cast<std::shared_ptr<const Batch>*>(kept); });
    }
  }

  nb::object at(size_t row) const {
    if (column_.is_null(row)) return nb::none();
    switch (column_.type) {
      case Type::kBool: return nb::bool_(column_.bools[row] != 0);
      case Type::kInt64: return nb::int_(column_.ints[row]);
      case Type::kFloat64: return nb::float_(column_.doubles[row]);
      case Type::kTimestamp: return timestamp(column_.ints[row]);
      case Type::kString:
      case Type::kText: return checked(to_str(column_.string_at(row)));
      case Type::kJson: return parse_json_(checked(to_str(column_.string_at(row))));
      case Type::kStringList: return strings(row);
      case Type::kVector: return vector(row);
      case Type::kVectors: return vectors(row);
      case Type::kSparse: return pairs(row);
    }
    return nb::none();
  }

 private:
  static nb::object checked(nb::object text) {
    if (!text.is_valid()) throw nb::python_error();
    return text;
  }

  void prepare_timestamps() {
    const nb::module_ datetime = nb::module_::import_("datetime");
    make_timedelta_ = datetime.attr("timedelta");
    const nb::object utc = datetime.attr("timezone").attr("utc");
    epoch_ = datetime.attr("datetime")(1970, 1, 1, nb::arg("tzinfo") = utc);
  }

  nb::object timestamp(int64_t microseconds) const {
    try {
      return epoch_ + make_timedelta_(0, 0, microseconds);
    } catch (const nb::python_error& error) {
      if (!error.matches(PyExc_OverflowError)) throw;
    }
    return nb::module_::import_("numpy").attr("datetime64")(microseconds, "us");
  }

  nb::object strings(size_t row) const {
    nb::list result;
    for (int64_t i = column_.list_offsets[row]; i < column_.list_offsets[row + 1]; ++i) {
      result.append(checked(to_str(column_.string_at(static_cast<size_t>(i)))));
    }
    return result;
  }

  nb::object pairs(size_t row) const {
    nb::dict result;
    for (auto i = static_cast<size_t>(column_.list_offsets[row]);
         i < static_cast<size_t>(column_.list_offsets[row + 1]); ++i) {
      result[nb::int_(column_.uints[i])] = nb::float_(column_.floats[i]);
    }
    return result;
  }

  nb::object vector(size_t row) const {
    if (!column_.bits.empty()) {
      const size_t row_bytes = (column_.dims + 7) / 8;
      return nb::cast(nb::ndarray<nb::numpy, const uint8_t, nb::ndim<1>>(column_.bits.data() + row * row_bytes,
                                                                         {row_bytes}, owner_));
    }
    const float* components = column_.floats.data() + row * column_.dims;
    return nb::cast(nb::ndarray<nb::numpy, const float, nb::ndim<1>>(components, {column_.dims}, owner_));
  }

  nb::object vectors(size_t row) const {
    const auto first = static_cast<size_t>(column_.list_offsets[row]);
    const auto last = static_cast<size_t>(column_.list_offsets[row + 1]);
    const float* components = column_.floats.data() + first * column_.dims;
    return nb::cast(nb::ndarray<nb::numpy, const float, nb::ndim<2>>(components, {last - first, column_.dims}, owner_));
  }

  const ColumnData& column_;
  nb::object parse_json_;
  nb::object make_timedelta_;
  nb::object epoch_;
  nb::object owner_;
};

template <typename Struct>
void release_capsule(void* pointer) noexcept {
  auto* exported = static_cast<Struct*>(pointer);
  if (exported->release != nullptr) exported->release(exported);
  delete exported;
}

template <typename Struct, typename Fill>
nb::capsule make_capsule(const char* name, Fill&& fill) {
  auto exported = std::make_unique<Struct>();
  fill(*exported);
  return nb::capsule(exported.release(), name, &release_capsule<Struct>);
}

}  // namespace

nb::tuple PyBatch::arrow_array() const {
  nb::capsule schema =
      make_capsule<ArrowSchema>("arrow_schema", [&](ArrowSchema& out) { export_schema(*batch_, out); });
  nb::capsule array = make_capsule<ArrowArray>("arrow_array", [&](ArrowArray& out) { export_array(batch_, out); });
  return nb::make_tuple(std::move(schema), std::move(array));
}

nb::list PyBatch::rows() const {
  nb::list result;
  for (size_t row = 0; row < batch_->row_count; ++row) result.append(nb::dict());
  for (const ColumnData& column : batch_->columns) {
    const ValueMaker maker(batch_, column);
    const nb::object name = to_str(column.name);
    for (size_t row = 0; row < batch_->row_count; ++row) nb::borrow<nb::dict>(result[row])[name] = maker.at(row);
  }
  return result;
}

nb::list PyBatch::values(size_t column) const {
  if (column >= batch_->columns.size()) throw nb::index_error("no such column");
  const ValueMaker maker(batch_, batch_->columns[column]);
  nb::list result;
  for (size_t row = 0; row < batch_->row_count; ++row) result.append(maker.at(row));
  return result;
}

void bind_batch(nb::module_& module) {
  nb::class_<PyBatch>(module, "Batch", "Rows that were read.")
      .def("__len__", &PyBatch::row_count)
      .def(
          "__arrow_c_array__",
          [](const PyBatch& self, const nb::object& /*requested_schema*/) { return self.arrow_array(); },
          nb::arg("requested_schema") = nb::none(),
          nb::sig("def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]"),
          "Arrow PyCapsule protocol: (schema, array); the columns are shared, not copied.")
      .def("rows", &PyBatch::rows, nb::sig("def rows(self) -> list[dict[str, typing.Any]]"),
           "Every row as a dictionary of Python objects.")
      .def("values", &PyBatch::values, nb::arg("column"), nb::sig("def values(self, column: int) -> list[typing.Any]"),
           "The values of the column at this position as Python objects.");
}

}  // namespace omendb::python
