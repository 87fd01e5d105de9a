#include "engine/text/run.h"
#include "engine/text/run_encoder.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <string>
#include <utility>

namespace omendb::text {
namespace {

struct Source {
  const Run* run;
  uint32_t first_row;  // in the merged run
  TermIterator terms;
};

Error damaged_term(const TermIterator& terms, std::string_view what) {
  return Error{ErrorCode::kCorruption,
               "text run: term of " + std::to_string(terms.term().size()) + " bytes: " + std::string(what)};
}

Result<std::vector<uint32_t>> merged_lengths(std::span<const Run* const> runs, const RowFilter* filter) {
  uint64_t row_count = 0;
  for (const Run* run : runs) row_count += run->row_count();
  if (row_count > kRunRowsMax) {
    return Error{ErrorCode::kInvalidArgument, "text run: " + std::to_string(row_count) + " rows are too many for one"};
  }
  std::vector<uint32_t> lengths;
  lengths.reserve(row_count);
  for (const Run* run : runs) {
    for (uint32_t row = 0; row < run->row_count(); ++row) {
      const bool kept = filter == nullptr || filter->keep(static_cast<uint32_t>(lengths.size()));
      lengths.push_back(kept ? run->length(row) : 0);
    }
  }
  return lengths;
}

// Merges term by term and for each term run by run. The runs that have terms left lie in a heap, the least term first, and of equal ones the first run.
class Merge {
 public:
  Merge(std::span<const Run* const> runs, const RowFilter* filter, std::vector<uint32_t> lengths)
      : filter_(filter), encoder_(std::move(lengths)) {
    uint32_t first_row = 0;
    size_t postings_bytes = 0;
    size_t positions_bytes = 0;
    sources_.reserve(runs.size());
    for (const Run* run : runs) {
      sources_.push_back({run, first_row, TermIterator(*run)});
      first_row += run->row_count();
      postings_bytes += run->sections().header.postings_bytes;
      positions_bytes += run->sections().header.positions_bytes;
    }
    encoder_.reserve(postings_bytes, positions_bytes);
  }

  Result<std::vector<std::byte>> run(std::vector<DroppedTerm>* dropped);

 private:
  // A source by its term: the first bytes, as a number that sorts as they do, and the length decide where no term is longer than eight.
  struct Candidate {
    uint64_t first_bytes;
    size_t term_bytes;
    Source* source;
  };
  static Candidate candidate(Source& source);
  static bool earlier(const Candidate& one, const Candidate& other);
  void sift_down(size_t at);
  bool at_front(const Candidate& term, const std::string& text) const;
  Result<void> advance_front();
  Result<void> copy_list(const Source& source);
  bool copy_block(const Source& source, PostingCursor& cursor, uint64_t& ordinal);
  bool copy_gaps(PositionReader& positions, uint64_t begin, uint64_t end);

