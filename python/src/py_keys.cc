#include "py_keys.h"

#include "failure.h"

#include <algorithm>
#include <string>
#include <utility>

namespace nb = nanobind;

namespace omendb::python {
namespace {

Failure wrong_key(ErrorCode code, const ColumnSpec& spec, size_t position, std::string_view problem) {
  return Failure(
      {code, "key " + std::to_string(position) + " for column '" + spec.name + "': " + std::string(problem)});
}

const ColumnSpec& key_column(const Schema& schema) {
  return *std::find_if(schema.columns.begin(), schema.columns.end(),
                       [](const ColumnSpec& spec) { return spec.primary_key; });
}

}  // namespace

PyKeys::PyKeys(const Schema& schema, nb::list keys) : keys_(std::move(keys)) {
  const ColumnSpec& spec = key_column(schema);
  size_t position = 0;
  for (const nb::handle key : keys_) add(spec, key, position++);
}

void PyKeys::add(const ColumnSpec& spec, nb::handle key, size_t position) {
  const bool wants_text = spec.type == Type::kString;
  if (wants_text != PyUnicode_Check(key.ptr()) || PyBool_Check(key.ptr()) ||
      (!wants_text && !PyIndex_Check(key.ptr()))) {
    throw wrong_key(ErrorCode::kSchema, spec, position,
                    std::string("a ") + (wants_text ? "str" : "int") + " is needed, not " + nb::inst_name(key).c_str());
  }
  if (wants_text) {
    Py_ssize_t size_bytes = 0;
    const char* text = PyUnicode_AsUTF8AndSize(key.ptr(), &size_bytes);
    if (text == nullptr) {
      PyErr_Clear();
      throw wrong_key(ErrorCode::kInvalidArgument, spec, position, "not valid Unicode (a lone surrogate)");
    }
    strings_.emplace_back(text, static_cast<size_t>(size_bytes));
    return;
  }
  const nb::object number = nb::steal(PyNumber_Index(key.ptr()));
  if (!number.is_valid()) throw nb::python_error();
  int overflow = 0;
  const int64_t value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
  if (overflow != 0) throw wrong_key(ErrorCode::kInvalidArgument, spec, position, "does not fit into 64 bits");
  ints_.push_back(value);
}

}  // namespace omendb::python
