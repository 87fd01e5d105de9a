#include "bench/measure.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>

namespace omendb::bench {
namespace {

std::string read_all(int descriptor) {
  std::string text;
  char piece[4096];
  for (ssize_t count = read(descriptor, piece, sizeof piece); count > 0;
       count = read(descriptor, piece, sizeof piece)) {
    text.append(piece, static_cast<size_t>(count));
  }
  return text;
}

Figures parse(const std::string& text) {
  Figures figures;
  char name[128];
  double value = 0;
  for (size_t at = 0; at < text.size();) {
    if (std::sscanf(text.c_str() + at, "%127s %lf", name, &value) == 2) figures[name] = value;
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return figures;
}

}  // namespace

void stop(const std::string& what) {
  std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
  std::exit(1);
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double resident_bytes(std::string_view line_name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(line_name)) return std::strtod(line.c_str() + line_name.size() + 1, nullptr) * 1024;
  }
  return 0;
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(share * static_cast<double>(values.size())))];
}

std::string make_folder(const std::string& parent, const std::string& name) {
  std::string folder = parent + "/" + name + "-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) stop("no folder in " + parent);
  return folder;
}

void print(const std::string& name, double value) { std::printf("%s %.9g\n", name.c_str(), value); }

Figures run_one(std::span<const std::string> arguments, Ending expected) {
  static const char kProgram[] = "/proc/self/exe";
  std::vector<char*> words = {program_invocation_short_name, const_cast<char*>("--one")};
  for (const std::string& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  int ends[2];
  if (pipe(ends) != 0) stop("no pipe");
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) stop("no process");
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    execv(kProgram, words.data());
    _exit(127);
  }
  close(ends[1]);
  const std::string text = read_all(ends[0]);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  if (expected == Ending::kKilled ? !killed : status != 0) {
    stop("measurement '" + arguments.front() + "' failed" +
         (WIFSIGNALED(status) ? " by signal " + std::to_string(WTERMSIG(status)) : ""));
  }
  return parse(text);
}

void show(const std::string& what, double value, const char* unit, const std::string& bar) {
  std::printf("  %-52s %14.5g %-9s %s\n", what.c_str(), value, unit, bar.c_str());
  std::fflush(stdout);
}

}  // namespace omendb::bench
