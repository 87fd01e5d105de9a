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
#include <stdexcept>
#include <tuple>
#include <utility>

namespace hamt::detail {

enum class Existing : uint8_t { kKeep, kReplace };

// The writer of one or more changes: takes the family's lease where it is free, and gives it back at its end.
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
    if (trie_.root_.table == nullptr) return put_first(hash, make);
    Path path;
    find_path(path, key, hash);
    const bool is_new = path.site != Site::kMatch;
    if (!is_new && existing == Existing::kKeep) return false;
    begin();
    NewSlot fresh(*this, hash, make, is_new ? nullptr : &Slots::entry_of(Tables::slot(path.item)));
    switch (path.site) {
      case Site::kVacant: add(path, fresh.slot); break;
      case Site::kForeign: split_entry(path, hash, fresh.slot); break;
      case Site::kInList: add_to_list(path, hash, fresh.slot); break;
      case Site::kMatch: replace(path, fresh.slot); break;
    }
    fresh.armed = false;
    trie_.size_ += is_new ? 1 : 0;
    return is_new;
  }

  // True if the key was there.
  template <typename Q>
  bool erase(const Q& key) {
    if (trie_.root_.table == nullptr) return false;
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
  enum class Site : uint8_t { kVacant, kMatch, kForeign, kInList };
  // The way to where a key is or would be.
  struct Path {
    // By level: the item that knows the table there; of the root see node_at().
    std::array<char*, kTableLevels + 1> items;
    uint64_t hash;
    unsigned depth;  // of the last table
    Site site;
    Node last;   // that table, or list
    char* item;  // in it: the entry with the key (kMatch), or in its way (kForeign); where it would stand (kVacant)
    uint32_t bit() const { return bit_at(hash, depth); }
    // Shortens it: `table`, at `level`, is the last one now.
    void end_at(unsigned level, const Node& table) {
      item = items[level + 1];
      depth = level;
      last = table;
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
      shape.table = editor_.allocate(Tables::words_for(shape));
      blocks_[count_++] = shape.table;
      Tables::put_head(shape);
      return shape;
    }
    void release() { count_ = 0; }

   private:
    static constexpr size_t kBlocksMax = kTableLevels + Tables::kListMax + 1;  // a chain, a table and its lists
    Editor& editor_;
    size_t count_ = 0;
    std::array<Block*, kBlocksMax> blocks_;
  };

  // Before the first change: makes the trie the writer of a version of its own.
  void begin() {
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
  [[gnu::always_inline]] void open_version() {
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
  Block* allocate(size_t words) { return arena().allocate(words, version_->birth, leased_); }
  bool is_own(const Block* block) const { return born_since(block, own_since_); }

  // Room to retire `count` blocks. With the lease, the list that others look at is ours.
  RetiredRoom reserve_retired(size_t count) {
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
    unsigned depth = 0;
    for (uint64_t rest = hash;; rest <<= kChunkBits) {
      char* const item = Tables::item_at(node, rank_at(node.all(), top_position(rest)));
      if ((node.all() & node.nodes() & top_bit(rest)) == 0) {
        path.hash = hash;
        path.depth = depth;
        path.last = node;
        path.item = item;
        if (depth >= kPrefetchLevel && !is_list(node)) prefetch(node);
        return find_site(path, key);
      }
      path.items[++depth] = item;
      node = Tables::child(item);
      __builtin_prefetch(node.table);  // its head is looked at later, but lies in another cache line than the item
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
  void find_site(Path& path, const Q& key) {
    if (is_list(path.last)) {  // perhaps below the last level, where the hash has no bits left
      find_in_list(path, key);
    } else if ((path.last.all() & path.bit()) != 0) {
      path.site = trie_.matches(Tables::slot(path.item), key, path.hash) ? Site::kMatch : Site::kForeign;
    } else {
      path.site = Site::kVacant;
    }
  }
  template <typename Q>
  void find_in_list(Path& path, const Q& key) {
    const Node list = path.last;
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

  void add(Path& path, const Slot& fresh) {
    Node after = path.last;
    after.bits |= path.bit();
    change<1>(path, after, item_of(fresh));
  }

  // The entry in the way and the new one move into a list, or a table, of their own.
  void split_entry(Path& path, uint64_t hash, const Slot& fresh) {
    const Slot& resident = Tables::slot(path.item);
    const uint64_t other = Tables::kListMax > 1 ? hash : trie_.resident_hash(resident, hash);
    NewTables tables(*this);
    Node below;
    if (other == hash) {
      below = tables.add(node_of(0, 2));
      Tables::put_slot(Tables::item_at(below, 0), resident);
      Tables::put_slot(Tables::item_at(below, 1), fresh);
    } else {
      below = part(tables, path.depth + 1, other, hash, false, item_of(resident), fresh);
    }
    Node after = path.last;
    after.bits |= as_node(path.bit());
    change<0>(path, after, item_of(below));
    tables.release();
  }

  void add_to_list(Path& path, uint64_t hash, const Slot& fresh) {
    const Node list = path.last;
    if (list.nodes() < Tables::kListMax) return append(path, fresh);
    std::array<uint64_t, Tables::kListMax> hashes;  // a longer list has one hash
    bool one_hash = true;
    for (uint32_t index = 0; index < Tables::kListMax; ++index) {
      hashes[index] = trie_.resident_hash(Tables::slot(Tables::item_at(list, index)), hash);
      one_hash = one_hash && hashes[index] == hashes[0];
    }
    if (one_hash && hashes[0] == hash) return append(path, fresh);
    if (Tables::kListMax == 1 || list.nodes() > Tables::kListMax || (one_hash && is_one_hash(list)))
      return push_down(path, hashes[0], hash, fresh);
    scatter(path, hashes, hash, fresh);
  }
  void append(Path& path, const Slot& fresh) {
    Node after = path.last;
    after.bits += as_node(1);
    change<1>(path, after, item_of(fresh));
  }

  // Whole hashes: resident_hash() says no more than where they part from another.
  bool is_one_hash(const Node& list) const {
    const uint64_t first = trie_.slot_hash(Tables::slot(Tables::items(list)));
    for (uint32_t index = 1; index < list.nodes(); ++index) {
      if (trie_.slot_hash(Tables::slot(Tables::item_at(list, index))) != first) return false;
    }
    return true;
  }

  // A list of equal hashes met another: it moves down to where the two part.
  void push_down(Path& path, uint64_t list_hash, uint64_t hash, const Slot& fresh) {
    const unsigned level = path.depth;  // the new table takes the place of the list
    NewTables tables(*this);
    const Node below = part(tables, level, list_hash, hash, true, item_of(path.last), fresh);
    replace_child(path, level, below);
    tables.release();
  }

  // A compact list is full: its entries and the new one move into a table of entries and shorter lists.
  void scatter(Path& path, const std::array<uint64_t, Tables::kListMax>& hashes, uint64_t hash, const Slot& fresh) {
    constexpr uint32_t kCount = Tables::kListMax + 1;
    const unsigned level = path.depth;
    const Node full = path.last;
    uint64_t difference = 0;
    for (const uint64_t other : hashes) difference |= other ^ hash;
    const unsigned forked = fork_level(difference);

    std::array<uint32_t, kCount> bits;
    std::array<uint8_t, 32> lengths{};  // by position
    Node shape{};
    for (uint32_t index = 0; index < kCount; ++index) {
      bits[index] = bit_at(index < Tables::kListMax ? hashes[index] : hash, forked);
      shape.bits |= bits[index];
      if (++lengths[position_of(bits[index])] > 1) shape.bits |= as_node(bits[index]);
    }
    reserve_retired(level + 2);
    NewTables tables(*this);
    const Node table = tables.add(shape);
    for (uint32_t left = table.all(); left != 0; left &= left - 1) {
      const uint32_t bit = lowest(left);
      const uint32_t length = lengths[position_of(bit)];
      char* const item = Tables::item_at(table, rank(table.all(), bit));
      char* to = item;
      if (length > 1) {
        const Node list = tables.add(node_of(0, length));
        Tables::put_child(item, list);
        to = Tables::items(list);
      }
      for (uint32_t index = 0; index < kCount; ++index) {
        if (bits[index] != bit) continue;
        Tables::put_slot(to, index < Tables::kListMax ? Tables::slot(Tables::item_at(full, index)) : fresh);
        to += Tables::kItemBytes;
      }
    }
    replace_child(path, level, chain(tables, table, level, forked, hash));
    tables.release();
    dispose(full.table);
  }

  // The table in which two hashes part, with tables of a single child above it up to `level`.
  Node part(NewTables& tables, unsigned level, uint64_t other, uint64_t hash, bool resident_is_child,
            const Item& resident, const Slot& fresh) {
    const unsigned forked = fork_level(other ^ hash);
    const uint32_t resident_bit = bit_at(other, forked);
    const uint32_t fresh_bit = bit_at(hash, forked);
    const Node table = tables.add(node_of(resident_bit | fresh_bit, resident_is_child ? resident_bit : 0));
    const uint32_t resident_index = resident_bit > fresh_bit;
    put(Tables::item_at(table, resident_index), resident);
    Tables::put_slot(Tables::item_at(table, 1 - resident_index), fresh);
    return forked == level ? table : chain(tables, table, level, forked, hash);
  }
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
    dispose(std::exchange(trie_.root_, StoredNode()).table);
  }

  void remove(Path& path) {
    const bool in_list = is_list(path.last);
    const unsigned level = in_list ? path.depth - 1 : path.depth;  // of the table that loses an entry
    if (level > 0) {
      const Node table = in_list ? node_at(path, level) : path.last;
      if (entries_in(table) - 1 <= Tables::kListMax) return collapse(path, level);
      if (!in_list && item_count(table) == 2 && leaves_a_list(path)) return pull_up(path);
    }
    if (in_list && path.last.nodes() == 2) return end_list(path);
    Node after = path.last;
    if (in_list) {
      after.bits -= as_node(1);
    } else {
      after.bits &= ~uint64_t{path.bit()};
    }
    change<-1>(path, after, Item{});
  }

  // Of entries and lists; more than enough if the table has a table below it, or a list that stays one.
  static uint32_t entries_in(const Node& table) {
    constexpr uint32_t kMany = 64;
    uint32_t count = popcount(table.all() & ~table.nodes());
    if (Tables::kListMax == 1) {  // a list of two may become an entry, but never the only one of its table
      return table.nodes() == 0 ? count : kMany;
    }
    for (uint32_t left = table.nodes(); left != 0 && count <= Tables::kListMax + 1; left &= left - 1) {
      const Node child = Tables::child(Tables::item_at(table, rank(table.all(), lowest(left))));
      count += is_list(child) ? child.nodes() : kMany;
    }
    return count;
  }
  // A table whose other item is a list of equal hashes goes with its last entry.
  static bool leaves_a_list(Path& path) {
    const Node& table = path.last;
    const uint32_t left = table.all() & ~path.bit();
    return (table.nodes() & left) != 0 && is_list(Tables::child(Tables::item_at(table, rank(table.all(), left))));
  }

  // What is left below `level` becomes a list, or a single entry, in the place of the topmost table that falls away.
  void collapse(Path& path, unsigned level) {
    std::array<Slot, Tables::kListMax> kept;
    uint32_t kept_count = 0;
    std::array<Block*, Tables::kListMax> lists;
    uint32_t list_count = 0;
    const auto keep = [&](const Slot& slot) {
      if (reinterpret_cast<const char*>(std::addressof(slot)) != path.item) kept[kept_count++] = slot;
    };
    visit_items<Tables>(node_at(path, level), keep, [&](const Node& list) {
      lists[list_count++] = list.table;
      visit_items<Tables>(list, keep, [](const Node&) {});
    });
    reserve_retired(path.depth + 2 + list_count);
    const unsigned top = topmost_falling(path, level);
    const Fallen fallen = fallen_tables(path, top, level);
    if (Tables::kListMax == 1 || kept_count == 1) {
      replace_by_slot(path, top, kept[0]);
    } else {
      NewTables tables(*this);
      const Node list = tables.add(node_of(0, kept_count));
      for (uint32_t index = 0; index < kept_count; ++index) Tables::put_slot(Tables::item_at(list, index), kept[index]);
      replace_child(path, top, list);
      tables.release();
    }
    dispose(fallen);
    for (uint32_t index = 0; index < list_count; ++index) dispose(lists[index]);
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
    for (unsigned index = 0; index < fallen.count; ++index) fallen.tables[index] = node_at(path, top + index).table;
    return fallen;
  }
  void dispose(const Fallen& fallen) noexcept {
    for (unsigned index = 0; index < fallen.count; ++index) dispose(fallen.tables[index]);
  }

  // One entry of a list of two is left.
  void end_list(Path& path) {
    const Node list = path.last;
    const Slot kept = Tables::slot(Tables::item_at(list, path.item == Tables::items(list) ? 1 : 0));
    reserve_retired(path.depth + 2);
    replace_by_slot(path, path.depth, kept);
    dispose(list.table);
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
    if (!is_own(path.last.table))
      return leased_ ? copy_path<kGrowth, true>(path, after, fresh) : copy_path<kGrowth, false>(path, after, fresh);
    if (kGrowth != 0 && moves<kGrowth>(path.last, after)) return move_table<kGrowth>(path, after, fresh);
    change_in_place<kGrowth>(path.last, path.item, fresh);
    if (after.bits == path.last.bits) return;
    Tables::put_head(after);
    link(path, path.depth, after);
  }

  // Does an own table that changes its size need another block? It shrinks when more than half would be empty.
  template <int kGrowth>
  static bool moves(const Node& before, const Node& after) {
    if (Tables::has_head(before) != Tables::has_head(after)) return true;
    const size_t room_bytes = payload_bytes(before.table);
    const size_t used_bytes = Tables::used_bytes(after);
    return kGrowth > 0 ? used_bytes > room_bytes : used_bytes * 2 < room_bytes;
  }
  template <int kGrowth>
  [[gnu::noinline]] void move_table(const Path& path, Node after, Item fresh) {
    if (!leased_) reserve_retired(path.depth + 2);
    after.table = allocate(Tables::words_for(after));
    copy_changed<kGrowth>(after, path, fresh);
    dispose(path.last.table);
    link(path, path.depth, after);
  }

  // A changed copy of a table that older versions keep, and of those above it.
  template <int kGrowth, bool kLeased>
  [[gnu::noinline]] void copy_path(const Path& path, Node copy, Item fresh) {
    const RetiredRoom retired = reserve_retired(path.depth + 2);
    uintptr_t* retired_end = retired.end;
    typename FamilyT::ArenaT& blocks = arena();
    const uint64_t birth = version_->birth;
    copy.table = blocks.allocate(Tables::words_for(copy), birth, kLeased);
    copy_changed<kGrowth>(copy, path, fresh);
    if (kReclaims) *retired_end++ = retired_word(path.last.table, false);
    unsigned top = path.depth;
    try {
      for (; top > 0; --top) {
        const Node above = node_at(path, top - 1);
        if (is_own(above.table)) break;
        Block* const block = blocks.allocate_pooled(Tables::words_for(above), birth, kLeased);
        copy = copy_with_child(above, path.items[top], copy, block);
        if (kReclaims) *retired_end++ = retired_word(above.table, false);
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
      const auto item_offset = path.items[top + 1] - payload(node_at(path, top).table);
      Block* const block = copy.table;
      copy = Tables::child(payload(block) + item_offset);
      arena().free(block);
    }
    arena().free(copy.table);
  }
  // Of the `count` blocks before `end`.
  [[gnu::noinline]] void note_staged(const uintptr_t* end, size_t count) noexcept {
    for (; count > 0; --count) version_->staged_top = std::max(version_->staged_top, retired_block(*--end)->word);
  }

  template <int kGrowth>
  static void change_in_place(const Node& node, char* item, Item fresh) {
    char* const end = Tables::items(node) + Tables::items_bytes(node);
    if constexpr (kGrowth > 0) Tables::open_gap(item, end);
    if constexpr (kGrowth < 0) Tables::close_gap(item, end);
    if constexpr (kGrowth >= 0) put(item, fresh);
  }
  template <int kGrowth>
  static void copy_changed(const Node& after, const Path& path, Item fresh) {
    const char* const from = Tables::items(path.last);
    char* const to = Tables::items(after);
    const auto lead_bytes = static_cast<size_t>(path.item - from);
    const uint32_t count = item_count(path.last);
    const char* const end = from + count * Tables::kItemBytes;
    if constexpr (kGrowth == 0) {
      Tables::copy_items(to, from, count);
    } else {
      Tables::copy_lead(to, from, lead_bytes);
      Tables::copy_tail(to + lead_bytes + (kGrowth > 0 ? Tables::kItemBytes : 0),
                        path.item + (kGrowth < 0 ? Tables::kItemBytes : 0), end);
    }
    if constexpr (kGrowth >= 0) put(to + lead_bytes, fresh);
    Tables::put_head(after);
  }
  static Node copy_with_child(const Node& old, const char* item, const Node& child, Block* block) noexcept {
    const Node copy{block, old.bits};
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
