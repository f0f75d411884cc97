// What host and device say to each other: src/sampling/cuda/layout.rs has the same structs.
//
// One upload holds a header, the rows, their edits and their masks, in this order; one array of results comes back.
// Addresses are the device's (the host's own in the reference that the tests run).
#pragma once

#include <cstddef>
#include <cstdint>

namespace rein::sampling {

// Numbers that are summed up together; the CPU's block of a row (src/sampling/row.rs).
constexpr uint32_t PART = 1024;
// Single-precision sums of a part, added up in double precision; the CPU's vector (src/sampling/exp.rs).
constexpr uint32_t LANES = 16;
// Sums of a part: of all weights, then of those within each radius of `nearest` (src/sampling/row.rs).
constexpr uint32_t SUMS = 9;
// Logits that a block of the scan reads.
constexpr uint32_t CHUNK = 8192;
constexpr uint32_t MAX_TOP_K = 128;
constexpr uint32_t MAX_LOGPROBS = 20;
constexpr uint32_t MAX_VOCAB = 262144;
constexpr uint32_t MAX_CHUNKS = MAX_VOCAB / CHUNK;
constexpr uint32_t MAX_PARTS = MAX_VOCAB / PART;
// Two views of a row: the logits with bias, penalties and mask, and those of the model (for log-probabilities).
constexpr uint32_t VIEWS = 2;

// How the list of candidates is made; the same cases as in src/sampling/chain.rs.
enum class Path : uint32_t {
    Greedy = 0,   // the largest logit
    TopK = 1,     // the k largest, then top-p and min-p on these
    TopP = 2,     // top-p on the whole row, then min-p
    MinP = 3,     // min-p on the whole row
    WholeRow = 4, // temperature alone
};

enum class EditKind : uint32_t { Bias = 0, Ban = 1, Penalty = 2 };

// A change to a logit. The edits of a row are in the order of their tokens, and those of a token in the order in
// which they are applied.
struct Edit {
    uint32_t token;
    EditKind kind;
    float bias;     // Bias: what is added
    uint32_t count; // Penalty: how often the token was seen
};

struct Row {
    uint64_t logits; // address of the first
    double point;    // the random number, in 0..1
    uint32_t n_logits;
    Path path;
    uint32_t top_k;
    float top_p;       // 1 or more: off
    float log_min_p;   // logarithm of min-p; off where has_min_p is 0
    float temperature; // greater than 0, but for Greedy
    float repetition;
    float presence;
    float frequency;
    uint32_t has_min_p;
    uint32_t first_edit;
    uint32_t n_edits;
    uint32_t first_mask_word;
    uint32_t mask_tokens; // what is beyond is forbidden
    uint32_t has_mask;
    int32_t logprobs;   // how many of the most likely tokens are told; -1: no log-probabilities
    uint32_t wide_slot; // memory for a list that may be long
    uint32_t unused;
};

struct Header {
    uint64_t results;      // Result[rows]
    uint64_t chunk_keys;   // uint64_t[VIEWS][rows][MAX_CHUNKS][MAX_TOP_K]
    uint64_t chunk_counts; // uint32_t[VIEWS][rows][MAX_CHUNKS]
    uint64_t part_sums;    // double[VIEWS][rows][MAX_PARTS][SUMS]
    uint64_t wide_keys;    // uint64_t[wide slots][wide_stride]
    uint64_t wide_weights; // float[wide slots][wide_stride]
    uint32_t rows;
    uint32_t wide_stride; // at least the logits of a row
    uint32_t first_edit;  // byte of the upload
    uint32_t first_mask;  // byte of the upload
    uint32_t fused;       // whether the CPU's multiply_add (src/sampling/exp.rs) rounds once
    uint32_t unused;
};

struct Likely {
    int32_t token;
    float logit;
};

struct Result {
    int32_t token;     // -1: nothing may be drawn
    float probability; // of that token, among what could be drawn
    float logit;       // the model's, of that token
    float max;         // the model's largest logit
    double total;      // sum of e^(logit - max) over the model's logits
    uint32_t n_top;
    uint32_t unused;
    Likely top[MAX_LOGPROBS];
};

static_assert(sizeof(Edit) == 16 && sizeof(Row) == 88 && sizeof(Header) == 72 && sizeof(Result) == 192);
static_assert(offsetof(Row, n_logits) == 16 && offsetof(Row, logprobs) == 76 && offsetof(Header, rows) == 48);
static_assert(offsetof(Result, total) == 16 && offsetof(Result, top) == 32);

} // namespace rein::sampling
