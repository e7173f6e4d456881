// Launchers of the project's CUDA kernels, free of libtorch so that nvcc never sees its headers.
// All tensors are dense and channels-last [N,H,W,C] with C a multiple of 8.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

namespace tessera::models::cuda {

enum class Element { float32, bfloat16, float16 };

// out = depthwise3x3(leaky_relu(x, slope)) + bias. weight [9,C], bias [C], same type as x.
cudaError_t depthwise_forward(const void* x, const void* w, const void* b, void* out, int n, int h, int width, int c,
                              float slope, Element type, cudaStream_t stream);

// dx = leaky_relu'(x) * depthwise3x3^T(dy).
cudaError_t depthwise_backward_input(const void* dy, const void* x, const void* w, void* dx, int n, int h, int width,
                                     int c, float slope, Element type, cudaStream_t stream);

// grad float32 [10,C], zeroed by the caller: += filter gradient (rows 0..8) and bias gradient (row 9).
cudaError_t depthwise_backward_weight(const void* dy, const void* x, float* grad, int n, int h, int width, int c,
                                      float slope, Element type, cudaStream_t stream);

// x [rows, 2C] = [g|v] -> out [rows, C] = silu(g) * v, clamped to +-limit (infinity: not).
cudaError_t gate_forward(const void* x, void* out, int64_t rows, int c, float limit, Element type, cudaStream_t stream);
// dx [rows, 2C] from dy [rows, C].
cudaError_t gate_backward(const void* dy, const void* x, void* dx, int64_t rows, int c, float limit, Element type, cudaStream_t stream);

// Random crops out of a pack on the device: picture i has width[i], height[i] and starts at byte offset[i] (8-bit RGB).
// rnd [batch,4] uniform in 0..1 chooses position, flip and transposition; index [batch] the picture.
// out [batch,crop,crop,3] float32 in 0..1. Crops that overhang a small picture repeat its border.
cudaError_t sample_crops(const uint8_t* pack, const int64_t* offset, const int32_t* width, const int32_t* height,
                         const int64_t* index, const float* rnd, float* out, int batch, int crop, cudaStream_t stream);

}  // namespace tessera::models::cuda
