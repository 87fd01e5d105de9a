#include "engine/quantize/codec.h"

#include "engine/quantize/sq8.h"

namespace omendb::quantize {

std::unique_ptr<const Codec> train(Storage storage, simd::Metric metric, const Sample& sample, uint64_t) {
  switch (storage) {
    case Storage::kF32: break;
    case Storage::kSq8: return Sq8::train(metric, sample);
  }
  return nullptr;
}

Result<std::unique_ptr<const Codec>> load(Storage storage, simd::Metric metric, size_t dims,
                                          std::span<const std::byte> saved) {
  switch (storage) {
    case Storage::kF32: break;
    case Storage::kSq8: return Sq8::load(metric, dims, saved);
  }
  return Error{ErrorCode::kCorruption, "codec: a storage that has none"};
}

}  // namespace omendb::quantize
