/* The C door from C11: every call, what it answers, and what it answers when it is called wrongly. */

#include <omendb/omendb.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures = 0;

#define CHECK(condition)                                                                                   \
  do {                                                                                                     \
    if (!(condition)) {                                                                                    \
      printf("%s:%d: %s is false; last error: %s\n", __FILE__, __LINE__, #condition, omendb_last_error()); \
      ++failures;                                                                                          \
    }                                                                                                      \
  } while (0)

#define REQUIRE(condition)                   \
  do {                                       \
    CHECK(condition);                        \
    if (failures != 0) exit(1); /* NOLINT */ \
  } while (0)

static const int64_t kIds[3] = {10, 20, 30};
static const char kLabels[] = "onethree";
static const int64_t kLabelEnds[4] = {0, 3, 3, 8};
static const uint8_t kLabelValid[3] = {1, 0, 1};
static const float kVectors[6] = {0.0F, 0.0F, 1.0F, 0.0F, 0.0F, 5.0F};

static size_t fill_columns(omendb_column* columns) {
  memset(columns, 0, 3 * sizeof(*columns));
  columns[0].name = "id";
  columns[0].ints = kIds;
  columns[1].name = "label";
  columns[1].offsets = kLabelEnds;
  columns[1].chars = kLabels;
  columns[1].validity = kLabelValid;
  columns[2].name = "v";
  columns[2].floats = kVectors;
  columns[2].dims = 2;
  return 3;
}

/* A key and a column of vectors, the rest at its defaults. */
static void describe_vectors(omendb_column_spec specs[2], const char* name, uint32_t dims) {
  memset(specs, 0, 2 * sizeof(*specs));
  specs[0].name = "id";
  specs[0].type = OMENDB_INT64;
  specs[0].primary_key = 1;
  specs[1].name = name;
  specs[1].type = OMENDB_VECTOR;
  specs[1].dims = dims;
}

static omendb_table* create_table(omendb_database* database) {
  omendb_column_spec specs[3];
  memset(specs, 0, sizeof(specs));
  specs[0].name = "id";
  specs[0].type = OMENDB_INT64;
  specs[0].primary_key = 1;
  specs[1].name = "label";
  specs[1].type = OMENDB_STRING;
  specs[2].name = "v";
  specs[2].type = OMENDB_VECTOR;
  specs[2].dims = 2;
  omendb_table* table = NULL;
  CHECK(omendb_create_table(database, "things", specs, 3, 0, &table) == OMENDB_OK);
  omendb_table* again = NULL;
  CHECK(omendb_create_table(database, "things", specs, 3, 0, &again) == OMENDB_CONFLICT);
  CHECK(strstr(omendb_last_error(), "things") != NULL);
  CHECK(omendb_create_table(database, "things", specs, 3, 1, &again) == OMENDB_OK);
  omendb_table_free(again);
  specs[0].primary_key = 0;
  CHECK(omendb_create_table(database, "keyless", specs, 3, 0, &again) == OMENDB_SCHEMA);
  return table;
}

static void test_writing(omendb_table* table) {
  omendb_column columns[3];
  const size_t column_count = fill_columns(columns);
  uint64_t count = 0;
  CHECK(omendb_insert(table, columns, column_count, 3, &count) == OMENDB_OK && count == 3);
  CHECK(omendb_insert(table, columns, column_count, 3, &count) == OMENDB_CONFLICT);
  CHECK(omendb_upsert(table, columns, column_count, 3, NULL) == OMENDB_OK);
  CHECK(omendb_count(table, &count) == OMENDB_OK && count == 3);
  const float bad[6] = {0.0F, 0.0F, NAN, 0.0F, 0.0F, 0.0F};
  columns[2].floats = bad;
  CHECK(omendb_upsert(table, columns, column_count, 3, &count) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "row 1") != NULL);
  columns[2].name = NULL;
  CHECK(omendb_insert(table, columns, column_count, 3, &count) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_insert(NULL, columns, column_count, 3, &count) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_insert(table, NULL, 3, 3, &count) == OMENDB_INVALID_ARGUMENT);
}

