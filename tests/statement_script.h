#pragma once

// A fixed run of statements that passes through everything a database does (tables with and without a graph, checkpoints and linking in the middle,
// clears, drops), for tests that repeat it under every fault or look at every moment of it.

#include "tests/database_model.h"

#include <cstdint>
#include <vector>

namespace omendb::test {

// Small in bytes, so that ten thousand copies of the directory can be opened. `with_graph` adds a table of more than 1,000 two-dimensional
// vectors that are linked, checkpointed, linked further, deleted and replaced.
std::vector<Statement> statement_script(uint64_t seed, bool with_graph);

// A table of more rows than a region has, of which whole regions die, are linked out, checkpointed away and followed by others.
std::vector<Statement> turnover_script(uint64_t seed);

// A region of which more than three quarters die at random, whose other rows are moved, linked, checkpointed away and changed.
std::vector<Statement> sparse_region_script(uint64_t seed);

// Models after 0, 1, 2 ... statements; every statement of the script succeeds on its own.
std::vector<DatabaseModel> models_of(const std::vector<Statement>& script);

}  // namespace omendb::test
