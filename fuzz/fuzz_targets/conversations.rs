#![no_main]

rein_fuzz::fuzz!(rein_fuzz::CONVERSATIONS);
