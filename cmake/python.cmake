# The Python extension `omendb._omendb` (python/src), built by `pip install .` (pyproject.toml). -DOMENDB_PYTHON=ON, with nanobind found in the environment
# of the Python that -DPython_EXECUTABLE names. The rooms are linked in; only the module's entry point leaves the shared object.

option(OMENDB_PYTHON "build the Python extension" OFF)
if(NOT OMENDB_PYTHON)
  return()
endif()

set(Python_FIND_VIRTUALENV FIRST)
find_package(Python 3.11 REQUIRED COMPONENTS Interpreter Development.Module OPTIONAL_COMPONENTS Development.SABIModule)
if(NOT nanobind_ROOT)
  execute_process(COMMAND ${Python_EXECUTABLE} -m nanobind --cmake_dir OUTPUT_STRIP_TRAILING_WHITESPACE OUTPUT_VARIABLE nanobind_ROOT
    RESULT_VARIABLE omen_nanobind_missing)
  if(omen_nanobind_missing)
    message(FATAL_ERROR "nanobind is missing: ${Python_EXECUTABLE} -m pip install nanobind")
  endif()
endif()
find_package(nanobind CONFIG REQUIRED)

# NOMINSIZE: a search from Python may cost 5 us more than one from C++, so the binding is optimised for speed.
file(GLOB omen_python_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/python/src/*.cc)
nanobind_add_module(_omendb STABLE_ABI NB_STATIC NOMINSIZE NB_SUPPRESS_WARNINGS ${omen_python_sources})
target_link_libraries(_omendb PRIVATE engine_database hamt omen_flags)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
  # The package needs pyarrow, which needs SSE4.2, so the CPU counts bits. A lookup in a Map does it at every level: without, a third slower.
  target_compile_options(_omendb PRIVATE -mpopcnt)
endif()
target_link_options(_omendb PRIVATE LINKER:--version-script=${CMAKE_SOURCE_DIR}/python/_omendb.map)
set_target_properties(_omendb PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/python/omendb
  LINK_DEPENDS ${CMAKE_SOURCE_DIR}/python/_omendb.map)
install(TARGETS _omendb LIBRARY DESTINATION omendb COMPONENT python)

if(NOT OMENDB_SANITIZE)  # stubs come from importing the module, which a sanitizer's runtime would have to precede
  nanobind_add_stub(_omendb_stub MODULE _omendb OUTPUT ${CMAKE_BINARY_DIR}/python/omendb/_omendb.pyi
    PATTERN_FILE ${CMAKE_SOURCE_DIR}/python/_omendb.pat
    PYTHON_PATH $<TARGET_FILE_DIR:_omendb> DEPENDS _omendb)
  install(FILES ${CMAKE_BINARY_DIR}/python/omendb/_omendb.pyi DESTINATION omendb COMPONENT python)
endif()
