# Measurements of the whole engine against the public door (bench/README.md); also run tiny as a test, so that they do not rot.

if(OMENDB_TESTS AND TARGET omendb AND NOT OMENDB_SANITIZE)
  add_library(bench_measure STATIC ${CMAKE_SOURCE_DIR}/bench/measure.cc ${CMAKE_SOURCE_DIR}/bench/sample_vectors.cc)
  target_link_libraries(bench_measure PUBLIC omendb omen_flags)
  add_executable(engine_bench ${CMAKE_SOURCE_DIR}/bench/engine_bench.cc)
  target_link_libraries(engine_bench PRIVATE bench_measure)
  add_test(NAME engine_bench COMMAND engine_bench --rows 3000 --burst-rows 2000)
  add_executable(index_bench ${CMAKE_SOURCE_DIR}/bench/index_bench.cc ${CMAKE_SOURCE_DIR}/bench/index_memory.cc
                             ${CMAKE_SOURCE_DIR}/bench/index_churn.cc ${CMAKE_SOURCE_DIR}/bench/index_rows.cc)
  target_link_libraries(index_bench PRIVATE bench_measure)
  add_test(NAME index_bench COMMAND index_bench --rows 2000)
  set_tests_properties(engine_bench index_bench PROPERTIES LABELS bench)
endif()

# The C++ example, run as its reader would.
if(OMENDB_TESTS AND TARGET omendb)
  add_executable(example_quickstart ${CMAKE_SOURCE_DIR}/examples/quickstart.cc)
  target_link_libraries(example_quickstart PRIVATE omendb omen_flags)
  add_test(NAME example_quickstart COMMAND example_quickstart)
  set_tests_properties(example_quickstart PROPERTIES PASS_REGULAR_EXPRESSION "inserted 3 rows.*red bicycle.*blue bicycle")
endif()
