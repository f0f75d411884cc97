//! rein's sampler beside llama.cpp's chain, on real logits.

use std::collections::HashMap;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use rein::Delta;
use rein::engine::dry_breakers;
use rein::llama::{Model, SamplerChain, Token};
use rein::sampling::{Dry, Mirostat, MirostatVersion, Sampler, SamplingParams};

use super::draws::check_cut;
use super::oracle::chain;
use super::random_params::{Dice, random_params};
use super::rows;
use super::support::{GEMMA, SMOLLM, finish, greedy, load};

/// Repeats itself, so that penalties and DRY have something to do.
const TEXT: &str = "The old mill stood by the river. The miller's daughter said: \"The old mill stood by the \
    river, and the miller's daughter laughed.\" The old mill stood by the river.\n* The old mill\n* The old";

/// How far probabilities may be apart.
const TOLERANCE: f32 = 1e-5;

/// llama.cpp adds up single-precision numbers one by one, rein does so only over short lists. So where a cut is
/// made on the whole vocabulary, it may fall where moving it by this much has it fall.
const EDGE: f32 = 2e-4;

/// The same for typical, for which llama.cpp adds them up in descending order: the small ones vanish. That rein's
/// cuts are right is what `cuts_on_the_whole_vocabulary_are_those_of_double_precision` shows.
const TYPICAL_EDGE: f32 = 2e-3;

/// What is less likely may be there or not: llama.cpp goes on to 1e-45, rein to 1e-38.
const IMPOSSIBLE: f32 = 1e-20;

/// A model's rows and the tokens before them.
pub struct Bench {
    model: Model,
    prompt: Vec<Token>,
    pub rows: Vec<Vec<f32>>,
    breakers: Arc<rein::sampling::DryBreakers>,
}

impl Bench {
    pub fn new(name: &str) -> Self {
        let local = load(name, 256);
        let model = local.loaded().engine.model().clone();
        let (prompt, rows) = rows::of_text(&model, TEXT, 6).unwrap();
        let breakers = dry_breakers(model.vocab(), &Dry::default().sequence_breakers).unwrap();
        Self {
            model,
            prompt,
            rows,
            breakers: Arc::new(breakers),
        }
    }

    /// rein's sampler and llama.cpp's, both of which have seen the tokens before a row.
    pub fn both(&self, params: &SamplingParams) -> (Sampler, SamplerChain) {
        let n_vocab = self.rows[0].len();
        let mut ours = Sampler::new(params.clone()).with_dry_breakers(self.breakers.clone());
        let mut theirs = chain(params, self.model.vocab(), n_vocab, 1).unwrap();
        ours.accept_all(&self.prompt);
        for &token in &self.prompt {
            theirs.accept(token).unwrap();
        }
        (ours, theirs)
    }
}

/// The same parameters with every cut a little further out (or in).
fn moved(params: &SamplingParams, direction: f32) -> SamplingParams {
    let by = EDGE * direction;
    let share = |p: f32, by: f32| if p < 1.0 { (p + by).clamp(0.0, 1.0) } else { p };
    SamplingParams {
        top_p: share(params.top_p, by),
        typical_p: share(params.typical_p, TYPICAL_EDGE * direction),
        min_p: params.min_p * (1.0 - by),
        top_n_sigma: params.top_n_sigma * (1.0 + by),
        ..params.clone()
    }
}

/// True where the same tokens have the same probabilities.
fn are_same(ours: &Distribution, theirs: &Distribution, tolerance: f32) -> bool {
    let within = |all: &Distribution, other: &Distribution| {
        all.iter().all(|(token, p)| match other.get(token) {
            Some(other) => (p - other).abs() <= tolerance,
            None => *p <= IMPOSSIBLE,
        })
    };
    within(ours, theirs) && within(theirs, ours)
}

/// The same but for tokens that are as likely as the least likely that both have, give or take a thousandth.
fn are_same_but_for_the_last(ours: &Distribution, theirs: &Distribution, tolerance: f32) -> bool {
    let shared = ours.iter().filter(|(token, _)| theirs.contains_key(token));
    let least = shared.clone().map(|(_, &p)| p).fold(1.0, f32::min);
    let is_last = |(_, p): &(&Token, &f32)| (**p / least - 1.0).abs() < 1e-3;
    let only = |all: &Distribution, other: &Distribution| {
        let mut only = all.iter().filter(|(token, _)| !other.contains_key(token));
        only.all(|one| is_last(&one))
    };
    let mut pairs = shared.map(|(token, p)| (p - theirs[token]).abs());
    pairs.all(|apart| apart <= tolerance) && only(ours, theirs) && only(theirs, ours)
}

/// True where llama.cpp's cut is one that a little movement of ours gives, and what both have left has the same
/// probabilities in proportion.
fn is_edge(bench: &Bench, params: &SamplingParams, row: &[f32], theirs: &Distribution) -> bool {
    let tokens = |direction| -> Distribution {
        let (mut ours, _) = bench.both(&moved(params, direction));
        by_rein(&mut ours, row)
    };
    let (inner, outer) = (tokens(-1.0), tokens(1.0));
    let shared = |all: &Distribution| -> f32 { inner.keys().filter_map(|t| all.get(t)).sum() };
    let (their_sum, our_sum) = (shared(theirs), shared(&inner));
    inner.iter().all(|(token, p)| {
        let theirs = theirs.get(token);
        *p <= IMPOSSIBLE
            || theirs.is_some_and(|theirs| (p / our_sum - theirs / their_sum).abs() <= TOLERANCE)
    }) && theirs.keys().all(|token| outer.contains_key(token))
}

