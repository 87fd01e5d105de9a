#pragma once

// "ngram(n)", "ngram(min,max)": every piece of min to max characters, so that a phrase of pieces finds any part of a text.

#include "engine/text/analyzer.h"

#include <cstddef>
#include <memory>

namespace omendb::text {

// 1 <= characters_min <= characters_max <= kNgramCharactersMax.
std::shared_ptr<const Analyzer> make_ngram_analyzer(size_t characters_min, size_t characters_max);

}  // namespace omendb::text
