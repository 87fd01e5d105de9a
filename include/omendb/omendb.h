/* OmenDB from C, and from everything that speaks C. Link libomendb.so (pkg-config omendb).
 *
 * Every call returns OMENDB_OK or the code of what went wrong; omendb_last_error() then has one line about it, for this thread, until its next
 * call. Strings are UTF-8. Handles are freed by the call named beside them and are good on any thread; searches and writes may run side by side. What a
 * call borrows it borrows until it returns. Nothing here throws, aborts on bad input, or keeps process-wide state. */
#ifndef OMENDB_OMENDB_H_
#define OMENDB_OMENDB_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define OMENDB_API __attribute__((visibility("default")))
#else
#define OMENDB_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum omendb_status {
  OMENDB_OK = 0,
  OMENDB_INVALID_ARGUMENT = 1,
  OMENDB_SCHEMA = 2,
  OMENDB_NOT_FOUND = 3,
  OMENDB_CONFLICT = 4,
  OMENDB_CORRUPTION = 5,
  OMENDB_STORAGE_FULL = 6,
  OMENDB_LOCKED = 7,
  OMENDB_PERMISSION = 8,
  OMENDB_IO = 9,
  OMENDB_UNSUPPORTED_FORMAT = 10,
  OMENDB_NOT_SUPPORTED = 11,
  OMENDB_CLOSED = 12,
  OMENDB_OUT_OF_MEMORY = 13,
  OMENDB_INTERNAL = 14,
  OMENDB_TIMEOUT = 15,
  OMENDB_CANCELLED = 16
} omendb_status;

typedef enum omendb_type {
  OMENDB_BOOL = 1,
  OMENDB_INT64 = 2,
  OMENDB_FLOAT64 = 3,
  OMENDB_TIMESTAMP = 4, /* microseconds since 1970-01-01 UTC */
  OMENDB_STRING = 5,
  OMENDB_STRING_LIST = 6,
  OMENDB_JSON = 7,
  OMENDB_TEXT = 8,
  OMENDB_VECTOR = 9,
  OMENDB_SPARSE = 16,
  OMENDB_VECTORS = 17 /* several a row */
} omendb_type;

/* What searches walk over: see omendb::VectorStorage in omendb/schema.h. */
typedef enum omendb_storage {
  OMENDB_AUTO = 0,
  OMENDB_F32 = 1,
  OMENDB_F16 = 2,
  OMENDB_BF16 = 3,
  OMENDB_SQ8 = 4,
  OMENDB_PQ = 5,
  OMENDB_RABITQ = 6,
  OMENDB_BINARY = 7
} omendb_storage;
typedef enum omendb_metric {
  OMENDB_L2 = 1,
  OMENDB_COSINE = 2,
  OMENDB_INNER_PRODUCT = 3,
  OMENDB_L1 = 4,
  OMENDB_HAMMING = 5,
  OMENDB_JACCARD = 6
} omendb_metric;
typedef enum omendb_element { OMENDB_FLOATS = 0, OMENDB_BITS = 1 } omendb_element; /* see omendb::Element */
typedef enum omendb_index {
  OMENDB_INDEX_AUTO = 0,
  OMENDB_INDEX_ALWAYS = 1,
  OMENDB_INDEX_NEVER = 2
} omendb_index; /* see omendb::IndexMode */

typedef struct omendb_database omendb_database; /* omendb_close */
typedef struct omendb_table omendb_table;       /* omendb_table_free; keeps its database open */
typedef struct omendb_hits omendb_hits;         /* omendb_hits_free */
typedef struct omendb_rows omendb_rows;         /* omendb_rows_free */

/* Set every field to 0 for the defaults. */
typedef struct omendb_options {
  int must_exist; /* 1: do not create the directory */
  int read_only;
  int sync_off;             /* 1: answer before the log is on disk */
  unsigned threads;         /* background workers; 0 = what the hardware has */
  uint64_t index_bytes_max; /* memory for indexes behind conditions that were not asked for; 0 = 1 GiB */
} omendb_options;

typedef struct omendb_column_spec {
  const char* name;
  omendb_type type;
  int primary_key;          /* 1 for exactly one column, int64 or string */
  uint32_t dims;            /* vectors */
  omendb_metric metric;     /* vectors; 0 = L2, of bits Hamming */
  uint32_t m;               /* vectors; 0 = 16 */
  uint32_t ef_construction; /* vectors; 0 = 200 */
  omendb_storage storage;   /* vectors */
  uint8_t storage_bits;     /* vectors; OMENDB_RABITQ: 1 to 8 a dimension, 0 = 4; OMENDB_PQ: 4 or 8 a piece, 0 = 8 */
  omendb_element element;   /* vectors */
  const char* analyzer;     /* texts; NULL = "english" */
  const double* k1;         /* texts; NULL = 0.9 */
  const double* b;          /* texts; NULL = 0.4 */
  omendb_index index;       /* behind conditions */
  const char* const* index_paths; /* JSON with OMENDB_INDEX_ALWAYS: its members, "brand", "size.width" */
  size_t index_path_count;
} omendb_column_spec;

