#include "attention.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include "quant_gemm.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#include "avx512.h"

REIN_AVX512_BEGIN

namespace rein::kernels {
namespace {

constexpr int64_t PART = 512;  // cells with a softmax of their own
constexpr int64_t BLOCK = 64;  // cells between two looks at the largest score
constexpr int64_t LANES = 16;  // floats of a vector
constexpr int64_t TOKENS = 8;  // tokens that share a pass over the cells
constexpr int64_t MAX_SIZE = 256;

int64_t divided_up(int64_t n, int64_t by) { return (n + by - 1) / by; }

int64_t rows(const attention & a) { return a.sequences * a.tokens * a.heads; }
int64_t parts(const attention & a) { return divided_up(a.cells, PART); }
int64_t token_tiles(const attention & a) { return divided_up(a.tokens, TOKENS); }
int64_t group(const attention & a) { return a.heads / a.kv_heads; }

// Softmaxes of some of the cells for one token and head: not divided by their sum yet.
struct softmax {
    float * largest; // score
    float * total;   // of the weights
    float * sums;    // of the weighted values
};

// The memory of a softmax: the two numbers take a vector's room.
int64_t softmax_floats(const attention & a) { return a.value_size + LANES; }

softmax softmax_at(const attention & a, void * memory, int64_t index) {
    float * at = static_cast<float *>(memory) + index * softmax_floats(a);
    return {at, at + 1, at + LANES};
}

size_t bytes_of_parts(const attention & a) { return rows(a) * parts(a) * softmax_floats(a) * sizeof(float); }

// True where the parts of a row may be computed by several threads; else one thread does them all.
bool shares_parts(const attention & a) { return bytes_of_parts(a) <= a.max_shared; }

// The memory of a thread.
struct scratch_memory {
    float * keys;    // LANES cells
    float * values;  // LANES cells
    float * scores;  // BLOCK for each row
    float * queries; // key_size for each row
    float * part;    // a softmax for each row: that of a part of the cells
    float * all;     // a softmax for each row: that of the parts so far
};

int64_t tile_rows(const attention & a) { return TOKENS * group(a); }

scratch_memory divide(const attention & a, void * memory) {
    float * at = static_cast<float *>(memory);
    const auto take = [&](int64_t floats) {
        float * taken = at;
        at += divided_up(floats, LANES) * LANES;
        return taken;
    };
    const int64_t rows = tile_rows(a);
    scratch_memory m;
    m.keys = take(LANES * a.key_size);
    m.values = take(LANES * a.value_size);
    m.scores = take(rows * BLOCK);
    m.queries = take(rows * a.key_size);
    m.part = take(rows * softmax_floats(a));
    m.all = take(rows * softmax_floats(a));
    return m;
}

// 2^x for each lane, by a polynomial on [-1/2, 1/2]; relative error below 2e-7.
inline __m512 exp2(__m512 x) {
    const __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 f = _mm512_sub_ps(x, whole);
    // The Taylor series: powers of ln 2 by factorials.
    __m512 p = _mm512_set1_ps(1.5403530e-4f);
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.3333558e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.6181291e-3f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, whole);
}

constexpr float LOG2_E = 1.44269504f;

// e^(score - largest) for each lane; 0 where the score is -infinity.
inline __m512 weights(__m512 scores, float largest) {
    const __m512 infinite = _mm512_set1_ps(-INFINITY);
    const __mmask16 counts = _mm512_cmp_ps_mask(scores, infinite, _CMP_NEQ_OQ);
    const __m512 x = _mm512_mul_ps(_mm512_sub_ps(scores, _mm512_set1_ps(largest)), _mm512_set1_ps(LOG2_E));
    return _mm512_maskz_mov_ps(counts, exp2(_mm512_maskz_max_ps(counts, x, _mm512_set1_ps(-126.0f))));
}

void clear(const attention & a, softmax s) {
    *s.largest = -INFINITY;
    *s.total = 0.0f;
    for (int64_t i = 0; i < a.value_size; i += LANES) {
        _mm512_store_ps(s.sums + i, _mm512_setzero_ps());
    }
}

// Makes a softmax relative to a larger score.
void rescale(const attention & a, softmax s, float largest) {
    if (*s.total > 0.0f && largest > *s.largest) {
        const __m512 factor = weights(_mm512_set1_ps(*s.largest), largest);
        for (int64_t i = 0; i < a.value_size; i += LANES) {
            _mm512_store_ps(s.sums + i, _mm512_mul_ps(_mm512_load_ps(s.sums + i), factor));
        }
        *s.total *= _mm512_cvtss_f32(factor);
    }
    *s.largest = largest;
}

// Adds the softmax of more cells. Parts are always added in their order, so that it does not matter who does it.
void add_part(const attention & a, softmax all, softmax part) {
    const float largest = std::fmax(*all.largest, *part.largest);
    rescale(a, all, largest);
    rescale(a, part, largest);
    *all.total += *part.total;
    for (int64_t i = 0; i < a.value_size; i += LANES) {
        _mm512_store_ps(all.sums + i, _mm512_add_ps(_mm512_load_ps(all.sums + i), _mm512_load_ps(part.sums + i)));
    }
}

// Divides a softmax by its sum. Who sees nothing gets nothing.
void write(const attention & a, softmax s, int64_t row) {
    const int64_t head = row % a.heads, token = row / a.heads % a.tokens, sequence = row / a.heads / a.tokens;
    auto * out =
        reinterpret_cast<float *>(a.out + sequence * a.out_sequence + token * a.out_token + head * a.out_head);
    const __m512 by = _mm512_set1_ps(*s.total > 0.0f ? 1.0f / *s.total : 0.0f);
    for (int64_t i = 0; i < a.value_size; i += LANES) {
        _mm512_storeu_ps(out + i, _mm512_mul_ps(_mm512_load_ps(s.sums + i), by));
    }
}

// The sums of the lanes of 16 vectors, as one vector.
inline __m512 sums_of(const __m512 v[16]) {
    __m512 a[8], b[4], c[2];
    for (int i = 0; i < 8; i++) {
        const __m512 low = _mm512_unpacklo_ps(v[2 * i], v[2 * i + 1]);
        const __m512 high = _mm512_unpackhi_ps(v[2 * i], v[2 * i + 1]);
        a[i] = _mm512_add_ps(low, high);
    }
    for (int i = 0; i < 4; i++) {
        const __m512d x = _mm512_castps_pd(a[2 * i]), y = _mm512_castps_pd(a[2 * i + 1]);
        b[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    }
    for (int i = 0; i < 2; i++) {
        c[i] = _mm512_add_ps(_mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0x88),
                             _mm512_shuffle_f32x4(b[2 * i], b[2 * i + 1], 0xDD));
    }
    return _mm512_add_ps(_mm512_shuffle_f32x4(c[0], c[1], 0x88), _mm512_shuffle_f32x4(c[0], c[1], 0xDD));
}

inline __m512 load_halves(const char * at) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(at)));
}

