// Extents in the middle of an array that nobody reads any more: their space comes back, everything else stays as it was.

#include "engine/base/test_result.h"
#include "engine/base/try.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/recording_file.h"
#include "engine/os/temporary_directory.h"
#include "engine/storage/file_names.h"
#include "engine/storage/root_format.h"
#include "engine/storage/script_client.h"
#include "engine/storage/store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace omendb::storage {
namespace {

using base::code_of;
using base::must;

constexpr ArrayId kColumn{0x100000101};
constexpr ArrayId kVectors{0x100000201};
constexpr ArrayId kBlocks{0x100000305};
constexpr ArrayId kOther{0x100000401};
constexpr size_t kExtents = 10;
constexpr size_t kTail = 100;  // bytes in the last extent
constexpr ExtentRun kHole{2, 5};

std::unique_ptr<Store> open(const std::shared_ptr<os::Directory>& directory, StoreOptions options = {}) {
  auto store = must(Store::open(directory, options));
  must(store->log().replay({}));
  return store;
}

void append(AppendArray& array, const Bytes& bytes) {
  must(array.reserve(bytes.size()));
  must(array.append(bytes));
}

Bytes content(const AppendArray& array) {
  const auto mapping = array.mapping();
  return Bytes(mapping->data(), mapping->data() + array.size_bytes());
}

Bytes original(ArrayId id) { return random_bytes(id.value, kExtents * kExtentBytes + kTail); }

Bytes with_zeros(Bytes bytes, ExtentRun hole) {
  std::fill_n(bytes.begin() + static_cast<ptrdiff_t>(hole.first * kExtentBytes), hole.count * kExtentBytes,
              std::byte{0});
  return bytes;
}

SpaceKind space_of(ArrayId id) { return id == kVectors ? SpaceKind::kOwn : SpaceKind::kShared; }

std::shared_ptr<AppendArray> array_of(Store& store, ArrayId id) { return must(store.append_array(id, space_of(id))); }

void checkpoint(Store& store) { must(must(store.begin_checkpoint())->publish()); }

Result<void> try_release(Store& store, ExtentRun hole) {
  TRY(checkpoint, store.begin_checkpoint());
  for (const ArrayId id : {kColumn, kVectors}) TRY_OK(checkpoint->release_extents(id, hole.first, hole.count));
  return checkpoint->publish();
}

// One array in the shared space, one in a file of its own, both in the root.
void fill(Store& store) {
  for (const ArrayId id : {kColumn, kVectors}) append(*array_of(store, id), original(id));
  checkpoint(store);
}

void expect_contents(Store& store, ExtentRun hole) {
  for (const ArrayId id : {kColumn, kVectors})
    EXPECT_EQ(content(*array_of(store, id)), with_zeros(original(id), hole)) << "array " << id.value;
  must(store.check());
}

// Calls `hook` once, when a file of that name is opened.
class HookedDirectory final : public os::Directory {
 public:
  HookedDirectory() : inner_(os::memory_directory("hooked")) {}
  void arm(std::string_view name, std::function<void()> hook) {
    name_ = name;
    hook_ = std::move(hook);
  }
  Result<std::unique_ptr<os::File>> open(std::string_view name, os::OpenMode mode) override {
    if (name == name_ && hook_ != nullptr) std::exchange(hook_, nullptr)();
    return inner_->open(name, mode);
  }
  Result<void> remove(std::string_view name) override { return inner_->remove(name); }
  Result<void> rename(std::string_view from, std::string_view to) override { return inner_->rename(from, to); }
  Result<std::vector<std::string>> list() const override { return inner_->list(); }
  Result<void> sync() override { return inner_->sync(); }
  Result<std::unique_ptr<os::DirectoryLock>> lock_for_writing() override { return inner_->lock_for_writing(); }
  const std::string& path() const override { return inner_->path(); }
  const std::shared_ptr<os::Directory>& inner() const { return inner_; }

