// The sampler of src/sampling as kernels, on the logits where they lie. Each takes the address of one upload
// (sampling/layout.cuh); they are launched one after the other on one stream.
//
//   kernel              grid                                               threads
//   rein_scan_*         chunks of the longest row, rows, views             SCAN_THREADS
//   rein_sum_*          SUM_PARTS-th of its parts, rows, views             SUM_THREADS
//   rein_draw_*         rows, views                                        DRAW_THREADS
//
// Two views where any row asks for log-probabilities, else one. A grid may be larger than what the upload holds, so
// that a captured graph serves fewer rows too.

#include "sampling/steps.cuh"

using namespace rein::sampling;

#define REIN_SAMPLING_KERNELS(NAME, T)                                                                                \
    extern "C" __global__ void __launch_bounds__(SCAN_THREADS) rein_scan_##NAME(const uint8_t * upload) {              \
        __shared__ ScanMemory memory;                                                                                 \
        scan_step<T>({}, upload, blockIdx.x, blockIdx.y, blockIdx.z, memory);                                          \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(SUM_THREADS) rein_sum_##NAME(const uint8_t * upload) {                \
        __shared__ SumMemory memory;                                                                                  \
        sum_step<T>({}, upload, blockIdx.x, blockIdx.y, blockIdx.z, memory);                                           \
    }                                                                                                                 \
    extern "C" __global__ void __launch_bounds__(DRAW_THREADS) rein_draw_##NAME(const uint8_t * upload) {              \
        __shared__ DrawMemory memory;                                                                                 \
        draw_step<T>({}, upload, blockIdx.x, blockIdx.y, memory);                                                      \
    }

REIN_SAMPLING_KERNELS(f32, float)
REIN_SAMPLING_KERNELS(f16, F16)
REIN_SAMPLING_KERNELS(bf16, BF16)
