//! What n-gram drafts cost: nanoseconds a token taken in and a proposal, and memory, by the length of the
//! text. Needs no model.
//!
//! `cargo run --release --example drafts`

use std::hint::black_box;
use std::time::{Duration, Instant};

use rein::engine::drafts::{
    DraftKind, DraftLimits, NgramMod, NgramParams, NgramSimple, NgramTable, NgramTables, RunDrafts,
};
use rein::llama::Token;

/// Steps that are measured after the prompt, of one token each.
const STEPS: usize = 500;

/// A source of drafts, as far as it is measured.
trait Source {
    fn update(&mut self, history: &[Token]);
    /// The length of the draft.
    fn propose(&mut self, history: &[Token]) -> usize;
    fn bytes(&self) -> usize;
}

struct Simple(NgramSimple, Vec<Token>);

impl Source for Simple {
    fn update(&mut self, history: &[Token]) {
        self.0.update(history);
    }

    fn propose(&mut self, history: &[Token]) -> usize {
        self.1.clear();
        self.0.propose(history, 64, &mut self.1);
        self.1.len()
    }

    fn bytes(&self) -> usize {
        self.0.bytes()
    }
}

struct Shared(NgramMod, NgramTable, Vec<Token>);

impl Source for Shared {
    fn update(&mut self, history: &[Token]) {
        self.0.update(history, &mut self.1);
    }

    fn propose(&mut self, history: &[Token]) -> usize {
        self.2.clear();
        self.0.propose(history, &self.1, 64, &mut self.2);
        self.2.len()
    }

    fn bytes(&self) -> usize {
        NgramTable::BYTES
    }
}

/// A whole step of one token: its update is learning, its proposal is all that a run does before the decode.
struct Whole(RunDrafts, NgramTables);

impl Source for Whole {
    fn update(&mut self, history: &[Token]) {
        self.0.learn(&history[history.len() - 1..]);
    }

    fn propose(&mut self, history: &[Token]) -> usize {
        let limits = DraftLimits { room: 64, runs: 1 };
        let cost = |k: usize| 0.020 + 0.006 * k as f64;
        let ends = |token: Token| token.0 < 0;
        let drafted = self.0.propose(history, &mut self.1, limits, ends, cost);
        drafted.len()
    }

    fn bytes(&self) -> usize {
        self.1.bytes()
    }
}

/// A text of `n` tokens and [`STEPS`] more, which repeats its first half. A linear congruence makes the
/// tokens.
fn repetitive(n: usize) -> Vec<Token> {
    let mut state = 1u64;
    let mut text: Vec<Token> = (0..n / 2)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            Token((state >> 49) as i32)
        })
        .collect();
    while text.len() < n + STEPS {
        text.extend_from_within(..STEPS.min(text.len()));
    }
    text.truncate(n + STEPS);
    text
}

fn measure(name: &str, n: usize, mut source: impl Source) {
    let text = repetitive(n);
    let started = Instant::now();
    source.update(&text[..n]);
    source.propose(&text[..n]);
    let prompt = started.elapsed();
    let (mut updating, mut proposing) = (Duration::ZERO, Duration::ZERO);
    let mut drafted = 0;
    for end in n + 1..=n + STEPS {
        let history = black_box(&text[..end]);
        let started = Instant::now();
        source.update(history);
        let updated = Instant::now();
        drafted += black_box(source.propose(history));
        proposing += updated.elapsed();
        updating += updated - started;
    }
    println!(
        "{n:>7}  {name:<13} {:>9.1}  {:>9.0}  {:>11.0}  {:>13.1}  {:>10}",
        prompt.as_nanos() as f64 / n as f64,
        updating.as_nanos() as f64 / STEPS as f64,
        proposing.as_nanos() as f64 / STEPS as f64,
        drafted as f64 / STEPS as f64,
        source.bytes() / 1024,
    );
}

fn main() {
    println!(" tokens  source        ns/prompt   ns/token  ns/proposal  tokens/draft  memory KiB");
    for n in [1_000, 8_000, 100_000] {
        let simple = NgramSimple::new(NgramParams::SIMPLE);
        measure("ngram-simple", n, Simple(simple, Vec::new()));
        let shared = NgramMod::new(NgramParams::MOD);
        measure(
            "ngram-mod",
            n,
            Shared(shared, NgramTable::new(), Vec::new()),
        );
        let whole = RunDrafts::new(DraftKind::Default.into(), 0);
        measure("default, step", n, Whole(whole, NgramTables::new(16)));
    }
}
