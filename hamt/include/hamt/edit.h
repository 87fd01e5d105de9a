#pragma once

// How a trie changes. Not a door: include hamt/map.h or hamt/set.h.
//
// An Editor stands around one or more changes of a trie. It changes in place the tables that the trie's version alone can reach and copies the others up
// to the root, so it serves persistent operations and transients alike; the stamps of the tables stand in for the owner token of Clojure's transients.
// Every change fetches all memory and runs all foreign code (hash, equality, copies) before it touches anything: it succeeds or leaves no trace.

#include <hamt/arena.h>
#include <hamt/family.h>
#include <hamt/table.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace hamt::detail {

enum class Existing : uint8_t { kKeep, kReplace };

// The writer of one or more changes: takes the family's lease where it needs it and it is free, and gives it back at its end.
template <typename Trie>
class Editor {
  using Slots = typename Trie::Slots;
  using Slot = typename Slots::Slot;
  using Entry = typename Slots::EntryType;
  using Tables = Layout<Slots>;
  using FamilyT = typename Trie::FamilyT;
  static constexpr bool kReclaims = FamilyT::kReclaims;

 public:
  // `borrowed`: the trie has no handle of the version it shows; at the end it has one of its own.
  explicit Editor(Trie& trie, bool borrowed = false) : trie_(trie), borrowed_(borrowed) {}
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;
  ~Editor() {
    if (leased_) trie_.family_->give_lease();
  }
  // What was written becomes a version that can be copied.
  void publish() noexcept {
    trie_.publish(leased_);
    if (borrowed_ && trie_.version_ != nullptr) increment(trie_.version_->handles);
  }

  // Adds make(nullptr), or, where the key is there, replaces its entry by make(&entry) or keeps it. True if the size grew.
  // `make` returns an Entry whose key equals `key`.
  template <typename Q, typename Make>
  bool put(const Q& key, Existing existing, Make&& make) {
    const uint64_t hash = trie_.hash_of(key);
    if (trie_.root_.ref == 0) return put_first(hash, make);
    Path path;
    find_path(path, key, hash);
    const bool is_new = path.site != Site::kMatch;
    if (!is_new && existing == Existing::kKeep) return false;
    if (!put_in_place(path, make)) put_elsewhere(path, make);
    trie_.size_ += is_new ? 1 : 0;
    return is_new;
  }

  // True if the key was there.
  template <typename Q>
  bool erase(const Q& key) {
    if (trie_.root_.ref == 0) return false;
    Path path;
    find_path(path, key, trie_.hash_of(key));
    if (path.site != Site::kMatch) return false;
    begin();
    const Slot removed = Tables::slot(path.item);
    if constexpr (Slots::kBoxed) reserve_retired(1);
    if (trie_.size_ == 1) {
      remove_last();
    } else {
      remove(path);
    }
    dispose_slot(removed);
    --trie_.size_;
    return true;
  }

 private:
  enum class Site : uint8_t { kVacant, kMatch, kForeign, kInBucket, kInList };
  // The way to where a key is or would be.
  struct Path {
    // By level: the item that knows the table there; of the root see node_at().
    std::array<char*, kTableLevels + 1> items;
    uint64_t hash;
    unsigned depth;  // of the last table, bucket or list
    Site site;
    Node last;       // that one
    uint32_t count;  // of its items
    char* item;  // one of them: the entry with the key (kMatch), or in its way (kForeign); else where it would stand
    uint32_t position;  // in a bucket: of the key, and
    uint64_t first;     // first_at() of that
    uint32_t bit() const { return bit_at(hash, depth); }
    // Shortens it: `table`, at `level`, is the last one now.
    void end_at(unsigned level, const Node& table) {
      item = items[level + 1];
      depth = level;
      last = table;
      count = popcount(table.all());
    }
  };

  // What stands in a table: an entry or a child.
  struct Item {
    std::array<uint64_t, Tables::kItemBytes / kWordBytes> words;
  };

  // A slot that dies with its scope unless a table took it over.
  struct NewSlot {
    template <typename Make>
    NewSlot(Editor& owner, uint64_t hash, Make&& make, const Entry* existing)
        : editor(owner), slot(owner.make_slot(hash, make, existing)) {}
    NewSlot(const NewSlot&) = delete;
    NewSlot& operator=(const NewSlot&) = delete;
    ~NewSlot() {
      if (Slots::kBoxed && armed) editor.dispose_slot(slot);
    }
    Editor& editor;
    Slot slot;
    bool armed = true;
  };

