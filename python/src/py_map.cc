#include "py_map.h"

#include <structmember.h>

#include "map_pairs.h"

#include <memory>

namespace nb = nanobind;

namespace omendb::python {

PyTypeObject* map_type = nullptr;

namespace {

// A class of omendb._map, the part of Map that is written in Python.
nb::object from_package(const char* name) { return nb::module_::import_("omendb._map").attr(name); }

// What became of `self`: the same object where nothing changed.
PyObject* to_map_unless_same(Draft& draft, PyObject* self) { return draft.changed() ? to_map(draft) : Py_NewRef(self); }

PyObject* make(PyTypeObject* /*type*/, PyObject* arguments, PyObject* keywords) {
  return raising([&] {
    const Sources sources("Map", arguments, keywords);
    if (sources.positional != nullptr && is_map(sources.positional) && !sources.has_keywords()) {
      return Py_NewRef(sources.positional);
    }
    const Burial burial;
    Draft draft;
    each_pair(sources, [&](const KeyView& key, PyObject* value) { draft.put(key, value); });
    return to_map(draft);
  });
}

// Reading.
Py_ssize_t length(PyObject* self) { return static_cast<Py_ssize_t>(trie_of(self).size()); }

PyObject* subscript(PyObject* self, PyObject* key) {
  return raising([&] {
    const Value* const found = trie_of(self).find(view_of(key));
    if (found == nullptr) raise_key_error(key);
    return Py_NewRef(found->object());
  });
}

int contains(PyObject* self, PyObject* key) {
  return raising([&] { return trie_of(self).contains(view_of(key)) ? 1 : 0; });
}

PyObject* get(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return raising([&] {
    check_argument_count("get", count, 1, 2);
    const Value* const found = trie_of(self).find(view_of(arguments[0]));
    return Py_NewRef(found != nullptr ? found->object() : count == 2 ? arguments[1] : Py_None);
  });
}

PyObject* iterate_keys(PyObject* self) { return new_iterator(self, Part::kKeys); }
PyObject* iterate_values(PyObject* self, PyObject* /*unused*/) { return new_iterator(self, Part::kValues); }
PyObject* iterate_items(PyObject* self, PyObject* /*unused*/) { return new_iterator(self, Part::kItems); }

template <const char* const& kView>
PyObject* view(PyObject* self, PyObject* /*unused*/) {
  return raising([&] { return from_package(kView)(nb::handle(self)).release().ptr(); });
}
constexpr const char* kKeysView = "MapKeys";
constexpr const char* kValuesView = "MapValues";
constexpr const char* kItemsView = "MapItems";

// Changing: each makes a version of its own.
PyObject* set(PyObject* self, PyObject* const* arguments, Py_ssize_t count) {
  return raising([&] {
    check_argument_count("set", count, 2, 2);
    KeyView key = view_of(arguments[0]);
    if (const Value* const found = trie_of(self).find(key)) {
      if (found->object() == arguments[1]) return Py_NewRef(self);
      key = found->key();  // known by identity from here on: its __eq__ is called once
    }
    const Burial burial;
    Draft draft(as_map(self)->version);
    draft.put(key, arguments[1]);
    return to_map(draft);
  });
}

PyObject* without(PyObject* self, PyObject* key, bool must_be_there) {
  return raising([&] {
    const KeyView view = view_of(key);
    const Burial burial;
    Draft draft(as_map(self)->version);
    if (!draft.erase(view) && must_be_there) raise_key_error(key);
    return to_map_unless_same(draft, self);
  });
}
PyObject* remove(PyObject* self, PyObject* key) { return without(self, key, true); }
PyObject* discard(PyObject* self, PyObject* key) { return without(self, key, false); }

PyObject* update(PyObject* self, PyObject* arguments, PyObject* keywords) {
  return raising([&] {
    const Sources sources("update", arguments, keywords);
    const Burial burial;
    Draft draft(as_map(self)->version);
    each_pair(sources, [&](const KeyView& key, PyObject* value) { draft.put(key, value); });
    return to_map_unless_same(draft, self);
  });
}

bool is_mapping(PyObject* object) {
  return is_map(object) || PyDict_Check(object) != 0 ||
         (PyMapping_Check(object) != 0 && PyObject_HasAttrString(object, "keys") != 0);
}

// left | right, where one of them is a Map.
PyObject* merge(PyObject* left, PyObject* right) {
  if (!is_mapping(left) || !is_mapping(right)) Py_RETURN_NOTIMPLEMENTED;
  if (is_map(left)) {
    const nb::object arguments = nb::steal(PyTuple_Pack(1, right));
    return arguments.is_valid() ? update(left, arguments.ptr(), nullptr) : nullptr;
  }
  const nb::object first =
      nb::steal(PyObject_CallFunctionObjArgs(reinterpret_cast<PyObject*>(map_type), left, nullptr));
  return first.is_valid() ? merge(first.ptr(), right) : nullptr;
}

PyObject* mutate(PyObject* self, PyObject* /*unused*/) {
  return raising([&] { return new_draft(*as_map(self)); });
}

// Comparing.
bool equals_dict(const Trie& trie, PyObject* dict) {
  if (static_cast<Py_ssize_t>(trie.size()) != PyDict_Size(dict)) return false;
  for (const Trie::value_type& entry : trie) {
    const nb::object other = nb::borrow(PyDict_GetItemWithError(dict, entry.key.object));
    if (!other.is_valid() && PyErr_Occurred() != nullptr) throw Raised();
    if (!other.is_valid() || !equal(entry.value.object(), other.ptr())) return false;
  }
  return true;
}

PyObject* compare(PyObject* self, PyObject* other, int operation) {
  if ((operation != Py_EQ && operation != Py_NE) || (!is_map(other) && PyDict_Check(other) == 0)) {
    Py_RETURN_NOTIMPLEMENTED;
  }
  return raising([&] {
    const bool same = is_map(other) ? trie_of(self) == trie_of(other) : equals_dict(trie_of(self), other);
    return Py_NewRef(same == (operation == Py_EQ) ? Py_True : Py_False);
  });
}

struct Differences {
  nb::dict added_entries;
  nb::dict removed_entries;
  nb::dict changed_entries;

