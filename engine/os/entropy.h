#pragma once

#include <omendb/status.h>

#include <cstddef>
#include <span>

namespace omendb::os {

// Fills `into` with bytes that nobody can foresee (the system's generator): for identities and for seeds of hashes.
// Everything that a test must repeat takes a base::Random instead. Fails: kIo. Threads: any.
Result<void> fill_with_entropy(std::span<std::byte> into);

}  // namespace omendb::os