static void test_rows(omendb_table* table) {
  const int64_t keys[3] = {30, 99, 20};
  omendb_rows* rows = NULL;
  REQUIRE(omendb_get_int64(table, keys, 3, &rows) == OMENDB_OK);
  CHECK(omendb_rows_count(rows) == 2 && omendb_rows_column_count(rows) == 3);
  omendb_column column;
  CHECK(omendb_rows_column(rows, 0, &column) == OMENDB_OK);
  CHECK(strcmp(column.name, "id") == 0 && column.type == OMENDB_INT64 && column.ints[0] == 30 && column.ints[1] == 20);
  CHECK(omendb_rows_column(rows, 1, &column) == OMENDB_OK);
  CHECK(column.type == OMENDB_STRING && column.validity != NULL && column.validity[0] == 1 && column.validity[1] == 0);
  CHECK(column.offsets[1] == 5 && memcmp(column.chars, "three", 5) == 0);
  CHECK(omendb_rows_column(rows, 2, &column) == OMENDB_OK);
  CHECK(column.type == OMENDB_VECTOR && column.dims == 2 && column.floats[1] == 5.0F);
  CHECK(omendb_rows_column(rows, 3, &column) == OMENDB_INVALID_ARGUMENT);
  omendb_rows_free(rows);
  const char* texts[1] = {"a"};
  CHECK(omendb_get_string(table, texts, 1, &rows) == OMENDB_INVALID_ARGUMENT);
}

static void test_search(omendb_table* table) {
  const float queries[4] = {0.1F, 0.0F, 0.0F, 4.0F};
  omendb_query query;
  memset(&query, 0, sizeof(query));
  query.vectors = queries;
  query.query_count = 2;
  query.dims = 2;
  query.k = 2;
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  REQUIRE(view.query_count == 2 && view.offsets[1] == 2 && view.offsets[2] == 4);
  CHECK(view.keys.ints[0] == 10 && view.keys.ints[1] == 20 && view.keys.ints[2] == 30);
  CHECK(fabs((double)view.distances[0] - 0.1) < 1e-6 && fabs((double)view.distances[2] - 1.0) < 1e-6);
  omendb_rows* rows = NULL;
  REQUIRE(omendb_hits_fetch(table, hits, 2, 1, &rows) == OMENDB_OK);
  omendb_column column;
  CHECK(omendb_rows_column(rows, 0, &column) == OMENDB_OK && column.ints[0] == 30);
  omendb_rows_free(rows);
  CHECK(omendb_hits_fetch(table, hits, 4, 1, &rows) == OMENDB_INVALID_ARGUMENT);
  omendb_hits_free(hits);
  float radius = 1.0F; /* of the second query: the row at (0, 5) and no other */
  query.radius = &radius;
  query.k = 10000;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view near = omendb_hits_get(hits);
  CHECK(near.query_count == 2 && near.offsets[1] == 2 && near.offsets[2] == 3 && near.keys.ints[2] == 30);
  omendb_hits_free(hits);
  query.k = 1;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  CHECK(omendb_hits_get(hits).offsets[1] == 1 && omendb_hits_get(hits).offsets[2] == 2);
  omendb_hits_free(hits);
  radius = -1.0F;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  CHECK(strstr(omendb_last_error(), "radius") != NULL);
  radius = NAN;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  query.radius = NULL;
  query.k = 0;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  query.k = 2;
  query.recall = 1;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  omendb_hits_free(hits);
  query.recall = 95;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  query.recall = 0;
  query.dims = 3;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  query.dims = 2;
  query.column = "nobody";
  CHECK(omendb_search(table, &query, &hits) == OMENDB_SCHEMA);
  query.query_count = SIZE_MAX / 2 + 1; /* times two dimensions: nothing left of the size */
  query.column = NULL;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
}

