#pragma once

#include <string_view>

namespace omendb::filter {

// Whether the whole text matches: % any characters, _ one character, a backslash takes the meaning of what follows. A backslash at the end of the pattern matches
// nothing. `fold_case`: A to Z are a to z. Cost: O(text x pattern) at most.
bool like(std::string_view text, std::string_view pattern, bool fold_case);
// Whether the pattern ends in the middle of an escape, which SQL forbids.
bool ends_in_escape(std::string_view pattern);

}  // namespace omendb::filter