/* One column of rows, in or out. Which pointers are used depends on the type; see omendb/batch.h, which this mirrors. */
typedef struct omendb_column {
  const char* name;
  omendb_type type;        /* filled on the way out, ignored on the way in */
  const uint8_t* validity; /* one byte a row, 0 = null; NULL = no nulls */
  const uint8_t* bools;
  const int64_t* ints; /* int64, timestamp */
  const double* doubles;
  const int64_t* list_offsets;
  const int64_t* offsets; /* rows + 1 */
  const char* chars;
  const float* floats; /* rows x dims; of several vectors a row dims for each, whose counts list_offsets sums up */
  size_t dims;
  const uint8_t* bits;   /* rows x (dims + 7) / 8 */
  const uint32_t* uints; /* sparse: the index of each pair, whose weight is in floats; list_offsets counts pairs */
} omendb_column;

typedef enum omendb_value_kind {
  OMENDB_VALUE_NULL = 0,
  OMENDB_VALUE_BOOL = 1,
  OMENDB_VALUE_INT64 = 2,
  OMENDB_VALUE_FLOAT64 = 3,
  OMENDB_VALUE_STRING = 4,
  OMENDB_VALUE_TIMESTAMP = 5,
  OMENDB_VALUE_LIST = 6
} omendb_value_kind;

/* What a parameter of a condition stands for. */
typedef struct omendb_value {
  omendb_value_kind kind;
  const char* name;   /* of `:name`; NULL: of the next `?` */
  int64_t number;     /* bool, int64, timestamp: microseconds since 1970-01-01 UTC */
  double real;        /* float64 */
  const char* string; /* UTF-8 */
  const struct omendb_value* list;
  size_t list_size;
} omendb_value;

/* When a call is to end before it is done, with OMENDB_TIMEOUT or OMENDB_CANCELLED, no part of an answer and nothing written (omendb/stop_when.h). */
typedef struct omendb_stop {
  int64_t timeout_ns; /* from the beginning of the call; 0 = none, below 0: it is over already */
  const volatile uint8_t*
      cancelled; /* NULL = none; else 0, and 1 to end the call, set by any thread or a signal handler */
  int (*interrupted)(void* context); /* NULL = none; else asked on the thread of the call: not 0 ends it */
  void* context;
  int64_t interval_ns; /* how often it is asked; 0 = every 50 ms, below 0: whenever the call looks */
} omendb_stop;

/* A condition in SQL (docs/filters.md). */
typedef struct omendb_where {
  const char* text;
  const omendb_value* values;
  size_t value_count;
  const omendb_stop* stop; /* NULL = never; of a count, an update or an erase. A search has its own */
} omendb_where;

typedef enum omendb_fusion {
  OMENDB_FUSE_DISTRIBUTION = 0,
  OMENDB_FUSE_RELATIVE = 1,
  OMENDB_FUSE_RECIPROCAL_RANK = 2,
  OMENDB_FUSE_TEXT_FILTERS = 3
} omendb_fusion;

/* What to look for in text columns; beside vectors the two rankings are fused (omendb/query.h, docs/text.md). */
typedef struct omendb_text_search {
  const char* text;           /* words, any of them */
  const char* query;          /* instead of text: words, phrases and operators */
  const char* const* columns; /* NULL = every text column, each with weight 1 */
  const double* weights;      /* of the columns; NULL = each 1 */
  size_t column_count;
  omendb_fusion fusion;
  double vector_weight; /* both weights 0: each 1 */
  double text_weight;
  size_t candidates; /* of each ranking; 0 = twice k, and at least 50 */
} omendb_text_search;

/* A sparse vector to look for, alone or beside vectors and texts (omendb/query.h, docs/sparse.md). */
typedef struct omendb_sparse_search {
  const uint32_t* indexes;
  const float* weights;
  size_t pair_count;
  const char* column; /* NULL when the table has one sparse column */
  /* How it is fused where there is no text search, whose fusion, weights and candidates count otherwise. */
  omendb_fusion fusion;
  double vector_weight;
  double sparse_weight; /* all weights 0: each 1; beside a text search too */
  size_t candidates;
} omendb_sparse_search;