  // Tables that nothing refers to yet; they go with their scope unless they are released.
  class NewTables {
   public:
    explicit NewTables(Editor& editor) : editor_(editor) {}
    NewTables(const NewTables&) = delete;
    NewTables& operator=(const NewTables&) = delete;
    ~NewTables() {
      while (count_ > 0) editor_.arena().free(blocks_[--count_]);
    }
    // A node of this shape with a table.
    Node add(Node shape) {
      Block* const block = editor_.allocate(Tables::words_for(shape));
      shape.set_block(block);
      blocks_[count_++] = block;
      Tables::put_head(shape);
      return shape;
    }
    void release() { count_ = 0; }

   private:
    static constexpr size_t kBlocksMax =
        kTableLevels + 1 + (Tables::kFewMax + 1) / 2;  // a chain, a table and what it holds
    Editor& editor_;
    size_t count_ = 0;
    std::array<Block*, kBlocksMax> blocks_;
  };

  // What most changes of a transient are: an entry more, or another one, in an own table or bucket. That takes no memory, hence no lease.
  template <typename Make>
  HAMT_INLINE bool put_in_place(const Path& path, Make& make) {
    if constexpr (Slots::kBoxed)
      return false;
    else {
      if (!trie_.writing_ || !born_since(path.last.block(), trie_.version_->own_since())) return false;
      if (path.site == Site::kMatch) {
        put(path.item, item_of(make(&Tables::slot(path.item))));
        return true;
      }
      if (path.site != Site::kVacant && (path.site != Site::kInBucket || path.count == Tables::kFewMax)) return false;
      if (moves<1>(path, path.last)) return false;
      const Item fresh = item_of(make(nullptr));
      change_in_place<1>(path, fresh);
      const Node after = with_one_more(path);
      Tables::put_head(after);
      link(path, path.depth, after);
      return true;
    }
  }
  // What the last table or bucket of the path becomes.
  HAMT_INLINE static Node with_one_more(const Path& path) {
    if (!Tables::kCompact && path.last.is_bucket()) return with_entry(path.last, path.position, path.first);
    Node after = path.last;
    after.bits |= path.bit();
    return after;
  }
  template <typename Make>
  [[gnu::noinline]] void put_elsewhere(Path& path, Make& make) {
    begin();
    NewSlot fresh(*this, path.hash, make,
                  path.site == Site::kMatch ? &Slots::entry_of(Tables::slot(path.item)) : nullptr);
    switch (path.site) {
      case Site::kVacant: add(path, fresh.slot); break;
      case Site::kForeign: split_entry(path, path.hash, fresh.slot); break;
      case Site::kInBucket: add_to_bucket(path, path.hash, fresh.slot); break;
      case Site::kInList: add_to_list(path, path.hash, fresh.slot); break;
      case Site::kMatch: replace(path, fresh.slot); break;
    }
    fresh.armed = false;
  }

  // Before the first change: makes the trie the writer of a version of its own.
  HAMT_INLINE void begin() {
    if (!leased_) leased_ = trie_.family_->try_lease();
    if (!kReclaims && !leased_) refuse();
    if (!trie_.writing_) open_version();
    version_ = trie_.version_;
    own_since_ = version_->own_since();
  }
  [[noreturn, gnu::cold, gnu::noinline]] static void refuse() {
    throw std::logic_error("hamt: two threads at once change versions of a family that never reclaims");
  }
  void begin_family() {
    if (trie_.family_ == nullptr) {
      std::tie(trie_.family_, trie_.version_) = FamilyT::create(memory_options{});
      borrowed_ = false;
    }
    begin();
  }
  // An unregistered version holds a handle of its parent: who borrowed takes one, another's own goes over.
  HAMT_INLINE void open_version() {
    Version* const from = trie_.version_;
    if (borrowed_ || !leased_ || !is_alone(from)) {
      trie_.version_ = trie_.family_->make_version(from, leased_);
      if (borrowed_ != leased_) settle_handle(from);
      borrowed_ = false;
    }
    trie_.writing_ = true;
  }
  [[gnu::noinline]] void settle_handle(Version* parent) noexcept {
    leased_ ? trie_.family_->drop_handle(parent) : increment(parent->handles);
  }
  // Nobody else has a handle of the version, nor made another from it.
  static bool is_alone(const Version* version) {
    return version->handles.load(std::memory_order_acquire) == 1 && version->child_count == 0;
  }

  typename FamilyT::ArenaT& arena() { return trie_.family_->arena(); }
  HAMT_INLINE Block* allocate(size_t words) { return arena().allocate(words, version_->birth, leased_); }
  bool is_own(const Block* block) const { return born_since(block, own_since_); }

