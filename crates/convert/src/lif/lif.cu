// LIF networks in single precision. The equations are at the head of `lif/mod.rs` in crates/convert; the order of
// evaluation is that of `fast.rs` there. A block is one simulation: one trial with one scaling factor. Each thread
// draws the noise of its own units, with one block of the stream per four steps.
#include "random.cuh"

struct Lif {
  int32_t steps, units, outputs, modes;
  int32_t samples;            // rows of `drive` of a trial
  int32_t steps_per_sample;
  int32_t synapse_double;
  int32_t neuron;             // which drift
  int32_t refractory_steps;
  int32_t windows;            // windows of a trial in which outputs are looked at
  int32_t out_every;          // outputs are kept of the steps k, 2k, …; 0: of none
  uint32_t seed_low, seed_high, purpose;
  float dt, leak, decay_rise, bias, v_peak, v_reset, noise_sd, pulse_mv;
  float constants[2];         // of the drift
  const uint32_t* trial;      // [simulations]
  const uint32_t* factor;     // [simulations]: which scaling factor
  const uint32_t* draw;       // [trials][2]: number of the trial's noise, low word first
  const uint32_t* window;     // [trials][windows][2]: first and last step of a window, counted from 1
  const uint32_t* counted_to; // [trials]: last step whose spikes are counted
  const float* drive;         // W_in u [trials][samples][N]
  const float* potential;     // initial potentials [trials][N]
  const uint32_t* pulses;      // [trials][⌈steps/32⌉]: bit s % 32 of word s / 32 is the coin of step s + 1; or null
  const uint32_t* pulsed;     // [N]: whether the unit is stimulated
  const float* decay;         // e^{−dt/τ_d} [N]
  const float* own;           // what a unit's own spike adds to h_r or r [N]
  const float* gain;          // what J is multiplied with [factors][N]
  const float* weights;       // W by sending unit [N][N]; or Ξ_in [P][N]
  const float* score;         // λ [P]
  const float* mode_out;      // Ξ_out [N][P]
  const float* w_out;         // W_out / scaling factor [factors][O][N]
  float* extremes;            // largest, smallest, sum and number of outputs in a window [simulations][windows][O][4]
  float* out;                 // outputs that are kept [simulations][⌊steps/k⌋][O]
  uint32_t* counts;           // spikes from step 10 to the last that is counted [simulations][N]
};

constexpr int FIRST_COUNTED_STEP = 10;

__device__ inline bool is_inside(const uint32_t* window, int step) { return step >= (int)window[0] && step <= (int)window[1]; }
__device__ inline bool responds(const Lif& a, const uint32_t* windows, int step) {
  for (int w = 0; w < a.windows; ++w) {
    if (is_inside(windows + 2 * w, step)) return true;
  }
  return false;
}
__device__ inline bool is_kept(const Lif& a, int step) { return a.out_every > 0 && step > 0 && step % a.out_every == 0; }

// State and constants of a unit.
struct Unit {
  float v, ipsc, h, r, h_r, drive;
  float noise[4];
  int last;
  uint32_t count;
};

// e^x as computed by the CPU's lanes (`exp_vector` in crates/kernels): relative error below 2e-7, saturating at e^±87.
__device__ inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x > 87.0f ? 87.0f : x;
  const float shifted = x * 1.442695041f + 12582912.0f;
  const float k = shifted - 12582912.0f;
  const float r = x - k * 0.6933594f + k * 2.1219444e-4f;
  float p = 1.0f / 5040.0f;
  const float coefficients[7] = {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f};
#pragma unroll
  for (int i = 0; i < 7; ++i) p = coefficients[i] + r * p;
  return p * __uint_as_float((__float_as_uint(shifted) << 23) + 0x3f800000u);
}

// τ_m dv/dt of a unit. Each neuron has a file in `lif/neurons` in crates/convert, which gives number and constants.
__device__ inline float drift(const Lif& a, float v, float current) {
  switch (a.neuron) {
    case 2: {  // exponential
      const float exponent = (v - a.constants[0]) / a.constants[1];
      return (-v + current) + a.constants[1] * exponential(exponent < 60.0f ? exponent : 60.0f);
    }
    case 1: return v * v + current;  // quadratic
    default: return -v + current;    // leaky
  }
}

