//! Waiting for what another thread does.

use std::time::{Duration, Instant};

/// Waits for a condition; the limit only catches hangs.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(
            start.elapsed() < Duration::from_secs(120),
            "still waiting until {what}"
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}
