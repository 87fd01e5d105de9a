#pragma once

// The sorted terms of a run as bytes: groups of 16, in each of which a term is what it does not share with the one before it.

#include "engine/text/run.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace omendb::text {

// What a list has become.
struct ListShape {
  uint32_t document_count = 0;
  uint64_t token_count = 0;
  uint64_t postings_bytes = 0;  // both 0 where there is one token, which the dictionary has itself:
  uint64_t positions_bytes = 0;
  uint32_t row = 0;
  uint32_t position = 0;
};

// Writes terms, which must rise, and the sizes of their lists, which lie behind each other.
class DictionaryEncoder {
 public:
  void add(std::string_view term, const ListShape& list);
  uint32_t term_count() const { return term_count_; }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  const std::vector<uint64_t>& group_offsets() const { return group_offsets_; }
  uint8_t group_offset_bytes() const { return bytes_.size() > UINT32_MAX ? 8 : 4; }

 private:
  std::vector<std::byte> bytes_;
  std::vector<uint64_t> group_offsets_;
  std::string last_term_;
  uint32_t term_count_ = 0;
  uint64_t postings_bytes_ = 0;  // of the lists so far
  uint64_t positions_bytes_ = 0;
};

// All of these are false where bytes are damaged; walk and results are then nothing to go on with.

// To the first term of a group, whose bytes stay where they are.
bool enter_group(const RunSections& run, uint32_t group, GroupWalk& walk, std::string_view& first_term);
// Behind the first term: where the lists of the group begin.
bool read_group_offsets(const RunSections& run, GroupWalk& walk);
// Of a term that is not the first: how many bytes it shares with the one before, and the others.
bool read_suffix(const RunSections& run, GroupWalk& walk, size_t& shared_bytes, std::string_view& suffix);
// Behind a term: where its lists are.
bool read_entry(const RunSections& run, GroupWalk& walk, TermEntry& entry);
// How many groups begin with `term` or one below it.
bool count_groups_not_above(const RunSections& run, std::string_view term, uint32_t& count);

}  // namespace omendb::text
