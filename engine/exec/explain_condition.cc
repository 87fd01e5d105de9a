#include "engine/exec/explain_condition.h"

#include "engine/base/try.h"
#include "engine/column/arrays.h"
#include "engine/filter/filter.h"
#include "engine/plan/step.h"

#include <fmt/format.h>

#include <algorithm>

namespace omendb::exec {
namespace {

using Why = table::IndexState::Why;

std::string milliseconds(uint64_t nanoseconds) {
  return fmt::format("{:.1f} ms", static_cast<double>(nanoseconds) / 1e6);
}

std::string why_no_index(const table::IndexState& state) {
  if (state.why == Why::kNever) return "its schema says that it has no index";
  if (state.full_blocks == 0)
    return fmt::format("fewer than {} rows have no index", plan::with_commas(column::kRowsPerBlock));
  if (state.why == Why::kAsked || state.why == Why::kEarned) return "its index is not made yet";
  if (state.why == Why::kNoRoom) return "indexes that were asked for since fill the room (index_memory)";
  return fmt::format("no index yet: reading it has taken {}, and one is made from {} on", milliseconds(state.read_cost),
                     milliseconds(state.pays_at));
}

std::string source_note(const table::TableVersion& version, const column::Source& source) {
  const std::string name = column::source_text(source, version.info->schema.columns[source.column].name);
  const table::IndexState state = version.indexes->state(version, source);
  if (state.usable_blocks == 0) return fmt::format("{}: values are read; {}", name, why_no_index(state));
  std::string note =
      fmt::format("{}: by its index{}", name, state.why == Why::kAsked ? ", which the schema asks for" : "");
  if (state.usable_blocks < state.full_blocks)
    return note + fmt::format("; values of {} of {} blocks are read, for which it is not made",
                              state.full_blocks - state.usable_blocks, state.full_blocks);
  const uint32_t rest = version.row_count() % column::kRowsPerBlock;
  if (rest != 0) note += fmt::format("; of the last {} rows values are read", plan::with_commas(rest));
  return note;
}

}  // namespace

Result<std::vector<std::string>> condition_notes(const table::TableVersion& version, const Where& where) {
  TRY(filter, filter::Filter::make(version.info->schema, where));
  std::vector<std::string> notes;
  if (!filter->key().empty() && version.kept->find(filter->key()) != nullptr)
    notes.emplace_back("asked before: only rows that are new since then are looked at");
  for (const column::Source& source : filter->sources()) notes.push_back(source_note(version, source));
  for (const uint32_t column : filter->columns_beside_sources())
    notes.push_back(fmt::format("{}: values are read; what is asked of it has no index",
                                version.info->schema.columns[column].name));
  if (version.patches && version.patches->slots.live_count() != 0)
    notes.push_back(
        fmt::format("of {} updated rows values are read", plan::with_commas(version.patches->slots.live_count())));
  return notes;
}

}  // namespace omendb::exec
