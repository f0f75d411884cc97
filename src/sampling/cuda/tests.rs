use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

use super::test_rows::{Numbers, draw};
use super::{Logits, RowRequest, Upload, takes};
use crate::llama::Token;
use crate::sampling::{
    Drawn, Mirostat, MirostatVersion, Probability, Sampler, SamplingError, SamplingParams,
    TokenMask,
};

/// Random choices for a case.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn below(&mut self, n: usize) -> usize {
        (self.0.next_u64() % n as u64) as usize
    }

    /// In 0..1.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// About normal, with this deviation.
    fn normal(&mut self, deviation: f32) -> f32 {
        let sum: f32 = (0..4).map(|_| self.between(-1.0, 1.0)).sum();
        sum * deviation * 0.866
    }
}

/// A row of `n` logits of one of several shapes: like a model's, with ties, steep, flat, in order, with what is no
/// number.
fn row(dice: &mut Dice, n: usize) -> Vec<f32> {
    let shape = dice.below(8);
    let scale = dice.of(&[0.01, 1.0, 2.0, 4.0, 10.0, 1e4]);
    let constant = dice.between(-20.0, 20.0);
    let odd = [f32::NEG_INFINITY, f32::NAN, 0.0, -0.0, -f32::MAX, 1e-40];
    let mut row: Vec<f32> = (0..n)
        .map(|i| match shape {
            0 => dice.between(-30.0, 30.0),
            1 => constant,
            2 => dice.below(5) as f32 - 2.0,
            3 => i as f32 * 1e-3,
            4 => i as f32 * -1e-2,
            5 if dice.one_in(3) => dice.of(&odd),
            _ => constant + dice.normal(scale),
        })
        .collect();
    if dice.one_in(30) {
        row.fill(f32::NEG_INFINITY);
    }
    for _ in 0..dice.of(&[0, 0, 0, 1, 3]) {
        let at = dice.below(n);
        row[at] = dice.of(&[25.0, constant, f32::NAN, f32::NEG_INFINITY, f32::INFINITY]);
    }
    row
}

fn params(dice: &mut Dice, n: usize) -> SamplingParams {
    let mut params = SamplingParams {
        temperature: dice.of(&[0.0, 0.6, 1.0, 2.0, 1e-3, 0.2, 1e-39]),
        top_k: dice.of(&[0, 0, 0, -1, 1, 2, 20, 20, 40, 100, 128]),
        top_p: dice.of(&[1.0, 1.0, 0.0, 0.1, 0.5, 0.95, 0.999, 0.999_999_9]),
        min_p: dice.of(&[0.0, 0.0, 0.01, 0.05, 0.5, 1.0, 1e-30]),
        penalty_last_n: dice.of(&[0, 3, 64]),
        logprobs: dice.of(&[None, None, Some(0), Some(1), Some(5), Some(20)]),
        seed: Some(dice.0.next_u64()),
        ..SamplingParams::default()
    };
    if dice.one_in(3) {
        params.temperature = dice.between(0.05, 2.0);
        params.top_p = dice.unit();
        params.min_p = if dice.one_in(2) { 0.0 } else { dice.unit() };
    }
    if dice.one_in(3) {
        params.repetition_penalty = dice.of(&[1.0, 1.1, 1.5, 0.8]);
        params.presence_penalty = dice.of(&[0.0, 0.3, -1.0, 2.0]);
        params.frequency_penalty = dice.of(&[0.0, 0.1, -0.2]);
    }
    if dice.one_in(3) {
        let bias = |dice: &mut Dice| {
            let token = Token(dice.below(n + 2) as i32 - 1);
            let biases = [0.0, 1.0, -1.0, 5.0, 100.0, f32::NEG_INFINITY, f32::INFINITY];
            (token, dice.of(&biases))
        };
        // Few tokens have several biases.
        params.logit_bias = (0..dice.below(12)).map(|_| bias(dice)).collect();
    }
    params
}

