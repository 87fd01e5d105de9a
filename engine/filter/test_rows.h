#pragma once

// For tests: rows in arrays as tables keep them, and which of them a condition is true for.

#include "engine/filter/filter.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::filter {

template <class T>
using Column = std::vector<std::optional<T>>;
using Strings = std::vector<std::string>;

// Rows in arrays as tables keep them.
class Rows {
 public:
  void add(const std::string& name, const Column<int64_t>& values, Type type = Type::kInt64) {
    add_fixed(name, type, values);
  }
  void add(const std::string& name, const Column<double>& values) { add_fixed(name, Type::kFloat64, values); }
  void add(const std::string& name, const Column<bool>& values) { add_fixed(name, Type::kBool, values); }
  void add(const std::string& name, const Column<std::string>& values, Type type = Type::kString) {
    Arrays& arrays = begin(name, type, values.size());
    for (const auto& value : values) append(arrays, value.has_value(), value.value_or(""));
  }
  void add(const std::string& name, const Column<Strings>& values) {
    Arrays& arrays = begin(name, Type::kStringList, values.size());
    for (const auto& value : values) {
      std::string bytes;
      const auto put = [&bytes](size_t number) {
        const auto word = static_cast<uint32_t>(number);
        bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
      };
      if (value) put(value->size());
      for (const std::string& string : value.value_or(Strings())) {
        put(string.size());
        bytes += string;
      }
      append(arrays, value.has_value(), bytes);
    }
  }

  const Schema& schema() const { return schema_; }
  size_t count() const { return count_; }
  std::vector<ColumnSpan> spans() const {
    std::vector<ColumnSpan> spans;
    for (const Arrays& arrays : arrays_)
      spans.push_back({arrays.values.data(), arrays.ends.data(), arrays.chars.data(), arrays.validity.data()});
    return spans;
  }

  Result<std::vector<bool>> passing(const Where& where) const {
    auto filter = Filter::make(schema_, where);
    if (!filter.ok()) return std::move(filter).error();
    std::vector<uint64_t> words((count_ + 63) / 64);
    for (size_t row = 0; row < count_; ++row) words[row / 64] |= uint64_t{1} << row % 64;
    if (auto evaluated = (*filter)->evaluate(spans(), 0, words); !evaluated.ok()) return std::move(evaluated).error();
    std::vector<bool> passes(count_);
    for (size_t row = 0; row < count_; ++row) passes[row] = (words[row / 64] >> row % 64 & 1) != 0;
    return passes;
  }
  // Numbers of the rows that pass, "0 3 5", or the message.
  std::string answer(const Where& where) const {
    const auto passes = passing(where);
    if (!passes.ok()) return passes.error().message;
    std::string rows;
    for (size_t row = 0; row < count_; ++row) {
      if ((*passes)[row]) rows += (rows.empty() ? "" : " ") + std::to_string(row);
    }
    return rows;
  }
  std::string answer(std::string_view text, const ValueList& values = {}) const {
    return answer(Where{.text = text, .values = values});
  }

 private:
  struct Arrays {
    std::vector<std::byte> values, ends, chars, validity;
  };

  Arrays& begin(const std::string& name, Type type, size_t count) {
    count_ = count;
    schema_.columns.push_back({.name = name, .type = type});
    return arrays_.emplace_back();
  }
  template <class T>
  void add_fixed(const std::string& name, Type type, const Column<T>& values) {
    Arrays& arrays = begin(name, type, values.size());
    for (const auto& value : values) {
      const T stored = value.value_or(T{});
      const auto* bytes = reinterpret_cast<const std::byte*>(&stored);
      arrays.values.insert(arrays.values.end(), bytes, bytes + sizeof(T));
      arrays.validity.push_back(value ? std::byte{1} : std::byte{0});
    }
  }
  static void append(Arrays& arrays, bool known, const std::string& bytes) {
    const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
    arrays.chars.insert(arrays.chars.end(), first, first + bytes.size());
    const uint64_t end = arrays.chars.size();
    const auto* end_bytes = reinterpret_cast<const std::byte*>(&end);
    arrays.ends.insert(arrays.ends.end(), end_bytes, end_bytes + sizeof end);
    arrays.validity.push_back(known ? std::byte{1} : std::byte{0});
  }

  Schema schema_;
  std::vector<Arrays> arrays_;
  size_t count_ = 0;
};

}  // namespace omendb::filter
