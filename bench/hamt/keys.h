#pragma once

// The keys of a measurement: what goes into the map, what is asked of it, in which order. Everything comes from fixed seeds.
//
// Cost: O(size) time and memory, before anything is measured. Threads: one. Failure: KeysMissing where a data file is absent or too small for `size`.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::bench {

// A measurement that can not be made here; its text says why.
struct KeysMissing : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <typename Key>
struct Workload {
  std::vector<Key> keys;                       // distinct, in the order of insertion; the value of keys[i] is i
  std::vector<Key> hits;                       // the same keys shuffled, their bytes in other memory
  std::vector<Key> misses;                     // as many that are not in the map, of the same kind
  std::vector<uint32_t> accesses;              // of a trace: positions in `keys`, in the order in which they were made
  std::vector<std::unique_ptr<char[]>> bytes;  // of keys that are views; each key ends with a zero byte
};

using NumberWorkload = Workload<uint64_t>;
using TextWorkload = Workload<std::string_view>;

enum class KeyFamily { kNumbers, kColliding, kTexts };

struct KeyKind {
  std::string_view name;
  KeyFamily family;
};

// sequential, random, collision (for maps whose hash is cut to 12 bits), trace; decimal, words, web2, domains.
const std::vector<KeyKind>& key_kinds();

// `name` is one of the first four.
NumberWorkload number_workload(std::string_view name, size_t size);
// `name` is one of the others.
TextWorkload text_workload(std::string_view name, size_t size);

}  // namespace omendb::bench
