#pragma once

// What a search does, as data that can be printed: for explain().

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::plan {

struct Step {
  std::string title;                   // what is done, of what
  std::vector<std::string> notes;      // which way and why; how many are expected; after a run: what happened
  std::optional<double> milliseconds;  // how long it took, after a run
  std::vector<Step> steps;             // that it consists of, in their order
};

// A tree of lines. Ends with a line break.
std::string to_text(const Step& root);

// 69202 -> "69,202".
std::string with_commas(uint64_t number);
// Of `whole`, which may be 0: "1.8 %".
std::string share(uint64_t part, uint64_t whole);

}  // namespace omendb::plan
