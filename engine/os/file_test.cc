// What File and Directory promise, asked of every implementation.
#include "engine/os/file.h"

#include "engine/base/bytes.h"
#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/os/memory_file.h"
#include "engine/os/posix_file.h"
#include "engine/os/recording_file.h"
#include "engine/os/temporary_directory.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace omendb::os {
namespace {

using base::as_bytes;
using base::code_of;
using base::message_of;
using base::must;
using base::Random;

enum class Kind { kPosix, kMemory, kRecording };

class FileTest : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    switch (GetParam()) {
      case Kind::kPosix: directory_ = must(open_directory(temporary_.path(), DirectoryMode::kMustExist)); break;
      case Kind::kMemory: directory_ = memory_directory(":memory:"); break;
      case Kind::kRecording: directory_ = must(RecordingDirectory::wrap(memory_directory(":memory:"))); break;
    }
  }

  std::unique_ptr<File> create(const std::string& name) { return must(directory_->open(name, OpenMode::kCreateNew)); }

  static std::vector<std::byte> read(const File& file, uint64_t offset, size_t size_bytes) {
    std::vector<std::byte> bytes(size_bytes, std::byte{0xEE});
    bytes.resize(must(file.read_at(bytes, offset)));
    return bytes;
  }
  static std::string text(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  TemporaryDirectory temporary_;
  std::unique_ptr<Directory> directory_;
};

INSTANTIATE_TEST_SUITE_P(All, FileTest, testing::Values(Kind::kPosix, Kind::kMemory, Kind::kRecording),
                         [](const auto& tested) {
                           return std::string(tested.param == Kind::kPosix    ? "Posix"
                                              : tested.param == Kind::kMemory ? "Memory"
                                                                              : "Recording");
                         });

