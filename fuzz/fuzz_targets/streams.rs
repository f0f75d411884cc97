//! See [`rein_fuzz::STREAMS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::STREAMS);
