#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace omendb::quantize {

// A copy of finite vectors, `dims` numbers a piece, each of length 1; zeros stay zeros. Lengths are taken in double precision, so that none over- or underflows. Throws
// std::bad_alloc. Cost: two passes over the numbers. Encodings on disk are made of it: the same numbers give the same copy for ever.
std::vector<float> unit_vectors(std::span<const float> vectors, size_t dims);

}  // namespace omendb::quantize
