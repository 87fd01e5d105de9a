#pragma once

// How every call of OmenDB fails: by value. Nothing below throws across this door.

#include <cassert>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace omendb {

// Whose move it is, one code per kind of answer a caller can give. Numbers are part of the C interface and are never reused.
enum class ErrorCode : uint8_t {
  kInvalidArgument = 1,  // the request itself is wrong: a dimension, a NaN, k = 0; change the call
  kSchema = 2,           // a column or type that the table does not have or that a schema may not have
  kNotFound = 3,         // no such table, key or file
  kConflict = 4,         // a key or table exists already; nothing was changed
  kCorruption = 5,       // bytes on disk are not what was written; the message names file and offset
  kStorageFull = 6,      // the disk refused space; nothing was changed, reads go on, freeing space is enough
  kLocked = 7,           // another process holds the directory; the message names it
  kPermission = 8,       // the operating system refused access
  kIo = 9,               // the operating system failed otherwise; after a failed sync the database stops acknowledging
  kUnsupportedFormat = 10,  // a directory of something else, or of a newer OmenDB
  kNotSupported = 11,       // a promised feature that this version does not have yet
  kClosed = 12,             // the handle was closed
  kOutOfMemory = 13,        // an allocation was refused; nothing was changed
  kInternal = 14,           // a bug of ours
  kTimeout = 15,            // the call took longer than it may (StopWhen); nothing was changed
  kCancelled = 16,          // somebody ended the call (StopWhen); nothing was changed
};

// "kConflict" -> "conflict": a short lower-case word for logs and tests.
std::string_view to_string(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;  // one line: what, where, and the way out when there is one
};

// A value or the Error that prevented it. Check ok() before value(); value() on an error is a bug and stops the process.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor): reads as a return
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return *checked(); }
  const T& value() const& { return *const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(*checked()); }
  T& operator*() & { return *checked(); }
  const T& operator*() const& { return *const_cast<Result*>(this)->checked(); }
  T* operator->() { return checked(); }
  const T* operator->() const { return const_cast<Result*>(this)->checked(); }

  const Error& error() const& {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }
  Error&& error() && {
    assert(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  T* checked() {
    assert(ok() && "value() of a failed Result");
    return std::get_if<0>(&state_);
  }

  std::variant<T, Error> state_;
};

// Success without a value, or an Error.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  void value() const { assert(ok() && "value() of a failed Result"); }
  const Error& error() const& {
    assert(failed_);
    return error_;
  }
  Error&& error() && {
    assert(failed_);
    return std::move(error_);
  }

 private:
  Error error_{};
  bool failed_ = false;
};

}  // namespace omendb
