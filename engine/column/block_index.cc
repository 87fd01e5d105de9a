#include "engine/column/block_index.h"

#include "engine/column/json_path.h"
#include "engine/column/number_text.h"

#include <bit>
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
  const JsonPath path(source.path);
  std::string buffer;
  for_each_known(arrays, first_row, rows, [&](uint32_t offset, std::string_view json) {
    auto text = path.text_in(json, buffer);
    if (!text) return;
    if (text->data() == buffer.data()) text = out.owned.emplace_back(*text);
    set_bit(out.known, offset);
    out.entries.push_back({*text, static_cast<uint16_t>(offset)});
  });
}

// Whether each of them is a number.
bool read_numbers(const Arrays& arrays, const Source& source, uint32_t first_row, const BlockBits& rows,
                  std::vector<uint64_t>& bits, BlockBits& known) {
  const JsonPath path(source.path);
  std::string buffer;
  bool all = true;
  for_each_known(arrays, first_row, rows, [&](uint32_t offset, std::string_view json) {
    const auto text = all ? path.text_in(json, buffer) : std::nullopt;
    if (!text) return;
    if (bits.empty()) bits.resize(kRowsPerBlock);
    set_bit(known, offset);
    if (source.kind == ValueKind::kJsonInt64) {
      const auto number = int64_of(*text);
      all = number.has_value();
      bits[offset] = std::bit_cast<uint64_t>(number.value_or(0));
    } else {
      const auto number = float64_of(*text);
      all = number.has_value();
      bits[offset] = std::bit_cast<uint64_t>(number.value_or(0));
    }
  });
  return all;
}

std::optional<MemberNumbers> make_numbers(const Arrays& arrays, const Source& source, uint32_t first_row,
                                          const BlockBits& rows) {
  std::vector<uint64_t> bits;
  BlockBits known{};
  if (!read_numbers(arrays, source, first_row, rows, bits, known)) return {};
  const ValueKind kind = source.kind == ValueKind::kJsonInt64 ? ValueKind::kInt64 : ValueKind::kFloat64;
  const Arrays numbers{.values = reinterpret_cast<const std::byte*>(bits.data())};
  SortedRows order(numbers, kind, 0, known);
  return MemberNumbers{std::move(bits), std::move(order)};
}

}  // namespace

size_t BlockIndex::memory_bytes() const {
  size_t bytes = sizeof *this;
  if (const auto* rows = std::get_if<SortedRows>(&values)) bytes += rows->memory_bytes();
  if (const auto* terms = std::get_if<SortedTerms>(&values)) bytes += terms->memory_bytes();
  if (const auto* numbers = std::get_if<MemberNumbers>(&values))
    bytes += numbers->order.memory_bytes() + numbers->bits.capacity() * sizeof(uint64_t);
  return bytes;
}

std::shared_ptr<const BlockIndex> make_block_index(const Arrays& arrays, const Source& source, uint32_t block,
                                                   const BlockBits& rows) {
  const ValueKind kind = source.kind;
  const uint32_t first_row = block * kRowsPerBlock;
  auto index = std::make_shared<BlockIndex>();
  index->covered = rows;
  if (kind == ValueKind::kJsonInt64 || kind == ValueKind::kJsonFloat64) {
    if (auto numbers = make_numbers(arrays, source, first_row, rows)) index->values = *std::move(numbers);
    return index;
  }
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
