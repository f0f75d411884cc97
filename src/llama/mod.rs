//! Owning, safe wrappers over llama.cpp.

mod token;

pub use token::Token;
