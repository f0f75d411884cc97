// How the block formats of GGUF files are unpacked: 16 rows at a time, side by side. (AVX-512; see quant_gemm.cpp.)
//
// Every format becomes unsigned bytes, as the dot product wants them: a weight is
// scale * (byte - OFFSET), or scale * byte + minimum. The offset is made good by a bias of the activations.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "quant_gemm.h"

namespace rein::kernels {
namespace {

// 16 bytes of nibbles: the low ones first.
inline __m256i nibbles(const uint8_t * bytes) {
    const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i *>(bytes));
    const __m256i apart = _mm256_inserti128_si256(_mm256_castsi128_si256(both), _mm_srli_epi16(both, 4), 1);
    return _mm256_and_si256(apart, _mm256_set1_epi8(15));
}

// Adds `bit` to each byte whose bit of the mask is set.
inline __m256i with_bits(__m256i bytes, const uint8_t * mask, char bit) {
    uint32_t bits;
    std::memcpy(&bits, mask, sizeof bits);
    return _mm256_or_si256(bytes, _mm256_maskz_set1_epi8(bits, bit));
}

// Each format: the bytes of a block of 32 weights in the file, and how one becomes 32 unsigned bytes.

struct q4_0 {
    static constexpr int BYTES = 18, OFFSET = 8;
    static constexpr bool HAS_MINIMUM = false;
    static __m256i values(const uint8_t * block) { return nibbles(block + 2); }
};

struct q4_1 {
    static constexpr int BYTES = 20, OFFSET = 0;
    static constexpr bool HAS_MINIMUM = true;
    static __m256i values(const uint8_t * block) { return nibbles(block + 4); }
};

struct q5_0 {
    static constexpr int BYTES = 22, OFFSET = 16;
    static constexpr bool HAS_MINIMUM = false;
    static __m256i values(const uint8_t * block) { return with_bits(nibbles(block + 6), block + 2, 16); }
};

struct q5_1 {
    static constexpr int BYTES = 24, OFFSET = 0;
    static constexpr bool HAS_MINIMUM = true;
    static __m256i values(const uint8_t * block) { return with_bits(nibbles(block + 8), block + 4, 16); }
};

struct q8_0 {
    static constexpr int BYTES = 34, OFFSET = 128;
    static constexpr bool HAS_MINIMUM = false;
    static __m256i values(const uint8_t * block) {
        const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i *>(block + 2));
        return _mm256_xor_si256(bytes, _mm256_set1_epi8(static_cast<char>(0x80)));
    }
};

// 32 weights of each of 16 rows, in registers: byte 4 * row + i of a quad is weight 4 * quad + i of a row.
struct row_block {
    __m512i quads[8];
    __m512 scales;
    __m512 minima;
};

// Turns 16 rows of 32 bytes into 8 vectors that hold four bytes of each row.
inline void interleave(const __m256i rows[16], __m512i quads[8]) {
    __m512i r[8], s[8], t[8];
    for (int i = 0; i < 8; i++) {
        r[i] = _mm512_inserti64x4(_mm512_castsi256_si512(rows[i]), rows[i + 8], 1);
    }
    for (int i = 0; i < 8; i += 2) {
        s[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        s[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
        t[i] = _mm512_unpacklo_epi64(s[i], s[i + 2]);
        t[i + 1] = _mm512_unpackhi_epi64(s[i], s[i + 2]);
        t[i + 2] = _mm512_unpacklo_epi64(s[i + 1], s[i + 3]);
        t[i + 3] = _mm512_unpackhi_epi64(s[i + 1], s[i + 3]);
    }
    // Now t[i] holds, for quads i and i + 4: [i of rows 0-3 | i + 4 of rows 0-3 | i of rows 8-11 | i + 4 of rows 8-11],
    // and t[i + 4] the same of rows 4-7 and 12-15.
    const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13);
    const __m512i second = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
    for (int i = 0; i < 4; i++) {
        quads[i] = _mm512_permutex2var_epi64(t[i], first, t[i + 4]);
        quads[i + 4] = _mm512_permutex2var_epi64(t[i], second, t[i + 4]);
    }
}

// Unpacks one block of each of 16 rows, `row_bytes` apart.
template <typename Format> inline row_block unpack(const uint8_t * blocks, size_t row_bytes) {
    row_block out;
    __m256i values[16];
#pragma GCC unroll 16
    for (int row = 0; row < 16; row++) {
        values[row] = Format::values(blocks + row * row_bytes);
    }
    interleave(values, out.quads);
    // A block begins with its scale, and with its minimum behind it where it has one: halves.
    const __m512i rows = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i offsets = _mm512_mullo_epi32(rows, _mm512_set1_epi32(static_cast<int>(row_bytes)));
    const __m512i pairs = _mm512_i32gather_epi32(offsets, blocks, 1);
    out.scales = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(pairs));
    out.minima = Format::HAS_MINIMUM ? _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16)))
                                     : _mm512_setzero_ps();
    return out;
}

} // namespace
} // namespace rein::kernels
