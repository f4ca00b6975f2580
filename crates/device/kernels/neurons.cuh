// Neurons of spiking networks: the twins of `spiking/neurons/*.rs` of crates/model, whose equations they compute.
//
// A neuron has a `State` that goes from step to step, of which `keep` writes to memory what the backward pass needs beside U;
// `Adjoint`, its gradients; and `ROWS`, constants per neuron behind the network's weights of which gradients are taken.
#pragma once
#include "common.cuh"

// What neurons read and write.
struct Neurons {
  float alpha, one_minus_alpha;  // α_m, 1 − α_m
  int32_t hold;                  // steps for which a spike silences its neuron
  int32_t count;                 // N
  const float* rows;             // [ROWS, N]
  float* further;                // state [T, B, N] that the neuron keeps beside U, where a backward pass follows, else null
};

// What leaves a neuron backward: the gradients with respect to I_t and −s_{t−1}.
struct Leaving {
  float current, reset;
};

struct Leaky {
  static constexpr int ROWS = 0;

  struct State {
    float u = 0.0f;
    int free_from = 0;
  };

  struct Adjoint {
    float membrane = 0.0f;
  };

  static __device__ bool spikes(const Neurons&, int, float threshold, const State& state) { return state.u > threshold; }

  // U_t from V_t.
  static __device__ void step(const Neurons& k, int, int t, float, bool spike, float v, State& state) {
    if (spike) state.free_from = t + k.hold;
    // A potential that is held is −0; a free one never is, for −0 + 0 = 0.
    state.u = state.free_from > t ? -0.0f : __fadd_rn(v, 0.0f);
  }

  static __device__ void keep(const Neurons&, size_t, const State&) {}

  // The state of a step that `keep` wrote.
  static __device__ State kept(const Neurons&, size_t, float u) {
    State state;
    state.u = u;
    return state;
  }

  // The argument of the surrogate.
  static __device__ float excess(const Neurons&, int, float threshold, const State& state) { return state.u - threshold; }

  // `derivative` is σ' of the excess, `c` the reset factor's g_t V_t, `of_rows` the sums of the rows' gradients.
  static __device__ Leaving step_back(const Neurons& k, int, float, float derivative, const State& state, float c,
                                      Adjoint& adjoint, float spike, float*) {
    return leave(k, state.u, c, adjoint.membrane, derivative * spike);
  }

  static __device__ Leaving leave(const Neurons& k, float u, float c, float& membrane, float spike) {
    const float potential = membrane * k.alpha + spike;
    membrane = u == 0.0f && signbit(u) ? 0.0f : potential;
    return {membrane * k.one_minus_alpha, c * potential};
  }
};
