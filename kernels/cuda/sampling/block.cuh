// A block of threads, so that one source is both the kernel and its reference on the CPU.
//
// An algorithm is a sequence of steps with a barrier after each. What a step does must not depend on the order of
// its parts; the reference runs them in several orders, and the tests want the same bits of each.
#pragma once

#include <cstdint>
#include <utility>

#ifdef __CUDACC__
#define REIN_FN __device__ inline
#define REIN_UNROLL _Pragma("unroll")
#else
#define REIN_FN inline
#define REIN_UNROLL
#endif

namespace rein::sampling {

#ifdef __CUDACC__

struct Block {
    // Runs f(0) .. f(n - 1), spread over the threads.
    template <typename F> __device__ void each(uint32_t n, F f) {
        for (uint32_t i = threadIdx.x; i < n; i += blockDim.x) {
            f(i);
        }
        __syncthreads();
    }

    // Runs f in one thread.
    template <typename F> __device__ void once(F f) {
        if (threadIdx.x == 0) {
            f();
        }
        __syncthreads();
    }

    // Reads shared memory that a later step writes again.
    template <typename T> __device__ T read(const T & shared) {
        T value = shared;
        __syncthreads();
        return value;
    }
};

// The place before adding.
REIN_FN uint32_t atomic_increment(uint32_t & at) { return atomicAdd(&at, 1u); }
REIN_FN void atomic_or(uint32_t & at, uint32_t bits) { atomicOr(&at, bits); }
REIN_FN void atomic_max(unsigned long long & at, unsigned long long value) { atomicMax(&at, value); }

#else

struct Block {
    uint32_t order = 0; // 0: ascending, 1: descending, else: scattered

    template <typename F> void each(uint32_t n, F f) {
        // Steps of 7919, a prime, reach every place where it does not divide n.
        const bool scatters = order > 1 && n % 7919 != 0;
        for (uint32_t i = 0; i < n; i++) {
            const uint32_t scattered = static_cast<uint32_t>((static_cast<uint64_t>(i) * 7919 + order) % n);
            f(order == 0 ? i : scatters ? scattered : n - 1 - i);
        }
    }

    template <typename F> void once(F f) { f(); }
    template <typename T> T read(const T & shared) { return shared; }
};

REIN_FN uint32_t atomic_increment(uint32_t & at) { return at++; }
REIN_FN void atomic_or(uint32_t & at, uint32_t bits) { at |= bits; }
REIN_FN void atomic_max(unsigned long long & at, unsigned long long value) { at = at < value ? value : at; }

#endif

} // namespace rein::sampling
