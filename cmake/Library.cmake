# libtessera for other programs: shared and static library, headers, weights, pkg-config file and CMake package. The project's own
# programs and tests link the static parts instead.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
option(TESSERA_STATIC "Build and install libtessera.a beside libtessera.so" ON)
option(TESSERA_INSTALL_TORCH "Copy libtorch's CPU libraries (0.5 GB) into the installed tree, which then does not need TESSERA_DEPS" OFF)

# An installed library or program finds libtorch beside itself first, then where it was built.
set(TESSERA_TORCH_FOLDER "tessera/torch/lib")
set(TESSERA_INSTALL_RPATH
  "\$ORIGIN/${TESSERA_TORCH_FOLDER}" "\$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/${TESSERA_TORCH_FOLDER}" "${TESSERA_TORCH_ROOT}/lib")

add_library(tessera_shared SHARED $<TARGET_OBJECTS:tessera_c>)
add_library(tessera::tessera ALIAS tessera_shared)
# Whole: the C++ interface is part of the library even where the C one does not call it.
target_link_libraries(tessera_shared PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,tessera_codec> tessera_models tessera_bitstream)
# Never unloaded: a host that closes the plugin which uses it would take the code from under the waiting worker threads.
target_link_options(tessera_shared PRIVATE
  "LINKER:--version-script=${CMAKE_SOURCE_DIR}/codec/libtessera.map" LINKER:--no-undefined LINKER:-z,nodelete)
set_target_properties(tessera_shared PROPERTIES
  OUTPUT_NAME tessera EXPORT_NAME tessera VERSION "${PROJECT_VERSION}" SOVERSION 0 LINKER_LANGUAGE CXX
  LINK_DEPENDS "${CMAKE_SOURCE_DIR}/codec/libtessera.map" INSTALL_RPATH "${TESSERA_INSTALL_RPATH}")
target_include_directories(tessera_shared INTERFACE
  "$<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}>" "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/tessera>")
set(TESSERA_LIBRARIES tessera_shared)

# The CUDA build is the trainer's; its kernels are in no archive that could be installed.
if(TESSERA_STATIC AND NOT TESSERA_CUDA)
  add_library(tessera_static STATIC $<TARGET_OBJECTS:tessera_c> $<TARGET_OBJECTS:tessera_codec> $<TARGET_OBJECTS:tessera_models> $<TARGET_OBJECTS:tessera_step_graph>
    $<TARGET_OBJECTS:tessera_entropy> $<TARGET_OBJECTS:tessera_bitstream>)
  set_target_properties(tessera_static PROPERTIES OUTPUT_NAME tessera EXPORT_NAME tessera_static LINKER_LANGUAGE CXX)
  target_include_directories(tessera_static INTERFACE "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/tessera>")
  target_link_libraries(tessera_static INTERFACE "${TESSERA_TORCH_ROOT}/lib/libtorch_cpu.so" "${TESSERA_TORCH_ROOT}/lib/libc10.so" xxhash dl pthread)
  target_link_options(tessera_static INTERFACE "LINKER:--unresolved-symbols=ignore-in-shared-libs")
  list(APPEND TESSERA_LIBRARIES tessera_static)
endif()

# ---- Installed tree ----
install(TARGETS ${TESSERA_LIBRARIES} EXPORT tesseraTargets)
install(TARGETS tessera)
set_target_properties(tessera PROPERTIES INSTALL_RPATH "${TESSERA_INSTALL_RPATH}")
# The public headers and what they include, under the names by which they include each other.
foreach(header bitstream/bytes.h bitstream/limits.h bitstream/header.h bitstream/packet.h bitstream/status.h bitstream/stream_reader.h
               codec/audio.h codec/tessera.h codec/tessera_c.h codec/video.h)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${CMAKE_SOURCE_DIR}/${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/tessera/${folder}")
endforeach()
install(DIRECTORY "${CMAKE_SOURCE_DIR}/data/weights/" DESTINATION share/tessera/weights FILES_MATCHING PATTERN "*.safetensors")
if(TESSERA_INSTALL_TORCH)
  install(DIRECTORY "${TESSERA_TORCH_ROOT}/lib" DESTINATION "${CMAKE_INSTALL_LIBDIR}/tessera/torch" USE_SOURCE_PERMISSIONS)
  # Where libtorch's own RPATH, $ORIGIN/../../nvidia, looks.
  install(DIRECTORY "${TESSERA_TORCH_ROOT}/../nvidia" DESTINATION "${CMAKE_INSTALL_LIBDIR}/tessera" USE_SOURCE_PERMISSIONS)
endif()

# ---- pkg-config and CMake package, both free of the prefix: a tree may be moved ----
file(RELATIVE_PATH TESSERA_PC_PREFIX "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${CMAKE_SOURCE_DIR}/cmake/tessera.pc.in" "${CMAKE_BINARY_DIR}/tessera.pc" @ONLY)
install(FILES "${CMAKE_BINARY_DIR}/tessera.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
set(TESSERA_PACKAGE_FOLDER "${CMAKE_INSTALL_LIBDIR}/cmake/tessera")
install(EXPORT tesseraTargets NAMESPACE tessera:: DESTINATION "${TESSERA_PACKAGE_FOLDER}")
configure_package_config_file("${CMAKE_SOURCE_DIR}/cmake/tesseraConfig.cmake.in" "${CMAKE_BINARY_DIR}/tesseraConfig.cmake"
  INSTALL_DESTINATION "${TESSERA_PACKAGE_FOLDER}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${CMAKE_BINARY_DIR}/tesseraConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_BINARY_DIR}/tesseraConfig.cmake" "${CMAKE_BINARY_DIR}/tesseraConfigVersion.cmake" DESTINATION "${TESSERA_PACKAGE_FOLDER}")
