#include "map_version.h"

#include <new>

namespace nb = nanobind;

namespace omendb::python {
namespace {

constexpr uint32_t kDepthMaxFirst = 16;

PyTypeObject* share_type = nullptr;

PyObject* as_object(Share* share) { return reinterpret_cast<PyObject*>(share); }
Share* as_share(PyObject* self) { return reinterpret_cast<Share*>(self); }

// No version and no other Share refers to it.
bool is_needed_once(Share* share) { return Py_REFCNT(as_object(share)) == 1; }

// Merges Shares whose versions are gone into those below them. The next look comes when the way has doubled, so a Share costs O(1) of it.
void shorten(Share* share) {
  Share* const lowest = share;
  uint32_t depth = 1;
  while (share->parent != nullptr) {
    Share* const parent = share->parent;
    if (is_needed_once(parent)) {
      share->ring.take(parent->ring);
      share->parent = std::exchange(parent->parent, nullptr);
      Py_DECREF(as_object(parent));
    } else {
      share = parent;
      ++depth;
    }
  }
  lowest->depth = depth;
  lowest->depth_max = 2 * depth + kDepthMaxFirst;
}

// Puts an empty Share below `top`.
void extend(ShareRef& top) {
  Share* const share = PyObject_GC_New(Share, share_type);
  if (share == nullptr) throw Raised();
  new (&share->ring) Ring();
  share->depth = top == nullptr ? 1 : top->depth + 1;
  share->depth_max = top == nullptr ? kDepthMaxFirst : top->depth_max;
  share->parent = top.release();
  top.reset(share);
  if (share->depth > share->depth_max) shorten(share);
  PyObject_GC_Track(as_object(share));
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_object(as_share(self)->parent));
  return as_share(self)->ring.traverse(visit, arg);
}

void dealloc(PyObject* self) {
  PyTypeObject* const type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Share* parent = std::exchange(as_share(self)->parent, nullptr);
  as_share(self)->ring.~Ring();
  PyObject_GC_Del(self);
  Py_DECREF(type);
  while (parent != nullptr && is_needed_once(parent)) {  // not by recursion: histories may be long
    Share* const next = std::exchange(parent->parent, nullptr);
    Py_DECREF(as_object(std::exchange(parent, next)));
  }
  if (parent != nullptr) Py_DECREF(as_object(parent));
}

}  // namespace

int Version::traverse(visitproc visit, void* arg) const {
  Py_VISIT(as_object(share.get()));
  return own.traverse(visit, arg);
}

ShareRef Version::share_out() {
  if (!own.empty()) {
    if (share == nullptr || !is_needed_once(share.get())) extend(share);
    share->ring.take(own);
  }
  if (share != nullptr) Py_INCREF(as_object(share.get()));
  return ShareRef(share.get());
}

void Draft::put(const KeyView& key, PyObject* value) {
  edit_->update(Key(key), [&](const Value& replaced) { return Value(value, replaced, own_); });
  changed_ = true;
}

bool Draft::erase(const KeyView& key) {
  const bool erased = edit_->erase(key);
  changed_ = changed_ || erased;
  return erased;
}

void Draft::finish(Version& version) noexcept {
  version.trie = std::move(*edit_).persistent();
  version.own.take(own_);
  version.share = std::move(share_);
  edit_.reset();
}

int Draft::traverse(visitproc visit, void* arg) const {
  Py_VISIT(as_object(share_.get()));
  return own_.traverse(visit, arg);
}

void bind_share(nb::module_& module) {
  static PyType_Slot slots[] = {
      {Py_tp_doc, const_cast<char*>("Entries that several versions of a Map share, for the garbage collector.")},
      {Py_tp_traverse, reinterpret_cast<void*>(&traverse)},
      {Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)},
      {0, nullptr}};
  static PyType_Spec spec = {"omendb._omendb.MapShare", sizeof(Share), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  share_type = make_type(module, spec);
}

}  // namespace omendb::python
