#include "failure.h"

#include <nanobind/nanobind.h>

#include <utility>

namespace nb = nanobind;

namespace omendb::python {
namespace {

void translate(const std::exception_ptr& thrown, void* /*payload*/) {
  try {
    std::rethrow_exception(thrown);
  } catch (const Failure& failure) {
    const nb::object make = nb::module_::import_("omendb._errors").attr("from_code");
    const nb::object raised =
        make(static_cast<int>(failure.error().code), nb::str(failure.what()), failure.of() == Failure::Of::kQuery);
    PyErr_SetObject(raised.type().ptr(), raised.ptr());
  }
}

}  // namespace

void raise(Error error, Failure::Of of) {
  if (PyErr_Occurred() != nullptr) nb::raise_python_error();  // of a signal handler; another stop may have come first
  throw Failure(std::move(error), of);
}

void register_failures() { nb::register_exception_translator(&translate); }

}  // namespace omendb::python
