#include "map_entry.h"

#include <new>
#include <vector>

namespace omendb::python {
namespace {

thread_local std::vector<PyObject*> dead;
thread_local bool burying = false;

// Only containers can close a cycle.
bool is_collectable(PyObject* object) { return PyType_IS_GC(Py_TYPE(object)); }

}  // namespace

void drop(PyObject* object) noexcept {
  if (Py_REFCNT(object) == 1) {
    try {
      dead.push_back(object);
      return;
    } catch (const std::bad_alloc&) {  // without memory for the list it dies here, which is early but counts right
    }
  }
  Py_DECREF(object);
}

Burial::~Burial() {
  if (burying) return;
  burying = true;
  while (!dead.empty()) {  // what dies may drop more
    PyObject* const object = dead.back();
    dead.pop_back();
    Py_DECREF(object);
  }
  burying = false;
}

void Ring::add(Link& link) noexcept {
  link = {&head_, head_.next};
  head_.next->previous = &link;
  head_.next = &link;
}

void Ring::remove(Link& link) noexcept {
  link.previous->next = link.next;
  link.next->previous = link.previous;
}

void Ring::take(Ring& other) noexcept {
  if (other.empty()) return;
  Link& first = *other.head_.next;
  Link& last = *other.head_.previous;
  first.previous = &head_;
  last.next = head_.next;
  head_.next->previous = &last;
  head_.next = &first;
  other.clear();
}

int Ring::traverse(visitproc visit, void* arg) const {
  for (const Link* link = head_.next; link != &head_; link = link->next) {
    const Value& value = static_cast<const Value&>(*link);
    Py_VISIT(value.key().object);
    Py_VISIT(value.object());
  }
  return 0;
}

Value::Value(PyObject* value, const Value& replaced, Ring& ring) noexcept : object_(Py_NewRef(value)) {
  if (replaced.object_ != nullptr) key().become(replaced.key());
  if (is_collectable(value) || is_collectable(key().object)) ring.add(*this);
}

}  // namespace omendb::python