// Sum over the units that spike, in ascending order, of the values `stride` apart.
__device__ inline float over_fired(const uint32_t* fired, int words, const float* values, size_t stride) {
  float sum = 0.0f;
  for (int word = 0; word < words; ++word) {
    for (uint32_t bits = fired[word]; bits; bits &= bits - 1) sum += values[(word * 32 + __ffs(bits) - 1) * stride];
  }
  return sum;
}

// J of unit n; `overlap` is λ Ξ_outᵀ s for weights given by modes.
__device__ inline float arriving(const Lif& a, const uint32_t* fired, int words, const float* overlap, int n) {
  if (a.modes == 0) return over_fired(fired, words, a.weights + n, a.units);
  float sum = 0.0f;
  for (int mode = 0; mode < a.modes; ++mode) sum += a.weights[(size_t)mode * a.units + n] * overlap[mode];
  return sum;
}

template <int ITEMS>
__device__ void simulate(const Lif& a) {
  DYNAMIC_SHARED(shared);
  const int warps = threads() / WARP, words = ITEMS * warps, lane = thread() % WARP, warp = thread() / WARP;
  uint32_t* fired = reinterpret_cast<uint32_t*>(shared);  // [2][words]: this step's and the one's before
  float* parts = shared + 2 * words;                      // shares of the outputs, [2][O][warps]
  float* overlap = parts + 2 * a.outputs * warps;         // [P]
  float* extremes = overlap + a.modes;                    // [windows][O][4], each read and written by one thread
  const size_t trial = a.trial[blockIdx.x], factor = a.factor[blockIdx.x];
  const uint32_t draw_low = a.draw[2 * trial], draw_high = a.draw[2 * trial + 1];
  const uint32_t* windows = a.window + trial * a.windows * 2;
  const int counted_to = (int)a.counted_to[trial];
  const int kick_words = (a.steps + 31) / 32;

  Unit units[ITEMS] = {};
#pragma unroll
  for (int i = 0; i < ITEMS; ++i) {
    const int n = i * threads() + thread();
    if (n < a.units) units[i].v = a.potential[trial * a.units + n];
  }
  if (thread() < a.outputs) {
    for (int w = 0; w < a.windows; ++w) {
      float* e = extremes + (w * a.outputs + thread()) * 4;
      e[0] = -INFINITY;
      e[1] = INFINITY;
      e[2] = e[3] = 0.0f;
    }
  }
  int sample = -1;
  for (int step = 1; step <= a.steps + 1; ++step) {
    const int parity = step % 2;
    const bool last = step > a.steps;  // one round more, to take in the outputs of the last step
    if (!last) {
      const int now = (step + a.steps_per_sample / 2) / a.steps_per_sample;
      const bool pulse = a.pulses && a.pulses[trial * kick_words + (step - 1) / 32] >> ((step - 1) % 32) & 1;
#pragma unroll
      for (int i = 0; i < ITEMS; ++i) {
        const int n = i * threads() + thread();
        bool spikes = false;
        if (n < a.units) {
          Unit& x = units[i];
          if (now != sample) x.drive = a.drive[(trial * a.samples + now) * a.units + n];
          if (step % 4 == 1 && a.noise_sd > 0.0f) {
            const uint32_t high = draw_high | (uint32_t)(n / 16) << 8;
            const Words w = philox((step - 1) / 4 * 16 + n % 16, draw_low, high, a.purpose, a.seed_low, a.seed_high);
            normal_pair(w.word[0], w.word[1], a.noise_sd, x.noise[0], x.noise[1]);
            normal_pair(w.word[2], w.word[3], a.noise_sd, x.noise[2], x.noise[3]);
          }
          const int s = (step - 1) % 4;
          float noise = s < 2 ? (s == 0 ? x.noise[0] : x.noise[1]) : (s == 2 ? x.noise[2] : x.noise[3]);
          if (pulse && a.pulsed[n]) noise += a.pulse_mv;

          const float current = (x.ipsc + a.bias) + x.drive;
          const float gated = step - x.last > a.refractory_steps ? drift(a, x.v, current) : 0.0f;
          const float v = (x.v + gated * a.leak) + noise;
          spikes = v >= a.v_peak;
          const float own = spikes ? a.own[n] : 0.0f, decay = a.decay[n];
          if (a.synapse_double) {
            x.ipsc = x.ipsc * decay + x.h * a.dt;
            x.h *= a.decay_rise;
            x.r = x.r * decay + x.h_r * a.dt;
            x.h_r = x.h_r * a.decay_rise + own;
          } else {
            x.ipsc *= decay;
            x.r = x.r * decay + own;
          }
          if (spikes) x.last = step;
          x.v = spikes ? a.v_reset : v;
          if (spikes && step >= FIRST_COUNTED_STEP && step <= counted_to) ++x.count;
        }
        const uint32_t bits = __ballot_sync(0xffffffffu, spikes);
        if (lane == 0) fired[parity * words + i * warps + warp] = bits;
      }
      sample = now;
    }
    __syncthreads();
    const int before = step - 1;
    if (thread() < a.outputs && (responds(a, windows, before) || is_kept(a, before))) {
      float sum = 0.0f;
      for (int w = 0; w < warps; ++w) sum += parts[((1 - parity) * a.outputs + thread()) * warps + w];
      for (int w = 0; w < a.windows; ++w) {
        if (!is_inside(windows + 2 * w, before)) continue;
        float* e = extremes + (w * a.outputs + thread()) * 4;
        e[0] = sum > e[0] ? sum : e[0];
        e[1] = sum < e[1] ? sum : e[1];
        e[2] += sum;
        e[3] += 1.0f;
      }
      if (is_kept(a, before)) {
        const size_t row = (size_t)blockIdx.x * (a.steps / a.out_every) + before / a.out_every - 1;
        a.out[row * a.outputs + thread()] = sum;
      }
    }
    if (last) break;
    uint32_t any = 0;
    for (int word = 0; word < words; ++word) any |= fired[parity * words + word];
    if (any) {
      for (int mode = thread(); mode < a.modes; mode += threads()) {
        overlap[mode] = a.score[mode] * over_fired(fired + parity * words, words, a.mode_out + mode, a.modes);
      }
      if (a.modes) __syncthreads();
#pragma unroll
      for (int i = 0; i < ITEMS; ++i) {
        const int n = i * threads() + thread();
        if (n >= a.units) continue;
        const float j = arriving(a, fired + parity * words, words, overlap, n) * a.gain[factor * a.units + n];
        if (a.synapse_double) {
          units[i].h += j;
        } else {
          units[i].ipsc += j;
        }
      }
    }
    if (responds(a, windows, step) || is_kept(a, step)) {
      for (int o = 0; o < a.outputs; ++o) {
        float share = 0.0f;
#pragma unroll
        for (int i = 0; i < ITEMS; ++i) {
          const int n = i * threads() + thread();
          if (n < a.units) share += a.w_out[(factor * a.outputs + o) * a.units + n] * units[i].r;
        }
        share = warp_sum(share);
        if (lane == 0) parts[(parity * a.outputs + o) * warps + warp] = share;
      }
    }
  }

  // If some r is not a number, the extremes are invalid. No thread reads `fired` any more.
  bool is_broken = false;
#pragma unroll
  for (int i = 0; i < ITEMS; ++i) {
    const int n = i * threads() + thread();
    if (n < a.units) a.counts[(size_t)blockIdx.x * a.units + n] = units[i].count;
    if (!isfinite(units[i].r)) is_broken = true;
  }
  const uint32_t broken_lanes = __ballot_sync(0xffffffffu, is_broken);
  if (lane == 0) fired[warp] = broken_lanes;
  __syncthreads();
  if (thread() < a.outputs) {
    uint32_t broken = 0;
    for (int w = 0; w < warps; ++w) broken |= fired[w];
    const float nothing = __uint_as_float(0x7fc00000u);
    for (int w = 0; w < a.windows; ++w) {
      const float* e = extremes + (w * a.outputs + thread()) * 4;
      float* to = a.extremes + (((size_t)blockIdx.x * a.windows + w) * a.outputs + thread()) * 4;
      for (int i = 0; i < 4; ++i) to[i] = broken ? nothing : e[i];
    }
  }
}

KERNEL(lif_1, Lif, 1024) { simulate<1>(a); }
KERNEL(lif_4, Lif, 1024) { simulate<4>(a); }