static void test_indexes(omendb_database* database) {
  omendb_column_spec specs[2];
  memset(specs, 0, sizeof(specs));
  specs[0].name = "id";
  specs[0].type = OMENDB_INT64;
  specs[0].primary_key = 1;
  specs[0].index = OMENDB_INDEX_NEVER;
  specs[1].name = "extra";
  specs[1].type = OMENDB_JSON;
  specs[1].index = OMENDB_INDEX_ALWAYS;
  omendb_table* table = NULL;
  CHECK(omendb_create_table(database, "indexed", specs, 2, 0, &table) == OMENDB_SCHEMA);
  CHECK(strstr(omendb_last_error(), "members") != NULL);
  const char* paths[2] = {"brand", NULL};
  specs[1].index_paths = paths;
  specs[1].index_path_count = 2;
  CHECK(omendb_create_table(database, "indexed", specs, 2, 0, &table) == OMENDB_INVALID_ARGUMENT);
  paths[1] = "size.width";
  REQUIRE(omendb_create_table(database, "indexed", specs, 2, 0, &table) == OMENDB_OK);
  omendb_table* again = NULL;
  specs[1].index_path_count = 1;
  CHECK(omendb_create_table(database, "indexed", specs, 2, 1, &again) == OMENDB_CONFLICT);
  omendb_table_free(table);
  CHECK(omendb_drop_table(database, "indexed") == OMENDB_OK);
}

static void test_l1(omendb_database* database) {
  omendb_column_spec specs[2];
  describe_vectors(specs, "v", 2);
  specs[1].metric = OMENDB_L1;
  specs[1].storage = OMENDB_SQ8;
  omendb_table* table = NULL;
  CHECK(omendb_create_table(database, "blocks", specs, 2, 0, &table) == OMENDB_SCHEMA);
  CHECK(strstr(omendb_last_error(), "l1") != NULL);
  specs[1].storage = OMENDB_AUTO;
  REQUIRE(omendb_create_table(database, "blocks", specs, 2, 0, &table) == OMENDB_OK);
  omendb_column columns[3];
  (void)fill_columns(columns);
  columns[1] = columns[2];
  CHECK(omendb_insert(table, columns, 2, 3, NULL) == OMENDB_OK);
  const float vector[2] = {-2.0F, 1.0F};
  omendb_query query;
  memset(&query, 0, sizeof(query));
  query.vectors = vector;
  query.query_count = 1;
  query.dims = 2;
  query.k = 3;
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  REQUIRE(view.offsets[1] == 3);
  CHECK(view.keys.ints[0] == 10 && view.keys.ints[1] == 20 && view.keys.ints[2] == 30);
  CHECK(view.distances[0] == 3.0F && view.distances[1] == 4.0F && view.distances[2] == 6.0F);
  omendb_hits_free(hits);
  omendb_table_free(table);
  CHECK(omendb_drop_table(database, "blocks") == OMENDB_OK);
}

static void test_bits(omendb_database* database) {
  omendb_column_spec specs[2];
  describe_vectors(specs, "b", 12);
  specs[1].element = OMENDB_BITS; /* the metric is Hamming where none is named */
  omendb_table* table = NULL;
  REQUIRE(omendb_create_table(database, "bits", specs, 2, 0, &table) == OMENDB_OK);
  const uint8_t bits[6] = {0xFF, 0xF0, 0x00, 0x00, 0xFF, 0x00};
  omendb_column columns[2];
  memset(columns, 0, sizeof(columns));
  columns[0].name = "id";
  columns[0].ints = kIds;
  columns[1].name = "b";
  columns[1].bits = bits;
  columns[1].dims = 12;
  REQUIRE(omendb_insert(table, columns, 2, 3, NULL) == OMENDB_OK);
  const uint8_t wanted[2] = {0xFF, 0x10};
  omendb_query query;
  memset(&query, 0, sizeof(query));
  query.bits = wanted;
  query.query_count = 1;
  query.dims = 12;
  query.k = 3;
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  REQUIRE(view.offsets[1] == 3);
  CHECK(view.keys.ints[0] == 30 && view.keys.ints[1] == 10 && view.keys.ints[2] == 20);
  CHECK(view.distances[0] == 1.0F && view.distances[1] == 3.0F && view.distances[2] == 9.0F);
  omendb_rows* rows = NULL;
  REQUIRE(omendb_hits_fetch(table, hits, 1, 1, &rows) == OMENDB_OK);
  omendb_column column;
  CHECK(omendb_rows_column(rows, 1, &column) == OMENDB_OK);
  CHECK(column.dims == 12 && column.floats == NULL && memcmp(column.bits, bits, 2) == 0);
  omendb_rows_free(rows);
  omendb_hits_free(hits);
  query.dims = 17;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  query.bits = NULL;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  specs[1].metric = OMENDB_L2;
  omendb_table* other = NULL;
  CHECK(omendb_create_table(database, "other", specs, 2, 0, &other) == OMENDB_SCHEMA);
  omendb_table_free(table);
  CHECK(omendb_drop_table(database, "bits") == OMENDB_OK);
}