  // Room to retire `count` blocks. With the lease, the list that others look at is ours.
  HAMT_INLINE RetiredRoom reserve_retired(size_t count) {
    if constexpr (!kReclaims) return {};
    Version& version = *version_;
    if (leased_ && version.retired.few_have_room(count)) return version.retired.few_room();
    return reserve_in_chunks(leased_ ? version.retired.more() : version.staged, count);
  }
  [[gnu::noinline]] RetiredRoom reserve_in_chunks(RetiredList& list, size_t count) {
    if (!list.has_room(count)) list.add_chunk(allocate(RetiredList::chunk_words(2 * count + 2)));
    return list.room();
  }
  // A block that this version reaches no more. What only it could reach is free at once, unless it goes back to lists that are somebody else's just now.
  bool frees_at_once(const Block* block) const { return is_own(block) && (leased_ || is_direct(block)); }
  void dispose(Block* table) noexcept {
    if (frees_at_once(table)) return arena().free(table);
    retire(table, false);
  }
  void dispose_slot(const Slot& slot) noexcept {
    if constexpr (Slots::kBoxed) {
      if (frees_at_once(slot.box)) return trie_.family_->free_box(slot.box);
      retire(slot.box, true);
    }
  }
  // Where reserve_retired() has made room.
  void retire(Block* block, bool is_box) noexcept {
    if constexpr (!kReclaims) return;
    Version& version = *version_;
    const RetiredRoom room = leased_ && version.retired.few_have_room(1) ? version.retired.few_room()
                             : leased_                                   ? version.retired.more().room()
                                                                         : version.staged.room();
    *room.end = retired_word(block, is_box);
    ++*room.count;
    if (!leased_) version.staged_top = std::max(version.staged_top, block->word);
  }

  template <typename Make>
  Slot make_slot(uint64_t hash, Make& make, const Entry* existing) {
    if constexpr (Slots::kBoxed) {
      Block* const box = Slots::kPooled ? allocate(Slots::kWords)
                                        : arena().allocate_direct(Slots::kWords, version_->birth, Slots::kAlignment);
      try {
        new (Slots::entry_memory(box)) Entry(make(existing));
      } catch (...) {
        arena().free(box, Slots::kAlignment);
        throw;
      }
      return Slot{box, hash};
    } else {
      return make(existing);
    }
  }

  template <typename Q>
  void find_path(Path& path, const Q& key, uint64_t hash) {
    Node node = trie_.root_;
    path.items[0] = reinterpret_cast<char*>(&trie_.root_);
    path.hash = hash;
    unsigned depth = 0;
    for (uint64_t rest = hash;; rest <<= kChunkBits) {
      const uint32_t index = rank_at(node.all(), top_position(rest));
      if ((!Tables::kCompact && node.is_bucket()) || (node.all() & node.nodes() & top_bit(rest)) == 0) {
        path.depth = depth;
        path.last = node;
        if (depth >= kPrefetchLevel && !is_list(node)) prefetch(node);
        return find_site(path, key, index, rest);
      }
      char* const item = Tables::item_of_other(node, index);
      path.items[++depth] = item;
      node = Tables::child(item);
      __builtin_prefetch(node.block());  // its head is looked at later, but lies in another cache line than the item
    }
  }
  // Tables this deep make a trie that the caches do not hold: what a change will move or copy is fetched while the first item is on its way.
  static constexpr unsigned kPrefetchLevel = 3;
  static void prefetch(const Node& node) {
    constexpr size_t kLineBytes = 64;
    const char* const end = Tables::items(node) + Tables::items_bytes(node);
    for (const char* line = Tables::items(node); line < end; line += kLineBytes) __builtin_prefetch(line);
  }
  template <typename Q>
  HAMT_INLINE void find_site(Path& path, const Q& key, uint32_t index, uint64_t rest) {
    if (!Tables::kCompact && path.last.is_bucket()) return find_in_bucket(path, key, index, rest);
    if (is_list(path.last))
      return find_in_list(path, key);  // perhaps below the last level, where the hash has no bits left
    path.count = popcount(path.last.all());
    path.item = Tables::item_of_other(path.last, index);
    if ((path.last.all() & top_bit(rest)) == 0) {
      path.site = Site::kVacant;
    } else {
      path.site = trie_.matches(Tables::slot(path.item), key, path.hash) ? Site::kMatch : Site::kForeign;
    }
  }
  template <typename Q>
  HAMT_INLINE void find_in_bucket(Path& path, const Q& key, uint32_t nth, uint64_t rest) {
    const uint64_t firsts = path.last.firsts();
    uint64_t first = nth_one(firsts, nth);
    char* item = Tables::item_at(path.last, index_of(first));
    path.count = size_of_firsts(firsts);
    path.position = top_position(rest);
    path.first = first;
    path.item = item;
    path.site = Site::kInBucket;
    const bool is_occupied = (path.last.all() & top_bit(rest)) != 0;
    if constexpr (Trie::template kTellsByWord<Q>) {
      // Whether there is an entry nobody could guess, but if the key is new none matches: where there is none, any other is compared.
      const char* const any = Tables::item_at(path.last, std::min(index_of(first), path.count - 1));
      if (!Trie::template may_match<Q>(Tables::slot(any), key, path.hash)) {
        item += Tables::kItemBytes;
        first <<= 1;
        if (!all_of(is_occupied, (firsts & first) == 0)) return;
      }
    } else {
      if (!is_occupied) return;
    }
    const char* const found = trie_.find_in_run(item, firsts, first, key, path.hash);
    if (found == nullptr) return;
    path.site = Site::kMatch;
    path.item = item + (found - item);
  }
  // What compilers know to be conditions they turn into jumps.
  static bool all_of(bool a, bool b) {
    unsigned both = static_cast<unsigned>(a) & static_cast<unsigned>(b);
    __asm__("" : "+r"(both));
    return both != 0;
  }
  template <typename Q>
  void find_in_list(Path& path, const Q& key) {
    const Node list = path.last;
    path.count = list.nodes();
    path.site = Site::kInList;
    for (uint32_t index = 0; index < list.nodes(); ++index) {
      char* const item = Tables::item_at(list, index);
      if (!trie_.matches(Tables::slot(item), key, path.hash)) continue;
      path.site = Site::kMatch;
      path.item = item;
      return;
    }
    path.item = Tables::item_at(list, list.nodes());
  }
  // A wide item of a child looks just as the root does.
  Node node_at(const Path& path, unsigned level) const {
    if (Tables::kCompact && level == 0) return trie_.root_;
    return Tables::child(path.items[level]);
  }
  void link(const Path& path, unsigned level, const Node& node) noexcept {
    if (Tables::kCompact && level == 0) {
      trie_.root_ = node;
    } else {
      Tables::put_child(path.items[level], node);
    }
  }

