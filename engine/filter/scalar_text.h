#pragma once

// Texts as values, as PostgreSQL reads them: what a cast of a string and a constant beside a typed column do.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/column/number_text.h"
#include "engine/filter/expression.h"

namespace omendb::filter {

// Blanks around them are allowed. Nothing: no such value, or out of range.
std::optional<bool> bool_of(
    std::string_view text);  // true, t, yes, y, on, 1 and their opposites, or a beginning of these words
using column::float64_of;
using column::int64_of;
// "2024-05-17", and a time "12:30", "12:30:15.25" behind a blank or T, and a zone "Z", "+02", "+05:30" behind that; none is UTC. Microseconds since 1970-01-01; also
// "epoch".
std::optional<int64_t> timestamp_of(std::string_view text);
int64_t midnight_before(int64_t microseconds);
// "{a,b,"c d",NULL}".
std::optional<List> list_of(std::string_view text);

// As a cast to text prints them.
std::string text_of(double value);
std::string text_of_timestamp(int64_t microseconds);

}  // namespace omendb::filter
