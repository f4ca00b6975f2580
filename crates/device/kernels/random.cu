// Random numbers for other kernels: normal numbers, and the spikes of `encode.rs` in crates/data, with the same bits.
#include "random.cuh"

struct Normal {
  uint32_t seed_low, seed_high, index_low, index_high;
  uint32_t purpose;
  float sd;
  uint64_t count;
  float* out;  // [count]
};

// A thread draws the four numbers of a block, which are 16 apart.
KERNEL(random_normal, Normal, 256) {
  const uint64_t blocks = (a.count + 63) / 64 * 16, stride = (uint64_t)gridDim.x * threads();
  for (uint64_t block = (uint64_t)blockIdx.x * threads() + thread(); block < blocks; block += stride) {
    const Words w = philox((uint32_t)block, a.index_low, a.index_high, a.purpose, a.seed_low, a.seed_high);
    float values[4];
    normal_pair(w.word[0], w.word[1], a.sd, values[0], values[1]);
    normal_pair(w.word[2], w.word[3], a.sd, values[2], values[3]);
    for (int i = 0; i < 4; ++i) {
      const uint64_t at = block / 16 * 64 + i * 16 + block % 16;
      if (at < a.count) a.out[at] = values[i];
    }
  }
}

struct Bernoulli {
  uint32_t seed_low, seed_high, purpose;
  int32_t steps, entries;
  const uint32_t* keys;         // [entries][2]: the key of the entry's trial, low word first
  const uint32_t* probability;  // [entries]: in units of 2⁻¹⁶, above 0
  const uint32_t* drawn;        // [entries]: how many channels of the trial before this one are drawn
  uint32_t* raster;             // [entries][words]: 32 steps a word
};

// Word `i` of a stream in lane order.
__device__ inline uint32_t lane_word(const Words (&blocks)[16], uint32_t i) { return blocks[i % 16].word[i / 16 % 4]; }

// A thread draws 64 steps of one channel of one trial, from 32 words of its stream.
KERNEL(random_bernoulli, Bernoulli, 256) {
  const int words = (a.steps + 63) / 64;
  const uint64_t tasks = (uint64_t)a.entries * words, stride = (uint64_t)gridDim.x * threads();
  for (uint64_t task = (uint64_t)blockIdx.x * threads() + thread(); task < tasks; task += stride) {
    const uint32_t entry = task / words, word = task % words, p = a.probability[entry];
    uint64_t spikes = ~0ull;
    if (p < 1u << 16) {
      const uint32_t begin = (a.drawn[entry] * words + word) * 32;
      Words blocks[16];
      for (int l = 0; l < 16; ++l) {
        blocks[l] = philox(begin / 64 * 16 + l, a.keys[2 * entry], a.keys[2 * entry + 1], a.purpose, a.seed_low, a.seed_high);
      }
      spikes = 0;
      for (uint32_t digit = 0; digit < 16; ++digit) {
        const uint64_t w = (uint64_t)lane_word(blocks, begin + 2 * digit) << 32 | lane_word(blocks, begin + 2 * digit + 1);
        spikes = p >> digit & 1 ? spikes | w : spikes & w;
      }
    }
    const int left = a.steps - (int)word * 64;
    if (left < 64) spikes &= ~0ull >> (64 - left);
    a.raster[2 * task] = (uint32_t)spikes;
    a.raster[2 * task + 1] = (uint32_t)(spikes >> 32);
  }
}
