#include "engine/graph/code_store.h"

#include <algorithm>
#include <vector>

namespace omendb::graph {

quantize::CodecOptions codec_options(const GraphOptions& options) {
  return {.storage = options.storage,
          .metric = options.metric,
          .rabitq_bits = options.rabitq_bits,
          .pq_bits = options.pq_bits,
          .seed = options.seed};
}

CodeStore::CodeStore(std::shared_ptr<const quantize::Codec> codec, uint64_t trained_rows)
    : codec_(std::move(codec)),
      code_bytes_(codec_->code_bytes()),
      trained_rows_(trained_rows),
      codes_(kRowsPerChunk * code_bytes_ / Graph::kBlockBytes),
      saved_codec_(1) {
  const std::vector<std::byte> saved = codec_->save();
  saved_codec_.grow(saved.size());
  for (size_t at = 0; at < saved.size(); at += Graph::kBlockBytes) {
    std::copy_n(saved.begin() + static_cast<ptrdiff_t>(at), std::min(Graph::kBlockBytes, saved.size() - at),
                saved_codec_.at(at));
  }
}

std::shared_ptr<CodeStore> CodeStore::learn(const GraphOptions& options, const quantize::Sample& sample,
                                            uint64_t linked_rows) {
  auto codes = std::make_shared<CodeStore>(quantize::train(codec_options(options), sample),
                                           std::max<uint64_t>(linked_rows, sample.count));
  std::vector<std::byte> code(codes->code_bytes_);
  size_t poor_rows = 0;
  for (size_t r = 0; r < sample.count; ++r) {
    poor_rows += codes->codec_->encode(sample.rows + r * sample.dims, code.data()) ? 0U : 1U;
  }
  codes->poor_share_expected_ = static_cast<double>(poor_rows) / static_cast<double>(sample.count);
  return codes;
}

void CodeStore::cover(uint32_t row_count) {
  const uint64_t size_bytes = uint64_t{row_count} * code_bytes_;
  if (size_bytes <= codes_.size_bytes()) return;
  const std::lock_guard lock(growing_);
  codes_.grow(size_bytes);
}

void CodeStore::encode(uint32_t row, const float* vector) {
  const bool placed = codec_->encode(vector, at(row));
  codes_.mark(uint64_t{row} * code_bytes_, code_bytes_);
  encoded_rows_.fetch_add(1, std::memory_order_relaxed);
  if (!placed) poor_rows_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace omendb::graph
