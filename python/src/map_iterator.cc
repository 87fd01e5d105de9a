// Iterators over a Map: of keys, values or items. They hold their version, which never changes.

#include "py_map.h"

#include <memory>

namespace nb = nanobind;

namespace omendb::python {
namespace {

struct PyMapIterator {
  PyObject_HEAD PyObject* map;  // nullptr after the last entry
  Trie::const_iterator next;
  size_t left;
  Part part;
};

PyTypeObject* iterator_type = nullptr;

PyMapIterator* as_iterator(PyObject* self) { return reinterpret_cast<PyMapIterator*>(self); }

// Owns both: making the tuple may run the collector, and that code which uses up this iterator and drops its map.
PyObject* pair(const nb::object& key, const nb::object& value) { return PyTuple_Pack(2, key.ptr(), value.ptr()); }

int clear(PyObject* self) {
  as_iterator(self)->left = 0;
  Py_CLEAR(as_iterator(self)->map);
  return 0;
}

PyObject* next(PyObject* self) {
  PyMapIterator& iterator = *as_iterator(self);
  if (iterator.left == 0) {
    clear(self);
    return nullptr;
  }
  const Trie::value_type& entry = *iterator.next;
  ++iterator.next;
  --iterator.left;
  switch (iterator.part) {
    case Part::kKeys: return Py_NewRef(entry.key.object);
    case Part::kValues: return Py_NewRef(entry.value.object());
    case Part::kItems: return pair(nb::borrow(entry.key.object), nb::borrow(entry.value.object()));
  }
  return nullptr;
}

PyObject* length_hint(PyObject* self, PyObject* /*unused*/) { return PyLong_FromSize_t(as_iterator(self)->left); }

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_iterator(self)->map);
  return 0;
}

void dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  std::destroy_at(&as_iterator(self)->next);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {{"__length_hint__", &length_hint, METH_NOARGS, "How many are still to come."},
                         {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* new_iterator(PyObject* map, Part part) {
  PyMapIterator* const self = PyObject_GC_New(PyMapIterator, iterator_type);
  if (self == nullptr) return nullptr;
  self->map = Py_NewRef(map);
  new (&self->next) Trie::const_iterator(trie_of(map).begin());
  self->left = trie_of(map).size();
  self->part = part;
  PyObject* const object = reinterpret_cast<PyObject*>(self);
  PyObject_GC_Track(object);
  return object;
}

void bind_map_iterator(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("Iterates over the keys, values or items of a Map.")},
                                {Py_tp_iter, reinterpret_cast<void*>(&PyObject_SelfIter)},
                                {Py_tp_iternext, reinterpret_cast<void*>(&next)},
                                {Py_tp_methods, methods},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)},
                                {0, nullptr}};
  static PyType_Spec spec = {"omendb._omendb.MapIterator", sizeof(PyMapIterator), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  iterator_type = make_type(module, spec);
}

}  // namespace omendb::python
