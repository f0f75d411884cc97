//! The engine's metrics, with handles made once: the decode thread only adds numbers.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::prefix::Source;

/// The phase in which a stop found its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Queued,
    Prefill,
    Decode,
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Prefill => "prefill",
            Self::Decode => "decode",
        }
    }
}

/// Handles of what the decode thread measures.
pub(super) struct EngineMetrics {
    pub(super) running: Gauge,
    pub(super) waiting: Gauge,
    pub(super) cached_tokens: Gauge,
    pub(super) host_cache_bytes: Gauge,
    pub(super) prefixes_evicted: Counter,
    pub(super) prompt_tokens: Counter,
    pub(super) prompt_tokens_cached: Counter,
    pub(super) generated_tokens: Counter,
    pub(super) wasted_tokens: Counter,
    pub(super) draft_tokens: Counter,
    pub(super) draft_tokens_accepted: Counter,
    pub(super) step_seconds: Histogram,
    pub(super) time_to_first_token: Histogram,
    pub(super) inter_token_latency: Histogram,
}

impl EngineMetrics {
    pub(super) fn new() -> Self {
        Self {
            running: gauge!("rein_runs_running"),
            waiting: gauge!("rein_runs_waiting"),
            cached_tokens: gauge!("rein_cached_prefix_tokens"),
            host_cache_bytes: gauge!("rein_prefix_host_bytes"),
            prefixes_evicted: counter!("rein_prefixes_evicted_total"),
            prompt_tokens: counter!("rein_prompt_tokens_total"),
            prompt_tokens_cached: counter!("rein_prompt_tokens_cached_total"),
            generated_tokens: counter!("rein_generated_tokens_total"),
            wasted_tokens: counter!("rein_wasted_tokens_total"),
            draft_tokens: counter!("rein_draft_tokens_total"),
            draft_tokens_accepted: counter!("rein_draft_tokens_accepted_total"),
            step_seconds: histogram!("rein_step_seconds"),
            time_to_first_token: histogram!("rein_time_to_first_token_seconds"),
            inter_token_latency: histogram!("rein_inter_token_latency_seconds"),
        }
    }

    /// A run that found the beginning of its prompt.
    pub(super) fn count_hit(source: Source) {
        let source = match source {
            Source::InPlace => "sequence",
            Source::Copy(_) | Source::Awaited(_) => "copy",
            Source::Host => "host",
        };
        counter!("rein_prefix_hits_total", "source" => source).increment(1);
    }

    /// A finished run of any kind.
    pub(super) fn finished(reason: &'static str) {
        counter!("rein_runs_finished_total", "reason" => reason).increment(1);
    }
}
