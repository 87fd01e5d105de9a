#pragma once

#include <string_view>

namespace omendb::text {

// Function words of a language (articles, prepositions, pronouns, auxiliaries, conjunctions, negations), between spaces, in
// lower case with their accents. Empty where there is no list: basque, catalan, greek, irish and others.
std::string_view stop_words(std::string_view language);

}  // namespace omendb::text