static void test_several_vectors(omendb_database* database) {
  omendb_column_spec specs[2];
  describe_vectors(specs, "tokens", 2);
  specs[1].type = OMENDB_VECTORS; /* the metric is the cosine where none is named */
  omendb_table* table = NULL;
  REQUIRE(omendb_create_table(database, "several", specs, 2, 0, &table) == OMENDB_OK);
  const float tokens[6] = {1.0F, 0.0F, 0.0F, 2.0F, -3.0F, 0.0F};
  const int64_t ends[4] = {0, 2, 3, 3}; /* the last row has none */
  omendb_column columns[2];
  memset(columns, 0, sizeof(columns));
  columns[0].name = "id";
  columns[0].ints = kIds;
  columns[1].name = "tokens";
  columns[1].list_offsets = ends;
  columns[1].floats = tokens;
  columns[1].dims = 2;
  REQUIRE(omendb_insert(table, columns, 2, 3, NULL) == OMENDB_OK);
  const float wanted[6] = {5.0F, 0.0F, 0.0F, 1.0F, -1.0F, 0.0F};
  const uint32_t counts[2] = {2, 1};
  omendb_query query;
  memset(&query, 0, sizeof(query));
  query.vectors = wanted;
  query.query_count = 2;
  query.vector_counts = counts;
  query.dims = 2;
  query.k = 3;
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  REQUIRE(view.offsets[1] == 2 && view.offsets[2] == 4);
  CHECK(view.keys.ints[0] == 10 && view.keys.ints[1] == 20 && view.keys.ints[2] == 20 && view.keys.ints[3] == 10);
  CHECK(view.scores[0] == 2.0F && view.scores[1] == -1.0F && view.scores[2] == 1.0F && view.scores[3] == 0.0F);
  omendb_rows* rows = NULL;
  REQUIRE(omendb_hits_fetch(table, hits, 0, 2, &rows) == OMENDB_OK);
  omendb_column column;
  CHECK(omendb_rows_column(rows, 1, &column) == OMENDB_OK);
  CHECK(column.type == OMENDB_VECTORS && column.dims == 2 && column.list_offsets[1] == 2 &&
        column.list_offsets[2] == 3);
  CHECK(memcmp(column.floats, tokens, sizeof(tokens)) == 0);
  omendb_rows_free(rows);
  omendb_hits_free(hits);
  query.vector_counts = NULL;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  specs[1].metric = OMENDB_L2;
  omendb_table* other = NULL;
  CHECK(omendb_create_table(database, "other", specs, 2, 0, &other) == OMENDB_SCHEMA);
  omendb_table_free(table);
  CHECK(omendb_drop_table(database, "several") == OMENDB_OK);
}

