// The logits of a row as the samplers see them: with mask, bias, bans and penalties.
//
// llama.cpp's row is only read. Edits are few: a map of bits, made for each stretch of a row, says which logits have
// one, and these are looked up.
#pragma once

#include "arith.cuh"
#include "layout.cuh"

namespace rein::sampling {

template <typename T> struct View {
    const T * logits;
    uint32_t n;
    const uint32_t * mask; // null: all are allowed
    uint32_t mask_tokens;
    const Edit * edits;
    uint32_t n_edits;
    float repetition, presence, frequency;

    REIN_FN bool allows(uint32_t index) const {
        return mask == nullptr || (index < mask_tokens && mask[index / 32] >> index % 32 & 1);
    }

    // Only where the logit has no edits.
    REIN_FN float unedited(uint32_t index) const { return to_float(logits[index]); }

    REIN_FN float value(uint32_t index) const {
        return allows(index) ? edited(index) : minus_infinity();
    }

    // With the edits that it has, if any.
    REIN_FN float edited(uint32_t index) const {
        float logit = unedited(index);
        for (uint32_t i = first_edit(index); i < n_edits && edits[i].token == index; i++) {
            logit = apply(edits[i], logit);
        }
        return logit;
    }

private:
    REIN_FN float apply(const Edit & edit, float logit) const {
        if (edit.kind == EditKind::Bias) {
            return add(logit, edit.bias);
        }
        if (edit.kind == EditKind::Ban) {
            return minus_infinity();
        }
        const float repeated = logit <= 0.0f ? mul(logit, repetition) : logit / repetition;
        return add(repeated, -add(mul(static_cast<float>(edit.count), frequency), presence));
    }

    // The first edit of this token or a later one.
    REIN_FN uint32_t first_edit(uint32_t token) const {
        uint32_t low = 0, high = n_edits;
        while (low < high) {
            const uint32_t middle = (low + high) / 2;
            if (edits[middle].token < token) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
};

// View 0: what a token is drawn from. View 1: what the model said.
template <typename T> REIN_FN View<T> view_of(const uint8_t * upload, uint32_t row_number, uint32_t number) {
    const Header & header = *reinterpret_cast<const Header *>(upload);
    const Row & row = reinterpret_cast<const Row *>(upload + sizeof(Header))[row_number];
    View<T> view = {};
    view.logits = reinterpret_cast<const T *>(row.logits);
    view.n = row.n_logits;
    if (number == 0) {
        const auto * masks = reinterpret_cast<const uint32_t *>(upload + header.first_mask);
        view.mask = row.has_mask ? masks + row.first_mask_word : nullptr;
        view.mask_tokens = row.mask_tokens;
        view.edits = reinterpret_cast<const Edit *>(upload + header.first_edit) + row.first_edit;
        view.n_edits = row.n_edits;
        view.repetition = row.repetition;
        view.presence = row.presence;
        view.frequency = row.frequency;
    }
    return view;
}

// A stretch of a view, for reading many of its logits. `N` is a multiple of 32.
template <typename T, uint32_t N> struct Stretch {
    View<T> view;
    uint32_t start;
    const uint32_t (&edited)[N / 32];

    REIN_FN float value(uint32_t index, float unedited) const {
        if (!view.allows(index)) {
            return minus_infinity();
        }
        const uint32_t at = index - start;
        const bool is_edited = view.n_edits > 0 && edited[at / 32] >> at % 32 & 1;
        return is_edited ? view.edited(index) : unedited;
    }

    // Calls `use` with index and value of every STEP-th logit from `first` on that is before `end`. Several are
    // loaded before the first of them is used: a thread that waits for each by itself leaves the memory idle.
    template <uint32_t STEP, typename F> REIN_FN void walk(uint32_t first, uint32_t end, F use) const {
        constexpr uint32_t AHEAD = 8;
        float unedited[AHEAD];
        for (uint32_t index = first; index < end; index += AHEAD * STEP) {
            REIN_UNROLL for (uint32_t n = 0; n < AHEAD; n++) {
                const uint32_t at = index + n * STEP;
                unedited[n] = at < end ? view.unedited(at) : 0.0f;
            }
            REIN_UNROLL for (uint32_t n = 0; n < AHEAD; n++) {
                const uint32_t at = index + n * STEP;
                if (at < end) {
                    use(at, value(at, unedited[n]));
                }
            }
        }
    }
};

// Marks in `edited` which of the N logits from `start` on have edits. `start` is a multiple of 32.
template <typename T, uint32_t N>
REIN_FN Stretch<T, N> stretch_of(Block & block, const View<T> & view, uint32_t start, uint32_t (&edited)[N / 32]) {
    if (view.n_edits > 0) {
        block.each(N / 32, [&](uint32_t word) { edited[word] = 0; });
        block.each(view.n_edits, [&](uint32_t i) {
            const uint32_t at = view.edits[i].token - start; // huge where it is before
            if (at < N) {
                atomic_or(edited[at / 32], 1u << at % 32);
            }
        });
    }
    return {view, start, edited};
}

} // namespace rein::sampling
