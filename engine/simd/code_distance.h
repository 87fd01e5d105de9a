#pragma once

// Distances between a query and vectors kept as codes, the inner loops of searches over quantized vectors and of bit vectors. As in distance.h the instruction
// set is chosen once, smaller is nearer, nothing allocates, throws or fails, and any number of threads may call. Whatever bytes a code holds, no kernel reads
// outside of the memory that its parameters describe.
//
// Every kernel over a list of codes asks for their memory ahead of itself. Sums of whole numbers are the same on every target, to the last bit.

#include "engine/simd/distance.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace omendb::simd {

// bytes(): codes are taken in pieces of this many dimensions; what is missing to a whole piece is zero on both sides.
inline constexpr size_t kCodeDimsStep = 16;
// Components of a byte kernel's query lie between these, so that no sum over kCodeLengthMax dimensions leaves 32 bits: 8,208 * 511^2 < 2^31.
inline constexpr size_t kCodeLengthMax = 8208;
inline constexpr int16_t kByteQueryMin = -256;
inline constexpr int16_t kByteQueryMax = 511;

// halves() and bfloats(): the same.
inline constexpr size_t kHalfDimsStep = 8;

// packed(): numbers of 1 to 8 bits lie in planes of 8, 4, 2 or 1 bits, the binary digits of their width, highest bits first: 7 bits are a plane of 4, one of 2 and
// one of 1. A plane of w bits keeps each 64 dimensions in 8 w bytes; byte j of these holds dimension f * 8 w + j of the 64 in its bits f * w to f * w + w - 1.
inline constexpr size_t kPackedDimsStep = 64;
inline constexpr size_t kPackedDimsMax = 8256;  // no sum leaves 32 bits: 8,256 * 255 * 127 < 2^31
inline constexpr size_t kPackedBitsMax = 8;
// Queries of codes with more bits than this have a second byte a dimension: the value of a component is kFineStep * coarse + fine. One byte rounds a component by
// about 1/250 of the largest, which codes of up to 4 bits do not notice.
inline constexpr size_t kCoarseBitsMax = 4;
inline constexpr int32_t kFineStep = 128;

struct PackedQuery {
  const int8_t* coarse = nullptr;  // `dims` numbers, aligned to 64 bytes; not -128
  const int8_t* fine = nullptr;    // the same; read only if bits > kCoarseBitsMax
  size_t dims = 0;                 // a multiple of kPackedDimsStep, at most kPackedDimsMax
  size_t bits = 0;                 // 1 to 8
  size_t offset_bytes = 0;         // where the planes begin in a code
};

// lookups(): a byte names one of so many centroids; nibble_lookups(): half a byte one of so many.
inline constexpr size_t kCentroids = 256;
inline constexpr size_t kNibbleCentroids = 16;
// nibble_lookups(): each 16 bytes of a code hold 32 pieces, byte j piece j in its lower four bits and piece 16 + j in its upper ones.
inline constexpr size_t kNibbleBytesStep = 16;
inline constexpr size_t kNibbleBytesMax = 128;  // no sum leaves 16 bits: 256 * 255 < 2^16
inline constexpr size_t kNibblePiecesStep = 32;
struct Nearest {
  uint8_t centroid = 0;
  float square = 0;  // of the distance to it
};
struct Range {
  float low = 0;
  float high = 0;
};

// hadamard() and grid_fit(): at least so many values, a multiple of it.
inline constexpr size_t kTransformStep = 64;
struct GridFit {
  float dot = 0;     // sum of y * value
  float square = 0;  // sum of y^2
};

struct CodeKernels {
  // What compares codes.

  // out[i] = sum over j of (query[j] - codes[i][j])^2, each code being `length` unsigned bytes. `length` is a multiple of kCodeDimsStep; `query` is aligned to 64
  // bytes, codes to 16.
  void (*bytes)(const int16_t* query, const std::byte* const* codes, size_t count, size_t length, float* out);
  // The same for codes of `length` finite IEEE half precision numbers, and for bfloat16 numbers. `length` is a multiple of kHalfDimsStep.
  void (*halves)(const float* query, const std::byte* const* codes, size_t count, size_t length, float* out);
  void (*bfloats)(const float* query, const std::byte* const* codes, size_t count, size_t length, float* out);
  // out[i] = sum over dimensions of query * code, exact.
  void (*packed)(const PackedQuery& query, const std::byte* const* codes, size_t count, int64_t* out);
  // The numbers of one code, a byte each, from its planes on; returns their sum. `dims` is a multiple of kPackedDimsStep, as `numbers` has room for.
  int64_t (*unpack)(const std::byte* planes, size_t dims, size_t bits, uint8_t* numbers);
  // out[i] = sum over j of tables[j * kCentroids + codes[i][j]], each code being `length` bytes.
  void (*lookups)(const uint16_t* tables, const std::byte* const* codes, size_t count, size_t length, uint32_t* out);
  // out[i] = sum over pieces p of tables[p * kNibbleCentroids + number of piece p in codes[i]], each code being `length` bytes, a multiple of kNibbleBytesStep up to
  // kNibbleBytesMax. There is a table for every four bits of a code; of those that hold no piece it is all zeros. `tables` is aligned to 64 bytes, codes to 16.
  void (*nibble_lookups)(const uint8_t* tables, const std::byte* const* codes, size_t count, size_t length,
                         uint32_t* out);
  // out[i] = number of bits in which code and query differ. Any number of bytes, any alignment.
  void (*hamming)(const std::byte* query, const std::byte* const* codes, size_t count, size_t bytes, float* out);
  // out[i] = 1 - (bits set in both) / (bits set in either); two codes without any bit have distance 0.
  void (*jaccard)(const std::byte* query, const std::byte* const* codes, size_t count, size_t bytes, float* out);

  // What makes codes and prepares queries.

  // out[c] = squared distance of the point to each of `count` centroids, kCentroids or kNibbleCentroids. Centroids lie dimension after dimension: component d of c
  // is at d * count + c.
  void (*centroids)(const float* point, const float* centroids, size_t count, size_t dims, float* out);
  // The nearest of them; the lower number wins among equals.
  Nearest (*nearest)(const float* point, const float* centroids, size_t count, size_t dims);
  // The lowest and the highest of `count` values, kCentroids or kNibbleCentroids.
  Range (*range)(const float* values, size_t count);
  // Hadamard transform in place, divided by sqrt(count) so that it keeps lengths. `count` is a power of two. The same bits on every target.
  void (*hadamard)(float* values, size_t count);
  // With y = the whole part of min(value * inverse_step, top), and one half more. Values are at least zero, `count` is a multiple of kTransformStep.
  GridFit (*grid_fit)(const float* values, size_t count, float inverse_step, float top);
};

const CodeKernels& code_kernels(Target target);
inline const CodeKernels& code_kernels() { return code_kernels(best_target()); }

// A target may have better kernels for CPUs with more instructions. For tests and measurements: every set of kernels that this CPU can run, the plain ones first.
struct NamedCodeKernels {
  std::string_view name;
  const CodeKernels* kernels;
};
std::span<const NamedCodeKernels> available_code_kernels();

}  // namespace omendb::simd
