#pragma once

// Texts as numbers, as PostgreSQL reads them: what a cast of a string does, and indexes of members that are cast.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace omendb::column {

inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
// A to Z as a to z.
inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string lowered(std::string_view text);
std::string_view skip_blanks(std::string_view text);
std::string_view trimmed(std::string_view text);

// Blanks around them are allowed. Nothing: no number, or out of range.
std::optional<int64_t> int64_of(std::string_view text);
std::optional<double> float64_of(std::string_view text);  // also infinity, nan

}  // namespace omendb::column
