#pragma once

// How the engine's errors reach Python: a failed Result is thrown as Failure, and nanobind's translator makes the omendb.Error of its code of it.

#include <omendb/status.h>

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <utility>

namespace omendb::python {

class Failure : public std::exception {
 public:
  enum class Of : uint8_t { kStatement, kQuery };  // a wrong request is a QueryError when it was a query

  explicit Failure(Error error, Of of = Of::kStatement) : error_(std::move(error)), of_(of) {}
  const Error& error() const { return error_; }
  Of of() const { return of_; }
  const char* what() const noexcept override { return error_.message.c_str(); }

 private:
  Error error_;
  Of of_;
};

// Throws the failure of a call. One that a handler of a signal ended raises what the handler raised.
[[noreturn]] void raise(Error error, Failure::Of of = Failure::Of::kStatement);

// The value, or a Failure.
template <typename T>
T unwrap(Result<T> result, Failure::Of of = Failure::Of::kStatement) {
  if (!result.ok()) raise(std::move(result).error(), of);
  return std::move(result).value();
}

inline void unwrap(const Result<void>& result) {
  if (!result.ok()) raise(result.error());
}

// Makes Failure known to nanobind. Python's classes of errors live in omendb._errors.
void register_failures();

}  // namespace omendb::python
