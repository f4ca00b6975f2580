// Code shared by all kernels. The sources compile with nvcc and, through `host.hpp` in crates/emulator, which replaces
// the CUDA language, with a host compiler: tests run the same source on machines without a GPU.
//
// Conventions. A kernel takes one structure that mirrors a `repr(C)` structure in Rust. A block owns one trial at a
// time and loops over the steps itself. Thread i owns the neurons i, i + blockDim, … (ITEMS of them, in registers), so
// that neighbouring threads read neighbouring addresses. Sums over neurons have a fixed order: the same bits on every
// run.
#pragma once

#ifdef __CUDACC__
#include <cmath>
#include <cstdint>
// A kernel for blocks of at most `THREADS` threads: the fewer threads, the more registers each has.
#define KERNEL(name, Args, THREADS) extern "C" __global__ void __launch_bounds__(THREADS) name(const Args a)
#define DYNAMIC_SHARED(name) extern __shared__ float name[]
#endif

constexpr int WARP = 32;

__device__ inline int thread() { return threadIdx.x; }
__device__ inline int threads() { return blockDim.x; }

// Sum over a warp, in lane 0.
__device__ inline float warp_sum(float x) {
  for (int distance = WARP / 2; distance > 0; distance /= 2) x += __shfl_down_sync(0xffffffffu, x, distance);
  return x;
}

// Sums over neurons of several columns at once, Σ_n weights[q][n] x[n]. The columns are distributed over the warps of
// the block. With more warps than columns, `parts` warps share each column, and the reader of a sum adds their parts in
// order.
struct Sums {
  int columns;
  int parts;
  float* of_parts;  // shared memory, [columns][parts]

  __device__ Sums(int columns, float* shared)
      : columns(columns), parts(max(1, threads() / WARP / max(1, columns))), of_parts(shared) {}

  __device__ void clear() {
    for (int i = thread(); i < columns * parts; i += threads()) of_parts[i] = 0.0f;
  }

  // Call between two barriers, because all warps read x.
  __device__ void take(const float* weights, int neurons, const float* x) {
    const int lane = thread() % WARP;
    for (int task = thread() / WARP; task < columns * parts; task += threads() / WARP) {
      const float* column = weights + (size_t)(task / parts) * neurons;
      float sum = 0.0f;
      for (int n = task % parts * WARP + lane; n < neurons; n += parts * WARP) sum += column[n] * x[n];
      sum = warp_sum(sum);
      if (lane == 0) of_parts[task] = sum;
    }
  }

  __device__ float operator[](int column) const {
    float sum = of_parts[column * parts];
    for (int part = 1; part < parts; ++part) sum += of_parts[column * parts + part];
    return sum;
  }
};

// weights[0 … count) from global memory, or a copy in shared memory if the block has room for it.
__device__ inline const float* cached(const float* weights, int count, bool fits, float* shared) {
  if (!fits) return weights;
  for (int i = thread(); i < count; i += threads()) shared[i] = weights[i];
  return shared;
}

// sum[i] ← Σ_g parts[g][i], in the order of the parts.
__device__ inline void add_parts(const float* parts, int count, size_t length, float* sum) {
  const size_t stride = (size_t)gridDim.x * threads();
  for (size_t i = (size_t)blockIdx.x * threads() + thread(); i < length; i += stride) {
    float total = 0.0f;
    for (int g = 0; g < count; ++g) total += parts[g * length + i];
    sum[i] = total;
  }
}
