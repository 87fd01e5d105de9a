#pragma once

// For tests: a small client of the store that does what a database does with it (appends, changed blocks, extents given up, dropped arrays, commits, checkpoints, recovery), and
// a model of what it must hold after each commit. Every commit follows from a seed and its number alone, so any state can be checked by building it anew.

#include <omendb/status.h>

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/os/file.h"
#include "engine/storage/extents.h"
#include "engine/storage/store.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace omendb::storage {

using Bytes = std::vector<std::byte>;

inline Bytes random_bytes(uint64_t seed, size_t count) {
  base::Random random(seed);
  Bytes bytes(count);
  for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
  return bytes;
}

inline constexpr size_t kSlotCount = 3;
inline constexpr uint64_t kBlocksArrayId = 0xb10c;

// Slots 0 and 1 lie in the shared space, slot 2 in a file of its own.
inline SpaceKind space_of_slot(size_t slot) { return slot == 2 ? SpaceKind::kOwn : SpaceKind::kShared; }

enum class ScriptAction : uint8_t { kAppend = 1, kChangeBlocks = 2, kDrop = 3, kRelease = 4 };

// One change, also the log record that tells of it.
struct ScriptRecord {
  ScriptAction action = ScriptAction::kAppend;
  size_t slot = 0;      // kAppend, kDrop, kRelease
  uint64_t offset = 0;  // kChangeBlocks; kRelease: what the extents are drawn from
  Bytes bytes;          // kAppend, kChangeBlocks
};

// Which extents of an array of so many bytes nobody will read any more: some of those that are full.
inline ExtentRun released_extents(const ScriptRecord& record, uint64_t size_bytes) {
  base::Random random(record.offset);
  const uint64_t whole = size_bytes / kExtentBytes;
  if (whole == 0) return {};
  const uint64_t first = random.below(whole);
  return {first, 1 + random.below(whole - first)};
}

struct ScriptSizes {
  size_t append_bytes_max = 3000;
  size_t large_append_bytes = 70'000;  // one append in 5
  size_t blocks_bytes_max = 150'000;
};

inline std::vector<ScriptRecord> records_of_commit(uint64_t seed, uint64_t commit, const ScriptSizes& sizes = {}) {
  base::Random random(seed * 1'000'003 + commit);
  if (random.one_in(12))
    return {{.action = ScriptAction::kDrop,
             .slot = static_cast<size_t>(random.below(kSlotCount)),
             .offset = 0,
             .bytes = {}}};
  if (random.one_in(6))
    return {{.action = ScriptAction::kRelease,
             .slot = static_cast<size_t>(random.below(kSlotCount)),
             .offset = random.next(),
             .bytes = {}}};
  std::vector<ScriptRecord> records(random.below(4));
  for (ScriptRecord& record : records) {
    const uint64_t choice = random.below(16);
    record.slot = static_cast<size_t>(random.below(kSlotCount));
    if (choice < 6) {
      record.action = ScriptAction::kChangeBlocks;
      record.offset = random.below(sizes.blocks_bytes_max);
      record.bytes = random_bytes(random.next(), static_cast<size_t>(1 + random.below(500)));
    } else {
      record.bytes =
          random_bytes(random.next(), choice >= 14 ? sizes.large_append_bytes
                                                   : static_cast<size_t>(random.below(sizes.append_bytes_max)));
    }
  }
  return records;
}

// What the client must hold. Slower and simpler: no files, no extents, every array a vector.
struct ScriptState {
  std::array<uint64_t, kSlotCount> generations{};
  std::array<Bytes, kSlotCount> slots;
  Bytes blocks;
  uint64_t commit = 0;

  bool operator==(const ScriptState&) const = default;

