#include "engine/text/expansions.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

namespace omendb::text {
namespace {

constexpr char32_t kReplacement = 0xfffd;
constexpr uint32_t kTermsPerLook = 256;

struct Character {
  char32_t value = kReplacement;
  size_t size_bytes = 1;
};

// The first one of a text that is not empty.
Character first_character(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const size_t size_bytes = lead >= 0xf0 && lead < 0xf5   ? 4
                            : lead >= 0xe0 && lead < 0xf0 ? 3
                            : lead >= 0xc2 && lead < 0xe0 ? 2
                                                          : 1;
  if (size_bytes == 1 || size_bytes > text.size()) return {};
  char32_t value = lead & (0x7fU >> size_bytes);
  for (size_t i = 1; i < size_bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  return {value, size_bytes};
}

// Terms of several runs, put together by their bytes.
class TermGatherer {
 public:
  void add(size_t run, std::string_view term, const TermEntry& entry) {
    auto at = terms_.find(term);
    if (at == terms_.end()) at = terms_.emplace(std::string(term), TermPlaces{std::string(term), {}}).first;
    at->second.entries.emplace_back(run, entry);
  }
  std::vector<TermPlaces> take() {
    std::vector<TermPlaces> sorted;
    sorted.reserve(terms_.size());
    for (auto& [term, places] : terms_) sorted.push_back(std::move(places));
    return sorted;
  }

 private:
  std::map<std::string, TermPlaces, std::less<>> terms_;
};

Error damaged_terms(const PlacedRun& placed) {
  return {ErrorCode::kCorruption,
          "text: the terms of the run at row " + std::to_string(placed.first_row) + " are damaged"};
}

// The least text above all that begin with `prefix`; nothing where there is none.
std::optional<std::string> after_prefix(std::string_view prefix) {
  std::string after(prefix);
  while (!after.empty() && static_cast<unsigned char>(after.back()) == 0xff) after.pop_back();
  if (after.empty()) return std::nullopt;
  after.back() = static_cast<char>(static_cast<unsigned char>(after.back()) + 1);
  return after;
}

}  // namespace

std::u32string characters_of(std::string_view text) {
  std::u32string characters;
  while (!text.empty()) {
    const Character first = first_character(text);
    characters += first.value;
    text.remove_prefix(first.size_bytes);
  }
  return characters;
}

EditDistance::EditDistance(std::string_view word, uint32_t edits_max)
    : word_(characters_of(word)), edits_max_(edits_max) {
  std::vector<uint32_t>& first = rows_.emplace_back();
  for (uint32_t j = 0; j <= word_.size(); ++j) first.push_back(j);
}

bool EditDistance::near(std::string_view term) {
  size_t common_bytes =
      static_cast<size_t>(std::mismatch(term.begin(), term.end(), term_.begin(), term_.end()).first - term.begin());
  while (!ends_.empty() && ends_.back() > common_bytes) {
    ends_.pop_back();
    characters_.pop_back();
  }
  size_t end = ends_.empty() ? 0 : ends_.back();
  term_ = term;
  rejected_bytes_ = 0;
  while (end < term.size()) {
    const Character next = first_character(term.substr(end));
    end += next.size_bytes;
    characters_.push_back(next.value);
    ends_.push_back(end);
    if (fill_row(characters_.size(), next.value)) continue;
    rejected_bytes_ = end;
    return false;
  }
  return rows_[characters_.size()][word_.size()] <= edits_max_;
}

// False where every cell is over the maximum: no row below can be under it then, because a row's least cell is never less than the least one of the row above, and a
// swap, which looks two rows up, pays one.
bool EditDistance::fill_row(size_t row, char32_t character) {
  if (rows_.size() <= row) rows_.emplace_back(word_.size() + 1);
  const std::vector<uint32_t>& above = rows_[row - 1];
  std::vector<uint32_t>& cells = rows_[row];
  const size_t from = row > edits_max_ ? row - edits_max_ : 0;  // cells farther from the diagonal are over the maximum
  const size_t to = std::min(word_.size(), row + edits_max_);
  const uint32_t over = edits_max_ + 1;
  uint32_t least = over;
  std::fill(cells.begin(), cells.end(), over);
  for (size_t j = from; j <= to; ++j) {
    uint32_t cell = above[j] + 1;
    if (j > 0) {
      cell = std::min({cell, cells[j - 1] + 1, above[j - 1] + (word_[j - 1] == character ? 0U : 1U)});
      if (row > 1 && j > 1 && word_[j - 1] == characters_[row - 2] && word_[j - 2] == character)
        cell = std::min(cell, rows_[row - 2][j - 2] + 1);
    }
    cells[j] = std::min(cell, over);
    least = std::min(least, cells[j]);
  }
  return least <= edits_max_;
}

Result<std::vector<TermPlaces>> terms_with_prefix(std::span<const PlacedRun> runs, std::string_view prefix,
                                                  base::Stop* stop) {
  TermGatherer gatherer;
  base::StopEvery looking(stop, kTermsPerLook);
  for (size_t run = 0; run < runs.size(); ++run) {
    TermIterator terms(*runs[run].run);
    for (terms.seek(prefix); terms.valid() && terms.term().starts_with(prefix); terms.next()) {
      if (looking.asked()) return stop->error();
      gatherer.add(run, terms.term(), terms.entry());
    }
    if (terms.damaged()) return damaged_terms(runs[run]);
  }
  return gatherer.take();
}

Result<std::vector<TermPlaces>> terms_near(std::span<const PlacedRun> runs, std::string_view word, uint32_t edits_max,
                                           base::Stop* stop) {
  constexpr int kStepsBeforeSeek = 16;  // a seek costs about as many steps
  TermGatherer gatherer;
  EditDistance distance(word, edits_max);
  base::StopEvery looking(stop, kTermsPerLook);
  for (size_t run = 0; run < runs.size(); ++run) {
    TermIterator terms(*runs[run].run);
    while (terms.valid()) {
      if (looking.asked()) return stop->error();
      if (distance.near(terms.term())) gatherer.add(run, terms.term(), terms.entry());
      const std::string rejected(terms.term().substr(0, distance.rejected_bytes()));
      terms.next();
      if (rejected.empty()) continue;
      int steps = 0;
      while (terms.valid() && terms.term().starts_with(rejected) && ++steps < kStepsBeforeSeek) terms.next();
      if (steps < kStepsBeforeSeek || !terms.valid()) continue;
      const std::optional<std::string> after = after_prefix(rejected);
      if (!after) break;
      terms.seek(*after);
    }
    if (terms.damaged()) return damaged_terms(runs[run]);
  }
  return gatherer.take();
}

}  // namespace omendb::text
