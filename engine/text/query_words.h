#pragma once

// The terms that an analyzer makes of a text, put in order.

#include "engine/text/analyzer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::text {

// What stands at one position: a word, or several variants of it.
struct WordSlot {
  uint32_t offset = 0;  // positions behind the first slot
  std::vector<std::string> terms;
};

// One slot a position that has terms, rising; what was left out (stop words) leaves a gap.
std::vector<WordSlot> word_slots(const Analyzer& analyzer, std::string_view text);

// Each term once, as it comes first, and how often it came.
std::vector<std::pair<std::string, uint32_t>> counted_terms(Tokenizer& tokenizer, std::string_view text);

}  // namespace omendb::text
