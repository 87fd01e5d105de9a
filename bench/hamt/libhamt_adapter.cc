// The adapter of libhamt (mkirchner/hamt, C), or of any C library with its API, that was built outside of the project: -DHAMT_BENCH_LIBHAMT= names the
// folder of its headers and archives. This file and the library make one shared object whose C names are hidden, twice: as it comes (with malloc, and with the arena
// below), and built WITH_TABLE_CACHE (its pool). How it is used, always to its favour:
//   keys      the address of the key in the caller's memory, hashed by the library's murmur3 as its own tests do, with the generation as seed
//   values    the number itself, shifted by two bits (the library marks them) and plus one, so that a null pointer means absent
//   versions  are never freed: the library has no way to (no counts, no owners). `libhamt-arena` is the best case of that: an allocator that hands out
//             memory in a row, from huge pages touched beforehand, and whose free does nothing; the harness rewinds it outside of what is measured
//   pool      one for the process, created before anything is measured, as the library's own benchmark has it

#include "bench/hamt/peers.h"

#define hamt libhamt_trie  // the struct; our namespace has the name
extern "C" {
#include "hamt.h"
#include "murmur3.h"
#ifdef WITH_TABLE_CACHE
#include "cache.h"
extern ptrdiff_t
    hamt_table_cache_default_bucket_sizes[32];  // its header declares a default configuration that is defined nowhere
#endif
#if __has_include("internal_types.h")
#include "internal_types.h"
#define HAMT_BENCH_LIBHAMT_SHAPE
#endif
}
#undef hamt
#undef TABLE
#undef INDEX
#undef VALUE
#undef KEY

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace omendb::bench {
namespace {

// Memory in a row; what is beyond the prepared part still works, and pays its page faults.
class Arena {
 public:
  static void prepare(size_t size_bytes) {
    if (base_ == nullptr) {
      void* const memory =
          mmap(nullptr, kReservedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (memory == MAP_FAILED) throw std::bad_alloc();
      base_ = static_cast<char*>(memory);
      madvise(base_, kReservedBytes, MADV_HUGEPAGE);
    }
    if (size_bytes <= prepared_bytes_) return;
    std::memset(base_ + prepared_bytes_, 0, size_bytes - prepared_bytes_);
    prepared_bytes_ = size_bytes;
  }
  static size_t mark() { return used_bytes_; }
  static void rewind(size_t mark) { used_bytes_ = mark; }

  static void* allocate(ptrdiff_t size_bytes, void*) {
    const size_t begin = used_bytes_;
    used_bytes_ += (static_cast<size_t>(size_bytes) + 15) & ~size_t{15};
    if (used_bytes_ > kReservedBytes) throw std::bad_alloc();
    return base_ + begin;
  }
  static void* reallocate(void* old, ptrdiff_t old_bytes, ptrdiff_t new_bytes, void* context) {
    return std::memcpy(allocate(new_bytes, context), old, static_cast<size_t>(std::min(old_bytes, new_bytes)));
  }
  static void free(void*, ptrdiff_t, void*) {}

 private:
  static constexpr size_t kReservedBytes = size_t{64} << 30;
  inline static char* base_ = nullptr;
  inline static size_t used_bytes_ = 0;
  inline static size_t prepared_bytes_ = 0;
};

hamt_allocator arena_allocator = {&Arena::allocate, &Arena::reallocate, &Arena::free, nullptr};

constexpr size_t kArenaBytes = size_t{256}
                               << 20;  // and 1 KiB per entry: the tables a build leaves behind, and a round of versions
constexpr size_t kArenaBytesPerEntry = 1024;

#ifdef WITH_TABLE_CACHE
hamt_table_cache* shared_pool() {
  static hamt_table_cache_config config = {32, hamt_table_cache_default_bucket_sizes, &hamt_allocator_default};
  static hamt_table_cache* const pool = hamt_table_cache_create(&config);
  return pool;
}
#endif

template <typename LookedUp, uint32_t kHashMask>
struct Functions {
  static uint32_t hash(const void* key, size_t generation) {
    const auto* const bytes = static_cast<const uint8_t*>(key);
    size_t size_bytes = sizeof(uint64_t);
    if constexpr (std::is_same_v<LookedUp, std::string_view>) size_bytes = std::strlen(static_cast<const char*>(key));
    return murmur3_32(bytes, size_bytes, static_cast<uint32_t>(generation)) & kHashMask;
  }
  static int compare(const void* left, const void* right) {
    if constexpr (std::is_same_v<LookedUp, std::string_view>) {
      return std::strcmp(static_cast<const char*>(left), static_cast<const char*>(right));
    } else {
      return *static_cast<const uint64_t*>(left) == *static_cast<const uint64_t*>(right) ? 0 : 1;
    }
  }
};

#ifdef HAMT_BENCH_LIBHAMT_SHAPE
struct Shape {
  size_t table_count = 0;
  size_t row_count = 0;
  size_t entry_count = 0;
  size_t depth_sum = 0;  // over entries; those of the root have depth 1
  size_t depth_max = 0;
};

// Values are marked by their lowest bit.
void walk(const hamt_node& anchor, size_t depth, Shape& shape) {
  const auto row_count = static_cast<size_t>(std::popcount(anchor.as.table.index));
  ++shape.table_count;
  shape.row_count += row_count;
  for (size_t row = 0; row < row_count; ++row) {
    const hamt_node& node = anchor.as.table.ptr[row];
    if ((reinterpret_cast<uintptr_t>(node.as.kv.value) & 1) == 0) {
      walk(node, depth + 1, shape);
    } else {
      ++shape.entry_count;
      shape.depth_sum += depth;
      shape.depth_max = std::max(shape.depth_max, depth);
    }
  }
}
#endif

template <typename LookedUp, uint32_t kHashMask, bool kInArena>
class LibhamtMap {
 public:
  using Key = LookedUp;
#ifdef WITH_TABLE_CACHE
  static constexpr bool kOwnMemory = true;
#endif

  explicit LibhamtMap(size_t size) {
    hamt_config config{};
    config.ator = kInArena ? &arena_allocator : &hamt_allocator_default;
    config.key_cmp_fn = &Functions<Key, kHashMask>::compare;
    config.key_hash_fn = &Functions<Key, kHashMask>::hash;
#ifdef WITH_TABLE_CACHE
    config.cache = shared_pool();
#endif
    if constexpr (kInArena) Arena::prepare(kArenaBytes + size * kArenaBytesPerEntry);
    trie_ = hamt_create(&config);
    owned_ = true;
  }
  LibhamtMap(LibhamtMap&& other) noexcept
      : trie_(std::exchange(other.trie_, nullptr)), owned_(std::exchange(other.owned_, false)) {}
  LibhamtMap& operator=(LibhamtMap&& other) noexcept {
    std::swap(trie_, other.trie_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~LibhamtMap() {
    if (owned_ && !kInArena) hamt_delete(trie_);
  }

  void put(const Key& key, uint64_t value) { hamt_set(trie_, pointer(key), boxed(value)); }
  void erase(const Key& key) { hamt_remove(trie_, pointer(key)); }
  uint64_t get(const Key& key) const { return unboxed(hamt_get(trie_, pointer(key))); }
  bool has(const Key& key) const { return hamt_get(trie_, pointer(key)) != nullptr; }
  template <typename F>
  void each(F f) const {
    hamt_iterator* const iterator = hamt_it_create(trie_);
    for (; hamt_it_valid(iterator); hamt_it_next(iterator)) f(unboxed(hamt_it_get_value(iterator)));
    hamt_it_delete(iterator);
  }
  template <typename F>
  void edit(F&& f) {
    f(*this);
  }

  LibhamtMap with(const Key& key, uint64_t value) const {
    return LibhamtMap(hamt_pset(trie_, pointer(key), boxed(value)));
  }
  LibhamtMap without(const Key& key) const { return LibhamtMap(hamt_premove(trie_, pointer(key))); }

  static size_t mark() requires kInArena { return Arena::mark(); }
  static void rewind(size_t mark) requires kInArena { Arena::rewind(mark); }

#ifdef HAMT_BENCH_LIBHAMT_SHAPE
  // The root's anchor is the first member of the library's opaque struct.
  template <typename F>
  void figures(F f) const {
    Shape shape;
    walk(**reinterpret_cast<hamt_node* const*>(trie_), 1, shape);
    const auto entries = static_cast<double>(shape.entry_count);
    f("depth_average", static_cast<double>(shape.depth_sum) / entries);
    f("depth_maximum", static_cast<double>(shape.depth_max));
    f("bitmap_utilisation", static_cast<double>(shape.row_count) / static_cast<double>(32 * shape.table_count));
    f("used_bytes_per_entry", static_cast<double>(shape.row_count * sizeof(hamt_node)) / entries);
  }
#endif

 private:
  explicit LibhamtMap(const libhamt_trie* version) : trie_(const_cast<libhamt_trie*>(version)) {}

  static void* pointer(const Key& key) {
    if constexpr (std::is_same_v<Key, std::string_view>) {
      return const_cast<char*>(key.data());
    } else {
      return const_cast<uint64_t*>(&key);
    }
  }
  static void* boxed(uint64_t value) { return reinterpret_cast<void*>((value + 1) << 2); }
  static uint64_t unboxed(const void* value) { return (reinterpret_cast<uint64_t>(value) >> 2) - 1; }

  libhamt_trie* trie_ = nullptr;
  bool owned_ = false;  // versions are not: see above
};

template <bool kInArena>
Peer libhamt_peer(const char* name) {
  return {name, &measure<LibhamtMap<uint64_t, ~uint32_t{0}, kInArena>>, &measure<LibhamtMap<uint64_t, 0xfff, kInArena>>,
          &measure<LibhamtMap<std::string_view, ~uint32_t{0}, kInArena>>};
}

}  // namespace

#ifdef WITH_TABLE_CACHE
void add_libhamt_pool_peers(Peers& peers) { peers.push_back(libhamt_peer<false>("libhamt-pool")); }
#else
void add_libhamt_malloc_peers(Peers& peers) {
  peers.push_back(libhamt_peer<false>("libhamt"));
  peers.push_back(libhamt_peer<true>("libhamt-arena"));
}
#endif

}  // namespace omendb::bench
