#include "engine/column/sorted_rows.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace omendb::column {
namespace {

constexpr uint32_t kSampleStep = 64;
constexpr uint32_t kMarkStep = 4096;
constexpr uint32_t kLongRun = 1024;  // equal values that get marks of their own
constexpr uint64_t kHighestBit = uint64_t{1} << 63;
constexpr size_t kHeadBytes = sizeof(uint64_t);

// Keys of values are ordered as these are. Numbers have the same key where they are equal, strings where they begin alike.
uint64_t key_of(int64_t value) { return static_cast<uint64_t>(value) ^ kHighestBit; }

uint64_t key_of(double value) {
  const double shown = value == 0 ? 0 : std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value;
  const auto bits = std::bit_cast<uint64_t>(shown);
  return (bits & kHighestBit) != 0 ? ~bits : bits | kHighestBit;
}

uint64_t key_of(std::string_view text) {
  uint64_t key = 0;
  const size_t count = std::min(text.size(), kHeadBytes);
  for (size_t i = 0; i < count; ++i) key |= uint64_t{static_cast<uint8_t>(text[i])} << (kHeadBytes - 1 - i) * 8;
  return key;
}

struct Entry {
  uint64_t key;
  uint32_t row;  // of the table
};

}  // namespace

SortedRows::SortedRows(const Arrays& arrays, ValueKind kind, uint32_t first_row, const BlockBits& rows)
    : kind_(kind), first_row_(first_row) {
  sort_rows(arrays, rows);
  make_marks();
}

uint64_t SortedRows::key_at(const Arrays& arrays, uint32_t row) const {
  switch (kind_) {
    case ValueKind::kInt64: return key_of(value_at<int64_t>(arrays.values, row));
    case ValueKind::kFloat64: return key_of(value_at<double>(arrays.values, row));
    default: return key_of(text_at(arrays, row));
  }
}

void SortedRows::sort_rows(const Arrays& arrays, const BlockBits& rows) {
  if (arrays.values == nullptr && arrays.ends == nullptr) return;  // all rows of the column are null
  std::vector<Entry> entries;
  entries.reserve(kRowsPerBlock);
  for_each_bit(rows, [&](uint32_t offset) {
    const uint32_t row = first_row_ + offset;
    if (arrays.validity != nullptr && arrays.validity[row] == std::byte{0}) return;
    entries.push_back({key_at(arrays, row), row});
  });
  const bool texts = kind_ == ValueKind::kString;
  std::ranges::sort(entries, [&](const Entry& a, const Entry& b) {
    if (a.key != b.key) return a.key < b.key;
    const int order = texts ? text_at(arrays, a.row).compare(text_at(arrays, b.row)) : 0;
    return order != 0 ? order < 0 : a.row < b.row;
  });
  const auto equal = [&](const Entry& a, const Entry& b) {
    return a.key == b.key && (!texts || text_at(arrays, a.row) == text_at(arrays, b.row));
  };
  rows_.reserve(entries.size());
  samples_.reserve((entries.size() + kSampleStep - 1) / kSampleStep);
  for (size_t i = 0; i < entries.size(); ++i) {
    rows_.push_back(static_cast<uint16_t>(entries[i].row - first_row_));
    if (i % kSampleStep == 0) samples_.push_back(entries[i].key);
  }
  choose_marks(std::span<const Entry>(entries), equal);
}

// A span begins and ends between different values, so marks inside of a run of equal ones would be of no use.
template <class Entry, class Equal>
void SortedRows::choose_marks(std::span<const Entry> entries, const Equal& equal) {
  uint32_t last = 0;
  const auto mark = [&](size_t place) {
    last = static_cast<uint32_t>(place);
    if (last != 0 && (mark_places_.empty() || mark_places_.back() != last)) mark_places_.push_back(last);
  };
  for (size_t first = 0, end = 0; first < entries.size(); first = end) {
    for (end = first + 1; end < entries.size() && equal(entries[end], entries[first]);) ++end;
    const bool is_long = end - first >= kLongRun;
    if (is_long) {
      mark(first);
      long_runs_.push_back({entries[first].key, {static_cast<uint32_t>(first), static_cast<uint32_t>(end)}});
    }
    if (is_long || end - last >= kMarkStep || end == entries.size()) mark(end);
  }
}

void SortedRows::make_marks() {
  marks_.reserve(std::max<size_t>(1, mark_places_.size()));
  BlockBits bits{};
  uint32_t place = 0;
  for (const uint32_t end : mark_places_) {
    flip_rows(place, end, bits);
    marks_.push_back(bits);
    place = end;
  }
  if (marks_.empty()) marks_.push_back(bits);
}

// That of the key whose first row matches, which distinguishes strings that begin alike; null if there is none.
template <class Matches>
const SortedRows::Run* SortedRows::long_run(uint64_t key, const Matches& matches) const {
  for (auto run = std::ranges::lower_bound(long_runs_, key, {}, &Run::key); run != long_runs_.end() && run->key == key;
       ++run) {
    if (matches(first_row_ + rows_[run->span.first])) return &*run;
  }
  return nullptr;
}

