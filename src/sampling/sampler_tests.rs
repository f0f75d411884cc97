use super::*;
use crate::sampling::{Dry, Mirostat, MirostatVersion, Xtc};
use proptest::prelude::{Just, any, prop, prop_assert, prop_assert_eq, prop_oneof, proptest};

fn row() -> Vec<f32> {
    (0..1000)
        .map(|i| ((i * 7919) % 1000) as f32 / 100.0)
        .collect()
}

fn draws(params: SamplingParams, n: usize) -> Vec<Token> {
    let mut sampler = Sampler::new(params);
    (0..n).map(|_| token(&mut sampler, &row())).collect()
}

fn token(sampler: &mut Sampler, logits: &[f32]) -> Token {
    sampler.draw(logits, None).unwrap().token
}

/// Parameters under which every path through the chain is taken.
fn paths() -> Vec<SamplingParams> {
    let off = SamplingParams {
        temperature: 0.9,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(3),
        ..SamplingParams::default()
    };
    let with = |change: &dyn Fn(&mut SamplingParams)| {
        let mut params = off.clone();
        change(&mut params);
        params
    };
    let mirostat = |version| {
        Some(Mirostat {
            version,
            target: 3.0,
            learning_rate: 0.1,
        })
    };
    vec![
        off.clone(),
        SamplingParams::greedy(),
        with(&|p| p.top_k = 20),
        with(&|p| p.top_p = 0.9),
        with(&|p| p.min_p = 0.1),
        with(&|p| p.typical_p = 0.8),
        with(&|p| p.top_n_sigma = 1.0),
        with(&|p| p.dynamic_temperature.range = 0.5),
        with(&|p| {
            p.xtc = Xtc {
                probability: 1.0,
                threshold: 0.001,
            };
        }),
        with(&|p| {
            p.top_k = 50;
            p.typical_p = 0.9;
            p.xtc = Xtc {
                probability: 0.5,
                threshold: 0.05,
            };
        }),
        with(&|p| p.mirostat = mirostat(MirostatVersion::V1)),
        with(&|p| p.mirostat = mirostat(MirostatVersion::V2)),
    ]
}

#[test]
fn the_same_seed_draws_the_same_tokens() {
    for params in paths() {
        assert_eq!(draws(params.clone(), 50), draws(params, 50));
    }
}

#[test]
fn greedy_draws_the_largest_logit_and_the_first_of_equals() {
    for (logits, best) in [
        (row(), 321),
        (vec![1.0; 70], 0),
        (vec![f32::NAN, 1.0, 2.0, f32::NAN], 2),
    ] {
        let logits = &logits;
        let expected = if logits.len() == 1000 {
            (0..1000)
                .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
                .unwrap()
        } else {
            best
        };
        let drawn = token(&mut Sampler::new(SamplingParams::greedy()), logits);
        assert_eq!(drawn, Token(expected as i32));
    }
}

#[test]
fn a_bias_of_minus_infinity_bans_a_token() {
    let best = draws(SamplingParams::greedy(), 1)[0];
    let params = SamplingParams {
        logit_bias: vec![(best, f32::NEG_INFINITY)],
        ..SamplingParams::greedy()
    };
    assert_ne!(draws(params, 1), [best]);
}

#[test]
fn penalties_look_back_no_further_than_their_window() {
    let best = draws(SamplingParams::greedy(), 1)[0];
    let params = SamplingParams {
        presence_penalty: 2.0,
        penalty_last_n: 2,
        ..SamplingParams::greedy()
    };
    let mut sampler = Sampler::new(params);
    sampler.accept_all(&[Token(3), Token(4), best]);
    assert_ne!(token(&mut sampler, &row()), best);
    sampler.accept(Token(1));
    sampler.accept(Token(2));
    assert_eq!(token(&mut sampler, &row()), best);
}

#[test]
fn dry_keeps_a_sequence_from_repeating() {
    let params = SamplingParams {
        dry: Dry {
            multiplier: 20.0,
            ..Dry::default()
        },
        ..SamplingParams::greedy()
    };
    let best = draws(params.clone(), 1)[0];
    let mut sampler = Sampler::new(params);
    sampler.accept_all(&[Token(1), Token(2), best, Token(1), Token(2)]);
    assert_ne!(token(&mut sampler, &row()), best);
}

#[test]
fn draws_follow_the_distribution() {
    // Two tokens at odds of e : 1; with 20,000 draws four standard deviations are 0.0126.
    let mut sampler = Sampler::new(SamplingParams {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(1),
        ..SamplingParams::default()
    });
    let n = 20_000;
    let firsts = (0..n)
        .filter(|_| token(&mut sampler, &[1.0, 0.0]) == Token(0))
        .count();
    let expected = std::f64::consts::E / (1.0 + std::f64::consts::E);
    assert!((firsts as f64 / f64::from(n) - expected).abs() < 0.0126);
}

