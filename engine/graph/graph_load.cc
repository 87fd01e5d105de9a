// The graph as blocks, out and in. docs/format/graph.md gives every byte.

#include <cassert>
#include <new>
#include <string>
#include <vector>

#include "engine/base/bitmap.h"
#include "engine/base/try.h"
#include "engine/graph/graph_impl.h"

namespace omendb::graph {
namespace {

using Source = std::function<Result<void>(Graph::Stream, uint64_t, std::span<std::byte>)>;
// A codec is a table of numbers per dimension, or of centres: 32 MiB are several times the largest.
constexpr uint64_t kCodecBytesMax = uint64_t{32} << 20;

Error damaged(const std::string& what) { return {ErrorCode::kCorruption, "graph: " + what}; }

std::string row_name(uint32_t row) { return "row " + std::to_string(row); }

// Checks what was read before anybody walks on it: after this no walk can leave the memory, whatever the bytes were.
class LoadedGraph {
 public:
  LoadedGraph(LinkStore& links, const Graph::Shape& shape)
      : links_(links),
        shape_(shape),
        linked_(static_cast<size_t>(shape.row_count)),
        has_parent_(static_cast<size_t>(shape.row_count)) {}

  Result<void> check() {
    TRY_OK(check_states());
    for (uint32_t row = 0; row < shape_.row_count; ++row) {
      if (linked_.test(row)) TRY_OK(check_lists(row));
    }
    return check_entry();
  }
  uint64_t edges() const { return edges_; }
  // Whether a linked row hangs on no other: one that was on its way out when the graph was saved.
  bool has_loose_rows() const {
    for (uint32_t row = 0; row < shape_.row_count; ++row) {
      if (linked_.test(row) && !has_parent_.test(row) && row != shape_.root_row) return true;
    }
    return false;
  }

 private:
  Result<void> check_states() {
    uint64_t linked_rows = 0;
    for (uint32_t row = 0; row < shape_.row_count; ++row) {
      const uint32_t state = *links_.state_word(row);
      if (state == 0) continue;
      if ((state & kLinkedBit) == 0) return damaged(row_name(row) + " is not linked but has a state");
      linked_.set(row);
      ++linked_rows;
      TRY_OK(check_upper_header(row, state & kUpperPositionMask));
    }
    if (linked_rows == shape_.linked_rows) return {};
    return damaged("the root speaks of " + std::to_string(shape_.linked_rows) + " linked rows, the blocks hold " +
                   std::to_string(linked_rows));
  }

  Result<void> check_upper_header(uint32_t row, uint32_t position) {
    if (position == 0) return {};
    const uint64_t offset = uint64_t{position} * kUpperUnitBytes;
    if (offset + sizeof(UpperHeader) > shape_.upper_bytes)
      return damaged(row_name(row) + " has its upper levels past the end of their stream");
    const UpperHeader header = *links_.upper_at(position);
    if (header.row != row)
      return damaged(row_name(row) + " points to the upper levels of row " + std::to_string(header.row));
    if (header.level < 1 || header.level > kLevelMax)
      return damaged(row_name(row) + " is on level " + std::to_string(header.level));
    const uint64_t size_bytes = links_.upper_entry_bytes(header.level);
    if (offset + size_bytes > shape_.upper_bytes ||
        offset % LinkStore::kUpperChunkBytes + size_bytes > LinkStore::kUpperChunkBytes) {
      return damaged("the upper levels of " + row_name(row) + " end past their stream or chunk");
    }
    return {};
  }

  Result<void> check_lists(uint32_t row) {
    const uint32_t top = links_.level(row);
    for (uint32_t level = 0; level <= top; ++level) {
      for (const uint32_t word : links_.list(row, level)) {
        const uint32_t neighbor = word & kRowMask;
        if (neighbor == kNoLink) continue;
        ++edges_;
        if (neighbor >= shape_.row_count || !linked_.test(neighbor)) {
          return damaged(row_name(row) + " has a link to row " + std::to_string(neighbor) + ", which is not linked");
        }
        if (level > 0 && links_.level(neighbor) < level) {
          return damaged(row_name(row) + " has a link on level " + std::to_string(level) + " to row " +
                         std::to_string(neighbor) + ", which is not there");
        }
        if (level == 0 && (word & kProtectedBit) != 0) has_parent_.set(neighbor);
      }
    }
    return {};
  }

