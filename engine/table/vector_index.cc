#include "engine/table/vector_index.h"

#include "engine/base/try.h"
#include "engine/table/schema_format.h"
#include "engine/table/table_version.h"

#include <algorithm>
#include <new>

namespace omendb::table {
namespace {

constexpr uint32_t kRowsPerClaim =
    16;  // small enough that pausing the workers takes milliseconds, large enough that the lock costs nothing

// Codes learned from few rows are learned again when there are many times more, so that all training together costs less than a seventh of an encoding a row.
constexpr uint64_t kGrowthBeforeTraining = 8;
constexpr uint64_t kTrainedRowsEnough = 1'000'000;  // more say nothing new, unless rows are poorly placed
// Or when so many more of the rows since then lie outside of what was learned than of the sample, once those rows are a fourth of all.
constexpr double kPoorShareMore = 0.02;
// What is learned from: so many rows, of so many numbers altogether.
constexpr size_t kSampleRowsMax = 16384;
constexpr size_t kSampleRowsMin = 256;
constexpr size_t kSampleFloatsMax = size_t{8} << 20;

// How much a graph grows until it is calibrated again, with rows waiting and without; a first time with rows waiting at so many.
constexpr double kGrowthSoon = 2;
constexpr double kGrowthIdle = 1.25;
constexpr uint32_t kCalibratedFirst = 4096;
constexpr uint32_t kDiedShare = 4;  // of the rows, one in so many

simd::Metric kernel_metric(Metric metric) {
  switch (metric) {
    case Metric::kL2: return simd::Metric::kL2;
    case Metric::kCosine: return simd::Metric::kCosine;
    case Metric::kInnerProduct: return simd::Metric::kInnerProduct;
    case Metric::kL1: return simd::Metric::kL1;
    case Metric::kHamming: return simd::Metric::kHamming;
    case Metric::kJaccard: return simd::Metric::kJaccard;
  }
  return simd::Metric::kL2;
}

const LiveBitmap& searchable_rows(const TableVersion& version, const VectorIndex& index) {
  const auto column = std::find_if(version.vectors.begin(), version.vectors.end(),
                                   [&](const auto& v) { return v.index.get() == &index; });
  assert(column != version.vectors.end());
  return column->searchable;
}

}  // namespace

graph::GraphOptions graph_options(const VectorOptions& options) {
  graph::GraphOptions result;
  result.metric = kernel_metric(options.metric);
  result.m = options.m;
  result.ef_construction = options.ef_construction;
  result.storage = static_cast<quantize::Storage>(chosen_storage(options));  // numbered alike
  if (options.storage_bits != 0) {
    (result.storage == quantize::Storage::kPq ? result.pq_bits : result.rabitq_bits) = options.storage_bits;
  }
  return result;
}

uint32_t flat_rows_max(const VectorOptions& options) {
  const size_t row_bytes = simd::row_bytes(kernel_metric(options.metric), options.dims);
  const size_t cached_rows = kFlatBytesMax / std::max<size_t>(1, row_bytes);
  return static_cast<uint32_t>(std::clamp<size_t>(cached_rows, kFlatRowsMin, kFlatRowsMax));
}

bool VectorIndex::small(const TableVersion& version) const {
  return searchable_rows(version, *this).live_count() <= flat_rows_max_;
}

bool VectorIndex::active(const TableVersion& version) const { return watermark() > 0 || !small(version); }

uint32_t VectorIndex::waiting_rows(const TableVersion& version) const {
  return active(version) ? version.row_count() - std::min(version.row_count(), watermark()) : 0;
}

std::optional<VectorIndex::Claim> VectorIndex::claim(const TableVersion& version) {
  if (!active(version)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (!failed_.empty() && failed_.back().last <= version.row_count()) {
    const Claim claim = failed_.back();
    failed_.pop_back();
    return claim;
  }
  if (next_ >= version.row_count()) return std::nullopt;
  const Claim claim{next_, std::min(version.row_count(), next_ + kRowsPerClaim)};
  in_flight_.insert(claim.first);
  next_ = claim.last;
  return claim;
}

void VectorIndex::finish(const Claim& claim, uint32_t done_to) {
  const std::lock_guard lock(mutex_);
  in_flight_.erase(claim.first);
  if (done_to < claim.last) {  // out of memory half way: the rest keeps the watermark down until somebody links it
    failed_.push_back({done_to, claim.last});
    in_flight_.insert(done_to);
  }
  watermark_.store(in_flight_.empty() ? next_ : *in_flight_.begin(), std::memory_order_release);
}

// Before rows of `version` are linked.
void VectorIndex::extend_reach(const TableVersion& version) {
  const std::shared_ptr<const storage::Mapping>& mapping = version.columns[column_].mapping();
  if (mapping.get() == reach_address_.load(std::memory_order_acquire)) return;
  if (version.row_count() <= reach_rows_.load(std::memory_order_relaxed)) return;
  const std::unique_lock lock(linking_);
  if (version.row_count() <= reach_rows_.load(std::memory_order_relaxed)) return;  // somebody else was faster
  {
    const std::lock_guard guard(reach_mutex_);
    reach_ = mapping;
  }
  reach_rows_.store(version.row_count(), std::memory_order_relaxed);
  reach_address_.store(mapping.get(), std::memory_order_release);
}

graph::VectorsView VectorIndex::vectors_in_reach(const TableVersion& version) const {
  graph::VectorsView vectors = version.vectors_view(*this);
  if (reach_ != nullptr) vectors.bytes = reach_->data();
  return vectors;
}

VectorIndex::LinkedVectors VectorIndex::linked_vectors(const TableVersion& version) const {
  LinkedVectors linked{version.vectors_view(*this), nullptr};
  linked.view.row_count =
      graph_.row_count();  // before the addresses: rows that are linked from now on may lie elsewhere
  const storage::Mapping* const address = reach_address_.load(std::memory_order_acquire);
  // Nothing was linked since the table was opened, or its addresses are those of the version.
  if (address == nullptr || address == version.columns[column_].mapping().get()) return linked;
  const std::lock_guard guard(reach_mutex_);
  linked.pin = reach_;
  linked.view.bytes = reach_->data();
  return linked;
}

Result<bool> VectorIndex::link_some(const TableVersion& version) {
  if (active(version)) extend_reach(version);
  if (training_due(version)) TRY_OK(train(version));
  if (graph_.erase_cut_off()) TRY_OK(begin_erase(version));
  const std::shared_lock lock(linking_);
  const std::optional<Claim> taken = claim(version);
  if (!taken) return false;
  TRY_OK(link(version, *taken));
  return true;
}

Result<void> VectorIndex::link(const TableVersion& version, const Claim& claim) {
  const ColumnReader& values = version.columns[column_];
  const graph::VectorsView vectors = vectors_in_reach(version);
  uint64_t forgotten = 0;
  {
    const std::lock_guard lock(mutex_);
    for (uint32_t row = claim.first; row < claim.last; ++row) {
      forgotten |= static_cast<uint64_t>(is_forgotten({row})) << (row - claim.first);
    }
  }
  for (uint32_t row = claim.first; row < claim.last; ++row) {
    // A row that died meanwhile is linked all the same if a version shows it: a search may have pinned that one, and trusts the watermark.
    if ((forgotten >> (row - claim.first) & 1) != 0 || !values.has_vector({row}) || graph_.contains({row})) continue;
    if (auto linked = graph_.insert(vectors, {row}); !linked.ok()) {
      finish(claim, row);
      return std::move(linked).error();
    }
  }
  finish(claim, claim.last);
  return {};
}

bool VectorIndex::training_due(const TableVersion& version) const {
  if (graph_.options().storage == quantize::Storage::kF32 || !active(version)) return false;
  const graph::Graph::Training training = graph_.training();
  if (training.trained_rows == 0) return true;
  const uint64_t linked_rows = graph_.stats().linked_rows;
  const bool grown =
      training.trained_rows < kTrainedRowsEnough && linked_rows >= kGrowthBeforeTraining * training.trained_rows;
  const double poor_rows_expected =
      (training.poor_share_expected + kPoorShareMore) * static_cast<double>(training.encoded_rows);
  const bool drifted =
      training.encoded_rows > linked_rows / 4 && static_cast<double>(training.poor_rows) > poor_rows_expected;
  return grown || drifted;
}

// Rows spread evenly over those of the version, which are what a search will meet.
Result<void> VectorIndex::train(const TableVersion& version) {
  const std::unique_lock lock(linking_);
  if (!training_due(version)) return {};  // somebody else was faster
  const LiveBitmap& rows = searchable_rows(version, *this);
  const graph::VectorsView vectors = vectors_in_reach(version);
  const size_t rows_max = std::clamp(kSampleFloatsMax / vectors.dims, kSampleRowsMin, kSampleRowsMax);
  const size_t every = std::max<size_t>(1, (rows.live_count() + rows_max - 1) / rows_max);
  try {
    std::vector<float> sample;
    size_t seen = 0;
    rows.for_each([&](RowId row) {
      const float* vector = vectors.floats(row.value);
      if (seen++ % every == 0) sample.insert(sample.end(), vector, vector + vectors.dims);
    });
    if (sample.empty()) return {};
    return graph_.train(vectors, {sample.data(), sample.size() / vectors.dims, vectors.dims});
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::kOutOfMemory, "graph: no memory for a sample of the rows"};
  }
}

bool VectorIndex::is_forgotten(RowId row) const {
  return row.value / 64 < forgotten_bits_.size() && (forgotten_bits_[row.value / 64] >> (row.value % 64) & 1) != 0;
}

void VectorIndex::forget(std::span<const RowId> rows) {
  const std::lock_guard lock(mutex_);
  for (const RowId row : rows) {
    if (row.value / 64 >= forgotten_bits_.size()) forgotten_bits_.resize(row.value / 64 + 1);
    if (is_forgotten(row)) continue;
    forgotten_bits_[row.value / 64] |= uint64_t{1} << (row.value % 64);
    forgotten_.push_back(row);
  }
}

void VectorIndex::forget_dead_rows(const TableVersion& version) {
  const LiveBitmap& rows = searchable_rows(version, *this);
  std::vector<RowId> dead;
  for (uint32_t row = 0; row < version.row_count(); ++row) {
    if (!rows.contains({row})) dead.push_back({row});
  }
  forget(dead);
}

bool VectorIndex::erase_due() const {
  if (graph_.erase_cut_off()) return true;
  const std::lock_guard lock(mutex_);
  return forgotten_.size() >= std::max<uint64_t>(kDeadRowsMin, graph_.stats().linked_rows / kDeadShare);
}

bool VectorIndex::has_work(const TableVersion& version) const {
  return waiting_rows(version) > 0 || erasing_.load(std::memory_order_acquire) || (active(version) && erase_due());
}

Result<bool> VectorIndex::begin_erase(const TableVersion& version) {
  const std::unique_lock lock(linking_);
  if (erasing_.load(std::memory_order_relaxed)) return true;  // somebody else was faster
  std::vector<RowId> rows;
  {
    const std::lock_guard guard(mutex_);
    rows.swap(forgotten_);
  }
  if (auto begun = graph_.begin_erase(vectors_in_reach(version), rows); !begun.ok()) {
    const std::lock_guard guard(mutex_);
    forgotten_.insert(forgotten_.end(), rows.begin(), rows.end());
    return std::move(begun).error();
  }
  erasing_.store(graph_.erase_under_way(), std::memory_order_release);
  return true;
}

Result<bool> VectorIndex::erase_some(const TableVersion& version) {
  if (!erasing_.load(std::memory_order_acquire)) {
    if (!active(version) || !erase_due()) return false;
    return begin_erase(version);
  }
  {
    const std::shared_lock lock(linking_);
    if (!erasing_.load(std::memory_order_acquire)) return true;
    TRY(repaired, graph_.repair_some(vectors_in_reach(version)));
    if (repaired) return true;
    if (!graph_.erase_repaired()) return false;  // others are still at it, and will end the turn
  }
  const std::unique_lock lock(linking_);
  if (erasing_.load(std::memory_order_relaxed) && graph_.erase_repaired()) {
    graph_.end_erase(watermark());
    erasing_.store(false, std::memory_order_release);
  }
  return true;
}

std::shared_ptr<const Calibration> VectorIndex::calibration() const {
  const std::lock_guard lock(calibration_mutex_);
  return calibration_;
}

void VectorIndex::set_calibration(std::shared_ptr<const Calibration> calibration) {
  const std::lock_guard lock(calibration_mutex_);
  calibration_ = std::move(calibration);
}

bool VectorIndex::calibration_due(const TableVersion& version, CalibrateWhen when) const {
  const uint32_t row_count = watermark();
  if (row_count == 0 || small(version)) return false;
  const auto last = calibration();
  if (last == nullptr) return when == CalibrateWhen::kIdle || row_count >= kCalibratedFirst;
  const double growth = when == CalibrateWhen::kIdle ? kGrowthIdle : kGrowthSoon;
  const uint64_t dead_rows = version.row_count() - version.live.live_count();
  if (!last->has_filtered && when == CalibrateWhen::kIdle) return true;  // of an older version
  return row_count >= growth * last->row_count ||
         dead_rows > last->dead_rows + uint64_t{last->row_count / kDiedShare} ||
         graph_.training().trained_rows != last->trained_rows;
}

std::unique_ptr<Calibrator> VectorIndex::make_calibrator(const TableVersion& version, CalibratorOptions options) const {
  Calibration seen;
  seen.row_count = std::min(watermark(), version.row_count());
  seen.dead_rows = version.row_count() - version.live.live_count();
  seen.trained_rows = graph_.training().trained_rows;
  return std::make_unique<Calibrator>(graph_, version.vectors_view(*this), searchable_rows(version, *this), seen,
                                      std::move(options));
}

Result<bool> VectorIndex::calibrate_some(const TableVersion& version, CalibrateWhen when) {
  const std::unique_lock lock(calibrating_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  try {
    if (calibrator_ == nullptr) {
      if (!calibration_due(version, when)) return false;
      CalibratorOptions options;
      options.filtered = true;
      calibrator_ = make_calibrator(version, std::move(options));
    }
    if (!calibrator_->step(linked_vectors(version).view, searchable_rows(version, *this))) return true;
    set_calibration(std::make_shared<const Calibration>(calibrator_->result()));
    calibrator_ = nullptr;
  } catch (const std::bad_alloc&) {
    calibrator_ = nullptr;
    return Error{ErrorCode::kOutOfMemory, "graph: no memory to measure its recall"};
  }
  return true;
}

void VectorIndex::start_at(uint32_t watermark, const LiveBitmap& live) {
  std::vector<RowId> dead;
  for (uint32_t row = 0; row < live.row_count(); ++row) {
    if (!live.contains({row})) dead.push_back({row});
  }
  forget(dead);
  next_ = watermark;
  watermark_.store(watermark, std::memory_order_release);
}

}  // namespace omendb::table
