// Rate networks, forward and backward. The equations and their adjoint are at the head of `rate/recurrence.rs` in
// crates/model; the symbols here are the same. Weights are one per pair, or A and C of W = A Cᵀ. With one weight per
// pair, a block owns several trials, so that each weight is read once for all of them.
#include "common.cuh"

enum Activation { SIGMOID, TANH, SOFTPLUS, RELU, LIF };

struct Rate {
  int32_t steps, trials, neurons;
  int32_t modes;  // P, where the weights are A and C
  int32_t activation;
  int32_t cached;  // whether A and C fit in shared memory
  int32_t blocks;  // blocks of either pass
  int32_t direct;  // whether the drive enters x at once
  float lowest, per_input;  // smallest input in the table of φ, and its entries per unit of input
  const float* initial;   // x_0 [B, N]
  const float* drive;     // d [S, B, N]
  const float* noise;     // [S, B, N], or null
  const float* spike_noise;  // ζ [S + 1, B, N], or null
  const float* table;     // of LIF: φ at equidistant inputs, then φ' times their distance, and 0
  const float* weights;   // A and C [2, P, N]; else W as [from, to] on the way forward, as [to, from] on the way back
  const float* leak;      // a [N]
  float* x;               // [S + 1, B, N]
  float* r;               // [S + 1, B, N]
  float* overlap;         // of A and C: Cᵀ r_{s−1} on the way forward, Aᵀ δ_s on the way back, [S, B, P]
  const float* arriving;  // ∂L/∂r [S + 1, B, N]
  float* delta;           // δ [S, B, N]
  float* of_drive;        // ∂L/∂d [S, B, N] of a direct drive
  float* leak_parts;      // ∂L/∂a of each block, [blocks][N]
  float* of_leak;         // ∂L/∂a [N]
};

constexpr float CEILING = 20.0f;

__device__ inline float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

constexpr int INPUTS = 4096;
constexpr float LAST = INPUTS - 1;

// Where x is in the table of φ; not a number stays so.
__device__ inline float place_of(const Rate& a, float x) {
  float place = (x - a.lowest) * a.per_input;
  if (place < 0.0f) place = 0.0f;
  return place > LAST ? LAST : place;
}

// φ(x).
__device__ inline float rate_of(const Rate& a, float x) {
  switch (a.activation) {
    case LIF: {
      const float place = place_of(a, x), before = floorf(place), part = place - before;
      const int index = place >= 0.0f ? (int)before : 0;
      const float* slopes = a.table + INPUTS;
      return a.table[index] + part * (slopes[index] + part * (0.5f * (slopes[index + 1] - slopes[index])));
    }
    case SIGMOID:
      return logistic(x);
    case TANH:
      return tanhf(x);
    case SOFTPLUS: {
      const float y = (x < 0.0f ? 0.0f : x) + log1pf(expf(-fabsf(x)));
      return y > CEILING ? CEILING : y;
    }
    default: {
      const float y = x < 0.0f ? 0.0f : x;
      return y > CEILING ? CEILING : y;
    }
  }
}

// φ'(x), where r = φ(x).
__device__ inline float slope_of(const Rate& a, float x, float r) {
  switch (a.activation) {
    case LIF: {
      const float place = place_of(a, x), before = floorf(place);
      const int index = place >= 0.0f ? (int)before : 0;
      const float* slopes = a.table + INPUTS;
      return (slopes[index] + (place - before) * (slopes[index + 1] - slopes[index])) * a.per_input;
    }
    case SIGMOID:
      return r * (1.0f - r);
    case TANH:
      return 1.0f - r * r;
    case SOFTPLUS:
      return r < CEILING ? logistic(x) : 0.0f;
    default:
      return x > 0.0f && x < CEILING ? 1.0f : 0.0f;
  }
}

// Trials of a block, and W as a map of values v [N][G] in shared memory.
template <int ITEMS, int G, bool MODES>
struct Trials {
  const Rate& a;
  float* v;
  Sums sums;
  const float *from, *to;  // W = to fromᵀ, as rows [P, N]
  int first, count;

  __device__ Trials(const Rate& a, float* shared, bool transposed)
      : a(a), v(shared), sums(MODES ? a.modes : 0, shared + a.neurons * G) {
    first = blockIdx.x * G;
    count = min(G, a.trials - first);
    if (MODES) {
      float* copy = sums.of_parts + sums.columns * sums.parts;
      const float* rows = cached(a.weights, 2 * a.modes * a.neurons, a.cached, copy);
      to = rows + (transposed ? a.modes * a.neurons : 0);
      from = rows + (transposed ? 0 : a.modes * a.neurons);
    }
  }

  // Index of the value of neuron n and trial g of a step in a tensor [·, B, N].
  __device__ size_t at(int step, int g, int n) const { return ((size_t)step * a.trials + first + g) * a.neurons + n; }

  // Call when all threads have written v. With A and C, computes its overlaps with `from` and stores them as row
  // `step`.
  __device__ void gather(int step) {
    __syncthreads();
    if (!MODES) return;
    sums.take(from, a.neurons, v);
    __syncthreads();
    if (!a.overlap) return;
    for (int p = thread(); p < a.modes; p += threads()) a.overlap[((size_t)step * a.trials + first) * a.modes + p] = sums[p];
  }