fn mask(dice: &mut Dice, n: usize) -> Option<TokenMask> {
    let covered = dice.of(&[n, n, n.saturating_sub(5), n + 40]);
    let mut mask = TokenMask::new(covered);
    match dice.below(8) {
        0 => mask.allow(Token(dice.below(n) as i32)),
        1 => mask.extend((0..n as i32).filter(|_| dice.one_in(2)).map(Token)),
        2 => mask.extend((0..n as i32).filter(|_| dice.one_in(50)).map(Token)),
        3 if dice.one_in(10) => {}
        _ => return None,
    }
    Some(mask)
}

/// A run at some point of its answer: parameters, tokens that were accepted, ends that must not come yet.
fn sampler(dice: &mut Dice, n: usize) -> Sampler {
    let mut sampler = Sampler::new(params(dice, n));
    if dice.one_in(5) {
        let ends: Arc<[Token]> = (0..3).map(|_| Token(dice.below(n + 3) as i32)).collect();
        sampler = sampler.with_ends(ends, dice.of(&[0, 1, usize::MAX]));
    }
    let prompt: Vec<Token> = (0..dice.below(80))
        .map(|_| Token(dice.below(n.min(50)) as i32))
        .collect();
    sampler.accept_all(&prompt);
    sampler
}

/// What was drawn, so that it can be compared: where a logit is infinite a log-probability is no number.
fn bits(drawn: Result<Drawn, SamplingError>) -> Option<(Token, Vec<(Token, u32)>)> {
    let bits = |number: f32| if number.is_nan() { 0 } else { number.to_bits() };
    let drawn = drawn.ok()?;
    let logprobs = drawn.logprobs.iter().flat_map(|logprobs| {
        let own = (drawn.token, logprobs.logprob);
        std::iter::once(own).chain(logprobs.top.iter().copied())
    });
    let logprobs = logprobs.map(|(token, logprob)| (token, bits(logprob)));
    Some((drawn.token, logprobs.collect()))
}

/// Asks both for a token of the row, and wants the same of both, in every order of a block's threads.
fn check(
    case: u64,
    row: &[f32],
    numbers: &Numbers,
    sampler: &Sampler,
    allowed: Option<&TokenMask>,
) {
    let params = sampler.clone();
    let expected = sampler.clone().draw(row, allowed);
    let mut asked = sampler.clone();
    let request = asked.request(allowed);
    let found = draw(&[(numbers, request.clone())], 0);
    let said = || format!("case {case}: {} logits, {params:?}", row.len());
    let drawn = found[0].drawn(request.params);
    assert_eq!(bits(drawn), bits(expected.clone()), "{}", said());
    // Three times the work: a quarter of the cases has every path in it.
    let orders: &[u32] = if case.is_multiple_of(4) { &[1, 5] } else { &[] };
    for &order in orders {
        assert_eq!(
            draw(&[(numbers, request.clone())], order),
            found,
            "{}",
            said()
        );
    }
    let Ok(drawn) = expected else { return };
    let probabilities = sampler.clone().probabilities(row, allowed).unwrap();
    let same = |one: &&Probability| one.token == drawn.token;
    let probability = probabilities
        .iter()
        .find(same)
        .map_or(0.0, |one| one.probability);
    let error = (probability - found[0].probability()).abs();
    assert!(error < 1e-6, "{}: {error:e}", said());
}

#[test]
fn the_kernels_draw_what_the_sampler_draws() {
    for seed in 0..21_000 {
        let mut dice = Dice::new(seed);
        let n = match dice.below(40) {
            0 => dice.of(&[1, 2, 1023, 1024, 1025, 4096, 8191, 8192, 8193]),
            1 => 1 + dice.below(12_000),
            _ => 1 + dice.below(700),
        };
        let row = row(&mut dice, n);
        let sampler = sampler(&mut dice, n);
        let mask = mask(&mut dice, n);
        let numbers = Numbers::F32(row.clone());
        check(seed, &row, &numbers, &sampler, mask.as_ref());
    }
}

