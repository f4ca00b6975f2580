// Spiking mode networks, forward and backward. The equations and their adjoint are at the heads of `spiking/forward.rs`
// and `spiking/backward.rs` in crates/model; the symbols here are the same.
#include "neurons.cuh"

enum Source { SIGNALS, CURRENTS, SPIKES };
enum Output { READOUT, SYNAPSES, PEAKS };
enum Surrogate { FAST_SIGMOID, ARCTAN, SIGMOID, TRIANGULAR, STRAIGHT_THROUGH, MULTI_GAUSSIAN };

struct Spiking {
  int32_t steps, trials, neurons, modes;
  int32_t inputs;    // columns of A: the modes, and the signals that enter inside the recurrence
  int32_t outputs;   // columns of C: the modes, and the outputs that are read inside the recurrence
  int32_t channels;  // K, where the input is spikes
  int32_t source, output, surrogate;
  int32_t cached;    // whether the weights fit in shared memory
  int32_t groups;    // blocks of the backward pass, each with gradients of its own
  int32_t segment;   // steps whose outer products are summed together; divides 32
  int32_t rows;      // constants per neuron behind the weights, of which gradients are taken
  float alpha_current, alpha_decay, alpha_rise, gain, threshold;
  float shape[5];    // of the surrogate
  const float* first;      // x [T, B, K], the drive [T, B, N], or W_in [K, N] where the input is spikes
  Neurons neuron;
  const float* weights;    // A and C as rows, then those of the neurons, [inputs + outputs + rows, N]
  const float* own_threshold;  // the threshold of each neuron [N], or null where all share the one above
  const float* own_decay;      // α_d of each neuron [N], or null
  const float* own_gain;       // κ of each neuron [N], or null
  const uint32_t* starts;  // [B + 1]: trial b owns the entries starts[b] … starts[b + 1] of `active`
  const uint32_t* active;  // channels that fire
  const uint32_t* raster;  // ceil(T / 64) pairs of words an entry: bit t % 32 of word t / 32 is the spike of step t
  float* out;              // y [T, B, O], r [T, B, N] or max_t r_t [B, N]
  float* activity;         // a [T, B, P]; null where no backward pass follows, as the next two
  float* potential;        // U [T, B, N], −0 where the neuron was held
  float* membrane;         // V [T, B, N], without a refractory period, else null
  float* synapses;         // r [T, B, N], where neurons have their own α_d and a backward pass follows, else null
  uint32_t* peak;          // the step that holds each maximum [B, N]
  const float* arriving;   // the gradient of `out`
  float* of_first;         // the gradient of `first`, or null
  float* of_weights;       // the gradient of `weights`
  float* weights_parts;    // that of each group, [groups][inputs + outputs + rows][N]
  float* columns_parts;    // that of W_in of each group, [groups][K][N], where the input is spikes
  float* held;             // Ī of a segment, [groups][segment][N]
};

// Constant of neuron n: its own, or the shared one.
__device__ inline float of_neuron(const float* own, float shared, int n) { return own ? own[n] : shared; }

// Drive of neuron n at step t by the spikes of a trial.
__device__ inline float spike_drive(const Spiking& a, int trial, int t, int n) {
  const int words = (a.steps + 63) / 64 * 2;
  float sum = 0.0f;
  for (uint32_t entry = a.starts[trial]; entry < a.starts[trial + 1]; ++entry) {
    if (a.raster[(size_t)entry * words + t / 32] >> (t % 32) & 1) sum += a.first[(size_t)a.active[entry] * a.neurons + n];
  }
  return sum;
}

// Copies x of step t, or the gradient of y, to shared memory: one row of `width` values.
__device__ inline void stage(const float* rows, int trials, int trial, int width, int t, float* shared) {
  for (int k = thread(); k < width; k += threads()) shared[k] = rows[((size_t)t * trials + trial) * width + k];
}

