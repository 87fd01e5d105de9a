#pragma once

// "english", "german", ... and "simple": one term a word.

#include "engine/text/analyzer.h"

#include <memory>
#include <string_view>

namespace omendb::text {

// `language` is one of language_names(). Fails: kInternal, where libstemmer or ICU lack what they promise.
Result<std::shared_ptr<const Analyzer>> make_language_analyzer(std::string_view language);

std::shared_ptr<const Analyzer> make_simple_analyzer();

}  // namespace omendb::text