// The place in the order of the first row that is not before: those with a key below `low` are, those above `high` are not, before(row) says it of others.
template <class Before>
uint32_t SortedRows::first_not(const Arrays& arrays, uint64_t low, uint64_t high, const Before& before) const {
  const auto is_before = [&](uint64_t key, uint32_t row) { return key < low || (key <= high && before(row)); };
  size_t sample = 0;
  for (size_t end = samples_.size(); sample < end;) {
    const size_t middle = sample + (end - sample) / 2;
    if (is_before(samples_[middle], first_row_ + rows_[middle * kSampleStep])) {
      sample = middle + 1;
    } else {
      end = middle;
    }
  }
  if (sample == 0) return 0;
  auto place = static_cast<uint32_t>(sample - 1) * kSampleStep + 1;
  auto end = static_cast<uint32_t>(std::min(sample * kSampleStep, rows_.size()));
  while (place < end) {
    const uint32_t middle = place + (end - place) / 2;
    const uint32_t row = first_row_ + rows_[middle];
    if (is_before(key_at(arrays, row), row)) {
      place = middle + 1;
    } else {
      end = middle;
    }
  }
  return place;
}

// Of numbers.
SortedRows::Span SortedRows::between(const Arrays& arrays, uint64_t low, uint64_t high) const {
  if (low > high) return {};
  const auto any = [](uint32_t) { return true; };  // equal numbers have one key
  const Run* const lowest = long_run(low, any);
  const Run* const highest = low == high ? lowest : long_run(high, any);
  return {lowest != nullptr ? lowest->span.first : first_not(arrays, low, low, [](uint32_t) { return false; }),
          highest != nullptr ? highest->span.end : first_not(arrays, high, high, [](uint32_t) { return true; })};
}

SortedRows::Span SortedRows::ints(const Arrays& arrays, int64_t low, int64_t high) const {
  return between(arrays, key_of(low), key_of(high));
}
SortedRows::Span SortedRows::floats(const Arrays& arrays, double low, double high) const {
  return between(arrays, key_of(low), key_of(high));
}
SortedRows::Span SortedRows::nans(const Arrays& arrays) const {
  const uint64_t key = key_of(std::numeric_limits<double>::quiet_NaN());
  return between(arrays, key, key);
}

SortedRows::Span SortedRows::equal(const Arrays& arrays, std::string_view text) const {
  const uint64_t key = key_of(text);
  const Run* const run = long_run(key, [&](uint32_t row) { return text_at(arrays, row) == text; });
  if (run != nullptr) return run->span;
  const uint32_t first = first_not(arrays, key, key, [&](uint32_t row) { return text_at(arrays, row) < text; });
  return {first, first_not(arrays, key, key, [&](uint32_t row) { return text_at(arrays, row) <= text; })};
}

SortedRows::Span SortedRows::prefixed(const Arrays& arrays, std::string_view prefix) const {
  const uint64_t low = key_of(prefix);
  const uint64_t high = prefix.size() >= kHeadBytes ? low : low | ~uint64_t{0} >> prefix.size() * 8;
  const uint32_t first = first_not(arrays, low, low, [&](uint32_t row) { return text_at(arrays, row) < prefix; });
  const auto before_end = [&](uint32_t row) { return text_at(arrays, row).substr(0, prefix.size()) <= prefix; };
  return {first, first_not(arrays, low, high, before_end)};
}

SortedRows::Span SortedRows::beside(const Arrays& arrays, std::string_view text, bool below, bool or_equal) const {
  const uint64_t key = key_of(text);
  const uint32_t place = first_not(arrays, key, key, [&](uint32_t row) {
    const int order = text_at(arrays, row).compare(text);
    return order < 0 || (order == 0 && below == or_equal);
  });
  return below ? Span{0, place} : Span{place, static_cast<uint32_t>(rows_.size())};
}

uint32_t SortedRows::mark_place(size_t mark) const { return mark == 0 ? 0 : mark_places_[mark - 1]; }

size_t SortedRows::nearest_mark(uint32_t place) const {
  const auto above = std::ranges::lower_bound(mark_places_, place);
  const auto mark = static_cast<size_t>(above - mark_places_.begin()) + 1;
  if (above == mark_places_.end()) return mark - 1;
  return mark_place(mark) - place < place - mark_place(mark - 1) ? mark : mark - 1;
}

void SortedRows::flip_rows(uint32_t first, uint32_t end, BlockBits& bits) const {
  for (uint32_t i = first; i < end; ++i) bits[rows_[i] / 64] ^= uint64_t{1} << rows_[i] % 64;
}

void SortedRows::flip(Span span, BlockBits& bits) const {
  constexpr uint32_t kMarkCost = 256;  // rows that are flipped in the time that two marks take
  const size_t first_mark = nearest_mark(span.first);
  const size_t end_mark = nearest_mark(span.end);
  const auto ends_at = [](uint32_t a, uint32_t b) { return Span{std::min(a, b), std::max(a, b)}; };
  const Span before = ends_at(mark_place(first_mark), span.first);
  const Span behind = ends_at(mark_place(end_mark), span.end);
  if (span.end - span.first <= kMarkCost + before.end - before.first + behind.end - behind.first)
    return flip_rows(span.first, span.end, bits);
  for (const size_t mark : {first_mark, end_mark}) {
    if (mark == 0) continue;
    const BlockBits& flipped = marks_[mark - 1];
    for (size_t w = 0; w < kWordsPerBlock; ++w) bits[w] ^= flipped[w];
  }
  flip_rows(before.first, before.end, bits);
  flip_rows(behind.first, behind.end, bits);
}

size_t SortedRows::memory_bytes() const {
  return rows_.capacity() * sizeof(uint16_t) + samples_.capacity() * sizeof(uint64_t) +
         long_runs_.capacity() * sizeof(Run) + mark_places_.capacity() * sizeof(uint32_t) +
         marks_.capacity() * sizeof(BlockBits);
}

}  // namespace omendb::column
