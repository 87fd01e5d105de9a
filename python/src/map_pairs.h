#pragma once

// Where the entries of a Map come from: what dict() and dict.update() take.

#include "py_map.h"

namespace omendb::python {

// The one optional positional argument and the keyword arguments of `method`, checked.
struct Sources {
  Sources(const char* method, PyObject* arguments, PyObject* named) : keywords(named) {
    check_argument_count(method, PyTuple_Size(arguments), 0, 1);
    if (PyTuple_Size(arguments) == 1) positional = PyTuple_GetItem(arguments, 0);
  }
  bool has_keywords() const { return keywords != nullptr && PyDict_Size(keywords) > 0; }

  PyObject* positional = nullptr;  // borrowed, may be nullptr
  PyObject* keywords;
};

namespace detail {

template <typename Put>
void each_of_dict(PyObject* dict, Put& put) {
  const Py_ssize_t size = PyDict_Size(dict);
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  for (Py_ssize_t position = 0; PyDict_Next(dict, &position, &key, &value) != 0;) {
    const nanobind::object kept_key = nanobind::borrow(key);  // comparing keys may run code that changes the dict
    const nanobind::object kept_value = nanobind::borrow(value);
    put(view_of(key), value);
    if (PyDict_Size(dict) != size) {
      PyErr_SetString(PyExc_RuntimeError, "the dict changed its size while it was read");
      throw Raised();
    }
  }
}

template <typename Put>
void each_of_mapping(nanobind::handle mapping, Put& put) {
  for (const nanobind::handle key : mapping.attr("keys")()) {
    const nanobind::object value = nanobind::steal(PyObject_GetItem(mapping.ptr(), key.ptr()));
    if (!value.is_valid()) throw Raised();
    put(view_of(key.ptr()), value.ptr());
  }
}

template <typename Put>
void each_of_pairs(nanobind::handle pairs, Put& put) {
  Py_ssize_t index = 0;
  for (const nanobind::handle element : nanobind::iter(pairs)) {
    const nanobind::object pair = nanobind::steal(PySequence_Tuple(element.ptr()));
    if (!pair.is_valid() && PyErr_ExceptionMatches(PyExc_TypeError) == 0) throw Raised();
    if (!pair.is_valid()) {
      PyErr_Format(PyExc_TypeError, "element %zd is not a (key, value) pair", index);
      throw Raised();
    }
    const Py_ssize_t length = PyTuple_Size(pair.ptr());
    if (length != 2) {
      PyErr_Format(PyExc_ValueError, "element %zd has length %zd; a (key, value) pair is needed", index, length);
      throw Raised();
    }
    put(view_of(PyTuple_GetItem(pair.ptr(), 0)), PyTuple_GetItem(pair.ptr(), 1));
    ++index;
  }
}

}  // namespace detail

// Calls put(KeyView, value) for every pair. The references are borrowed and hold until put() returns.
template <typename Put>
void each_pair(PyObject* source, Put&& put) {
  if (is_map(source)) {
    for (const Trie::value_type& entry : trie_of(source)) put(entry.key, entry.value.object());
  } else if (PyDict_CheckExact(source) != 0) {
    detail::each_of_dict(source, put);
  } else if (PyObject_HasAttrString(source, "keys") != 0) {
    detail::each_of_mapping(source, put);
  } else {
    detail::each_of_pairs(source, put);
  }
}

template <typename Put>
void each_pair(const Sources& sources, Put&& put) {
  if (sources.positional != nullptr) each_pair(sources.positional, put);
  if (sources.has_keywords()) detail::each_of_dict(sources.keywords, put);
}

}  // namespace omendb::python
