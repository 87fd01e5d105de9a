# Tests of the whole system: every tests/*_test.cc goes into one GoogleTest program, registered once per file so that files run side by side.

if(NOT OMENDB_TESTS)
  return()
endif()

file(GLOB system_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*_test.cc)
file(GLOB system_test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*.cc)
list(REMOVE_ITEM system_test_sources ${CMAKE_SOURCE_DIR}/tests/ingest_writer.cc)

# A process of its own, to be killed.
add_executable(ingest_writer ${CMAKE_SOURCE_DIR}/tests/ingest_writer.cc ${CMAKE_SOURCE_DIR}/tests/ingest_script.cc
                             ${CMAKE_SOURCE_DIR}/tests/database_model.cc)
target_link_libraries(ingest_writer PRIVATE engine_database)

add_executable(system_test ${system_test_sources})
target_link_libraries(system_test PRIVATE engine_database GTest::gtest_main)
target_compile_options(system_test PRIVATE ${OMENDB_TEST_OPTIONS})
target_compile_definitions(system_test PRIVATE OMENDB_INGEST_WRITER="$<TARGET_FILE:ingest_writer>"
                                               OMENDB_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
add_dependencies(system_test ingest_writer)

# Registers the suites of one file: system_<file>. The suites are read from the file, so none can be forgotten.
function(omen_system_test path)
  get_filename_component(name ${path} NAME_WE)
  string(REGEX REPLACE "_test$" "" name ${name})
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
  file(STRINGS ${path} lines REGEX "^TEST(_F)?\\(")
  list(TRANSFORM lines REPLACE "^TEST(_F)?\\(([A-Za-z0-9]+),.*" "\\2.*")
  list(REMOVE_DUPLICATES lines)
  list(JOIN lines ":" filter)
  add_test(NAME system_${name} COMMAND system_test --gtest_filter=${filter})
  set_tests_properties(system_${name} PROPERTIES LABELS system ENVIRONMENT
                                                 "GTEST_OUTPUT=xml:${CMAKE_BINARY_DIR}/gtest/system_${name}.xml")
endfunction()

foreach(path ${system_tests})
  omen_system_test(${path})
endforeach()

# The C door from C: compiled by the C compiler against the public header only.
add_executable(c_interface_test ${CMAKE_SOURCE_DIR}/tests/c_interface_test.c)
set_target_properties(c_interface_test PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF LINKER_LANGUAGE CXX)
target_link_libraries(c_interface_test PRIVATE engine_database)
add_test(NAME system_c_interface COMMAND c_interface_test)
set_tests_properties(system_c_interface PROPERTIES LABELS system)
