/* A buffer of at most kMost bytes, an enumerator of whoever includes this; what does not fit ends the test. */
#ifndef TESSERA_TESTS_CAPI_BYTES_H
#define TESSERA_TESTS_CAPI_BYTES_H

#include <stdlib.h>

#include "tests/capi/check.h"

typedef struct bytes {
  uint8_t data[kMost];
  size_t size;
} bytes;

static inline void append(bytes* to, const void* from, size_t size) {
  CHECK(to->size + size <= kMost);
  if (to->size + size > kMost) exit(1);
  memcpy(to->data + to->size, from, size);
  to->size += size;
}

#endif
