#pragma once

// Characters of SQL's words, which are ASCII, and of UTF-8.

#include "engine/column/number_text.h"

namespace omendb::filter {

using column::lower;
inline bool begins_character(char c) { return (c & 0xc0) != 0x80; }

}  // namespace omendb::filter
