#include "engine/filter/scalar_text.h"

#include "engine/column/number_text.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace omendb::filter {
namespace {

using column::is_blank;
using column::is_digit;
using column::lowered;
using column::skip_blanks;
using column::trimmed;

constexpr int64_t kMicrosPerSecond = 1'000'000;
constexpr int64_t kMicrosPerDay = 86'400 * kMicrosPerSecond;
constexpr int64_t kYearMax = 294'246;  // the last whole one in 64 bits of microseconds

// Days since 1970-01-01 of a day of the Gregorian calendar, and back; the years of std::chrono end at 32,767 (Howard Hinnant, "chrono-compatible low-level date algorithms").
int64_t days_of(int64_t year, int64_t month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

struct Date {
  int64_t year;
  int64_t month;
  int64_t day;
};

Date date_of(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month_from_march = (5 * day_of_year + 2) / 153;
  const int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * month_from_march + 2) / 5 + 1};
}

int64_t days_in_month(int64_t year, int64_t month) {
  constexpr std::array<int64_t, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// Reads a time from left to right; fails once and for all.
class TimeReader {
 public:
  explicit TimeReader(std::string_view text) : rest_(text) {}

  std::optional<int64_t> read() {
    const int64_t year = digits(4, 6);
    skip('-');
    const int64_t month = digits(1, 2);
    skip('-');
    const int64_t day = digits(1, 2);
    if (failed_ || year < 1 || year > kYearMax || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month))
      return {};
    int64_t micros = days_of(year, month, day) * kMicrosPerDay;
    if (!rest_.empty() && (rest_.front() == 'T' || rest_.front() == 't' || is_blank(rest_.front()))) {
      rest_.remove_prefix(1);
      rest_ = trimmed(rest_);
      micros += time();
    }
    micros -= zone();
    if (failed_ || !rest_.empty()) return {};
    return micros;
  }

 private:
  int64_t digits(size_t least, size_t most) {
    size_t count = 0;
    int64_t value = 0;
    while (count < rest_.size() && count < most && is_digit(rest_[count])) value = value * 10 + (rest_[count++] - '0');
    failed_ = failed_ || count < least;
    rest_.remove_prefix(count);
    return value;
  }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void skip(char c) { failed_ = !take(c) || failed_; }

  int64_t time() {
    const int64_t hours = digits(1, 2);
    skip(':');
    const int64_t minutes = digits(2, 2);
    const bool has_seconds = take(':');
    const int64_t seconds = has_seconds ? digits(2, 2) : 0;
    const int64_t micros =
        has_seconds && take('.') ? fraction() : 0;  // PostgreSQL reads 12:30.5 as minutes and seconds
    const int64_t whole = (hours * 60 + minutes) * 60 + seconds;
    // 24:00 is the next day's midnight, and a leap second the next minute.
    failed_ = failed_ || minutes > 59 || seconds > 60 || whole * kMicrosPerSecond + micros > kMicrosPerDay;
    return whole * kMicrosPerSecond + micros;
  }
  // Rounded to microseconds, halves to the even one.
  int64_t fraction() {
    std::string digits = "0.";
    for (; !rest_.empty() && is_digit(rest_.front()); rest_.remove_prefix(1)) digits += rest_.front();
    const auto value = float64_of(digits);
    failed_ = failed_ || digits.size() == 2 || !value;
    return failed_ ? 0 : static_cast<int64_t>(std::nearbyint(*value * static_cast<double>(kMicrosPerSecond)));
  }
  int64_t zone() {
    rest_ = skip_blanks(rest_);
    if (take('Z') || take('z') || rest_.empty()) return 0;
    if (lowered(rest_) == "utc") {
      rest_ = {};
      return 0;
    }
    const bool west = take('-');
    if (!west) skip('+');
    const int64_t hours = digits(2, 2);
    const bool colon = take(':');
    const int64_t minutes = colon || !rest_.empty() ? digits(2, 2) : 0;
    failed_ = failed_ || hours > 15 || minutes > 59;
    return (west ? -1 : 1) * (hours * 60 + minutes) * 60 * kMicrosPerSecond;
  }

  std::string_view rest_;
  bool failed_ = false;
};