template <class Neuron, int ITEMS>
__device__ void forward(const Spiking& a) {
  DYNAMIC_SHARED(shared);
  const int signals = a.source == SIGNALS ? a.inputs - a.modes : 0, readouts = a.outputs - a.modes;
  const int trial = blockIdx.x;
  float* traces = shared;            // r_t, [N]
  float* x = traces + a.neurons;     // x of this step and the next, [2][K]
  Sums sums(a.outputs, x + 2 * signals);
  const float* weights =
      cached(a.weights, (a.inputs + a.outputs) * a.neurons, a.cached, sums.of_parts + sums.columns * sums.parts);
  const float *into = weights, *out = weights + (size_t)a.inputs * a.neurons;

  float current[ITEMS] = {}, rising[ITEMS] = {}, trace[ITEMS] = {}, highest[ITEMS], ahead[ITEMS] = {};
  int highest_at[ITEMS] = {};
  typename Neuron::State state[ITEMS];
  for (int i = 0; i < ITEMS; ++i) highest[i] = -INFINITY;
  sums.clear();
  if (signals && a.steps) stage(a.first, a.trials, trial, signals, 0, x);
  if (a.source == CURRENTS && a.steps) {
#pragma unroll
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      if (n < a.neurons) ahead[i] = a.first[(size_t)trial * a.neurons + n];
    }
  }
  __syncthreads();

  for (int t = 0; t < a.steps; ++t) {
    const size_t row = (size_t)t * a.trials + trial;
    if (a.activity) {
      for (int p = thread(); p < a.modes; p += threads()) a.activity[row * a.modes + p] = sums[p];
    }
#pragma unroll
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      if (n >= a.neurons) continue;
      const size_t at = row * a.neurons + n;
      float drive = ahead[i];
      if (a.source == CURRENTS && t + 1 < a.steps) ahead[i] = a.first[at + (size_t)a.trials * a.neurons];
      if (a.source == SPIKES) drive = spike_drive(a, trial, t, n);

      const float threshold = of_neuron(a.own_threshold, a.threshold, n);
      const bool spike = Neuron::spikes(a.neuron, n, threshold, state[i]);
      rising[i] = rising[i] * a.alpha_rise + (spike ? 1.0f : 0.0f);
      trace[i] = trace[i] * of_neuron(a.own_decay, a.alpha_decay, n) + rising[i] * of_neuron(a.own_gain, a.gain, n);
      current[i] = current[i] * a.alpha_current + drive;
      for (int p = 0; p < a.modes; ++p) current[i] += into[p * a.neurons + n] * sums[p];
      for (int k = 0; k < signals; ++k) current[i] += into[(a.modes + k) * a.neurons + n] * x[t % 2 * signals + k];
      const float v = membrane_kept(a.neuron, n, state[i].u) + membrane_entering(a.neuron, n, current[i]);
      Neuron::step(a.neuron, n, t, threshold, spike, v, state[i]);

      traces[n] = trace[i];
      if (a.potential) a.potential[at] = state[i].u;
      Neuron::keep(a.neuron, at, state[i]);
      if (a.membrane) a.membrane[at] = v;
      if (a.synapses) a.synapses[at] = trace[i];
      if (a.output == SYNAPSES) a.out[at] = trace[i];
      if (trace[i] > highest[i]) highest[i] = trace[i], highest_at[i] = t;
    }
    __syncthreads();
    sums.take(out, a.neurons, traces);
    if (signals && t + 1 < a.steps) stage(a.first, a.trials, trial, signals, t + 1, x + (t + 1) % 2 * signals);
    __syncthreads();
    if (a.output == READOUT) {
      for (int o = thread(); o < readouts; o += threads()) a.out[row * readouts + o] = sums[a.modes + o];
    }
  }
  if (a.output == PEAKS) {
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      if (n >= a.neurons) continue;
      a.out[(size_t)trial * a.neurons + n] = highest[i];
      if (a.peak) a.peak[(size_t)trial * a.neurons + n] = highest_at[i];
    }
  }
}

// σ'(x).
__device__ inline float surrogate(const Spiking& a, float x) {
  const float k = a.shape[0];
  switch (a.surrogate) {
    case FAST_SIGMOID: {
      const float y = 1.0f + k * fabsf(x);
      return 1.0f / (y * y);
    }
    case ARCTAN: {
      const float y = k * 1.57079632679f * x;
      return 0.5f * k / (1.0f + y * y);
    }
    case SIGMOID: {
      const float e = expf(-k * fabsf(x)), y = 1.0f + e;
      return k * e / (y * y);
    }
    case TRIANGULAR:
      return fmaxf(0.0f, 1.0f - k * fabsf(x));
    case MULTI_GAUSSIAN: {
      const float below = x + k, above = x - k, bell = a.shape[1] * expf(-a.shape[2] * x * x);
      return bell - a.shape[3] * (expf(-a.shape[4] * below * below) + expf(-a.shape[4] * above * above));
    }
    default:
      return 1.0f;
  }
}

// sums[q][n] += Σ_s left[s] right[s][q] over the steps of a segment; `left(s)` belongs to neuron n.
template <class Left>
__device__ void add_products(Left left, const float* right, int columns, int count, int neurons, int n, float* sums) {
  constexpr int RUN = 8;
  for (int base = 0; base < count; base += RUN) {
    float values[RUN];
#pragma unroll
    for (int j = 0; j < RUN; ++j) values[j] = base + j < count ? left(base + j) : 0.0f;
    for (int q = 0; q < columns; ++q) {
      float sum = 0.0f;
#pragma unroll
      for (int j = 0; j < RUN; ++j) {
        if (base + j < count) sum += values[j] * right[(base + j) * columns + q];
      }
      sums[(size_t)q * neurons + n] += sum;
    }
  }
}

