// Replacement for the CUDA language: the threads of a block are fibres on one thread of the host, which take turns at
// barriers and shuffles. Shared memory read before it is written is not a number.
#pragma once

#include <algorithm>
#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define __device__
#define __forceinline__ inline

struct Index {
  unsigned x;
};
extern thread_local Index threadIdx, blockIdx, blockDim, gridDim;

using std::isfinite;
using std::max;
using std::min;
using std::signbit;

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __uint_as_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline uint32_t __float_as_uint(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline uint32_t __umulhi(uint32_t a, uint32_t b) { return (uint64_t)a * b >> 32; }

namespace emulator {

float* shared();
void barrier();
// Value of lane `lane + distance` of the warp; all lanes take part.
float shuffle_down(float x, int distance);
// Bit l of the result: value of lane l of the warp; all lanes take part.
unsigned ballot(bool vote);

using Kernel = void (*)(const void* arguments);

// A kernel with its name, in a list of all kernels.
struct Entry {
  Entry(const char* name, size_t arguments, Kernel kernel);
  const char* name;
  size_t arguments;
  Kernel kernel;
  Entry* next;
};

}  // namespace emulator

inline void __syncthreads() { emulator::barrier(); }
inline float __shfl_down_sync(unsigned, float x, int distance) { return emulator::shuffle_down(x, distance); }
inline unsigned __ballot_sync(unsigned, bool vote) { return emulator::ballot(vote); }
inline int __ffs(uint32_t bits) { return bits ? __builtin_ctz(bits) + 1 : 0; }

#define DYNAMIC_SHARED(name) float* name = emulator::shared()
#define KERNEL(name, Args, THREADS)                                                                                       \
  static void name(const Args a);                                                                                \
  static emulator::Entry entry_of_##name(#name, sizeof(Args), [](const void* a) { name(*static_cast<const Args*>(a)); }); \
  static void name(const Args a)