void load_cells(const char * cells, size_t stride, int64_t size, float * out) {
    for (int64_t cell = 0; cell < LANES; cell++) {
        for (int64_t i = 0; i < size; i += LANES) {
            _mm512_store_ps(out + cell * size + i, load_halves(cells + cell * stride + 2 * i));
        }
    }
}

// The products of a query with 16 keys.
inline __m512 products(const float * query, const float * keys, int64_t size) {
    __m512 sums[LANES];
#pragma GCC unroll 16
    for (int cell = 0; cell < LANES; cell++) {
        sums[cell] = _mm512_setzero_ps();
    }
    for (int64_t i = 0; i < size; i += LANES) {
        const __m512 q = _mm512_load_ps(query + i);
#pragma GCC unroll 16
        for (int cell = 0; cell < LANES; cell++) {
            sums[cell] = _mm512_fmadd_ps(q, _mm512_load_ps(keys + cell * size + i), sums[cell]);
        }
    }
    return sums_of(sums);
}

// Adds 16 weighted values to the sums of `Rows` rows, which are `stride` floats apart; some vectors of each.
template <int Rows, int Vectors>
inline void add_values(const float * weights, const float * values, int64_t size, float * sums, int64_t stride) {
    __m512 acc[Rows][Vectors];
    for (int row = 0; row < Rows; row++) {
        for (int v = 0; v < Vectors; v++) {
            acc[row][v] = _mm512_load_ps(sums + row * stride + v * LANES);
        }
    }
    for (int cell = 0; cell < LANES; cell++) {
        for (int v = 0; v < Vectors; v++) {
            const __m512 value = _mm512_load_ps(values + cell * size + v * LANES);
            for (int row = 0; row < Rows; row++) {
                acc[row][v] = _mm512_fmadd_ps(_mm512_set1_ps(weights[row * BLOCK + cell]), value, acc[row][v]);
            }
        }
    }
    for (int row = 0; row < Rows; row++) {
        for (int v = 0; v < Vectors; v++) {
            _mm512_store_ps(sums + row * stride + v * LANES, acc[row][v]);
        }
    }
}