  // --- adding ---

  template <typename Make>
  bool put_first(uint64_t hash, Make& make) {
    begin_family();
    NewSlot fresh(*this, hash, make, nullptr);
    NewTables tables(*this);
    const Node root = tables.add(node_of(bit_at(hash, 0), 0));
    tables.release();
    Tables::put_slot(Tables::items(root), fresh.slot);
    fresh.armed = false;
    trie_.root_ = root;
    trie_.size_ = 1;
    return true;
  }

  void replace(Path& path, const Slot& fresh) {
    const Slot replaced = Tables::slot(path.item);
    if constexpr (Slots::kBoxed) reserve_retired(1);
    change<0>(path, path.last, item_of(fresh));
    dispose_slot(replaced);
  }

  void add(Path& path, const Slot& fresh) { change<1>(path, with_one_more(path), item_of(fresh)); }

  // The entry in the way and the new one move into a bucket, or a list, of their own.
  void split_entry(Path& path, uint64_t hash, const Slot& fresh) {
    const Slot& resident = Tables::slot(path.item);
    std::array<Scattered, 2> both = {{{Tables::kCompact ? 0 : trie_.slot_hash(resident), &resident}, {hash, &fresh}}};
    NewTables tables(*this);
    const Node below = node_of_few(tables, both, path.depth + 1);
    Node after = path.last;
    after.bits |= as_node(path.bit());
    change<0>(path, after, item_of(below));
    tables.release();
  }

  void add_to_bucket(Path& path, uint64_t hash, const Slot& fresh) {
    if (path.count == Tables::kFewMax) return scatter(path, hash, fresh);
    add(path, fresh);
  }

  void add_to_list(Path& path, uint64_t hash, const Slot& fresh) {
    const Node list = path.last;
    if (list.nodes() < Tables::kFewMax) return append(path, fresh);
    if (list.nodes() == Tables::kFewMax) return scatter(path, hash, fresh);
    const uint64_t list_hash = trie_.resident_hash(Tables::slot(Tables::items(list)), hash);  // a longer list has one
    if (list_hash == hash) return append(path, fresh);
    push_down(path, list_hash, hash, fresh);
  }
  void append(Path& path, const Slot& fresh) {
    Node after = path.last;
    after.bits += as_node(1);
    change<1>(path, after, item_of(fresh));
  }

  // A list of equal hashes met another: it moves down to where the two part.
  void push_down(Path& path, uint64_t list_hash, uint64_t hash, const Slot& fresh) {
    const unsigned level = path.depth;  // the new table takes the place of the list
    const unsigned forked = fork_level(list_hash ^ hash);
    const uint32_t list_bit = bit_at(list_hash, forked);
    const uint32_t fresh_bit = bit_at(hash, forked);
    NewTables tables(*this);
    const Node table = tables.add(node_of(list_bit | fresh_bit, list_bit));
    Tables::put_child(Tables::item_at(table, list_bit > fresh_bit), path.last);
    Tables::put_slot(Tables::item_at(table, list_bit < fresh_bit), fresh);
    replace_child(path, level, chain(tables, table, level, forked, hash));
    tables.release();
  }

