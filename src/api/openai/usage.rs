//! `usage` and `timings`, as every OpenAI-shaped answer shows them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::generation::{PromptProgress, Summary, Usage};

/// Token counts under the names of the protocol.
#[must_use]
pub fn usage_json(usage: &Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": u64::from(usage.prompt_tokens) + u64::from(usage.completion_tokens),
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    })
}

/// What the answers to one request took together: the prompt counts once, and so do the timings, which are those
/// of the first that ended.
#[derive(Debug, Clone, Default)]
pub struct Total {
    summary: Option<Summary>,
}

impl Total {
    /// Adds an answer.
    pub fn add(&mut self, summary: &Summary) {
        match &mut self.summary {
            None => self.summary = Some(summary.clone()),
            Some(total) => {
                let (sum, added) = (&mut total.usage, &summary.usage);
                let add = |tokens: &mut u32, added| *tokens = tokens.saturating_add(added);
                add(&mut sum.completion_tokens, added.completion_tokens);
                add(&mut sum.reasoning_tokens, added.reasoning_tokens);
                let cached = &mut total.usage.cached_tokens;
                *cached = (*cached).min(summary.usage.cached_tokens);
            }
        }
    }

    /// All that was added; `None` where nothing was.
    #[must_use]
    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }
}

/// Durations under llama.cpp's names, which also fixes what they mean: `prompt_*` covers what was
/// computed, `predicted_*` all tokens drawn over the time from the first to the last. A rate without
/// a measurable duration is 0.
#[must_use]
pub fn timings_json(summary: &Summary) -> Value {
    let timings = &summary.timings;
    let (prompt, predicted) = (timings.prompt_computed, summary.usage.completion_tokens);
    let mut json = json!({
        "prompt_n": prompt,
        "cache_n": summary.usage.cached_tokens,
        "prompt_ms": milliseconds(timings.prompt),
        "prompt_per_token_ms": ratio(milliseconds(timings.prompt), prompt.into()),
        "prompt_per_second": ratio(prompt.into(), timings.prompt.as_secs_f64()),
        "predicted_n": predicted,
        "predicted_ms": milliseconds(timings.decode),
        "predicted_per_token_ms": ratio(milliseconds(timings.decode), predicted.into()),
        "predicted_per_second": ratio(predicted.into(), timings.decode.as_secs_f64()),
    });
    if timings.drafts.drafted > 0 {
        json["draft_n"] = timings.drafts.drafted.into();
        json["draft_n_accepted"] = timings.drafts.accepted.into();
    }
    json
}

/// How far the reading of a prompt is, under llama.cpp's names: `processed` contains what was cached.
#[must_use]
pub fn progress_json(progress: &PromptProgress) -> Value {
    json!({
        "total": progress.total,
        "cache": progress.cached,
        "processed": progress.processed,
        "time_ms": milliseconds(progress.elapsed),
    })
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}

fn ratio(of: f64, per: f64) -> f64 {
    if per > 0.0 { of / per } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::{FinishReason, Timings};

    #[test]
    fn rates_are_never_infinite_or_undefined() {
        let idle = Summary {
            reason: FinishReason::EndOfTurn,
            usage: Usage::default(),
            timings: Timings::default(),
        };
        for (name, value) in timings_json(&idle).as_object().expect("an object") {
            assert_eq!(value.as_f64(), Some(0.0), "{name}");
        }
        let instant = Summary {
            usage: Usage {
                completion_tokens: 1,
                ..Usage::default()
            },
            ..idle
        };
        assert_eq!(timings_json(&instant)["predicted_per_second"], 0.0);
    }

    #[test]
    fn the_total_does_not_overflow() {
        let usage = Usage {
            prompt_tokens: u32::MAX,
            completion_tokens: u32::MAX,
            ..Usage::default()
        };
        assert_eq!(usage_json(&usage)["total_tokens"], 2 * u64::from(u32::MAX));
    }
}
