// Figures of the index through the public door, each beside its bar: memory a row, turnover, deletes, searches beside a writer, threads, growth.
//
//   index_bench [--only memory,turnover,delete,mixed,threads,growth] [--rows N] [--base FILE --queries FILE] [--settings LIST] [--dir DIR]
//
// Every measurement runs in a process of its own: this program starts itself with `--one MODE FOLDER ROWS VARIANT BASE QUERIES`.

#include "bench/index_modes.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#define DEFAULT_SETTINGS "f32/8,sq8/5,rabitq1/7,rabitq2/5,binary/9,auto/16"

namespace omendb::bench {
namespace {

constexpr char kHelp[] =
    R"(index_bench measures the index through the public C++ interface and prints each figure beside its bar.

usage: index_bench [options]
  --only LIST       parts to run, by commas (default: all of them)
                      memory    bytes a row of a reopened table, beam and time for recall@10 0.95  1,000,000 rows a setting
                      turnover  ten times all rows replaced, beside a fresh table                    200,000 rows
                      delete    deleting half of the rows, beside inserting                          200,000 rows
                      mixed     searches beside one writer, beside the same searches when it rests   300,000 rows
                      threads   building and batch searches with one thread and with two             200,000 rows
                      growth    speed at recall 0.95 and build rate from N to 4 N rows             1,000,000 rows
  --rows N          so many rows instead, in every part (a tiny run of all parts: --rows 3000)
  --base FILE       rows from an .fvecs file instead of seeded ones of 128 floats; needs --queries
  --queries FILE    queries from an .fvecs file
  --settings LIST   memory: storage, bits of rabitq, / and m, by commas (default: )" DEFAULT_SETTINGS R"()
  --dir DIR         where databases are made and removed (default: the folder for temporary files)
  --help            this text
Progress is told on stderr. bench/README.md says how long each part takes.
)";

struct Part {
  const char* name;
  size_t row_count;
  void (*report)(const Options& options);
};

Figures run(const char* mode, const Options& options, const std::string& variant) {
  const std::string arguments[] = {mode,    options.folder,     std::to_string(options.row_count),
                                   variant, options.files.base, options.files.queries};
  return run_one(arguments);
}

// In a folder of its own that is gone afterwards.
Figures run_in_new_folder(const char* mode, Options options, const std::string& variant) {
  options.folder = make_folder(options.folder, mode);
  Figures figures = run(mode, options, variant);
  std::filesystem::remove_all(options.folder);
  return figures;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

// What is held to the bar: of full vectors the pages of their file too, of codes anonymous memory alone.
std::string memory_bar(const std::string& setting, const Figures& figures) {
  const auto at_most = [&](const char* figure, double bytes) {
    const bool holds = figures.at(figure) <= bytes;
    return std::string(figure) + " <= " + std::to_string(static_cast<int>(bytes)) + (holds ? ": holds" : ": FAILS");
  };
  if (setting.starts_with("f32")) return at_most("resident", 600);
  if (setting.starts_with("sq8")) return at_most("anonymous", 200);
  if (setting.starts_with("rabitq") || setting.starts_with("binary")) return at_most("anonymous", 120);
  return "";
}

void report_memory(const Options& options) {
  std::printf("memory: bytes a row after reopening and 1,000 searches; the narrowest beam with recall@10 >= 0.95\n");
  std::printf("  %-10s %9s %9s %7s %7s %9s %8s %8s  %s\n", "setting", "anonymous", "resident", "ef", "recall", "p50 us",
              "default", "rows/s", "bar; parts as the table states them");
  for (const std::string& setting : split(options.variant)) {
    Options one = options;
    one.folder = make_folder(options.folder, "memory");
    const Figures built = run("build", one, setting);
    const Figures figures = run("reopen", one, setting);
    std::filesystem::remove_all(one.folder);
    std::printf("  %-10s %9.1f %9.1f %7.0f %7.4f %9.1f %8.4f %8.0f  %s%s;", setting.c_str(), figures.at("anonymous"),
                figures.at("resident"), figures.at("ef"), figures.at("recall"), figures.at("p50_us"),
                figures.at("default_recall"), built.at("rows_per_second"), memory_bar(setting, figures).c_str(),
                figures.at("recall") < 0.95 ? ", recall NEVER 0.95" : "");
    for (const auto& [name, bytes] : figures) {
      if (name.starts_with("part.")) std::printf(" %s %.1f", name.c_str() + 5, bytes);
    }
    std::printf("\n");
    std::fflush(stdout);
  }
}

void report_turnover(const Options& options) {
  const Figures figures = run_in_new_folder("turnover", options, "");
  std::printf(
      "turnover: %zu rows, ef 64; bars: recall at most 0.005 below a fresh table, p50 and p99 at most 1.10x, no row "
      "lost\n",
      options.row_count);
  std::printf("  %8s %7s %6s %10s %9s %9s %7s | fresh: %7s %5s %8s %8s %7s %7s\n", "turnover", "recall", "lost",
              "anonymous", "stated", "files", "dead", "recall", "lost", "p50 us", "p99 us", "p50", "p99");
  size_t lost = 0;
  for (size_t turn = 0; figures.contains("turnover" + std::to_string(turn) + ".recall"); ++turn) {
    const auto figure = [&](const std::string& name) {
      return figures.at("turnover" + std::to_string(turn) + "." + name);
    };
    std::printf("  %8zu %7.4f %6.0f %7.1f MB %6.1f MB %6.1f MB %7.0f", turn, figure("recall"), figure("lost"),
                figure("anonymous") / 1e6, figure("memory") / 1e6, figure("files") / 1e6, figure("dead_linked"));
    lost += static_cast<size_t>(figure("lost"));
    if (figures.contains("turnover" + std::to_string(turn) + ".fresh_recall")) {
      std::printf(" |        %7.4f %5.0f %8.1f %8.1f %6.3fx %6.3fx", figure("fresh_recall"), figure("fresh_lost"),
                  figure("fresh_p50_us"), figure("fresh_p99_us"), figure("p50_us") / figure("fresh_p50_us"),
                  figure("p99_us") / figure("fresh_p99_us"));
    }
    std::printf("\n");
  }
  show("recall below a fresh table after ten turnovers",
       figures.at("turnover10.fresh_recall") - figures.at("turnover10.recall"), "", "bar: 0.005");
  show("p50 over a fresh table's", figures.at("turnover10.p50_us") / figures.at("turnover10.fresh_p50_us"), "x",
       "bar: 1.10");
  show("p99 over a fresh table's", figures.at("turnover10.p99_us") / figures.at("turnover10.fresh_p99_us"), "x",
       "bar: 1.10");
  show("rows that did not find themselves, all turnovers", static_cast<double>(lost), "", "bar: 0");
}

void report_delete(const Options& options) {
  const Figures figures = run_in_new_folder("delete", options, "");
  std::printf("delete: half of %zu rows, two index threads\n", options.row_count);
  show("insert until linked", figures.at("insert_rows_per_second"), "rows/s", "");
  show("  until wait_for_index returns (calibration)", figures.at("insert_wait_rows_per_second"), "rows/s", "");
  show("delete, statements alone", figures.at("statements_rows_per_second"), "rows/s", "");
  show("delete until no repair is due", figures.at("rows_per_second"), "rows/s", "");
  show("  until wait_for_index returns (calibration)", figures.at("wait_rows_per_second"), "rows/s", "");
  show("delete over insert", figures.at("rows_per_second") / figures.at("insert_rows_per_second"), "x", "bar: 0.7");
  show("  the same per processor second", figures.at("rows_per_cpu_second") / figures.at("insert_rows_per_cpu_second"),
       "x", "");
}

void show_searches(const Figures& figures, const std::string& of) {
  std::printf(" | %7.0f %7.0f %8.0f %8.0f %8.0f", figures.at(of + "count"), figures.at(of + "p50_us"),
              figures.at(of + "p99_us"), figures.at(of + "max_us"), figures.at(of + "cpu_p99_us"));
}

// Over the idle searches of the same step; of fewer than a hundred searches the 99th percentile is their maximum and says little.
void show_worst(const Figures& figures, const Figures& idle, const char* phase) {
  std::map<std::string, double> worst;
  for (size_t step = 1; figures.contains("step" + std::to_string(step) + ".writing_count"); ++step) {
    const std::string of = "step" + std::to_string(step) + ".";
    if (figures.at(of + phase + "count") < 100) continue;
    for (const char* figure : {"p99_us", "cpu_p99_us"})
      worst[figure] = std::max(worst[figure], figures.at(of + phase + figure) / idle.at(of + "idle_" + figure));
  }
  const std::string what = std::string(phase, std::string_view(phase).find('_'));
  show("while " + what + ": worst step's p99 over idle p99", worst["p99_us"], "x", "bar: 3");
  show("  the same of processor time", worst["cpu_p99_us"], "x", "");
  const std::string all = std::string("all.") + phase;
  show("  searches that waited for a lock or the disk", figures.at(all + "blocked_count"), "", "");
  show("  the longest of them", figures.at(all + "blocked_max_us") / 1e3, "ms", "");
}

// A line a step: count, p50, p99, max and the p99 of processor time, in us.
void show_mixed(const char* title, const Figures& figures, const Figures& idle, size_t step_rows) {
  std::printf("  %s\n", title);
  const char* const heads = "  count     p50      p99      max  cpu p99";
  std::printf("  %8s %8s | %-42s | %-42s | %s\n", "rows", "rows/s", "writing", "linking", "idle");
  std::printf("  %8s %8s | %s | %s | %s\n", "", "", heads, heads, heads);
  for (size_t step = 1; figures.contains("step" + std::to_string(step) + ".writing_count"); ++step) {
    const std::string of = "step" + std::to_string(step) + ".";
    std::printf("  %8zu %8.0f", step * step_rows, figures.at(of + "rows_per_second"));
    show_searches(figures, of + "writing_");
    show_searches(figures, of + "linking_");
    show_searches(idle, of + "idle_");
    std::printf("\n");
  }
  std::printf("  %17s", "all");
  show_searches(figures, "all.writing_");
  show_searches(figures, "all.linking_");
  std::printf("\n");
  double idle_p99 = 0;
  double idle_cpu_p99 = 0;
  for (const auto& [name, value] : idle) {
    if (name.ends_with(".idle_p99_us")) idle_p99 = std::max(idle_p99, value);
    if (name.ends_with(".idle_cpu_p99_us")) idle_cpu_p99 = std::max(idle_cpu_p99, value);
  }
  show("p99 of all searches, writing, over the largest idle p99", figures.at("all.writing_p99_us") / idle_p99, "x",
       "bar: 3");
  show("  the same of processor time", figures.at("all.writing_cpu_p99_us") / idle_cpu_p99, "x", "");
  show_worst(figures, idle, "writing_");
  show_worst(figures, idle, "linking_");
}

void report_mixed(const Options& options) {
  const std::string tail = std::to_string(OpenOptions{}.tail_bytes_max);
  const std::string short_tail = std::to_string(1 << 20);
  const size_t step_rows = options.row_count / 12;
  std::printf(
      "mixed: default searches beside one writer and one index thread, us; idle: the writer stopped, all linked\n");
  const Figures stopping = run_in_new_folder("mixed", options, tail + ":stops");
  show_mixed("default tail, the writer stops after every step until all is linked", stopping, stopping, step_rows);
  const Figures running = run_in_new_folder("mixed", options, tail + ":runs");
  show_mixed("default tail, the writer never stops; idle as above", running, stopping, step_rows);
  const Figures held = run_in_new_folder("mixed", options, short_tail + ":stops");
  show_mixed("tail_bytes_max 1 MiB, the writer stops after every step", held, held, step_rows);
}

void report_threads(const Options& options) {
  std::map<unsigned, std::vector<double>> seconds;
  std::map<unsigned, std::vector<double>> cpu;
  Options kept = options;
  kept.folder = make_folder(options.folder, "threads");
  for (size_t round = 0; round < kRounds; ++round) {
    for (const unsigned threads : {1U, 2U}) {
      std::filesystem::remove_all(kept.folder);
      const Figures figures = run("build_threads", kept, std::to_string(threads));
      seconds[threads].push_back(figures.at("seconds"));
      cpu[threads].push_back(figures.at("cpu_seconds"));
      std::fprintf(stderr, "threads: build %zu of %zu with %u\n", round + 1, kRounds, threads);
    }
  }
  const Figures searched = run("search_threads", kept, "");
  std::filesystem::remove_all(kept.folder);
  std::printf("threads: %zu rows; medians of %zu builds and of %zu batches of 10,000 queries\n", options.row_count,
              kRounds, kRounds);
  for (const unsigned threads : {1U, 2U}) {
    const std::string with = ", index threads: " + std::to_string(threads);
    show("build" + with, static_cast<double>(options.row_count) / median(seconds[threads]), "rows/s", "");
    show("  processor time", median(cpu[threads]), "s", "");
  }
  show("build, speed of two threads over one", median(seconds[1]) / median(seconds[2]), "x", "");
  show("build, processor time of two threads over one", median(cpu[2]) / median(cpu[1]), "x", "bar: 1.10");
  const double one = searched.at("threads1.queries_per_second");
  const double two = searched.at("threads2.queries_per_second");
  show("batch search, one thread", one, "1/s", "");
  show("batch search, two threads", two, "1/s", "");
  show("batch search, speed of two threads over one", two / one, "x", "");
  show("batch search, processor time of two over one",
       searched.at("threads2.cpu_seconds") / searched.at("threads1.cpu_seconds"), "x", "bar: 1.10");
}

void report_growth(const Options& options) {
  const Figures figures = run_in_new_folder("growth", options, "");
  std::printf("growth: sq8, m 16; queries a second on one thread at recall@10 0.95\n");
  std::printf(
      "csv,rows,queries_per_second,ef,recall,rows_per_second,rows_per_cpu_second,anonymous_bytes,resident_bytes\n");
  for (size_t step = 1; step <= 4; ++step) {
    const auto figure = [&](const std::string& name) { return figures.at("step" + std::to_string(step) + "." + name); };
    std::printf("csv,%zu,%.1f,%.0f,%.4f,%.1f,%.1f,%.0f,%.0f\n", step * options.row_count, figure("queries_per_second"),
                figure("ef"), figure("recall"), figure("rows_per_second"), figure("rows_per_cpu_second"),
                figure("anonymous"), figure("resident"));
  }
  const auto falls = [&](const std::string& name) { return figures.at("step1." + name) / figures.at("step4." + name); };
  show("queries a second, first over last", falls("queries_per_second"), "x", "bar: 1.5");
  show("build rate, first over last", falls("rows_per_second"), "x", "bar: 1.4");
  show("  the same per processor second", falls("rows_per_cpu_second"), "x", "");
}

const Part kParts[] = {{"memory", 1'000'000, report_memory}, {"turnover", 200'000, report_turnover},
                       {"delete", 200'000, report_delete},   {"mixed", 300'000, report_mixed},
                       {"threads", 200'000, report_threads}, {"growth", 1'000'000, report_growth}};

const std::map<std::string_view, void (*)(const Options&)> kModes = {{"build", build_setting},
                                                                     {"reopen", reopen_setting},
                                                                     {"turnover", turnover},
                                                                     {"delete", delete_half},
                                                                     {"mixed", mixed},
                                                                     {"build_threads", build_threads},
                                                                     {"search_threads", search_threads},
                                                                     {"growth", growth}};

int one(std::span<char*> arguments) {
  const auto mode = kModes.find(arguments[2]);
  if (mode == kModes.end()) stop("no such mode");
  mode->second({.row_count = std::strtoull(arguments[4], nullptr, 10),
                .files = {arguments[6], arguments[7]},
                .folder = arguments[3],
                .variant = arguments[5]});
  return 0;
}

int run_parts(Options options, const std::vector<std::string>& only) {
  for (const std::string& name : only) {
    if (std::none_of(std::begin(kParts), std::end(kParts), [&](const Part& part) { return name == part.name; }))
      stop("no part '" + name + "'; see --help");
  }
  const size_t rows_wanted = options.row_count;
  options.folder = make_folder(options.folder, "index-bench");
  for (const Part& part : kParts) {
    if (!only.empty() && std::find(only.begin(), only.end(), part.name) == only.end()) continue;
    options.row_count = rows_wanted != 0 ? rows_wanted : part.row_count;
    part.report(options);
    std::fflush(stdout);
  }
  std::filesystem::remove_all(options.folder);
  return 0;
}

int main_of(std::span<char*> arguments) {
  if (arguments.size() == 8 && std::string_view(arguments[1]) == "--one") return one(arguments);
  Options options{.folder = std::filesystem::temp_directory_path().string(), .variant = DEFAULT_SETTINGS};
  std::vector<std::string> only;
  for (size_t at = 1; at < arguments.size(); at += 2) {
    const std::string_view name = arguments[at];
    if (name == "--help") {
      std::fputs(kHelp, stdout);
      return 0;
    }
    if (at + 1 == arguments.size()) stop("'" + std::string(name) + "' needs a value; see --help");
    const std::string value = arguments[at + 1];
    if (name == "--rows")
      options.row_count = std::strtoull(value.c_str(), nullptr, 10);
    else if (name == "--base")
      options.files.base = value;
    else if (name == "--queries")
      options.files.queries = value;
    else if (name == "--settings")
      options.variant = value;
    else if (name == "--only")
      only = split(value);
    else if (name == "--dir")
      options.folder = value;
    else
      stop("no option '" + std::string(name) + "'; see --help");
    if (name == "--rows" && options.row_count < 2000) stop("--rows is 2,000 at least: smaller tables have no graph");
  }
  if (options.files.base.empty() != options.files.queries.empty()) stop("--base and --queries go together");
  for (const std::string& setting : split(options.variant)) (void)parse_setting(setting, 1);
  return run_parts(options, only);
}

}  // namespace
}  // namespace omendb::bench

int main(int argument_count, char** arguments) {
  return omendb::bench::main_of({arguments, static_cast<size_t>(argument_count)});
}
