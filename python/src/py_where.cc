#include "py_where.h"

#include <nanobind/stl/string.h>

#include <utility>

namespace nb = nanobind;

namespace omendb::python {
namespace {

Value to_value(nb::handle object) {
  if (object.is_none()) return {};
  if (nb::isinstance<nb::bool_>(object)) return {nb::cast<bool>(object)};
  if (nb::isinstance<nb::int_>(object)) {
    const long long whole = PyLong_AsLongLong(object.ptr());
    if (whole == -1 && PyErr_Occurred() != nullptr) nb::raise_python_error();
    return {int64_t{whole}};
  }
  if (nb::isinstance<nb::float_>(object)) return {nb::cast<double>(object)};
  if (nb::isinstance<nb::str>(object)) return {nb::cast<std::string>(object)};
  if (nb::isinstance<Timestamp>(object)) return {nb::cast<Timestamp>(object)};
  if (!nb::isinstance<nb::list>(object))
    throw nb::type_error("a parameter is None, a bool, an int, a float, a str, a Timestamp or a list of these");
  ValueList list;
  for (const nb::handle item : object) list.push_back(to_value(item));
  return {std::move(list)};
}

}  // namespace

PyWhere::PyWhere(nb::handle text, nb::handle params) {
  if (text.is_none()) return;
  text_ = nb::cast<std::string>(text);
  if (nb::isinstance<nb::dict>(params)) {
    for (const auto [name, value] : nb::borrow<nb::dict>(params))
      named_.push_back({names_.emplace_back(nb::cast<std::string>(name)), to_value(value)});
  } else if (!params.is_none()) {
    for (const nb::handle value : nb::borrow<nb::list>(params)) values_.push_back(to_value(value));
  }
  view_ = {.text = text_, .values = values_, .named = named_};
}

void bind_where(nb::module_& module) {
  nb::class_<Timestamp>(module, "Timestamp", "Microseconds since 1970-01-01 UTC, as a parameter.")
      .def(nb::init<int64_t>(), nb::arg("microseconds"))
      .def_rw("microseconds", &Timestamp::microseconds);
}

}  // namespace omendb::python
