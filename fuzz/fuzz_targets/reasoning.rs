//! See [`rein_fuzz::REASONING`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::REASONING);