static void test_sparse(omendb_database* database) {
  omendb_column_spec specs[2];
  describe_vectors(specs, "s", 0);
  specs[1].type = OMENDB_SPARSE;
  omendb_table* table = NULL;
  REQUIRE(omendb_create_table(database, "sparse", specs, 2, 0, &table) == OMENDB_OK);
  const int64_t ends[4] = {0, 2, 2, 4};
  const uint32_t indexes[4] = {70, 7, 7, 9};
  const float weights[4] = {0.5F, 2.0F, 3.0F, -1.0F};
  omendb_column columns[2];
  memset(columns, 0, sizeof(columns));
  columns[0].name = "id";
  columns[0].ints = kIds;
  columns[1].name = "s";
  columns[1].list_offsets = ends;
  columns[1].uints = indexes;
  columns[1].floats = weights;
  REQUIRE(omendb_insert(table, columns, 2, 3, NULL) == OMENDB_OK);
  const uint32_t wanted[2] = {70, 7};
  const float wanted_weights[2] = {4.0F, 1.0F};
  omendb_sparse_search sparse;
  memset(&sparse, 0, sizeof(sparse));
  sparse.indexes = wanted;
  sparse.weights = wanted_weights;
  sparse.pair_count = 2;
  omendb_query query;
  memset(&query, 0, sizeof(query));
  query.k = 3;
  query.sparse = &sparse;
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  REQUIRE(view.offsets[1] == 2);
  CHECK(view.keys.ints[0] == 10 && view.keys.ints[1] == 30);
  CHECK(view.sparse_scores[0] == 4.0F && view.scores[1] == 3.0F && view.text_scores == NULL);
  omendb_rows* rows = NULL;
  REQUIRE(omendb_hits_fetch(table, hits, 0, 1, &rows) == OMENDB_OK);
  omendb_column column;
  CHECK(omendb_rows_column(rows, 1, &column) == OMENDB_OK && column.type == OMENDB_SPARSE);
  CHECK(column.list_offsets[1] == 2 && column.uints[0] == 7 && column.uints[1] == 70 && column.floats[1] == 0.5F);
  omendb_rows_free(rows);
  omendb_hits_free(hits);
  sparse.column = "other";
  CHECK(omendb_search(table, &query, &hits) == OMENDB_SCHEMA);
  sparse.weights = NULL;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_INVALID_ARGUMENT);
  omendb_table_free(table);
  CHECK(omendb_drop_table(database, "sparse") == OMENDB_OK);
}

static void test_conditions(omendb_table* table) {
  omendb_value value = {.kind = OMENDB_VALUE_INT64, .number = 20};
  omendb_where where = {.text = "id >= ?", .values = &value, .value_count = 1};
  uint64_t count = 0;
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_OK && count == 2);
  CHECK(omendb_count_where(table, NULL, &count) == OMENDB_OK && count == 3);
  const omendb_value items[2] = {{.kind = OMENDB_VALUE_INT64, .number = 10}, {.kind = OMENDB_VALUE_NULL}};
  value = (omendb_value){.kind = OMENDB_VALUE_LIST, .name = "ids", .list = items, .list_size = 2};
  where.text = "id in :ids";
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_OK && count == 1);

  const float vector[2] = {0.0F, 0.0F};
  const omendb_query query = {.vectors = vector, .query_count = 1, .dims = 2, .k = 3, .where = &where};
  omendb_hits* hits = NULL;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  const omendb_hits_view view = omendb_hits_get(hits);
  CHECK(view.offsets[1] == 1 && view.keys.ints[0] == 10);
  omendb_hits_free(hits);

  const char* const text = "ten";
  const int64_t offsets[2] = {0, 3};
  const omendb_column label = {.name = "label", .offsets = offsets, .chars = text};
  CHECK(omendb_update_where(table, &label, 1, &where, &count) == OMENDB_OK && count == 1);
  where = (omendb_where){.text = "label = 'ten'"};
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_OK && count == 1);
  where.text = "";
  CHECK(omendb_erase_where(table, &where, &count) == OMENDB_INVALID_ARGUMENT);
  where.text = "lable = 'ten'";
  CHECK(omendb_erase_where(table, &where, &count) == OMENDB_SCHEMA);
  CHECK(strstr(omendb_last_error(), "character 1") != NULL);
  where.text = "id > 1000";
  CHECK(omendb_erase_where(table, &where, &count) == OMENDB_OK && count == 0);
  value.list = NULL;
  where = (omendb_where){.text = "id in :ids", .values = &value, .value_count = 1};
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_INVALID_ARGUMENT);
}

static void test_removing(omendb_database* database, omendb_table* table) {
  const int64_t keys[2] = {20, 99};
  uint64_t removed = 0;
  uint64_t count = 0;
  CHECK(omendb_erase_int64(table, keys, 2, &removed) == OMENDB_OK && removed == 1);
  CHECK(omendb_erase_int64(table, NULL, 0, &removed) == OMENDB_OK && removed == 0);
  const char* texts[1] = {"a"};
  CHECK(omendb_erase_string(table, texts, 1, &removed) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_clear(table, &removed) == OMENDB_OK && removed == 2);
  CHECK(omendb_count(table, &count) == OMENDB_OK && count == 0);
  CHECK(omendb_check(database) == OMENDB_OK);
  CHECK(omendb_checkpoint(database) == OMENDB_OK);
  CHECK(omendb_drop_table(database, "things") == OMENDB_OK);
  CHECK(omendb_count(table, &count) == OMENDB_NOT_FOUND);
  CHECK(omendb_drop_table(database, "things") == OMENDB_NOT_FOUND);
  omendb_table* none = NULL;
  CHECK(omendb_open_table(database, "things", &none) == OMENDB_NOT_FOUND);
}

