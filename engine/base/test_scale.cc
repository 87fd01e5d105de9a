#include "engine/base/test_scale.h"

#include <algorithm>
#include <cstdlib>

namespace omendb::base {

double test_scale() {
#ifdef OMENDB_SANITIZED
  constexpr double kBuildScale = 0.1;
#else
  constexpr double kBuildScale = 1.0;
#endif
  const char* scale = std::getenv("OMENDB_TEST_SCALE");
  return scale == nullptr ? kBuildScale : kBuildScale * std::max(0.0, std::atof(scale));
}

size_t scaled(size_t count) {
  return std::max<size_t>(1, static_cast<size_t>(static_cast<double>(count) * test_scale()));
}

}  // namespace omendb::base
