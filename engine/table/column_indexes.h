#pragma once

// Indexes behind conditions (engine/column): which of them a table has, which would pay, and which of their blocks a version may use.

#include <omendb/schema.h>
#include <omendb/status.h>

#include "engine/column/block_index.h"
#include "engine/table/live_bitmap.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace omendb::table {

struct TableVersion;

inline constexpr size_t kIndexesMax = 256;  // of a table, with those that do not pay yet; members of JSON are any text

// Of the names on the way to a member together, where the root remembers its index.
inline constexpr size_t kMemberBytesMax = 1024;

// What an index of such a column sorts; nothing where there is none.
std::optional<column::ValueKind> indexed_values(Type type);
// What an index of a member of JSON is of, as IndexOptions::paths says it: "size.width", or "size.width::int8" and "::float8" for one that conditions cast. Nothing: no such
// path.
std::optional<column::Source> member_source(uint32_t column, std::string_view path);

// What there is for a condition over one source.
struct IndexState {
  enum class Why : uint8_t {
    kNotYet,  // reading has not cost enough
    kNever,   // the schema refuses it
    kNoRoom,  // it would pay, but others that are asked for more fill the room
    kEarned,
    kAsked,  // by the schema
  };
  Why why = Why::kNotYet;
  uint32_t usable_blocks = 0;  // by the version that asks
  uint32_t full_blocks = 0;    // that it has
  uint64_t read_cost = 0;      // nanoseconds
  uint64_t pays_at = 0;        // nanoseconds
};

class ColumnIndexes;
// All tables that share a bound, and what it is; indexes that the schema asks for keep to none.
struct IndexRoom {
  std::span<const std::shared_ptr<ColumnIndexes>> tables{};
  uint64_t bytes_max = UINT64_MAX;
};

// An index is made when reading its column for conditions has taken kPaysAt times as long as making it would, or when the schema asks for it; then of every full block, and
// of later ones as long as conditions ask, or the schema. Nothing of it is on disk, but the root remembers which there were (earned()). Threads: any; readers hold a lock for
// as long as it takes to copy a pointer.
class ColumnIndexes {
 public:
  static constexpr uint64_t kPaysAt = 4;

  ColumnIndexes() = default;  // of columns that have no wishes
  // `earned`: before, as earned() said it.
  ColumnIndexes(const Schema& schema, std::span<const column::Source> earned);

  // What there is of each source that `version`, which must stay pinned, may use.
  std::vector<column::IndexView> views(const TableVersion& version, std::span<const column::Source> sources);
  // Nanoseconds that reading rows of full blocks took for conditions.
  void add_read_cost(const column::Source& source, uint64_t nanoseconds);
  // Makes one block of an index that pays, of the newest published version; false if there is none to make, or no room for it, which others that nobody asked for as long give
  // up. Cost: some milliseconds. Fails: kOutOfMemory.
  Result<bool> build_some(const TableVersion& version, const IndexRoom& room = {});
  // Those that reading has paid for, the one that was asked last first.
  std::vector<column::Source> earned() const;
  IndexState state(const TableVersion& version, const column::Source& source) const;
  struct Figures {
    column::Source source;
    IndexState::Why why{};  // kEarned or kAsked
    uint32_t block_count = 0;
    uint64_t bytes = 0;
  };
  std::vector<Figures> figures() const;
  uint64_t memory_bytes() const;
  // Bytes of the indexes of a column; nothing where it has none.
  std::optional<uint64_t> memory_bytes(uint32_t column) const;

 private:
  using Blocks = column::IndexView::Blocks;
  struct Index {
    column::Source source;
    bool by_schema = false;  // asked for there
    bool no_room = false;    // since it was last tried
    uint64_t read_cost = 0;
    uint64_t last_asked = 0;                 // by the steady clock; 0: not since the database was opened
    bool asked = false;                      // since all blocks that there are were made
    std::shared_ptr<const Blocks> blocks{};  // null until it pays
    uint64_t bytes = 0;
  };
  struct Work {
    column::Source source;
    uint32_t block = 0;
    bool drop = false;       // no row of it lives
    bool by_schema = false;  // as Index
    uint64_t last_asked = 0;
  };
  const Index* find(const column::Source& source) const;
  Index* find(const column::Source& source);
  static bool pays(const Index& index, uint32_t full_blocks);
  std::optional<Work> next_work(const TableVersion& version, std::span<const column::Source> passed_over);
  void publish(const Work& work, std::shared_ptr<const column::BlockIndex> made);
  void note_no_room(const column::Source& source);
  static bool make_room(const IndexRoom& room, uint64_t last_asked);
  std::optional<uint64_t> longest_unasked() const;
  void drop_unasked(uint64_t last_asked);

  std::vector<uint32_t> refused_{};  // columns, rising
  std::mutex building_;              // one block at a time; taken first
  mutable std::mutex mutex_;         // guards what follows
  std::vector<Index> indexes_;
  uint64_t last_asked_ = 0;  // when a condition asked for any
};

}  // namespace omendb::table