/// Tokens and how likely they are.
type Distribution = HashMap<Token, f32>;

fn by_llama_cpp(chain: &SamplerChain) -> Distribution {
    chain.candidates().filter(|&(_, p)| p > 0.0).collect()
}

fn by_rein(sampler: &mut Sampler, row: &[f32]) -> Distribution {
    let all = sampler.probabilities(row, None).unwrap();
    all.into_iter()
        .map(|one| (one.token, one.probability))
        .collect()
}

/// Over a flat distribution of a large vocabulary llama.cpp's sum may stray further. Then rein's cut has to be the one
/// of double precision, which is known for top-p without other cuts or penalties.
fn assert_exact_top_p(params: &SamplingParams, row: &[f32]) {
    let alone = SamplingParams {
        top_k: 0,
        top_p: params.top_p,
        min_p: 0.0,
        temperature: 1.0,
        ..SamplingParams::default()
    };
    let with_the_rest = SamplingParams {
        temperature: params.temperature,
        dynamic_temperature: params.dynamic_temperature,
        logit_bias: params.logit_bias.clone(),
        seed: params.seed,
        ..alone.clone()
    };
    assert_eq!(*params, with_the_rest, "an edge for another reason");
    let mut biased = row.to_vec();
    for &(token, bias) in &params.logit_bias {
        biased[token.index()] += bias;
    }
    check_cut(&biased, &alone);
}

fn check_random_sets(name: &str, sets: usize) {
    let bench = Bench::new(name);
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(11));
    let (mut same, mut edges) = (0, 0);
    for set in 0..sets {
        let row = &bench.rows[set % bench.rows.len()];
        let params = random_params(&mut dice, row, &bench.prompt);
        let (mut ours, mut theirs) = bench.both(&params);
        theirs.draw(row).unwrap();
        let expected = by_llama_cpp(&theirs);
        let found = by_rein(&mut ours, row);
        if are_same(&found, &expected, TOLERANCE) {
            same += 1;
            continue;
        }
        println!(
            "set {set}: {} and {} candidates, {params:?}",
            found.len(),
            expected.len()
        );
        // Over a short list rein adds up the same numbers in the same order.
        assert!(params.top_k == 0, "{params:?}");
        if !is_edge(&bench, &params, row, &expected) {
            assert_exact_top_p(&params, row);
        }
        edges += 1;
    }
    println!("{name}: {same} the same, {edges} at an edge");
    assert!(edges * 25 <= sets, "{edges} of {sets} sets at an edge");
}

#[test]
fn candidates_and_probabilities_are_llama_cpps() {
    check_random_sets(SMOLLM, 400);
    check_random_sets(GEMMA, 100);
}

/// Drives rein's Mirostat to draw what llama.cpp's drew, step by step, so that both learn the same; and compares
/// what they draw from at every step.
fn check_mirostat(bench: &Bench, mirostat: Mirostat, temperature: f32, steps: usize) {
    let params = SamplingParams {
        temperature,
        mirostat: Some(mirostat),
        ..SamplingParams::default()
    };
    let (mut ours, mut theirs) = bench.both(&params);
    for step in 0..steps {
        let row = &bench.rows[step % bench.rows.len()];
        let token = theirs.draw(row).unwrap().unwrap();
        let found = by_rein(&mut ours, row);
        // Of so many single-precision numbers llama.cpp's sum is not so exact.
        let tolerance = if found.len() < 2048 {
            TOLERANCE
        } else {
            5.0 * TOLERANCE
        };
        let expected = by_llama_cpp(&theirs);
        assert!(
            are_same_but_for_the_last(&found, &expected, tolerance),
            "step {step}: {} and {} candidates, {params:?}",
            found.len(),
            expected.len()
        );
        ours = (0..1_000_000)
            .find_map(|seed| {
                let mut attempt = ours.clone();
                attempt.reseed(seed);
                let drawn = attempt.draw(row, None).unwrap().token;
                (drawn == token).then_some(attempt)
            })
            .unwrap();
    }
}

#[test]
fn mirostat_learns_what_llama_cpps_learns() {
    let bench = Bench::new(SMOLLM);
    for version in [MirostatVersion::V1, MirostatVersion::V2] {
        for (target, learning_rate, temperature) in
            [(2.0, 0.1, 1.0), (2.5, 0.3, 0.7), (1.5, 0.2, 1.4)]
        {
            let mirostat = Mirostat {
                version,
                target,
                learning_rate,
            };
            check_mirostat(&bench, mirostat, temperature, 40);
        }
    }
}

#[test]
fn a_run_that_has_nothing_to_draw_from_ends_with_an_error() {
    let model = load(SMOLLM, 256);
    let n_vocab = model.loaded().engine.model().vocab().len() as i32;
    let mut request = greedy("One two three", 5);
    request.sampling.logit_bias = (0..n_vocab)
        .map(|id| (Token(id), f32::NEG_INFINITY))
        .collect();
    let deltas: Vec<Delta> = model.generate(request).unwrap().collect();
    assert!(
        matches!(&deltas[..], [Delta::Failed { message }] if message.contains("no token is left")),
        "{deltas:?}"
    );
    // Nobody else notices.
    let answer = finish(model.generate(greedy("One two three", 5)).unwrap());
    assert!(!answer.tokens.is_empty());
}
