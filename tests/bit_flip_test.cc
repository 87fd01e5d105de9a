// Damage: single bits, cut files, zeroed pages, files swapped and missing. The database says so, or shows exactly what it held; never a signal,
// never another answer.

#include "engine/base/crc32c.h"
#include "engine/base/random.h"
#include "engine/base/test_result.h"
#include "engine/base/test_scale.h"
#include "engine/exec/vector_search.h"
#include "engine/os/memory_file.h"
#include "engine/storage/root_format.h"
#include "tests/database_model.h"
#include "tests/statement_script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace omendb::test {
namespace {

using base::must;
using Contents = std::map<std::string, std::vector<std::byte>>;

// A directory, and what a database on it shows.
struct Original {
  Contents contents;
  uint64_t hash = 0;
  std::vector<std::vector<float>> distances;  // of a few searches
};

std::vector<std::vector<float>> search_distances(const database::Engine& engine) {
  std::vector<std::vector<float>> all;
  const auto version = must(engine.version());
  base::Random random(31);
  for (int i = 0; i < 8; ++i) {
    const Floats query = {random.normal(), random.normal()};
    for (const bool exact : {true, false}) {
      const auto table = version->tables.find("points");
      if (table == version->tables.end()) return all;
      all.push_back(must(exec::vector_search(*table->second, {.vectors = query, .k = 10, .exact = exact})).distances);
    }
  }
  return all;
}

// `closed`: the base holds everything and the log nothing; otherwise the process died and the log holds the last statements.
Original make_original(bool closed) {
  Original original;
  const std::shared_ptr<os::Directory> directory = os::memory_directory("original");
  const auto engine = must(open_engine(directory, false));
  for (const Statement& statement : statement_script(21, true)) must(perform(*engine, statement));
  original.hash = must(engine->state_hash());
  original.distances = search_distances(*engine);
  if (closed) must(engine->close());
  original.contents = must(os::snapshot_contents(*directory));
  return original;
}

struct Tally {
  size_t refused = 0;   // at open, or by check()
  size_t harmless = 0;  // everything as before
};

bool is_damage_report(const Error& error) {
  return error.code == ErrorCode::kCorruption || error.code == ErrorCode::kUnsupportedFormat;
}

// Opens what is damaged and sorts what happens; anything that is not allowed fails the test.
void judge(const Original& original, const std::shared_ptr<os::Directory>& directory, bool read_only, Tally& tally) {
  OpenOptions options;
  options.read_only = read_only;
  const auto engine = open_engine(directory, false, options);
  if (!engine.ok()) {
    EXPECT_TRUE(is_damage_report(engine.error())) << to_string(engine.error().code) << ": " << engine.error().message;
    EXPECT_FALSE(engine.error().message.empty());
    ++tally.refused;
    return;
  }
  const auto checked = (*engine)->check();
  if (!checked.ok()) {
    EXPECT_TRUE(is_damage_report(checked.error())) << checked.error().message;
    ++tally.refused;
    return;
  }
  EXPECT_EQ(must((*engine)->state_hash()), original.hash) << "other content, and nobody says so";
  const auto distances = search_distances(**engine);
  ASSERT_EQ(distances.size(), original.distances.size());
  for (size_t i = 0; i < distances.size(); i += 2)
    EXPECT_EQ(distances[i], original.distances[i]) << "another answer of an exact search";
  for (size_t i = 0; i < distances.size(); ++i) EXPECT_EQ(distances[i].size(), original.distances[i].size());
  ++tally.harmless;
}

void judge(const Original& original, const Contents& damaged, Tally& tally) {
  judge(original, must(os::memory_directory_from("damaged", damaged)), false, tally);
}

bool is_bulk(const std::string& name) { return name == "data" || name.starts_with("vectors-"); }

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Which bytes to flip: every one of root, log and lock, one in 64 of data and vectors (test-long: every one); of pages of zeros, which are slack
// or padding for the most part, one byte each.
std::vector<size_t> bytes_to_flip(const std::string& name, std::span<const std::byte> bytes, base::Random& random) {
  const double scale = base::test_scale();
  const size_t stride = (is_bulk(name) && scale <= 1 ? 64 : 1) * (scale < 1 ? static_cast<size_t>(1 / scale) : 1);
  std::vector<size_t> chosen;
  for (size_t page = 0; page < bytes.size(); page += 4096) {
    const size_t page_bytes = std::min<size_t>(4096, bytes.size() - page);
    const size_t step = is_zero(bytes.subspan(page, page_bytes)) ? page_bytes : stride;
    for (size_t at = 0; at < page_bytes; at += step)
      chosen.push_back(page + std::min(page_bytes - 1, at + random.below(step)));
  }
  return chosen;
}

// Flips where the files lie and looks without writing, so that one directory serves for all.
void flip_bits(const Original& original, bool with_bulk) {
  const std::shared_ptr<os::Directory> directory = must(os::memory_directory_from("flipped", original.contents));
  for (const auto& [name, bytes] : original.contents) {
    if (is_bulk(name) && !with_bulk) continue;
    Tally tally;
    base::Random random(bytes.size());
    const auto file = must(directory->open(name, os::OpenMode::kMustExist));
    for (const size_t at : bytes_to_flip(name, bytes, random)) {
      const std::byte flipped = bytes[at] ^ static_cast<std::byte>(1U << random.below(8));
      SCOPED_TRACE(name + ", byte " + std::to_string(at) + ", now " + std::to_string(std::to_integer<int>(flipped)));
      must(file->write_at({&flipped, 1}, at));
      judge(original, directory, true, tally);
      must(file->write_at({&bytes[at], 1}, at));
      if (testing::Test::HasFailure()) return;
    }
    std::printf("%-24s %8zu bytes: %zu flips found, %zu without effect\n", name.c_str(), bytes.size(), tally.refused,
                tally.harmless);
  }
}

TEST(Damage, AFlippedBitOfAClosedDatabaseIsFoundOrWithoutEffect) { flip_bits(make_original(true), true); }

TEST(Damage, AFlippedBitOfADatabaseWhoseProcessDiedIsFoundOrWithoutEffect) { flip_bits(make_original(false), false); }

TEST(Damage, FilesCutShortAreFoundOrLoseNothing) {
  for (const bool closed : {true, false}) {
    const Original original = make_original(closed);
    for (const auto& [name, bytes] : original.contents) {
      if (!closed && name.starts_with("log-"))
        continue;  // a log that ends early is what a crash leaves; the crash tests judge it
      Tally tally;
      const size_t step =
          512 * static_cast<size_t>(std::max(1.0, 1 / base::test_scale())) * (bytes.size() > (1 << 20) ? 16 : 1);
      for (size_t size = 0; size < bytes.size(); size += step) {
        SCOPED_TRACE(name + " cut to " + std::to_string(size) + " bytes of " + std::to_string(bytes.size()));
        Contents damaged = original.contents;
        damaged[name].resize(size);
        judge(original, damaged, tally);
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Damage, PagesThatBecameZeroAreFoundOrWithoutEffect) {
  for (const bool closed : {true, false}) {
    const Original original = make_original(closed);
    for (const auto& [name, bytes] : original.contents) {
      if (!closed && name.starts_with("log-")) continue;
      Tally tally;
      for (size_t at = 0; at < bytes.size(); at += 4096) {
        if (is_zero(std::span(bytes).subspan(at, std::min<size_t>(4096, bytes.size() - at)))) continue;
        SCOPED_TRACE(name + ", page at " + std::to_string(at));
        Contents damaged = original.contents;
        std::fill_n(damaged[name].begin() + static_cast<ptrdiff_t>(at), std::min<size_t>(4096, bytes.size() - at),
                    std::byte{0});
        judge(original, damaged, tally);
        if (HasFailure()) return;
      }
    }
  }
}

TEST(Damage, FilesThatAreMissingOrOfAnotherDatabaseAreFound) {
  const Original original = make_original(true);
  const Original other = make_original(false);
  for (const auto& [name, bytes] : original.contents) {
    Tally tally;
    SCOPED_TRACE(name);
    Contents damaged = original.contents;
    damaged.erase(name);
    judge(original, damaged, tally);
    for (const auto& [other_name, other_bytes] : original.contents) {
      damaged = original.contents;
      std::swap(damaged[name], damaged[other_name]);
      SCOPED_TRACE("swapped with " + other_name);
      judge(original, damaged, tally);
    }
    const auto twin = other.contents.find(name);
    if (twin == other.contents.end()) continue;
    damaged = original.contents;
    damaged[name] = twin->second;
    SCOPED_TRACE("taken from another database");
    judge(original, damaged, tally);
  }
}

TEST(Damage, StrayFilesNeverPreventOpening) {
  for (const bool closed : {true, false}) {
    const Original original = make_original(closed);
    Contents with_strays = original.contents;
    for (const char* name : {"root.new", "notes.txt", "log-", "log-x", "vectors-zz", ".DS_Store"})
      with_strays[name] = std::vector<std::byte>(100, std::byte{7});
    const auto engine = open_engine(must(os::memory_directory_from("strays", with_strays)), false);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    EXPECT_EQ(must((*engine)->state_hash()), original.hash);
  }
}

TEST(Damage, ANewerFormatIsNamedAndLeftAlone) {
  Original original = make_original(true);
  std::vector<std::byte>& root = original.contents.at("root");
  storage::RootHeader header{};
  std::memcpy(&header, root.data(), sizeof(header));
  header.version = storage::kRootVersion + 1;
  const auto checksum_to = [&header](size_t bytes) {
    return base::crc32c(std::as_bytes(std::span(&header, 1)).first(bytes));
  };
  header.version_checksum = checksum_to(offsetof(storage::RootHeader, version_checksum));
  header.header_checksum = checksum_to(offsetof(storage::RootHeader, header_checksum));
  std::memcpy(root.data(), &header, sizeof(header));
  const std::shared_ptr<os::Directory> directory = must(os::memory_directory_from("newer", original.contents));
  const auto engine = open_engine(directory, false);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(to_string(engine.error().code), to_string(ErrorCode::kUnsupportedFormat)) << engine.error().message;
  EXPECT_NE(engine.error().message.find(std::to_string(header.version)), std::string::npos) << engine.error().message;
  EXPECT_EQ(must(os::snapshot_contents(*directory)), original.contents);
}

}  // namespace
}  // namespace omendb::test