  // sum += W v. Call after `gather`.
  __device__ void multiply(float (&sum)[ITEMS][G]) const {
    const int rows = MODES ? a.modes : a.neurons;
    const float* weights = MODES ? to : a.weights;
    for (int j = 0; j < rows; ++j) {
      float values[G];
#pragma unroll
      for (int g = 0; g < G; ++g) values[g] = MODES ? sums[j] : v[j * G + g];
#pragma unroll
      for (int i = 0; i < ITEMS; ++i) {
        const int n = i * threads() + thread();
        if (n >= a.neurons) continue;
        const float w = weights[(size_t)j * a.neurons + n];
#pragma unroll
        for (int g = 0; g < G; ++g) sum[i][g] += w * values[g];
      }
    }
  }

  // No thread reads v any more.
  __device__ void release() const {
    if (!MODES) __syncthreads();
  }
};

template <int ITEMS, int G, bool MODES>
__device__ void forward(const Rate& a) {
  DYNAMIC_SHARED(shared);
  Trials<ITEMS, G, MODES> trials(a, shared, false);
  float x[ITEMS][G] = {};
  for (int s = 0; s <= a.steps; ++s) {
    float current[ITEMS][G] = {};
    if (s > 0) {
      trials.gather(s - 1);
#pragma unroll
      for (int i = 0; i < ITEMS; ++i) {
        const int n = i * threads() + thread();
#pragma unroll
        for (int g = 0; g < G; ++g) {
          if (!a.direct && n < a.neurons && g < trials.count) current[i][g] = a.drive[trials.at(s - 1, g, n)];
        }
      }
      trials.multiply(current);
      trials.release();
    }
#pragma unroll
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      if (n >= a.neurons) continue;
      const float leak = a.leak[n];
#pragma unroll
      for (int g = 0; g < G; ++g) {
        if (g >= trials.count) {
          trials.v[n * G + g] = 0.0f;
          continue;
        }
        float potential;
        if (s == 0) {
          potential = x[i][g] = a.initial[trials.at(0, g, n)];
        } else {
          x[i][g] = (1.0f - leak) * x[i][g] + leak * current[i][g];
          if (a.noise) x[i][g] += a.noise[trials.at(s - 1, g, n)];
          potential = a.direct ? x[i][g] + a.drive[trials.at(s - 1, g, n)] : x[i][g];
        }
        const float r = rate_of(a, potential);
        trials.v[n * G + g] = a.spike_noise ? r + sqrtf(r) * a.spike_noise[trials.at(s, g, n)] : r;
        a.x[trials.at(s, g, n)] = potential;
        a.r[trials.at(s, g, n)] = r;
      }
    }
  }
}

template <int ITEMS, int G, bool MODES>
__device__ void backward(const Rate& a) {
  DYNAMIC_SHARED(shared);
  Trials<ITEMS, G, MODES> trials(a, shared, true);
  float lambda[ITEMS][G] = {}, of_leak[ITEMS] = {};
  for (int s = a.steps; s > 0; --s) {
    float of_rate[ITEMS][G] = {};
    if (s < a.steps) {
      trials.multiply(of_rate);
      trials.release();
    }
#pragma unroll
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      if (n >= a.neurons) continue;
      const float leak = a.leak[n];
#pragma unroll
      for (int g = 0; g < G; ++g) {
        if (g >= trials.count) {
          trials.v[n * G + g] = 0.0f;
          continue;
        }
        const size_t now = trials.at(s, g, n), before = trials.at(s - 1, g, n);
        const float x = a.x[now], noise = a.noise ? a.noise[before] : 0.0f;
        const float of_state = (a.arriving[now] + of_rate[i][g]) * slope_of(a, x, a.r[now]);
        lambda[i][g] = of_state + (1.0f - leak) * lambda[i][g];
        // The leaky state, without a direct drive.
        float state = x, state_before = a.x[before];
        if (a.direct) {
          state -= a.drive[before];
          if (s > 1) state_before -= a.drive[trials.at(s - 2, g, n)];
          a.of_drive[before] = of_state;
        }
        of_leak[i] += lambda[i][g] * (state - state_before - noise);
        trials.v[n * G + g] = leak * lambda[i][g];
        a.delta[before] = leak * lambda[i][g];
      }
    }
    trials.gather(s - 1);
  }
#pragma unroll
  for (int i = 0; i < ITEMS; ++i) {
    const int n = i * threads() + thread();
    if (n < a.neurons) a.leak_parts[(size_t)blockIdx.x * a.neurons + n] = of_leak[i] / a.leak[n];
  }
}

KERNEL(rate_forward_modes_1, Rate, 1024) { forward<1, 1, true>(a); }
KERNEL(rate_forward_modes_4, Rate, 1024) { forward<4, 1, true>(a); }
KERNEL(rate_forward_pairs_1, Rate, 1024) { forward<1, 4, false>(a); }
KERNEL(rate_forward_pairs_4, Rate, 1024) { forward<4, 1, false>(a); }
KERNEL(rate_backward_modes_1, Rate, 1024) { backward<1, 1, true>(a); }
KERNEL(rate_backward_modes_4, Rate, 1024) { backward<4, 1, true>(a); }
KERNEL(rate_backward_pairs_1, Rate, 1024) { backward<1, 4, false>(a); }
KERNEL(rate_backward_pairs_4, Rate, 1024) { backward<4, 1, false>(a); }

KERNEL(rate_sum, Rate, 256) { add_parts(a.leak_parts, a.blocks, a.neurons, a.of_leak); }
