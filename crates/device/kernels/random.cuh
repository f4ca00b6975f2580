// Random numbers: the streams of `random.rs` in crates/kernels, where the formulas are, with the same bits. No product
// is fused with a sum, because the intrinsics have their own rounding.
#pragma once
#include "common.cuh"

struct Words {
  uint32_t word[4];
};

// Philox4x32-10.
__device__ inline Words philox(uint32_t block, uint32_t index_low, uint32_t index_high, uint32_t purpose, uint32_t k0,
                               uint32_t k1) {
  uint32_t c0 = block, c1 = index_low, c2 = index_high, c3 = purpose;
  for (int round = 0; round < 10; ++round) {
    const uint32_t high0 = __umulhi(0xD2511F53u, c0), low0 = 0xD2511F53u * c0;
    const uint32_t high1 = __umulhi(0xCD9E8D57u, c2), low1 = 0xCD9E8D57u * c2;
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// c0 + z (c1 + z (c2 + …)).
template <int COUNT>
__device__ inline float polynomial(float z, const float (&coefficients)[COUNT]) {
  float sum = coefficients[COUNT - 1];
#pragma unroll
  for (int i = COUNT - 2; i >= 0; --i) sum = __fadd_rn(coefficients[i], __fmul_rn(z, sum));
  return sum;
}

// ln x.
__device__ inline float ln(float x) {
  const uint32_t bits = __float_as_uint(x), shifted = bits - __float_as_uint(1.41421356237309504880f * 0.5f);
  const int32_t exponent = (int32_t)shifted >> 23;
  const float m = __uint_as_float(bits - ((uint32_t)exponent << 23));
  const float s = __fdiv_rn(__fadd_rn(m, -1.0f), __fadd_rn(m, 1.0f));
  const float series[] = {2.0f, 2.0f / 3.0f, 0.4f, 2.0f / 7.0f, 2.0f / 9.0f};
  return __fadd_rn(__fmul_rn(s, polynomial(__fmul_rn(s, s), series)), __fmul_rn((float)exponent, 0.693147180559945309417f));
}

// Sine and cosine of 2π · angle/2³².
__device__ inline void sin_cos_turn(uint32_t angle, float& sine, float& cosine) {
  const uint32_t quarter = (angle + (1u << 29)) >> 30;
  const float radians = (float)(6.28318530717958647692 / 4294967296.0);
  const float a = __fmul_rn((float)(int32_t)(angle - (quarter << 30)), radians), z = __fmul_rn(a, a);
  const float of_sine[] = {1.0f, -1.0f / 6.0f, 1.0f / 120.0f, -1.0f / 5040.0f, 1.0f / 362880.0f};
  const float of_cosine[] = {1.0f, -0.5f, 1.0f / 24.0f, -1.0f / 720.0f, 1.0f / 40320.0f};
  const float s = __fmul_rn(a, polynomial(z, of_sine)), c = polynomial(z, of_cosine);
  const bool odd = quarter & 1;
  sine = __uint_as_float(__float_as_uint(odd ? c : s) ^ (quarter & 2) << 30);
  cosine = __uint_as_float(__float_as_uint(odd ? s : c) ^ ((quarter + 1) & 2) << 30);
}

// Two normal numbers.
__device__ inline void normal_pair(uint32_t radius, uint32_t angle, float sd, float& first, float& second) {
  const float unit = __fmul_rn(__fadd_rn((float)(int32_t)(radius >> 1), 0.5f), 1.0f / 2147483648.0f);
  const float r = __fmul_rn(__fsqrt_rn(__fmul_rn(-2.0f, ln(unit))), sd);
  float s, c;
  sin_cos_turn(angle, s, c);
  first = __fmul_rn(r, c);
  second = __fmul_rn(r, s);
}
