// The one declaration that rein takes of llama.cpp's src/llama-ext.h, which is not installed, as it is in the version
// that README.md names.
#pragma once

#include <cstddef>
#include <map>

#include "llama.h"

// Bytes in buffers of one type.
struct llama_memory_breakdown_data {
    size_t model = 0;   // weights
    size_t context = 0; // KV cells and recurrent states
    size_t compute = 0; // temporary buffers

    size_t total() const { return model + context + compute; }
};

using llama_memory_breakdown = std::map<ggml_backend_buffer_type_t, llama_memory_breakdown_data>;

LLAMA_API llama_memory_breakdown llama_get_memory_breakdown(const struct llama_context * ctx);
