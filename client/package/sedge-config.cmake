# find_package(sedge): the target sedge::client.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(PkgConfig)
pkg_check_modules(zmq REQUIRED QUIET IMPORTED_TARGET libzmq)
pkg_check_modules(zstd REQUIRED QUIET IMPORTED_TARGET libzstd)
pkg_check_modules(lz4 REQUIRED QUIET IMPORTED_TARGET liblz4)
include("${CMAKE_CURRENT_LIST_DIR}/sedge-targets.cmake")
