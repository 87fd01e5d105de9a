#include "engine/text/dictionary.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace omendb::text {
namespace {

constexpr size_t kNibbleMax = 15;  // says that a byte with the rest follows
constexpr size_t kEntryBytesMax = 60;

const std::byte* end_of(const RunSections& run) { return run.dictionary + run.header.dictionary_bytes; }

size_t shared_prefix(std::string_view one, std::string_view other) {
  const size_t bytes_max = std::min(one.size(), other.size());
  size_t shared = 0;
  while (shared < bytes_max && one[shared] == other[shared]) ++shared;
  return shared;
}

std::byte* write_entry(std::byte* at, const ListShape& list) {
  const uint64_t repeats = list.token_count - list.document_count;
  at = write_varint(at, uint64_t{list.document_count} << 1 | (repeats != 0 ? 1U : 0U));
  if (repeats != 0) at = write_varint(at, repeats - 1);
  const bool single = list.token_count == 1;
  at = write_varint(at, single ? list.row : list.postings_bytes);
  return write_varint(at, single ? list.position : list.positions_bytes);
}

std::byte* write_head(std::byte* at, size_t shared_bytes, size_t suffix_bytes) {
  const size_t shared_nibble = std::min(shared_bytes, kNibbleMax);
  const size_t suffix_nibble = std::min(suffix_bytes, kNibbleMax);
  *at++ = static_cast<std::byte>(shared_nibble << 4 | suffix_nibble);
  if (shared_nibble == kNibbleMax) *at++ = static_cast<std::byte>(shared_bytes - kNibbleMax);
  if (suffix_nibble == kNibbleMax) *at++ = static_cast<std::byte>(suffix_bytes - kNibbleMax);
  return at;
}

std::byte* write_text(std::byte* at, std::string_view text) {
  if (!text.empty()) std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

// A nibble of the head, with the byte behind it where there is one.
const std::byte* read_nibble(const std::byte* at, const std::byte* end, uint32_t nibble, size_t& value) {
  value = nibble;
  if (at == nullptr || nibble != kNibbleMax) return at;
  if (at == end) return nullptr;
  value += static_cast<size_t>(*at);
  return at + 1;
}

bool read_text(const std::byte*& at, const std::byte* end, size_t text_bytes, std::string_view& text) {
  if (at == nullptr || static_cast<size_t>(end - at) < text_bytes) return false;
  text = {reinterpret_cast<const char*>(at), text_bytes};
  at += text_bytes;
  return true;
}

}  // namespace

void DictionaryEncoder::add(std::string_view term, const ListShape& list) {
  assert(term.size() <= kTermBytesMax && (term_count_ == 0 || last_term_ < term) && list.document_count > 0);
  std::array<std::byte, kEntryBytesMax + kTermBytesMax> buffer;
  std::byte* at = buffer.data();
  if (term_count_ % kTermsPerGroup == 0) {
    group_offsets_.push_back(bytes_.size());
    *at++ = static_cast<std::byte>(term.size());
    at = write_text(at, term);
    at = write_varint(at, postings_bytes_);
    at = write_varint(at, positions_bytes_);
  } else {
    const size_t shared = shared_prefix(last_term_, term);
    at = write_head(at, shared, term.size() - shared);
    at = write_text(at, term.substr(shared));
  }
  at = write_entry(at, list);
  bytes_.insert(bytes_.end(), buffer.data(), at);
  last_term_ = term;
  ++term_count_;
  postings_bytes_ += list.postings_bytes;
  positions_bytes_ += list.positions_bytes;
}

bool enter_group(const RunSections& run, uint32_t group, GroupWalk& walk, std::string_view& first_term) {
  uint64_t offset = 0;
  const size_t offset_bytes = run.header.group_offset_bytes;
  std::memcpy(&offset, run.group_offsets + offset_bytes * size_t{group}, offset_bytes);
  if (offset >= run.header.dictionary_bytes) return false;
  walk.at = run.dictionary + offset;
  const auto term_bytes = static_cast<size_t>(*walk.at++);
  return read_text(walk.at, end_of(run), term_bytes, first_term);
}

bool read_group_offsets(const RunSections& run, GroupWalk& walk) {
  uint64_t postings = 0;
  uint64_t positions = 0;
  walk.at = read_varint(walk.at, end_of(run), postings);
  if (walk.at != nullptr) walk.at = read_varint(walk.at, end_of(run), positions);
  walk.postings_offset = run.postings_begin + postings;
  walk.positions_offset = run.positions_begin + positions;
  return walk.at != nullptr && postings <= run.header.postings_bytes && positions <= run.header.positions_bytes;
}

bool read_suffix(const RunSections& run, GroupWalk& walk, size_t& shared_bytes, std::string_view& suffix) {
  const std::byte* end = end_of(run);
  if (walk.at == end) return false;
  const auto head = static_cast<uint32_t>(*walk.at++);
  size_t suffix_bytes = 0;
  walk.at = read_nibble(walk.at, end, head >> 4, shared_bytes);
  walk.at = read_nibble(walk.at, end, head & 15U, suffix_bytes);
  return shared_bytes + suffix_bytes <= kTermBytesMax && read_text(walk.at, end, suffix_bytes, suffix);
}

bool read_entry(const RunSections& run, GroupWalk& walk, TermEntry& entry) {
  const std::byte* end = end_of(run);
  const std::byte* at = walk.at;
  uint64_t documents = 0;
  uint64_t repeats = 0;
  if ((at = read_varint(at, end, documents)) == nullptr) return false;
  const bool repeated = (documents & 1U) != 0;
  documents >>= 1;
  if (repeated && (at = read_varint(at, end, repeats)) == nullptr) return false;
  if (documents == 0 || documents > run.header.row_count || repeats >= kTermTokensMax - documents) return false;
  entry.document_count = static_cast<uint32_t>(documents);
  entry.token_count = documents + repeats + (repeated ? 1 : 0);
  uint64_t first = 0;
  uint64_t second = 0;
  const std::byte* between = read_varint(at, end, first);
  if (between == nullptr || (walk.at = read_varint(between, end, second)) == nullptr) return false;
  if (entry.token_count == 1) {
    entry.postings_offset = run.dictionary_begin + static_cast<uint64_t>(at - run.dictionary);
    entry.postings_bytes = static_cast<uint64_t>(between - at);
    entry.positions_offset = entry.postings_offset + entry.postings_bytes;
    entry.positions_bytes = static_cast<uint64_t>(walk.at - between);
    return true;
  }
  entry.postings_offset = walk.postings_offset;
  entry.postings_bytes = first;
  entry.positions_offset = walk.positions_offset;
  entry.positions_bytes = second;
  if (first > run.postings_end - walk.postings_offset) return false;
  if (second > run.positions_end - walk.positions_offset) return false;
  walk.postings_offset += first;
  walk.positions_offset += second;
  return true;
}

bool count_groups_not_above(const RunSections& run, std::string_view term, uint32_t& count) {
  uint32_t begin = 0;
  uint32_t end = run.group_count;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    GroupWalk walk;
    std::string_view first_term;
    if (!enter_group(run, middle, walk, first_term)) return false;
    if (first_term <= term) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  count = begin;
  return true;
}

}  // namespace omendb::text
