// GLib's GHashTable: keys and values are pointers. A number is the pointer itself (compared directly), a text its zero-terminated bytes. The hash is
// the one of the other maps, cut to the 32 bits that GLib has.

#include "bench/hamt/peers.h"

#include <glib.h>

#include <memory>
#include <string_view>
#include <type_traits>

namespace omendb::bench {
namespace {

template <typename LookedUp, typename Hash>
class GlibTable {
  static constexpr bool kIsText = std::is_same_v<LookedUp, std::string_view>;

 public:
  using Key = LookedUp;

  GlibTable() : table_(g_hash_table_new(&hash_of, kIsText ? &g_str_equal : nullptr)) {}

  void put(const Key& key, uint64_t value) {
    g_hash_table_insert(table_.get(), pointer(key), reinterpret_cast<gpointer>(value + 1));
  }
  void erase(const Key& key) { g_hash_table_remove(table_.get(), pointer(key)); }
  // The value is kept with 1 added, so that a null pointer means absent; of which kAbsent is one less.
  uint64_t get(const Key& key) const {
    return reinterpret_cast<uint64_t>(g_hash_table_lookup(table_.get(), pointer(key))) - 1;
  }
  bool has(const Key& key) const { return g_hash_table_contains(table_.get(), pointer(key)) != 0; }
  template <typename F>
  void each(F f) const {
    GHashTableIter iterator;
    gpointer value = nullptr;
    g_hash_table_iter_init(&iterator, table_.get());
    while (g_hash_table_iter_next(&iterator, nullptr, &value) != 0) f(reinterpret_cast<uint64_t>(value) - 1);
  }
  template <typename F>
  void edit(F&& f) {
    f(*this);
  }

 private:
  static gpointer pointer(const Key& key) {
    if constexpr (kIsText) {
      return const_cast<char*>(key.data());
    } else {
      return reinterpret_cast<gpointer>(key);
    }
  }
  static guint hash_of(gconstpointer pointer) {
    if constexpr (kIsText) {
      return static_cast<guint>(Hash{}(static_cast<const char*>(pointer)));
    } else {
      return static_cast<guint>(Hash{}(reinterpret_cast<uint64_t>(pointer)));
    }
  }
  struct Destroy {
    void operator()(GHashTable* table) const { g_hash_table_destroy(table); }
  };
  std::unique_ptr<GHashTable, Destroy> table_;
};

}  // namespace

Peers glib_peers() { return {peer<GlibTable>("GHashTable")}; }

}  // namespace omendb::bench
