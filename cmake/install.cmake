# Installs the library, its headers, the CMake package `omendb` and omendb.pc; CPack makes Debian packages of them.
# Components: runtime (libomendb0) and development (libomendb-dev).

set(omen_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/omendb)

install(TARGETS omendb EXPORT omendb_targets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development)
install(TARGETS omendb_hamt EXPORT omendb_targets COMPONENT development)
install(DIRECTORY include/omendb DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(DIRECTORY hamt/include/hamt DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development FILES_MATCHING PATTERN "*.h")
install(EXPORT omendb_targets NAMESPACE omendb:: DESTINATION ${omen_package_dir} COMPONENT development)

file(WRITE ${CMAKE_BINARY_DIR}/omendb-config.cmake "include(\"\${CMAKE_CURRENT_LIST_DIR}/omendb_targets.cmake\")\n")
write_basic_package_version_file(${CMAKE_BINARY_DIR}/omendb-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/omendb-config.cmake ${CMAKE_BINARY_DIR}/omendb-config-version.cmake
  DESTINATION ${omen_package_dir} COMPONENT development)

# Relative to where the file lies, so that an install may be moved (and lib/<machine> works too).
file(RELATIVE_PATH omen_pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/omendb.pc.in omendb.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/omendb.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_VENDOR OmenDB)
set(CPACK_PACKAGE_CONTACT "OmenDB developers <developers@omendb.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_COMPONENTS_ALL runtime development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libomendb${PROJECT_VERSION_MAJOR})
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libomendb-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libomendb${PROJECT_VERSION_MAJOR} (= ${PROJECT_VERSION})")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
include(CPack)