#[test]
fn rows_of_a_large_vocabulary_are_no_exception() {
    for seed in 0..60 {
        let mut dice = Dice::new(1_000_000 + seed);
        let n = dice.of(&[32_000, 128_256, 151_936, 262_144]);
        let row = row(&mut dice, n);
        let mut sampler = sampler(&mut dice, n);
        let mask = mask(&mut dice, n);
        // Time goes into sorting where nearly all are candidates.
        if n > 32_000
            && seed % 8 > 0
            && sampler.request(None).path() != super::layout::Path::WholeRow
        {
            sampler = Sampler::new(SamplingParams {
                top_k: dice.of(&[20, 128]),
                seed: Some(seed),
                ..SamplingParams::default()
            });
        }
        let numbers = Numbers::F32(row.clone());
        check(seed, &row, &numbers, &sampler, mask.as_ref());
    }
}

/// The value of a half-precision number, by its definition.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 1023));
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction > 0.0 => f32::NAN,
        31 => sign * f32::INFINITY,
        _ => sign * (1.0 + fraction / 1024.0) * 2f32.powi(exponent - 15),
    }
}

#[test]
fn rows_in_half_precision_are_drawn_from_as_their_values() {
    for seed in 0..2000 {
        let mut dice = Dice::new(2_000_000 + seed);
        let n = 1 + dice.below(900);
        // Any number there is, or those of about a logit's size.
        let any = dice.one_in(4);
        let is_brain = dice.one_in(2);
        let bits: Vec<u16> = (0..n)
            .map(|_| {
                let bits = dice.0.next_u32() as u16;
                match (any, is_brain) {
                    (true, _) => bits,
                    (false, true) => bits & 0x83FF | 0x3F00,
                    (false, false) => bits & 0x8FFF | 0x4000,
                }
            })
            .collect();
        let value = |&bits: &u16| {
            if is_brain {
                f32::from_bits(u32::from(bits) << 16)
            } else {
                half(bits)
            }
        };
        let row: Vec<f32> = bits.iter().map(value).collect();
        let numbers = if is_brain {
            Numbers::BF16(bits)
        } else {
            Numbers::F16(bits)
        };
        let sampler = sampler(&mut dice, n);
        let mask = mask(&mut dice, n);
        check(seed, &row, &numbers, &sampler, mask.as_ref());
    }
}

