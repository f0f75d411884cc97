//! Compiles the C++ shim (`vendor/llama`) against the llama.cpp that llama-cpp-sys-2 has built, and our own kernels
//! (`kernels`).

use std::env;
use std::path::PathBuf;

#[cfg(feature = "cuda")]
#[path = "build/architectures.rs"]
mod architectures;
#[cfg(feature = "cuda")]
#[path = "build/cuda.rs"]
mod cuda;
#[cfg(feature = "cuda")]
#[path = "build/toolkit.rs"]
mod toolkit;

fn main() {
    println!("cargo:rerun-if-changed=vendor/llama");
    println!("cargo:rerun-if-changed=kernels/cpu");

    // Set by cargo for direct dependents of a crate with `links = "llama"`.
    let root = env::var_os("DEP_LLAMA_ROOT")
        .expect("DEP_LLAMA_ROOT is not set: llama-cpp-sys-2 must be a direct dependency");
    let include = PathBuf::from(root).join("include");
    // Tests compile a device against ggml's headers (tests/common/stand_in.rs).
    println!("cargo:rustc-env=REIN_LLAMA_INCLUDE={}", include.display());
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include(include)
        .file("vendor/llama/shim.cpp")
        .file("vendor/llama/stoppable.cpp")
        .file("vendor/llama/holdings.cpp")
        .file("vendor/llama/cpu_kernels.cpp")
        .file("kernels/cpu/quant_gemm.cpp")
        .file("kernels/cpu/attention.cpp")
        .warnings(true)
        // GCC takes its own intrinsics for reading what nobody has written.
        .flag_if_supported("-Wno-maybe-uninitialized")
        .flag_if_supported("-Wno-uninitialized")
        .compile("rein_llama_shim");

    // The kernels of the sampler for the CPU, where the tests run them. They round as Rust does: nothing is joined.
    println!("cargo:rerun-if-changed=kernels/cuda/sampling");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .file("kernels/cuda/sampling/reference.cpp")
        .warnings(true)
        .flag_if_supported("-ffp-contract=off")
        .compile("rein_sampling_reference");

    // Clearing the KV cells of a new context can be stopped (vendor/llama/stoppable.h), and what a load takes of devices is
    // noted (vendor/llama/holdings.h).
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        for function in [
            "backend_buffer_clear",
            "backend_buft_alloc_buffer",
            "backend_alloc_ctx_tensors_from_buft",
            "backend_buffer_free",
            "backend_dev_init",
            "backend_free",
            "backend_sched_new",
        ] {
            println!("cargo:rustc-link-arg=-Wl,--wrap=ggml_{function}");
        }
        // The library of ggml's CUDA backend takes ggml from the executable that loads it: there must be one ggml in
        // the process. `operator new` needs no mention: libstdc++ refers to it.
        println!("cargo:rustc-link-arg=-Wl,--export-dynamic-symbol=ggml_*");
    }

    #[cfg(feature = "cuda")]
    if let Err(message) = cuda::build() {
        eprintln!("{message}");
        std::process::exit(1);
    }
}
