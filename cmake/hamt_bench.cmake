# hamt_compare: hamt::map beside every other map that is found (bench/hamt/README.md). Peers that come as Debian packages are looked for; two more come
# from checkouts outside of the project, which are never copied:
#   -DHAMT_BENCH_LIBHAMT=DIR    libhamt (https://github.com/mkirchner/hamt), or a C library with its API, built by its own means (bench/hamt/README.md)
#   -DHAMT_BENCH_IMMER=DIR      immer (https://github.com/arximboldi/immer)

if(NOT OMENDB_TESTS OR OMENDB_SANITIZE)
  return()
endif()

set(HAMT_BENCH_FLAGS "-O3 -march=native -DNDEBUG" CACHE STRING "how hamt and its C++ peers are compiled in hamt_compare")
set(HAMT_BENCH_LIBHAMT "" CACHE PATH "a checkout of libhamt")
set(HAMT_BENCH_IMMER "" CACHE PATH "a checkout of immer")

set(omen_hamt_bench ${CMAKE_SOURCE_DIR}/bench/hamt)
separate_arguments(omen_hamt_flags UNIX_COMMAND "${HAMT_BENCH_FLAGS}")
set(omen_hamt_versions "")

add_executable(hamt_compare ${omen_hamt_bench}/hamt_compare.cc ${omen_hamt_bench}/keys.cc ${omen_hamt_bench}/heap_use.cc
                            ${omen_hamt_bench}/hamt_peers.cc ${omen_hamt_bench}/standard_peers.cc)
target_link_libraries(hamt_compare PRIVATE omen_flags)
target_compile_options(hamt_compare PRIVATE ${omen_hamt_flags})

# A peer that was found: its source, what it links, how it is called and which version it has.
function(omen_hamt_peer name version)
  string(TOLOWER ${name} source)
  target_sources(hamt_compare PRIVATE ${omen_hamt_bench}/${source}_peers.cc)
  target_compile_definitions(hamt_compare PRIVATE HAMT_BENCH_HAS_${name})
  target_link_libraries(hamt_compare PRIVATE ${ARGN})
  set(omen_hamt_versions "${omen_hamt_versions}built,${source},${version}\\n" PARENT_SCOPE)
endfunction()

# The commit of a checkout, where git knows it.
function(omen_commit_of folder variable)
  execute_process(COMMAND git -C ${folder} describe --always --dirty OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT commit)
    set(commit "unknown commit")
  endif()
  set(${variable} "${commit}" PARENT_SCOPE)
endfunction()

find_package(Boost 1.81 QUIET)
if(Boost_FOUND)
  omen_hamt_peer(BOOST ${Boost_VERSION_STRING} Boost::headers)
endif()
find_package(absl QUIET)
if(absl_FOUND)
  omen_hamt_peer(ABSL ${absl_VERSION} absl::flat_hash_map)
endif()
find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
  pkg_check_modules(GLIB QUIET IMPORTED_TARGET glib-2.0)
endif()
if(GLIB_FOUND)
  omen_hamt_peer(GLIB ${GLIB_VERSION} PkgConfig::GLIB)
endif()
if(HAMT_BENCH_IMMER)
  omen_commit_of(${HAMT_BENCH_IMMER} omen_immer_commit)
  add_library(omen_immer INTERFACE)
  target_include_directories(omen_immer SYSTEM INTERFACE ${HAMT_BENCH_IMMER})
  omen_hamt_peer(IMMER "${omen_immer_commit}" omen_immer)
endif()

# One shared object of the built library and our adapter; the library's names stay inside, so that two builds of it fit into one program.
function(omen_libhamt variant)
  set(archive ${HAMT_BENCH_LIBHAMT}/libhamt_${variant}.a)
  if(NOT EXISTS ${archive})
    return()
  endif()
  add_library(libhamt_${variant} SHARED ${omen_hamt_bench}/libhamt_adapter.cc ${omen_hamt_bench}/heap_use.cc)
  target_link_libraries(libhamt_${variant} PRIVATE ${archive})
  target_link_options(libhamt_${variant} PRIVATE -Wl,--exclude-libs,ALL)
  set_target_properties(libhamt_${variant} PROPERTIES PREFIX "")
  target_include_directories(libhamt_${variant} SYSTEM PRIVATE ${HAMT_BENCH_LIBHAMT}/include ${HAMT_BENCH_LIBHAMT}/src)
  target_include_directories(libhamt_${variant} PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/hamt/include)
  target_compile_options(libhamt_${variant} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${omen_hamt_flags}>)
  target_compile_definitions(libhamt_${variant} PRIVATE ${ARGN})
  target_link_libraries(hamt_compare PRIVATE libhamt_${variant})
  string(TOUPPER ${variant} name)
  target_compile_definitions(hamt_compare PRIVATE HAMT_BENCH_HAS_LIBHAMT_${name})
endfunction()

if(HAMT_BENCH_LIBHAMT)
  omen_libhamt(malloc)
  omen_libhamt(pool WITH_TABLE_CACHE)
  omen_commit_of(${HAMT_BENCH_LIBHAMT} omen_libhamt_commit)
  string(APPEND omen_hamt_versions "built,libhamt,${omen_libhamt_commit}\\n")
endif()

set_source_files_properties(${omen_hamt_bench}/hamt_compare.cc PROPERTIES COMPILE_DEFINITIONS
  "HAMT_BENCH_FLAGS=\"${HAMT_BENCH_FLAGS}\";HAMT_BENCH_VERSIONS=\"${omen_hamt_versions}\"")
set_source_files_properties(${omen_hamt_bench}/keys.cc PROPERTIES COMPILE_DEFINITIONS "OMENDB_SOURCE_DIR=\"${CMAKE_SOURCE_DIR}\"")

# All maps of this build with few keys, through the driver: times, figures and tables. Fails when a map answers wrongly.
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
add_test(NAME hamt_compare
  COMMAND ${Python3_EXECUTABLE} -m bench.hamt.compare --program $<TARGET_FILE:hamt_compare> --keys random,collision,decimal
    --sizes 1,200 --repeats 1 --repeat-ms 0 --out ${CMAKE_BINARY_DIR}/hamt_compare_results
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
set_tests_properties(hamt_compare PROPERTIES LABELS bench ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
