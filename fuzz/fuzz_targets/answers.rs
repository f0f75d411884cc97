//! See [`rein_fuzz::ANSWERS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::ANSWERS);
