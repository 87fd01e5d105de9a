#include "engine/base/hash.h"
#include "engine/text/run.h"
#include "engine/text/run_encoder.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace omendb::text {
namespace {

constexpr size_t kFirstSlots = 1024;
constexpr uint32_t kNoRecord = UINT32_MAX;

template <typename Word>
bool same_word(const char* one, const char* other) {
  Word one_word;
  Word other_word;
  std::memcpy(&one_word, one, sizeof(Word));
  std::memcpy(&other_word, other, sizeof(Word));
  return one_word == other_word;
}

// Words of up to 16 bytes by two comparisons that may overlap: a call of memcmp for each token took 5 ns of 40.
bool same_bytes(const char* one, const char* other, size_t size_bytes) {
  if (size_bytes > 16) return std::memcmp(one, other, size_bytes) == 0;
  if (size_bytes >= 8) {
    const size_t last = size_bytes - 8;
    return same_word<uint64_t>(one, other) && same_word<uint64_t>(one + last, other + last);
  }
  if (size_bytes >= 4) {
    const size_t last = size_bytes - 4;
    return same_word<uint32_t>(one, other) && same_word<uint32_t>(one + last, other + last);
  }
  for (size_t index = 0; index < size_bytes; ++index) {
    if (one[index] != other[index]) return false;
  }
  return true;
}

// Numbers for terms in the order of their first use: open addressing by hash. Number, length and bytes of a term lie together, so that a token costs two places of memory; those
// of common words lie near each other, because these come first.
class TermTable {
 public:
  TermTable() : slots_(kFirstSlots) {}

  uint32_t number_of(std::string_view term) {
    const auto hash = static_cast<uint32_t>(base::hash64(term));
    const size_t mask = slots_.size() - 1;
    for (size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot slot = slots_[at];
      if (slot.record == kNoRecord) return insert(term, hash, at);
      if (slot.hash != hash) continue;
      const char* record = records_.data() + size_t{slot.record} * kRecordUnitBytes;
      if (static_cast<unsigned char>(record[sizeof(uint32_t)]) == term.size() &&
          same_bytes(record + kTermOffset, term.data(), term.size())) {
        return number_at(record);
      }
    }
  }
  uint32_t size() const { return size_; }
  size_t memory_bytes() const { return slots_.capacity() * sizeof(Slot) + records_.capacity(); }

  // Calls visit(number, term) in the order of the numbers.
  template <typename Visit>
  void each(Visit visit) const {
    for (size_t offset = 0; offset < records_.size();) {
      const char* record = records_.data() + offset;
      const std::string_view term(record + kTermOffset, static_cast<unsigned char>(record[sizeof(uint32_t)]));
      visit(number_at(record), term);
      offset += record_bytes(term.size());
    }
  }

 private:
  static constexpr size_t kRecordUnitBytes = 4;
  static constexpr size_t kTermOffset = sizeof(uint32_t) + 1;  // behind number and length
  struct Slot {
    uint32_t hash = 0;
    uint32_t record = kNoRecord;  // in units of 4 bytes
  };

  static size_t record_bytes(size_t term_bytes) {
    return (kTermOffset + term_bytes + 3) / kRecordUnitBytes * kRecordUnitBytes;
  }
  static uint32_t number_at(const char* record) {
    uint32_t number = 0;
    std::memcpy(&number, record, sizeof(number));
    return number;
  }

  uint32_t insert(std::string_view term, uint32_t hash, size_t at) {
    const size_t offset = records_.size();
    assert(offset / kRecordUnitBytes < kNoRecord);
    records_.resize(offset + record_bytes(term.size()));
    char* record = records_.data() + offset;
    std::memcpy(record, &size_, sizeof(size_));
    record[sizeof(size_)] = static_cast<char>(term.size());
    if (!term.empty()) std::memcpy(record + kTermOffset, term.data(), term.size());
    slots_[at] = {hash, static_cast<uint32_t>(offset / kRecordUnitBytes)};
    if (slots_.size() / 2 < ++size_) grow();
    return size_ - 1;
  }
  void grow() {
    std::vector<Slot> slots(slots_.size() * 2);
    const size_t mask = slots.size() - 1;
    for (const Slot& slot : slots_) {
      if (slot.record == kNoRecord) continue;
      size_t at = slot.hash & mask;
      while (slots[at].record != kNoRecord) at = (at + 1) & mask;
      slots[at] = slot;
    }
    slots_ = std::move(slots);
  }

