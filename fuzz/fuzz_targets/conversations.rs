//! See [`rein_fuzz::CONVERSATIONS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::CONVERSATIONS);
