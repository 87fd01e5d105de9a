#include "bench/hamt/keys.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace omendb::bench {
namespace {

constexpr uint64_t kSeed = 20240229;
constexpr uint64_t kStrangerBit = uint64_t{1} << 40;  // no key of a trace has it

struct DataFile {
  std::string_view kind;
  std::string_view file_name;
  std::string_view unpack;  // the program that writes the plain bytes to its output
};
constexpr std::array kDataFiles = {
    DataFile{"words", "american-english-insane.txt.gz", "gzip"}, DataFile{"web2", "web2.txt.gz", "gzip"},
    DataFile{"domains", "top-100000-domains.txt.gz", "gzip"}, DataFile{"trace", "orm-busy.trace.xz", "xz"}};

// $OMENDB_TEST_DATA/keys, or ../shared/data/keys seen from the project.
std::filesystem::path keys_folder() {
  const char* const named = std::getenv("OMENDB_TEST_DATA");
  if (named != nullptr) return std::filesystem::path(named) / "keys";
  return std::filesystem::path(OMENDB_SOURCE_DIR).parent_path() / "shared" / "data" / "keys";
}

std::string unpacked(std::string_view kind) {
  const auto* const file = std::find_if(kDataFiles.begin(), kDataFiles.end(),
                                        [&](const DataFile& candidate) { return candidate.kind == kind; });
  const std::filesystem::path path = keys_folder() / file->file_name;
  if (!std::filesystem::exists(path)) throw KeysMissing("no file " + path.string() + " (set OMENDB_TEST_DATA)");
  if (path.string().find('\'') != std::string::npos) throw KeysMissing("a quote in the path " + path.string());
  const std::string command = std::string(file->unpack) + " -dc '" + path.string() + "'";
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw KeysMissing("can not run " + command);
  std::string text;
  std::array<char, 65536> piece;
  for (size_t count = 0; (count = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;)
    text.append(piece.data(), count);
  if (pclose(pipe) != 0) throw KeysMissing("can not unpack " + path.string());
  return text;
}

// The lines of a file without repetitions, shuffled.
std::vector<std::string> lines_of(std::string_view kind) {
  const std::string text = unpacked(kind);
  std::unordered_set<std::string> lines;
  for (size_t first = 0; first < text.size();) {
    const size_t end = std::min(text.find('\n', first), text.size());
    if (end > first) lines.emplace(text, first, end - first);
    first = end + 1;
  }
  std::vector<std::string> list(lines.begin(), lines.end());
  std::sort(list.begin(), list.end());
  std::shuffle(list.begin(), list.end(), std::mt19937_64(kSeed));
  return list;
}

void check_size(size_t available, size_t size) {
  if (available < size) throw KeysMissing("the data have " + std::to_string(available) + " keys");
}

// Copies of the texts side by side in fresh memory, in this order.
std::vector<std::string_view> laid_out(const std::vector<std::string>& texts, TextWorkload& workload) {
  size_t size_bytes = 0;
  for (const std::string& text : texts) size_bytes += text.size() + 1;
  char* next = workload.bytes.emplace_back(std::make_unique<char[]>(size_bytes)).get();
  std::vector<std::string_view> views;
  views.reserve(texts.size());
  for (const std::string& text : texts) {
    std::memcpy(next, text.c_str(), text.size() + 1);
    views.emplace_back(next, text.size());
    next += text.size() + 1;
  }
  return views;
}

std::vector<uint64_t> random_numbers(size_t count) {
  std::mt19937_64 random(kSeed);
  std::unordered_set<uint64_t> seen;
  std::vector<uint64_t> numbers;
  numbers.reserve(count);
  while (numbers.size() < count) {
    const uint64_t number = random();
    if (seen.insert(number).second) numbers.push_back(number);
  }
  return numbers;
}

// Big-endian 32-bit keys; the map's are the first `size` distinct ones, and the accesses those made to them.
NumberWorkload trace_workload(size_t size) {
  const std::string raw = unpacked("trace");
  NumberWorkload workload;
  std::unordered_map<uint64_t, uint32_t> position_of;
  for (size_t at = 0; at + 4 <= raw.size(); at += 4) {
    uint64_t key = 0;
    for (size_t byte = 0; byte < 4; ++byte) key = key << 8 | static_cast<unsigned char>(raw[at + byte]);
    const auto known = position_of.find(key);
    if (known != position_of.end()) {
      workload.accesses.push_back(known->second);
    } else if (workload.keys.size() < size) {
      const auto position = static_cast<uint32_t>(workload.keys.size());
      position_of.emplace(key, position);
      workload.keys.push_back(key);
      workload.accesses.push_back(position);
    }
  }
  check_size(workload.keys.size(), size);
  for (const uint64_t key : workload.keys) workload.misses.push_back(key | kStrangerBit);
  return workload;
}

void split_halves(std::vector<uint64_t>&& numbers, NumberWorkload& workload) {
  const auto middle = numbers.begin() + static_cast<ptrdiff_t>(numbers.size() / 2);
  workload.keys.assign(numbers.begin(), middle);
  workload.misses.assign(middle, numbers.end());
}

}  // namespace

const std::vector<KeyKind>& key_kinds() {
  static const std::vector<KeyKind> kinds = {{"sequential", KeyFamily::kNumbers},  {"random", KeyFamily::kNumbers},
                                             {"collision", KeyFamily::kColliding}, {"trace", KeyFamily::kNumbers},
                                             {"decimal", KeyFamily::kTexts},       {"words", KeyFamily::kTexts},
                                             {"web2", KeyFamily::kTexts},          {"domains", KeyFamily::kTexts}};
  return kinds;
}

NumberWorkload number_workload(std::string_view name, size_t size) {
  NumberWorkload workload;
  if (name == "trace") {
    workload = trace_workload(size);
  } else if (name == "sequential") {
    std::vector<uint64_t> numbers(2 * size);
    std::iota(numbers.begin(), numbers.end(), uint64_t{0});
    split_halves(std::move(numbers), workload);
  } else {
    split_halves(random_numbers(2 * size), workload);
  }
  workload.hits = workload.keys;
  std::shuffle(workload.hits.begin(), workload.hits.end(), std::mt19937_64(kSeed + 1));
  std::shuffle(workload.misses.begin(), workload.misses.end(), std::mt19937_64(kSeed + 2));
  return workload;
}

TextWorkload text_workload(std::string_view name, size_t size) {
  std::vector<std::string> keys;
  std::vector<std::string> misses;
  if (name == "decimal") {
    for (size_t number = 0; number < size; ++number) keys.push_back(std::to_string(number));
    for (size_t number = size; number < 2 * size; ++number) misses.push_back(std::to_string(number));
  } else {
    keys = lines_of(name);
    check_size(keys.size(), size);
    keys.resize(size);
    for (const std::string& key : keys) misses.push_back(key + '~');
  }
  TextWorkload workload;
  workload.keys = laid_out(keys, workload);
  std::shuffle(keys.begin(), keys.end(), std::mt19937_64(kSeed + 1));
  workload.hits = laid_out(keys, workload);
  std::shuffle(misses.begin(), misses.end(), std::mt19937_64(kSeed + 2));
  workload.misses = laid_out(misses, workload);
  return workload;
}

}  // namespace omendb::bench
