// Updates of parameters and of Adam's moments; the formulas are at the head of `adam.rs` in crates/train.
#include "common.cuh"

struct Adam {
  uint64_t count;
  float* changed;       // the moment, or the parameter
  const float* first;   // the gradient, or the first moment
  const float* second;  // the second moment
  float a, b, c;        // of a moment: β, the gradient's factor, whether it is squared; of the parameter: η, c, ε
};

KERNEL(adam_moment, Adam, 256) {
  for (uint64_t i = (uint64_t)blockIdx.x * threads() + thread(); i < a.count; i += (uint64_t)gridDim.x * threads()) {
    const float g = a.first[i] * a.b;
    a.changed[i] = a.a * a.changed[i] + (1.0f - a.a) * (a.c != 0.0f ? g * g : g);
  }
}

KERNEL(adam_descend, Adam, 256) {
  for (uint64_t i = (uint64_t)blockIdx.x * threads() + thread(); i < a.count; i += (uint64_t)gridDim.x * threads()) {
    a.changed[i] -= a.a * a.first[i] / (a.b * sqrtf(a.second[i]) + a.c);
  }
}
