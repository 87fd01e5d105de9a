#include "engine/quantize/codec.h"

#include <omendb/schema.h>

#include "engine/quantize/binary.h"
#include "engine/quantize/half.h"
#include "engine/quantize/pq.h"
#include "engine/quantize/rabitq.h"
#include "engine/quantize/sq8.h"

#include <cassert>

namespace omendb::quantize {

std::string_view to_string(Storage storage) {
  switch (storage) {
    case Storage::kF32: return "f32";
    case Storage::kF16: return "f16";
    case Storage::kBf16: return "bf16";
    case Storage::kSq8: return "sq8";
    case Storage::kPq: return "pq";
    case Storage::kRabitq: return "rabitq";
    case Storage::kBinary: return "binary";
  }
  return "unknown";
}

std::unique_ptr<const Codec> train(const CodecOptions& options, const Sample& sample) {
  assert(sample.count >= 1 && sample.dims >= 1 && sample.dims <= kVectorDimsMax);
  assert(options.metric == simd::Metric::kL2 || options.metric == simd::Metric::kCosine ||
         options.metric == simd::Metric::kInnerProduct);
  assert(options.rabitq_bits >= 1 && options.rabitq_bits <= kRabitqBitsMax);
  assert(options.pq_bits == 4 || options.pq_bits == 8);
  assert(options.pq_bytes >= 1 && options.pq_bytes <= kPqBytesMax);
  switch (options.storage) {
    case Storage::kF32: break;
    case Storage::kF16:
    case Storage::kBf16: return Half::train(options, sample);
    case Storage::kSq8: return Sq8::train(options, sample);
    case Storage::kPq: return Pq::train(options, sample);
    case Storage::kRabitq: return Rabitq::train(options, sample);
    case Storage::kBinary: return Binary::train(options, sample);
  }
  assert(false && "a storage that has no codec");
  return nullptr;
}

Result<std::unique_ptr<const Codec>> load(const CodecOptions& options, size_t dims, std::span<const std::byte> saved) {
  assert(dims >= 1 && dims <= kVectorDimsMax);
  switch (options.storage) {
    case Storage::kF32: break;
    case Storage::kF16:
    case Storage::kBf16: return Half::load(options, dims, saved);
    case Storage::kSq8: return Sq8::load(options, dims, saved);
    case Storage::kPq: return Pq::load(options, dims, saved);
    case Storage::kRabitq: return Rabitq::load(options, dims, saved);
    case Storage::kBinary: return Binary::load(options, dims, saved);
  }
  return Error{ErrorCode::kCorruption, "codec: a storage that has none"};
}

}  // namespace omendb::quantize