template <class Neuron, int ITEMS>
__device__ void backward(const Spiking& a) {
  DYNAMIC_SHARED(shared);
  const int signals = a.source == SIGNALS ? a.inputs - a.modes : 0, readouts = a.outputs - a.modes;
  const int group = blockIdx.x;
  float* currents = shared;                                  // Ī_t, [N]
  float* y = currents + a.neurons;                           // ȳ of this step and the one before, [2][O]
  float* rho = y + 2 * readouts;                             // [outputs]
  float* eta = rho + a.outputs;                              // [outputs]
  float* entering = eta + a.outputs;                         // (a, x), [segment][inputs]
  float* filtered = entering + a.segment * a.inputs;         // e, or (ā, ȳ) where r was kept, [segment][outputs]
  const bool of_signals = signals && a.of_first;
  Sums sums(a.modes + (of_signals ? signals : 0), filtered + a.segment * a.outputs);
  const float* weights =
      cached(a.weights, (a.inputs + a.outputs) * a.neurons, a.cached, sums.of_parts + sums.columns * sums.parts);
  const float *into = weights, *out = weights + (size_t)a.inputs * a.neurons;
  float* held = a.held + (size_t)group * a.segment * a.neurons;
  float* of_into = a.weights_parts + (size_t)group * (a.inputs + a.outputs + a.rows) * a.neurons;
  float* of_out = of_into + (size_t)a.inputs * a.neurons;
  float* of_rows = of_out + (size_t)a.outputs * a.neurons;
  float* of_columns = a.columns_parts + (size_t)group * a.channels * a.neurons;
  const int words = (a.steps + 63) / 64 * 2;

  for (int trial = group; trial < a.trials; trial += a.groups) {
    float current[ITEMS] = {}, rising[ITEMS] = {}, trace[ITEMS] = {}, spike[ITEMS] = {};
    float rows[ITEMS][Neuron::ROWS + 1] = {};  // the last is that of the leak, if there is one
    typename Neuron::Adjoint adjoint[ITEMS];
    sums.clear();
    for (int q = thread(); q < a.outputs; q += threads()) rho[q] = eta[q] = 0.0f;
    if (a.output == READOUT) stage(a.arriving, a.trials, trial, readouts, a.steps - 1, y + (a.steps - 1) % 2 * readouts);
    __syncthreads();

    for (int t = a.steps - 1; t >= 0; --t) {
      const size_t row = (size_t)t * a.trials + trial;
      const int slot = t % a.segment, begin = t - slot;
      if (t == a.steps - 1 || slot == a.segment - 1) {
        for (int j = thread(); j < (slot + 1) * a.inputs; j += threads()) {
          const int q = j % a.inputs;
          const size_t from = (size_t)(begin + j / a.inputs) * a.trials + trial;
          entering[j] = q < a.modes ? a.activity[from * a.modes + q] : a.first[from * signals + q - a.modes];
        }
      }
      const float* arriving = y + t % 2 * readouts;
      for (int q = thread(); q < a.outputs; q += threads()) {
        const float column = q < a.modes ? sums[q] : arriving[q - a.modes];
        filtered[slot * a.outputs + q] = a.synapses ? column : eta[q];
        rho[q] = rho[q] * a.alpha_decay + column;
        eta[q] = eta[q] * a.alpha_rise + rho[q] * a.gain;
      }
#pragma unroll
      for (int i = 0; i < ITEMS; ++i) {
        const int n = i * threads() + thread();
        if (n >= a.neurons) continue;
        const size_t at = row * a.neurons + n;
        const float u = a.potential[at], c = a.membrane ? a.membrane[at] : u;
        trace[i] *= of_neuron(a.own_decay, a.alpha_decay, n);
        if (a.output == SYNAPSES) trace[i] += a.arriving[at];
        if (a.output == PEAKS && a.peak[(size_t)trial * a.neurons + n] == (uint32_t)t) {
          trace[i] += a.arriving[(size_t)trial * a.neurons + n];
        }
        for (int p = 0; p < a.modes; ++p) trace[i] += out[p * a.neurons + n] * sums[p];
        for (int o = 0; o < readouts; ++o) trace[i] += out[(a.modes + o) * a.neurons + n] * arriving[o];
        const float threshold = of_neuron(a.own_threshold, a.threshold, n);
        const typename Neuron::State state = Neuron::kept(a.neuron, at, u);
        const float derivative = surrogate(a, Neuron::excess(a.neuron, n, threshold, state));
        const Leaving leaving =
            Neuron::step_back(a.neuron, n, threshold, derivative, state, c, adjoint[i], spike[i], rows[i]);
        current[i] = leaving.current + current[i] * a.alpha_current;
        rising[i] = rising[i] * a.alpha_rise + trace[i] * of_neuron(a.own_gain, a.gain, n);
        spike[i] = rising[i] - leaving.reset;
        currents[n] = current[i];
        held[(size_t)slot * a.neurons + n] = current[i];
        if (a.source == CURRENTS && a.of_first) a.of_first[at] = current[i];
      }
      __syncthreads();
      sums.take(into, a.neurons, currents);
      if (a.output == READOUT && t > 0) stage(a.arriving, a.trials, trial, readouts, t - 1, y + (t - 1) % 2 * readouts);
      __syncthreads();
      if (of_signals) {
        for (int k = thread(); k < signals; k += threads()) a.of_first[row * signals + k] = sums[a.modes + k];
      }
      if (slot > 0) continue;

      const int count = min(a.segment, a.steps - begin);
      for (int n = thread(); n < a.neurons; n += threads()) {
        const float* own = held + n;
        const size_t stride = (size_t)a.trials * a.neurons, first = ((size_t)begin * a.trials + trial) * a.neurons + n;
        const float threshold = of_neuron(a.own_threshold, a.threshold, n);
        add_products([=](int s) { return own[(size_t)s * a.neurons]; }, entering, a.inputs, count, a.neurons, n, of_into);
        if (a.synapses) {
          const float* r = a.synapses + first;
          add_products([=](int s) { return r[s * stride]; }, filtered, a.outputs, count, a.neurons, n, of_out);
        } else {
          const auto spikes = [&](int s) {
            const size_t at = first + s * stride;
            const bool spike = Neuron::spikes(a.neuron, n, threshold, Neuron::kept(a.neuron, at, a.potential[at]));
            return spike ? 1.0f : 0.0f;
          };
          add_products(spikes, filtered, a.outputs, count, a.neurons, n, of_out);
        }
        if (a.source != SPIKES) continue;
        for (uint32_t entry = a.starts[trial]; entry < a.starts[trial + 1]; ++entry) {
          const uint32_t bits = a.raster[(size_t)entry * words + begin / 32] >> (begin % 32);
          float sum = 0.0f;
          for (int s = 0; s < count; ++s) {
            if (bits >> s & 1) sum += own[(size_t)s * a.neurons];
          }
          of_columns[(size_t)a.active[entry] * a.neurons + n] += sum;
        }
      }
      __syncthreads();
    }
#pragma unroll
    for (int i = 0; i < ITEMS; ++i) {
      const int n = i * threads() + thread();
      for (int q = 0; n < a.neurons && q < a.rows; ++q) of_rows[(size_t)q * a.neurons + n] += rows[i][q];
    }
  }
}