  void apply(const ScriptRecord& record) {
    switch (record.action) {
      case ScriptAction::kAppend:
        slots[record.slot].insert(slots[record.slot].end(), record.bytes.begin(), record.bytes.end());
        break;
      case ScriptAction::kChangeBlocks:
        blocks.resize(std::max(blocks.size(), static_cast<size_t>(record.offset) + record.bytes.size()));
        std::copy(record.bytes.begin(), record.bytes.end(), blocks.begin() + static_cast<ptrdiff_t>(record.offset));
        break;
      case ScriptAction::kDrop:
        slots[record.slot].clear();
        ++generations[record.slot];
        break;
      case ScriptAction::kRelease: {
        const ExtentRun released = released_extents(record, slots[record.slot].size());
        const auto begin = slots[record.slot].begin() + static_cast<ptrdiff_t>(released.first * kExtentBytes);
        std::fill(begin, begin + static_cast<ptrdiff_t>(released.count * kExtentBytes), std::byte{0});
        break;
      }
    }
  }

  static ScriptState after(uint64_t seed, uint64_t commit, const ScriptSizes& sizes = {}) {
    ScriptState state;
    for (uint64_t c = 1; c <= commit; ++c) {
      for (const ScriptRecord& record : records_of_commit(seed, c, sizes)) state.apply(record);
    }
    state.commit = commit;
    return state;
  }
};

// Threads: one.
class ScriptClient {
 public:
  ScriptClient(uint64_t seed, const ScriptSizes& sizes) : seed_(seed), sizes_(sizes) {}

  // Opens, recovers and checks nothing but what any client would.
  static Result<std::unique_ptr<ScriptClient>> open(std::shared_ptr<os::Directory> directory, uint64_t seed,
                                                    StoreOptions options = {}, const ScriptSizes& sizes = {}) {
    auto client = std::make_unique<ScriptClient>(seed, sizes);
    options.uuid_seed = seed + 1;
    TRY(store, Store::open(std::move(directory), options));
    client->store_ = std::move(store);
    TRY_OK(client->load());
    ReplayVisitor visitor;
    visitor.record = [&](uint8_t kind, std::span<const std::byte> payload) { return client->replay(kind, payload); };
    visitor.commit = [&](CommitNumber commit, uint64_t) {
      client->commit_ = commit.value;
      return Result<void>();
    };
    TRY_OK(client->store_->log().replay(visitor));
    return client;
  }

  // The next commit: appended, logged, durable, or none of it.
  Result<void> commit() {
    const std::vector<ScriptRecord> records = records_of_commit(seed_, commit_ + 1, sizes_);
    std::array<uint64_t, kSlotCount> old_sizes{};
    for (size_t slot = 0; slot < kSlotCount; ++slot)
      old_sizes[slot] = slots_[slot] == nullptr ? 0 : slots_[slot]->size_bytes();
    Result<void> logged = append_arrays(records);
    if (logged.ok()) logged = log(records);
    if (!logged.ok()) {
      for (size_t slot = 0; slot < kSlotCount; ++slot) {
        if (slots_[slot] != nullptr) slots_[slot]->truncate(old_sizes[slot]);
      }
      return logged;
    }
    ++commit_;
    for (const ScriptRecord& record : records) finish(record);
    return store_->log().wait_durable({commit_});
  }

  Result<void> checkpoint() {
    TRY(checkpoint, store_->begin_checkpoint());
    const std::set<uint64_t> changed = changed_extents_;
    const std::vector<ArrayId> dropped = dropped_;
    for (const uint64_t extent : changed) {
      const size_t begin = static_cast<size_t>(extent) * kExtentBytes;
      TRY_OK(checkpoint->write({kBlocksArrayId}, begin,
                               std::span(blocks_).subspan(begin, std::min(kExtentBytes, blocks_.size() - begin))));
    }
    checkpoint->set_array_bytes({kBlocksArrayId}, blocks_.size());
    for (const ArrayId id : dropped) checkpoint->drop_array(id);
    for (size_t slot = 0; slot < kSlotCount; ++slot) {
      for (const uint64_t extent : dead_[slot]) TRY_OK(checkpoint->release_extents(id_of(slot), extent, 1));
    }
    checkpoint->set_metadata(encode());
    TRY_OK(checkpoint->publish());
    holes_ = dead_;
    changed_extents_.clear();
    dropped_.clear();
    return {};
  }

