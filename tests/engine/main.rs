//! The engine on real models, through the library's public API.

mod correctness;
mod replay;
mod soak;
mod stop;
mod support;
mod tiny;
