// Of what scan and sums found in a row: the candidates, in the CPU's order, and the one at the random point.
//
// Sums that a cut or the draw depends on are made by one thread, number after number, as the CPU makes them.
#pragma once

#include "sums.cuh"

namespace rein::sampling {

constexpr uint32_t DRAW_THREADS = 512;
constexpr uint32_t MAX_MERGED = MAX_CHUNKS * MAX_TOP_K;
constexpr uint32_t MAX_NARROW = 2048; // candidates in shared memory; longer lists lie in device memory

static_assert(MAX_NARROW <= MAX_MERGED && MAX_NARROW >= PART && MAX_NARROW >= MAX_TOP_K);

struct DrawMemory {
    uint64_t keys[MAX_MERGED];
    float weights[MAX_NARROW];
    uint32_t edited[CHUNK / 32];
    double sums[SUMS];
    unsigned long long floor;
    double left;
    double total;
    float sum;
    float radius;
    uint32_t n;
    uint32_t chosen;
};

// Candidates in the order in which the draw goes through them.
struct List {
    uint64_t * keys;
    float * weights;
    uint32_t n;
};

constexpr uint32_t NONE = 0xFFFFFFFFu;

struct Choice {
    uint32_t index; // NONE: nothing may be drawn
    float probability;
};

// The `k` largest of a row, sorted, in `memory.keys`; returns how many there are.
REIN_FN uint32_t merge(Block & block, const Scanned & scanned, uint32_t k, DrawMemory & memory) {
    block.once([&] {
        memory.n = 0;
        memory.floor = 1;
    });
    // The k largest of all are not below the k-th of any chunk.
    block.each(scanned.chunks, [&](uint32_t chunk) {
        if (scanned.counts[chunk] == k) {
            atomic_max(memory.floor, scanned.keys[chunk * MAX_TOP_K + k - 1]);
        }
    });
    block.each(scanned.chunks * k, [&](uint32_t i) {
        const uint32_t chunk = i / k, rank = i % k;
        if (rank >= scanned.counts[chunk]) {
            return;
        }
        const uint64_t key = scanned.keys[chunk * MAX_TOP_K + rank];
        if (key >= memory.floor) {
            memory.keys[atomic_increment(memory.n)] = key;
        }
    });
    const uint32_t n = block.read(memory.n);
    sort_descending(block, memory.keys, n);
    return n < k ? n : k;
}

// All logits of which `key_of` (given logit and index) makes a key that is not 0, sorted by it.
template <typename T, typename F>
REIN_FN List collect(Block & block, const View<T> & view, List wide, DrawMemory & memory, F key_of) {
    List list = {memory.keys, memory.weights, 0};
    uint32_t capacity = MAX_NARROW;
    for (;;) {
        block.once([&] { memory.n = 0; });
        for (uint32_t start = 0; start < view.n; start += CHUNK) {
            const auto stretch = stretch_of<T, CHUNK>(block, view, start, memory.edited);
            const uint32_t end = view.n - start < CHUNK ? view.n : start + CHUNK;
            block.each(DRAW_THREADS, [&](uint32_t thread) {
                stretch.template walk<DRAW_THREADS>(start + thread, end, [&](uint32_t i, float logit) {
                    const uint64_t key = key_of(logit, i);
                    if (key != 0) {
                        const uint32_t at = atomic_increment(memory.n);
                        if (at < capacity) {
                            list.keys[at] = key;
                        }
                    }
                });
            });
        }
        list.n = block.read(memory.n);
        if (list.n <= capacity) {
            break;
        }
        list.keys = wide.keys;
        list.weights = wide.weights;
        capacity = view.n;
    }
    sort_descending(block, list.keys, list.n);
    return list;
}

// Top-p of a list of logit keys in single precision, as llama.cpp has it; returns how many are kept.
REIN_FN uint32_t top_p_of_list(Block & block, List list, float p, DrawMemory & memory) {
    const float max = logit_of(list.keys[0]);
    block.each(list.n, [&](uint32_t i) { list.weights[i] = relative(logit_of(list.keys[i]), max); });
    block.once([&] {
        float sum = 0.0f;
        for (uint32_t i = 0; i < list.n; i++) {
            sum = add(sum, list.weights[i]);
        }
        memory.sum = sum;
    });
    block.each(list.n, [&](uint32_t i) { list.weights[i] = list.weights[i] / memory.sum; });
    block.once([&] {
        float sum = 0.0f;
        memory.n = list.n;
        for (uint32_t i = 0; i < list.n; i++) {
            sum = add(sum, list.weights[i]);
            if (sum >= p) {
                memory.n = i + 1;
                break;
            }
        }
    });
    return block.read(memory.n);
}

// Adds up the parts of a row: the first `n` of their sums, into `memory.sums`.
REIN_FN void add_parts(Block & block, const double * parts, uint32_t n_parts, uint32_t n, DrawMemory & memory) {
    block.each(n, [&](uint32_t number) {
        double sum = 0.0;
        for (uint32_t part = 0; part < n_parts; part++) {
            sum = add(sum, parts[part * SUMS + number]);
        }
        memory.sums[number] = sum;
    });
}

// Top-p of a whole row. What is within a radius that is enough is sorted; the cut is then looked for in that.
template <typename T>
REIN_FN List top_p_of_row(Block & block, const View<T> & view, const double * parts, float max, float top_p, List wide,
                          bool is_fused, DrawMemory & memory) {
    add_parts(block, parts, parts_of(view.n), SUMS, memory);
    const double p = static_cast<double>(top_p);
    block.once([&] {
        memory.radius = float_of(0x7F800000u);
        for (uint32_t number = 0; number < SUMS - 1; number++) {
            if (mul(memory.sums[1 + number] / memory.sums[0], 1.0 - 1e-6) >= p) {
                memory.radius = radius_of(number);
                break;
            }
        }
    });
    const float radius = block.read(memory.radius);
    List list = collect(block, view, wide, memory, [&](float logit, uint32_t index) -> uint64_t {
        const float off = distance(logit, max);
        return logit > minus_infinity() && off <= radius ? distance_key(off, index) : 0;
    });
    block.each(list.n, [&](uint32_t i) {
        const float x = -distance_of(list.keys[i]);
        list.weights[i] = is_fused ? fast_exp<true>(x) : fast_exp<false>(x);
    });
    block.once([&] {
        const double total = memory.sums[0];
        const double surely_less = p * total * (1.0 - 1e-12); // saves most divisions
        double sum = 0.0;
        memory.n = list.n;
        for (uint32_t i = 0; i < list.n; i++) {
            sum = add(sum, static_cast<double>(list.weights[i]));
            if (sum >= surely_less && sum / total >= p) {
                memory.n = i + 1;
                break;
            }
        }
    });
    list.n = block.read(memory.n);
    return list;
}

// The lowest logit that min-p keeps.
REIN_FN float min_p_floor(float max, float log_min_p) {
    const float floor = add(max, log_min_p);
    return floor < max ? floor : max;
}

// Min-p, temperature and the draw on a list; `max` is its largest logit.
template <typename T>
REIN_FN Choice draw_from_list(Block & block, const View<T> & view, List list, float max, const Row & row,
                              DrawMemory & memory) {
    const float floor = min_p_floor(max, row.log_min_p);
    const float divided_max = max / row.temperature;
    // Less than 0 where min-p drops it.
    block.each(list.n, [&](uint32_t i) {
        const float logit = view.value(index_of(list.keys[i]));
        const bool is_kept = !row.has_min_p || logit >= floor;
        list.weights[i] = is_kept ? relative(logit / row.temperature, divided_max) : -1.0f;
    });
    block.once([&] {
        double sum = 0.0;
        for (uint32_t i = 0; i < list.n; i++) {
            if (list.weights[i] >= 0.0f) {
                sum = add(sum, static_cast<double>(list.weights[i]));
            }
        }
        memory.total = sum;
    });
    block.each(list.n, [&](uint32_t i) {
        if (list.weights[i] >= 0.0f) {
            list.weights[i] = static_cast<float>(static_cast<double>(list.weights[i]) / memory.total);
        }
    });
    block.once([&] {
        double left = row.point;
        memory.chosen = 0;
        for (uint32_t i = 0; i < list.n; i++) {
            if (list.weights[i] >= 0.0f) {
                memory.chosen = i; // rounding may leave a crumb beyond the last one
                left = add(left, -static_cast<double>(list.weights[i]));
                if (left < 0.0) {
                    break;
                }
            }
        }
    });
    const uint32_t chosen = block.read(memory.chosen);
    return {index_of(list.keys[chosen]), list.weights[chosen]};
}

// The draw from all of a row at its temperature: first the part, then the place in it.
template <typename T>
REIN_FN Choice draw_from_row(Block & block, const View<T> & view, const double * parts, float max, const Row & row,
                             bool is_fused, DrawMemory & memory) {
    const uint32_t n_parts = parts_of(view.n);
    add_parts(block, parts, n_parts, 1, memory);
    block.once([&] {
        memory.left = mul(row.point, memory.sums[0]);
        memory.n = NONE;
        double left = memory.left;
        for (uint32_t part = 0; part < n_parts; part++) {
            const double sum = parts[part * SUMS];
            if (sum > 0.0) {
                memory.n = part;
                memory.left = left;
                if (left < sum) {
                    break;
                }
                left = add(left, -sum);
            }
        }
        memory.chosen = NONE;
    });
    const uint32_t part = block.read(memory.n);
    if (part == NONE) {
        return {NONE, 0.0f};
    }
    const uint32_t start = part * PART, n = view.n - start < PART ? view.n - start : PART;
    const float inverse = 1.0f / row.temperature;
    block.each(n, [&](uint32_t i) { memory.weights[i] = weight(view.value(start + i), max, inverse, is_fused); });
    block.once([&] {
        double left = memory.left;
        for (uint32_t i = 0; i < n; i++) {
            const double weight = static_cast<double>(memory.weights[i]);
            left = add(left, -weight);
            if (weight > 0.0) {
                memory.chosen = i;
                if (left < 0.0) {
                    break;
                }
            }
        }
    });
    const uint32_t chosen = block.read(memory.chosen);
    if (chosen == NONE) {
        return {NONE, 0.0f};
    }
    const double probability = static_cast<double>(memory.weights[chosen]) / memory.sums[0];
    return {start + chosen, static_cast<float>(probability)};
}

// Draws the token of a row.
template <typename T>
REIN_FN Choice draw(Block & block, const View<T> & view, const Row & row, const Scanned & scanned,
                    const double * parts, List wide, bool is_fused, DrawMemory & memory) {
    const uint64_t best = scanned.best();
    if (best == 0) {
        return {NONE, 0.0f};
    }
    const float max = logit_of(best);
    switch (row.path) {
    case Path::Greedy:
        return {index_of(best), 1.0f};
    case Path::TopK: {
        List list = {memory.keys, memory.weights, merge(block, scanned, row.top_k, memory)};
        if (row.top_p < 1.0f) {
            list.n = top_p_of_list(block, list, row.top_p, memory);
        }
        return draw_from_list(block, view, list, max, row, memory);
    }
    case Path::TopP: {
        const List list = top_p_of_row(block, view, parts, max, row.top_p, wide, is_fused, memory);
        return draw_from_list(block, view, list, max, row, memory);
    }
    case Path::MinP: {
        const float floor = min_p_floor(max, row.log_min_p);
        const List list = collect(block, view, wide, memory, [&](float logit, uint32_t index) -> uint64_t {
            return logit > minus_infinity() && logit >= floor ? index_key(index) : 0;
        });
        return draw_from_list(block, view, list, max, row, memory);
    }
    case Path::WholeRow:
        return draw_from_row(block, view, parts, max, row, is_fused, memory);
    }
    return {NONE, 0.0f};
}

// Writes what log-probabilities are made of: the host takes the logarithm.
REIN_FN void tell_likely(Block & block, const Row & row, const Scanned & scanned, const double * parts,
                         DrawMemory & memory, Result & result) {
    const uint32_t k = wanted(row, 1);
    const uint32_t n = merge(block, scanned, k, memory);
    add_parts(block, parts, parts_of(row.n_logits), 1, memory);
    const uint32_t n_top = n < static_cast<uint32_t>(row.logprobs) ? n : static_cast<uint32_t>(row.logprobs);
    block.each(n_top, [&](uint32_t i) {
        result.top[i] = {static_cast<int32_t>(index_of(memory.keys[i])), logit_of(memory.keys[i])};
    });
    block.once([&] {
        result.n_top = n_top;
        result.max = n > 0 ? logit_of(memory.keys[0]) : minus_infinity();
        result.total = memory.sums[0];
    });
}

} // namespace rein::sampling
