//! [`StopRecord`]: what became of one stop, exactly.

use std::time::{Duration, Instant, SystemTime};

use super::StopCause;

/// The moments of one stop. Written to the metric `rein_stop_latency_seconds` and, as a line of the log
/// (target `rein::stop`, level debug), with microseconds, for benchmarks that look from outside.
#[derive(Debug, Clone, Copy)]
pub struct StopRecord {
    /// In which phase the stop found it: queued, prefill, decode, load.
    pub phase: &'static str,
    /// Who asked.
    pub cause: StopCause,
    /// When the flag was set.
    pub set: Instant,
    /// Begin and end of the last decode that contained the run; of a load, all of it. `None` where nothing was
    /// computed.
    pub last_computing: Option<(Instant, Instant)>,
}

impl StopRecord {
    /// From the flag to the end of the last computing; zero where nothing was computed after it.
    #[must_use]
    pub fn latency(&self) -> Duration {
        self.last_computing.map_or(Duration::ZERO, |(_, end)| {
            end.saturating_duration_since(self.set)
        })
    }

    /// Adds it to the metric and to the log.
    pub fn publish(&self) {
        let cause = self.cause.as_str();
        metrics::histogram!("rein_stop_latency_seconds", "phase" => self.phase, "cause" => cause)
            .record(self.latency().as_secs_f64());
        let step = self
            .last_computing
            .map_or(Duration::ZERO, |(begin, end)| end - begin);
        tracing::debug!(
            target: "rein::stop",
            phase = self.phase,
            cause,
            set_unix_us = unix_micros(self.set),
            idle_unix_us = unix_micros(self.set + self.latency()),
            step_us = step.as_micros() as u64,
            "stopped"
        );
    }
}

/// A moment in microseconds since 1970, which other processes can compare with their own.
fn unix_micros(moment: Instant) -> u64 {
    let then = SystemTime::now() - moment.elapsed();
    then.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as u64)
}
