#include "engine/quantize/pq.h"

#include "engine/base/random.h"
#include "engine/base/try.h"
#include "engine/quantize/k_means.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace omendb::quantize {
namespace {

using simd::kCentroids;
using simd::kNibbleCentroids;

constexpr size_t kNibbleBits = 4;
constexpr size_t kPiecesMax = 2 * kPqBytesMax;
static_assert(kPqBytesMax <= simd::kNibbleBytesMax);

// Rows that centroids are made of: 40 for each of 256 are enough, and 64 MiB of them.
constexpr size_t kRowsMax = 40 * kCentroids;
constexpr size_t kValuesMax = size_t{1} << 24;
// A row whose code lies more than twice as far from it as any of the sample's is foreign to the sample.
constexpr float kSquareFactor = 4;

constexpr size_t kHeaderBytes = 64;
struct QueryHeader {
  float base;  // the sum of each table's lowest entry
  float step;  // what 1 in a table means
};

// In place of a saved codec's pieces, of which one of 8 bits has at least one: it is of 4 bits, and says them next.
constexpr uint8_t kSavedNibbles = 0;

size_t pieces_for(const CodecOptions& options, size_t dims) {
  return std::min<size_t>(options.pq_bytes * 8 / options.pq_bits, dims);
}

// Where a code has a piece's four bits.
size_t nibble_byte(size_t piece) {
  return piece / simd::kNibblePiecesStep * simd::kNibbleBytesStep + piece % simd::kNibbleBytesStep;
}
size_t nibble_shift(size_t piece) { return piece % simd::kNibblePiecesStep < simd::kNibbleBytesStep ? 0 : kNibbleBits; }

template <class Entry>
constexpr auto kMostOf = static_cast<float>(std::numeric_limits<Entry>::max());

// What lies above the piece's lowest square, in steps. The widest table has all the steps that an entry can count. In bytes, too, that costs nothing: recall@10 of 4 bits
// alone was 0.747 for siftsmall and 0.519 for BGE sentences, of tables in float 0.746 and 0.517. Smaller steps, for which the highest entries stand for all above them, only
// lost: 0.735 and 0.504 at 0.35 of the step.
template <class Entry>
void write_tables(const float* squares, std::span<const float> lowest, size_t count, float steps, std::byte* to) {
  constexpr float kMost = kMostOf<Entry>;
  auto* entries = reinterpret_cast<Entry*>(to);
  for (size_t piece = 0; piece < lowest.size(); ++piece) {
    for (size_t c = piece * count; c < (piece + 1) * count; ++c) {
      const float entry = (squares[c] - lowest[piece]) * steps + 0.5F;
      entries[c] = static_cast<Entry>(static_cast<int32_t>(entry < kMost ? entry : kMost));
    }
  }
}

// Rows of the sample, evenly chosen, in the space of the codec.
std::vector<float> placed_rows(const L2Space& space, const Sample& sample) {
  const size_t dims = space.dims_out();
  const size_t count = std::min({sample.count, kRowsMax, std::max(kValuesMax / dims, kCentroids)});
  std::vector<float> rows(count * dims);
  for (size_t i = 0; i < count; ++i) {
    (void)space.place_row(sample.rows + i * sample.count / count * sample.dims, rows.data() + i * dims);
  }
  return rows;
}

std::vector<float> columns_of(std::span<const float> rows, size_t dims, size_t first, size_t count) {
  std::vector<float> part;
  for (size_t at = 0; at < rows.size(); at += dims) {
    const float* from = rows.data() + at + first;
    part.insert(part.end(), from, from + count);
  }
  return part;
}

}  // namespace

Pq::Pq(const L2Space& space, size_t bits, size_t pieces, std::vector<float> centroids, float square_max)
    : space_(space),
      bits_(bits),
      pieces_(pieces),
      centroids_(std::move(centroids)),
      square_max_(square_max),
      kernels_(simd::code_kernels()) {}

size_t Pq::first_dim(size_t piece) const {
  const size_t dims = space_.dims_out();
  return piece * (dims / pieces_) + std::min(piece, dims % pieces_);
}

