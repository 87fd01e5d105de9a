#include "engine/text/phrase.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

namespace omendb::text {

namespace {
constexpr uint32_t kStepsPerLook = 256;  // of the lists of words
}

// The earliest place that each word may have leaves most room to those behind it, so that the first choice is the best one. Starts rise, and with them each word's
// earliest place: no list is walked back.
uint32_t phrase_frequency(std::span<const std::vector<uint32_t>> positions, std::span<const uint32_t> offsets,
                          uint32_t slop, std::vector<uint32_t>* chosen) {
  std::vector<size_t> at(positions.size());
  std::vector<uint32_t> places(positions.size());
  uint32_t frequency = 0;
  for (size_t i = 0; i < positions[0].size(); ++i) {
    const uint32_t start = positions[0][i];
    if (i > 0 && start == positions[0][i - 1]) continue;  // two tokens of a word at one position are one place
    places[0] = start;
    for (size_t word = 1; word < positions.size(); ++word) {
      const uint64_t earliest = uint64_t{places[word - 1]} + offsets[word] - offsets[word - 1];
      while (at[word] < positions[word].size() && positions[word][at[word]] < earliest) ++at[word];
      if (at[word] == positions[word].size()) return frequency;
      places[word] = positions[word][at[word]];
    }
    if (places.back() - start > uint64_t{offsets.back()} + slop) continue;
    ++frequency;
    if (chosen != nullptr) chosen->insert(chosen->end(), places.begin(), places.end());
  }
  return frequency;
}

PhraseCursor::PhraseCursor(std::vector<WordCursor> words, std::vector<uint32_t> offsets, uint32_t slop,
                           base::Stop* stop)
    : words_(std::move(words)),
      offsets_(std::move(offsets)),
      by_rarity_(words_.size()),
      positions_(words_.size()),
      slop_(slop),
      looking_(stop, kStepsPerLook) {
  assert(words_.size() >= 2 && words_.size() == offsets_.size());
  std::iota(by_rarity_.begin(), by_rarity_.end(), size_t{0});
  std::stable_sort(by_rarity_.begin(), by_rarity_.end(),
                   [this](size_t a, size_t b) { return words_[a].document_count() < words_[b].document_count(); });
  settle(0);
}

uint64_t PhraseCursor::document_count() const { return words_[by_rarity_.front()].document_count(); }

void PhraseCursor::advance(uint32_t row) {
  if (row > row_) settle(row);
}

void PhraseCursor::settle(uint32_t row) {
  for (size_t agreeing = 0; agreeing < words_.size();) {
    WordCursor& word = words_[by_rarity_[agreeing]];
    word.advance(row);
    if (word.row() == kNoRow || looking_.asked()) {
      row_ = kNoRow;
      return;
    }
    if (word.row() != row) {
      row = word.row();
      agreeing = agreeing == 0 ? 1 : 0;
      continue;
    }
    if (++agreeing < words_.size()) continue;
    for (size_t i = 0; i < words_.size(); ++i) words_[i].positions(positions_[i], scratch_);
    frequency_ = phrase_frequency(positions_, offsets_, slop_);
    if (frequency_ != 0) break;
    ++row;
    agreeing = 0;
  }
  row_ = row;
}

bool PhraseCursor::damaged() const {
  return std::any_of(words_.begin(), words_.end(), [](const WordCursor& word) { return word.damaged(); });
}

}  // namespace omendb::text