  // A bucket, or a list of few, is full: its entries and the new one move into a table of entries and smaller buckets or lists; or, where all have one
  // hash, into a long list.
  [[gnu::noinline]] void scatter(Path& path, uint64_t hash, const Slot& fresh) {
    const unsigned level = path.depth;
    const Node full = path.last;
    std::array<Scattered, Tables::kFewMax + 1> entries;
    uint64_t difference = 0;
    const uint32_t fresh_index = Tables::kCompact ? Tables::kFewMax : index_in(path.item, full);
    for (uint32_t index = 0; index < Tables::kFewMax; ++index) {
      const Slot& slot = Tables::slot(Tables::item_at(full, index));
      const uint64_t other = hash_in_full(slot, hash);
      entries[index + (index >= fresh_index)] = {other, &slot};
      difference |= other ^ hash;
    }
    entries[fresh_index] = {hash, &fresh};
    reserve_retired(level + 2);
    NewTables tables(*this);
    const Node below = difference == 0 ? list_of(tables, entries) : node_of_many(tables, entries, level);
    const unsigned top = difference == 0 ? topmost_falling(path, level) : level;  // a list needs no table for itself
    const Fallen fallen = fallen_tables(path, top, level - 1);
    replace_child(path, top, below);
    tables.release();
    dispose(fallen);
    dispose(full.block());
  }
  static uint32_t index_in(const char* item, const Node& node) {
    return static_cast<uint32_t>(static_cast<size_t>(item - Tables::items(node)) / Tables::kItemBytes);
  }
  // Of a resident: for a list exact as far as the table is concerned; a bucket needs more bits, below.
  uint64_t hash_in_full(const Slot& slot, uint64_t hash) const {
    return Tables::kCompact ? trie_.resident_hash(slot, hash) : trie_.slot_hash(slot);
  }

  struct Scattered {
    uint64_t hash;
    const Slot* slot;
  };
  using Entries = std::span<Scattered>;
  // By where they belong at `level`. By insertion: they are few, or in order but for some.
  static void sort(Entries entries, unsigned level) {
    for (size_t done = 1; done < entries.size(); ++done) {
      const Scattered entry = entries[done];
      const uint32_t position = position_in_bucket(entry.hash, level);
      size_t at = done;
      for (; at > 0 && position_in_bucket(entries[at - 1].hash, level) > position; --at) entries[at] = entries[at - 1];
      entries[at] = entry;
    }
  }
  // A table of entries that are more than a few, and not all of one hash.
  Node node_of_many(NewTables& tables, Entries entries, unsigned level) {
    sort(entries, level);
    Node shape{};
    for (const Scattered& entry : entries) {
      const uint32_t bit = bit_at(entry.hash, level);
      shape.bits |= as_node(shape.all() & bit) | bit;
    }
    const Node table = tables.add(shape);
    char* item = Tables::items(table);
    for (uint32_t left = table.all(); left != 0; left &= left - 1, item += Tables::kItemBytes) {
      if ((table.nodes() & lowest(left)) == 0) {
        Tables::put_slot(item, *entries.front().slot);
        entries = entries.subspan(1);
        continue;
      }
      size_t count = 2;
      while (count < entries.size() && bit_at(entries[count].hash, level) == lowest(left)) ++count;
      const Entries below = entries.first(count);
      entries = entries.subspan(count);
      Tables::put_child(item, count > Tables::kFewMax ? node_of_many(tables, below, level + 1)
                                                      : node_of_few(tables, below, level + 1));
    }
    return table;
  }
  Node node_of_few(NewTables& tables, Entries entries, unsigned level) {
    if constexpr (Tables::kCompact) return list_of(tables, entries);
    if (entries.size() == 2) return bucket_of_two(tables, entries[0], entries[1], level);
    sort(entries, level);
    BucketShape shape;
    for (const Scattered& entry : entries) shape.add(position_in_bucket(entry.hash, level));
    return filled(tables.add(shape.node()), entries);
  }
  // Without a question which of them is first.
  Node bucket_of_two(NewTables& tables, const Scattered& a, const Scattered& b, unsigned level) {
    const uint32_t a_position = position_in_bucket(a.hash, level);
    const uint32_t b_position = position_in_bucket(b.hash, level);
    const uint64_t two_firsts = a_position == b_position ? 0b101 : 0b111;
    const Node bucket = tables.add(bucket_of(uint32_t{1} << a_position | uint32_t{1} << b_position, two_firsts, 0));
    const uint32_t b_is_first = b_position < a_position;
    Tables::put_slot(Tables::item_at(bucket, b_is_first), *a.slot);
    Tables::put_slot(Tables::item_at(bucket, 1 - b_is_first), *b.slot);
    return bucket;
  }
  Node list_of(NewTables& tables, Entries entries) {
    return filled(tables.add(node_of(0, static_cast<uint32_t>(entries.size()))), entries);
  }
  static Node filled(const Node& node, Entries entries) {
    char* item = Tables::items(node);
    for (const Scattered& entry : entries) {
      Tables::put_slot(item, *entry.slot);
      item += Tables::kItemBytes;
    }
    return node;
  }

