#pragma once

// For tests: takes a Result apart in one line.

#include <omendb/status.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

namespace omendb::base {

// The value; prints the error and stops the process when there is none, because the rest of the test would mean
// nothing.
template <typename T>
T must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "a step that must succeed failed: %s\n", result.error().message.c_str());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(result).value();
}

// nullopt on success, so that EXPECT_EQ(code_of(...), ErrorCode::kLocked) fails readably.
template <typename T>
std::optional<ErrorCode> code_of(const Result<T>& result) {
  if (result.ok()) return std::nullopt;
  return result.error().code;
}

// "" on success.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result.ok() ? std::string() : result.error().message;
}

}  // namespace omendb::base