  std::vector<Slot> slots_;
  std::vector<char> records_;
  uint32_t size_ = 0;
};

struct SortedTerm {
  uint64_t first_bytes;  // as a number that sorts as they do
  std::string_view term;
  uint32_t number;
};

uint64_t first_bytes_of(std::string_view term) {
  uint64_t bytes = 0;
  if (!term.empty()) std::memcpy(&bytes, term.data(), std::min(term.size(), sizeof(bytes)));
  return __builtin_bswap64(bytes);
}

// By the first two bytes, which parts words into some hundreds of heaps; then each heap.
std::vector<SortedTerm> sort_terms(const TermTable& terms) {
  const auto heap_of = [](uint64_t first_bytes) { return static_cast<size_t>(first_bytes >> 48); };
  std::vector<uint32_t> ends(size_t{1} << 16);
  terms.each([&](uint32_t, std::string_view term) { ++ends[heap_of(first_bytes_of(term))]; });
  uint32_t begin = 0;
  for (uint32_t& end : ends) begin += std::exchange(end, begin);
  std::vector<SortedTerm> sorted(terms.size());
  terms.each([&](uint32_t number, std::string_view term) {
    const uint64_t first_bytes = first_bytes_of(term);
    sorted[ends[heap_of(first_bytes)]++] = {first_bytes, term, number};
  });
  auto at = sorted.begin();
  for (const uint32_t end : ends) {
    const auto heap_end = sorted.begin() + end;
    std::sort(at, heap_end, [](const SortedTerm& one, const SortedTerm& other) {
      return one.first_bytes != other.first_bytes ? one.first_bytes < other.first_bytes : one.term < other.term;
    });
    at = heap_end;
  }
  return sorted;
}

struct BuilderToken {
  uint32_t number;  // of its term
  uint32_t position;
};

// What grows without moving: a copy of what was there before at each doubling, and the pages of both, took 8 ns a token.
class TokenLog {
 public:
  void push_back(BuilderToken token) {
    if (size_ % kPieceTokens == 0) pieces_.push_back(std::make_unique_for_overwrite<BuilderToken[]>(kPieceTokens));
    pieces_.back()[size_++ % kPieceTokens] = token;
  }
  size_t size() const { return size_; }
  // Token `index` and those behind it in its piece.
  std::span<const BuilderToken> from(size_t index) const {
    const size_t begin = index % kPieceTokens;
    return {pieces_[index / kPieceTokens].get() + begin, std::min(kPieceTokens - begin, size_ - index)};
  }
  size_t memory_bytes() const { return pieces_.size() * kPieceTokens * sizeof(BuilderToken); }

 private:
  static constexpr size_t kPieceTokens = 4096;
  std::vector<std::unique_ptr<BuilderToken[]>> pieces_;
  size_t size_ = 0;
};

// A row and a position in it, packed into a Word: those of most runs fit into four bytes, and finishing is bound by memory.
template <typename Word>
struct Occurrences {
  uint32_t position_bits = 0;
  std::unique_ptr<Word[]> words;  // by term, row, position

  Word pack(uint32_t row, uint32_t position) const {
    return static_cast<Word>(static_cast<Word>(row) << position_bits | position);
  }
  uint32_t row(size_t at) const { return static_cast<uint32_t>(words[at] >> position_bits); }
  uint32_t position(size_t at) const { return static_cast<uint32_t>(words[at] & ((Word{1} << position_bits) - 1)); }
};

// Of one term.
template <typename Word>
void encode(const Occurrences<Word>& occurrences, size_t begin, size_t end, RunEncoder& encoder) {
  while (begin < end) {
    const uint32_t row = occurrences.row(begin);
    uint32_t frequency = 0;
    uint32_t before = 0;
    for (; begin < end && occurrences.row(begin) == row; ++begin, ++frequency) {
      const uint32_t position = occurrences.position(begin);
      assert(position >= before && "positions of one term rise within a row");
      encoder.add_gap(position - before);
      before = position;
    }
    encoder.add_posting(row, frequency);
  }
}

}  // namespace

