#pragma once

// A condition and its parameters as Python gives them.

#include <nanobind/nanobind.h>
#include <omendb/filter.h>

#include <deque>
#include <string>
#include <vector>

namespace omendb::python {

// Owns what a Where borrows. `text`: a str, or None for every row. `params`: None, a list for `?`, or a dict for `:name`, of None, bool, int, float, str, Timestamp and
// lists of these. TypeError for anything else, OverflowError for an int beyond 64 bits.
class PyWhere {
 public:
  PyWhere(nanobind::handle text, nanobind::handle params);
  PyWhere(const PyWhere&) = delete;
  PyWhere& operator=(const PyWhere&) = delete;

  const Where& view() const { return view_; }

 private:
  std::string text_;
  std::vector<Value> values_;
  std::deque<std::string> names_;
  std::vector<Where::Named> named_;
  Where view_;
};

void bind_where(nanobind::module_& module);

}  // namespace omendb::python
