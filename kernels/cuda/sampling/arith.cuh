// Arithmetic that gives the same bits as src/sampling does.
//
// Compilers may join a multiplication and an addition; `mul` and `add` keep them apart. Divisions and square roots
// are IEEE's by default, and no file here may be compiled with fast-math.
#pragma once

#include <cmath>
#include <cstring>

#include "block.cuh"

#ifdef __CUDACC__
#include <cuda_fp16.h>
#endif

namespace rein::sampling {

#ifdef __CUDA_ARCH__
REIN_FN float mul(float a, float b) { return __fmul_rn(a, b); }
REIN_FN float add(float a, float b) { return __fadd_rn(a, b); }
REIN_FN double mul(double a, double b) { return __dmul_rn(a, b); }
REIN_FN double add(double a, double b) { return __dadd_rn(a, b); }
REIN_FN float fused(float a, float b, float c) { return __fmaf_rn(a, b, c); }
REIN_FN uint32_t bits_of(float a) { return __float_as_uint(a); }
REIN_FN float float_of(uint32_t bits) { return __uint_as_float(bits); }
REIN_FN double double_of(uint64_t bits) { return __longlong_as_double(static_cast<long long>(bits)); }
#else
// Compiled with -ffp-contract=off.
REIN_FN float mul(float a, float b) { return a * b; }
REIN_FN float add(float a, float b) { return a + b; }
REIN_FN double mul(double a, double b) { return a * b; }
REIN_FN double add(double a, double b) { return a + b; }
REIN_FN float fused(float a, float b, float c) { return fmaf(a, b, c); }
template <typename To, typename From> REIN_FN To cast_bits(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    memcpy(&to, &from, sizeof(to));
    return to;
}
REIN_FN uint32_t bits_of(float a) { return cast_bits<uint32_t>(a); }
REIN_FN float float_of(uint32_t bits) { return cast_bits<float>(bits); }
REIN_FN double double_of(uint64_t bits) { return cast_bits<double>(bits); }
#endif

REIN_FN float minus_infinity() { return float_of(0xFF800000u); }

// e^x for x in -87..=0, 0 below: `exp` of src/sampling/exp.rs, operation for operation.
template <bool FUSED> REIN_FN float fast_exp(float x) {
    const auto multiply_add = [](float a, float b, float c) { return FUSED ? fused(a, b, c) : add(mul(a, b), c); };
    const float smallest = -87.0f, round = 12582912.0f;
    const float clamped = x > smallest ? x : smallest;
    const float rounded = multiply_add(clamped, 1.44269504f, round);
    const float n = add(rounded, -round);
    const float r = multiply_add(n, 2.1219444e-4f, multiply_add(n, -0.6933594f, clamped));
    float p = 1.9875691e-4f;
    p = multiply_add(p, r, 1.3981999e-3f);
    p = multiply_add(p, r, 8.333452e-3f);
    p = multiply_add(p, r, 4.1665796e-2f);
    p = multiply_add(p, r, 1.6666665e-1f);
    p = multiply_add(p, r, 0.5f);
    const float mantissa = add(multiply_add(mul(p, r), r, r), 1.0f);
    const float scale = float_of((bits_of(rounded) + 127u) << 23);
    return x > smallest ? mul(mantissa, scale) : 0.0f;
}

// e^x for x of at most 0, to the nearest float: `nearest_exp` of src/sampling/exp.rs, operation for operation.
REIN_FN float nearest_exp(float x) {
    if (!(x > -104.0f)) {
        return 0.0f;
    }
    const double round = 6755399441055744.0; // 1.5 * 2^52
    const double n = add(add(mul(static_cast<double>(x), 1.4426950408889634), round), -round);
    const double r = add(static_cast<double>(x), -mul(n, 0.6931471805599453));
    // 1 / k! for k = 12 .. 0
    double p = 2.08767569878681e-9;
    p = add(mul(p, r), 2.505210838544172e-8);
    p = add(mul(p, r), 2.755731922398589e-7);
    p = add(mul(p, r), 2.7557319223985893e-6);
    p = add(mul(p, r), 2.48015873015873e-5);
    p = add(mul(p, r), 1.984126984126984e-4);
    p = add(mul(p, r), 1.388888888888889e-3);
    p = add(mul(p, r), 8.333333333333333e-3);
    p = add(mul(p, r), 4.1666666666666664e-2);
    p = add(mul(p, r), 1.6666666666666666e-1);
    p = add(mul(p, r), 0.5);
    p = add(mul(p, r), 1.0);
    p = add(mul(p, r), 1.0);
    const uint64_t exponent = static_cast<uint64_t>(1023 + static_cast<int32_t>(n));
    return static_cast<float>(mul(p, double_of(exponent << 52)));
}

// e^(logit - max): `relative` of src/sampling/candidates.rs.
REIN_FN float relative(float logit, float max) { return logit >= max ? 1.0f : nearest_exp(add(logit, -max)); }

// How far a logit is below the largest, also where both are infinite.
REIN_FN float distance(float logit, float max) { return logit < max ? add(max, -logit) : 0.0f; }

// Keys order candidates: the larger logit first, and of equal ones the lower index. 0 is the key of none.
REIN_FN uint64_t logit_key(float logit, uint32_t index) {
    if (!(logit > minus_infinity())) { // nor NaN
        return 0;
    }
    const uint32_t bits = bits_of(add(logit, 0.0f)); // -0 is 0
    const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return static_cast<uint64_t>(ordered) << 32 | ~index;
}

REIN_FN float logit_of(uint64_t key) {
    const uint32_t ordered = static_cast<uint32_t>(key >> 32);
    return float_of(ordered & 0x80000000u ? ordered & 0x7FFFFFFFu : ~ordered);
}

// By a distance that is not negative, the nearest first; by index among equals.
REIN_FN uint64_t distance_key(float distance, uint32_t index) {
    return static_cast<uint64_t>(~bits_of(distance)) << 32 | ~index;
}

REIN_FN float distance_of(uint64_t key) { return float_of(~static_cast<uint32_t>(key >> 32)); }

// By index.
REIN_FN uint64_t index_key(uint32_t index) { return static_cast<uint64_t>(~index) << 32 | ~index; }

// Of any key.
REIN_FN uint32_t index_of(uint64_t key) { return ~static_cast<uint32_t>(key); }

// Logits in half precision.
struct F16 {
    uint16_t bits;
};
struct BF16 {
    uint16_t bits;
};

REIN_FN float to_float(float logit) { return logit; }

REIN_FN float to_float(BF16 logit) { return float_of(static_cast<uint32_t>(logit.bits) << 16); }

REIN_FN float to_float(F16 logit) {
#ifdef __CUDA_ARCH__
    return __half2float(__ushort_as_half(logit.bits));
#else
    const uint32_t sign = (logit.bits & 0x8000u) << 16, rest = logit.bits & 0x7FFFu;
    if (rest >= 0x7C00u) { // infinite or no number
        return float_of(sign | 0x7F800000u | (rest & 0x3FFu) << 13);
    }
    // Taken for a float's exponent and mantissa it is 2^-112 of the value; multiplying is exact, subnormals too.
    const float magnitude = mul(float_of(rest << 13), float_of(0x77800000u));
    return float_of(sign | bits_of(magnitude));
#endif
}

} // namespace rein::sampling
