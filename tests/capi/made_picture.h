/* Small pictures for the tests in C: a smooth gradient with a disc on it, 8 or 16 bits. */
#ifndef TESSERA_TESTS_CAPI_MADE_PICTURE_H
#define TESSERA_TESTS_CAPI_MADE_PICTURE_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "codec/tessera_c.h"

static inline double made_sample(uint32_t x, uint32_t y, uint32_t c, uint32_t width, uint32_t height) {
  const double u = (double)x / width, v = (double)y / height;
  const double disc = (u - 0.5) * (u - 0.5) + (v - 0.5) * (v - 0.5) < 0.06 ? 0.25 : 0.0;
  return (c == 0 ? u : c == 1 ? v : 0.5 * (u + v)) * 0.7 + disc;
}

/* The samples are freed by free((void*)view.data). */
static inline tsr_image_view made_picture(uint32_t width, uint32_t height, uint32_t channels, uint32_t depth) {
  tsr_image_view view = TSR_INIT(tsr_image_view);
  const size_t bytes = depth > 8 ? 2 : 1;
  const double most = (double)((1u << depth) - 1);
  uint8_t* data = malloc((size_t)width * height * channels * bytes);
  if (data == NULL) abort();
  for (size_t i = 0; i < (size_t)width * height * channels; ++i) {
    const size_t pixel = i / channels;
    const double value = made_sample((uint32_t)(pixel % width), (uint32_t)(pixel / width), (uint32_t)(i % channels), width, height);
    if (depth > 8) {
      ((uint16_t*)(void*)data)[i] = (uint16_t)(value * most + 0.5);
    } else {
      data[i] = (uint8_t)(value * most + 0.5);
    }
  }
  view.data = data;
  view.width = width;
  view.height = height;
  view.channels = channels;
  view.bit_depth = depth;
  view.stride = (size_t)width * channels * bytes;
  return view;
}

/* dB between two pictures of the same format, all channels. */
static inline double made_psnr(const tsr_image_view* a, const tsr_image_view* b) {
  double sum = 0;
  const size_t row = (size_t)a->width * a->channels;
  const double most = (double)((1u << a->bit_depth) - 1);
  for (uint32_t y = 0; y < a->height; ++y) {
    const uint8_t* p = (const uint8_t*)a->data + y * a->stride;
    const uint8_t* q = (const uint8_t*)b->data + y * b->stride;
    for (size_t i = 0; i < row; ++i) {
      const double d = a->bit_depth > 8 ? (double)((const uint16_t*)(const void*)p)[i] - ((const uint16_t*)(const void*)q)[i] : (double)p[i] - q[i];
      sum += d / most * (d / most);
    }
  }
  return -10 * log10(sum / ((double)row * a->height) + 1e-12);
}

#endif
