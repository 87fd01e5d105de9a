#pragma once

// PostgreSQL's order of floats: NaN is the largest, and equals itself. Without branches, for loops over columns.

namespace omendb::filter {

struct LessFloat {
  bool operator()(double a, double b) const { return (a < b) | ((a == a) & (b != b)); }
};
struct EqualFloat {
  bool operator()(double a, double b) const { return (a == b) | ((a != a) & (b != b)); }
};
struct LessOrEqualFloat {
  bool operator()(double a, double b) const { return (a <= b) | (b != b); }
};

}  // namespace omendb::filter