#[test]
fn a_mask_is_a_row_of_minus_infinity_elsewhere() {
    let mut mask = TokenMask::new(1000);
    mask.extend((0..1000).filter(|id| id % 7 == 2).map(Token));
    let masked: Vec<f32> = (0..)
        .zip(row())
        .map(|(id, logit)| {
            if mask.allows(Token(id)) {
                logit
            } else {
                f32::NEG_INFINITY
            }
        })
        .collect();
    for params in paths() {
        let (mut a, mut b) = (Sampler::new(params.clone()), Sampler::new(params.clone()));
        for _ in 0..50 {
            let found = a.probabilities(&row(), Some(&mask)).unwrap();
            assert_eq!(found, b.probabilities(&masked, None).unwrap(), "{params:?}");
            let drawn = a.draw(&row(), Some(&mask)).unwrap().token;
            assert!(mask.allows(drawn));
            assert_eq!(drawn, token(&mut b, &masked), "{params:?}");
        }
    }
}

#[test]
fn where_nothing_is_allowed_nothing_is_drawn() {
    let all_banned = SamplingParams {
        logit_bias: (0..1000).map(|id| (Token(id), f32::NEG_INFINITY)).collect(),
        ..SamplingParams::default()
    };
    let nothing = Err(SamplingError::NothingAllowed);
    for params in paths().into_iter().chain([all_banned.clone()]) {
        let mut sampler = Sampler::new(params);
        for mask in [TokenMask::new(1000), TokenMask::new(0)] {
            assert_eq!(sampler.draw(&row(), Some(&mask)), nothing);
        }
        for logits in [
            vec![f32::NAN; 100],
            vec![f32::NEG_INFINITY; 100],
            Vec::new(),
        ] {
            assert_eq!(sampler.draw(&logits, None), nothing);
        }
    }
    assert_eq!(Sampler::new(all_banned).draw(&row(), None), nothing);
}

#[test]
fn the_only_allowed_token_is_drawn() {
    let mut mask = TokenMask::new(1000);
    mask.allow(Token(123));
    for params in paths() {
        let drawn = Sampler::new(params).draw(&row(), Some(&mask)).unwrap();
        assert_eq!(drawn.token, Token(123));
    }
}

#[test]
fn log_probabilities_are_of_the_unmodified_row() {
    let mut mask = TokenMask::new(1000);
    mask.allow(Token(5));
    let mut sampler = Sampler::new(SamplingParams {
        logprobs: Some(3),
        logit_bias: vec![(Token(5), 4.0)],
        ..SamplingParams::default()
    });
    let drawn = sampler.draw(&row(), Some(&mask)).unwrap();
    let logprobs = drawn.logprobs.unwrap();
    let sum: f64 = row().iter().map(|&logit| f64::from(logit).exp()).sum();
    let expected = f64::from(row()[5]) - sum.ln();
    assert!((f64::from(logprobs.logprob) - expected).abs() < 1e-5);
    assert_eq!(logprobs.top.len(), 3);
}

proptest! {
    #[test]
    fn a_draw_is_always_one_of_the_probabilities(
        logits in prop::collection::vec(prop_oneof![9 => -30f32..30.0, 1 => Just(f32::NEG_INFINITY), 1 => Just(f32::NAN)], 1..300),
        seed in any::<u64>(), path in 0usize..12, temperature in 0f32..3.0,
    ) {
        let mut params = paths().swap_remove(path);
        params.temperature = temperature;
        params.seed = Some(seed);
        let mut sampler = Sampler::new(params);
        for _ in 0..3 {
            let Ok(all) = sampler.probabilities(&logits, None) else {
                prop_assert_eq!(sampler.draw(&logits, None), Err(SamplingError::NothingAllowed));
                continue;
            };
            let drawn = token(&mut sampler, &logits);
            prop_assert!(all.iter().any(|one| one.token == drawn));
            let sum: f32 = all.iter().map(|one| one.probability).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{}", sum);
        }
    }
}

#[test]
fn an_end_that_may_not_come_yet_is_a_row_with_minus_infinity_there() {
    let ends: std::sync::Arc<[Token]> = [Token(3), Token(70), Token(5000)].into();
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for round in 0..200u64 {
        let mut row: Vec<f32> = (0..300)
            .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 20) as f32)
            .collect();
        // Often the most likely tokens are ends.
        row[3] = 15.5;
        row[70] = if round % 2 == 0 { 15.9 } else { 2.0 };
        let params = SamplingParams {
            temperature: if round % 5 == 0 { 0.0 } else { 0.8 },
            top_k: [0, 1, 20][round as usize % 3],
            top_n_sigma: if round % 7 == 0 { 1.5 } else { 0.0 },
            repetition_penalty: if round % 4 == 0 { 1.3 } else { 1.0 },
            seed: Some(round),
            ..SamplingParams::default()
        };
        let mut banning = Sampler::new(params.clone()).with_ends(ends.clone(), usize::MAX);
        let mut plain = Sampler::new(params.clone());
        let mut edited = row.clone();
        (edited[3], edited[70]) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        assert_eq!(
            banning.probabilities(&row, None),
            plain.probabilities(&edited, None),
            "{params:?}"
        );
        assert_eq!(banning.draw(&row, None), plain.draw(&edited, None));
    }
}
