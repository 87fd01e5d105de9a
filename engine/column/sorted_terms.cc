#include "engine/column/sorted_terms.h"

#include <algorithm>
#include <tuple>

namespace omendb::column {
namespace {

constexpr size_t kCharsMax = size_t{4} << 20;
constexpr uint32_t kManyRows = kRowsPerBlock / 16;  // from here on bits take no more room

}  // namespace

std::optional<SortedTerms> SortedTerms::make(std::vector<Entry> entries, const BlockBits& known) {
  const auto order = [](const Entry& entry) { return std::tie(entry.text, entry.row); };
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) { return order(a) < order(b); });
  const auto same = [&](const Entry& a, const Entry& b) { return order(a) == order(b); };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
  SortedTerms terms;
  terms.known_ = known;
  for (size_t first = 0; first < entries.size();) {
    size_t end = first + 1;
    while (end < entries.size() && entries[end].text == entries[first].text) ++end;
    if (terms.chars_.size() + entries[first].text.size() > kCharsMax) return {};
    terms.add_term(entries[first].text, &entries[first], end - first);
    first = end;
  }
  terms.chars_.shrink_to_fit();
  terms.terms_.shrink_to_fit();
  terms.rows_.shrink_to_fit();
  terms.bits_.shrink_to_fit();
  return terms;
}

void SortedTerms::add_term(std::string_view text, const Entry* first, size_t count) {
  chars_ += text;
  const bool many = count >= kManyRows;
  terms_.push_back({static_cast<uint32_t>(chars_.size()), static_cast<uint32_t>(many ? bits_.size() : rows_.size()),
                    static_cast<uint32_t>(count)});
  if (many) {
    BlockBits& bits = bits_.emplace_back();
    for (size_t i = 0; i < count; ++i) set_bit(bits, first[i].row);
  } else {
    for (size_t i = 0; i < count; ++i) rows_.push_back(first[i].row);
  }
}

std::string_view SortedTerms::text(uint32_t term) const {
  const uint32_t begin = term == 0 ? 0 : terms_[term - 1].chars_end;
  return std::string_view(chars_).substr(begin, terms_[term].chars_end - begin);
}

// The first text from `first` on that is not before.
template <class Before>
uint32_t SortedTerms::first_not(uint32_t first, const Before& before) const {
  for (uint32_t end = count(); first < end;) {
    const uint32_t middle = first + (end - first) / 2;
    if (before(text(middle))) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

SortedTerms::Span SortedTerms::equal(std::string_view wanted) const {
  const uint32_t first = first_not(0, [&](std::string_view text) { return text < wanted; });
  return {first, first < count() && text(first) == wanted ? first + 1 : first};
}

SortedTerms::Span SortedTerms::prefixed(std::string_view prefix) const {
  const uint32_t first = first_not(0, [&](std::string_view text) { return text < prefix; });
  return {first, first_not(first, [&](std::string_view text) { return text.starts_with(prefix); })};
}

SortedTerms::Span SortedTerms::beside(std::string_view wanted, bool below, bool or_equal) const {
  const uint32_t term = first_not(0, [&](std::string_view text) {
    const int order = text.compare(wanted);
    return order < 0 || (order == 0 && below == or_equal);
  });
  return below ? Span{0, term} : Span{term, count()};
}

void SortedTerms::set(uint32_t term, BlockBits& bits) const {
  const Term& found = terms_[term];
  if (found.count >= kManyRows) {
    const BlockBits& more = bits_[found.first];
    for (size_t w = 0; w < kWordsPerBlock; ++w) bits[w] |= more[w];
    return;
  }
  for (uint32_t i = 0; i < found.count; ++i) set_bit(bits, rows_[found.first + i]);
}

size_t SortedTerms::memory_bytes() const {
  return sizeof *this + chars_.capacity() + terms_.capacity() * sizeof(Term) + rows_.capacity() * sizeof(uint16_t) +
         bits_.capacity() * sizeof(BlockBits);
}

}  // namespace omendb::column
