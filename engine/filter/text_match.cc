#include "engine/filter/text_match.h"

#include "engine/filter/like.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace omendb::filter {
namespace {

constexpr size_t kHeadBytes = sizeof(uint64_t);

uint64_t mask_of(size_t size) { return size >= kHeadBytes ? ~uint64_t{0} : (uint64_t{1} << size * 8) - 1; }

uint64_t load(const char* from) {
  uint64_t eight = 0;
  std::memcpy(&eight, from, sizeof eight);
  return eight;
}

// The first eight bytes, zeros behind a shorter text.
uint64_t head_of(std::string_view text) {
  if (text.size() >= kHeadBytes) return load(text.data());
  uint64_t head = 0;
  for (size_t i = 0; i < text.size(); ++i) head |= uint64_t{static_cast<uint8_t>(text[i])} << i * 8;
  return head;
}

// Many texts begin alike, or end so: both count.
uint64_t hash_of(std::string_view text, uint64_t head) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15U;
  const uint64_t tail = text.size() > kHeadBytes ? load(text.data() + text.size() - kHeadBytes) : 0;
  const uint64_t mixed = (head ^ std::rotl(tail * kOdd, 31) ^ text.size()) * kOdd;
  return mixed ^ mixed >> 32;
}

// The highest bits are the best mixed.
size_t slot_of(uint64_t head, uint64_t size, uint64_t odd, size_t slot_count) {
  return static_cast<size_t>((head ^ std::rotl(size, 56)) * odd >> 32) & (slot_count - 1);
}

// The literal text of a pattern without `_` and with % at its ends at most; whether there is such a one.
bool literal_of(std::string_view pattern, bool& before, bool& after, std::string& literal) {
  while (pattern.starts_with('%')) {
    before = true;
    pattern.remove_prefix(1);
  }
  for (size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '_') return false;
    if (pattern[at] == '%') {
      after = true;
      return pattern.find_first_not_of('%', at) == std::string_view::npos;
    }
    if (pattern[at] == '\\' && ++at == pattern.size()) return false;
    literal += pattern[at];
  }
  return true;
}

}  // namespace

TextMatch TextMatch::equal_to(std::string text) {
  TextMatch match;
  match.head_ = head_of(text);
  match.head_mask_ = mask_of(text.size());
  match.size_max_ = text.size();
  match.text_ = std::move(text);
  return match;
}

TextMatch TextMatch::like(std::string pattern, bool fold_case) {
  bool before = false;
  bool after = false;
  std::string literal;
  if (!fold_case && literal_of(pattern, before, after, literal)) {
    TextMatch match = equal_to(std::move(literal));
    match.how_ = before ? (after ? How::kContains : How::kSuffix) : after ? How::kPrefix : How::kEqual;
    if (match.text_.empty() && before) match.how_ = How::kContains;
    return match;
  }
  TextMatch match;
  match.how_ = How::kLike;
  match.fold_case_ = fold_case;
  match.text_ = std::move(pattern);
  return match;
}

TextMatch TextMatch::among(std::vector<std::string> texts) {
  if (texts.size() == 1) return equal_to(std::move(texts.front()));
  TextMatch match;
  match.how_ = How::kAmong;
  match.texts_ = std::move(texts);
  for (const std::string& text : match.texts_) match.size_max_ = std::max(match.size_max_, text.size());
  match.place_slots();
  return match;
}

void TextMatch::place_slots() {
  constexpr size_t kApartMax = 64;  // texts; of more, two soon share a slot whatever the factor
  constexpr int kTries = 64;
  const size_t count = texts_.size();
  if (count != 0 && count <= kApartMax) {
    slots_.resize(std::bit_ceil(std::max<size_t>(16, count * count / 2)));
    uint64_t odd = 0x9e3779b97f4a7c15U;
    for (int i = 0; i < kTries; ++i, odd = odd * 6364136223846793005U + 2) {
      if (place_apart(odd | 1)) return;
    }
  }
  slots_.assign(std::bit_ceil(count * 2 + 1), Slot());
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t head = head_of(texts_[i]);
    size_t slot = hash_of(texts_[i], head) & (slots_.size() - 1);
    while (slots_[slot].number != 0) slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = {head, static_cast<uint32_t>(texts_[i].size()), i + 1};
  }
}

bool TextMatch::place_apart(uint64_t odd) {
  std::ranges::fill(slots_, Slot());
  for (uint32_t i = 0; i < texts_.size(); ++i) {
    const uint64_t head = head_of(texts_[i]);
    Slot& slot = slots_[slot_of(head, texts_[i].size(), odd, slots_.size())];
    if (slot.number != 0) return false;
    slot = {head, static_cast<uint32_t>(texts_[i].size()), i + 1};
  }
  apart_odd_ = odd;
  return true;
}

std::string_view TextMatch::prefix() const {
  if (how_ == How::kPrefix) return text_;
  if (how_ != How::kLike || fold_case_) return {};
  return std::string_view(text_).substr(0, text_.find_first_of("%_\\"));
}

