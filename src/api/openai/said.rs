//! [`Said`]: what any answers say, from a fuzzer's bytes.

use std::time::Duration;

use crate::fuzz_input::FuzzInput;
use crate::generation::{
    Choice, Delta, FinishReason, PromptProgress, ScoredToken, Summary, Timings, TokenLogprob,
    ToolCallDelta, Usage,
};
use crate::llama::Token;
use crate::stop::StopCause;

/// What the answers to a request said, in any order that the pipeline could say it in.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) deltas: Vec<(usize, Delta)>,
    /// The same put together, as for an answer in one piece.
    pub(super) choices: Vec<Choice>,
    /// Of each answer: whether its calls were made, or broke off.
    pub(super) calls: Vec<Vec<bool>>,
    /// What went wrong; the last thing that was said then.
    pub(super) failure: Option<String>,
}

impl Said {
    pub(super) fn make(input: &mut FuzzInput<'_>, answers: usize) -> Self {
        let mut said = Self {
            choices: vec![Choice::default(); answers],
            calls: vec![Vec::new(); answers],
            ..Self::default()
        };
        while !input.is_empty() && said.failure.is_none() {
            let answer = usize::from(input.byte()) % answers;
            let delta = said.delta(input, answer);
            said.say(answer, delta);
        }
        for answer in 0..answers {
            said.say(answer, Delta::Done(summary(input)));
        }
        said
    }

    /// Something that may come next.
    fn delta(&self, input: &mut FuzzInput<'_>, answer: usize) -> Delta {
        let choice = &self.choices[answer];
        let open = choice.open_call.is_some();
        let index = self.calls[answer].len();
        match input.byte() % 16 {
            0..4 if open => Delta::ToolCall(ToolCallDelta::Arguments {
                index,
                json: input.text(),
            }),
            4 if open => Delta::ToolCall(ToolCallDelta::Abandoned { index }),
            _ if open => Delta::ToolCall(ToolCallDelta::Ended { index }),
            0..3 => Delta::ToolCall(ToolCallDelta::Begun {
                index,
                id: input.text(),
                name: input.text(),
            }),
            3 => Delta::Progress(PromptProgress {
                total: input.number() as u32,
                cached: input.number() as u32,
                processed: input.number() as u32,
                elapsed: Duration::from_micros(input.number()),
            }),
            // Nothing is thought within a call.
            9..12 => Delta::Reasoning { text: input.text() },
            4 => Delta::Done(summary(input)),
            5 => Delta::Failed {
                message: input.text(),
            },
            6..9 => Delta::Text {
                text: input.text(),
                tokens: vec![Token(1)],
                logprobs: vec![logprob(input)],
            },
            _ => Delta::Text {
                text: input.text(),
                tokens: vec![Token(1)],
                logprobs: Vec::new(),
            },
        }
    }

    /// Nothing comes behind the end of an answer, or behind a failure.
    fn say(&mut self, answer: usize, delta: Delta) {
        let choice = &mut self.choices[answer];
        if choice.summary.is_some() || self.failure.is_some() {
            return;
        }
        match &delta {
            Delta::Progress(_) => {}
            Delta::Reasoning { text } => choice.reasoning.push_str(text),
            Delta::Text { text, logprobs, .. } => {
                choice.text.push_str(text);
                choice.logprobs.extend(logprobs.iter().cloned());
            }
            Delta::ToolCall(call) => {
                match call {
                    ToolCallDelta::Ended { .. } => self.calls[answer].push(true),
                    ToolCallDelta::Abandoned { .. } => self.calls[answer].push(false),
                    ToolCallDelta::Begun { .. } | ToolCallDelta::Arguments { .. } => {}
                }
                choice.take_call(call.clone());
            }
            Delta::Done(summary) => choice.summary = Some(summary.clone()),
            Delta::Failed { message } => self.failure = Some(message.clone()),
        }
        self.deltas.push((answer, delta));
    }
}

fn summary(input: &mut FuzzInput<'_>) -> Summary {
    let reasons = [
        FinishReason::EndOfTurn,
        FinishReason::StopString,
        FinishReason::Length,
        FinishReason::Stopped(StopCause::User),
        FinishReason::Stopped(StopCause::Deadline),
    ];
    Summary {
        reason: input.choice(&reasons),
        usage: Usage {
            // All answers have the same prompt.
            prompt_tokens: 12,
            cached_tokens: input.number() as u32,
            completion_tokens: input.number() as u32,
            reasoning_tokens: input.number() as u32,
        },
        timings: Timings {
            prompt: Duration::from_micros(input.number()),
            decode: Duration::from_micros(input.number()),
            ..Timings::default()
        },
    }
}

fn logprob(input: &mut FuzzInput<'_>) -> TokenLogprob {
    let mut scored = || ScoredToken {
        token: Token(input.byte().into()),
        // Readers get these back exactly; the last two are told as a very small number.
        logprob: input.choice(&[0.0, -0.5, -9.25, f32::NEG_INFINITY, f32::NAN]),
        bytes: input.part().to_vec(),
    };
    TokenLogprob {
        drawn: scored(),
        top: vec![scored()],
    }
}