  ScriptState state() const {
    ScriptState state;
    state.generations = generations_;
    state.blocks = blocks_;
    state.commit = commit_;
    for (size_t slot = 0; slot < kSlotCount; ++slot) {
      if (slots_[slot] == nullptr) continue;
      const auto mapping = slots_[slot]->mapping();
      state.slots[slot].assign(mapping->data(), mapping->data() + slots_[slot]->size_bytes());
      // Until a checkpoint has made a hole of it, anything may stand there; then zeros.
      for (const uint64_t extent : dead_[slot]) {
        if (holes_[slot].contains(extent)) continue;
        std::fill_n(state.slots[slot].begin() + static_cast<ptrdiff_t>(extent * kExtentBytes), kExtentBytes,
                    std::byte{0});
      }
    }
    return state;
  }

  uint64_t last_commit() const { return commit_; }
  Store& store() { return *store_; }

 private:
  ArrayId id_of(size_t slot) const { return {(generations_[slot] << 8) | (slot + 1)}; }

  Result<void> open_slot(size_t slot) {
    if (slots_[slot] != nullptr) return {};
    TRY(array, store_->append_array(id_of(slot), space_of_slot(slot)));
    slots_[slot] = std::move(array);
    return {};
  }

  Bytes encode() const {
    base::ByteWriter writer;
    writer.put_u64(commit_);
    for (size_t slot = 0; slot < kSlotCount; ++slot) {
      writer.put_u64(generations_[slot]);
      writer.put_u64(slots_[slot] == nullptr ? 0 : slots_[slot]->size_bytes());
      writer.put_varint(dead_[slot].size());
      for (const uint64_t extent : dead_[slot]) writer.put_varint(extent);
    }
    writer.put_u64(blocks_.size());
    return std::move(writer).take();
  }

  Result<void> load() {
    commit_ = store_->checkpointed_commit().value;
    if (store_->metadata().empty()) return {};
    base::ByteReader reader(store_->metadata(), "metadata");
    TRY(commit, reader.u64("commit"));
    if (commit != commit_) return reader.corruption("the root's commit is not the metadata's");
    for (size_t slot = 0; slot < kSlotCount; ++slot) {
      TRY(generation, reader.u64("generation"));
      TRY(size_bytes, reader.u64("size"));
      generations_[slot] = generation;
      TRY_OK(open_slot(slot));
      if (slots_[slot]->size_bytes() != size_bytes)
        return reader.corruption("an array has not the length of the metadata");
      TRY(dead_count, reader.count(1, "count of dead extents"));
      for (uint64_t i = 0; i < dead_count; ++i) {
        TRY(extent, reader.varint("dead extent"));
        if (extent >= size_bytes / kExtentBytes) return reader.corruption("a dead extent is none of the array's");
        dead_[slot].insert(extent);
      }
    }
    holes_ = dead_;
    TRY(blocks_bytes, reader.u64("size of blocks"));
    if (blocks_bytes != store_->array_bytes({kBlocksArrayId}))
      return reader.corruption("the blocks have not the length of the metadata");
    blocks_.resize(static_cast<size_t>(blocks_bytes));
    TRY_OK(store_->read({kBlocksArrayId}, 0, blocks_));
    // What the root still holds of earlier generations was dropped while a checkpoint could not take it away.
    for (const ArrayId id : store_->arrays()) {
      const size_t slot = static_cast<size_t>(id.value & 0xff) - 1;
      if (id.value != kBlocksArrayId && id != id_of(slot)) dropped_.push_back(id);
    }
    return {};
  }

  Result<void> append_arrays(const std::vector<ScriptRecord>& records) {
    for (const ScriptRecord& record : records) {
      if (record.action == ScriptAction::kAppend) TRY_OK(append(record));
    }
    return {};
  }

