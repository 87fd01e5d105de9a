# What a user links (libomendb for C and C++, omendb::hamt), how it is installed, and the tests of the whole.

include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
include(cmake/house.cmake)

get_target_property(omen_database_type engine_database TYPE)
if(omen_database_type STREQUAL "STATIC_LIBRARY")
  # Rooms that define functions of the door. Everything else is hidden, and of these the version script lets only the door out.
  # Interposition is refused, so that the compiler may still inline across them.
  set(omen_door_rooms engine_base engine_table engine_database)
  set_target_properties(${omen_door_rooms} PROPERTIES CXX_VISIBILITY_PRESET default)
  foreach(room ${omen_door_rooms})
    target_compile_options(${room} PRIVATE -fno-semantic-interposition)
  endforeach()

  set(omen_version_script ${CMAKE_SOURCE_DIR}/cmake/libomendb.map)
  add_library(omendb SHARED)
  get_property(omen_engine_rooms GLOBAL PROPERTY OMENDB_ENGINE_ROOMS)
  foreach(room ${omen_engine_rooms})
    target_sources(omendb PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  add_library(omendb::omendb ALIAS omendb)
  set_target_properties(omendb PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINK_DEPENDS ${omen_version_script})
  target_link_libraries(omendb PRIVATE omen_flags fmt::fmt simdjson::simdjson pg_query ICU::uc ${OMENDB_STEMMER_LIBRARY}
    ${OMENDB_ISAL_LIBRARY})
  target_link_options(omendb PRIVATE "LINKER:--version-script=${omen_version_script}")
  if(NOT OMENDB_SANITIZE)  # a sanitizer's runtime is linked into the program, not into its libraries
    target_link_options(omendb PRIVATE LINKER:--no-undefined)
  endif()
  target_compile_features(omendb INTERFACE cxx_std_20)
  target_include_directories(omendb INTERFACE
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endif()

add_library(omendb_hamt INTERFACE)
add_library(omendb::hamt ALIAS omendb_hamt)
set_target_properties(omendb_hamt PROPERTIES EXPORT_NAME hamt)
target_compile_features(omendb_hamt INTERFACE cxx_std_20)
target_include_directories(omendb_hamt INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/hamt/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

if(TARGET omendb)
  include(cmake/install.cmake)
endif()
if(OMENDB_TESTS)
  include(cmake/product_tests.cmake)
  include(cmake/system_tests.cmake)
endif()
