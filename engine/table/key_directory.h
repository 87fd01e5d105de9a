#pragma once

// Primary key -> row, versioned: a persistent hash array mapped trie whose entries are row numbers; the keys themselves live in the key column. It works on
// encoded keys (a number or bytes), so that hidden, uuid and composite keys need no new format. Derived: rebuilt at open from the live rows.

#include <omendb/batch.h>
#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/base/ids.h"
#include "engine/table/column.h"

#include <hamt/set.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::table {

// An encoded key, borrowed. For int64 keys `text` is empty.
struct Key {
  int64_t number = 0;
  std::string_view text;
  friend bool operator==(const Key&, const Key&) = default;
};
std::string to_string(const Key& key, Type type);  // for messages

struct KeyLookup {
  Key key;
  uint64_t hash = 0;
};

// Where the trie finds the key of a row. One per table, shared by all versions: addresses it was once given stay readable.
// Threads: at() any; refresh() by the writer.
class KeyColumn {
 public:
  KeyColumn(Type type, uint64_t seed) : type_(type), seed_(seed) {}

  Type type() const { return type_; }
  Key at(RowId row) const { return key_in(*reader_.load(std::memory_order_acquire), row); }
  Key key_in(const ColumnReader& reader, RowId row) const {
    return type_ == Type::kInt64 ? Key{reader.int64(row), {}} : Key{0, reader.bytes(row)};
  }
  uint64_t hash(const Key& key) const;
  KeyLookup lookup(const Key& key) const { return {key, hash(key)}; }
  // Keys as a caller gives them: check once that they are of this column's type (kInvalidArgument names the table), then look each up.
  Result<void> check_type(const KeysView& keys, std::string_view table) const;
  KeyLookup lookup(const KeysView& keys, size_t index) const {
    return lookup(type_ == Type::kInt64 ? Key{keys.ints[index], {}} : Key{0, keys.strings[index]});
  }

  // Tells where the column lies now; call when rows were appended.
  void refresh(const ColumnReader& reader);

 private:
  Type type_;
  uint64_t seed_;
  std::atomic<const ColumnReader*> reader_{nullptr};
  std::vector<std::unique_ptr<const ColumnReader>> readers_;  // geometric growth: a handful
};

struct KeySlot {
  uint32_t row = 0;
  uint32_t hash_high = 0;  // the upper half of the hash: most foreign keys are told apart without touching the column
};

struct KeyHash {
  using is_transparent = void;
  using is_avalanching = void;  // the trie need not mix again
  std::shared_ptr<const KeyColumn> column;
  uint64_t operator()(const KeyLookup& lookup) const { return lookup.hash; }
  uint64_t operator()(const KeySlot& slot) const { return column->hash(column->at({slot.row})); }
  // The upper half of that, without reading the column.
  uint32_t prefix(const KeySlot& slot) const { return slot.hash_high; }
};

struct KeyEqual {
  using is_transparent = void;
  std::shared_ptr<const KeyColumn> column;
  bool operator()(const KeySlot& slot, const KeyLookup& lookup) const {
    return slot.hash_high == static_cast<uint32_t>(lookup.hash >> 32) && column->at({slot.row}) == lookup.key;
  }
  bool operator()(const KeyLookup& lookup, const KeySlot& slot) const { return (*this)(slot, lookup); }
  bool operator()(const KeySlot& a, const KeySlot& b) const {
    return a.row == b.row || (a.hash_high == b.hash_high && column->at({a.row}) == column->at({b.row}));
  }
};

using KeyDirectory = hamt::set<KeySlot, KeyHash, KeyEqual>;

inline KeySlot key_slot(RowId row, const KeyLookup& lookup) {
  return {row.value, static_cast<uint32_t>(lookup.hash >> 32)};
}

}  // namespace omendb::table