  const RowFilter* filter_;
  std::vector<Source> sources_;
  std::vector<Candidate> heap_;
  uint64_t term_tokens_ = 0;  // of the current term
  uint32_t dropped_count_ = 0;
  RunEncoder encoder_;
};

Merge::Candidate Merge::candidate(Source& source) {
  const std::string_view term = source.terms.term();
  uint64_t first_bytes = 0;
  if (!term.empty()) std::memcpy(&first_bytes, term.data(), std::min(term.size(), sizeof(first_bytes)));
  return {__builtin_bswap64(first_bytes), term.size(), &source};
}

bool Merge::earlier(const Candidate& one, const Candidate& other) {
  if (one.first_bytes != other.first_bytes) return one.first_bytes < other.first_bytes;
  if (one.term_bytes > sizeof(one.first_bytes) && other.term_bytes > sizeof(one.first_bytes)) {
    const int order = one.source->terms.term().compare(other.source->terms.term());
    return order != 0 ? order < 0 : one.source < other.source;
  }
  return one.term_bytes != other.term_bytes ? one.term_bytes < other.term_bytes : one.source < other.source;
}

// Puts what stands at `at` below all that come earlier. The usual step of a heap whose front was replaced; the standard library has only taking out and putting in.
void Merge::sift_down(size_t at) {
  const Candidate moved = heap_[at];
  for (size_t child = 2 * at + 1; child < heap_.size(); child = 2 * at + 1) {
    if (child + 1 < heap_.size() && earlier(heap_[child + 1], heap_[child])) ++child;
    if (!earlier(heap_[child], moved)) break;
    heap_[at] = heap_[child];
    at = child;
  }
  heap_[at] = moved;
}

// Whether the front has the same term as `term`, whose source has gone on and whose bytes are `text`.
bool Merge::at_front(const Candidate& term, const std::string& text) const {
  return !heap_.empty() && heap_.front().first_bytes == term.first_bytes &&
         heap_.front().term_bytes == term.term_bytes && heap_.front().source->terms.term() == text;
}

// The source at the front goes to its next term, or leaves.
Result<void> Merge::advance_front() {
  Source& source = *heap_.front().source;
  source.terms.next();
  if (source.terms.damaged()) return damaged_term(source.terms, "what follows it in the dictionary is damaged");
  if (source.terms.valid()) {
    heap_.front() = candidate(source);
  } else {
    heap_.front() = heap_.back();
    heap_.pop_back();
  }
  if (!heap_.empty()) sift_down(0);
  return {};
}

bool Merge::copy_gaps(PositionReader& positions, uint64_t begin, uint64_t end) {
  if (end > positions.token_count()) return false;
  while (begin < end) {
    const auto index = static_cast<uint32_t>(begin % kPositionsPerBlock);
    const uint64_t count = std::min<uint64_t>(kPositionsPerBlock - index, end - begin);
    const uint32_t* gaps = positions.block_gaps(static_cast<uint32_t>(begin / kPositionsPerBlock));
    if (gaps == nullptr) return false;
    encoder_.add_gaps(gaps + index, count);
    begin += count;
  }
  return true;
}

// `ordinal` is that of the block's first token and becomes that of the next block's.
bool Merge::copy_block(const Source& source, PostingCursor& cursor, uint64_t& ordinal) {
  const std::span<const uint32_t> rows = cursor.block_rows();
  const std::span<const uint32_t> frequencies = cursor.block_frequencies();
  uint64_t copied = ordinal;  // up to here gaps are copied, or are not to be
  for (size_t index = 0; index < rows.size(); ++index) {
    const uint32_t row = source.first_row + rows[index];
    const uint64_t end = ordinal + frequencies[index];
    if (filter_ == nullptr || filter_->keep(row)) {
      encoder_.add_posting(row, frequencies[index]);
      term_tokens_ += frequencies[index];
    } else {
      if (!copy_gaps(cursor.position_reader(), copied, ordinal)) return false;
      copied = end;
      ++dropped_count_;
    }
    ordinal = end;
  }
  return copy_gaps(cursor.position_reader(), copied, ordinal);
}

Result<void> Merge::copy_list(const Source& source) {
  const TermEntry& entry = source.terms.entry();
  uint64_t ordinal = 0;
  PostingCursor cursor(*source.run, entry);
  for (; cursor.row() != kNoRow; cursor.next_block()) {
    if (!copy_block(source, cursor, ordinal)) return damaged_term(source.terms, "its positions are damaged");
  }
  if (cursor.damaged()) return damaged_term(source.terms, "its list is damaged");
  if (ordinal != entry.token_count) return damaged_term(source.terms, "its rows have more or fewer tokens than it");
  if (term_tokens_ <= kTermTokensMax) return {};
  return Error{ErrorCode::kInvalidArgument, "text run: too many tokens of one term for one run"};
}

Result<std::vector<std::byte>> Merge::run(std::vector<DroppedTerm>* dropped) {
  for (Source& source : sources_) {
    if (source.terms.damaged()) return damaged_term(source.terms, "the dictionary is damaged before its first term");
    if (source.terms.valid()) heap_.push_back(candidate(source));
  }
  for (size_t at = heap_.size(); at > 0; --at) sift_down(at - 1);
  std::string term;
  while (!heap_.empty()) {
    const Candidate front = heap_.front();
    term = front.source->terms.term();
    term_tokens_ = 0;
    dropped_count_ = 0;
    while (at_front(front, term)) {
      if (auto copied = copy_list(*heap_.front().source); !copied.ok()) return std::move(copied).error();
      if (auto advanced = advance_front(); !advanced.ok()) return std::move(advanced).error();
    }
    encoder_.end_term(term);
    if (dropped != nullptr && dropped_count_ != 0) dropped->push_back({term, dropped_count_});
  }
  return encoder_.finish();
}

}  // namespace

Result<std::vector<std::byte>> merge_runs(std::span<const Run* const> runs, const RowFilter* filter,
                                          std::vector<DroppedTerm>* dropped) {
  try {
    auto lengths = merged_lengths(runs, filter);
    if (!lengths.ok()) return std::move(lengths).error();
    return Merge(runs, filter, *std::move(lengths)).run(dropped);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "text run: no memory to merge " + std::to_string(runs.size())};
  }
}

}  // namespace omendb::text
