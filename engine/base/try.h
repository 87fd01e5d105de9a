#pragma once

// TRY and TRY_OK: the only control-flow macros of the project.
//   TRY(file, directory.open("x"));   // declares `file` with the value, or returns the error
//   TRY_OK(file->sync());             // returns the error, if any

#include <omendb/status.h>

#include <utility>

#define OMEN_CONCAT_INNER(a, b) a##b
#define OMEN_CONCAT(a, b) OMEN_CONCAT_INNER(a, b)

#define TRY(name, ...) OMEN_TRY_IMPL(OMEN_CONCAT(omen_try_, __LINE__), name, __VA_ARGS__)
#define OMEN_TRY_IMPL(result, name, ...) \
  auto result = (__VA_ARGS__);           \
  if (!result.ok()) [[unlikely]]         \
    return std::move(result).error();    \
  auto name = std::move(result).value()

#define TRY_OK(...)                                                         \
  do {                                                                      \
    if (auto omen_try_ok = (__VA_ARGS__); !omen_try_ok.ok()) [[unlikely]] { \
      return std::move(omen_try_ok).error();                                \
    }                                                                       \
  } while (false)
