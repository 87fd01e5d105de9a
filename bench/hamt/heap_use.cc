#include "bench/hamt/operations.h"

#include <malloc.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace omendb::bench {

HeapUse heap_use() {
  malloc_trim(0);
  const struct mallinfo2 heap = mallinfo2();
  HeapUse use{static_cast<double>(heap.uordblks + heap.hblkhd), 0};
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) use.resident_bytes = std::strtod(line.c_str() + 8, nullptr) * 1024;
  }
  return use;
}

}  // namespace omendb::bench
