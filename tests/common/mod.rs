//! What the integration tests share: the models they load, and a real server on a free port.

pub mod models;
pub mod server;
