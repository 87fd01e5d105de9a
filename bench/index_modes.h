#pragma once

// The measurements of index_bench. Each runs in a process of its own and prints figures (measure.h); the report that shows them beside their bars is in index_bench.cc.

#include "bench/index_rows.h"

#include <string>

namespace omendb::bench {

struct Options {
  size_t row_count = 0;  // 0: as many as the bar is about
  Files files{};
  std::string folder{};
  std::string variant{};  // of a mode: a setting, a number of threads
};

// "f32/8", "sq8/6", "rabitq1/6", "binary/7", "auto/16": storage, bits a dimension of rabitq, m. Stops if it is none.
VectorOptions parse_setting(const std::string& text, size_t dims);

void build_setting(const Options& options);   // memory: the table in `folder`, with the setting `variant`
void reopen_setting(const Options& options);  // memory: what a fresh process holds of it, and how it answers
void turnover(const Options& options);        // ten times every row replaced
void delete_half(const Options& options);     // rows a second in and out
void mixed(const Options& options);  // searches beside a writer; `variant`: bytes of tail, and "stops" or "runs"
void build_threads(const Options& options);   // threads: one build, with `variant` workers
void search_threads(const Options& options);  // threads: batch searches with 1 and 2
void growth(const Options& options);          // one table that grows to four times row_count

}  // namespace omendb::bench
