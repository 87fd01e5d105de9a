#pragma once

// What the measuring programs share: clocks, medians, memory of the process, and measurements in processes of their own. Such a process prints lines of `name value`.

#include <omendb/database.h>

#include <chrono>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace omendb::bench {

// Prints the program's name and the line to stderr and ends with status 1.
[[noreturn]] void stop(const std::string& what);

template <typename T>
T unwrap(Result<T> result, const char* what) {
  if (!result.ok()) stop(std::string(what) + ": " + result.error().message);
  return std::move(result).value();
}

inline void unwrap(Result<void> result, const char* what) {
  if (!result.ok()) stop(std::string(what) + ": " + result.error().message);
}

inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
// Processor time of all threads of this process.
double cpu_seconds();
// Bytes of this process in memory, or of them those that no file backs ("VmRSS", "RssAnon").
double resident_bytes(std::string_view line_name);

// The value that `share` of the others lie below; 0 of none.
double percentile(std::vector<double> values, double share);
inline double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

// A fresh empty folder in `parent`, whose name begins with `name`.
std::string make_folder(const std::string& parent, const std::string& name);

using Figures = std::map<std::string, double>;

void print(const std::string& name, double value);  // one figure, for the process that asked
// Runs this program again with `--one` and the arguments, and returns what it printed. Stops if it fails, or unless it is killed where that is expected.
enum class Ending { kSuccess, kKilled };
Figures run_one(std::span<const std::string> arguments, Ending expected = Ending::kSuccess);

// A line of the report.
void show(const std::string& what, double value, const char* unit, const std::string& bar);

}  // namespace omendb::bench
