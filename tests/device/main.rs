//! rein on a device that is not the processor: memory that has to be given back, work that has to be waited for. The
//! device is one for tests, `stand_in`.
#![cfg(target_os = "linux")]

#[path = "../common/models.rs"]
mod models;
#[path = "../common/stand_in.rs"]
mod stand_in;

mod loads;
mod memory;
mod sampling;
mod serving;
mod stops;
mod support;
mod tokens;
#[path = "../common/waiting.rs"]
mod waiting;