static void test_opening(void) {
  omendb_options options;
  memset(&options, 0, sizeof(options));
  options.must_exist = 1;
  omendb_database* database = NULL;
  CHECK(omendb_open("/nonexistent/directory", &options, &database) == OMENDB_NOT_FOUND);
  CHECK(strlen(omendb_last_error()) > 0);
  CHECK(omendb_open(NULL, NULL, &database) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_open(":memory:", NULL, NULL) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_close(NULL) == OMENDB_OK);
  CHECK(omendb_check(NULL) == OMENDB_INVALID_ARGUMENT);
  CHECK(omendb_rows_count(NULL) == 0 && omendb_hits_get(NULL).query_count == 0);
  omendb_rows_free(NULL);
  omendb_hits_free(NULL);
  omendb_table_free(NULL);
}

static int count_down(void* context) {
  int* left = context;
  return --*left < 0;
}

static void test_stopping(omendb_table* table) {
  const float vector[2] = {0.0F, 0.0F};
  volatile uint8_t cancelled = 0;
  int left = 0;
  omendb_stop stop = {.timeout_ns = INT64_MAX, .cancelled = &cancelled};
  omendb_query query = {.vectors = vector, .query_count = 1, .dims = 2, .k = 2, .stop = &stop};
  const omendb_value value = {.kind = OMENDB_VALUE_INT64, .number = 20};
  const omendb_where where = {.text = "id <> ?", .values = &value, .value_count = 1, .stop = &stop};
  omendb_hits* hits = NULL;
  uint64_t count = 0;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK);
  omendb_hits_free(hits);
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_OK && count == 2);
  cancelled = 1;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_CANCELLED);
  CHECK(strstr(omendb_last_error(), "cancelled") != NULL);
  CHECK(omendb_count_where(table, &where, &count) == OMENDB_CANCELLED);
  CHECK(omendb_erase_where(table, &where, &count) == OMENDB_CANCELLED);
  cancelled = 0;
  stop.timeout_ns = -1;
  CHECK(omendb_search(table, &query, &hits) == OMENDB_TIMEOUT);
  CHECK(omendb_erase_where(table, &where, &count) == OMENDB_TIMEOUT);
  stop = (omendb_stop){.interrupted = &count_down, .context = &left, .interval_ns = -1};
  CHECK(omendb_search(table, &query, &hits) == OMENDB_CANCELLED && left == -1);
  left = 1000;
  REQUIRE(omendb_search(table, &query, &hits) == OMENDB_OK && left < 1000);
  omendb_hits_free(hits);
  CHECK(omendb_count(table, &count) == OMENDB_OK && count == 3);
}

int main(void) {
  CHECK(strcmp(omendb_version(), "0.1.0") == 0);
  test_opening();
  omendb_database* database = NULL;
  REQUIRE(omendb_open(":memory:", NULL, &database) == OMENDB_OK);
  omendb_table* table = create_table(database);
  REQUIRE(table != NULL);
  test_writing(table);
  test_rows(table);
  test_search(table);
  test_indexes(database);
  test_l1(database);
  test_bits(database);
  test_several_vectors(database);
  test_sparse(database);
  omendb_table* same = NULL;
  CHECK(omendb_open_table(database, "things", &same) == OMENDB_OK);
  test_conditions(table);
  test_stopping(table);
  test_removing(database, table);
  CHECK(omendb_close(database) == OMENDB_OK);
  uint64_t count = 0;
  CHECK(omendb_count(table, &count) == OMENDB_CLOSED);
  omendb_table_free(same);
  omendb_table_free(table);
  printf(failures == 0 ? "the C interface keeps its promises\n" : "%d checks failed\n", failures);
  return failures == 0 ? 0 : 1;
}
