/* The same from C: open, fill, search, close. */
#include <omendb/omendb.h>
#include <stdio.h>

static int fail(void) {
  fprintf(stderr, "%s\n", omendb_last_error());
  return 1;
}

int main(void) {
  omendb_database* database = NULL;
  omendb_table* points = NULL;
  omendb_hits* hits = NULL;
  const omendb_column_spec schema[] = {{.name = "id", .type = OMENDB_INT64, .primary_key = 1},
                                       {.name = "v", .type = OMENDB_VECTOR, .dims = 2}};
  const int64_t ids[] = {10, 20, 30};
  const float vectors[] = {0, 0, 1, 0, 5, 5};
  const omendb_column columns[] = {{.name = "id", .ints = ids}, {.name = "v", .floats = vectors, .dims = 2}};
  const float wanted[] = {4, 4};
  const omendb_query query = {.vectors = wanted, .query_count = 1, .dims = 2, .k = 2};
  uint64_t written = 0;

  if (omendb_open(":memory:", NULL, &database) != OMENDB_OK) return fail();
  if (omendb_create_table(database, "points", schema, 2, 0, &points) != OMENDB_OK) return fail();
  if (omendb_insert(points, columns, 2, 3, &written) != OMENDB_OK || written != 3) return fail();
  if (omendb_search(points, &query, &hits) != OMENDB_OK) return fail();
  const omendb_hits_view view = omendb_hits_get(hits);
  const int right = view.query_count == 1 && view.offsets[1] == 2 && view.keys.ints[0] == 30 && view.keys.ints[1] == 20;
  omendb_hits_free(hits);
  omendb_table_free(points);
  if (omendb_close(database) != OMENDB_OK) return fail();
  return right ? 0 : 2;
}