  static void set(nb::dict& dict, PyObject* key, PyObject* value) {
    if (PyDict_SetItem(dict.ptr(), key, value) != 0) throw Raised();
  }
  void added(const Trie::value_type& entry) { set(added_entries, entry.key.object, entry.value.object()); }
  void removed(const Trie::value_type& entry) { set(removed_entries, entry.key.object, entry.value.object()); }
  void changed(const Trie::value_type& before, const Trie::value_type& after) {
    const nb::object both = nb::steal(PyTuple_Pack(2, before.value.object(), after.value.object()));
    if (!both.is_valid()) throw Raised();
    set(changed_entries, before.key.object, both.ptr());
  }
};

PyObject* diff_with(PyObject* self, PyObject* other) {
  if (!is_map(other)) return PyErr_Format(PyExc_TypeError, "diff() needs a Map, not %R", Py_TYPE(other));
  return raising([&] {
    Differences found;
    diff(trie_of(self), trie_of(other), found);
    return from_package("MapDiff")(found.added_entries, found.removed_entries, found.changed_entries).release().ptr();
  });
}

// Equal maps have equal sets of items.
Py_hash_t hash(PyObject* self) {
  PyMap& map = *as_map(self);
  if (map.hash != -1) return map.hash;
  const nb::object items = nb::steal(new_iterator(self, Part::kItems));
  const nb::object set = nb::steal(items.is_valid() ? PyFrozenSet_New(items.ptr()) : nullptr);
  if (set.is_valid()) map.hash = PyObject_Hash(set.ptr());
  return map.hash;
}

PyObject* represent(PyObject* self) {
  const int entered = Py_ReprEnter(self);  // 1: a map that holds itself
  if (entered != 0) return entered > 0 ? PyUnicode_FromString("Map({...})") : nullptr;
  PyObject* const result = raising([&] {
    nb::list shown;
    for (const Trie::value_type& entry : trie_of(self)) {
      const nb::object text = nb::steal(PyUnicode_FromFormat("%R: %R", entry.key.object, entry.value.object()));
      if (!text.is_valid()) throw Raised();
      shown.append(text);
    }
    const nb::object all = nb::steal(PyUnicode_Join(nb::str(", ").ptr(), shown.ptr()));
    if (!all.is_valid()) throw Raised();
    return PyUnicode_FromFormat("Map({%U})", all.ptr());
  });
  Py_ReprLeave(self);
  return result;
}

// For pickle and copy.deepcopy: Map(dict(self)).
PyObject* reduce(PyObject* self, PyObject* /*unused*/) {
  return raising([&] {
    nb::dict items;
    for (const Trie::value_type& entry : trie_of(self)) {
      if (PyDict_SetItem(items.ptr(), entry.key.object, entry.value.object()) != 0) throw Raised();
    }
    return nb::make_tuple(nb::handle(reinterpret_cast<PyObject*>(map_type)), nb::make_tuple(items)).release().ptr();
  });
}

PyObject* copy(PyObject* self, PyObject* /*unused*/) { return Py_NewRef(self); }

// Life. There is no tp_clear: like a tuple a Map cannot close a cycle alone, and what closes it (a list, an instance) is cleared instead.
int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return as_map(self)->version.traverse(visit, arg);
}

void dealloc(PyObject* self) {
  const Burial burial;
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (as_map(self)->weak_references != nullptr) PyObject_ClearWeakRefs(self);
  std::destroy_at(&as_map(self)->version);
  PyObject_GC_Del(self);
  Py_DECREF(type);
}

PyMethodDef methods[] = {
    {"get", as_method(&get), METH_FASTCALL,
     "get($self, key, default=None, /)\n--\n\nThe value of the key, or `default` where it is missing."},
    {"keys", &view<kKeysView>, METH_NOARGS, "keys($self, /)\n--\n\nA set-like view of the keys. O(1)."},
    {"values", &view<kValuesView>, METH_NOARGS, "values($self, /)\n--\n\nA view of the values. O(1)."},
    {"items", &view<kItemsView>, METH_NOARGS,
     "items($self, /)\n--\n\nA set-like view of the (key, value) pairs. O(1)."},
    {"set", as_method(&set), METH_FASTCALL,
     "set($self, key, value, /)\n--\n\nA Map in which the key has this value; this one stays as it is. O(log32 n)."},
    {"delete", &remove, METH_O,
     "delete($self, key, /)\n--\n\nA Map without the key; KeyError where it is missing. O(log32 n)."},
    {"discard", &discard, METH_O,
     "discard($self, key, /)\n--\n\nA Map without the key; this very one where it is missing. O(log32 n)."},
    {"update", as_method(&update), METH_VARARGS | METH_KEYWORDS,
     "update($self, other=(), /, **kwargs)\n--\n\nA Map with what a mapping or an iterable of (key, value) pairs holds "
     "set besides. "
     "O(log32 n) for each, about the price of dict.update()."},
    {"mutate", &mutate, METH_NOARGS,
     "mutate($self, /)\n--\n\nA MapDraft, for many changes in a row; a context manager. This Map stays as it is. "
     "O(1)."},
    {"diff", &diff_with, METH_O,
     "diff($self, other, /)\n--\n\nWhat differs from this Map to `other`: a MapDiff of added, removed and changed. "
     "O(what differs) between "
     "versions made from one another, else O(n)."},
    {"_iterate_values", &iterate_values, METH_NOARGS, nullptr},
    {"_iterate_items", &iterate_items, METH_NOARGS, nullptr},
    {"__reduce__", &reduce, METH_NOARGS, nullptr},
    {"__copy__", &copy, METH_NOARGS, nullptr},
    {"__class_getitem__", &Py_GenericAlias, METH_O | METH_CLASS, "Map[K, V], for annotations."},
    {nullptr, nullptr, 0, nullptr}};

// Right behind the head of the object; offsetof is not for structs with C++ members.
PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, sizeof(PyObject), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

constexpr const char* kDoc =
    "Map(other=(), /, **kwargs)\n--\n\n"
    "A persistent hash map: a mapping that never changes. set(), delete() and update() return a new Map that shares "
    "nearly everything with this one, so "
    "keeping old versions costs little and a Map may be handed to anyone. Takes what dict() takes.\n\n"
    "    m = Map({\"a\": 1})\n"
    "    m2 = m.set(\"b\", 2)\n"
    "    m2.diff(m)\n\n"
    "Lookups cost about what those of a dict cost, set() and delete() O(log32 n), mutate() O(1), == and diff() of "
    "versions made from one another O(what "
    "differs). The order is that of no one: not of insertion, but the same every time for one Map. Hashable where all "
    "values are.";

}  // namespace