size_t Pq::code_bytes() const {
  const size_t pieces_a_step = kCodeAlignment * 8 / bits_;
  return (pieces_ + pieces_a_step - 1) / pieces_a_step * kCodeAlignment;
}

size_t Pq::query_bytes() const {
  return kHeaderBytes +
         (bits_ == kNibbleBits ? code_bytes() * 2 * kNibbleCentroids : pieces_ * kCentroids * sizeof(uint16_t));
}

size_t Pq::number_at(const std::byte* code, size_t piece) const {
  if (bits_ != kNibbleBits) return static_cast<size_t>(code[piece]);
  return (static_cast<size_t>(code[nibble_byte(piece)]) >> nibble_shift(piece)) % kNibbleCentroids;
}

std::unique_ptr<const Codec> Pq::train(const CodecOptions& options, const Sample& sample) {
  const L2Space space = L2Space::learn(options.metric, sample.rows, sample.count, sample.dims);
  const size_t dims = space.dims_out();
  const std::vector<float> rows = placed_rows(space, sample);
  auto codec =
      std::make_unique<Pq>(space, options.pq_bits, pieces_for(options, sample.dims), std::vector<float>(), 0.0F);
  base::Random random(options.seed);
  for (size_t piece = 0; piece < codec->pieces_; ++piece) {
    const size_t first = codec->first_dim(piece);
    const size_t count = codec->first_dim(piece + 1) - first;
    const std::vector<float> points = columns_of(rows, dims, first, count);
    const std::vector<float> learned = k_means(codec->kernels_, points, count, codec->centroid_count(), random);
    codec->centroids_.insert(codec->centroids_.end(), learned.begin(), learned.end());
  }
  std::array<std::byte, kPqBytesMax> code;
  for (size_t at = 0; at < rows.size(); at += dims) {
    codec->square_max_ = std::max(codec->square_max_, codec->encode_placed(rows.data() + at, code.data()));
  }
  return codec;
}

float Pq::encode_placed(const float* placed, std::byte* code) const {
  const size_t count = centroid_count();
  float square = 0;
  std::fill_n(code, code_bytes(), std::byte{0});
  for (size_t piece = 0; piece < pieces_; ++piece) {
    const size_t first = first_dim(piece);
    const simd::Nearest nearest =
        kernels_.nearest(placed + first, centroids_.data() + first * count, count, first_dim(piece + 1) - first);
    const auto number = static_cast<std::byte>(nearest.centroid);
    if (bits_ == kNibbleBits) {
      code[nibble_byte(piece)] |= number << nibble_shift(piece);
    } else {
      code[piece] = number;
    }
    square += nearest.square;
  }
  return square;
}

bool Pq::encode(const float* vector, std::byte* code) const {
  PlacedVector placed;
  const bool fits = space_.place_row(vector, placed.data());
  const float square = encode_placed(placed.data(), code);
  return fits && square <= kSquareFactor * square_max_;
}

void Pq::prepare_placed(const float* placed, std::byte* prepared) const {
  const size_t count = centroid_count();
  std::array<float, kCentroids * kPqBytesMax> squares;
  QueryHeader header{0, 0};
  std::array<float, kPiecesMax> lowest;
  float widest = 0;
  for (size_t piece = 0; piece < pieces_; ++piece) {
    const size_t first = first_dim(piece);
    float* table = squares.data() + piece * count;
    kernels_.centroids(placed + first, centroids_.data() + first * count, count, first_dim(piece + 1) - first, table);
    const simd::Range range = kernels_.range(table, count);
    lowest[piece] = range.low;
    widest = std::max(widest, range.high - range.low);
    header.base += range.low;
  }
  header.step = widest / (bits_ == kNibbleBits ? kMostOf<uint8_t> : kMostOf<uint16_t>);
  const float steps = header.step > 0 && std::isfinite(1 / header.step) ? 1 / header.step : 0;
  const std::span<const float> lowest_of(lowest.data(), pieces_);
  std::byte* tables = prepared + kHeaderBytes;
  if (bits_ == kNibbleBits) {
    write_tables<uint8_t>(squares.data(), lowest_of, count, steps, tables);
    std::fill(tables + pieces_ * count, prepared + query_bytes(), std::byte{0});
  } else {
    write_tables<uint16_t>(squares.data(), lowest_of, count, steps, tables);
  }
  std::memcpy(prepared, &header, sizeof(header));
}

