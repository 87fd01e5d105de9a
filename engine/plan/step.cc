#include "engine/plan/step.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::plan {
namespace {

constexpr size_t kTimeColumn = 90;  // where times stand, if titles leave room

std::string title_line(const Step& step, std::string_view indent) {
  std::string line = fmt::format("{}{}", indent, step.title);
  if (!step.milliseconds) return line;
  const std::string time = fmt::format("{:.3f} ms", *step.milliseconds);
  const size_t gap = line.size() + time.size() + 2 < kTimeColumn ? kTimeColumn - line.size() - time.size() : 2;
  return fmt::format("{}{}{}", line, std::string(gap, ' '), time);
}

void append(const Step& step, std::string_view own_indent, std::string_view rest_indent, std::string& text) {
  text += title_line(step, own_indent) + "\n";
  const std::string_view bar = step.steps.empty() ? "   " : "|  ";
  for (const std::string& note : step.notes) text += fmt::format("{}{}{}\n", rest_indent, bar, note);
  for (size_t i = 0; i < step.steps.size(); ++i) {
    const bool last = i + 1 == step.steps.size();
    append(step.steps[i], fmt::format("{}+- ", rest_indent), fmt::format("{}{}", rest_indent, last ? "   " : "|  "),
           text);
  }
}

}  // namespace

std::string to_text(const Step& root) {
  std::string text;
  append(root, "", "", text);
  return text;
}

std::string with_commas(uint64_t number) {
  std::string digits = std::to_string(number);
  for (size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string share(uint64_t part, uint64_t whole) {
  if (whole == 0) return "none";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return percent != 0 && percent < 0.1 ? fmt::format("{:.2g} %", percent) : fmt::format("{:.1f} %", percent);
}

}  // namespace omendb::plan
