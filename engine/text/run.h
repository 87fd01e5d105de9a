#pragma once

// A run: the inverted index of some rows that follow each other, as bytes that never change (docs/format/text_run.md). Rows are counted from the first one of the run, so
// that bytes can be made before anybody knows where the rows will lie. Sorted dictionary, compressed blocks of 128 postings with what a search needs to skip them, positions,
// and the length of every row.

#include <omendb/status.h>

#include "engine/text/analyzer.h"
#include "engine/text/posting_cursor.h"
#include "engine/text/run_layout.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

// Makes a run row by row. One thread. Memory: 8 bytes a token beside the terms, another 4 to 8 in finish(). At most 2^31 rows and 2^32 - 1 tokens, which is asserted.
class RunBuilder final : public TokenSink {
 public:
  RunBuilder();
  ~RunBuilder() override;
  // The tokens that follow belong to this row, the next one. Rows without tokens have to be begun too.
  void begin_row();
  // Of at most kTermBytesMax bytes. Positions of one term rise within a row; two tokens of it at one position are two.
  void token(const Token& token) override;
  uint32_t row_count() const;
  size_t memory_bytes() const;
  // Empties the builder.
  std::vector<std::byte> finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Borrows the bytes. Immutable; any number of threads.
class Run {
 public:
  Run() = default;  // of no rows
  // Checks header and sections against the length; what they contain is checked as it is read, so that no bytes lead outside. Fails: kCorruption.
  static Result<Run> open(std::span<const std::byte> bytes);

  std::span<const std::byte> bytes() const { return bytes_; }
  uint32_t row_count() const { return sections_.header.row_count; }
  uint32_t document_count() const { return sections_.header.document_count; }  // rows with a term
  uint64_t token_count() const { return sections_.header.token_count; }        // the sum of all lengths
  uint32_t term_count() const { return sections_.header.term_count; }
  // Tokens of a row, which must be below row_count().
  uint32_t length(uint32_t row) const {
    const std::byte* lengths = sections_.lengths;
    switch (sections_.header.length_bytes) {
      case 1: return static_cast<uint32_t>(lengths[row]);
      case 2: {
        uint16_t length = 0;
        std::memcpy(&length, lengths + size_t{2} * row, sizeof(length));
        return length;
      }
      default: {
        uint32_t length = 0;
        std::memcpy(&length, lengths + size_t{4} * row, sizeof(length));
        return length;
      }
    }
  }

  // Cost: a binary search over groups of terms, about 1 us out of cache. Nothing where the bytes are damaged.
  std::optional<TermEntry> find(std::string_view term) const;

  const RunSections& sections() const { return sections_; }

 private:
  Run(std::span<const std::byte> bytes, const RunSections& sections) : bytes_(bytes), sections_(sections) {}

  std::span<const std::byte> bytes_;
  RunSections sections_;
};

// How far a walk through a group of terms has come, and where the lists of its next term begin.
struct GroupWalk {
  const std::byte* at = nullptr;
  uint64_t postings_offset = 0;
  uint64_t positions_offset = 0;
};

// The terms of a run, rising by their bytes. The run must outlive it. Threads: one.
class TermIterator {
 public:
  explicit TermIterator(const Run& run);  // at the first term
  void seek(std::string_view term);       // to the first one not below
  bool valid() const { return valid_; }   // false at the end, and where the bytes are damaged
  bool damaged() const { return damaged_; }
  std::string_view term() const { return {term_.data(), term_bytes_}; }  // good until the next call
  const TermEntry& entry() const { return entry_; }
  void next();

 private:
  void enter_group(uint32_t group);
  void read_term();
  void fail();

  const Run* run_;
  GroupWalk walk_;
  uint32_t index_ = 0;  // of the current term
  bool valid_ = false;
  bool damaged_ = false;
  size_t term_bytes_ = 0;
  TermEntry entry_;
  std::array<char, kTermBytesMax> term_;
};

// One run of those of all `runs`, whose rows follow each other in that order. Rows for which `keep(row)` is false (row counted over all of them) become rows without tokens.
// `dropped`, if given, gets for each term how many rows lost it, rising by term. Cost: about 10 ns a posting. Fails: kCorruption, kOutOfMemory.
class RowFilter {
 public:
  virtual ~RowFilter() = default;
  virtual bool keep(uint32_t row) const = 0;
};
struct DroppedTerm {
  std::string term;
  uint32_t document_count;
};
Result<std::vector<std::byte>> merge_runs(std::span<const Run* const> runs, const RowFilter* filter,
                                          std::vector<DroppedTerm>* dropped);

// Every byte: order of terms, rows, counts, lengths, bounds. Fails: kCorruption naming what is wrong.
Result<void> check_run(const Run& run);

}  // namespace omendb::text
