#pragma once

// omendb.Map and what belongs to it. Types of Python's C interface rather than of nanobind: a lookup is a slot of the type, and an object is one block.

#include <nanobind/nanobind.h>

#include "map_version.h"

#include <cstdint>
#include <new>
#include <type_traits>

namespace omendb::python {

struct PyMap {
  PyObject_HEAD PyObject* weak_references;
  Py_hash_t hash;  // -1: not asked for yet
  Version version;
};

extern PyTypeObject* map_type;

inline bool is_map(PyObject* object) { return Py_IS_TYPE(object, map_type) != 0; }
inline PyMap* as_map(PyObject* self) { return reinterpret_cast<PyMap*>(self); }
inline const Trie& trie_of(PyObject* map) { return as_map(map)->version.trie; }

// A new reference to a Map of what the draft holds. Raised without memory.
PyObject* to_map(Draft& draft);

// A draft as Python sees it, map_draft.cc. A new reference; Raised without memory.
PyObject* new_draft(PyMap& from);

enum class Part : uint8_t { kKeys, kValues, kItems };
// An iterator over a Map, map_iterator.cc. A new reference, or nullptr with an error set.
PyObject* new_iterator(PyObject* map, Part part);

// Runs what may throw; then the Python error is set and the result is what tells Python so.
template <typename Call>
auto raising(Call&& call) noexcept -> decltype(call()) {
  using Result = decltype(call());
  try {
    return call();
  } catch (const Raised&) {
    // set where it was thrown
  } catch (nanobind::python_error& error) {
    error.restore();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  }
  if constexpr (std::is_pointer_v<Result>) {
    return nullptr;
  } else {
    return Result{-1};
  }
}

[[noreturn]] void raise_key_error(PyObject* key);
// TypeError unless a METH_FASTCALL method was given least to most arguments.
void check_argument_count(const char* method, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most);

// For method tables: any of the signatures that PyMethodDef's flags name.
template <typename Function>
PyCFunction as_method(Function function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

void bind_map(nanobind::module_& module);
void bind_map_draft(nanobind::module_& module);
void bind_map_iterator(nanobind::module_& module);

}  // namespace omendb::python
