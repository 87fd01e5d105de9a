#pragma once

// The rows that passed the last conditions, kept so that the same condition need not read its columns again.

#include "engine/table/live_bitmap.h"

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace omendb::table {

// What was found: of the rows `among`, which were all evaluated, those that pass. The bits say it for every version that shows these rows: a row's values never
// change, and its number is never another row's. What a version has besides, it has to find out.
struct KeptBitmap {
  LiveBitmap among;
  LiveBitmap passing;
};

// A few of them, the last ones that were asked for. Cost: a look at each under a lock that is held for as long. Memory: kBytesMax. Threads: any.
class KeptBitmaps {
 public:
  static constexpr size_t kCountMax = 16;
  static constexpr uint64_t kBytesMax = uint64_t{32} << 20;

  // Null where there is none. `key`: filter::Filter::key().
  std::shared_ptr<const KeptBitmap> find(std::string_view key);
  // In the place of the one of this key, if that knows no more rows. Those that were not asked for longest go; one that is larger than all may be is not kept.
  void keep(std::string key, KeptBitmap found);

  size_t count() const;
  uint64_t memory_bytes() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const KeptBitmap> bitmap;
    uint64_t bytes = 0;
  };
  std::list<Entry>::iterator find_entry(std::string_view key);

  mutable std::mutex mutex_;  // guards those below
  std::list<Entry> entries_;  // the last one asked for first
  uint64_t bytes_ = 0;
};

}  // namespace omendb::table