unsigned TextMatch::cost() const {
  switch (how_) {
    case How::kEqual:
    case How::kPrefix: return 2;
    case How::kSuffix:
    case How::kAmong: return 4;
    case How::kContains: return 12;
    case How::kLike: break;
  }
  return 30;
}

bool TextMatch::has(std::string_view text, uint64_t head) const {
  if (apart_odd_ != 0) {
    const Slot& slot = slots_[slot_of(head, text.size(), apart_odd_, slots_.size())];
    return slot.number != 0 && texts_[slot.number - 1] == text;
  }
  const size_t last = slots_.size() - 1;
  for (size_t at = hash_of(text, head) & last; slots_[at].number != 0; at = (at + 1) & last) {
    const Slot& slot = slots_[at];
    if (slot.head == head && slot.size == text.size() && (text.size() <= kHeadBytes || texts_[slot.number - 1] == text))
      return true;
  }
  return false;
}

bool TextMatch::passes(std::string_view text) const {
  switch (how_) {
    case How::kEqual: return text == text_;
    case How::kPrefix: return text.starts_with(text_);
    case How::kSuffix: return text.ends_with(text_);
    case How::kContains: return text.find(text_) != std::string_view::npos;
    case How::kAmong: return has(text, head_of(text));
    case How::kLike: break;
  }
  return filter::like(text, text_, fold_case_);
}

// Of 64 rows, those for which passes(size, first eight bytes) is true, without a branch a row; what lies behind a shorter text is among the eight. They are read as far
// as they lie before `limit`; rows behind that pass.
template <class Passes>
uint64_t TextMatch::candidates(const TextBlock& texts, size_t first, uint64_t limit, const Passes& passes) {
  const uint64_t last_load = limit - kHeadBytes;
  uint64_t found = 0;
  uint64_t begin = texts.begin_of(first);
  for (size_t i = 0; i < 64; ++i) {
    const uint64_t end = texts.end_of(first + i);
    const bool near_end = begin > last_load;
    const uint64_t head = load(texts.chars() + (near_end ? 0 : begin));
    found |= uint64_t{static_cast<unsigned>(passes(end - begin, head)) | static_cast<unsigned>(near_end)} << i;
    begin = end;
  }
  return found;
}

uint64_t TextMatch::candidates(const TextBlock& texts, size_t first, uint64_t limit) const {
  const auto headed = [&](uint64_t head) { return static_cast<unsigned>(((head ^ head_) & head_mask_) == 0); };
  switch (how_) {
    case How::kEqual:
      return candidates(texts, first, limit, [&, wanted = text_.size()](uint64_t size, uint64_t head) {
        return static_cast<unsigned>(size == wanted) & headed(head);
      });
    case How::kPrefix:
      return candidates(texts, first, limit, [&, wanted = text_.size()](uint64_t size, uint64_t head) {
        return static_cast<unsigned>(size >= wanted) & headed(head);
      });
    default: break;
  }
  const Slot* const slots = slots_.data();
  const size_t slot_count = slots_.size();
  return candidates(texts, first, limit, [=, odd = apart_odd_](uint64_t size, uint64_t head) {
    const uint64_t own = head & mask_of(size);
    const Slot& slot = slots[slot_of(own, size, odd, slot_count)];
    return static_cast<unsigned>(slot.head == own) & static_cast<unsigned>(slot.size == size) &
           static_cast<unsigned>(slot.number != 0);
  });
}

Bits TextMatch::passing(const TextBlock& texts, const Bits& rows, size_t row_count) const {
  constexpr int kFewRows = 8;
  const auto one = [&](size_t row) { return passes(texts.at(row)); };
  const bool by_head = how_ == How::kEqual || how_ == How::kPrefix || (how_ == How::kAmong && apart_odd_ != 0);
  if (!by_head || row_count == 0) return select_rows(rows, one);
  const uint64_t limit = texts.end_of(row_count - 1);
  Bits out{};
  for (size_t w = 0; w < kWordsPerBlock; ++w) {
    const bool whole = std::popcount(rows[w]) > kFewRows && w * 64 + 64 <= row_count && limit >= kHeadBytes;
    uint64_t rest = rows[w];
    if (whole) rest &= candidates(texts, w * 64, limit);
    // Where the first bytes are all, candidates pass, unless rows that are asked for lie near the end.
    const bool decided =
        whole && size_max_ <= kHeadBytes &&
        texts.end_of(w * 64 + 63 - static_cast<size_t>(std::countl_zero(rows[w]))) + kHeadBytes <= limit;
    out[w] = decided ? rest : 0;
    if (decided) continue;
    for (; rest != 0; rest &= rest - 1) {
      const auto bit = static_cast<size_t>(std::countr_zero(rest));
      out[w] |= uint64_t{one(w * 64 + bit)} << bit;
    }
  }
  return out;
}

}  // namespace omendb::filter