 private:
  std::shared_ptr<os::Directory> inner_;
  std::string name_;
  std::function<void()> hook_;
};

TEST(Holes, ReadAsZerosAndGiveTheirSpaceBack) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  {
    const auto store = open(directory);
    fill(*store);
    const uint64_t own_before = store->array_disk_bytes(kVectors);
    must(try_release(*store, kHole));
    EXPECT_EQ(store->disk_usage().free_extents, kHole.count * kExtentBytes);
    EXPECT_EQ(store->array_disk_bytes(kVectors), own_before - kHole.count * kExtentBytes);
    expect_contents(*store, kHole);
    // What came back is used again.
    const uint64_t total = store->disk_usage().total;
    append(*array_of(*store, kOther), random_bytes(1, kHole.count * kExtentBytes));
    EXPECT_EQ(store->disk_usage().free_extents, 0U);
    EXPECT_LE(store->disk_usage().total, total);
    expect_contents(*store, kHole);
    checkpoint(*store);
    must(store->close());
  }
  for (const bool verify : {true, false}) {
    const auto store = open(directory, {.verify_on_open = verify});
    EXPECT_EQ(store->array_bytes(kVectors), kExtents * kExtentBytes + kTail);
    EXPECT_LT(store->array_disk_bytes(kVectors), (kExtents + 1 - kHole.count) * kExtentBytes);
    expect_contents(*store, kHole);
    Bytes read(store->array_bytes(kColumn));
    must(store->read(kColumn, 0, read));
    EXPECT_EQ(read, with_zeros(original(kColumn), kHole));
    must(store->close());
  }
}

TEST(Holes, GrowJoinAndMayComeBeforeTheFirstRootOfAnArray) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto store = open(directory);
  for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), original(id));
  must(try_release(*store, {0, 1}));  // the first root that has the arrays
  must(try_release(*store, {3, 2}));
  must(try_release(*store, {0, 4}));  // parts of it are holes already
  must(try_release(*store, {9, 1}));
  must(try_release(*store, {9, 1}));
  const auto expected = [](ArrayId id) { return with_zeros(with_zeros(original(id), {0, 5}), {9, 1}); };
  for (int round = 0; round < 2; ++round) {
    for (const ArrayId id : {kColumn, kVectors}) EXPECT_EQ(content(*array_of(*store, id)), expected(id));
    must(store->check());
    store.reset();
    store = open(directory);
  }
}

TEST(Holes, AtTheEndOfAFullArrayLetItGrowOn) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto store = open(directory);
  for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), random_bytes(1, 3 * kExtentBytes));
  must(try_release(*store, {1, 2}));
  must(store->close());
  store = open(directory);
  const std::shared_ptr<os::Directory> copy = os::memory_directory("copy");
  must(store->backup(*copy));
  must(open(copy)->check());
  Bytes expected = with_zeros(random_bytes(1, 3 * kExtentBytes), {1, 2});
  const Bytes more = random_bytes(2, 2 * kExtentBytes + 7);
  expected.insert(expected.end(), more.begin(), more.end());
  for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), more);
  checkpoint(*store);
  for (const ArrayId id : {kColumn, kVectors}) EXPECT_EQ(content(*array_of(*store, id)), expected);
  must(store->check());
  store.reset();
  store = open(directory);
  for (const ArrayId id : {kColumn, kVectors}) EXPECT_EQ(content(*array_of(*store, id)), expected);
}

TEST(Holes, AreForFullExtentsOfOpenArrays) {
  const auto store = open(os::memory_directory("db"));
  fill(*store);
  const auto checkpoint = must(store->begin_checkpoint());
  EXPECT_EQ(code_of(checkpoint->release_extents(kColumn, kExtents, 1)), ErrorCode::kInternal) << "the last one grows";
  EXPECT_EQ(code_of(checkpoint->release_extents(kColumn, 1, UINT64_MAX)), ErrorCode::kInternal);
  EXPECT_EQ(code_of(checkpoint->release_extents(kOther, 0, 1)), ErrorCode::kInternal);
  append(*array_of(*store, kColumn), random_bytes(1, kExtentBytes));
  EXPECT_EQ(code_of(checkpoint->release_extents(kColumn, kExtents, 1)), ErrorCode::kInternal)
      << "the new root knows it half full";
  must(checkpoint->release_extents(kColumn, 3, 0));
  must(checkpoint->publish());
  EXPECT_EQ(store->disk_usage().free_extents, 0U);
}

TEST(Holes, OfACheckpointThatIsGivenUpDoNotComeAbout) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  const auto store = open(directory);
  fill(*store);
  const auto before = must(os::snapshot_contents(*directory));
  { must(must(store->begin_checkpoint())->release_extents(kColumn, kHole.first, kHole.count)); }
  EXPECT_EQ(must(os::snapshot_contents(*directory)).at("root"), before.at("root"));
  expect_contents(*store, {0, 0});
}

