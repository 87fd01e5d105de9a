// omendb.MapDraft: a Map while it is being changed.

#include "map_pairs.h"
#include "py_map.h"

#include <memory>

namespace nb = nanobind;

namespace omendb::python {
namespace {

struct PyMapDraft {
  PyObject_HEAD Draft draft;
  PyObject* map;  // the finished one, or nullptr
  size_t calls;   // that are looking into the draft now: more than one when comparing keys runs code that uses it
};

PyTypeObject* draft_type = nullptr;

PyMapDraft* as_draft(PyObject* self) { return reinterpret_cast<PyMapDraft*>(self); }

// One call that looks into the draft or changes it. Raised when the draft is finished, or changed while another call looks.
class Reading {
 public:
  explicit Reading(PyObject* self) : self_(*as_draft(self)) {
    if (self_.draft.finished()) {
      PyErr_SetString(PyExc_ValueError, "the draft is finished: its map is what finish() returns");
      throw Raised();
    }
    ++self_.calls;
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;
  ~Reading() { --self_.calls; }
  Draft* operator->() const { return &self_.draft; }
  Draft& operator*() const { return self_.draft; }

 protected:
  PyMapDraft& self_;
};

class Writing : private Burial, public Reading {  // in this order: what dies at the end may use the draft again
 public:
  explicit Writing(PyObject* self) : Reading(self) {
    if (self_.calls == 1) return;
    PyErr_SetString(PyExc_RuntimeError, "the draft was changed while one of its keys was being compared");
    throw Raised();
  }
};

Py_ssize_t length(PyObject* self) {
  return raising([&] { return static_cast<Py_ssize_t>(Reading(self)->size()); });
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return raising([&] {
    const KeyView view = view_of(key);
    const Value* const found = Reading(self)->find(view);
    if (found == nullptr) raise_key_error(key);
    return Py_NewRef(found->object());
  });
}

int contains(PyObject* self, PyObject* key) {
  return raising([&] {
    const KeyView view = view_of(key);
    return Reading(self)->find(view) != nullptr ? 1 : 0;
  });
}

// draft[key] = value; del draft[key] where value is nullptr.
int assign(PyObject* self, PyObject* key, PyObject* value) {
  return raising([&] {
    const KeyView view = view_of(key);
    const Writing draft(self);
    if (value != nullptr) {
      draft->put(view, value);
    } else if (!draft->erase(view)) {
      raise_key_error(key);
    }
    return 0;
  });
}

PyObject* get(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return raising([&] {
    check_argument_count("get", count, 1, 2);
    const KeyView view = view_of(arguments[0]);
    const Value* const found = Reading(self)->find(view);
    return Py_NewRef(found != nullptr ? found->object() : count == 2 ? arguments[1] : Py_None);
  });
}

PyObject* pop(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return raising([&] {
    check_argument_count("pop", count, 1, 2);
    const KeyView view = view_of(arguments[0]);
    const Writing draft(self);
    const Value* const found = draft->find(view);
    if (found == nullptr && count == 1) raise_key_error(arguments[0]);
    if (found == nullptr) return Py_NewRef(arguments[1]);
    nb::object value = nb::borrow(found->object());
    draft->erase(KeyView(found->key()));
    return value.release().ptr();
  });
}

PyObject* update(PyObject* self, PyObject* arguments, PyObject* keywords) {
  return raising([&] {
    static_cast<void>(Reading(self));  // a finished draft takes nothing, not even nothing
    each_pair(Sources("update", arguments, keywords),
              [&](const KeyView& key, PyObject* value) { Writing(self)->put(key, value); });
    return Py_NewRef(Py_None);
  });
}

PyObject* finish(PyObject* self, PyObject* /*unused*/) {
  return raising([&] {
    PyMapDraft& draft = *as_draft(self);
    if (draft.map == nullptr) draft.map = to_map(*Writing(self));
    return Py_NewRef(draft.map);
  });
}

PyObject* enter(PyObject* self, PyObject* /*unused*/) {
  return raising([&] {
    static_cast<void>(Reading(self));
    return Py_NewRef(self);
  });
}

PyObject* exit(PyObject* self, PyObject* const* /*arguments*/, Py_ssize_t /*count*/) {
  const nb::object map = nb::steal(finish(self, nullptr));
  return map.is_valid() ? Py_NewRef(Py_None) : nullptr;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_draft(self)->map);
  return as_draft(self)->draft.traverse(visit, arg);
}

int clear(PyObject* self) {
  const Burial burial;
  as_draft(self)->draft.abandon();
  Py_CLEAR(as_draft(self)->map);
  return 0;
}

void dealloc(PyObject* self) {
  const Burial burial;
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  clear(self);
  std::destroy_at(&as_draft(self)->draft);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"get", as_method(&get), METH_FASTCALL,
     "get($self, key, default=None, /)\n--\n\nThe value of the key, or `default` where it is missing."},
    {"pop", as_method(&pop), METH_FASTCALL,
     "pop(key[, default])\n\nRemoves the key and returns its value; where it is missing `default`, or KeyError."},
    {"update", as_method(&update), METH_VARARGS | METH_KEYWORDS,
     "update($self, other=(), /, **kwargs)\n--\n\nSets what a mapping or an iterable of (key, value) pairs holds. When "
     "it raises, the pairs before the "
     "failing one stay set, as in a dict."},
    {"finish", &finish, METH_NOARGS,
     "finish($self, /)\n--\n\nThe draft as a Map. O(1). From then on the draft only gives this Map again; every other "
     "use raises ValueError."},
    {"__enter__", &enter, METH_NOARGS, nullptr},
    {"__exit__", as_method(&exit), METH_FASTCALL, "Finishes the draft, also when the block raised."},
    {"__class_getitem__", &Py_GenericAlias, METH_O | METH_CLASS, "MapDraft[K, V], for annotations."},
    {nullptr, nullptr, 0, nullptr}};

constexpr const char* kDoc =
    "A Map while many changes are made to it, at about the price of changing a dict; Map.mutate() makes one.\n\n"
    "    with map.mutate() as draft:\n"
    "        draft[\"b\"] = 2\n"
    "    map = draft.finish()\n\n"
    "The map that it was made from stays as it is. Not iterable. Code that runs while keys are compared (their __eq__, "
    "another thread) can not change "
    "it: RuntimeError.";

}  // namespace

PyObject* new_draft(PyMap& from) {
  ShareRef share = from.version.share_out();
  PyMapDraft* const self = PyObject_GC_New(PyMapDraft, draft_type);
  if (self == nullptr) throw Raised();
  new (&self->draft) Draft(std::move(share), from.version.trie);
  self->map = nullptr;
  self->calls = 0;
  PyObject* const object = reinterpret_cast<PyObject*>(self);
  PyObject_GC_Track(object);
  return object;
}

void bind_map_draft(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(kDoc)},
                                {Py_mp_length, reinterpret_cast<void*>(&length)},
                                {Py_mp_subscript, reinterpret_cast<void*>(&subscript)},
                                {Py_mp_ass_subscript, reinterpret_cast<void*>(&assign)},
                                {Py_sq_contains, reinterpret_cast<void*>(&contains)},
                                {Py_tp_methods, methods},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                                {Py_tp_clear, reinterpret_cast<void*>(&clear)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)},
                                {0, nullptr}};
  static PyType_Spec spec = {"omendb.MapDraft", sizeof(PyMapDraft), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  draft_type = make_type(module, spec);
  module.attr("MapDraft") = nb::handle(reinterpret_cast<PyObject*>(draft_type));
}

}  // namespace omendb::python
