// TESSERA_CLONES(...) in front of a function: gcc compiles it once for each instruction set, vectorised, and the loader chooses. Arguments: further
// names for `optimize`. Nothing with clang, which builds the fuzz targets, and under ThreadSanitizer, whose run time is not there yet when the loader
// chooses. Only for code whose results may differ in the last bit (exactness).
#pragma once

#if defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define TESSERA_CLONES(...) \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3" __VA_OPT__(, ) __VA_ARGS__)))
#else
#define TESSERA_CLONES(...)
#endif
