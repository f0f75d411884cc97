// Products of quantised weights with several columns of activations, on CPUs with AVX-512 VNNI.
//
// What it computes is what llama.cpp computes: activations are quantised to 8 bits in blocks of 32, products of a
// block are summed as integers, blocks as floats. What differs is the order of the work: the weights of 16 rows lie
// side by side, so that one instruction multiplies 64 of them, and an unpacked weight serves every column.
// The result of a column does not depend on how many columns there are.
//
// It knows block formats of GGUF files and nothing of llama.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

namespace rein::kernels {

// Rows of weights that are multiplied together; the number of rows must be a multiple of it.
constexpr int64_t PANEL_ROWS = 16;

// The block formats, with the numbers that GGUF files give them.
enum class format : int { q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8 };

// Finds the format of a GGUF type; false where there is no kernel for it.
bool find_format(int gguf_type, format & out);

// True where this CPU has the instructions.
bool is_supported();

// The shape of a product: `rows` x `depth` weights times `depth` x `columns` activations.
struct shape {
    format weights;
    int64_t depth;   // a multiple of 32
    int64_t rows;    // a multiple of PANEL_ROWS
    int64_t columns; // at least 1
};

// True where the depth is whole blocks and the rows are whole panels.
bool fits(const shape & s);

// Bytes that all threads share, and bytes that each thread needs besides. Both are multiples of 64.
size_t shared_bytes(const shape & s);
size_t thread_bytes(const shape & s);

// Quantises the columns `first`, `first + step`, ... of the activations into the shared memory.
// `activations` are floats, column after column, `column_stride` floats apart.
void pack_columns(const shape & s, const float * activations, size_t column_stride, int64_t first, int64_t step,
                  void * shared);

// Multiplies the weights of rows [row_begin, row_end), both multiples of PANEL_ROWS, with the packed columns.
// `weights` are rows of blocks, `row_bytes` apart; `out` is columns of floats, `out_stride` floats apart.
void multiply_rows(const shape & s, const void * weights, size_t row_bytes, int64_t row_begin, int64_t row_end,
                   const void * shared, void * scratch, float * out, size_t out_stride);

} // namespace rein::kernels

// All of it on the calling thread, for tests: weights without gaps, columns of `depth` floats, `out` columns of `rows`.
// Returns false, and writes nothing, where the CPU, the format or the shape is not one for these kernels.
extern "C" bool rein_quant_gemm(int gguf_type, int64_t depth, int64_t rows, int64_t columns, const void * weights,
                                size_t row_bytes, const float * activations, float * out);
