//! Compiles the C++ shim (`vendor/llama`) against the llama.cpp that llama-cpp-sys-2 has built.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=vendor/llama/shim.h");
    println!("cargo:rerun-if-changed=vendor/llama/shim.cpp");
    println!("cargo:rerun-if-changed=vendor/llama/stoppable.h");
    println!("cargo:rerun-if-changed=vendor/llama/stoppable.cpp");

    // Set by cargo for direct dependents of a crate with `links = "llama"`.
    let root = env::var_os("DEP_LLAMA_ROOT")
        .expect("DEP_LLAMA_ROOT is not set: llama-cpp-sys-2 must be a direct dependency");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include(PathBuf::from(root).join("include"))
        .file("vendor/llama/shim.cpp")
        .file("vendor/llama/stoppable.cpp")
        .warnings(true)
        .compile("rein_llama_shim");

    // Clearing the KV cells of a new context can be stopped (vendor/llama/stoppable.h).
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg=-Wl,--wrap=ggml_backend_buffer_clear");
    }
}
