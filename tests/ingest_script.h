#pragma once

// What the process that is killed writes: statement `number` of writer `writer`, the same wherever it is computed, so that the survivor can tell
// what must be there. Each writer owns its keys; the statements of one writer run one after the other.

#include "tests/database_model.h"

#include <cstdint>

namespace omendb::test {

inline constexpr uint32_t kWriterCount = 2;
inline constexpr char kIngestTable[] = "rows";

Schema ingest_schema();
Statement ingest_statement(uint64_t seed, uint32_t writer, uint64_t number);
uint32_t writer_of(int64_t key);

// One line of the acknowledgement pipe; smaller than PIPE_BUF, so that lines of two writers do not mix.
struct Acknowledgement {
  uint32_t writer = 0;
  uint32_t reserved = 0;
  uint64_t number = 0;
};

}  // namespace omendb::test
