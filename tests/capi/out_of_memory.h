/* What the files of out_of_memory_test.c share. */
#ifndef TESSERA_TESTS_CAPI_OUT_OF_MEMORY_H
#define TESSERA_TESTS_CAPI_OUT_OF_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "codec/tessera_c.h"

enum { kMost = 1 << 16 };
extern uint8_t stream[kMost]; /* that is decoded */
extern size_t stream_size;
extern tsr_error error;     /* of the last call */
extern const char* weights; /* folder; NULL: the installed one */

typedef struct outcome {
  tsr_code code;
  uint32_t checksum; /* of the symbols, or of the bytes that were written */
  uint64_t output;   /* bytes, samples or frames */
} outcome;

outcome decode_image(void);
outcome decode_packets(int video);
outcome encode_image(void);
outcome encode_sound(void);
outcome encode_video(void);

#endif
