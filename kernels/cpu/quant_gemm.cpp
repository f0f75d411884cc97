#include "quant_gemm.h"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include "avx512.h"

REIN_AVX512_BEGIN

#include "formats.h"

namespace rein::kernels {
namespace {

// Columns that share a pass over a panel: their sums, as integers and as floats, fill the registers.
constexpr int TILE_COLUMNS = 8;

// 32 activations of each column of a tile, in quads as the dot product takes them.
struct alignas(64) activation_block {
    int32_t values[8][TILE_COLUMNS];
    int32_t biases[TILE_COLUMNS]; // what the unsigned weights add too much, negated
    float scales[TILE_COLUMNS];
    float sums[TILE_COLUMNS]; // the sum of the 32 activations, for formats with a minimum
};

int64_t tiles(const shape & s) { return (s.columns + TILE_COLUMNS - 1) / TILE_COLUMNS; }

int32_t sum_of_bytes(__m128i bytes) {
    const __m128i sums = _mm_dpbusd_epi32(_mm_setzero_si128(), _mm_set1_epi8(1), bytes);
    const __m128i pairs = _mm_add_epi32(sums, _mm_srli_si128(sums, 8));
    return _mm_cvtsi128_si32(_mm_add_epi32(pairs, _mm_srli_si128(pairs, 4)));
}

// Quantises 32 floats as llama.cpp does for Q8_0: the largest becomes 127, the scale is rounded to half precision.
template <typename Format> void pack_block(const float * x, activation_block & block, int column) {
    const __m512 low = _mm512_loadu_ps(x), high = _mm512_loadu_ps(x + 16);
    const float largest = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
    const float scale = largest / 127.0f;
    const __m512 inverse = _mm512_set1_ps(largest != 0.0f ? 127.0f / largest : 0.0f);
    const __m128i first = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(low, inverse)));
    const __m128i second = _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(high, inverse)));
    alignas(16) int32_t quads[8];
    _mm_store_si128(reinterpret_cast<__m128i *>(quads), first);
    _mm_store_si128(reinterpret_cast<__m128i *>(quads + 4), second);
    for (int quad = 0; quad < 8; quad++) {
        block.values[quad][column] = quads[quad];
    }
    const int32_t sum = sum_of_bytes(first) + sum_of_bytes(second);
    block.biases[column] = -Format::OFFSET * sum;
    const float rounded = _cvtsh_ss(_cvtss_sh(scale, _MM_FROUND_TO_NEAREST_INT));
    block.scales[column] = rounded;
    block.sums[column] = rounded * static_cast<float>(sum);
}

template <typename Format>
void pack(const shape & s, const float * activations, size_t stride, int64_t first, int64_t step, void * shared) {
    const int64_t blocks = s.depth / 32;
    auto * packed = static_cast<activation_block *>(shared);
    for (int64_t column = first; column < s.columns; column += step) {
        const float * x = activations + column * stride;
        activation_block * tile = packed + column / TILE_COLUMNS * blocks;
        for (int64_t b = 0; b < blocks; b++) {
            pack_block<Format>(x + 32 * b, tile[b], static_cast<int>(column % TILE_COLUMNS));
        }
    }
}

// 16 rows of unpacked weights: what a tile is multiplied with.
struct panel {
    const row_block * blocks;
    row_block operator[](int64_t b) const { return blocks[b]; }
};

// The same, unpacked on the way: for weights that are needed once.
template <typename Format> struct packed_rows {
    const uint8_t * rows;
    size_t row_bytes;
    row_block operator[](int64_t b) const { return unpack<Format>(rows + b * Format::BYTES, row_bytes); }
};

// 16 rows times the first `Columns` columns of a tile.
template <typename Format, int Columns, typename Weights>
inline void multiply_tile(Weights weights, const activation_block * tile, int64_t blocks, float * out,
                          size_t out_stride) {
    __m512 total[Columns];
    for (int c = 0; c < Columns; c++) {
        total[c] = _mm512_setzero_ps();
    }
    for (int64_t b = 0; b < blocks; b++) {
        const row_block w = weights[b];
        const activation_block & a = tile[b];
        __m512i sum[Columns];
        for (int c = 0; c < Columns; c++) {
            sum[c] = _mm512_set1_epi32(a.biases[c]);
        }
#pragma GCC unroll 8
        for (int quad = 0; quad < 8; quad++) {
#pragma GCC unroll 8
            for (int c = 0; c < Columns; c++) {
                sum[c] = _mm512_dpbusd_epi32(sum[c], w.quads[quad], _mm512_set1_epi32(a.values[quad][c]));
            }
        }
#pragma GCC unroll 8
        for (int c = 0; c < Columns; c++) {
            const __m512 scale = _mm512_mul_ps(w.scales, _mm512_set1_ps(a.scales[c]));
            total[c] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[c]), scale, total[c]);
            if (Format::HAS_MINIMUM) {
                total[c] = _mm512_fmadd_ps(w.minima, _mm512_set1_ps(a.sums[c]), total[c]);
            }
        }
    }
    for (int c = 0; c < Columns; c++) {
        _mm512_storeu_ps(out + c * out_stride, total[c]);
    }
}

