#pragma once

// Rows as Python sees them: Arrow capsules, or dictionaries of Python objects.

#include <nanobind/nanobind.h>

#include <omendb/batch.h>

#include <memory>

namespace omendb::python {

// Owns rows that were read. Immutable.
class PyBatch {
 public:
  explicit PyBatch(Batch batch) : batch_(std::make_shared<const Batch>(std::move(batch))) {}

  size_t row_count() const { return batch_->row_count; }
  const Batch& batch() const { return *batch_; }

  // (schema, array): the Arrow PyCapsule protocol.
  nanobind::tuple arrow_array() const;
  // Every row as {column: value}. Vectors are float32 arrays (uint8, packed, where they are bits) that share memory with the batch, timestamps aware
  // datetimes in UTC (numpy.datetime64 outside of the years 1 to 9999), JSON is parsed.
  nanobind::list rows() const;
  // The values of one column, converted as in rows().
  nanobind::list values(size_t column) const;

 private:
  std::shared_ptr<const Batch> batch_;
};

void bind_batch(nanobind::module_& module);

}  // namespace omendb::python
