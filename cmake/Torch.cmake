# libtorch from the PyPI wheel that scripts/setup.sh unpacked. Only the CPU part is linked (libtorch_cpu, libc10);
# the CUDA back end, where present, is loaded at run time (models/device.cpp).
if(NOT TESSERA_TORCH)
  return()
endif()
set(TESSERA_TORCH_ROOT "${TESSERA_DEPS}/torch" CACHE PATH "The torch/ folder of the wheel")
if(NOT EXISTS "${TESSERA_TORCH_ROOT}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "libtorch is not in ${TESSERA_TORCH_ROOT}: run scripts/setup.sh, or configure with -DTESSERA_TORCH=OFF")
endif()
add_library(tessera_torch INTERFACE)
add_library(tessera::torch ALIAS tessera_torch)
target_include_directories(tessera_torch SYSTEM INTERFACE
  "${TESSERA_TORCH_ROOT}/include" "${TESSERA_TORCH_ROOT}/include/torch/csrc/api/include")
target_link_libraries(tessera_torch INTERFACE
  "${TESSERA_TORCH_ROOT}/lib/libtorch_cpu.so" "${TESSERA_TORCH_ROOT}/lib/libc10.so")
target_link_options(tessera_torch INTERFACE
  "-Wl,-rpath,${TESSERA_TORCH_ROOT}/lib" "-Wl,--unresolved-symbols=ignore-in-shared-libs")
