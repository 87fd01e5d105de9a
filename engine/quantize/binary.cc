#include "engine/quantize/binary.h"

#include "engine/base/try.h"
#include "engine/quantize/packed_numbers.h"

#include <algorithm>
#include <array>

namespace omendb::quantize {

Binary::Binary(RotatedSpace space)
    : space_(std::move(space)),
      bytes_((space_.dims() / 8 + kCodeAlignment - 1) / kCodeAlignment * kCodeAlignment),
      kernels_(simd::code_kernels()) {}

std::unique_ptr<const Codec> Binary::train(const CodecOptions& options, const Sample& sample) {
  return std::make_unique<Binary>(RotatedSpace::learn(options, sample));
}

void Binary::take_signs(const Rotated& placed, std::byte* out) const {
  std::array<uint8_t, kRotatedDimsMax> ones;
  for (size_t d = 0; d < space_.dims(); ++d) ones[d] = placed[d] > 0 ? 1 : 0;
  pack_numbers(ones.data(), space_.dims(), 1, out);
  std::fill(out + space_.dims() / 8, out + bytes_, std::byte{0});
}

bool Binary::encode(const float* vector, std::byte* code) const {
  Rotated placed;
  const bool fits = space_.place_row(vector, placed);
  take_signs(placed, code);
  return fits;
}

bool Binary::prepare(const float* query, std::byte* prepared) const {
  Rotated placed;
  const bool fits = space_.place_query(query, placed);
  take_signs(placed, prepared);
  return fits;
}

void Binary::prepare_code(const std::byte* code, std::byte* prepared) const { std::copy_n(code, bytes_, prepared); }

void Binary::distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const {
  kernels_.hamming(prepared, codes, count, bytes_, out);
}

std::vector<std::byte> Binary::save() const {
  base::ByteWriter out;
  space_.save(out);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Binary::load(const CodecOptions& options, size_t dims,
                                                  std::span<const std::byte> saved) {
  base::ByteReader in(saved, "binary codec");
  TRY(space, RotatedSpace::load(options.metric, dims, in));
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(std::make_unique<Binary>(std::move(space)));
}

}  // namespace omendb::quantize