template <int Rows>
inline void add_values(const float * weights, const float * values, int64_t size, float * sums, int64_t stride) {
    int64_t at = 0;
    for (; at + 4 * LANES <= size; at += 4 * LANES) {
        add_values<Rows, 4>(weights, values + at, size, sums + at, stride);
    }
    for (; at < size; at += LANES) {
        add_values<Rows, 1>(weights, values + at, size, sums + at, stride);
    }
}

// A part of the cells, for the tokens of a tile and the heads that share keys.
struct part_work {
    const attention & a;
    scratch_memory m;
    const char * keys;
    const char * values;
    const char * mask; // of the first token
    int64_t tokens;

    int64_t group() const { return kernels::group(a); }
    softmax part_of(int64_t row) const { return softmax_at(a, m.part, row); }

    const char * mask_at(int64_t token, int64_t cell) const { return mask + token * a.mask_token + 2 * cell; }

    // False where a token sees none of these cells.
    bool sees(int64_t token, int64_t cell, int64_t cells) const {
        for (int64_t i = cell; i < cell + cells; i += LANES) {
            const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(mask_at(token, i)));
            if (_mm256_cmpneq_epi16_mask(halves, _mm256_set1_epi16(static_cast<short>(0xFC00)))) {
                return true;
            }
        }
        return false;
    }

    void take(const char * queries) {
        for (int64_t token = 0; token < tokens; token++) {
            for (int64_t head = 0; head < group(); head++) {
                const char * query = queries + token * a.query_token + head * a.query_head;
                float * to = m.queries + (token * group() + head) * a.key_size;
                for (int64_t i = 0; i < a.key_size; i += LANES) {
                    _mm512_store_ps(to + i, _mm512_mul_ps(_mm512_loadu_ps(query + 4 * i), _mm512_set1_ps(a.scale)));
                }
            }
        }
    }

    void score(int64_t cell, int64_t cells, const bool * seen) {
        for (int64_t i = 0; i < cells; i += LANES) {
            load_cells(keys + (cell + i) * a.key_cell, a.key_cell, a.key_size, m.keys);
            for (int64_t token = 0; token < tokens; token++) {
                if (!seen[token]) {
                    continue;
                }
                const __m512 added = load_halves(mask_at(token, cell + i));
                for (int64_t row = token * group(); row < (token + 1) * group(); row++) {
                    const __m512 scores = products(m.queries + row * a.key_size, m.keys, a.key_size);
                    _mm512_store_ps(m.scores + row * BLOCK + i, _mm512_add_ps(scores, added));
                }
            }
        }
    }

    // Turns scores into weights, and makes what is there already relative to the largest score of all.
    void weigh(int64_t row, int64_t cells) {
        float * scores = m.scores + row * BLOCK;
        __m512 most = _mm512_load_ps(scores);
        for (int64_t i = LANES; i < cells; i += LANES) {
            most = _mm512_max_ps(most, _mm512_load_ps(scores + i));
        }
        const softmax part = part_of(row);
        const float largest = std::fmax(*part.largest, _mm512_reduce_max_ps(most));
        rescale(a, part, largest);
        __m512 total = _mm512_setzero_ps();
        for (int64_t i = 0; i < cells; i += LANES) {
            const __m512 w = weights(_mm512_load_ps(scores + i), largest);
            _mm512_store_ps(scores + i, w);
            total = _mm512_add_ps(total, w);
        }
        *part.total += _mm512_reduce_add_ps(total);
    }

    void add(int64_t cell, int64_t cells, const bool * seen) {
        for (int64_t i = 0; i < cells; i += LANES) {
            load_cells(values + (cell + i) * a.value_cell, a.value_cell, a.value_size, m.values);
            for (int64_t token = 0; token < tokens; token++) {
                if (!seen[token]) {
                    continue;
                }
                int64_t row = token * group();
                const int64_t end = row + group();
                const auto add_to = [&](auto body) {
                    body(m.scores + row * BLOCK + i, m.values, a.value_size, part_of(row).sums, softmax_floats(a));
                };
                for (; row + 4 <= end; row += 4) {
                    add_to(add_values<4>);
                }
                switch (end - row) {
                    case 3: add_to(add_values<3>); break;
                    case 2: add_to(add_values<2>); break;
                    case 1: add_to(add_values<1>); break;
                    default: break;
                }
            }
        }
    }

    // Cells of one part.
    void attend(int64_t part) {
        for (int64_t row = 0; row < tokens * group(); row++) {
            clear(a, part_of(row));
        }
        const int64_t end = (part + 1) * PART < a.cells ? (part + 1) * PART : a.cells;
        for (int64_t cell = part * PART; cell < end; cell += BLOCK) {
            block(cell, end - cell < BLOCK ? end - cell : BLOCK);
        }
    }

    void block(int64_t cell, int64_t cells) {
        bool seen[TOKENS];
        bool any = false;
        for (int64_t token = 0; token < tokens; token++) {
            seen[token] = sees(token, cell, cells);
            any |= seen[token];
        }
        if (!any) {
            return;
        }
        score(cell, cells, seen);
        for (int64_t token = 0; token < tokens; token++) {
            for (int64_t row = token * group(); seen[token] && row < (token + 1) * group(); row++) {
                weigh(row, cells);
            }
        }
        add(cell, cells, seen);
    }
};

} // namespace

