//! See [`rein_fuzz::TOOL_CALLS`].

#![no_main]

rein_fuzz::fuzz!(rein_fuzz::TOOL_CALLS);