PyObject* to_map(Draft& draft) {
  PyMap* const self = PyObject_GC_New(PyMap, map_type);
  if (self == nullptr) throw Raised();
  self->weak_references = nullptr;
  self->hash = -1;
  new (&self->version) Version();
  draft.finish(self->version);
  PyObject* const object = reinterpret_cast<PyObject*>(self);
  PyObject_GC_Track(object);
  return object;
}

void raise_key_error(PyObject* key) {
  const nb::object arguments =
      nb::steal(PyTuple_Pack(1, key));  // packed: a tuple would become the arguments of the error
  if (arguments.is_valid()) PyErr_SetObject(PyExc_KeyError, arguments.ptr());
  throw Raised();
}

void check_argument_count(const char* method, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most) {
  if (least <= count && count <= most) return;
  PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd positional arguments, %zd were given", method, least, most,
               count);
  throw Raised();
}

void bind_map(nb::module_& module) {
  static PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>(kDoc)},
                                {Py_tp_new, reinterpret_cast<void*>(&make)},
                                {Py_mp_length, reinterpret_cast<void*>(&length)},
                                {Py_mp_subscript, reinterpret_cast<void*>(&subscript)},
                                {Py_sq_contains, reinterpret_cast<void*>(&contains)},
                                {Py_nb_or, reinterpret_cast<void*>(&merge)},
                                {Py_tp_iter, reinterpret_cast<void*>(&iterate_keys)},
                                {Py_tp_richcompare, reinterpret_cast<void*>(&compare)},
                                {Py_tp_hash, reinterpret_cast<void*>(&hash)},
                                {Py_tp_repr, reinterpret_cast<void*>(&represent)},
                                {Py_tp_methods, methods},
                                {Py_tp_members, members},
                                {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
                                {Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)},
                                {0, nullptr}};
  static PyType_Spec spec = {"omendb.Map", sizeof(PyMap), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  map_type = make_type(module, spec);
  module.attr("Map") = nb::handle(reinterpret_cast<PyObject*>(map_type));
  bind_share(module);
  bind_map_draft(module);
  bind_map_iterator(module);
}

}  // namespace omendb::python
