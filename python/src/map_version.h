#pragma once

// A version of an omendb.Map and the draft of a new one, below their Python types: the trie, and who shows its entries to the garbage collector.
//
// Versions share entries, but each entry may be visited by one object only (see Ring), and that object must be reachable from every version that
// holds the entry, and from as few others as can be: what a live object reaches is never garbage. So a version keeps what was made for it in a ring of
// its own until another version is made from it. Then the ring moves to a Share that both refer to. Shares form the tree in which the versions were made:
// a version reaches its own entries and those of its ancestors, not those of its descendants or siblings.
// A version made from one that nobody kept takes over its Share, so a long line of versions that come and go has one.

#include "map_entry.h"

#include <cstdint>
#include <memory>
#include <optional>

namespace omendb::python {

// A Python object of an internal type; the collector traverses it like any other.
struct Share {
  PyObject_HEAD Ring ring;
  Share* parent;       // owned; nullptr at the root
  uint32_t depth;      // Shares from here to the root, at least
  uint32_t depth_max;  // where the way to the root is looked over for Shares that nobody else needs
};

struct DropShare {
  void operator()(Share* share) const noexcept { Py_DECREF(reinterpret_cast<PyObject*>(share)); }
};
using ShareRef = std::unique_ptr<Share, DropShare>;

struct Version {
  ShareRef share;  // declared first: it outlives the entries that lie in its ring
  Ring own;
  Trie trie;

  int traverse(visitproc visit, void* arg) const;
  // What a version made from this one shall share with it; may be nothing. Raised without memory.
  ShareRef share_out();
};

// Changes that become a version of their own. Dropped without finish() it leaves nothing behind. A call that raises has changed nothing.
// put(), erase() and find() run the comparisons of Python keys, during which nobody may change the draft.
class Draft {
 public:
  Draft() : edit_(Trie().transient()) {}
  explicit Draft(Version& from) : Draft(from.share_out(), from.trie) {}
  Draft(ShareRef share, const Trie& trie) : share_(std::move(share)), edit_(trie.transient()) {}

  size_t size() const { return edit_->size(); }
  const Value* find(const KeyView& key) const { return edit_->find(key); }
  // A key that is there stays the object that it is, as in a dict.
  void put(const KeyView& key, PyObject* value);
  // True if the key was there.
  bool erase(const KeyView& key);
  bool changed() const { return changed_; }

  bool finished() const { return !edit_.has_value(); }
  // Moves everything to `version`, which must be fresh.
  void finish(Version& version) noexcept;
  void abandon() noexcept { edit_.reset(); }

  int traverse(visitproc visit, void* arg) const;

 private:
  ShareRef share_;
  Ring own_;
  std::optional<Trie::transient_type> edit_;
  bool changed_ = false;
};

// Makes the internal type known. Once, when the module is loaded.
void bind_share(nanobind::module_& module);

}  // namespace omendb::python
