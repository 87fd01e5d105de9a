#include "engine/column/block_index.h"

#include "engine/column/json_path.h"

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace omendb::column {
namespace {

// Texts and rows of a block, as they come.
struct Gathered {
  std::vector<SortedTerms::Entry> entries;
  std::deque<std::string> owned;  // texts that are not as the column has them
  BlockBits known{};
};

template <class Visit>
void for_each_known(const Arrays& arrays, uint32_t first_row, const BlockBits& rows, const Visit& visit) {
  if (arrays.ends == nullptr) return;  // all rows of the column are null
  for_each_bit(rows, [&](uint32_t offset) {
    const uint32_t row = first_row + offset;
    if (arrays.validity == nullptr || arrays.validity[row] != std::byte{0}) visit(offset, text_at(arrays, row));
  });
}

void gather_lists(const Arrays& arrays, uint32_t first_row, const BlockBits& rows, Gathered& out) {
  for_each_known(arrays, first_row, rows, [&](uint32_t offset, std::string_view list) {
    set_bit(out.known, offset);
    find_string(list, [&](std::string_view string) {
      out.entries.push_back({string, static_cast<uint16_t>(offset)});
      return false;
    });
  });
}

void gather_members(const Arrays& arrays, const Source& source, uint32_t first_row, const BlockBits& rows,
                    Gathered& out) {
  const auto* name = std::get_if<std::string>(&source.member);
  const MemberName prepared(name == nullptr ? std::string_view() : std::string_view(*name));
  std::string buffer;
  for_each_known(arrays, first_row, rows, [&](uint32_t offset, std::string_view json) {
    const auto member = name != nullptr ? prepared.find_in(json) : element_of(json, std::get<int64_t>(source.member));
    if (!member) return;
    auto text = text_of_json(*member, buffer);
    if (!text) return;
    if (text->data() == buffer.data()) text = out.owned.emplace_back(*text);
    set_bit(out.known, offset);
    out.entries.push_back({*text, static_cast<uint16_t>(offset)});
  });
}

}  // namespace

size_t BlockIndex::memory_bytes() const {
  size_t bytes = sizeof *this;
  if (const auto* rows = std::get_if<SortedRows>(&values)) bytes += rows->memory_bytes();
  if (const auto* terms = std::get_if<SortedTerms>(&values)) bytes += terms->memory_bytes();
  return bytes;
}

std::shared_ptr<const BlockIndex> make_block_index(const Arrays& arrays, const Source& source, uint32_t block,
                                                   const BlockBits& rows) {
  const ValueKind kind = source.kind;
  const uint32_t first_row = block * kRowsPerBlock;
  auto index = std::make_shared<BlockIndex>();
  index->covered = rows;
  if (kind != ValueKind::kStringList && kind != ValueKind::kJson) {
    index->values.emplace<SortedRows>(arrays, kind, first_row, rows);
    return index;
  }
  Gathered gathered;
  if (kind == ValueKind::kJson) {
    gather_members(arrays, source, first_row, rows, gathered);
  } else {
    gather_lists(arrays, first_row, rows, gathered);
  }
  if (auto terms = SortedTerms::make(std::move(gathered.entries), gathered.known)) index->values = *std::move(terms);
  return index;
}

}  // namespace omendb::column