// The mapping that shows zeros comes before the root; blocks go only when no root that names them can come back.
TEST(Holes, OfARootThatFailedLeaveTheBytesOfTheOldOne) {
  for (const auto kind : {os::OperationKind::kCreate, os::OperationKind::kSync, os::OperationKind::kRename}) {
    const std::shared_ptr<os::Directory> base = os::memory_directory("db");
    const std::shared_ptr<os::RecordingDirectory> recording = must(os::RecordingDirectory::wrap(base));
    auto store = open(recording);
    fill(*store);
    auto checkpoint = must(store->begin_checkpoint());
    for (const ArrayId id : {kColumn, kVectors}) must(checkpoint->release_extents(id, kHole.first, kHole.count));
    recording->inject({.nth = 1, .kinds = {kind}, .code = ErrorCode::kIo});
    EXPECT_FALSE(checkpoint->publish().ok());
    ASSERT_TRUE(recording->fault_reached());
    checkpoint.reset();
    const auto contents = must(os::snapshot_contents(*base));
    const Bytes vectors = original(kVectors);
    EXPECT_TRUE(std::equal(vectors.begin(), vectors.end(), contents.at(own_space_name(kVectors.value)).begin()));
    {
      const auto crashed = open(must(os::memory_directory_from("crashed", contents)));
      expect_contents(*crashed, {0, 0});
    }
    recording->clear_fault();
    if (store->log().poisoned() || !store->begin_checkpoint().ok()) continue;
    // A mapping that is made now knows that these extents were about to go.
    for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), random_bytes(5, 8 << 20));
    must(try_release(*store, kHole));
    for (const ArrayId id : {kColumn, kVectors}) {
      Bytes expected = with_zeros(original(id), kHole);
      const Bytes more = random_bytes(5, 8 << 20);
      expected.insert(expected.end(), more.begin(), more.end());
      EXPECT_EQ(content(*array_of(*store, id)), expected);
    }
    must(store->check());
  }
}

TEST(Holes, AreSafeToTouchThroughOldMappingsAlsoWhenTheFilesEndBefore) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  const auto store = open(directory);
  fill(*store);
  std::vector<std::shared_ptr<const Mapping>> held;
  for (const ArrayId id : {kColumn, kVectors}) held.push_back(array_of(*store, id)->mapping());
  // Out of their reservations: the arrays get new mappings, and the old ones stay.
  for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), random_bytes(3, 8 << 20));
  for (size_t i = 0; i < held.size(); ++i) ASSERT_NE(held[i], array_of(*store, i == 0 ? kColumn : kVectors)->mapping());
  must(try_release(*store, kHole));
  append(*array_of(*store, kOther), random_bytes(1, kHole.count * kExtentBytes));  // where the column's extents were
  checkpoint(*store);
  must(store->close());
  for (size_t i = 0; i < held.size(); ++i) {
    const Bytes expected = with_zeros(original(i == 0 ? kColumn : kVectors), kHole);
    EXPECT_EQ(std::memcmp(held[i]->data(), expected.data(), expected.size()), 0);
  }
}

TEST(Holes, AreSafeToTouchWhenTheSharedFileIsCut) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> directory =
      must(os::open_directory(temporary.path() + "/db", os::DirectoryMode::kCreate));
  const auto store = open(directory);
  append(*array_of(*store, kOther), random_bytes(1, 100));
  append(*array_of(*store, kColumn), random_bytes(2, 64 * kExtentBytes));
  checkpoint(*store);
  const auto held = array_of(*store, kColumn)->mapping();
  const auto checkpoint = must(store->begin_checkpoint());
  must(checkpoint->release_extents(kColumn, 0, 64));
  must(checkpoint->publish());
  must(store->close());
  const auto file = must(directory->open(kSpaceName, os::OpenMode::kReadOnly));
  ASSERT_LT(must(file->size_bytes()), 10 * kExtentBytes);
  EXPECT_TRUE(
      std::all_of(held->data(), held->data() + 64 * kExtentBytes, [](std::byte b) { return b == std::byte{0}; }));
}

// A writer may outgrow its reservation while the root that speaks of the holes is on its way.
TEST(Holes, AreInMappingsThatCameAboutMeanwhile) {
  const auto directory = std::make_shared<HookedDirectory>();
  const auto store = open(directory);
  fill(*store);
  const auto before = array_of(*store, kColumn)->mapping();
  directory->arm(kNewRootName, [&] {
    for (const ArrayId id : {kColumn, kVectors}) append(*array_of(*store, id), random_bytes(3, 8 << 20));
  });
  must(try_release(*store, kHole));
  ASSERT_NE(array_of(*store, kColumn)->mapping(), before);
  append(*array_of(*store, kOther), random_bytes(1, kHole.count * kExtentBytes));  // where the column's extents were
  for (const ArrayId id : {kColumn, kVectors}) {
    Bytes expected = with_zeros(original(id), kHole);
    const Bytes more = random_bytes(3, 8 << 20);
    expected.insert(expected.end(), more.begin(), more.end());
    EXPECT_EQ(content(*array_of(*store, id)), expected);
  }
  must(store->check());
}

