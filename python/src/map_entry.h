#pragma once

// What the trie of an omendb.Map holds: keys and values that own one Python reference each, and the rings through which the garbage collector of Python
// finds those references. Everything here needs the GIL.

#include <nanobind/nanobind.h>

#include <hamt/map.h>

#include <cassert>
#include <exception>
#include <utility>

namespace omendb::python {

// A Python error is set. Thrown through hamt by keys that cannot be compared; the Python error itself is left as it is.
struct Raised final : std::exception {};

// Gives one reference back. Entries die in the middle of edits, and in maps of maps of any depth, where no Python code (a `__del__`, a weakref's callback)
// may run; so an object that would die waits for the end of the outermost Burial of this thread.
void drop(PyObject* object) noexcept;

// Stands in every call that may drop entries.
class Burial {
 public:
  Burial() = default;
  Burial(const Burial&) = delete;
  Burial& operator=(const Burial&) = delete;
  ~Burial();
};

// A borrowed key with its hash: Python's hash of a key is asked for once, before the trie is touched, as dict does.
struct KeyView {
  PyObject* object;
  Py_hash_t hash;
};

// Raised where the key is unhashable.
inline KeyView view_of(PyObject* key) {
  const Py_hash_t hash = PyObject_Hash(key);
  if (hash == -1) throw Raised();
  return {key, hash};
}

class Key : public KeyView {
 public:
  explicit Key(const KeyView& view) : KeyView(view) { Py_INCREF(object); }
  Key(Key&& other) noexcept : KeyView{std::exchange(other.object, nullptr), other.hash} {}
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  void become(const Key& equal) noexcept { drop(std::exchange(object, Py_NewRef(equal.object))); }
  ~Key() {
    if (object != nullptr) drop(object);
  }
};

// Raised where a comparison raises. `stored` is compared with `asked` in this order, as dict does.
inline bool equal(PyObject* stored, PyObject* asked) {
  if (stored == asked) return true;
  const int same = PyObject_RichCompareBool(stored, asked, Py_EQ);
  if (same < 0) throw Raised();
  return same > 0;
}

struct KeyHash {  // not avalanching (an int is its own hash): the trie mixes it
  using is_transparent = void;
  size_t operator()(const KeyView& key) const { return static_cast<size_t>(key.hash); }
};
struct KeyEq {
  using is_transparent = void;
  bool operator()(const KeyView& stored, const KeyView& asked) const { return equal(stored.object, asked.object); }
};

struct Link {
  Link* previous = nullptr;
  Link* next = nullptr;
};

// The entries that one Python object answers for when the collector asks it what it refers to. An entry counts its references once, however many
// versions share it; so it must be visited once, and lies in one ring. Entries that cannot be part of a cycle (numbers, texts) lie in none.
class Ring {
 public:
  Ring() { clear(); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring() { assert(empty()); }

  bool empty() const { return head_.next == &head_; }
  void add(Link& link) noexcept;
  static void remove(Link& link) noexcept;
  // Takes over all entries of `other`. O(1).
  void take(Ring& other) noexcept;
  int traverse(visitproc visit, void* arg) const;

 private:
  void clear() noexcept { head_ = {&head_, &head_}; }
  Link head_;
};

// Made in place behind its key (hamt::map::update does that, and it cannot be moved), so its neighbours in the ring may point to it.
class Value : private Link {
 public:
  Value() = default;  // what hamt::map::update shows for a key that is missing
  // As in a dict the key of `replaced` (where there is one) stays the object that it was.
  Value(PyObject* value, const Value& replaced, Ring& ring) noexcept;
  Value(const Value&) = delete;
  Value& operator=(const Value&) = delete;
  ~Value() {
    if (next != nullptr) Ring::remove(*this);
    if (object_ != nullptr) drop(object_);
  }

  PyObject* object() const { return object_; }
  // The other half of its entry, hamt::map_entry.
  const Key& key() const { return reinterpret_cast<const Key*>(this)[-1]; }

  // For `==` and diff() of whole maps.
  friend bool operator==(const Value& a, const Value& b) { return equal(a.object_, b.object_); }

 private:
  friend class Ring;
  Key& key() { return reinterpret_cast<Key*>(this)[-1]; }
  PyObject* object_ = nullptr;
};

using Trie = hamt::map<Key, Value, KeyHash, KeyEq>;
static_assert(sizeof(Trie::value_type) == sizeof(Key) + sizeof(Value), "Value::key() needs the key right before it");

// A type of the module, as one reference that lives as long as the process.
inline PyTypeObject* make_type(nanobind::module_& module, PyType_Spec& spec) {
  PyObject* const type = PyType_FromModuleAndSpec(module.ptr(), &spec, nullptr);
  if (type == nullptr) throw nanobind::python_error();
  return reinterpret_cast<PyTypeObject*>(type);
}

}  // namespace omendb::python