bool Pq::prepare(const float* query, std::byte* prepared) const {
  PlacedVector placed;
  const bool fits = space_.place_query(query, placed.data());
  prepare_placed(placed.data(), prepared);
  return fits;
}

void Pq::prepare_code(const std::byte* code, std::byte* prepared) const {
  PlacedVector placed;
  for (size_t piece = 0; piece < pieces_; ++piece) {
    for (size_t d = first_dim(piece); d < first_dim(piece + 1); ++d) {
      placed[d] = centroids_[d * centroid_count() + number_at(code, piece)];
    }
  }
  prepare_placed(placed.data(), prepared);
}

void Pq::distances(const std::byte* prepared, const std::byte* const* codes, size_t count, float* out) const {
  constexpr size_t kAtOnce = 256;
  QueryHeader header{};
  std::memcpy(&header, prepared, sizeof(header));
  const std::byte* tables = prepared + kHeaderBytes;
  std::array<uint32_t, kAtOnce> sums;
  for (size_t first = 0; first < count; first += kAtOnce) {
    const size_t now = std::min(kAtOnce, count - first);
    if (bits_ == kNibbleBits) {
      kernels_.nibble_lookups(reinterpret_cast<const uint8_t*>(tables), codes + first, now, code_bytes(), sums.data());
    } else {
      kernels_.lookups(reinterpret_cast<const uint16_t*>(tables), codes + first, now, pieces_, sums.data());
    }
    for (size_t i = 0; i < now; ++i) out[first + i] = header.base + header.step * static_cast<float>(sums[i]);
  }
}

std::vector<std::byte> Pq::save() const {
  base::ByteWriter out;
  space_.save(out);
  if (bits_ == kNibbleBits) {
    out.put_u8(kSavedNibbles);
    out.put_u16(static_cast<uint16_t>(pieces_));
  } else {
    out.put_u8(static_cast<uint8_t>(pieces_));
  }
  out.put_f32(square_max_);
  for (const float value : centroids_) out.put_f32(value);
  return std::move(out).take();
}

Result<std::unique_ptr<const Codec>> Pq::load(const CodecOptions& options, size_t dims,
                                              std::span<const std::byte> saved) {
  base::ByteReader in(saved, "pq codec");
  TRY(space, L2Space::load(options.metric, dims, in));
  TRY(byte_pieces, in.u8("pieces"));
  size_t pieces = byte_pieces;
  if (options.pq_bits == kNibbleBits) {
    if (byte_pieces != kSavedNibbles) return in.corruption("as many bits a piece as the column does not have");
    TRY(nibble_pieces, in.u16("pieces"));
    pieces = nibble_pieces;
  }
  TRY(square_max, in.f32("largest square"));
  if (pieces != pieces_for(options, dims)) return in.corruption("as many pieces a code as the column does not have");
  if (!(square_max >= 0 && std::isfinite(square_max))) return in.corruption("a largest square that is none");
  std::vector<float> centroids;
  const size_t values = space.dims_out() << options.pq_bits;
  if (in.remaining_bytes() / sizeof(float) < values) {
    return in.corruption("too few bytes for its centroids");
  }
  for (size_t i = 0; i < values; ++i) {
    TRY(value, in.f32("centroid"));
    if (!(std::fabs(value) <= kPlacedMax)) return in.corruption("a centroid outside of the space");
    centroids.push_back(value);
  }
  TRY_OK(in.expect_end("codec"));
  return std::unique_ptr<const Codec>(
      std::make_unique<Pq>(space, options.pq_bits, pieces, std::move(centroids), square_max));
}

}  // namespace omendb::quantize
