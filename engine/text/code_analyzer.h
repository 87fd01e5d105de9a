#pragma once

// "code": identifiers and their parts.

#include "engine/text/analyzer.h"

#include <memory>

namespace omendb::text {

std::shared_ptr<const Analyzer> make_code_analyzer();

}  // namespace omendb::text
