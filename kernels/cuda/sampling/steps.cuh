// The three steps of a draw, for one block each: what a kernel does, and what the reference does.
#pragma once

#include "draw.cuh"

namespace rein::sampling {

REIN_FN const Header & header_of(const uint8_t * upload) { return *reinterpret_cast<const Header *>(upload); }

REIN_FN const Row & row_of(const uint8_t * upload, uint32_t number) {
    return reinterpret_cast<const Row *>(upload + sizeof(Header))[number];
}

REIN_FN double * parts_at(const Header & header, uint32_t row, uint32_t view) {
    const uint64_t place = static_cast<uint64_t>(view * header.rows + row) * MAX_PARTS;
    return reinterpret_cast<double *>(header.part_sums) + place * SUMS;
}

// A view that nobody asked for.
REIN_FN bool is_idle(const Row & row, uint32_t view) { return view == 1 && row.logprobs < 0; }

// First step, a block for each chunk of each row and view.
template <typename T>
REIN_FN void scan_step(Block block, const uint8_t * upload, uint32_t chunk, uint32_t row_number, uint32_t view_number,
                       ScanMemory & memory) {
    const Header & header = header_of(upload);
    if (row_number >= header.rows) {
        return;
    }
    const Row & row = row_of(upload, row_number);
    const uint32_t start = chunk * CHUNK;
    if (start >= row.n_logits || is_idle(row, view_number)) {
        return;
    }
    const uint64_t place = static_cast<uint64_t>(view_number * header.rows + row_number) * MAX_CHUNKS + chunk;
    const View<T> view = view_of<T>(upload, row_number, view_number);
    scan_chunk(block, view, start, wanted(row, view_number), memory,
               reinterpret_cast<uint64_t *>(header.chunk_keys) + place * MAX_TOP_K,
               reinterpret_cast<uint32_t *>(header.chunk_counts)[place]);
}

// Second step, a block for every SUM_PARTS parts of each row and view.
template <typename T>
REIN_FN void sum_step(Block block, const uint8_t * upload, uint32_t group, uint32_t row_number, uint32_t view_number,
                      SumMemory & memory) {
    const Header & header = header_of(upload);
    if (row_number >= header.rows) {
        return;
    }
    const Row & row = row_of(upload, row_number);
    const Sum sum = sum_of(row, view_number);
    const uint32_t first_part = group * SUM_PARTS;
    if (!sum.is_needed || first_part * PART >= row.n_logits) {
        return;
    }
    const uint64_t best = scanned_of(header, row, row_number, view_number).best();
    if (best == 0) {
        return; // and nothing will be drawn
    }
    const View<T> view = view_of<T>(upload, row_number, view_number);
    double * out = parts_at(header, row_number, view_number) + first_part * SUMS;
    if (sum.has_radii) {
        sum_parts<SUMS>(block, view, first_part, logit_of(best), sum.inverse, header.fused, memory, out);
    } else {
        sum_parts<1>(block, view, first_part, logit_of(best), sum.inverse, header.fused, memory, out);
    }
}

// Third step, a block for each row and view.
template <typename T>
REIN_FN void draw_step(Block block, const uint8_t * upload, uint32_t row_number, uint32_t view_number,
                       DrawMemory & memory) {
    const Header & header = header_of(upload);
    if (row_number >= header.rows) {
        return;
    }
    const Row & row = row_of(upload, row_number);
    if (is_idle(row, view_number)) {
        return;
    }
    const Scanned scanned = scanned_of(header, row, row_number, view_number);
    const double * parts = parts_at(header, row_number, view_number);
    Result & result = reinterpret_cast<Result *>(header.results)[row_number];
    if (view_number == 1) {
        tell_likely(block, row, scanned, parts, memory, result);
        return;
    }
    const View<T> view = view_of<T>(upload, row_number, 0);
    const uint64_t slot = static_cast<uint64_t>(row.wide_slot) * header.wide_stride;
    const List wide = {reinterpret_cast<uint64_t *>(header.wide_keys) + slot,
                       reinterpret_cast<float *>(header.wide_weights) + slot, 0};
    const Choice choice = draw(block, view, row, scanned, parts, wide, header.fused, memory);
    block.once([&] {
        const bool is_drawn = choice.index != NONE;
        result.token = is_drawn ? static_cast<int32_t>(choice.index) : -1;
        result.probability = choice.probability;
        result.logit = is_drawn ? to_float(view.logits[choice.index]) : minus_infinity();
    });
}

} // namespace rein::sampling
