#pragma once

// Characters of SQL's words, which are ASCII, and of UTF-8.

namespace omendb::filter {

// A to Z as a to z.
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
inline bool begins_character(char c) { return (c & 0xc0) != 0x80; }

}  // namespace omendb::filter