KERNEL(spiking_leaky_forward_1, Spiking, 256) { forward<Leaky, 1>(a); }
KERNEL(spiking_leaky_forward_4, Spiking, 1024) { forward<Leaky, 4>(a); }
KERNEL(spiking_leaky_forward_16, Spiking, 512) { forward<Leaky, 16>(a); }
KERNEL(spiking_leaky_backward_1, Spiking, 256) { backward<Leaky, 1>(a); }
KERNEL(spiking_leaky_backward_4, Spiking, 1024) { backward<Leaky, 4>(a); }
KERNEL(spiking_leaky_backward_16, Spiking, 512) { backward<Leaky, 16>(a); }

KERNEL(spiking_adaptive_forward_1, Spiking, 256) { forward<Adaptive, 1>(a); }
KERNEL(spiking_adaptive_forward_4, Spiking, 1024) { forward<Adaptive, 4>(a); }
KERNEL(spiking_adaptive_forward_16, Spiking, 512) { forward<Adaptive, 16>(a); }
KERNEL(spiking_adaptive_backward_1, Spiking, 256) { backward<Adaptive, 1>(a); }
KERNEL(spiking_adaptive_backward_4, Spiking, 1024) { backward<Adaptive, 4>(a); }
KERNEL(spiking_adaptive_backward_16, Spiking, 512) { backward<Adaptive, 16>(a); }

KERNEL(spiking_sum, Spiking, 256) {
  add_parts(a.weights_parts, a.groups, (size_t)(a.inputs + a.outputs + a.rows) * a.neurons, a.of_weights);
  if (a.source == SPIKES && a.of_first) add_parts(a.columns_parts, a.groups, (size_t)a.channels * a.neurons, a.of_first);
}
