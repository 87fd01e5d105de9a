#include "engine/filter/shortcut.h"

#include "engine/column/arrays.h"
#include "engine/column/json_path.h"

#include <bit>
#include <cmath>
#include <optional>
#include <string_view>

namespace omendb::filter {
namespace {

using column::find_string;

struct Block {
  const ColumnSpan& column;
  uint32_t first_row;
  size_t row_count;
  const simd::SelectKernels& kernels = simd::select_kernels();

  template <class T, class Kernel>
  Bits fixed(const Kernel& kernel) const {
    Bits out{};
    for_whole_words<T>(column.values, first_row, row_count, [&](const T* values, size_t word, size_t count) {
      kernel(values, word, count, out.data() + word);
    });
    return out;
  }
  TextBlock texts() const { return {column, first_row}; }
};

Bits run(const IntRange& range, const Block& block, const Bits& rows) {
  return block.fixed<int64_t>([&](const int64_t* values, size_t word, size_t count, uint64_t* out) {
    block.kernels.ints_between(values, rows.data() + word, count, range.low, range.high, out);
  });
}

Bits run(const FloatRange& range, const Block& block, const Bits& rows) {
  return block.fixed<double>([&](const double* values, size_t word, size_t count, uint64_t* out) {
    block.kernels.floats_between(values, rows.data() + word, count, range.low, range.high, range.nan, out);
  });
}

// passes(value) for whole words without a branch a row, for others row by row.
template <class T, class Passes>
Bits run_each(const Block& block, const Bits& rows, const Passes& passes) {
  constexpr int kFewRows = 16;
  return block.fixed<T>([&](const T* values, size_t word, size_t count, uint64_t* out) {
    for (size_t w = 0; w < count; ++w) {
      const uint64_t asked = rows[word + w];
      uint64_t found = 0;
      if (std::popcount(asked) > kFewRows) {
        for (size_t i = 0; i < 64; ++i) found |= uint64_t{passes(values[w * 64 + i])} << i;
      } else {
        for (uint64_t rest = asked; rest != 0; rest &= rest - 1) {
          const auto bit = static_cast<size_t>(std::countr_zero(rest));
          found |= uint64_t{passes(values[w * 64 + bit])} << bit;
        }
      }
      out[w] = found & asked;
    }
  });
}

Bits run(const NumberSet& set, const Block& block, const Bits& rows) {
  if (!set.few()) return run_each<int64_t>(block, rows, [&set](int64_t value) { return set.has(value); });
  return block.fixed<int64_t>([&](const int64_t* values, size_t word, size_t count, uint64_t* out) {
    block.kernels.ints_among(values, rows.data() + word, count, set.values().data(), set.values().size(), out);
  });
}

int64_t bits_of(double value) {
  if (value == 0) return 0;
  return std::bit_cast<int64_t>(std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value);
}

Bits run(const FloatSet& set, const Block& block, const Bits& rows) {
  const NumberSet& bits = set.bits;
  if (!bits.few()) return run_each<double>(block, rows, [&bits](double value) { return bits.has(bits_of(value)); });
  return run_each<double>(block, rows, [&bits](double value) {
    bool found = false;
    for (const int64_t wanted : bits.values()) found |= bits_of(value) == wanted;
    return found;
  });
}

Bits run(const TextMatch& match, const Block& block, const Bits& rows) {
  return match.passing(block.texts(), rows, block.row_count);
}

Bits run(const TextBound& bound, const Block& block, const Bits& rows) {
  const TextBlock texts = block.texts();
  return select_rows(rows, [&](size_t row) { return bound.passes(texts.at(row)); });
}

Bits run(const ListElement& element, const Block& block, const Bits& rows) {
  const TextBlock lists = block.texts();
  const std::string_view wanted = element.text;
  return select_rows(rows, [&](size_t row) {
    const std::string_view list = lists.at(row);
    return list.size() >= wanted.size() + 2 * sizeof(uint32_t) &&
           find_string(list, [wanted](std::string_view string) { return string == wanted; });
  });
}

Bits run(const NullTest&, const Block&, const Bits&) { return {}; }

bool has_arrays(const Shortcut& shortcut, const ColumnSpan& column) {
  return shortcut.is_vector || column.values != nullptr || column.ends != nullptr;
}

// The member's text in every row that has one; known are those.
Truth run_members(const Shortcut& shortcut, const Block& block, const Bits& rows) {
  const auto* match = std::get_if<TextMatch>(&shortcut.test);
  const auto* bound = std::get_if<TextBound>(&shortcut.test);
  const column::JsonPath path(shortcut.path);
  const TextBlock values = block.texts();
  Truth out;
  std::string buffer;
  for_each_row(rows, [&](size_t row) {
    const auto text = path.text_in(values.at(row), buffer);
    if (!text) return;
    set(out.known, row);
    if ((match != nullptr && match->passes(*text)) || (bound != nullptr && bound->passes(*text))) set(out.truth, row);
  });
  return out;
}

}  // namespace

Truth evaluate(const Shortcut& shortcut, const ColumnSpan& column, uint32_t first_row, size_t row_count,
               const Bits& rows) {
  const bool is_null_test = std::holds_alternative<NullTest>(shortcut.test);
  Truth out;
  if (has_arrays(shortcut, column)) {
    const Block block{column, first_row, row_count};
    out.known = known_rows(column, first_row, row_count, rows);
    if (!shortcut.path.empty()) {
      out = run_members(shortcut, block, out.known);
    } else if (!is_null_test) {
      out.truth = std::visit([&](const auto& test) { return run(test, block, out.known); }, shortcut.test);
    }
  }
  if (is_null_test) {
    out.truth = without(rows, out.known);
    out.known = rows;
  }
  if (shortcut.null_in_set) out.known = both(out.known, out.truth);
  return out;
}

}  // namespace omendb::filter
