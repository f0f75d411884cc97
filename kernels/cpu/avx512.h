// How a file is compiled for AVX-512 when the rest of the program is not. Include what the standard library offers
// before REIN_AVX512_BEGIN: its inline functions must stay what they are elsewhere.
#pragma once

#if defined(__clang__)
#define REIN_AVX512_BEGIN                                                                                              \
    _Pragma("clang attribute push(__attribute__((target(\"avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c\"))), apply_to = function)")
#define REIN_AVX512_END _Pragma("clang attribute pop")
#else
#define REIN_AVX512_BEGIN                                                                                              \
    _Pragma("GCC push_options") _Pragma("GCC target(\"avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,fma,f16c\")")
#define REIN_AVX512_END _Pragma("GCC pop_options")
#endif

namespace rein::kernels {

// Whether this CPU has what such a file is compiled for; to be asked before anything in it is called.
inline bool has_avx512() {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("fma");
}

} // namespace rein::kernels
