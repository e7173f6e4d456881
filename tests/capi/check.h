/* Checks for test programs in C: a failed one is printed and counted, the program goes on. */
#ifndef TESSERA_TESTS_CAPI_CHECK_H
#define TESSERA_TESTS_CAPI_CHECK_H

#include <stdio.h>
#include <string.h>

#include "codec/tessera_c.h"

static int failures = 0;

#define CHECK(condition)                                                        \
  do {                                                                          \
    if (!(condition)) {                                                         \
      ++failures;                                                               \
      fprintf(stderr, "%s:%d: %s is false\n", __FILE__, __LINE__, #condition);  \
    }                                                                           \
  } while (0)

/* The call returns `expected`; otherwise names and message are printed. `error` is the tsr_error that the call writes. */
#define CHECK_CODE(expected, error, call)                                                                               \
  do {                                                                                                                  \
    const tsr_code code_ = (call);                                                                                      \
    if (code_ != (expected)) {                                                                                          \
      ++failures;                                                                                                       \
      fprintf(stderr, "%s:%d: %s gave \"%s\" (%s), not \"%s\"\n", __FILE__, __LINE__, #call, tsr_code_name(code_),      \
              (error).message, tsr_code_name(expected));                                                                \
    }                                                                                                                   \
    CHECK((error).code == (int32_t)code_ && ((error).message[0] == '\0') == (code_ == TSR_OK));                         \
  } while (0)

/* For main(): the exit status. */
static inline int checked(const char* what) {
  if (failures == 0) printf("%s: all checks passed\n", what);
  return failures == 0 ? 0 : 1;
}

#endif
