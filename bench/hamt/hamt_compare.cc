// Measures one map with one kind and number of keys, in this process alone: its own heap, its own caches. bench/hamt/compare.py runs the matrix.
//
//   hamt_compare --map NAME --keys KIND --size N [--operation OP] [--repeats N] [--repeat-ms N] [--core N]
//   hamt_compare --list        lines "map,NAME,KIND KIND ..." and "built,NAME,VALUE"
//
// Thread CPU time, pinned to a core, a repeat to warm up, the median of --repeats (5). What the lines mean: report.h, operations.h.

#include "bench/hamt/peers.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace omendb::bench {

namespace {

constexpr size_t kFirstAllowed = CPU_SETSIZE;
constexpr int kNoKeys = 3;  // exit status: this machine lacks the keys, or the map does not take them

[[noreturn]] void stop(const std::string& what, int status = 2) {
  std::fprintf(stderr, "hamt_compare: %s\n", what.c_str());
  std::exit(status);
}

Peers all_peers() {
  Peers peers = hamt_peers();
#ifdef HAMT_BENCH_HAS_LIBHAMT_MALLOC
  add_libhamt_malloc_peers(peers);
#endif
#ifdef HAMT_BENCH_HAS_LIBHAMT_POOL
  add_libhamt_pool_peers(peers);
#endif
  const auto add = [&](const Peers& more) { peers.insert(peers.end(), more.begin(), more.end()); };
#ifdef HAMT_BENCH_HAS_IMMER
  add(immer_peers());
#endif
#ifdef HAMT_BENCH_HAS_ABSL
  add(absl_peers());
#endif
#ifdef HAMT_BENCH_HAS_BOOST
  add(boost_peers());
#endif
#ifdef HAMT_BENCH_HAS_GLIB
  add(glib_peers());
#endif
  add(standard_peers());
  return peers;
}

bool takes(const Peer& peer, KeyFamily family) {
  switch (family) {
    case KeyFamily::kNumbers: return peer.numbers != nullptr;
    case KeyFamily::kColliding: return peer.colliding != nullptr;
    case KeyFamily::kTexts: return peer.texts != nullptr;
  }
  return false;
}

void list() {
  for (const Peer& peer : all_peers()) {
    std::printf("map,%s,", peer.name.c_str());
    for (const KeyKind& kind : key_kinds()) {
      if (takes(peer, kind.family)) std::printf("%.*s ", static_cast<int>(kind.name.size()), kind.name.data());
    }
    std::printf("\n");
  }
  std::printf("built,compiler,%s\nbuilt,flags,%s\n%s", __VERSION__, HAMT_BENCH_FLAGS, HAMT_BENCH_VERSIONS);
}

// The caches stay the thread's own. Where pinning is refused the scheduler decides, and the figures scatter more.
void pin(size_t core) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  if (core == kFirstAllowed) {
    for (core = 0; core + 1 < CPU_SETSIZE && !CPU_ISSET(core, &allowed);) ++core;
  }
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  if (sched_setaffinity(0, sizeof one, &one) != 0)
    std::fprintf(stderr, "hamt_compare: can not pin to core %zu\n", core);
}

size_t number(std::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) stop("not a number: " + std::string(text));
  return value;
}

struct Arguments {
  Plan plan;
  size_t core = kFirstAllowed;
};

Arguments parsed(std::span<char*> words) {
  Arguments arguments;
  Plan& plan = arguments.plan;
  for (size_t at = 1; at < words.size(); at += 2) {
    const std::string_view name = words[at];
    if (at + 1 == words.size()) stop(std::string(name) + " needs a value");
    const std::string_view value = words[at + 1];
    if (name == "--map")
      plan.method = value;
    else if (name == "--keys")
      plan.key_kind = value;
    else if (name == "--size")
      plan.size = number(value);
    else if (name == "--operation")
      plan.operation = value;
    else if (name == "--repeats")
      plan.repeat_count = std::max<size_t>(number(value), 1);
    else if (name == "--repeat-ms")
      plan.repeat_ns = number(value) * 1'000'000;
    else if (name == "--core")
      arguments.core = number(value);
    else
      stop("unknown option " + std::string(name));
  }
  if (plan.method.empty() || plan.key_kind.empty() || plan.size == 0)
    stop("--map, --keys and --size are needed; --list names them");
  return arguments;
}

void run(const Peer& peer, const KeyKind& kind, const Plan& plan) {
  Report report(plan);
  switch (kind.family) {
    case KeyFamily::kNumbers: return peer.numbers(number_workload(kind.name, plan.size), report);
    case KeyFamily::kColliding: return peer.colliding(number_workload(kind.name, plan.size), report);
    case KeyFamily::kTexts: return peer.texts(text_workload(kind.name, plan.size), report);
  }
}

int main_of(std::span<char*> words) {
  if (words.size() == 2 && std::string_view(words[1]) == "--list") {
    list();
    return 0;
  }
  const Arguments arguments = parsed(words);
  const Plan& plan = arguments.plan;
  const Peers peers = all_peers();
  const auto peer = std::find_if(peers.begin(), peers.end(), [&](const Peer& one) { return one.name == plan.method; });
  if (peer == peers.end()) stop("no map " + plan.method + " in this build");
  const auto kind = std::find_if(key_kinds().begin(), key_kinds().end(),
                                 [&](const KeyKind& one) { return one.name == plan.key_kind; });
  if (kind == key_kinds().end()) stop("no keys " + plan.key_kind);
  if (!takes(*peer, kind->family)) stop(plan.method + " does not take " + plan.key_kind + " keys", kNoKeys);
  pin(arguments.core);
  try {
    run(*peer, *kind, plan);
  } catch (const KeysMissing& missing) {
    stop(plan.key_kind + " " + std::to_string(plan.size) + " left out: " + missing.what(), kNoKeys);
  }
  return 0;
}

}  // namespace
}  // namespace omendb::bench

int main(int argument_count, char** arguments) {
  return omendb::bench::main_of({arguments, static_cast<size_t>(argument_count)});
}
