#include "tests/ingest_script.h"

#include "engine/base/hash.h"
#include "engine/base/random.h"

#include <algorithm>

namespace omendb::test {
namespace {

constexpr int64_t kRowsPerInsert = 25;

int64_t key_of(uint32_t writer, int64_t number) { return number * kWriterCount + writer; }

}  // namespace

Schema ingest_schema() {
  return {{key_column("id", Type::kInt64), column("label", Type::kString), column("tags", Type::kStringList),
           vector_column("v", 8), vector_column("w", 3)}};
}

uint32_t writer_of(int64_t key) { return static_cast<uint32_t>(key % kWriterCount); }

// Of every four statements two insert new keys, one replaces older ones and some that are gone, one removes older ones.
Statement ingest_statement(uint64_t seed, uint32_t writer, uint64_t number) {
  base::Random random(base::mix64(number * kWriterCount + writer, seed));
  const Schema schema = ingest_schema();
  Statement statement;
  statement.table = kIngestTable;
  const int64_t newest = static_cast<int64_t>(number) * kRowsPerInsert;
  // Older ones: never those that a later statement inserts.
  const int64_t first = number % 4 < 2 ? newest : newest - std::min(newest, static_cast<int64_t>(random.below(3000)));
  statement.kind = number % 4 < 2    ? StatementKind::kInsert
                   : number % 4 == 2 ? StatementKind::kUpsert
                                     : StatementKind::kErase;
  for (int64_t i = 0; i < kRowsPerInsert; ++i) {
    const int64_t key = key_of(writer, first + i);
    if (statement.kind == StatementKind::kErase) {
      statement.keys.emplace_back(key);
    } else {
      statement.rows.push_back(random_row(schema, key, random));
    }
  }
  return statement;
}

}  // namespace omendb::test