  // `below` with tables of a single child above it, up to `level`.
  static Node chain(NewTables& tables, Node below, unsigned level, unsigned forked, uint64_t hash) {
    while (forked-- > level) {
      const uint32_t bit = bit_at(hash, forked);
      const Node above = tables.add(node_of(bit, bit));
      Tables::put_child(Tables::items(above), below);
      below = above;
    }
    return below;
  }
  // In the place of the node at `level` of the path.
  void replace_child(Path& path, unsigned level, const Node& child) {
    path.end_at(level - 1, node_at(path, level - 1));
    change<0>(path, path.last, item_of(child));
  }

  // --- removing ---

  void remove_last() {
    reserve_retired(2);  // and its entry
    dispose(std::exchange(trie_.root_, StoredNode()).block());
  }

  void remove(Path& path) {
    const bool is_in_table = is_table(path.last);
    const unsigned level = is_in_table ? path.depth : path.depth - 1;  // of the table that loses an entry
    if (level > 0) {
      const Node table = is_in_table ? path.last : node_at(path, level);
      if (entries_in(table) - 1 == Tables::kFewLeft) return collapse(path, level);
      if (is_in_table && item_count(table) == 2 && leaves_a_list(path)) return pull_up(path);
    }
    if (!is_in_table && path.count == 2) return replace_by_other(path);
    if (path.last.is_bucket()) return change<-1>(path, without_entry(path.last, path.position, path.first), Item{});
    if (!is_in_table && !Tables::kCompact && path.last.nodes() == Tables::kFewMax + 1) return end_list(path);
    Node after = path.last;
    after.bits = is_in_table ? after.bits & ~uint64_t{path.bit()} : after.bits - as_node(1);
    change<-1>(path, after, Item{});
  }

  // How many, as far as it matters whether they are few. Each child is two entries or more.
  static uint32_t entries_in(const Node& table) {
    constexpr uint32_t kMany = 1000;
    uint32_t count = popcount(table.all() & ~table.nodes());
    if (count + 2 * popcount(table.nodes()) > Tables::kFewLeft + 1) return kMany;
    for (uint32_t left = table.nodes(); left != 0 && count <= Tables::kFewLeft + 1; left &= left - 1) {
      const Node child = Tables::child(Tables::item_at(table, rank(table.all(), lowest(left))));
      count += is_table(child) ? kMany : item_count(child);
    }
    return count;
  }
  // A table whose other item is a list of equal hashes goes with its last entry.
  static bool leaves_a_list(Path& path) {
    const Node& table = path.last;
    const uint32_t left = table.all() & ~path.bit();
    return (table.nodes() & left) != 0 && is_list(Tables::child(Tables::item_at(table, rank(table.all(), left))));
  }

  // What is left below `level` are few: they become a bucket, or a list, in the place of the topmost table that falls away.
  [[gnu::noinline]] void collapse(Path& path, unsigned level) {
    const Node table = node_at(path, level);
    const unsigned top = topmost_falling(path, level);
    const Fallen fallen = fallen_tables(path, top, level);
    std::array<Block*, Tables::kFewLeft> ended;  // buckets and lists below the table
    uint32_t ended_count = 0;
    for (uint32_t left = table.nodes(); left != 0; left &= left - 1)
      ended[ended_count++] = Tables::child(Tables::item_at(table, rank(table.all(), lowest(left)))).block();
    reserve_retired(path.depth + 2 + ended_count);
    NewTables tables(*this);
    std::array<Scattered, Tables::kFewLeft> entries;
    uint32_t count = 0;
    BucketShape shape;
    const auto keep = [&](uint32_t position, const Slot& slot) {
      if (reinterpret_cast<const char*>(std::addressof(slot)) == path.item) return;
      entries[count++].slot = &slot;
      shape.add(top < level ? position_at(path.hash, top) : position);  // above the table all lie on one way
    };
    for_each_in_order(
        table,
        [&](uint32_t position, const Node& run) {
          visit_items<Tables>(
              run, [&](const Slot& slot) { keep(position, slot); }, [](const Node&) {});
        },
        keep);
    const Node few = filled(tables.add(Tables::kCompact ? node_of(0, count) : shape.node()), entries);
    replace_child(path, top, few);
    tables.release();
    dispose(fallen);
    for (uint32_t index = 0; index < ended_count; ++index) dispose(ended[index]);
  }
  // By position: the order of a bucket in its place.
  template <typename RunFunction, typename EntryFunction>
  static void for_each_in_order(const Node& table, RunFunction run, EntryFunction entry) {
    char* item = Tables::items(table);
    for (uint32_t left = table.all(); left != 0; left &= left - 1, item += Tables::kItemBytes) {
      if ((table.nodes() & lowest(left)) != 0) {
        run(static_cast<uint32_t>(position_of(lowest(left))), Tables::child(item));
      } else {
        entry(static_cast<uint32_t>(position_of(lowest(left))), Tables::slot(item));
      }
    }
  }
  // A list of equal hashes that is alone in its table takes the place of the topmost table that falls away.
  void pull_up(Path& path) {
    const unsigned top = topmost_falling(path, path.depth);
    const Node table = path.last;
    const Fallen fallen = fallen_tables(path, top, path.depth);
    reserve_retired(path.depth + 2);
    replace_child(path, top, Tables::child(Tables::item_at(table, rank(table.all(), table.all() & ~path.bit()))));
    dispose(fallen);
  }
  // Tables of a single child above the one that falls.
  unsigned topmost_falling(const Path& path, unsigned level) const {
    while (level > 1 && item_count(node_at(path, level - 1)) == 1) --level;
    return level;
  }
  struct Fallen {
    std::array<Block*, kTableLevels> tables;
    unsigned count;
  };
  // Taken down before the change that lets go of them.
  Fallen fallen_tables(const Path& path, unsigned top, unsigned level) const {
    Fallen fallen;
    fallen.count = level + 1 - top;
    for (unsigned index = 0; index < fallen.count; ++index) fallen.tables[index] = node_at(path, top + index).block();
    return fallen;
  }
  void dispose(const Fallen& fallen) noexcept {
    for (unsigned index = 0; index < fallen.count; ++index) dispose(fallen.tables[index]);
  }