  Result<void> log(const std::vector<ScriptRecord>& records) {
    std::vector<Bytes> heads;
    uint64_t payload_bytes = 0;
    for (const ScriptRecord& record : records) {
      base::ByteWriter head;
      head.put_u8(static_cast<uint8_t>(record.slot));
      head.put_u64(record.offset);
      heads.push_back(std::move(head).take());
      payload_bytes += heads.back().size() + record.bytes.size();
    }
    std::vector<std::array<std::span<const std::byte>, 2>> pieces;
    for (size_t i = 0; i < records.size(); ++i) pieces.push_back({heads[i], records[i].bytes});
    std::vector<LogRecord> log_records;
    for (size_t i = 0; i < records.size(); ++i)
      log_records.push_back({static_cast<uint8_t>(records[i].action), pieces[i]});
    TRY_OK(store_->log().reserve(payload_bytes, log_records.size()));
    return store_->log().append({commit_ + 1}, commit_ * 1000, log_records);
  }

  // The part of a record that can not fail and happens when the log has it.
  void finish(const ScriptRecord& record) {
    if (record.action == ScriptAction::kChangeBlocks) change_blocks(record);
    if (record.action == ScriptAction::kDrop) drop(record.slot);
    if (record.action == ScriptAction::kRelease && slots_[record.slot] != nullptr) release(record);
  }

  void release(const ScriptRecord& record) {
    const ExtentRun released = released_extents(record, slots_[record.slot]->size_bytes());
    for (uint64_t i = 0; i < released.count; ++i) dead_[record.slot].insert(released.first + i);
  }

  Result<void> append(const ScriptRecord& record) {
    TRY_OK(open_slot(record.slot));
    TRY_OK(slots_[record.slot]->reserve(record.bytes.size()));
    return slots_[record.slot]->append(record.bytes);
  }

  void drop(size_t slot) {
    dropped_.push_back(id_of(slot));
    slots_[slot].reset();
    dead_[slot].clear();
    holes_[slot].clear();
    ++generations_[slot];
  }

  void change_blocks(const ScriptRecord& record) {
    const size_t old_bytes = blocks_.size();
    const size_t begin = static_cast<size_t>(record.offset);
    blocks_.resize(std::max(old_bytes, begin + record.bytes.size()));
    std::copy(record.bytes.begin(), record.bytes.end(), blocks_.begin() + static_cast<ptrdiff_t>(begin));
    const size_t first = blocks_.size() > old_bytes && old_bytes > 0 ? std::min(begin, old_bytes - 1)
                         : blocks_.size() > old_bytes                ? 0
                                                                     : begin;
    for (size_t extent = first / kExtentBytes; extent <= (begin + record.bytes.size() - 1) / kExtentBytes; ++extent)
      changed_extents_.insert(extent);
  }

  Result<void> replay(uint8_t kind, std::span<const std::byte> payload) {
    base::ByteReader reader(payload, "record");
    ScriptRecord record;
    record.action = static_cast<ScriptAction>(kind);
    TRY(slot, reader.u8("slot"));
    TRY(offset, reader.u64("offset"));
    TRY(bytes, reader.bytes(reader.remaining_bytes(), "bytes"));
    record.slot = slot;
    record.offset = offset;
    record.bytes.assign(bytes.begin(), bytes.end());
    if (record.action == ScriptAction::kAppend) return append(record);
    finish(record);
    return {};
  }

  uint64_t seed_;
  ScriptSizes sizes_;
  std::unique_ptr<Store> store_;
  std::array<std::shared_ptr<AppendArray>, kSlotCount> slots_;
  std::array<uint64_t, kSlotCount> generations_{};
  std::array<std::set<uint64_t>, kSlotCount> dead_;   // extents that nobody reads any more
  std::array<std::set<uint64_t>, kSlotCount> holes_;  // those that the last root has
  Bytes blocks_;
  std::set<uint64_t> changed_extents_;
  std::vector<ArrayId> dropped_;
  uint64_t commit_ = 0;
};

}  // namespace omendb::storage