// One element of a list, and what ends it.
class ListReader {
 public:
  explicit ListReader(std::string_view text) : rest_(trimmed(text)) {}

  std::optional<List> read() {
    if (rest_.size() < 2 || rest_.front() != '{' || rest_.back() != '}') return {};
    rest_ = rest_.substr(1, rest_.size() - 2);
    List list;
    if (trimmed(rest_).empty()) return list;
    for (bool more = true; more;) {
      std::string element;
      bool quoted = false;  // or a part of it escaped
      if (!take(element, quoted)) return {};
      more = !rest_.empty();
      if (more) rest_.remove_prefix(1);  // the comma
      const bool null = !quoted && lowered(element) == "null";
      list.strings.push_back(null ? "" : element);
      list.known.push_back(!null);
    }
    return list;
  }

 private:
  bool take(std::string& element, bool& quoted) {
    rest_ = skip_blanks(rest_);
    const bool in_quotes = !rest_.empty() && rest_.front() == '"';
    quoted = in_quotes;
    if (in_quotes) rest_.remove_prefix(1);
    bool closed = false;
    size_t kept_bytes = 0;  // of what is not in quotes: up to the last character that is escaped or no blank
    while (!rest_.empty() && !closed) {
      char c = rest_.front();
      bool kept = !is_blank(c);
      if (!in_quotes && c == ',') break;
      if (!in_quotes && (c == '{' || c == '}' || c == '"')) return false;
      rest_.remove_prefix(1);
      closed = in_quotes && c == '"';
      if (c == '\\') {
        if (rest_.empty()) return false;
        quoted = kept = true;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      if (!closed) element += c;
      if (kept) kept_bytes = element.size();
    }
    if (!in_quotes) {
      element.resize(kept_bytes);
      return !element.empty();
    }
    rest_ = skip_blanks(rest_);
    return closed && (rest_.empty() || rest_.front() == ',');
  }
  std::string_view rest_;
};

}  // namespace

std::optional<bool> bool_of(std::string_view text) {
  const std::string word = lowered(trimmed(text));
  if (word.empty()) return {};
  const auto begins = [&](std::string_view whole, size_t least) {
    return word.size() >= least && whole.substr(0, word.size()) == word;
  };
  if (begins("true", 1) || begins("yes", 1) || word == "on" || word == "1") return true;
  if (begins("false", 1) || begins("no", 1) || begins("off", 2) || word == "0") return false;
  return {};
}

std::optional<int64_t> timestamp_of(std::string_view text) {
  text = trimmed(text);
  if (lowered(text) == "epoch") return 0;
  return TimeReader(text).read();
}

int64_t midnight_before(int64_t microseconds) {
  const int64_t rest = microseconds % kMicrosPerDay;
  return microseconds - (rest < 0 ? rest + kMicrosPerDay : rest);
}

std::optional<List> list_of(std::string_view text) { return ListReader(text).read(); }

std::string text_of(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  if (value == 0) return std::signbit(value) ? "-0" : "0";
  // The shortest digits that give the number back; with an exponent from 1e15 on and below 1e-4.
  const double size = std::fabs(value);
  std::array<char, 64> buffer;
  const bool scientific = size >= 1e15 || size < 1e-4;
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                          scientific ? std::chars_format::scientific : std::chars_format::fixed);
  return {buffer.data(), end};
}

std::string text_of_timestamp(int64_t microseconds) {
  int64_t days = microseconds / kMicrosPerDay;
  int64_t rest = microseconds % kMicrosPerDay;
  if (rest < 0) {
    rest += kMicrosPerDay;
    --days;
  }
  const Date date = date_of(days);
  const int64_t seconds = rest / kMicrosPerSecond;
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", date.year, date.month, date.day, seconds / 3600,
                                 seconds / 60 % 60, seconds % 60);
  if (int64_t micros = rest % kMicrosPerSecond; micros != 0) {
    std::string fraction = fmt::format(".{:06}", micros);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text;
}

}  // namespace omendb::filter
