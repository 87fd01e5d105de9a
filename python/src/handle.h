#pragma once

// What every Python object keeps of the engine: a handle that knows whether the process forked since. Worker threads do not survive fork(), and a child that wrote
// a checkpoint would damage its parent's files; so in a child every call fails and nothing is destroyed.

#include <nanobind/nanobind.h>

#include "failure.h"

#include <cstdint>
#include <memory>
#include <utility>

namespace omendb::python {

// How often this process is a fork since the module was loaded: 0 in the first process. Any thread.
uint32_t fork_count();
// Starts counting. Once, when the module is loaded.
void watch_forks();

// Runs a call of the engine without the GIL, so that other Python threads go on meanwhile.
template <typename Call>
auto without_gil(Call&& call) {
  const nanobind::gil_scoped_release released;
  return std::forward<Call>(call)();
}

template <typename T>
class Handle {
 public:
  explicit Handle(T value) : value_(std::make_unique<T>(std::move(value))), fork_count_(fork_count()) {}
  Handle(Handle&&) noexcept = default;
  Handle& operator=(Handle&&) noexcept = delete;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // The last handle of a database closes it, which waits for the disk: not with the GIL held. In a forked child the value is left as it is, on purpose.
  ~Handle() {
    if (value_ == nullptr) return;
    if (fork_count_ != fork_count()) {
      static_cast<void>(value_.release());
    } else {
      without_gil([this] { value_.reset(); });
    }
  }

  T& operator*() const {
    check_process();
    return *value_;
  }
  T* operator->() const { return &**this; }

 private:
  void check_process() const {
    if (fork_count_ != fork_count()) {
      throw Failure({ErrorCode::kClosed,
                     "this handle was made before the process forked: open the database again in the child (its parent "
                     "keeps the writer's lock)"});
    }
  }

  std::unique_ptr<T> value_;
  uint32_t fork_count_;
};

}  // namespace omendb::python
