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
  using FamilyT = Family<Slots>;

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
    if (path.site == Site::kMatch) {
      if (existing == Existing::kReplace) replace(path, hash, make);
      return false;
    }
    begin();
    NewSlot fresh(*this, hash, make, nullptr);
    switch (path.site) {
      case Site::kVacant: add(path, fresh.slot); break;
      case Site::kForeign: split_entry(path, hash, fresh.slot); break;
      case Site::kInList: add_to_list(path, hash, fresh.slot); break;
      case Site::kMatch: break;
    }
    fresh.armed = false;
    ++trie_.size_;
    return true;
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
  struct Step {
    char* item;  // of `node`, in the table above; at the root nullptr
    Node node;
    uint32_t bit;  // the position of the hash in it
  };
  // The way to where a key is or would be.
  struct Path {
    std::array<Step, kTableLevels + 1> steps;
    unsigned depth;  // of the last step
    Site site;
    char* item;  // the entry with the key (kMatch), or in its way (kForeign); where it would stand (kVacant)
    Step& last() { return steps[depth]; }
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
  [[gnu::always_inline]] void begin() {
    if (!leased_) leased_ = trie_.family_->try_lease();
    if (!trie_.writing_) open_version();
    version_ = trie_.version_;
    floor_ = version_->floor();
  }
  void begin_family() {
    if (trie_.family_ == nullptr) {
      std::tie(trie_.family_, trie_.version_) = FamilyT::create(memory_options{});
      borrowed_ = false;
    }
    begin();
  }
  [[gnu::noinline]] void open_version() {
    Version* const from = trie_.version_;
    if (borrowed_) {
      trie_.version_ = trie_.family_->make_version(from, leased_);
      borrowed_ = false;
      if (!leased_) {  // else it enters the tree before anyone can drop the parent
        increment(from->handles);
        trie_.version_->holds_parent = true;
      }
    } else if (!leased_ || from->handles.load(std::memory_order_acquire) != 1 || from->child_count != 0) {
      trie_.version_ = trie_.family_->make_version(from, leased_);
      trie_.version_->holds_parent = true;  // the trie's handle goes over to it
    }  // else nobody else has a handle of the version, nor made another from it: it is written on
    trie_.writing_ = true;
  }

  typename FamilyT::ArenaT& arena() { return trie_.family_->arena(); }
  Block* allocate(size_t words) { return arena().allocate(words, version_->birth, leased_); }
  bool is_own(const Block* block) const { return stamp_of(block) > floor_; }

  // Room to retire `count` blocks. With the lease, the list that others look at is ours.
  void reserve_retired(size_t count) {
    Version& version = *version_;
    if (leased_ ? version.retired.has_room(count) : version.staged.has_room(count)) return;
    add_retired_chunk(count);
  }
  [[gnu::noinline]] void add_retired_chunk(size_t count) {
    Version& version = *version_;
    Block* const chunk = allocate(RetiredList::chunk_words(2 * count + 2));
    leased_ ? version.retired.add_chunk(chunk) : version.staged.add_chunk(chunk);
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
  void retire(Block* block, bool is_box) noexcept {
    Version& version = *version_;
    if (leased_) return version.retired.push(block, is_box);
    version.staged.push(block, is_box);
    version.staged_top = std::max(version.staged_top, stamp_of(block));
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
    path.depth = 0;
    Step* step = path.steps.data();
    step->item = nullptr;
    step->node = trie_.root_;
    for (uint64_t rest = hash;; rest <<= kChunkBits) {
      const Node node = step->node;
      const uint32_t bit = top_bit(rest);
      step->bit = bit;
      char* const item = Tables::item_at(node, rank(node.all, bit));
      if ((node.all & bit) == 0) {
        if (is_list(node)) return find_in_list(path, key, hash);
        path.item = item;
        path.site = Site::kVacant;
        return;
      }
      if ((node.nodes & bit) == 0) {
        path.item = item;
        path.site = trie_.matches(Tables::slot(item), key, hash) ? Site::kMatch : Site::kForeign;
        return;
      }
      ++path.depth;
      ++step;
      step->item = item;
      step->node = Tables::child(item);
    }
  }
  template <typename Q>
  void find_in_list(Path& path, const Q& key, uint64_t hash) {
    const Node& list = path.last().node;
    path.site = Site::kInList;
    for (uint32_t index = 0; index < list.nodes; ++index) {
      char* const item = Tables::item_at(list, index);
      if (!trie_.matches(Tables::slot(item), key, hash)) continue;
      path.site = Site::kMatch;
      path.item = item;
      return;
    }
    path.item = Tables::item_at(list, list.nodes);
  }

  // --- adding ---

  template <typename Make>
  bool put_first(uint64_t hash, Make& make) {
    begin_family();
    NewSlot fresh(*this, hash, make, nullptr);
    NewTables tables(*this);
    const Node root = tables.add(Node{nullptr, bit_at(hash, 0), 0});
    tables.release();
    Tables::put_slot(Tables::items(root), fresh.slot);
    fresh.armed = false;
    trie_.root_ = root;
    trie_.size_ = 1;
    return true;
  }

  template <typename Make>
  void replace(Path& path, uint64_t hash, Make& make) {
    begin();
    NewSlot fresh(*this, hash, make, &Slots::entry_of(Tables::slot(path.item)));
    const Slot replaced = Tables::slot(path.item);
    if constexpr (Slots::kBoxed) reserve_retired(1);
    change<0>(path, path.depth, path.item, path.last().node, [&](char* item) { Tables::put_slot(item, fresh.slot); });
    fresh.armed = false;
    dispose_slot(replaced);
  }

  void add(Path& path, const Slot& fresh) {
    Node after = path.last().node;
    after.all |= path.last().bit;
    change<1>(path, path.depth, path.item, after, [&](char* item) { Tables::put_slot(item, fresh); });
  }

  // The entry in the way and the new one move into a list, or a table, of their own.
  void split_entry(Path& path, uint64_t hash, const Slot& fresh) {
    const Slot& resident = Tables::slot(path.item);
    const uint64_t other = Tables::kListMax > 1 ? hash : trie_.resident_hash(resident, hash);
    NewTables tables(*this);
    Node below;
    if (other == hash) {
      below = tables.add(Node{nullptr, 0, 2});
      Tables::put_slot(Tables::item_at(below, 0), resident);
      Tables::put_slot(Tables::item_at(below, 1), fresh);
    } else {
      const auto write_resident = [&](char* item) { Tables::put_slot(item, resident); };
      below = part(tables, path.depth + 1, other, hash, false, write_resident, fresh);
    }
    Node after = path.last().node;
    after.nodes |= path.last().bit;
    change<0>(path, path.depth, path.item, after, [&](char* item) { Tables::put_child(item, below); });
    tables.release();
  }

  void add_to_list(Path& path, uint64_t hash, const Slot& fresh) {
    const Node list = path.last().node;
    if (list.nodes < Tables::kListMax) return append(path, fresh);
    std::array<uint64_t, Tables::kListMax> hashes;  // a longer list has one hash
    bool one_hash = true;
    for (uint32_t index = 0; index < Tables::kListMax; ++index) {
      hashes[index] = trie_.resident_hash(Tables::slot(Tables::item_at(list, index)), hash);
      one_hash = one_hash && hashes[index] == hashes[0];
    }
    if (one_hash && hashes[0] == hash) return append(path, fresh);
    if (Tables::kListMax == 1 || list.nodes > Tables::kListMax || (one_hash && is_one_hash(list)))
      return push_down(path, hashes[0], hash, fresh);
    scatter(path, hashes, hash, fresh);
  }
  void append(Path& path, const Slot& fresh) {
    Node after = path.last().node;
    ++after.nodes;
    change<1>(path, path.depth, path.item, after, [&](char* item) { Tables::put_slot(item, fresh); });
  }

  // Whole hashes: resident_hash() says no more than where they part from another.
  bool is_one_hash(const Node& list) const {
    const uint64_t first = trie_.slot_hash(Tables::slot(Tables::items(list)));
    for (uint32_t index = 1; index < list.nodes; ++index) {
      if (trie_.slot_hash(Tables::slot(Tables::item_at(list, index))) != first) return false;
    }
    return true;
  }

  // A list of equal hashes met another: it moves down to where the two part.
  void push_down(Path& path, uint64_t list_hash, uint64_t hash, const Slot& fresh) {
    const unsigned level = path.depth;  // the new table takes the place of the list
    const Step& step = path.last();
    NewTables tables(*this);
    const auto write_list = [&](char* item) { Tables::put_child(item, step.node); };
    const Node below = part(tables, level, list_hash, hash, true, write_list, fresh);
    replace_child(path, level, below);
    tables.release();
  }

  // A compact list is full: its entries and the new one move into a table of entries and shorter lists.
  void scatter(Path& path, const std::array<uint64_t, Tables::kListMax>& hashes, uint64_t hash, const Slot& fresh) {
    constexpr uint32_t kCount = Tables::kListMax + 1;
    const unsigned level = path.depth;
    const Node full = path.last().node;
    uint64_t difference = 0;
    for (const uint64_t other : hashes) difference |= other ^ hash;
    const unsigned forked = fork_level(difference);

    std::array<uint32_t, kCount> bits;
    std::array<uint8_t, 32> lengths{};  // by position
    Node shape{};
    for (uint32_t index = 0; index < kCount; ++index) {
      bits[index] = bit_at(index < Tables::kListMax ? hashes[index] : hash, forked);
      shape.all |= bits[index];
      if (++lengths[position_of(bits[index])] > 1) shape.nodes |= bits[index];
    }
    reserve_retired(level + 2);
    NewTables tables(*this);
    const Node table = tables.add(shape);
    for (uint32_t left = table.all; left != 0; left &= left - 1) {
      const uint32_t bit = lowest(left);
      const uint32_t length = lengths[position_of(bit)];
      char* const item = Tables::item_at(table, rank(table.all, bit));
      char* to = item;
      if (length > 1) {
        const Node list = tables.add(Node{nullptr, 0, length});
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
  template <typename WriteResident>
  Node part(NewTables& tables, unsigned level, uint64_t other, uint64_t hash, bool resident_is_child,
            WriteResident write_resident, const Slot& fresh) {
    const unsigned forked = fork_level(other ^ hash);
    const uint32_t resident_bit = bit_at(other, forked);
    const uint32_t fresh_bit = bit_at(hash, forked);
    const Node table = tables.add(Node{nullptr, resident_bit | fresh_bit, resident_is_child ? resident_bit : 0});
    const bool resident_first = resident_bit < fresh_bit;
    write_resident(Tables::item_at(table, resident_first ? 0 : 1));
    Tables::put_slot(Tables::item_at(table, resident_first ? 1 : 0), fresh);
    return forked == level ? table : chain(tables, table, level, forked, hash);
  }
  static Node chain(NewTables& tables, Node below, unsigned level, unsigned forked, uint64_t hash) {
    while (forked-- > level) {
      const uint32_t bit = bit_at(hash, forked);
      const Node above = tables.add(Node{nullptr, bit, bit});
      Tables::put_child(Tables::items(above), below);
      below = above;
    }
    return below;
  }
  // In the place of the node at `level` of the path.
  void replace_child(Path& path, unsigned level, const Node& child) {
    change<0>(path, level - 1, path.steps[level].item, path.steps[level - 1].node,
              [&](char* item) { Tables::put_child(item, child); });
  }

  // --- removing ---

  void remove_last() {
    reserve_retired(2);  // and its entry
    dispose(std::exchange(trie_.root_, Node{}).table);
  }

  void remove(Path& path) {
    const bool in_list = is_list(path.last().node);
    const unsigned level = in_list ? path.depth - 1 : path.depth;  // of the table that loses an entry
    if (level > 0) {
      const Node& table = path.steps[level].node;
      if (entries_in(table) - 1 <= Tables::kListMax) return collapse(path, level);
      if (!in_list && item_count(table) == 2 && leaves_a_list(path)) return pull_up(path);
    }
    if (in_list && path.last().node.nodes == 2) return end_list(path);
    Node after = path.last().node;
    if (in_list) {
      --after.nodes;
    } else {
      after.all &= ~path.last().bit;
    }
    change<-1>(path, path.depth, path.item, after, [](char*) {});
  }

  // Of entries and lists; more than enough if the table has a table below it, or a list that stays one.
  static uint32_t entries_in(const Node& table) {
    constexpr uint32_t kMany = 64;
    uint32_t count = popcount(table.all & ~table.nodes);
    if (Tables::kListMax == 1) {  // a list of two may become an entry, but never the only one of its table
      return table.nodes == 0 ? count : kMany;
    }
    for (uint32_t left = table.nodes; left != 0 && count <= Tables::kListMax + 1; left &= left - 1) {
      const Node child = Tables::child(Tables::item_at(table, rank(table.all, lowest(left))));
      count += is_list(child) ? child.nodes : kMany;
    }
    return count;
  }
  // A table whose other item is a list of equal hashes goes with its last entry.
  static bool leaves_a_list(Path& path) {
    const Node& table = path.last().node;
    const uint32_t left = table.all & ~path.last().bit;
    return (table.nodes & left) != 0 && is_list(Tables::child(Tables::item_at(table, rank(table.all, left))));
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
    visit_items<Tables>(path.steps[level].node, keep, [&](const Node& list) {
      lists[list_count++] = list.table;
      visit_items<Tables>(list, keep, [](const Node&) {});
    });
    reserve_retired(path.depth + 2 + list_count);
    const unsigned top = topmost_falling(path, level);
    if (Tables::kListMax == 1 || kept_count == 1) {
      replace_by_slot(path, top, kept[0]);
    } else {
      NewTables tables(*this);
      const Node list = tables.add(Node{nullptr, 0, kept_count});
      for (uint32_t index = 0; index < kept_count; ++index) Tables::put_slot(Tables::item_at(list, index), kept[index]);
      replace_child(path, top, list);
      tables.release();
    }
    for (unsigned fallen = top; fallen <= level; ++fallen) dispose(path.steps[fallen].node.table);
    for (uint32_t index = 0; index < list_count; ++index) dispose(lists[index]);
  }

  // A list of equal hashes that is alone in its table takes the place of the topmost table that falls away.
  void pull_up(Path& path) {
    const unsigned top = topmost_falling(path, path.depth);
    const Node& table = path.last().node;
    reserve_retired(path.depth + 2);
    replace_child(path, top, Tables::child(Tables::item_at(table, rank(table.all, table.all & ~path.last().bit))));
    for (unsigned fallen = top; fallen <= path.depth; ++fallen) dispose(path.steps[fallen].node.table);
  }
  // Tables of a single child above the one that falls.
  static unsigned topmost_falling(const Path& path, unsigned level) {
    while (level > 1 && item_count(path.steps[level - 1].node) == 1) --level;
    return level;
  }

  // One entry of a list of two is left.
  void end_list(Path& path) {
    const Node list = path.last().node;
    const Slot kept = Tables::slot(Tables::item_at(list, path.item == Tables::items(list) ? 1 : 0));
    reserve_retired(path.depth + 2);
    replace_by_slot(path, path.depth, kept);
    dispose(list.table);
  }
  // In the place of the node at `level` of the path.
  void replace_by_slot(Path& path, unsigned level, const Slot& slot) {
    Node after = path.steps[level - 1].node;
    after.nodes &= ~path.steps[level - 1].bit;
    change<0>(path, level - 1, path.steps[level].item, after, [&](char* item) { Tables::put_slot(item, slot); });
  }

  // --- one table and the way up ---

  // The table at `level` of the path becomes `after` (its block is chosen here): with one item more at `item`, one less, or another one in
  // its place, which `write` writes. Throws before it changes anything.
  template <int kGrowth, typename Write>
  void change(Path& path, unsigned level, char* item, Node after, Write write) {
    const Node& before = path.steps[level].node;
    if (!is_own(before.table)) return copy_path<kGrowth>(path, level, item, after, write);
    if (kGrowth != 0 && moves<kGrowth>(before, after)) return move_table<kGrowth>(path, level, item, after, write);
    change_in_place<kGrowth>(before, item, write);
    if (after.all == before.all && after.nodes == before.nodes) return;
    Tables::put_head(after);
    link(path, level, after);
  }

  // Does an own table that changes its size need another block? It shrinks when more than half would be empty.
  template <int kGrowth>
  static bool moves(const Node& before, const Node& after) {
    if (Tables::has_head(before) != Tables::has_head(after)) return true;
    const size_t room_bytes = payload_bytes(before.table);
    const size_t used_bytes = Tables::used_bytes(after);
    return kGrowth > 0 ? used_bytes > room_bytes : used_bytes * 2 < room_bytes;
  }
  template <int kGrowth, typename Write>
  void move_table(Path& path, unsigned level, char* item, Node after, Write write) {
    const Node before = path.steps[level].node;
    if (!leased_) reserve_retired(path.depth + 2);
    after.table = allocate(Tables::words_for(after));
    copy_changed<kGrowth>(after, before, item, write);
    dispose(before.table);
    link(path, level, after);
  }

  // A changed copy of a table that older versions keep, and of those above it.
  template <int kGrowth, typename Write>
  void copy_path(Path& path, unsigned level, char* item, Node after, Write write) {
    reserve_retired(path.depth + 2);
    std::array<Block*, kTableLevels + 1> fresh;
    unsigned at = level;
    after.table = fresh[at] = allocate(Tables::words_for(after));
    copy_changed<kGrowth>(after, path.steps[at].node, item, write);
    try {
      for (; at > 0 && !is_own(path.steps[at - 1].node.table); --at) {
        const Node& above = path.steps[at - 1].node;
        fresh[at - 1] = allocate(pooled_words(above.table));
        after = copy_with_child(above, path.steps[at].item, after, fresh[at - 1]);
      }
    } catch (...) {
      for (; at <= level; ++at) arena().free(fresh[at]);
      throw;
    }
    link(path, at, after);
    if (leased_) {
      Retired& retired = version_->retired;
      for (; at <= level; ++at) retired.push(path.steps[at].node.table, false);
    } else {
      for (; at <= level; ++at) retire(path.steps[at].node.table, false);
    }
  }

  template <int kGrowth, typename Write>
  static void change_in_place(const Node& node, char* item, Write write) {
    char* const end = Tables::items(node) + Tables::items_bytes(node);
    if constexpr (kGrowth > 0) std::memmove(item + Tables::kItemBytes, item, static_cast<size_t>(end - item));
    if constexpr (kGrowth < 0)
      std::memmove(item, item + Tables::kItemBytes, static_cast<size_t>(end - item) - Tables::kItemBytes);
    if constexpr (kGrowth >= 0) write(item);
  }
  template <int kGrowth, typename Write>
  static void copy_changed(const Node& after, const Node& before, const char* item, Write write) {
    const char* const from = Tables::items(before);
    char* const to = Tables::items(after);
    const auto lead_bytes = static_cast<size_t>(item - from);
    const size_t total_bytes = Tables::items_bytes(before);
    if constexpr (kGrowth == 0) {
      std::memcpy(to, from, total_bytes);
    } else {
      const size_t skip_from = kGrowth < 0 ? Tables::kItemBytes : 0;
      const size_t skip_to = kGrowth > 0 ? Tables::kItemBytes : 0;
      std::memcpy(to, from, lead_bytes);
      std::memcpy(to + lead_bytes + skip_to, item + skip_from, total_bytes - lead_bytes - skip_from);
    }
    if constexpr (kGrowth >= 0) write(to + lead_bytes);
    Tables::put_head(after);
  }
  static Node copy_with_child(const Node& old, const char* item, const Node& child, Block* block) noexcept {
    const Node copy{block, old.all, old.nodes};
    const char* const from = payload(old.table);
    char* const to = payload(block);
    std::memcpy(to, from, pooled_words(old.table) * kWordBytes);
    Tables::put_child(to + (item - from), child);
    return copy;
  }
  void link(Path& path, unsigned level, const Node& node) noexcept {
    if (level == 0) {
      trie_.root_ = node;
    } else {
      Tables::put_child(path.steps[level].item, node);
    }
  }

  Trie& trie_;
  Version* version_ = nullptr;  // that is written
  bool borrowed_;
  bool leased_ = false;  // this editor holds the family's lease
  uint64_t floor_ = 0;   // of that version: see family.h
};

// An editor of one version: what it wrote is published at its end.
template <typename Trie>
struct VersionEditor : Editor<Trie> {
  using Editor<Trie>::Editor;
  ~VersionEditor() { this->publish(); }
};

}  // namespace hamt::detail
