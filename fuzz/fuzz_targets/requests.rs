//! See [`rein_fuzz::REQUESTS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::REQUESTS);
