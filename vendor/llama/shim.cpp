#include "shim.h"

#include <algorithm>
#include <cstdio>
#include <exception>

#include "ggml-backend.h"
#include "holdings.h"
#include "llama_ext.h"
#include "stoppable.h"

namespace {

// Runs `body`, which returns a status, and turns whatever it throws into REIN_EXCEPTION.
template <typename Body> int32_t guarded(rein_error * err, Body body) noexcept {
    try {
        return body();
    } catch (const std::exception & e) {
        std::snprintf(err->message, sizeof(err->message), "%s", e.what());
    } catch (...) {
        std::snprintf(err->message, sizeof(err->message), "an exception of unknown type");
    }
    return REIN_EXCEPTION;
}

// What `make` gives, which may be stopped; where that is nothing, nothing of it is left.
template <typename Made, typename Make>
int32_t made(Made ** out, rein_should_stop should_stop, void * data, Make make) {
    rein::holdings taken;
    {
        const rein::stop_scope stoppable(should_stop, data);
        *out = make();
    }
    if (*out != nullptr) {
        taken.keep();
    }
    return REIN_OK;
}

} // namespace

extern "C" {

int32_t rein_model_load(const char * path, const struct llama_model_params * params, rein_should_stop should_stop,
                        void * data, struct llama_model ** out, rein_error * err) {
    return guarded(err, [&] {
        return made(out, should_stop, data, [&] { return llama_model_load_from_file(path, *params); });
    });
}

int32_t rein_context_new(struct llama_model * model, const struct llama_context_params * params,
                         rein_should_stop should_stop, void * data, struct llama_context ** out, rein_error * err) {
    return guarded(err, [&] {
        return made(out, should_stop, data, [&] { return llama_init_from_model(model, *params); });
    });
}

int32_t rein_context_memory(const struct llama_context * ctx, const ggml_backend_dev_t * devices, size_t n_devices,
                            uint64_t * sizes, rein_error * err) {
    return guarded(err, [&] {
        std::fill_n(sizes, 3 * (n_devices + 1), 0);
        for (const auto & [type, bytes] : llama_get_memory_breakdown(ctx)) {
            const bool is_host = ggml_backend_buft_is_host(type);
            const auto * end = devices + n_devices;
            const auto * device = is_host ? end : std::find(devices, end, ggml_backend_buft_get_device(type));
            uint64_t * of_device = sizes + 3 * (device - devices);
            of_device[0] += bytes.model;
            of_device[1] += bytes.context;
            of_device[2] += bytes.compute;
        }
        return REIN_OK;
    });
}

int32_t rein_decode(struct llama_context * ctx, const struct llama_batch * batch, rein_error * err) {
    return guarded(err, [&] {
        const int32_t status = llama_decode(ctx, *batch);
        llama_synchronize(ctx);
        return status;
    });
}

int32_t rein_logits(struct llama_context * ctx, int32_t i, float ** out, rein_error * err) {
    return guarded(err, [&] {
        *out = llama_get_logits_ith(ctx, i);
        return REIN_OK;
    });
}

int32_t rein_embeddings_seq(struct llama_context * ctx, llama_seq_id seq, float ** out, rein_error * err) {
    return guarded(err, [&] {
        *out = llama_get_embeddings_seq(ctx, seq);
        return REIN_OK;
    });
}

int32_t rein_tokenize(const struct llama_vocab * vocab, const char * text, int32_t len, llama_token * tokens,
                      int32_t capacity, bool add_special, bool parse_special, int32_t * n_out, rein_error * err) {
    return guarded(err, [&] {
        *n_out = llama_tokenize(vocab, text, len, tokens, capacity, add_special, parse_special);
        return REIN_OK;
    });
}

int32_t rein_token_to_piece(const struct llama_vocab * vocab, llama_token token, char * buf, int32_t capacity,
                            bool special, int32_t * n_out, rein_error * err) {
    return guarded(err, [&] {
        *n_out = llama_token_to_piece(vocab, token, buf, capacity, 0, special);
        return REIN_OK;
    });
}

int32_t rein_detokenize(const struct llama_vocab * vocab, const llama_token * tokens, int32_t n_tokens, char * buf,
                        int32_t capacity, bool remove_special, bool unparse_special, int32_t * n_out,
                        rein_error * err) {
    return guarded(err, [&] {
        *n_out = llama_detokenize(vocab, tokens, n_tokens, buf, capacity, remove_special, unparse_special);
        return REIN_OK;
    });
}

int32_t rein_sampler_new_dry(const struct llama_vocab * vocab, float multiplier, float base, int32_t allowed_length,
                             int32_t last_n, const char ** breakers, size_t n_breakers, struct llama_sampler ** out,
                             rein_error * err) {
    return guarded(err, [&] {
        *out = llama_sampler_init_dry(vocab, multiplier, base, allowed_length, last_n, breakers, n_breakers);
        return REIN_OK;
    });
}

int32_t rein_sampler_accept(struct llama_sampler * sampler, llama_token token, rein_error * err) {
    return guarded(err, [&] {
        llama_sampler_accept(sampler, token);
        return REIN_OK;
    });
}

int32_t rein_sampler_apply(struct llama_sampler * sampler, struct llama_token_data_array * candidates,
                           rein_error * err) {
    return guarded(err, [&] {
        llama_sampler_apply(sampler, candidates);
        return REIN_OK;
    });
}

int32_t rein_memory_clear(struct llama_context * ctx, rein_error * err) {
    return guarded(err, [&] {
        llama_memory_clear(llama_get_memory(ctx), false);
        return REIN_OK;
    });
}

int32_t rein_memory_seq_rm(struct llama_context * ctx, llama_seq_id seq, llama_pos p0, llama_pos p1, bool * removed,
                           rein_error * err) {
    return guarded(err, [&] {
        *removed = llama_memory_seq_rm(llama_get_memory(ctx), seq, p0, p1);
        return REIN_OK;
    });
}

int32_t rein_memory_seq_cp(struct llama_context * ctx, llama_seq_id src, llama_seq_id dst, rein_error * err) {
    return guarded(err, [&] {
        llama_memory_seq_cp(llama_get_memory(ctx), src, dst, -1, -1);
        return REIN_OK;
    });
}

int32_t rein_memory_seq_bounds(struct llama_context * ctx, llama_seq_id seq, llama_pos * pos_min, llama_pos * pos_max,
                               rein_error * err) {
    return guarded(err, [&] {
        const llama_memory_t memory = llama_get_memory(ctx);
        *pos_min = llama_memory_seq_pos_min(memory, seq);
        *pos_max = llama_memory_seq_pos_max(memory, seq);
        return REIN_OK;
    });
}

int32_t rein_state_size(struct llama_context * ctx, llama_seq_id seq, size_t * size, rein_error * err) {
    return guarded(err, [&] {
        *size = llama_state_seq_get_size(ctx, seq);
        return REIN_OK;
    });
}

int32_t rein_state_get(struct llama_context * ctx, llama_seq_id seq, uint8_t * data, size_t capacity, size_t * size,
                       rein_error * err) {
    return guarded(err, [&] {
        *size = llama_state_seq_get_data(ctx, data, capacity, seq);
        return REIN_OK;
    });
}

int32_t rein_state_set(struct llama_context * ctx, llama_seq_id seq, const uint8_t * data, size_t len, size_t * size,
                       rein_error * err) {
    return guarded(err, [&] {
        *size = llama_state_seq_set_data(ctx, data, len, seq);
        return REIN_OK;
    });
}

} // extern "C"
