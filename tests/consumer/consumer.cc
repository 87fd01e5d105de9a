// Fills a table, searches it and reads a hit back, with the installed headers and library alone.
#include <hamt/map.h>
#include <omendb/database.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace {

int fail(const omendb::Error& error) {
  std::fprintf(stderr, "%s: %s\n", std::string(omendb::to_string(error.code)).c_str(), error.message.c_str());
  return 1;
}

}  // namespace

int main() {
  auto database = omendb::Database::open(":memory:");
  if (!database) return fail(database.error());
  const omendb::Schema schema{.columns = {{.name = "id", .type = omendb::Type::kInt64, .primary_key = true},
                                          {.name = "v", .type = omendb::Type::kVector, .vector = {.dims = 2}}}};
  auto points = database->create_table("points", schema);
  if (!points) return fail(points.error());

  const std::vector<int64_t> ids = {10, 20, 30};
  const std::vector<float> vectors = {0, 0, 1, 0, 5, 5};
  const std::vector<omendb::ColumnView> columns = {{.name = "id", .ints = ids.data()},
                                                   {.name = "v", .floats = vectors.data(), .dims = 2}};
  auto written = points->insert({.row_count = ids.size(), .columns = columns});
  if (!written) return fail(written.error());

  const std::vector<float> query = {4, 4};
  auto hits = points->search({.vectors = query, .k = 2});
  if (!hits) return fail(hits.error());
  if (hits->keys.ints != std::vector<int64_t>{30, 20}) return fail({omendb::ErrorCode::kInternal, "wrong neighbours"});
  auto rows = points->fetch(*hits, 0, 1);
  if (!rows) return fail(rows.error());
  if (rows->row_count != 1) return fail({omendb::ErrorCode::kInternal, "no row fetched"});

  const auto counts = hamt::map<std::string, int>{}.set("rows", 3);
  const int* found = counts.find("rows");
  if (found == nullptr || *found != 3) return fail({omendb::ErrorCode::kInternal, "hamt lost a key"});
  auto closed = database->close();
  return closed ? 0 : fail(closed.error());
}