struct RunBuilder::Impl {
  TermTable terms;
  TokenLog tokens;
  std::vector<uint32_t> row_begins;  // tokens before each row

  size_t row_end(size_t row) const { return row + 1 < row_begins.size() ? row_begins[row + 1] : tokens.size(); }
  uint32_t position_max = 0;

  std::vector<uint32_t> lengths() const;
  template <typename Word>
  Occurrences<Word> by_term(const std::vector<SortedTerm>& sorted, std::vector<uint32_t>& ends) const;
  template <typename Word>
  std::vector<std::byte> finish() const;
};

std::vector<uint32_t> RunBuilder::Impl::lengths() const {
  std::vector<uint32_t> lengths(row_begins.size());
  for (size_t row = 0; row < lengths.size(); ++row)
    lengths[row] = static_cast<uint32_t>(row_end(row) - row_begins[row]);
  return lengths;
}

// A counting sort. ends[number] is behind the last one of that term.
template <typename Word>
Occurrences<Word> RunBuilder::Impl::by_term(const std::vector<SortedTerm>& sorted, std::vector<uint32_t>& ends) const {
  ends.assign(terms.size(), 0);
  for (size_t at = 0; at < tokens.size();) {
    const std::span<const BuilderToken> piece = tokens.from(at);
    for (const BuilderToken& token : piece) ++ends[token.number];
    at += piece.size();
  }
  uint32_t begin = 0;
  for (const SortedTerm& term : sorted) begin += std::exchange(ends[term.number], begin);
  Occurrences<Word> occurrences;
  occurrences.position_bits = static_cast<uint32_t>(std::bit_width(position_max));
  occurrences.words = std::make_unique_for_overwrite<Word[]>(std::max<size_t>(tokens.size(), 1));
  for (uint32_t row = 0; row < row_begins.size(); ++row) {
    for (size_t at = row_begins[row], end = row_end(row); at < end;) {
      std::span<const BuilderToken> piece = tokens.from(at);
      piece = piece.first(std::min(piece.size(), end - at));
      for (const BuilderToken& token : piece) {
        occurrences.words[ends[token.number]++] = occurrences.pack(row, token.position);
      }
      at += piece.size();
    }
  }
  return occurrences;
}

template <typename Word>
std::vector<std::byte> RunBuilder::Impl::finish() const {
  const std::vector<SortedTerm> sorted = sort_terms(terms);
  std::vector<uint32_t> ends;
  const Occurrences<Word> occurrences = by_term<Word>(sorted, ends);
  RunEncoder encoder(lengths());
  encoder.reserve(tokens.size(), tokens.size());
  size_t begin = 0;
  for (const SortedTerm& term : sorted) {
    encode(occurrences, begin, ends[term.number], encoder);
    encoder.end_term(term.term);
    begin = ends[term.number];
  }
  return encoder.finish();
}

RunBuilder::RunBuilder() : impl_(std::make_unique<Impl>()) {}
RunBuilder::~RunBuilder() = default;

void RunBuilder::begin_row() {
  assert(impl_->row_begins.size() < kRunRowsMax);
  impl_->row_begins.push_back(static_cast<uint32_t>(impl_->tokens.size()));
}

void RunBuilder::token(const Token& token) {
  assert(!impl_->row_begins.empty() && token.term.size() <= kTermBytesMax && impl_->tokens.size() < UINT32_MAX);
  impl_->position_max = std::max(impl_->position_max, token.position);
  impl_->tokens.push_back({impl_->terms.number_of(token.term), token.position});
}

uint32_t RunBuilder::row_count() const { return static_cast<uint32_t>(impl_->row_begins.size()); }

size_t RunBuilder::memory_bytes() const {
  return impl_->terms.memory_bytes() + impl_->tokens.memory_bytes() + sizeof(uint32_t) * impl_->row_begins.capacity();
}

std::vector<std::byte> RunBuilder::finish() {
  const std::unique_ptr<Impl> impl = std::exchange(impl_, std::make_unique<Impl>());
  const auto bits = std::bit_width(impl->row_begins.size()) + std::bit_width(impl->position_max);
  // 31 and not 32, so that shifting a word by the bits of positions is never by all of its own.
  return bits <= 31 ? impl->finish<uint32_t>() : impl->finish<uint64_t>();
}

}  // namespace omendb::text
