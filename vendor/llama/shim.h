// The hot calls of llama.cpp, wrapped so that no C++ exception crosses into Rust (which would end the
// process). Every function returns REIN_OK or a status of llama.cpp's own, or REIN_EXCEPTION with a
// message in `err`. Nothing here knows anything of rein.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "llama.h"

#ifdef __cplusplus
extern "C" {
#endif

#define REIN_OK 0
#define REIN_EXCEPTION (-1000)

// A buffer for a message, always NUL-terminated after a call that returned REIN_EXCEPTION.
typedef struct rein_error {
    char message[512];
} rein_error;

// Asked again and again, on the calling thread, whether its work is still wanted. Must not unwind.
typedef bool (*rein_should_stop)(void * data);

// These two end early, with NULL in *out or REIN_EXCEPTION, once `should_stop` has said true; what they give
// even so is to be freed unused.
int32_t rein_model_load(const char * path, const struct llama_model_params * params, rein_should_stop should_stop,
                        void * data, struct llama_model ** out, rein_error * err);
int32_t rein_context_new(struct llama_model * model, const struct llama_context_params * params,
                         rein_should_stop should_stop, void * data, struct llama_context ** out, rein_error * err);

// Bytes that a context and its model take. For each of `devices` three numbers are written (weights, cells, temporary
// buffers), then three for everything else, which is host memory. Over a model loaded with no_alloc, whose contexts
// allocate nothing either: what they would take.
int32_t rein_context_memory(const struct llama_context * ctx, const ggml_backend_dev_t * devices, size_t n_devices,
                            uint64_t * sizes, rein_error * err);

// llama_decode, and waits for the device: 0 done, 1 no free cells, 2 aborted, < 0 failed.
int32_t rein_decode(struct llama_context * ctx, const struct llama_batch * batch, rein_error * err);

// Waits for the device and gives the logits of output row `i`, or NULL in *out where there is none.
int32_t rein_logits(struct llama_context * ctx, int32_t i, float ** out, rein_error * err);

// Waits for the device and gives the pooled output of sequence `seq` of the last decode, or NULL in *out.
int32_t rein_embeddings_seq(struct llama_context * ctx, llama_seq_id seq, float ** out, rein_error * err);

// *n_out: tokens written, or minus the number there is room needed for.
int32_t rein_tokenize(const struct llama_vocab * vocab, const char * text, int32_t len, llama_token * tokens,
                      int32_t capacity, bool add_special, bool parse_special, int32_t * n_out, rein_error * err);
// *n_out: bytes written, or minus the number there is room needed for.
int32_t rein_token_to_piece(const struct llama_vocab * vocab, llama_token token, char * buf, int32_t capacity,
                            bool special, int32_t * n_out, rein_error * err);

// The text of tokens as llama.cpp puts it together, which is what its DRY sampler searches. *n_out as above.
int32_t rein_detokenize(const struct llama_vocab * vocab, const llama_token * tokens, int32_t n_tokens, char * buf,
                        int32_t capacity, bool remove_special, bool unparse_special, int32_t * n_out,
                        rein_error * err);

int32_t rein_sampler_new_dry(const struct llama_vocab * vocab, float multiplier, float base, int32_t allowed_length,
                             int32_t last_n, const char ** breakers, size_t n_breakers, struct llama_sampler ** out,
                             rein_error * err);
int32_t rein_sampler_accept(struct llama_sampler * sampler, llama_token token, rein_error * err);
int32_t rein_sampler_apply(struct llama_sampler * sampler, struct llama_token_data_array * candidates,
                           rein_error * err);

int32_t rein_memory_clear(struct llama_context * ctx, rein_error * err);
// *removed: false where this memory cannot remove that range (recurrent models).
int32_t rein_memory_seq_rm(struct llama_context * ctx, llama_seq_id seq, llama_pos p0, llama_pos p1, bool * removed,
                           rein_error * err);
int32_t rein_memory_seq_cp(struct llama_context * ctx, llama_seq_id src, llama_seq_id dst, rein_error * err);
int32_t rein_memory_seq_bounds(struct llama_context * ctx, llama_seq_id seq, llama_pos * pos_min,
                               llama_pos * pos_max, rein_error * err);

// *size: bytes that rein_state_get writes, or has written; 0 where it failed. The state is that of one sequence.
int32_t rein_state_size(struct llama_context * ctx, llama_seq_id seq, size_t * size, rein_error * err);
int32_t rein_state_get(struct llama_context * ctx, llama_seq_id seq, uint8_t * data, size_t capacity, size_t * size,
                       rein_error * err);
// *size: bytes read; 0 where it failed, and the sequence then holds nothing that could be relied on.
int32_t rein_state_set(struct llama_context * ctx, llama_seq_id seq, const uint8_t * data, size_t len, size_t * size,
                       rein_error * err);

#ifdef __cplusplus
}
#endif