bool fits(const attention & a) {
    const auto is_size = [](int64_t n) { return n > 0 && n % LANES == 0 && n <= MAX_SIZE; };
    return is_size(a.key_size) && is_size(a.value_size) && a.tokens > 0 && a.sequences > 0 && a.kv_heads > 0 &&
           a.heads > 0 && a.heads % a.kv_heads == 0 && a.cells > 0 && a.cells % LANES == 0;
}

int64_t pieces(const attention & a) {
    return a.sequences * a.kv_heads * token_tiles(a) * (shares_parts(a) ? parts(a) : 1);
}

size_t shared_bytes(const attention & a) { return shares_parts(a) ? bytes_of_parts(a) : 0; }

size_t thread_bytes(const attention & a) {
    const int64_t per_row = BLOCK + a.key_size + 2 * softmax_floats(a);
    return (LANES * (a.key_size + a.value_size) + tile_rows(a) * per_row) * sizeof(float);
}

void attend(const attention & a, int64_t piece, void * shared, void * scratch) {
    const int64_t parts_apart = shares_parts(a) ? parts(a) : 1;
    const int64_t tile = piece / parts_apart % token_tiles(a);
    const int64_t kv_head = piece / parts_apart / token_tiles(a) % a.kv_heads;
    const int64_t sequence = piece / parts_apart / token_tiles(a) / a.kv_heads;
    const int64_t token = tile * TOKENS, head = kv_head * group(a);
    const int64_t left = a.tokens - token;
    part_work work = {
        a,
        divide(a, scratch),
        a.keys + sequence * a.key_sequence + kv_head * a.key_head,
        a.values + sequence * a.value_sequence + kv_head * a.value_head,
        a.mask + sequence * a.mask_sequence + token * a.mask_token,
        left < TOKENS ? left : TOKENS,
    };
    work.take(a.queries + sequence * a.query_sequence + token * a.query_token + head * a.query_head);
    // The row of the result that a row of the tile belongs to.
    const auto result_row = [&](int64_t row) {
        return (sequence * a.tokens + token + row / group(a)) * a.heads + head + row % group(a);
    };
    const int64_t tile_rows = work.tokens * group(a);
    if (shares_parts(a)) {
        const int64_t part = piece % parts(a);
        work.attend(part);
        for (int64_t row = 0; row < tile_rows; row++) {
            const softmax to = softmax_at(a, shared, result_row(row) * parts(a) + part);
            std::memcpy(to.largest, work.part_of(row).largest, softmax_floats(a) * sizeof(float));
        }
        return;
    }
    for (int64_t part = 0; part < parts(a); part++) {
        work.attend(part);
        for (int64_t row = 0; row < tile_rows; row++) {
            const softmax all = softmax_at(a, work.m.all, row);
            if (part == 0) {
                clear(a, all);
            }
            add_part(a, all, work.part_of(row));
        }
    }
    for (int64_t row = 0; row < tile_rows; row++) {
        write(a, softmax_at(a, work.m.all, row), result_row(row));
    }
}