template <typename Format, typename Weights>
void multiply_tile(int64_t columns, Weights weights, const activation_block * tile, int64_t blocks, float * out,
                   size_t out_stride) {
    switch (columns) {
        case 1: return multiply_tile<Format, 1>(weights, tile, blocks, out, out_stride);
        case 2: return multiply_tile<Format, 2>(weights, tile, blocks, out, out_stride);
        case 3: return multiply_tile<Format, 3>(weights, tile, blocks, out, out_stride);
        case 4: return multiply_tile<Format, 4>(weights, tile, blocks, out, out_stride);
        case 5: return multiply_tile<Format, 5>(weights, tile, blocks, out, out_stride);
        case 6: return multiply_tile<Format, 6>(weights, tile, blocks, out, out_stride);
        case 7: return multiply_tile<Format, 7>(weights, tile, blocks, out, out_stride);
        default: return multiply_tile<Format, 8>(weights, tile, blocks, out, out_stride);
    }
}

template <typename Format>
void multiply(const shape & s, const void * weights, size_t row_bytes, int64_t row_begin, int64_t row_end,
              const void * shared, void * scratch, float * out, size_t out_stride) {
    const int64_t blocks = s.depth / 32;
    const auto * packed = static_cast<const activation_block *>(shared);
    auto * unpacked = static_cast<row_block *>(scratch);
    for (int64_t row = row_begin; row < row_end; row += PANEL_ROWS) {
        const packed_rows<Format> rows = {static_cast<const uint8_t *>(weights) + row * row_bytes, row_bytes};
        if (s.columns <= TILE_COLUMNS) {
            multiply_tile<Format>(s.columns, rows, packed, blocks, out + row, out_stride);
            continue;
        }
        for (int64_t b = 0; b < blocks; b++) {
            unpacked[b] = rows[b];
        }
        for (int64_t tile = 0; tile < tiles(s); tile++) {
            multiply_tile<Format>(s.columns - tile * TILE_COLUMNS, panel{unpacked}, packed + tile * blocks, blocks,
                                  out + tile * TILE_COLUMNS * out_stride + row, out_stride);
        }
    }
}

// Calls `body` with the type that describes a format.
template <typename Body> auto with_format(format f, Body body) {
    switch (f) {
        case format::q4_0: return body(q4_0{});
        case format::q4_1: return body(q4_1{});
        case format::q5_0: return body(q5_0{});
        case format::q5_1: return body(q5_1{});
        default: return body(q8_0{});
    }
}

} // namespace

bool is_supported() { return has_avx512(); }

bool fits(const shape & s) {
    return s.depth > 0 && s.depth % 32 == 0 && s.rows > 0 && s.rows % PANEL_ROWS == 0 && s.columns > 0;
}

size_t shared_bytes(const shape & s) { return tiles(s) * (s.depth / 32) * sizeof(activation_block); }

size_t thread_bytes(const shape & s) {
    return s.depth / 32 * sizeof(row_block);
}

void pack_columns(const shape & s, const float * activations, size_t column_stride, int64_t first, int64_t step,
                  void * shared) {
    with_format(s.weights, [&](auto f) {
        pack<decltype(f)>(s, activations, column_stride, first, step, shared);
        return 0;
    });
}

void multiply_rows(const shape & s, const void * weights, size_t row_bytes, int64_t row_begin, int64_t row_end,
                   const void * shared, void * scratch, float * out, size_t out_stride) {
    with_format(s.weights, [&](auto f) {
        multiply<decltype(f)>(s, weights, row_bytes, row_begin, row_end, shared, scratch, out, out_stride);
        return 0;
    });
}

} // namespace rein::kernels

REIN_AVX512_END

#else

namespace rein::kernels {

bool is_supported() { return false; }
bool fits(const shape &) { return false; }
size_t shared_bytes(const shape &) { return 0; }
size_t thread_bytes(const shape &) { return 0; }
void pack_columns(const shape &, const float *, size_t, int64_t, int64_t, void *) {}
void multiply_rows(const shape &, const void *, size_t, int64_t, int64_t, const void *, void *, float *, size_t) {}

} // namespace rein::kernels

#endif

namespace rein::kernels {

bool find_format(int gguf_type, format & out) {
    switch (gguf_type) {
        case static_cast<int>(format::q4_0):
        case static_cast<int>(format::q4_1):
        case static_cast<int>(format::q5_0):
        case static_cast<int>(format::q5_1):
        case static_cast<int>(format::q8_0): out = static_cast<format>(gguf_type); return true;
        default: return false;
    }
}

} // namespace rein::kernels

extern "C" bool rein_quant_gemm(int gguf_type, int64_t depth, int64_t rows, int64_t columns, const void * weights,
                                size_t row_bytes, const float * activations, float * out) {
    using namespace rein::kernels;
    shape s = {format::q8_0, depth, rows, columns};
    if (!is_supported() || !find_format(gguf_type, s.weights) || !fits(s)) {
        return false;
    }
    void * memory = std::aligned_alloc(64, shared_bytes(s) + thread_bytes(s));
    if (!memory) {
        return false;
    }
    pack_columns(s, activations, depth, 0, 1, memory);
    multiply_rows(s, weights, row_bytes, 0, rows, memory, static_cast<char *>(memory) + shared_bytes(s), out, rows);
    std::free(memory);
    return true;
}
