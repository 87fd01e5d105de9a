#pragma once

#include <cstddef>

namespace omendb::base {

// How long randomised tests may loop: 1 in a release build, smaller under a sanitizer (each step costs 5-20 times more there).
// OMENDB_TEST_SCALE in the environment multiplies it (make test-long sets 20).
double test_scale();

// `count` times test_scale(), at least 1.
size_t scaled(size_t count);

}  // namespace omendb::base
