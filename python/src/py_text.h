#pragma once

// What a search looks for in texts and sparse vectors, as Python gives it.

#include <nanobind/nanobind.h>
#include <omendb/query.h>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace omendb::python {

// The pairs to look for, and in which column; "" in the only one.
struct PySparseQuery {
  std::vector<uint32_t> indexes;
  std::vector<float> weights;
  std::string column;
};

// Owns what a SearchQuery borrows. Immutable.
class PyTextSearch {
 public:
  PyTextSearch(std::optional<std::string> text, std::optional<std::string> query,
               std::vector<std::pair<std::string, double>> columns, std::optional<PySparseQuery> sparse, Fusion fusion,
               size_t offset, std::optional<float> min_score, std::string group_by)
      : text_(std::move(text)),
        query_(std::move(query)),
        columns_(std::move(columns)),
        sparse_(std::move(sparse)),
        fusion_(fusion),
        offset_(offset),
        min_score_(min_score),
        group_by_(std::move(group_by)) {
    for (const auto& [name, weight] : columns_) weights_.push_back({name, weight});
  }
  PyTextSearch(const PyTextSearch&) = delete;
  PyTextSearch& operator=(const PyTextSearch&) = delete;

  // Fills in the parts of a query that are about texts, sparse vectors and all hits.
  void add_to(SearchQuery& query) const {
    if (text_) query.text = *text_;
    if (query_) query.text_query = *query_;
    query.text_columns = weights_;
    if (sparse_) query.sparse = {sparse_->indexes, sparse_->weights, sparse_->column};
    query.fusion = fusion_;
    query.offset = offset_;
    query.min_score = min_score_;
    query.group_by = group_by_;
  }

 private:
  std::optional<std::string> text_;
  std::optional<std::string> query_;
  std::vector<std::pair<std::string, double>> columns_;
  std::vector<TextColumnWeight> weights_;
  std::optional<PySparseQuery> sparse_;
  Fusion fusion_;
  size_t offset_;
  std::optional<float> min_score_;
  std::string group_by_;
};

void bind_text(nanobind::module_& module);

}  // namespace omendb::python
