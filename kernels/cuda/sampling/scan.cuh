// The largest logits of a chunk, and what is made of those of all chunks of a row.
//
// Each of a block's threads looks at every 256th logit. As many of them as top-k asks for have a best logit of at
// least the k-th best of these; so have the k largest of the chunk. What reaches it is little more than k and never
// more than k times what a thread looks at: there is no case that needs another pass.
#pragma once

#include "view.cuh"

namespace rein::sampling {

constexpr uint32_t SCAN_THREADS = 256;
constexpr uint32_t MAX_REACHING = MAX_TOP_K * (CHUNK / SCAN_THREADS);

static_assert(MAX_TOP_K <= SCAN_THREADS);

struct ScanMemory {
    uint64_t best[SCAN_THREADS];
    uint64_t reaching[MAX_REACHING];
    uint32_t edited[CHUNK / 32];
    uint64_t threshold;
    uint32_t n;
};

REIN_FN void exchange(uint64_t * keys, uint32_t n, uint32_t low, uint32_t high) {
    if (high < n && keys[low] < keys[high]) {
        const uint64_t key = keys[low];
        keys[low] = keys[high];
        keys[high] = key;
    }
}

// Bitonic, of any length: what is missing to a power of two would be smaller than all, and so never moves.
REIN_FN void sort_descending(Block & block, uint64_t * keys, uint32_t n) {
    for (uint32_t log_size = 1; n > 1u << (log_size - 1); log_size++) {
        const uint32_t log_half = log_size - 1, size = 1u << log_size;
        const uint32_t pairs = ((n + size - 1) >> log_size) << log_half;
        block.each(pairs, [&](uint32_t pair) {
            const uint32_t run = pair >> log_half << log_size, offset = pair & ((1u << log_half) - 1);
            exchange(keys, n, run + offset, run + size - 1 - offset);
        });
        for (uint32_t log_step = log_half; log_step-- > 0;) {
            block.each(pairs, [&](uint32_t pair) {
                const uint32_t offset = pair & ((1u << log_step) - 1);
                const uint32_t low = (pair >> log_step << (log_step + 1)) + offset;
                exchange(keys, n, low, low + (1u << log_step));
            });
        }
    }
}

// How many of the largest logits of each chunk are needed; at least 1, which tells the largest of the row.
REIN_FN uint32_t wanted(const Row & row, uint32_t view) {
    if (view == 1) {
        return row.logprobs > 1 ? static_cast<uint32_t>(row.logprobs) : 1;
    }
    return row.path == Path::TopK ? row.top_k : 1;
}

// Writes the `k` largest logits of the chunk as keys, in descending order, and how many there are.
template <typename T>
REIN_FN void scan_chunk(Block & block, const View<T> & view, uint32_t start, uint32_t k, ScanMemory & memory,
                        uint64_t * out, uint32_t & n_out) {
    const auto stretch = stretch_of<T, CHUNK>(block, view, start, memory.edited);
    const uint32_t end = start + CHUNK < view.n ? start + CHUNK : view.n;
    block.each(SCAN_THREADS, [&](uint32_t thread) {
        uint64_t best = 0;
        stretch.template walk<SCAN_THREADS>(start + thread, end, [&](uint32_t i, float logit) {
            const uint64_t key = logit_key(logit, i);
            best = key > best ? key : best;
        });
        memory.best[thread] = best;
    });
    block.once([&] {
        memory.threshold = 1; // any number reaches it
        memory.n = 0;
    });
    block.each(SCAN_THREADS, [&](uint32_t thread) {
        const uint64_t best = memory.best[thread];
        uint32_t rank = 0;
        for (uint32_t other = 0; other < SCAN_THREADS; other++) {
            rank += memory.best[other] > best ? 1 : 0;
        }
        if (rank == k - 1 && best > 0) {
            memory.threshold = best; // keys differ: only one thread gets here
        }
    });
    const uint64_t threshold = block.read(memory.threshold);
    if (k == 1) {
        block.once([&] {
            n_out = threshold > 1 ? 1 : 0;
            out[0] = threshold;
        });
        return;
    }
    block.each(SCAN_THREADS, [&](uint32_t thread) {
        if (memory.best[thread] < threshold) {
            return;
        }
        stretch.template walk<SCAN_THREADS>(start + thread, end, [&](uint32_t i, float logit) {
            const uint64_t key = logit_key(logit, i);
            if (key >= threshold) {
                memory.reaching[atomic_increment(memory.n)] = key;
            }
        });
    });
    const uint32_t reaching = block.read(memory.n);
    sort_descending(block, memory.reaching, reaching);
    const uint32_t n = reaching < k ? reaching : k;
    block.each(n, [&](uint32_t i) { out[i] = memory.reaching[i]; });
    block.once([&] { n_out = n; });
}

// What the scan found in a row.
struct Scanned {
    const uint64_t * keys;
    const uint32_t * counts;
    uint32_t chunks;

    // The largest of a chunk; 0 where there is none.
    REIN_FN uint64_t best(uint32_t chunk) const { return counts[chunk] > 0 ? keys[chunk * MAX_TOP_K] : 0; }

    // The largest of all chunks; 0 where there is none.
    REIN_FN uint64_t best() const {
        uint64_t all = 0;
        for (uint32_t chunk = 0; chunk < chunks; chunk++) {
            all = best(chunk) > all ? best(chunk) : all;
        }
        return all;
    }
};

REIN_FN uint32_t chunks_of(uint32_t n_logits) { return (n_logits + CHUNK - 1) / CHUNK; }
REIN_FN uint32_t parts_of(uint32_t n_logits) { return (n_logits + PART - 1) / PART; }

REIN_FN Scanned scanned_of(const Header & header, const Row & row, uint32_t row_number, uint32_t view) {
    const uint64_t place = static_cast<uint64_t>(view * header.rows + row_number) * MAX_CHUNKS;
    return {reinterpret_cast<const uint64_t *>(header.chunk_keys) + place * MAX_TOP_K,
            reinterpret_cast<const uint32_t *>(header.chunk_counts) + place, chunks_of(row.n_logits)};
}

} // namespace rein::sampling
