//! See [`rein_fuzz::CONSTRAINTS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::CONSTRAINTS);
