#include "engine/filter/indexed_shortcut.h"

#include <bit>
#include <cmath>
#include <optional>

namespace omendb::filter {
namespace {

using column::BlockBits;
using column::SortedRows;
using column::SortedTerms;
using How = TextMatch::How;

constexpr size_t kSpansMax = 32;          // of a set of values; a pass over the column is as fast for more
constexpr uint32_t kTextsMatched = 4096;  // of a block; as many different ones are compared with a pattern one by one
constexpr uint32_t kTextsRead =
    column::kRowsPerBlock / 4;  // of a block, in the order of the index; a pass reads more of them as fast

// Sets the bits of the rows that pass; false where the index does not tell. `out` begins without bits.
struct OfRows {
  const SortedRows& rows;
  const ColumnSpan& column;
  BlockBits& out;

  bool operator()(const IntRange& range) const {
    rows.flip(rows.ints(column, range.low, range.high), out);
    return true;
  }
  bool operator()(const FloatRange& range) const {
    rows.flip(rows.floats(column, range.low, range.high), out);
    if (range.nan) rows.flip(rows.nans(column), out);
    return true;
  }
  bool operator()(const NumberSet& set) const {
    if (set.values().size() > kSpansMax) return false;
    return flip_each(set.values(), [&](int64_t value) { return rows.ints(column, value, value); });
  }
  bool operator()(const FloatSet& set) const {
    if (set.bits.values().size() > kSpansMax) return false;
    return flip_each(set.bits.values(), [&](int64_t bits) {
      const auto value = std::bit_cast<double>(bits);
      return std::isnan(value) ? rows.nans(column) : rows.floats(column, value, value);
    });
  }
  // Values beside each other are one span: flipping costs by the ends.
  template <class Values, class SpanOf>
  bool flip_each(const Values& values, const SpanOf& span_of) const {
    SortedRows::Span pending;
    for (const auto& value : values) {
      const SortedRows::Span span = span_of(value);
      if (span.first != pending.end) {
        rows.flip(pending, out);
        pending.first = span.first;
      }
      pending.end = span.end;
    }
    rows.flip(pending, out);
    return true;
  }
  bool operator()(const TextMatch& match) const {
    switch (match.how()) {
      case How::kEqual: rows.flip(rows.equal(column, match.text()), out); return true;
      case How::kPrefix: rows.flip(rows.prefixed(column, match.text()), out); return true;
      case How::kAmong:
        if (match.texts().size() > kSpansMax) return false;
        return flip_each(match.texts(), [&](const std::string& text) { return rows.equal(column, text); });
      case How::kLike: return beginning_alike(match);
      default: return false;
    }
  }
  // Those that begin as the pattern does are compared with it.
  bool beginning_alike(const TextMatch& match) const {
    const SortedRows::Span span = rows.prefixed(column, match.prefix());
    if (span.end - span.first > kTextsRead) return false;
    rows.for_each(span, [&](uint32_t row, uint16_t place) {
      if (match.passes(column::text_at(column, row))) column::set_bit(out, place);
    });
    return true;
  }
  bool operator()(const TextBound& bound) const {
    rows.flip(rows.beside(column, bound.text, bound.below, bound.equal), out);
    return true;
  }
  bool operator()(const ListElement&) const { return false; }
  bool operator()(const NullTest&) const { return true; }
};

struct OfTerms {
  const SortedTerms& terms;
  BlockBits& out;

  bool set(SortedTerms::Span span) const {
    for (uint32_t term = span.first; term < span.end; ++term) terms.set(term, out);
    return true;
  }
  bool operator()(const ListElement& element) const { return set(terms.equal(element.text)); }
  bool operator()(const TextBound& bound) const { return set(terms.beside(bound.text, bound.below, bound.equal)); }
  bool operator()(const NullTest&) const { return true; }
  bool operator()(const TextMatch& match) const {
    switch (match.how()) {
      case How::kEqual: return set(terms.equal(match.text()));
      case How::kPrefix: return set(terms.prefixed(match.text()));
      case How::kAmong:
        for (const std::string& text : match.texts()) set(terms.equal(text));
        return true;
      default: break;
    }
    if (terms.count() > kTextsMatched) return false;
    for (uint32_t term = 0; term < terms.count(); ++term) {
      if (match.passes(terms.text(term))) terms.set(term, out);
    }
    return true;
  }
  template <class Numbers>  // of texts there are none
  bool operator()(const Numbers&) const {
    return false;
  }
};

}  // namespace

std::optional<column::Source> indexed_source(const Shortcut& shortcut) {
  if (!shortcut.values) return {};
  const bool is_member = !shortcut.path.empty();
  if (const auto* match = std::get_if<TextMatch>(&shortcut.test); match != nullptr && !is_member) {
    const bool spans = match->how() == How::kEqual || match->how() == How::kPrefix ||
                       (match->how() == How::kLike && !match->prefix().empty()) ||
                       (match->how() == How::kAmong && match->texts().size() <= kSpansMax);
    if (!spans) return {};
  }
  if (const auto* set = std::get_if<NumberSet>(&shortcut.test); set != nullptr && set->values().size() > kSpansMax)
    return {};
  if (const auto* set = std::get_if<FloatSet>(&shortcut.test); set != nullptr && set->bits.values().size() > kSpansMax)
    return {};
  return column::Source{shortcut.column, *shortcut.values, shortcut.path};
}

bool evaluate(const Shortcut& shortcut, const column::BlockIndex& index, const ColumnSpan& column, BlockTruth& out) {
  out.truth.fill(0);
  if (const auto* rows = std::get_if<SortedRows>(&index.values)) {
    if (!std::visit(OfRows{*rows, column, out.truth}, shortcut.test)) return false;
    out.known = rows->known();
  } else if (const auto* terms = std::get_if<SortedTerms>(&index.values)) {
    if (!std::visit(OfTerms{*terms, out.truth}, shortcut.test)) return false;
    out.known = terms->known();
  } else if (const auto* numbers = std::get_if<column::MemberNumbers>(&index.values)) {
    if (!std::visit(OfRows{numbers->order, numbers->arrays(), out.truth}, shortcut.test)) return false;
    out.known = numbers->order.known();
  } else {
    return false;
  }
  const bool is_null_test = std::holds_alternative<NullTest>(shortcut.test);
  for (size_t w = 0; w < column::kWordsPerBlock; ++w) {
    if (is_null_test) {
      out.truth[w] = ~out.known[w];
      out.known[w] = ~uint64_t{0};
    } else if (shortcut.null_in_set) {
      out.known[w] &= out.truth[w];
    }
  }
  return true;
}

}  // namespace omendb::filter
