#include "engine/text/run.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

namespace omendb::text {
namespace {

Error corruption(const std::string& what) { return Error{ErrorCode::kCorruption, "text run: " + what}; }

// The part of a run that a byte belongs to.
const char* section_at(const RunSections& run, uint64_t offset) {
  if (offset < sizeof(RunHeader)) return "header";
  if (offset < run.postings_begin) return "lengths";
  if (offset < run.postings_end) return "postings";
  if (offset < run.positions_end) return "positions";
  return offset < run.dictionary_begin + run.header.dictionary_bytes ? "dictionary" : "group offsets";
}

// Row by row, as a search goes, positions included: a merge does not add their gaps up.
Result<void> check_rows(const Run& run) {
  std::vector<uint64_t> tokens(run.row_count());
  std::vector<uint32_t> positions;
  for (TermIterator terms(run); terms.valid(); terms.next()) {
    PostingCursor cursor(run, terms.entry());
    for (; cursor.row() != kNoRow; cursor.next()) {
      tokens[cursor.row()] += cursor.frequency();
      cursor.positions(positions);
    }
    if (cursor.damaged())
      return corruption("a term of " + std::to_string(terms.term().size()) + " bytes has damaged positions");
  }
  for (uint32_t row = 0; row < run.row_count(); ++row) {
    if (tokens[row] != run.length(row)) {
      return corruption("row " + std::to_string(row) + " has " + std::to_string(tokens[row]) + " tokens, not " +
                        std::to_string(run.length(row)));
    }
  }
  return {};
}

}  // namespace

// There is one encoding of what a run says, so that it is good if that is what it says it in.
Result<void> check_run(const Run& run) {
  const Run* const runs[] = {&run};
  auto merged = merge_runs(runs, nullptr, nullptr);
  if (!merged.ok()) return std::move(merged).error();
  try {
    if (auto checked = check_rows(run); !checked.ok()) return checked;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "text run: no memory to check it"};
  }
  const std::span<const std::byte> bytes = run.bytes();
  const auto difference = std::mismatch(bytes.begin(), bytes.end(), merged->begin(), merged->end());
  if (difference.first == bytes.end() && difference.second == merged->end()) return {};
  const auto offset = static_cast<uint64_t>(difference.first - bytes.begin());
  return corruption("byte " + std::to_string(offset) + ", of the " + section_at(run.sections(), offset) +
                    ", is not what its rows make of it");
}

}  // namespace omendb::text
