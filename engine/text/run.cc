#include "engine/text/run.h"

#include "engine/text/dictionary.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace omendb::text {
namespace {

Error corruption(const std::string& what) { return Error{ErrorCode::kCorruption, "text run: " + what}; }

Result<RunHeader> read_header(std::span<const std::byte> bytes) {
  RunHeader header;
  if (bytes.size() < sizeof(header)) {
    return corruption(std::to_string(bytes.size()) + " bytes are less than a header");
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.magic != kRunMagic) return corruption("it does not begin with its magic");
  if (header.version != kRunVersion) return corruption("version " + std::to_string(header.version));
  const uint32_t lengths = header.length_bytes;
  if (lengths != 1 && lengths != 2 && lengths != 4)
    return corruption("lengths of " + std::to_string(lengths) + " bytes");
  const uint32_t offsets = header.group_offset_bytes;
  if (offsets != 4 && offsets != 8) return corruption("offsets of " + std::to_string(offsets) + " bytes");
  if (header.row_count > kRunRowsMax || header.document_count > header.row_count || header.zero != 0) {
    return corruption(std::to_string(header.document_count) + " of " + std::to_string(header.row_count) +
                      " rows with a term");
  }
  return header;
}

}  // namespace

Result<Run> Run::open(std::span<const std::byte> bytes) {
  auto read = read_header(bytes);
  if (!read.ok()) return std::move(read).error();
  RunSections sections;
  sections.header = *read;
  const RunHeader& header = sections.header;
  sections.group_count = header.term_count / kTermsPerGroup + (header.term_count % kTermsPerGroup != 0 ? 1 : 0);
  uint64_t at = sizeof(RunHeader);
  uint64_t left = bytes.size() - at;
  // Each section takes its bytes from what is left, so that no sum can overflow.
  const auto take = [&](uint64_t section_bytes) {
    const uint64_t begin = at;
    const uint64_t taken = std::min(section_bytes, left);
    at += taken;
    left -= taken;
    return taken == section_bytes ? begin : UINT64_MAX;
  };
  const uint64_t lengths = take(uint64_t{header.length_bytes} * header.row_count);
  sections.postings_begin = take(header.postings_bytes);
  sections.positions_begin = take(header.positions_bytes);
  sections.dictionary_begin = take(header.dictionary_bytes);
  const uint64_t offsets = take(uint64_t{header.group_offset_bytes} * sections.group_count);
  const bool missing = std::max({lengths, sections.postings_begin, sections.positions_begin, sections.dictionary_begin,
                                 offsets}) == UINT64_MAX;
  if (missing || left != 0) return corruption(std::to_string(bytes.size()) + " bytes are not what its sections take");
  sections.lengths = bytes.data() + lengths;
  sections.dictionary = bytes.data() + sections.dictionary_begin;
  sections.group_offsets = bytes.data() + offsets;
  sections.postings_end = sections.positions_begin;
  sections.positions_end = sections.dictionary_begin;
  return Run(bytes, sections);
}

std::optional<TermEntry> Run::find(std::string_view term) const {
  uint32_t groups = 0;
  if (!count_groups_not_above(sections_, term, groups) || groups == 0) return std::nullopt;
  GroupWalk walk;
  std::string_view part;
  TermEntry entry;
  if (!enter_group(sections_, groups - 1, walk, part) || !read_group_offsets(sections_, walk)) return std::nullopt;
  // How far `term` and the term where the walk is agree. That is below `term` wherever the walk goes on.
  const auto agree = [&term](size_t from, std::string_view bytes) {
    size_t length = 0;
    while (length < bytes.size() && from + length < term.size() && bytes[length] == term[from + length]) ++length;
    return length;
  };
  size_t agreed = agree(0, part);
  if (agreed == part.size() && agreed == term.size()) {
    if (!read_entry(sections_, walk, entry)) return std::nullopt;
    return entry;
  }
  const uint32_t first = (groups - 1) * kTermsPerGroup;
  const uint32_t end = std::min(kTermsPerGroup, term_count() - first);
  for (uint32_t index = 1; index < end; ++index) {
    size_t shared = 0;
    if (!read_entry(sections_, walk, entry) || !read_suffix(sections_, walk, shared, part)) return std::nullopt;
    if (shared < agreed) return std::nullopt;  // above `term`
    if (shared > agreed) continue;             // differs where the one before did
    const size_t more = agree(agreed, part);
    agreed += more;
    if (more < part.size()) {
      const bool below =
          agreed < term.size() && static_cast<unsigned char>(part[more]) < static_cast<unsigned char>(term[agreed]);
      if (!below) return std::nullopt;
    } else if (agreed == term.size()) {
      if (!read_entry(sections_, walk, entry)) return std::nullopt;
      return entry;
    }
  }
  return std::nullopt;
}

TermIterator::TermIterator(const Run& run) : run_(&run) { read_term(); }

void TermIterator::enter_group(uint32_t group) {
  index_ = group * kTermsPerGroup;
  valid_ = false;
  damaged_ = false;
  read_term();
}

void TermIterator::seek(std::string_view term) {
  uint32_t groups = 0;
  if (!count_groups_not_above(run_->sections(), term, groups)) return fail();
  enter_group(groups == 0 ? 0 : groups - 1);
  while (valid_ && this->term() < term) next();
}

void TermIterator::next() {
  if (!valid_) return;
  ++index_;
  read_term();
}

// The term number index_, which is above the current one if that is valid.
void TermIterator::read_term() {
  const RunSections& sections = run_->sections();
  if (index_ >= sections.header.term_count) {
    valid_ = false;
    return;
  }
  size_t shared = 0;
  std::string_view suffix;
  if (index_ % kTermsPerGroup == 0) {
    if (!text::enter_group(sections, index_ / kTermsPerGroup, walk_, suffix)) return fail();
    if (!read_group_offsets(sections, walk_)) return fail();
  } else if (!read_suffix(sections, walk_, shared, suffix)) {
    return fail();
  }
  if (shared > term_bytes_) return fail();
  if (valid_ && term().substr(shared) >= suffix) return fail();
  if (!suffix.empty()) std::memcpy(term_.data() + shared, suffix.data(), suffix.size());
  term_bytes_ = shared + suffix.size();
  if (!read_entry(sections, walk_, entry_)) return fail();
  valid_ = true;
}

void TermIterator::fail() {
  valid_ = false;
  damaged_ = true;
}

}  // namespace omendb::text
