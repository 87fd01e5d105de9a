#pragma once

#include <nanobind/nanobind.h>

#include <omendb/batch.h>
#include <omendb/schema.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace omendb::python {

// Primary keys out of a Python list of int or str. Borrows the list: the characters stay those of its strings.
class PyKeys {
 public:
  // Fails (Failure, kSchema or kInvalidArgument) at the first key that the primary key's type can not hold, naming its position.
  PyKeys(const Schema& schema, nanobind::list keys);

  KeysView view() const { return {ints_, strings_}; }

 private:
  void add(const ColumnSpec& spec, nanobind::handle key, size_t position);

  nanobind::list keys_;
  std::vector<int64_t> ints_;
  std::vector<std::string_view> strings_;
};

}  // namespace omendb::python
