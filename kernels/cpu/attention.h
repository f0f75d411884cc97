// Attention over a KV cache of half-precision numbers, on CPUs with AVX-512.
//
// For each token and head: softmax(scale * q k + mask) v, where several heads of queries share one of keys and values.
// Keys and values are read once for all heads and tokens that share them; sums are in single precision.
//
// The cells are cut into parts of a fixed length, each with a softmax of its own, and the parts are put together at the
// end. So threads share the work of a single token, and the result depends neither on their number nor on how many
// tokens or sequences are computed together.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rein::kernels {

// Sizes are in elements, strides in bytes.
struct attention {
    int64_t key_size, value_size; // of a head; multiples of 16, at most 256
    int64_t tokens;               // of each sequence
    int64_t heads, kv_heads;      // heads is a multiple of kv_heads
    int64_t cells;                // a multiple of 16
    int64_t sequences;
    float scale;
    size_t max_shared; // bytes that are spent at most on sharing one token's cells among threads

    const char * queries; // floats
    size_t query_token, query_head, query_sequence;
    const char * keys; // halves
    size_t key_cell, key_head, key_sequence;
    const char * values; // halves
    size_t value_cell, value_head, value_sequence;
    const char * mask; // halves, 0 or -infinity or what is added to a score: one for each cell, the same for all heads
    size_t mask_token, mask_sequence;
    char * out; // floats
    size_t out_head, out_token, out_sequence;
};

// True where the sizes are ones that the kernel takes. To be called where is_supported() (quant_gemm.h) says so.
bool fits(const attention & a);

// Bytes that all threads share, and that each needs besides. Both are multiples of 64.
size_t shared_bytes(const attention & a);
size_t thread_bytes(const attention & a);

// Pieces of the work that may be done in any order by any thread; then, when all are done, rows of the result.
int64_t pieces(const attention & a);
void attend(const attention & a, int64_t piece, void * shared, void * scratch);
int64_t rows_to_put_together(const attention & a);
void put_together(const attention & a, int64_t row, void * shared);

} // namespace rein::kernels

// All of it on the calling thread, for tests: queries and results are [sequence][token][head][size], keys and values
// [sequence][cell][kv_head][size], the mask [sequence][token][cell]; scores are divided by the root of the size.
// Returns false, and writes nothing, where the CPU or the sizes are not ones for this kernel.
extern "C" bool rein_attention(int64_t size, int64_t tokens, int64_t heads, int64_t kv_heads, int64_t cells,
                               int64_t sequences, const float * queries, const uint16_t * keys,
                               const uint16_t * values, const uint16_t * mask, size_t max_shared,
                               float * out);
