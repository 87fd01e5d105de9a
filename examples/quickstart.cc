// The first five minutes in C++: a table of vectors with a key and a title, searched, changed, reopened.
//
//   g++ -std=c++20 quickstart.cc $(pkg-config --cflags --libs omendb) -o quickstart && ./quickstart shop.omen

#include <omendb/database.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

namespace {

// Every call answers with a value or with an error that says what is wrong; here an error ends the program.
template <typename T>
T checked(omendb::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "quickstart: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

omendb::Schema shop_schema() {
  omendb::Schema schema;
  schema.columns.push_back({.name = "id", .type = omendb::Type::kInt64, .primary_key = true});
  schema.columns.push_back({.name = "title", .type = omendb::Type::kString});
  schema.columns.push_back(
      {.name = "v", .type = omendb::Type::kVector, .vector = {.dims = 4, .metric = omendb::Metric::kCosine}});
  return schema;
}

void insert_rows(omendb::Table& shop) {
  const std::array<int64_t, 3> ids = {1, 2, 3};
  const std::string_view titles = "red bicycleblue bicycledesk lamp";
  const std::array<int64_t, 4> title_offsets = {0, 11, 23, 32};
  const std::array<float, 12> vectors = {1, 0.1F, 0, 0, 1, 0.2F, 0, 0.1F, 0, 0, 1, 0.5F};
  const std::array<omendb::ColumnView, 3> columns = {{
      {.name = "id", .ints = ids.data()},
      {.name = "title", .offsets = title_offsets.data(), .chars = titles.data()},
      {.name = "v", .floats = vectors.data(), .dims = 4},
  }};
  std::printf("inserted %llu rows\n",
              static_cast<unsigned long long>(checked(shop.insert({.row_count = 3, .columns = columns}))));
}

void print_nearest(const omendb::Table& shop) {
  const std::array<float, 4> query = {1, 0, 0, 0};
  const omendb::Hits hits = checked(shop.search({.vectors = query, .k = 2}));
  const omendb::Batch rows = checked(shop.fetch(hits, 0, hits.distances.size()));
  for (size_t row = 0; row < rows.row_count; ++row) {
    for (const omendb::ColumnData& column : rows.columns) {
      if (column.name == "title")
        std::printf("%.3f  %s\n", static_cast<double>(hits.distances[row]), std::string(column.string_at(row)).c_str());
    }
  }
}

}  // namespace

int main(int argument_count, char** arguments) {
  const std::string path = argument_count > 1 ? arguments[1] : ":memory:";
  omendb::Database db = checked(omendb::Database::open(path));
  omendb::Table shop = checked(db.create_table("shop", shop_schema()));
  insert_rows(shop);
  print_nearest(shop);
  if (!db.check().ok() || !db.close().ok()) return 1;
  if (path == ":memory:") return 0;
  omendb::Database again = checked(omendb::Database::open(path, {.create = false}));
  std::printf("after reopening: %llu rows\n",
              static_cast<unsigned long long>(checked(checked(again.table("shop")).count())));
  return 0;
}
