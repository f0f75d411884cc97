//! The server as clients meet it: real requests over TCP, a real model.
//!
//! Nothing here measures time: limits on waiting only tell a hang from a slow machine.

#[path = "../common/mod.rs"]
mod common;

mod access;
mod bad_input;
mod bad_models;
mod both_ways;
mod cancel;
mod control;
mod queue;
mod reasoning;
mod slow_reader;
mod stream;
mod structured;
mod tools;
mod witness;