  // One entry of two is left.
  void replace_by_other(Path& path) {
    const Node pair = path.last;
    const Slot kept = Tables::slot(Tables::item_at(pair, path.item == Tables::items(pair) ? 1 : 0));
    reserve_retired(path.depth + 2);
    replace_by_slot(path, path.depth, kept);
    dispose(pair.block());
  }
  // A list of equal hashes shrinks to a bucket.
  [[gnu::noinline]] void end_list(Path& path) {
    const Node list = path.last;
    reserve_retired(path.depth + 2);
    NewTables tables(*this);
    std::array<Scattered, Tables::kFewMax> entries;
    uint32_t count = 0;
    BucketShape shape;
    visit_items<Tables>(
        list,
        [&](const Slot& slot) {
          if (reinterpret_cast<const char*>(std::addressof(slot)) == path.item) return;
          entries[count++].slot = &slot;
          shape.add(position_in_bucket(path.hash, path.depth));
        },
        [](const Node&) {});
    const Node bucket = filled(tables.add(shape.node()), entries);
    replace_child(path, path.depth, bucket);
    tables.release();
    dispose(list.block());
  }
  // In the place of the node at `level` of the path.
  void replace_by_slot(Path& path, unsigned level, const Slot& slot) {
    path.end_at(level - 1, node_at(path, level - 1));
    Node after = path.last;
    after.bits &= ~as_node(path.bit());
    change<0>(path, after, item_of(slot));
  }

  // --- one table and the way up ---

  static Item item_of(const Slot& slot) {
    Item item{};
    Tables::put_slot(reinterpret_cast<char*>(item.words.data()), slot);
    return item;
  }
  static Item item_of(const Node& child) {
    Item item{};
    Tables::put_child(reinterpret_cast<char*>(item.words.data()), child);
    return item;
  }
  static void put(char* to, const Item& item) { std::memcpy(to, item.words.data(), sizeof(item)); }

  // The last table of the path becomes `after` (its block is chosen here): with `fresh` as one item more at path.item, with one less there, or with
  // `fresh` in its place. Throws before it changes anything.
  template <int kGrowth>
  void change(const Path& path, Node after, Item fresh) {
    if (!is_own(path.last.block()))
      return leased_ ? copy_path<kGrowth, true>(path, after, fresh) : copy_path<kGrowth, false>(path, after, fresh);
    if (kGrowth != 0 && moves<kGrowth>(path, after)) return move_table<kGrowth>(path, after, fresh);
    change_in_place<kGrowth>(path, fresh);
    if (kGrowth == 0 && after.bits == path.last.bits) return;
    Tables::put_head(after);
    link(path, path.depth, after);
  }

  template <int kGrowth>
  static constexpr uint32_t grown(uint32_t count) {
    return count + static_cast<uint32_t>(kGrowth);
  }
  // Does an own table that changes its size need another block? It shrinks when more than half would be empty.
  template <int kGrowth>
  HAMT_INLINE static bool moves(const Path& path, const Node& after) {
    if (Tables::has_head(path.last) != Tables::has_head(after)) return true;
    const size_t room_bytes = payload_bytes(path.last.block());
    const size_t used_bytes = Tables::head_bytes(after) + grown<kGrowth>(path.count) * Tables::kItemBytes;
    return kGrowth > 0 ? used_bytes > room_bytes : used_bytes * 2 < room_bytes;
  }
  template <int kGrowth>
  [[gnu::noinline]] void move_table(const Path& path, Node after, Item fresh) {
    if (!leased_) reserve_retired(path.depth + 2);
    after.set_block(allocate(Tables::words_for(after, grown<kGrowth>(path.count))));
    copy_changed<kGrowth>(after, path, fresh);
    dispose(path.last.block());
    link(path, path.depth, after);
  }

