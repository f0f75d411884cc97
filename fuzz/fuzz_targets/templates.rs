//! See [`rein_fuzz::TEMPLATES`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::TEMPLATES);
