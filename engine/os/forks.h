#pragma once

#include <cstdint>

namespace omendb::os {

// How often this process is the child of a fork() since the first call. What was opened under another count belongs to an ancestor: its threads do not
// exist here, and its locks may be held by them for ever. Costs one load. Threads: any.
uint32_t fork_count();

}  // namespace omendb::os