TEST_P(FileTest, AgreesWithAVectorUnderRandomOperations) {
  for (uint64_t seed = 0; seed < base::scaled(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const std::unique_ptr<File> file = create("f" + std::to_string(seed));
    std::vector<std::byte> model;
    for (int step = 0; step < 60; ++step) {
      const uint64_t offset = random.below(40'000);
      const uint64_t length = random.below(9'000);
      const uint64_t page = random.below(8) * kPageBytes;
      switch (random.below(5)) {
        case 0: {
          std::vector<std::byte> bytes(length);
          for (std::byte& value : bytes) value = static_cast<std::byte>(random.next());
          must(file->write_at(bytes, offset));
          if (bytes.empty()) break;
          model.resize(std::max<size_t>(model.size(), offset + length));
          std::copy(bytes.begin(), bytes.end(), model.begin() + static_cast<ptrdiff_t>(offset));
          break;
        }
        case 1:
          must(file->allocate(offset, length));
          if (length > 0) model.resize(std::max<size_t>(model.size(), offset + length));
          break;
        case 2: {
          must(file->release(page, 2 * kPageBytes));
          const size_t end = std::min<size_t>(model.size(), page + 2 * kPageBytes);
          for (size_t at = page; at < end; ++at) model[at] = std::byte{0};
          break;
        }
        case 3:
          must(file->truncate(offset));
          model.resize(offset);
          break;
        case 4: must(file->sync()); break;
      }
      ASSERT_EQ(must(file->size_bytes()), model.size());
      const std::vector<std::byte> piece = read(*file, offset, length);
      const size_t begin = std::min<size_t>(model.size(), offset);
      const size_t end = std::min<size_t>(model.size(), offset + length);
      ASSERT_TRUE(std::equal(piece.begin(), piece.end(), model.begin() + static_cast<ptrdiff_t>(begin),
                             model.begin() + static_cast<ptrdiff_t>(end)));
    }
  }
}

TEST_P(FileTest, ReadsFewerBytesOnlyAtTheEnd) {
  const std::unique_ptr<File> file = create("f");
  must(file->write_at(as_bytes("0123456789"), 0));
  EXPECT_EQ(text(read(*file, 7, 100)), "789");
  EXPECT_EQ(text(read(*file, 10, 5)), "");
  EXPECT_EQ(text(read(*file, 1'000'000, 5)), "");
  EXPECT_EQ(text(read(*file, std::numeric_limits<uint64_t>::max(), 5)), "");
  EXPECT_EQ(text(read(*file, uint64_t{std::numeric_limits<int64_t>::max()} - 2, 5)), "");
  EXPECT_EQ(must(file->read_at({}, 3)), 0U);
}

TEST_P(FileTest, RefusesOffsetsThatNoFileHas) {
  const std::unique_ptr<File> file = create("f");
  EXPECT_EQ(code_of(file->write_at(as_bytes("x"), std::numeric_limits<uint64_t>::max())), ErrorCode::kStorageFull);
  EXPECT_EQ(code_of(file->allocate(uint64_t{1} << 62, uint64_t{1} << 63)), ErrorCode::kStorageFull);
  EXPECT_EQ(code_of(file->truncate(std::numeric_limits<uint64_t>::max())), ErrorCode::kStorageFull);
  EXPECT_FALSE(file->release(1, kPageBytes).ok());
  EXPECT_FALSE(file->release(0, uint64_t{1} << 63).ok());
  EXPECT_EQ(must(file->size_bytes()), 0U);
}

TEST_P(FileTest, AllocatesBlocksAndGivesThemBack) {
  const std::unique_ptr<File> file = create("f");
  must(file->allocate(0, 1 << 20));
  EXPECT_EQ(must(file->size_bytes()), 1U << 20);
  EXPECT_GE(must(file->allocated_bytes()), 1U << 20);
  EXPECT_EQ(read(*file, 4096, 10), std::vector<std::byte>(10));
  must(file->write_at(as_bytes("kept"), 100));
  must(file->allocate(0, 4096));
  EXPECT_EQ(text(read(*file, 100, 4)), "kept");
  must(file->release(64 * 1024, (1 << 20) - 64 * 1024));
  EXPECT_EQ(must(file->size_bytes()), 1U << 20);
  EXPECT_LE(must(file->allocated_bytes()), 256U * 1024);
  EXPECT_EQ(text(read(*file, 100, 4)), "kept");
}

TEST_P(FileTest, MapsWhatIsWrittenBeforeAndAfter) {
  const std::unique_ptr<File> file = create("f");
  must(file->allocate(0, 16 * kPageBytes));
  must(file->write_at(as_bytes("second page"), kPageBytes));
  AddressRange range = must(AddressRange::reserve(64 * kPageBytes));
  const std::byte* address = range.data();
  must(file->map_at(range, 8 * kPageBytes, kPageBytes, 2 * kPageBytes));
  EXPECT_EQ(std::memcmp(address + 8 * kPageBytes, "second page", 11), 0);
  must(file->write_at(as_bytes("changed"), kPageBytes));
  EXPECT_EQ(std::memcmp(address + 8 * kPageBytes, "changedpage", 11), 0) << "a mapping shows later writes";

  const std::unique_ptr<File> other = create("g");
  must(other->write_at(std::vector<std::byte>(kPageBytes, std::byte{'x'}), 0));
  must(other->map_at(range, 9 * kPageBytes, 0, kPageBytes));
  EXPECT_EQ(address[9 * kPageBytes], std::byte{'x'}) << "a later mapping replaces the part it covers";
  EXPECT_EQ(std::memcmp(address + 8 * kPageBytes, "changedpage", 11), 0);

  AddressRange moved = std::move(range);
  EXPECT_EQ(moved.data(), address);
  EXPECT_EQ(range.data(), nullptr);  // NOLINT(bugprone-use-after-move): the header promises an empty range
  EXPECT_EQ(address[9 * kPageBytes], std::byte{'x'});
  moved = AddressRange();
  EXPECT_EQ(moved.size_bytes(), 0U);
}

TEST_P(FileTest, RefusesMappingsThatWouldRaiseSignals) {
  const std::unique_ptr<File> file = create("f");
  must(file->write_at(as_bytes("a little"), 0));
  AddressRange range = must(AddressRange::reserve(4 * kPageBytes));
  must(file->map_at(range, 0, 0, kPageBytes));
  EXPECT_EQ(code_of(file->map_at(range, 0, 0, 2 * kPageBytes)), ErrorCode::kInvalidArgument)
      << "past the file's last page";
  EXPECT_EQ(code_of(file->map_at(range, 0, kPageBytes, kPageBytes)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(file->map_at(range, 4 * kPageBytes, 0, kPageBytes)), ErrorCode::kInvalidArgument)
      << "past the range";
  EXPECT_EQ(code_of(file->map_at(range, 100, 0, kPageBytes)), ErrorCode::kInvalidArgument) << "unaligned";
  EXPECT_EQ(code_of(file->map_at(range, 0, 100, kPageBytes)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(file->map_at(range, 0, 0, 100)), ErrorCode::kInvalidArgument);
  must(file->map_at(range, 0, 0, 0));
  EXPECT_EQ(range.data()[0], std::byte{'a'});
}

TEST_P(FileTest, OpensByMode) {
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::kMustExist)), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::kReadOnly)), ErrorCode::kNotFound);
  must(must(directory_->open("f", OpenMode::kCreate))->write_at(as_bytes("abc"), 0));
  EXPECT_EQ(code_of(directory_->open("f", OpenMode::kCreateNew)), ErrorCode::kConflict);
  EXPECT_EQ(text(read(*must(directory_->open("f", OpenMode::kCreate)), 0, 10)), "abc") << "kCreate keeps what is there";
  EXPECT_EQ(text(read(*must(directory_->open("f", OpenMode::kMustExist)), 0, 10)), "abc");
  const std::unique_ptr<File> reader = must(directory_->open("f", OpenMode::kReadOnly));
  EXPECT_EQ(text(read(*reader, 0, 10)), "abc");
  EXPECT_EQ(reader->name(), "f");
  EXPECT_EQ(code_of(reader->write_at(as_bytes("x"), 0)), ErrorCode::kPermission);
  EXPECT_EQ(code_of(reader->allocate(0, 10)), ErrorCode::kPermission);
  EXPECT_EQ(code_of(reader->release(0, kPageBytes)), ErrorCode::kPermission);
  EXPECT_EQ(code_of(reader->truncate(0)), ErrorCode::kPermission);
  EXPECT_EQ(text(read(*reader, 0, 10)), "abc");
}

