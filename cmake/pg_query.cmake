# libpg_query, PostgreSQL's own parser as a library. Debian's is too old (it crashes on long chains of operators), so it is built once, from the source package that the
# lock file names, into build/pg_query of the source tree; -DOMENDB_SYSTEM_PG_QUERY=ON takes an installed one.
option(OMENDB_SYSTEM_PG_QUERY "take an installed libpg_query, 16 or newer" OFF)
set(omendb_pg_query_folder ${CMAKE_SOURCE_DIR}/build/pg_query)
if(NOT OMENDB_SYSTEM_PG_QUERY)
  execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/pg_query.sh ${omendb_pg_query_folder} RESULT_VARIABLE omendb_pg_query_failed)
  if(omendb_pg_query_failed)
    message(FATAL_ERROR "libpg_query could not be built (see above); -DOMENDB_SYSTEM_PG_QUERY=ON takes an installed one")
  endif()
  set(omendb_pg_query_hints PATHS ${omendb_pg_query_folder} NO_DEFAULT_PATH)
endif()
find_library(OMENDB_PG_QUERY_LIBRARY pg_query ${omendb_pg_query_hints})
find_path(OMENDB_PG_QUERY_INCLUDE pg_query.h ${omendb_pg_query_hints})
if(NOT OMENDB_PG_QUERY_LIBRARY OR NOT OMENDB_PG_QUERY_INCLUDE)
  message(FATAL_ERROR "libpg_query is missing: leave OMENDB_SYSTEM_PG_QUERY off to have it built")
endif()
add_library(pg_query STATIC IMPORTED)
set_target_properties(pg_query PROPERTIES IMPORTED_LOCATION ${OMENDB_PG_QUERY_LIBRARY}
  INTERFACE_INCLUDE_DIRECTORIES ${OMENDB_PG_QUERY_INCLUDE})
