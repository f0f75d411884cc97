//! See [`rein_fuzz::GGUF`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::GGUF);
