/* The library as a plugin loads it: at run time, used, closed while its worker threads wait, loaded again. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <time.h>

#include "tests/capi/check.h"
#include "tests/capi/made_picture.h"

/* C has no conversion from an object's to a function's pointer; POSIX says that this one works. */
#define LOAD(library, name) *(void**)(&name) = dlsym(library, "tsr_" #name)

static void use_once(void) {
  const char* (*version)(void) = NULL;
  tsr_code (*image_encoder_create)(const tsr_image_encoder_options*, tsr_image_encoder**, tsr_error*) = NULL;
  tsr_code (*image_encoder_encode)(tsr_image_encoder*, const tsr_image_view*, const tsr_metadata*, uint8_t**, size_t*, tsr_image_report*,
                                   tsr_error*) = NULL;
  void (*image_encoder_free)(tsr_image_encoder*) = NULL;
  void (*free_buffer)(void*) = NULL;
  tsr_image_view picture = made_picture(130, 130, 3, 8);
  tsr_image_encoder* encoder = NULL;
  tsr_error error = TSR_INIT(tsr_error);
  uint8_t* stream = NULL;
  size_t size = 0;
  void* library = dlopen(TESSERA_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  LOAD(library, version);
  LOAD(library, image_encoder_create);
  LOAD(library, image_encoder_encode);
  LOAD(library, image_encoder_free);
  *(void**)(&free_buffer) = dlsym(library, "tsr_free");
  CHECK(strcmp(version(), TSR_VERSION) == 0);
  if (image_encoder_create(NULL, &encoder, &error) != TSR_OK || image_encoder_encode(encoder, &picture, NULL, &stream, &size, NULL, &error) != TSR_OK) {
    fprintf(stderr, "%s\n", error.message);
    CHECK(0);
  }
  CHECK(size > 20);
  free_buffer(stream);
  image_encoder_free(encoder);
  free((void*)picture.data);
  CHECK(dlclose(library) == 0);
}

int main(void) {
  const struct timespec moment = {0, 50 * 1000 * 1000};
  for (int i = 0; i < 3; ++i) {
    use_once();
    nanosleep(&moment, NULL);
  }
  return checked("load_test");
}
