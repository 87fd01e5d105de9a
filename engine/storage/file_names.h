#pragma once

// The names of a database's files. Anything else in the directory is not ours and is left alone.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omendb::storage {

inline constexpr std::string_view kRootName = "root";
inline constexpr std::string_view kNewRootName = "root.new";
inline constexpr std::string_view kDoubtName =
    "root.doubt";  // empty; its presence says that the name `root` may not be durable
inline constexpr std::string_view kSpaceName = "data";

std::string segment_name(uint64_t segment);  // log-7
std::string own_space_name(uint64_t array);  // vectors-000000010000c001

// The number in such a name; nothing for every other name, also for numbers written differently than we do.
std::optional<uint64_t> segment_of_name(std::string_view name);
std::optional<uint64_t> array_of_name(std::string_view name);

// Whether the file holds part of a database that was created: without a root that is damage. root.new does not count, a creation may have ended there.
inline bool holds_database_bytes(std::string_view name) {
  return name == kSpaceName || segment_of_name(name).has_value() || array_of_name(name).has_value();
}

}  // namespace omendb::storage