// --- others who read ---

TEST(Holes, WaitForABackupOfAnOlderRoot) {
  const auto store = open(os::memory_directory("db"));
  fill(*store);
  uint64_t free_during_backup = 1;
  HookedDirectory target;
  target.arm(kSpaceName, [&] {
    must(try_release(*store, kHole));
    append(*array_of(*store, kOther), random_bytes(1, kHole.count * kExtentBytes));
    checkpoint(*store);
    must(store->check());
    free_during_backup = store->disk_usage().free_extents;
  });
  must(store->backup(target));
  EXPECT_EQ(free_during_backup, 0U);
  expect_contents(*open(target.inner()), {0, 0});
  EXPECT_EQ(store->disk_usage().free_extents, kHole.count * kExtentBytes);
  EXPECT_LT(store->array_disk_bytes(kVectors), kExtents * kExtentBytes);
  expect_contents(*store, kHole);
}

TEST(Holes, AreHolesInACopyToo) {
  const os::TemporaryDirectory temporary;
  const std::shared_ptr<os::Directory> target =
      must(os::open_directory(temporary.path() + "/copy", os::DirectoryMode::kCreate));
  const auto store = open(os::memory_directory("db"));
  fill(*store);
  must(try_release(*store, kHole));
  must(store->backup(*target));
  const auto copy = open(target);
  expect_contents(*copy, kHole);
  EXPECT_LT(copy->array_disk_bytes(kVectors), (kExtents + 1 - kHole.count) * kExtentBytes);
  append(*array_of(*copy, kVectors), random_bytes(2, 100));
  checkpoint(*copy);
  must(copy->check());
}

TEST(Holes, ReadAsZerosInAReadOnlyStoreThatGoesOnInMemory) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  {
    const auto store = open(directory);
    fill(*store);
    must(try_release(*store, kHole));
    must(store->close());
  }
  const auto before = must(os::snapshot_contents(*directory));
  const auto store = open(directory, {.read_only = true});
  for (const ArrayId id : {kColumn, kVectors}) {
    append(*array_of(*store, id), random_bytes(4, 3 * kExtentBytes));
    Bytes expected = with_zeros(original(id), kHole);
    const Bytes more = random_bytes(4, 3 * kExtentBytes);
    expected.insert(expected.end(), more.begin(), more.end());
    EXPECT_EQ(content(*array_of(*store, id)), expected);
  }
  must(store->check());
  must(store->close());
  EXPECT_EQ(must(os::snapshot_contents(*directory)), before);
}

// --- disks that are full, slow to give back, or damaged ---

TEST(Holes, ComeAboutAlthoughTheFileSystemRefusesToTakeBlocksBack) {
  const std::shared_ptr<os::Directory> base = os::memory_directory("db");
  const std::shared_ptr<os::RecordingDirectory> recording = must(os::RecordingDirectory::wrap(base));
  {
    const auto store = open(recording);
    fill(*store);
    recording->inject({.nth = 1, .kinds = {os::OperationKind::kRelease}, .duration = os::FaultDuration::kSticky});
    const uint64_t before = store->array_disk_bytes(kVectors);
    must(try_release(*store, kHole));
    ASSERT_TRUE(recording->fault_reached());
    EXPECT_EQ(store->array_disk_bytes(kVectors), before);
    expect_contents(*store, kHole);
  }
  // Whoever opens it next gives the blocks back when it closes.
  recording->clear_fault();
  const auto store = open(base);
  expect_contents(*store, kHole);
  must(store->close());
  EXPECT_LT(must(must(base->open(own_space_name(kVectors.value), os::OpenMode::kReadOnly))->allocated_bytes()),
            (kExtents + 1 - kHole.count) * kExtentBytes);
}

