// Sums of weights over a row, part by part, in the CPU's order: lanes in single precision, then double precision.
#pragma once

#include "scan.cuh"

namespace rein::sampling {

constexpr uint32_t SUM_PARTS = 16; // of a block
constexpr uint32_t SUM_THREADS = SUM_PARTS * LANES;

struct SumMemory {
    float lanes[SUM_PARTS][SUMS][LANES];
    uint32_t edited[SUM_PARTS * PART / 32];
};

// The radius `number` (0..8) of src/sampling/row.rs.
REIN_FN float radius_of(uint32_t number) {
    const float radii[SUMS - 1] = {1.0f, 2.0f, 3.0f, 4.5f, 6.0f, 8.0f, 11.0f, 15.0f};
    return radii[number];
}

// e^(-distance * inverse); 0 for what is no number.
REIN_FN float weight(float logit, float max, float inverse, bool is_fused) {
    const float x = mul(-distance(logit, max), inverse);
    const float weight = is_fused ? fast_exp<true>(x) : fast_exp<false>(x);
    return logit >= minus_infinity() ? weight : 0.0f;
}

// What is summed up of a row in this view, if anything.
struct Sum {
    bool is_needed;
    bool has_radii;
    float inverse; // of the temperature
};

REIN_FN Sum sum_of(const Row & row, uint32_t view) {
    if (view == 1) {
        return {row.logprobs >= 0, false, 1.0f};
    }
    if (row.path == Path::TopP) {
        return {true, true, 1.0f};
    }
    return {row.path == Path::WholeRow, false, row.path == Path::WholeRow ? 1.0f / row.temperature : 1.0f};
}

// The sums of up to SUM_PARTS parts. `out` is that of the first of them.
template <uint32_t N, typename T>
REIN_FN void sum_parts(Block & block, const View<T> & view, uint32_t first_part, float max, float inverse,
                       bool is_fused, SumMemory & memory, double * out) {
    const auto stretch = stretch_of<T, SUM_PARTS * PART>(block, view, first_part * PART, memory.edited);
    block.each(SUM_THREADS, [&](uint32_t thread) {
        const uint32_t part = thread / LANES, lane = thread % LANES;
        float sums[N] = {};
        const uint32_t start = (first_part + part) * PART;
        const uint32_t end = start + PART < view.n ? start + PART : view.n;
        stretch.template walk<LANES>(start + lane, end, [&](uint32_t, float logit) {
            const float term = weight(logit, max, inverse, is_fused);
            const float off = distance(logit, max);
            sums[0] = add(sums[0], term);
            REIN_UNROLL for (uint32_t n = 1; n < N; n++) {
                sums[n] = add(sums[n], off <= radius_of(n - 1) ? term : 0.0f);
            }
        });
        REIN_UNROLL for (uint32_t n = 0; n < N; n++) {
            memory.lanes[part][n][lane] = sums[n];
        }
    });
    block.each(SUM_PARTS * N, [&](uint32_t i) {
        const uint32_t part = i / N, n = i % N;
        if ((first_part + part) * PART >= view.n) {
            return;
        }
        double sum = 0.0;
        for (uint32_t lane = 0; lane < LANES; lane++) {
            sum = add(sum, static_cast<double>(memory.lanes[part][n][lane]));
        }
        out[part * SUMS + n] = sum;
    });
}

} // namespace rein::sampling