  Result<void> check_entry() {
    const bool empty = shape_.linked_rows == 0;
    if (empty != (shape_.entry_row == UINT32_MAX))
      return damaged("an entry point without rows, or rows without an entry point");
    if (empty) return {};
    if (shape_.root_row >= shape_.row_count || !linked_.test(shape_.root_row))
      return damaged("the root is not a linked row");
    if (shape_.entry_row >= shape_.row_count || !linked_.test(shape_.entry_row))
      return damaged("the entry point is not a linked row");
    if (links_.level(shape_.entry_row) != shape_.entry_level)
      return damaged("the entry point is not on the level that the root says");
    return {};
  }

  LinkStore& links_;
  const Graph::Shape& shape_;
  base::Bitmap linked_;
  base::Bitmap has_parent_;
  uint64_t edges_ = 0;
};

// Every length by which memory is taken comes from here.
Result<void> check_shape(const LinkStore& links, const Graph::Shape& shape) {
  if (shape.row_count > kRowsMax) return damaged("the root speaks of " + std::to_string(shape.row_count) + " rows");
  if (shape.rows_bytes != links.rows_bytes_for(shape.row_count))
    return damaged("the rows' stream is " + std::to_string(shape.rows_bytes) + " bytes long");
  const uint64_t upper_bytes_max = uint64_t{kUpperPositionMask} * kUpperUnitBytes;
  // Even if every row were on the highest level, with the gap at the end of each chunk.
  const uint64_t entry_bytes_max = links.upper_entry_bytes(kLevelMax);
  const uint64_t plausible_bytes = (shape.row_count + 1) * entry_bytes_max * 2 + LinkStore::kUpperChunkBytes;
  if (shape.upper_bytes > upper_bytes_max || shape.upper_bytes > plausible_bytes ||
      shape.upper_bytes % kUpperUnitBytes != 0) {
    return damaged("the upper levels' stream is " + std::to_string(shape.upper_bytes) + " bytes long");
  }
  return {};
}

Result<void> read_blocks(BlockStream& blocks, Graph::Stream stream, const Source& source) {
  for (uint64_t block = 0; block < blocks.block_count(); ++block) {
    TRY_OK(source(stream, block, blocks.block(block)));
    blocks.set_block_changed(block, false);
  }
  return {};
}

// Null for a graph that was never trained.
Result<std::shared_ptr<CodeStore>> read_codes(const GraphOptions& options, size_t dims, const Graph::Shape& shape,
                                              const Source& source) {
  if (shape.codec_bytes == 0) {
    if (shape.codes_bytes != 0) return damaged("codes without a codec");
    return std::shared_ptr<CodeStore>();
  }
  if (options.storage == quantize::Storage::kF32) return damaged("a codec where full vectors are compared");
  if (shape.codec_bytes > kCodecBytesMax)
    return damaged("the codec is " + std::to_string(shape.codec_bytes) + " bytes long");
  std::vector<std::byte> saved(static_cast<size_t>(shape.codec_bytes));
  for (uint64_t at = 0; at < saved.size(); at += Graph::kBlockBytes) {
    const std::span<std::byte> rest = std::span(saved).subspan(at);
    TRY_OK(
        source(Graph::Stream::kCodec, at / Graph::kBlockBytes, rest.first(std::min(rest.size(), Graph::kBlockBytes))));
  }
  TRY(codec, quantize::load(codec_options(options), dims, saved));
  if (shape.codes_bytes != shape.row_count * codec->code_bytes())
    return damaged("the codes are " + std::to_string(shape.codes_bytes) + " bytes long");
  auto codes = std::make_shared<CodeStore>(std::move(codec), shape.trained_rows);
  codes->cover(static_cast<uint32_t>(shape.row_count));
  TRY_OK(read_blocks(codes->codes_stream(), Graph::Stream::kCodes, source));
  for (uint64_t block = 0; block < codes->codec_stream().block_count(); ++block) {
    codes->codec_stream().set_block_changed(block, false);
  }
  return codes;
}

}  // namespace

BlockStream* Graph::Impl::stream(Graph::Stream which) {
  switch (which) {
    case Graph::Stream::kRows: return &links.rows_stream();
    case Graph::Stream::kUpperLevels: return &links.upper_stream();
    case Graph::Stream::kCodes: return codes_ == nullptr ? nullptr : &codes_->codes_stream();
    case Graph::Stream::kCodec: return codes_ == nullptr ? nullptr : &codes_->codec_stream();
  }
  return nullptr;
}

Result<void> Graph::copy_changed_blocks(
    const std::function<Result<void>(Stream, uint64_t, std::span<const std::byte>)>& sink) {
  try {
    if (const auto codes = impl_->codes(); codes != nullptr) codes->cover(impl_->links.row_count());
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "graph: no memory for the codes of the last rows"};
  }
  for (const Stream which : kStreams) {
    const BlockStream* blocks = impl_->stream(which);
    for (uint64_t block = 0; blocks != nullptr && block < blocks->block_count(); ++block) {
      if (blocks->block_changed(block)) TRY_OK(sink(which, block, blocks->block(block)));
    }
  }
  for (const Stream which : kStreams) {
    BlockStream* blocks = impl_->stream(which);
    for (uint64_t block = 0; blocks != nullptr && block < blocks->block_count(); ++block) {
      blocks->set_block_changed(block, false);
    }
  }
  return {};
}