TEST(Holes, AreNotMadeWhileTheDiskIsFullAndHelpWhenARootFits) {
  const std::shared_ptr<os::RecordingDirectory> recording =
      must(os::RecordingDirectory::wrap(os::memory_directory("db")));
  const auto store = open(recording);
  fill(*store);
  {
    const auto checkpoint = must(store->begin_checkpoint());
    for (const ArrayId id : {kColumn, kVectors}) must(checkpoint->release_extents(id, kHole.first, kHole.count));
    recording->inject({.nth = 1,
                       .kinds = os::space_taking_operations(),
                       .code = ErrorCode::kStorageFull,
                       .duration = os::FaultDuration::kSticky});
    EXPECT_EQ(code_of(checkpoint->publish()), ErrorCode::kStorageFull);
  }
  EXPECT_EQ(store->disk_usage().free_extents, 0U);
  must(store->check());
  recording->clear_fault();
  must(try_release(*store, kHole));
  EXPECT_EQ(store->disk_usage().free_extents, kHole.count * kExtentBytes);
  expect_contents(*store, kHole);
}

TEST(Holes, MayHoldAnythingInTheirFiles) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  {
    const auto store = open(directory);
    fill(*store);
    must(try_release(*store, kHole));
    must(store->close());
  }
  auto contents = must(os::snapshot_contents(*directory));
  Bytes& vectors = contents.at(own_space_name(kVectors.value));
  const Bytes junk = random_bytes(9, kHole.count * kExtentBytes);
  std::copy(junk.begin(), junk.end(), vectors.begin() + static_cast<ptrdiff_t>(kHole.first * kExtentBytes));
  expect_contents(*open(must(os::memory_directory_from("junk", contents))), kHole);
  vectors[kHole.first * kExtentBytes - 1] ^= std::byte{1};
  EXPECT_EQ(code_of(Store::open(must(os::memory_directory_from("damaged", contents)), {})), ErrorCode::kCorruption);
}

// --- blocks ---

TEST(Holes, AreWhereBlocksAreZeros) {
  const std::shared_ptr<os::Directory> directory = os::memory_directory("db");
  auto store = open(directory);
  Bytes blocks = random_bytes(1, 6 * kExtentBytes + 9);
  const auto write = [&](size_t first, size_t last) {  // extents
    const auto checkpoint = must(store->begin_checkpoint());
    const size_t begin = first * kExtentBytes;
    const size_t end = std::min(last * kExtentBytes, blocks.size());
    if (begin < end) must(checkpoint->write(kBlocks, begin, std::span(blocks).subspan(begin, end - begin)));
    checkpoint->set_array_bytes(kBlocks, blocks.size());
    must(checkpoint->publish());
  };
  const auto expect_blocks = [&] {
    for (int round = 0; round < 2; ++round) {
      ASSERT_EQ(store->array_bytes(kBlocks), blocks.size());
      Bytes read(blocks.size());
      must(store->read(kBlocks, 0, read));
      EXPECT_EQ(read, blocks);
      must(store->check());
      store.reset();
      store = open(directory);
    }
  };
  write(0, 7);
  blocks = with_zeros(blocks, {1, 3});
  write(1, 4);
  expect_blocks();
  EXPECT_EQ(store->array_disk_bytes(kBlocks), 3 * kExtentBytes + os::kPageBytes);
  std::fill(blocks.begin() + 5 * kExtentBytes, blocks.end(), std::byte{0});
  write(5, 7);  // the end is a hole
  expect_blocks();
  EXPECT_EQ(store->array_disk_bytes(kBlocks), 2 * kExtentBytes);
  blocks.resize(6 * kExtentBytes + 4);
  write(0, 0);  // shorter, inside of it
  expect_blocks();
  blocks.resize(8 * kExtentBytes + 4);
  std::fill(blocks.end() - 10, blocks.end(), std::byte{7});
  write(6, 9);
  expect_blocks();
  const Bytes again = random_bytes(2, kExtentBytes);
  std::copy(again.begin(), again.end(), blocks.begin() + 2 * kExtentBytes);
  write(2, 3);
  expect_blocks();
  std::fill(blocks.begin(), blocks.end(), std::byte{0});
  write(0, 9);
  expect_blocks();
  EXPECT_EQ(store->array_disk_bytes(kBlocks), 0U);
  const std::shared_ptr<os::Directory> copy = os::memory_directory("copy");
  must(store->backup(*copy));
  must(open(copy)->check());
}

TEST(Holes, OfBlocksDoNotStandForWhatWasNeverWritten) {
  const auto store = open(os::memory_directory("db"));
  const auto first = must(store->begin_checkpoint());
  must(first->write(kBlocks, 0, Bytes(10)));
  first->set_array_bytes(kBlocks, 11);
  EXPECT_EQ(code_of(first->publish()), ErrorCode::kInternal);
}

}  // namespace
}  // namespace omendb::storage
