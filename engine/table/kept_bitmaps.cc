#include "engine/table/kept_bitmaps.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace omendb::table {

std::list<KeptBitmaps::Entry>::iterator KeptBitmaps::find_entry(std::string_view key) {
  return std::ranges::find(entries_, key, [](const Entry& entry) { return std::string_view(entry.key); });
}

std::shared_ptr<const KeptBitmap> KeptBitmaps::find(std::string_view key) {
  const std::lock_guard lock(mutex_);
  const auto entry = find_entry(key);
  if (entry == entries_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->bitmap;
}

void KeptBitmaps::keep(std::string key, KeptBitmap found) {
  // Blocks of `among` are a version's as long as that lives, but may be the only ones left of it.
  const uint64_t bytes = found.among.memory_bytes() + found.passing.memory_bytes() + key.size() + sizeof(Entry);
  if (bytes > kBytesMax) return;
  std::list<Entry> added;
  added.push_back({std::move(key), std::make_shared<const KeptBitmap>(std::move(found)), bytes});
  std::list<Entry> gone;  // freed behind the lock
  const std::lock_guard lock(mutex_);
  if (const auto old = find_entry(added.front().key); old != entries_.end()) {
    if (old->bitmap->among.row_count() > added.front().bitmap->among.row_count()) return;
    bytes_ -= old->bytes;
    gone.splice(gone.end(), entries_, old);
  }
  entries_.splice(entries_.begin(), added);
  bytes_ += bytes;
  while (entries_.size() > kCountMax || bytes_ > kBytesMax) {
    bytes_ -= entries_.back().bytes;
    gone.splice(gone.end(), entries_, std::prev(entries_.end()));
  }
}

size_t KeptBitmaps::count() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

uint64_t KeptBitmaps::memory_bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace omendb::table
