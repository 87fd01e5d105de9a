#include "engine/table/key_directory.h"

#include "engine/base/hash.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::table {

std::string to_string(const Key& key, Type type) {
  constexpr size_t kShownBytesMax = 80;
  if (type == Type::kInt64) return std::to_string(key.number);
  std::string shown(key.text.substr(0, kShownBytesMax));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; },
      '?');  // a message is one line
  return fmt::format("'{}{}'", shown, key.text.size() > kShownBytesMax ? "..." : "");
}

uint64_t KeyColumn::hash(const Key& key) const {
  return type_ == Type::kInt64 ? base::mix64(static_cast<uint64_t>(key.number), seed_) : base::hash64(key.text, seed_);
}

Result<void> KeyColumn::check_type(const KeysView& keys, std::string_view table) const {
  if (type_ == Type::kInt64 ? keys.strings.empty() : keys.ints.empty()) return {};
  return Error{ErrorCode::kInvalidArgument,
               fmt::format("the primary key of table '{}' is {}", table, omendb::to_string(type_))};
}

void KeyColumn::refresh(const ColumnReader& reader) {
  const ColumnReader* current = reader_.load(std::memory_order_relaxed);
  if (current != nullptr && current->same_addresses(reader)) return;
  readers_.push_back(std::make_unique<const ColumnReader>(reader));
  reader_.store(readers_.back().get(), std::memory_order_release);
}

}  // namespace omendb::table
