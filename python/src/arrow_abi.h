#pragma once

// The three C structs by which libraries hand over columns without copying or linking each other: the Arrow C data interface. Layout and field
// order are that standard's (Apache Arrow, "The Arrow C data interface"); whoever fills a struct sets `release`, whoever ends up with it calls it.

#include <cstdint>

#ifndef ARROW_C_DATA_INTERFACE  // the standard's own guard, so that two libraries may declare the structs in one unit
#define ARROW_C_DATA_INTERFACE

extern "C" {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  int64_t flags;
  int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  int64_t length;
  int64_t null_count;  // -1 = not counted
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

}  // extern "C"

#endif  // ARROW_C_DATA_INTERFACE

inline constexpr int64_t kArrowFlagNullable = 2;