typedef struct omendb_query {
  const float* vectors; /* query_count x dims */
  size_t query_count;
  size_t dims;
  const char* column; /* NULL when the table has one vector column */
  size_t k;
  size_t ef; /* 0 = chosen for the recall */
  int exact;
  unsigned threads;               /* for several queries; 0 = what the hardware has */
  double recall;                  /* share of the true k nearest that is wanted, at most 1 (exact); 0 = 0.95 */
  const float* radius;            /* NULL = none; else only rows no farther than *radius, and at most k of them */
  const uint8_t* bits;            /* instead of vectors where the column holds bits: query_count x (dims + 7) / 8 */
  const omendb_where* where;      /* only rows for which it is true; NULL = every row */
  const omendb_text_search* text; /* NULL = by vectors alone; without vectors by text alone */
  size_t offset;                  /* so many of the best hits are left out */
  const float* min_score;         /* NULL = none; else only hits that score no less */
  const char* group_by;           /* NULL = none; else of rows with the same value in this column only the best one */
  const omendb_stop* stop;        /* NULL = never */
  const uint32_t*
      vector_counts; /* of a column of several vectors a row: how many each of the query_count queries has */
  const omendb_sparse_search* sparse; /* NULL = none */
} omendb_query;

/* Hits of query i are entries offsets[i] .. offsets[i + 1], best first. Borrowed from the handle. */
typedef struct omendb_hits_view {
  size_t query_count;
  const uint32_t* offsets;
  const float* distances;
  omendb_column keys;         /* ints, or offsets and chars */
  const float* scores;        /* larger is better */
  const float* text_scores;   /* BM25; NULL without text */
  const float* sparse_scores; /* inner products; NULL without a sparse vector */
} omendb_hits_view;

OMENDB_API const char* omendb_version(void);    /* "0.1.0" */
OMENDB_API const char* omendb_last_error(void); /* never NULL */

OMENDB_API omendb_status omendb_open(const char* path, const omendb_options* options, omendb_database** out);
OMENDB_API omendb_status
omendb_close(omendb_database* database); /* frees the handle; the error, if any, is about the last checkpoint */
OMENDB_API omendb_status omendb_check(omendb_database* database);
OMENDB_API omendb_status omendb_checkpoint(omendb_database* database);
OMENDB_API omendb_status omendb_backup(omendb_database* database, const char* target);

OMENDB_API omendb_status omendb_create_table(omendb_database* database, const char* name,
                                             const omendb_column_spec* columns, size_t column_count, int exist_ok,
                                             omendb_table** out);
OMENDB_API omendb_status omendb_open_table(omendb_database* database, const char* name, omendb_table** out);
OMENDB_API omendb_status omendb_drop_table(omendb_database* database, const char* name);
OMENDB_API void omendb_table_free(omendb_table* table);

OMENDB_API omendb_status omendb_insert(omendb_table* table, const omendb_column* columns, size_t column_count,
                                       size_t row_count, uint64_t* written);
OMENDB_API omendb_status omendb_upsert(omendb_table* table, const omendb_column* columns, size_t column_count,
                                       size_t row_count, uint64_t* written);
OMENDB_API omendb_status omendb_erase_int64(omendb_table* table, const int64_t* keys, size_t key_count,
                                            uint64_t* removed);
OMENDB_API omendb_status omendb_erase_string(omendb_table* table, const char* const* keys, size_t key_count,
                                             uint64_t* removed);
/* Rows for which a condition is true: removed; given one value (one row of them) in some columns, not the primary key; counted. */
OMENDB_API omendb_status omendb_erase_where(omendb_table* table, const omendb_where* where, uint64_t* removed);
OMENDB_API omendb_status omendb_update_where(omendb_table* table, const omendb_column* columns, size_t column_count,
                                             const omendb_where* where, uint64_t* changed);
OMENDB_API omendb_status omendb_count_where(omendb_table* table, const omendb_where* where, uint64_t* count);
OMENDB_API omendb_status omendb_clear(omendb_table* table, uint64_t* removed);
OMENDB_API omendb_status omendb_count(omendb_table* table, uint64_t* count);

/* Rows that exist, in the order of the keys. */
OMENDB_API omendb_status omendb_get_int64(omendb_table* table, const int64_t* keys, size_t key_count,
                                          omendb_rows** out);
OMENDB_API omendb_status omendb_get_string(omendb_table* table, const char* const* keys, size_t key_count,
                                           omendb_rows** out);
OMENDB_API size_t omendb_rows_count(const omendb_rows* rows);
OMENDB_API size_t omendb_rows_column_count(const omendb_rows* rows);
OMENDB_API omendb_status omendb_rows_column(const omendb_rows* rows, size_t index,
                                            omendb_column* out); /* borrowed from the handle */
OMENDB_API void omendb_rows_free(omendb_rows* rows);

OMENDB_API omendb_status omendb_search(omendb_table* table, const omendb_query* query, omendb_hits** out);
OMENDB_API omendb_hits_view omendb_hits_get(const omendb_hits* hits);
/* Columns of hits first .. first + count, as they were in the version that was searched. */
OMENDB_API omendb_status omendb_hits_fetch(omendb_table* table, const omendb_hits* hits, size_t first, size_t count,
                                           omendb_rows** out);
OMENDB_API void omendb_hits_free(omendb_hits* hits);

#ifdef __cplusplus
}
#endif

#endif /* OMENDB_OMENDB_H_ */