TEST_P(FileTest, KeepsNamesInOneFlatDirectory) {
  for (const char* name : {"", ".", "..", "a/b", "/etc/passwd", "../x"}) {
    EXPECT_EQ(code_of(directory_->open(name, OpenMode::kCreate)), ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(code_of(directory_->open(std::string(256, 'n'), OpenMode::kCreate)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(directory_->open(std::string("a\0b", 3), OpenMode::kCreate)), ErrorCode::kInvalidArgument);
  must(create("x")->write_at(as_bytes("data"), 0));
  EXPECT_EQ(code_of(directory_->rename("x", "../x")), ErrorCode::kInvalidArgument);
  create(std::string(255, 'n'));
  EXPECT_EQ(must(directory_->list()), (std::vector<std::string>{std::string(255, 'n'), "x"}));
}

TEST_P(FileTest, RenamesOverAndRemovesWhileOpen) {
  const std::unique_ptr<File> old_file = create("target");
  must(old_file->write_at(as_bytes("old"), 0));
  const std::unique_ptr<File> new_file = create("target.new");
  must(new_file->write_at(as_bytes("new"), 0));
  must(new_file->sync());
  must(directory_->rename("target.new", "target"));
  must(directory_->sync());
  EXPECT_EQ(must(directory_->list()), std::vector<std::string>{"target"});
  EXPECT_EQ(text(read(*must(directory_->open("target", OpenMode::kReadOnly)), 0, 9)), "new");
  EXPECT_EQ(text(read(*old_file, 0, 9)), "old") << "an open file keeps its bytes when its name goes";
  must(new_file->write_at(as_bytes("NEW"), 0));
  EXPECT_EQ(text(read(*must(directory_->open("target", OpenMode::kReadOnly)), 0, 9)), "NEW");
  must(directory_->remove("target"));
  EXPECT_EQ(text(read(*new_file, 0, 9)), "NEW");
  EXPECT_EQ(code_of(directory_->remove("target")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of(directory_->rename("target", "x")), ErrorCode::kNotFound);
  EXPECT_TRUE(must(directory_->list()).empty());
}

TEST_P(FileTest, LetsOnlyOneWriterIn) {
  std::unique_ptr<DirectoryLock> lock = must(directory_->lock_for_writing());
  const Result<std::unique_ptr<DirectoryLock>> second = directory_->lock_for_writing();
  EXPECT_EQ(code_of(second), ErrorCode::kLocked);
  EXPECT_NE(message_of(second).find("pid " + std::to_string(::getpid())), std::string::npos) << message_of(second);
  EXPECT_NE(message_of(second).find("this process"), std::string::npos) << message_of(second);
  lock.reset();
  must(directory_->lock_for_writing());
  must(directory_->lock_for_writing());
}

TEST_P(FileTest, RefusesToWriteInAForkedChild) {
  const std::unique_ptr<File> file = create("f");
  must(file->write_at(as_bytes("parent"), 0));
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto closed = [](const auto& result) { return code_of(result) == ErrorCode::kClosed; };
    const bool good = closed(file->write_at(as_bytes("child!"), 0)) && closed(file->truncate(0)) &&
                      closed(file->sync()) && closed(file->allocate(0, 10)) && closed(file->release(0, kPageBytes)) &&
                      closed(directory_->open("g", OpenMode::kCreate)) && closed(directory_->remove("f")) &&
                      closed(directory_->rename("f", "h")) && closed(directory_->sync()) &&
                      closed(directory_->lock_for_writing()) && text(read(*file, 0, 10)) == "parent";
    ::_exit(good ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(text(read(*file, 0, 10)), "parent");
  must(file->write_at(as_bytes("again"), 0));
}

TEST_P(FileTest, ReadsBesideAWriter) {
  const std::unique_ptr<File> file = create("f");
  constexpr size_t kBlocks = 64;
  must(file->allocate(0, kBlocks * kPageBytes));
  AddressRange range = must(AddressRange::reserve(kBlocks * kPageBytes));
  must(file->map_at(range, 0, 0, kBlocks * kPageBytes));
  std::atomic<size_t> written{0};
  std::thread reader([&] {
    size_t seen = 0;
    while (seen < kBlocks) {
      seen = written.load(std::memory_order_acquire);
      for (size_t block = 0; block < seen; ++block) {
        std::byte value{};
        if (!file->read_at(std::span(&value, 1), block * kPageBytes).ok() ||
            value != static_cast<std::byte>(block + 1) ||
            range.data()[block * kPageBytes + 7] != static_cast<std::byte>(block + 1)) {
          ADD_FAILURE() << "block " << block;
          return;
        }
      }
    }
  });
  for (size_t block = 0; block < kBlocks; ++block) {
    must(file->write_at(std::vector<std::byte>(kPageBytes, static_cast<std::byte>(block + 1)), block * kPageBytes));
    written.store(block + 1, std::memory_order_release);
  }
  reader.join();
}

TEST_P(FileTest, CopiesItsContentsOutAndIn) {
  must(create("a")->write_at(as_bytes("alpha"), 0));
  must(create("b")->allocate(0, 10'000));
  create("empty");
  const auto contents = must(snapshot_contents(*directory_));
  ASSERT_EQ(contents.size(), 3U);
  EXPECT_EQ(text(contents.at("a")), "alpha");
  EXPECT_EQ(contents.at("b"), std::vector<std::byte>(10'000));
  const std::unique_ptr<Directory> copy = must(memory_directory_from("copy", contents));
  EXPECT_EQ(must(snapshot_contents(*copy)), contents);
  EXPECT_EQ(copy->path(), "copy");
}

TEST(AddressRange, ReadsAsZerosWhereItIsToldTo) {
  const std::unique_ptr<Directory> directory = memory_directory("zeros");
  const auto file = must(directory->open("a", OpenMode::kCreate));
  must(file->write_at(std::vector<std::byte>(4 * kPageBytes, std::byte{7}), 0));
  AddressRange range = must(AddressRange::reserve(8 * kPageBytes));
  must(file->map_at(range, 0, 0, 4 * kPageBytes));
  must(range.map_zeros(kPageBytes, 2 * kPageBytes));
  must(range.map_zeros(6 * kPageBytes, 2 * kPageBytes));  // where nothing was
  must(range.map_zeros(8 * kPageBytes, 0));
  must(file->truncate(0));
  must(file->truncate(4 * kPageBytes));
  EXPECT_EQ(range.data()[0], std::byte{0}) << "the file is seen as it is now";
  must(file->write_at(std::vector<std::byte>(4 * kPageBytes, std::byte{8}), 0));
  for (size_t page = 0; page < 8; ++page) {
    if (page == 4 || page == 5) continue;
    const std::byte expected{static_cast<unsigned char>(page == 0 || page == 3 ? 8 : 0)};
    EXPECT_EQ(range.data()[page * kPageBytes], expected) << page;
    EXPECT_EQ(range.data()[(page + 1) * kPageBytes - 1], expected) << page;
  }
  EXPECT_EQ(code_of(range.map_zeros(1, kPageBytes)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(range.map_zeros(0, 9 * kPageBytes)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(range.map_zeros(9 * kPageBytes, kPageBytes)), ErrorCode::kInvalidArgument);
  must(file->map_at(range, kPageBytes, 0, kPageBytes));  // and a file again
  EXPECT_EQ(range.data()[kPageBytes], std::byte{8});
}

TEST(AddressRange, ReservesWithoutMemoryAndRefusesTheImpossible) {
  constexpr size_t kMoreThanMemoryBytes =
      size_t{1} << 36;  // ThreadSanitizer leaves a program little more than a terabyte of addresses, in pieces
  const AddressRange large = must(AddressRange::reserve(kMoreThanMemoryBytes));
  EXPECT_EQ(large.size_bytes(), kMoreThanMemoryBytes);
  EXPECT_EQ(must(AddressRange::reserve(1)).size_bytes(), kPageBytes);
  EXPECT_EQ(must(AddressRange::reserve(0)).data(), nullptr);
  EXPECT_EQ(code_of(AddressRange::reserve(std::numeric_limits<size_t>::max())), ErrorCode::kOutOfMemory);
  EXPECT_EQ(code_of(AddressRange::reserve(size_t{1} << 60)), ErrorCode::kOutOfMemory);
}

}  // namespace
}  // namespace omendb::os
