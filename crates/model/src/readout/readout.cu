// Maximum over time of r [T, width], and its gradient, which goes to the first step with the maximum.
#include "common.cuh"

struct Maximum {
  uint64_t width;
  uint32_t steps;
  const float* r;
  float* out;             // [width]
  uint32_t* step;         // the first step that holds each maximum, [width]
  const float* arriving;  // the gradient of `out`
  float* of_r;            // [T, width]
};

KERNEL(readout_maximum, Maximum, 256) {
  for (uint64_t i = (uint64_t)blockIdx.x * threads() + thread(); i < a.width; i += (uint64_t)gridDim.x * threads()) {
    float highest = a.r[i];
    uint32_t at = 0;
    for (uint32_t t = 1; t < a.steps; ++t) {
      const float value = a.r[t * a.width + i];
      if (value > highest) highest = value, at = t;
    }
    a.out[i] = highest;
    a.step[i] = at;
  }
}

KERNEL(readout_scatter, Maximum, 256) {
  for (uint64_t i = (uint64_t)blockIdx.x * threads() + thread(); i < a.width; i += (uint64_t)gridDim.x * threads()) {
    for (uint32_t t = 0; t < a.steps; ++t) a.of_r[t * a.width + i] = a.step[i] == t ? a.arriving[i] : 0.0f;
  }
}
