// Boost: unordered_flat_map (open addressing) and Intrusive's avl_set (an AVL tree whose nodes are ours).

#include "bench/hamt/peers.h"
#include "bench/hamt/standard_map.h"

#include <boost/intrusive/avl_set.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace omendb::bench {
namespace {

template <typename Key, typename Hash>
using FlatMap = StandardMap<boost::unordered_flat_map<Key, uint64_t, Hash>, Key>;

// One allocation per node, as a program has that keeps a tree of its records.
template <typename LookedUp, typename Hash>
class AvlTree {
  struct Node : boost::intrusive::avl_set_base_hook<> {
    Node(const LookedUp& node_key, uint64_t node_value) : key(node_key), value(node_value) {}
    LookedUp key;
    uint64_t value;
  };
  struct KeyOf {
    using type = LookedUp;
    const type& operator()(const Node& node) const { return node.key; }
  };
  using Tree = boost::intrusive::avl_set<Node, boost::intrusive::key_of_value<KeyOf>>;

 public:
  using Key = LookedUp;

  AvlTree() = default;
  AvlTree(AvlTree&&) = default;
  AvlTree& operator=(AvlTree&&) = delete;
  ~AvlTree() { tree_.clear_and_dispose(std::default_delete<Node>()); }

  void put(const Key& key, uint64_t value) {
    typename Tree::insert_commit_data place;
    const auto [found, is_new] = tree_.insert_check(key, place);
    if (is_new) {
      tree_.insert_commit(*new Node(key, value), place);
    } else {
      found->value = value;
    }
  }
  void erase(const Key& key) { tree_.erase_and_dispose(key, std::default_delete<Node>()); }
  uint64_t get(const Key& key) const {
    const auto found = tree_.find(key);
    return found == tree_.end() ? kAbsent : found->value;
  }
  bool has(const Key& key) const { return tree_.find(key) != tree_.end(); }
  template <typename F>
  void each(F f) const {
    for (const Node& node : tree_) f(node.value);
  }
  template <typename F>
  void edit(F&& f) {
    f(*this);
  }

 private:
  Tree tree_;
};

}  // namespace

Peers boost_peers() { return {peer<FlatMap>("boost::unordered_flat_map"), peer<AvlTree>("boost-avl")}; }

}  // namespace omendb::bench
