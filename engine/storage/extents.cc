#include "engine/storage/extents.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace omendb::storage {

void append_run(std::vector<ExtentRun>& runs, ExtentRun run) {
  if (run.count == 0) return;
  const bool joins = !runs.empty() && is_hole(runs.back()) == is_hole(run) &&
                     (is_hole(run) || runs.back().first + runs.back().count == run.first);
  if (joins) {
    runs.back().count += run.count;
  } else {
    runs.push_back(run);
  }
}

std::vector<ExtentRun> held_runs(const std::vector<ExtentRun>& runs) {
  std::vector<ExtentRun> held;
  for (const ExtentRun run : runs) {
    if (!is_hole(run)) held.push_back(run);
  }
  return held;
}

std::vector<ExtentRun> with_hole(const std::vector<ExtentRun>& runs, ExtentRun hole, std::vector<ExtentRun>& left) {
  std::vector<ExtentRun> result;
  const uint64_t hole_end = hole.first + hole.count;
  uint64_t begin = 0;
  for (const ExtentRun run : runs) {
    const uint64_t end = begin + run.count;
    // The part before the hole, the part inside, the part behind: each may be empty.
    const uint64_t cut_begin = std::clamp(hole.first, begin, end);
    const uint64_t cut_end = std::clamp(hole_end, begin, end);
    const auto part = [&](uint64_t from, uint64_t to) {
      return ExtentRun{is_hole(run) ? kNowhere : run.first + (from - begin), to - from};
    };
    append_run(result, part(begin, cut_begin));
    append_run(result, {kNowhere, cut_end - cut_begin});
    append_run(result, part(cut_end, end));
    if (!is_hole(run)) append_run(left, part(cut_begin, cut_end));
    begin = end;
  }
  return result;
}

void FreeExtents::assign(std::vector<ExtentRun> used) {
  std::sort(used.begin(), used.end());
  runs_.clear();
  end_ = 0;
  free_count_ = 0;
  for (const ExtentRun run : used) {
    assert(run.first >= end_);
    if (run.first > end_) {
      runs_.emplace(end_, run.first - end_);
      free_count_ += run.first - end_;
    }
    end_ = run.first + run.count;
  }
}

ExtentRun FreeExtents::take_from(std::map<uint64_t, uint64_t>::iterator run, uint64_t first, uint64_t count) {
  const auto [run_first, run_count] = *run;
  assert(first >= run_first && first + count <= run_first + run_count);
  runs_.erase(run);
  if (first > run_first) runs_.emplace(run_first, first - run_first);
  const uint64_t left = run_first + run_count - (first + count);
  if (left > 0) runs_.emplace(first + count, left);
  free_count_ -= count;
  return {first, count};
}

ExtentRun FreeExtents::take_contiguous(uint64_t count, std::optional<uint64_t> preferred_first) {
  assert(count > 0);
  if (preferred_first.has_value()) {
    const auto at = runs_.find(*preferred_first);
    if (at != runs_.end() && at->second >= count) return take_from(at, *preferred_first, count);
  }
  if (!preferred_first.has_value() || *preferred_first != end_) {
    const auto gap = std::find_if(runs_.begin(), runs_.end(), [count](const auto& run) { return run.second >= count; });
    if (gap != runs_.end()) return take_from(gap, gap->first, count);
  }
  // A free run that touches the end is the beginning of what is taken there.
  if (!runs_.empty()) {
    const auto last = std::prev(runs_.end());
    if (last->first + last->second == end_ && last->second < count) {
      const ExtentRun taken{last->first, count};
      free_count_ -= last->second;
      runs_.erase(last);
      end_ = taken.first + count;
      return taken;
    }
  }
  const ExtentRun taken{end_, count};
  end_ += count;
  return taken;
}

uint64_t FreeExtents::take_one() {
  if (runs_.empty()) return end_++;
  return take_from(runs_.begin(), runs_.begin()->first, 1).first;
}

void FreeExtents::give_back(ExtentRun run) {
  if (run.count == 0) return;
  assert(run.first + run.count <= end_);
  free_count_ += run.count;
  auto after = runs_.lower_bound(run.first);
  assert(after == runs_.end() || run.first + run.count <= after->first);
  if (after != runs_.end() && run.first + run.count == after->first) {
    run.count += after->second;
    after = runs_.erase(after);
  }
  if (after != runs_.begin()) {
    const auto before = std::prev(after);
    assert(before->first + before->second <= run.first);
    if (before->first + before->second == run.first) {
      before->second += run.count;
      return;
    }
  }
  runs_.emplace(run.first, run.count);
}

uint64_t FreeExtents::trim_end() {
  if (!runs_.empty()) {
    const auto last = std::prev(runs_.end());
    if (last->first + last->second == end_) {
      end_ = last->first;
      free_count_ -= last->second;
      runs_.erase(last);
    }
  }
  return end_;
}

}  // namespace omendb::storage
