# Checks of the text itself, as tests: no compiler, seconds. Label "house": `make test` runs them first.

if(NOT OMENDB_TESTS)
  return()
endif()
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)

function(omen_house_test name)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${ARGN} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS house ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
endfunction()

omen_house_test(layers tools/check_layers.py)
omen_house_test(layers_self_test tools/check_layers_test.py)
omen_house_test(tidy tools/tidy.py)
omen_house_test(tidy_self_test tools/tidy_test.py)
omen_house_test(docs_links tools/check_docs.py)
omen_house_test(docs_self_test tools/check_docs_test.py)
