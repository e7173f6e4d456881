// What a fuzz target holds the library to. Never compiled away: a violation has to stop the fuzzer in every build.
#pragma once

#include <cstdio>
#include <cstdlib>

#define TESSERA_REQUIRE(condition)                                                       \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: not fulfilled: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