#[test]
fn rows_of_one_upload_do_not_mix() {
    for seed in 0..100 {
        let mut dice = Dice::new(3_000_000 + seed);
        let rows: Vec<Vec<f32>> = (0..9)
            .map(|_| {
                let n = 1 + dice.below(9000);
                row(&mut dice, n)
            })
            .collect();
        let numbers: Vec<Numbers> = rows.iter().cloned().map(Numbers::F32).collect();
        let mut samplers: Vec<Sampler> = rows
            .iter()
            .map(|row| sampler(&mut dice, row.len()))
            .collect();
        let masks: Vec<_> = rows.iter().map(|row| mask(&mut dice, row.len())).collect();
        let expected: Vec<_> = samplers
            .iter()
            .zip(&rows)
            .zip(&masks)
            .map(|((sampler, row), mask)| bits(sampler.clone().draw(row, mask.as_ref())))
            .collect();
        let requests: Vec<(&Numbers, RowRequest<'_>)> = samplers
            .iter_mut()
            .zip(&numbers)
            .zip(&masks)
            .map(|((sampler, numbers), mask)| (numbers, sampler.request(mask.as_ref())))
            .collect();
        let found = draw(&requests, 0);
        let drawn: Vec<_> = found
            .iter()
            .zip(&requests)
            .map(|(result, (_, request))| bits(result.drawn(request.params)))
            .collect();
        assert_eq!(drawn, expected, "seed {seed}");
    }
}

#[test]
fn a_request_uses_up_the_random_numbers_of_a_draw() {
    let row: Vec<f32> = (0..300).map(|i| (i % 7) as f32).collect();
    let params = SamplingParams {
        seed: Some(9),
        top_k: 0,
        ..SamplingParams::default()
    };
    let mut drawing = Sampler::new(params.clone());
    let mut asking = Sampler::new(params.clone());
    let numbers = Numbers::F32(row.clone());
    for _ in 0..50 {
        let expected = drawing.draw(&row, None);
        let found = draw(&[(&numbers, asking.request(None))], 0);
        assert_eq!(found[0].drawn(&params), expected);
    }
}

#[test]
fn a_crumb_beyond_the_last_goes_to_the_last_that_may_be_drawn() {
    // Min-p keeps the first three; the last has no weight at all.
    let row = Numbers::F32(vec![3.0, 2.5, 2.0, 0.0, -500.0]);
    for (top_k, min_p, last) in [(20, 0.3, 2), (0, 0.3, 2), (0, 0.0, 3), (4, 0.0, 3)] {
        let mut sampler = Sampler::new(SamplingParams {
            temperature: 1.0,
            top_k,
            top_p: 1.0,
            min_p,
            ..SamplingParams::default()
        });
        let mut request = sampler.request(None);
        // No random number is as large: it stands for sums that round down.
        request.point = 1.0 + 1e-6;
        let found = draw(&[(&row, request.clone())], 0);
        let drawn = found[0].drawn(request.params).unwrap();
        assert_eq!(drawn.token, Token(last), "top-k {top_k}, min-p {min_p}");
    }
}

#[test]
fn where_nothing_is_allowed_the_kernels_draw_nothing() {
    let row = Numbers::F32(vec![1.0; 100]);
    let none = TokenMask::new(100);
    for temperature in [0.0, 0.7] {
        for top_k in [0, 20] {
            let params = SamplingParams {
                temperature,
                top_k,
                ..SamplingParams::default()
            };
            let mut sampler = Sampler::new(params.clone());
            let found = draw(&[(&row, sampler.request(Some(&none)))], 0);
            assert_eq!(found[0].drawn(&params), Err(SamplingError::NothingAllowed));
        }
    }
}

#[test]
fn rare_samplers_stay_on_the_cpu() {
    let takes_with = |change: fn(&mut SamplingParams)| {
        let mut params = SamplingParams::default();
        change(&mut params);
        takes(&params, 151_936)
    };
    assert!(takes_with(|_| {}));
    assert!(takes_with(|p| p.top_k = -1));
    assert!(takes_with(|p| p.temperature = 0.0));
    assert!(takes_with(|p| p.repetition_penalty = 1.2));
    assert!(takes_with(|p| p.logprobs = Some(20)));
    let refused: [fn(&mut SamplingParams); 8] = [
        |p| p.top_k = 129,
        |p| p.logprobs = Some(21),
        |p| p.dry.multiplier = 0.8,
        |p| p.xtc.probability = 0.5,
        |p| p.typical_p = 0.9,
        |p| p.top_n_sigma = 1.0,
        |p| p.dynamic_temperature.range = 0.5,
        |p| p.mirostat = Some(Mirostat::new(MirostatVersion::V2)),
    ];
    for (number, change) in refused.into_iter().enumerate() {
        assert!(!takes_with(change), "{number}");
    }
    assert!(!takes(&SamplingParams::default(), 262_145));
}

#[test]
fn an_upload_without_rows_needs_nothing() {
    let mut upload = Upload::default();
    assert_eq!(upload.sizes(), None);
    let mut sampler = Sampler::new(SamplingParams::default());
    let logits = Logits {
        address: 8,
        len: 10,
    };
    upload.push(logits, &sampler.request(None));
    let sizes = upload.sizes().unwrap();
    assert_eq!((sizes.rows, sizes.longest, sizes.wide), (1, 10, 0));
    assert_eq!(sizes.grids(), [[1, 1, 1], [1, 1, 1], [1, 1, 1]]);
    upload.clear();
    assert_eq!(upload.sizes(), None);
}
