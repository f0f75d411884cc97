// Puts rein's own CPU kernels (kernels/cpu) in the place of ggml's, where they are faster.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// Call once, after ggml's backends are initialised and before the first model is loaded.
// Returns false, and changes nothing, on a CPU without the instructions.
bool rein_install_cpu_kernels(void);

#ifdef __cplusplus
}
#endif