void Graph::mark_block_changed(Stream stream, uint64_t block_number) {
  BlockStream* blocks = impl_->stream(stream);
  if (blocks != nullptr && block_number < blocks->block_count()) blocks->set_block_changed(block_number, true);
}

uint64_t Graph::stream_bytes(const Shape& shape, Stream stream) {
  switch (stream) {
    case Stream::kRows: return shape.rows_bytes;
    case Stream::kUpperLevels: return shape.upper_bytes;
    case Stream::kCodes: return shape.codes_bytes;
    case Stream::kCodec: return shape.codec_bytes;
  }
  return 0;
}

Graph::Shape Graph::shape() const {
  const EntryPoint entry = impl_->entry();
  const auto codes = impl_->codes();
  return {.row_count = impl_->links.row_count(),
          .rows_bytes = impl_->links.rows_stream().size_bytes(),
          .upper_bytes = impl_->links.upper_stream().size_bytes(),
          .codes_bytes = codes == nullptr ? 0 : codes->codes_stream().size_bytes(),
          .codec_bytes = codes == nullptr ? 0 : codes->codec_stream().size_bytes(),
          .trained_rows = codes == nullptr ? 0 : codes->trained_rows(),
          .entry_row = entry.row == kNoLink ? UINT32_MAX : entry.row,
          .entry_level = entry.level,
          .root_row = impl_->root() == kNoLink ? UINT32_MAX : impl_->root(),
          .linked_rows = impl_->linked_rows.load(std::memory_order_acquire)};
}

Result<void> Graph::load(const Shape& shape, size_t dims,
                         const std::function<Result<void>(Stream, uint64_t, std::span<std::byte>)>& source) {
  LinkStore& links = impl_->links;
  assert(links.row_count() == 0 && "load fills an empty graph");
  TRY_OK(check_shape(links, shape));
  const auto read_and_check = [&]() -> Result<void> {
    try {
      links.allocate(static_cast<uint32_t>(shape.row_count), shape.upper_bytes);
      TRY_OK(read_blocks(links.rows_stream(), Stream::kRows, source));
      TRY_OK(read_blocks(links.upper_stream(), Stream::kUpperLevels, source));
      TRY(codes, read_codes(impl_->options, dims, shape, source));
      LoadedGraph loaded(links, shape);
      TRY_OK(loaded.check());
      impl_->edges.store(loaded.edges(), std::memory_order_relaxed);
      impl_->erase_cut_off.store(loaded.has_loose_rows(), std::memory_order_release);
      impl_->set_codes(std::move(codes));
    } catch (const std::bad_alloc&) {
      return Error{ErrorCode::kOutOfMemory, "graph: no memory for " + std::to_string(shape.row_count) + " rows"};
    }
    return {};
  };
  const Result<void> result = read_and_check();
  if (!result.ok()) {
    links.clear();
    impl_->set_codes(nullptr);
    return result.error();
  }
  impl_->linked_rows.store(shape.linked_rows, std::memory_order_relaxed);
  impl_->set_root(shape.root_row == UINT32_MAX ? kNoLink : shape.root_row);
  impl_->set_entry({shape.entry_row == UINT32_MAX ? kNoLink : shape.entry_row, shape.entry_level});
  return {};
}

}  // namespace omendb::graph
