// Neurons of spiking networks, with the equations of `spiking/neurons/*.rs` in crates/model.
//
// A neuron has a `State` that it carries from step to step, of which `keep` stores the part that the backward pass
// needs in addition to U; `Adjoint`, its gradients; and `ROWS`, the number of constants per neuron with gradients,
// after the network's weights and before the leak of the membrane.
#pragma once
#include "common.cuh"

// Data that neurons read and write.
struct Neurons {
  float alpha, one_minus_alpha;  // α_m, 1 − α_m
  int32_t hold;                  // steps for which a spike silences its neuron
  int32_t count;                 // N
  const float* rows;             // [ROWS, N]
  const float* leaks;            // 1 − α_m of each neuron [N], a row after those above, or null where all share the one above
  float* further;                // state [T, B, N] that the neuron keeps beside U, where a backward pass follows, else null
};

// α_m x and (1 − α_m) x of neuron n.
static __device__ inline float membrane_kept(const Neurons& k, int n, float x) {
  return x * (k.leaks ? 1.0f - k.leaks[n] : k.alpha);
}
static __device__ inline float membrane_entering(const Neurons& k, int n, float x) {
  return x * (k.leaks ? k.leaks[n] : k.one_minus_alpha);
}

// Gradients that leave a neuron: with respect to I_t and −s_{t−1}.
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
    // A potential held at 0 is −0, which never occurs for a free one, because −0 + 0 = 0.
    state.u = state.free_from > t ? -0.0f : __fadd_rn(v, 0.0f);
  }

  static __device__ void keep(const Neurons&, size_t, const State&) {}

  // State of a step stored by `keep`.
  static __device__ State kept(const Neurons&, size_t, float u) {
    State state;
    state.u = u;
    return state;
  }

  // The argument of the surrogate.
  static __device__ float excess(const Neurons&, int, float threshold, const State& state) { return state.u - threshold; }

  // `derivative` is σ' of the excess, `c` the reset factor's g_t V_t, `of_rows` the sums of the rows' gradients.
  static __device__ Leaving step_back(const Neurons& k, int n, float, float derivative, const State& state, float c,
                                      Adjoint& adjoint, float spike, float* of_rows) {
    return leave(k, n, state.u, c, adjoint.membrane, derivative * spike, of_rows[ROWS]);
  }

  // Adds the gradient of the leak to `of_leak` where neurons have their own; see `spiking/neurons/decay.rs`.
  static __device__ Leaving leave(const Neurons& k, int n, float u, float c, float& membrane, float spike, float& of_leak) {
    const float later = membrane, potential = membrane_kept(k, n, later) + spike;
    membrane = u == 0.0f && signbit(u) ? 0.0f : potential;
    if (k.leaks) of_leak += u * (membrane - later) / k.leaks[n];
    return {membrane_entering(k, n, membrane), c * potential};
  }
};

struct Adaptive {
  static constexpr int ROWS = 2;  // ρ, β

  struct State {
    float u = 0.0f, b = 0.0f;
    int free_from = 0;
  };

  struct Adjoint {
    float membrane = 0.0f, adaptation = 0.0f;
  };

  static __device__ float raised(const Neurons& k, int n, float threshold, const State& state) {
    return threshold + k.rows[k.count + n] * state.b;
  }

  static __device__ bool spikes(const Neurons& k, int n, float threshold, const State& state) {
    return state.u > raised(k, n, threshold, state);
  }

  static __device__ void step(const Neurons& k, int n, int t, float threshold, bool spike, float v, State& state) {
    const float rho = k.rows[n];
    Leaky::State leaky{state.u, state.free_from};
    Leaky::step(k, n, t, threshold, spike, v, leaky);
    state.u = leaky.u, state.free_from = leaky.free_from;
    state.b = state.b * rho + (spike ? 1.0f - rho : 0.0f);
  }

  static __device__ void keep(const Neurons& k, size_t at, const State& state) {
    if (k.further) k.further[at] = state.b;
  }

  static __device__ State kept(const Neurons& k, size_t at, float u) {
    State state;
    state.u = u;
    state.b = k.further[at];
    return state;
  }

  static __device__ float excess(const Neurons& k, int n, float threshold, const State& state) {
    return state.u - raised(k, n, threshold, state);
  }

  static __device__ Leaving step_back(const Neurons& k, int n, float threshold, float derivative, const State& state, float c,
                                      Adjoint& adjoint, float spike, float* of_rows) {
    const float rho = k.rows[n], beta = k.rows[k.count + n], later = adjoint.adaptation;
    const float excess = derivative * (spike + (1.0f - rho) * later);
    of_rows[0] += later * (state.b - (spikes(k, n, threshold, state) ? 1.0f : 0.0f));
    of_rows[1] -= excess * state.b;
    adjoint.adaptation = rho * later - beta * excess;
    return Leaky::leave(k, n, state.u, c, adjoint.membrane, excess, of_rows[ROWS]);
  }
};
