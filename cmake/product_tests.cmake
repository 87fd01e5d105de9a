# Tests of what is shipped: the symbols of the shared library, and projects of users built against an install. Only the plain build is shipped.

if(TARGET omendb AND NOT OMENDB_SANITIZE)
  set(omen_tests_dir ${CMAKE_SOURCE_DIR}/tests)
  add_test(NAME exported_symbols
    COMMAND ${Python3_EXECUTABLE} ${omen_tests_dir}/exported_symbols.py $<TARGET_FILE:omendb> ${CMAKE_SOURCE_DIR}/include/omendb)
  add_test(NAME consumer
    COMMAND ${Python3_EXECUTABLE} ${omen_tests_dir}/consumer/build_and_run.py
      ${CMAKE_BINARY_DIR} ${CMAKE_CXX_COMPILER} ${CMAKE_C_COMPILER})
endif()
