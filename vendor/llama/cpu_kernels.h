// Puts rein's own CPU kernels (kernels/cpu) in the place of ggml's, where they are faster.
#pragma once

#include "ggml.h"

#ifdef __cplusplus
extern "C" {
#endif

// Call once, after ggml's backends are initialised and before the first model is loaded.
// Returns false, and changes nothing, on a CPU without the instructions.
bool rein_install_cpu_kernels(void);

// A `cb_eval` for a context whose attention is to be ggml's: it marks those operations, and asks for no results.
bool rein_leave_attention(struct ggml_tensor * op, bool ask, void * data);

#ifdef __cplusplus
}
#endif