int64_t rows_to_put_together(const attention & a) { return shares_parts(a) ? rows(a) : 0; }

void put_together(const attention & a, int64_t row, void * shared) {
    alignas(64) float memory[MAX_SIZE + LANES];
    const softmax all = softmax_at(a, memory, 0);
    clear(a, all);
    for (int64_t part = 0; part < parts(a); part++) {
        add_part(a, all, softmax_at(a, shared, row * parts(a) + part));
    }
    write(a, all, row);
}

} // namespace rein::kernels

REIN_AVX512_END

#else

namespace rein::kernels {

bool fits(const attention &) { return false; }
size_t shared_bytes(const attention &) { return 0; }
size_t thread_bytes(const attention &) { return 0; }
int64_t pieces(const attention &) { return 0; }
void attend(const attention &, int64_t, void *, void *) {}
int64_t rows_to_put_together(const attention &) { return 0; }
void put_together(const attention &, int64_t, void *) {}

} // namespace rein::kernels

#endif

extern "C" bool rein_attention(int64_t size, int64_t tokens, int64_t heads, int64_t kv_heads, int64_t cells,
                               int64_t sequences, const float * queries, const uint16_t * keys,
                               const uint16_t * values, const uint16_t * mask, size_t max_shared, float * out) {
    using namespace rein::kernels;
    attention a = {};
    a.key_size = a.value_size = size;
    a.tokens = tokens, a.heads = heads, a.kv_heads = kv_heads, a.cells = cells, a.sequences = sequences;
    a.scale = 1.0f / std::sqrt(static_cast<float>(size));
    a.max_shared = max_shared;
    a.queries = reinterpret_cast<const char *>(queries);
    a.query_head = size * sizeof(float), a.query_token = heads * a.query_head;
    a.query_sequence = tokens * a.query_token;
    a.keys = reinterpret_cast<const char *>(keys), a.values = reinterpret_cast<const char *>(values);
    a.key_head = a.value_head = size * sizeof(uint16_t), a.key_cell = a.value_cell = kv_heads * a.key_head;
    a.key_sequence = a.value_sequence = cells * a.key_cell;
    a.mask = reinterpret_cast<const char *>(mask);
    a.mask_token = cells * sizeof(uint16_t), a.mask_sequence = tokens * a.mask_token;
    a.out = reinterpret_cast<char *>(out);
    a.out_head = a.query_head, a.out_token = a.query_token, a.out_sequence = a.query_sequence;
    if (!is_supported() || !fits(a)) {
        return false;
    }
    char * memory = static_cast<char *>(std::aligned_alloc(64, shared_bytes(a) + thread_bytes(a)));
    if (!memory) {
        return false;
    }
    for (int64_t piece = 0; piece < pieces(a); piece++) {
        attend(a, piece, memory, memory + shared_bytes(a));
    }
    for (int64_t row = 0; row < rows_to_put_together(a); row++) {
        put_together(a, row, memory);
    }
    std::free(memory);
    return true;
}
