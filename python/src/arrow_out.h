#pragma once

// Rows that go to Arrow: the engine's columns, handed over without a copy.

#include <omendb/batch.h>

#include "arrow_abi.h"

#include <memory>

namespace omendb::python {

// Fills `schema` with a struct of the batch's columns. The receiver releases it.
void export_schema(const Batch& batch, ArrowSchema& schema);

// Fills `array` with the batch as a struct array that keeps `batch` alive until it is released. Numbers, offsets, characters and floats are not copied; bytes
// of booleans and of validity are packed into bits, which is what Arrow has.
void export_array(const std::shared_ptr<const Batch>& batch, ArrowArray& array);

}  // namespace omendb::python