  // A changed copy of a table that older versions keep, and of those above it.
  template <int kGrowth, bool kLeased>
  [[gnu::noinline]] void copy_path(const Path& path, Node copy, Item fresh) {
    const RetiredRoom retired = reserve_retired(path.depth + 2);
    uintptr_t* retired_end = retired.end;
    typename FamilyT::ArenaT& blocks = arena();
    const uint64_t birth = version_->birth;
    copy.set_block(blocks.allocate(Tables::words_for(copy, grown<kGrowth>(path.count)), birth, kLeased));
    copy_changed<kGrowth>(copy, path, fresh);
    if (kReclaims) *retired_end++ = retired_word(path.last.block(), false);
    unsigned top = path.depth;
    try {
      for (; top > 0; --top) {
        const Node above = node_at(path, top - 1);
        if (is_own(above.block())) break;
        const uint32_t count = popcount(above.all());
        Block* const block = blocks.allocate_pooled(Tables::words_for(above, count), birth, kLeased);
        copy = copy_with_child(above, path.items[top], copy, block);
        if (kReclaims) *retired_end++ = retired_word(above.block(), false);
      }
    } catch (...) {
      free_copies(path, top, copy);
      throw;
    }
    if (kReclaims) *retired.count += path.depth + 1 - top;
    if (!kLeased) note_staged(retired_end, path.depth + 1 - top);
    link(path, top, copy);
  }
  // `copy` of the table at `top`, and those of the path below it.
  [[gnu::noinline]] void free_copies(const Path& path, unsigned top, Node copy) noexcept {
    for (; top < path.depth; ++top) {
      const auto item_offset = path.items[top + 1] - payload(node_at(path, top).block());
      Block* const block = copy.block();
      copy = Tables::child(payload(block) + item_offset);
      arena().free(block);
    }
    arena().free(copy.block());
  }
  // Of the `count` blocks before `end`.
  [[gnu::noinline]] void note_staged(const uintptr_t* end, size_t count) noexcept {
    for (; count > 0; --count) version_->staged_top = std::max(version_->staged_top, retired_block(*--end)->word);
  }

  template <int kGrowth>
  HAMT_INLINE static void change_in_place(const Path& path, Item fresh) {
    char* const end = Tables::item_at(path.last, path.count);
    if constexpr (kGrowth > 0) Tables::open_gap(path.item, end);
    if constexpr (kGrowth < 0) Tables::close_gap(path.item, end);
    if constexpr (kGrowth >= 0) put(path.item, fresh);
  }
  template <int kGrowth>
  HAMT_INLINE static void copy_changed(const Node& after, const Path& path, Item fresh) {
    const char* const from = Tables::items(path.last);
    char* const to = Tables::items(after);
    const auto lead_bytes = static_cast<size_t>(path.item - from);
    if constexpr (kGrowth == 0) {
      Tables::copy_items(to, from, path.count);
    } else if constexpr (kGrowth > 0) {
      Tables::copy_with_gap(to, from, path.count, static_cast<uint32_t>(lead_bytes / Tables::kItemBytes));
    } else {
      Tables::copy_lead(to, from, lead_bytes);
      Tables::copy_tail(to + lead_bytes, path.item + Tables::kItemBytes, from + path.count * Tables::kItemBytes);
    }
    if constexpr (kGrowth >= 0) put(to + lead_bytes, fresh);
    Tables::put_head(after);
  }
  HAMT_INLINE static Node copy_with_child(const Node& old, const char* item, const Node& child, Block* block) noexcept {
    const Node copy{reinterpret_cast<uintptr_t>(block), old.bits};
    Tables::copy_items(Tables::items(copy), Tables::items(old), popcount(old.all()));
    Tables::put_child(Tables::items(copy) + (item - Tables::items(old)), child);
    Tables::put_head(copy);
    return copy;
  }

  Trie& trie_;
  Version* version_ = nullptr;  // that is written
  bool borrowed_;
  bool leased_ = false;     // this editor holds the family's lease
  uint64_t own_since_ = 0;  // of that version: see family.h
};

// An editor of one version: what it wrote is published at its end.
template <typename Trie>
struct VersionEditor : Editor<Trie> {
  using Editor<Trie>::Editor;
  ~VersionEditor() { this->publish(); }
};

}  // namespace hamt::detail
