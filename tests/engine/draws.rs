//! What rein's sampler draws, and its cuts on whole rows, against references.

use std::collections::{BTreeMap, HashMap, HashSet};

use rein::llama::Token;
use rein::sampling::{DynamicTemperature, Sampler, SamplingParams, Xtc};

use super::sampling::Bench;
use super::support::{GEMMA, SMOLLM};

/// Checks a cut by typical or top-p alone, on a whole row, against one in double precision.
pub fn check_cut(row: &[f32], params: &SamplingParams) {
    let max = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let weights: Vec<f64> = row
        .iter()
        .map(|&logit| (f64::from(logit) - max).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    let surprise = |id: usize| -(weights[id] / total).ln();
    let is_typical = params.typical_p < 1.0;
    let (center, share) = if is_typical {
        let entropy = (0..row.len())
            .map(|id| weights[id] / total * surprise(id))
            .sum();
        (entropy, params.typical_p)
    } else {
        (0.0, params.top_p)
    };
    let mut order: Vec<usize> = (0..row.len()).collect();
    let off = |id: usize| (surprise(id) - center).abs();
    order.sort_by(|&a, &b| off(a).total_cmp(&off(b)));
    let mut sum = 0.0;
    let last = order.iter().position(|&id| {
        sum += weights[id] / total;
        sum > f64::from(share)
    });
    let expected = &order[..=last.unwrap()];
    let found = Sampler::new(params.clone())
        .probabilities(row, None)
        .unwrap();
    let tokens: HashSet<usize> = found.iter().map(|one| one.token.index()).collect();
    let missing = expected.iter().filter(|id| !tokens.contains(id)).count();
    // Surprises are single-precision numbers in rein: their rounding may swap neighbours at the end.
    assert!(
        missing <= 2 && found.len().abs_diff(expected.len()) <= 2,
        "{missing} missing of {}: {params:?}",
        expected.len()
    );
}

#[test]
fn cuts_on_the_whole_vocabulary_are_those_of_double_precision() {
    for name in [SMOLLM, GEMMA] {
        let bench = Bench::new(name);
        for row in &bench.rows[..3] {
            for p in [0.1, 0.5, 0.9, 0.99] {
                let open = SamplingParams {
                    temperature: 1.0,
                    top_k: 0,
                    top_p: 1.0,
                    min_p: 0.0,
                    ..SamplingParams::default()
                };
                check_cut(
                    row,
                    &SamplingParams {
                        top_p: p,
                        ..open.clone()
                    },
                );
                check_cut(
                    row,
                    &SamplingParams {
                        typical_p: p,
                        ..open
                    },
                );
            }
        }
    }
}

/// The probability of every token by llama.cpp's chain; where XTC is applied now and then, that of both cases.
fn expected(bench: &Bench, params: &SamplingParams, row: &[f32]) -> BTreeMap<Token, f64> {
    let often = f64::from(params.xtc.probability);
    let mut all = BTreeMap::new();
    for (probability, weight) in [(1.0, often), (0.0, 1.0 - often)] {
        if weight > 0.0 {
            let mut params = params.clone();
            params.xtc.probability = probability;
            let (_, mut theirs) = bench.both(&params);
            theirs.draw(row).unwrap();
            for (token, p) in theirs.candidates() {
                *all.entry(token).or_default() += weight * f64::from(p);
            }
        }
    }
    all
}

/// Tokens that rein keeps and llama.cpp does not: at most two whose surprise is that of the last one kept but for the
/// rounding of single-precision numbers (see [`check_cut`]).
fn kept_by_rounding(bench: &Bench, params: &SamplingParams, row: &[f32]) -> HashSet<Token> {
    if params.typical_p >= 1.0 {
        return HashSet::new();
    }
    let theirs = expected(bench, params, row);
    let ours = Sampler::new(params.clone())
        .probabilities(row, None)
        .unwrap();
    let extra: HashSet<Token> = ours
        .iter()
        .map(|one| one.token)
        .filter(|token| !theirs.contains_key(token))
        .collect();
    assert!(extra.len() <= 2, "{extra:?} are kept: {params:?}");
    extra
}

/// Draws often and compares with what is expected by a chi-square test at a level of 1e-4.
fn check_draws(bench: &Bench, params: &SamplingParams) {
    const DRAWS: u32 = 20_000;
    let row = &bench.rows[1];
    let (mut ours, _) = bench.both(params);
    let mut counts: HashMap<Token, f64> = HashMap::new();
    for _ in 0..DRAWS {
        *counts
            .entry(ours.draw(row, None).unwrap().token)
            .or_default() += 1.0;
    }
    for token in kept_by_rounding(bench, params, row) {
        counts.remove(&token);
    }
    // Tokens that are expected fewer than ten times are counted together.
    let (mut rest, mut rest_seen) = (0.0, counts.values().sum::<f64>());
    let (mut statistic, mut freedom) = (0.0, -1.0);
    let mut add = |expected: f64, seen: f64| {
        statistic += (seen - expected).powi(2) / expected;
        freedom += 1.0;
    };
    for (token, p) in expected(bench, params, row) {
        let wanted = p * f64::from(DRAWS);
        if wanted < 10.0 {
            rest += wanted;
        } else {
            let seen = counts.get(&token).copied().unwrap_or(0.0);
            rest_seen -= seen;
            add(wanted, seen);
        }
    }
    if rest >= 10.0 {
        add(rest, rest_seen);
    } else {
        assert!(
            rest_seen <= 40.0,
            "{rest_seen} draws of what is never drawn: {params:?}"
        );
    }
    // Wilson and Hilferty's approximation of the quantile; 3.72 standard deviations are 1e-4.
    let spread: f64 = 2.0 / (9.0 * freedom);
    let limit = freedom * (1.0 - spread + 3.72 * spread.sqrt()).powi(3);
    println!("chi-square {statistic:.1}, {freedom} degrees of freedom, limit {limit:.1}");
    assert!(freedom >= 1.0 && statistic < limit, "{params:?}");
}

#[test]
fn draws_have_llama_cpps_distribution() {
    let bench = Bench::new(SMOLLM);
    let open = SamplingParams {
        temperature: 1.0,
        top_k: 0,
        top_p: 1.0,
        min_p: 0.0,
        seed: Some(5),
        ..SamplingParams::default()
    };
    let xtc = |probability| Xtc {
        probability,
        threshold: 0.02,
    };
    let sets = [
        open.clone(),
        SamplingParams {
            temperature: 0.6,
            top_k: 20,
            top_p: 0.95,
            min_p: 0.01,
            ..open.clone()
        },
        SamplingParams {
            top_p: 0.9,
            ..open.clone()
        },
        SamplingParams {
            min_p: 0.02,
            ..open.clone()
        },
        SamplingParams {
            typical_p: 0.8,
            ..open.clone()
        },
        SamplingParams {
            top_k: 40,
            xtc: xtc(0.5),
            ..open.clone()
        },
        SamplingParams {
            xtc: xtc(0.3),
            ..open.clone()
        },
        SamplingParams {
            repetition_penalty: 1.3,
            presence_penalty: 0.5,
            ..open.clone()
        },
        SamplingParams {
            dynamic_temperature: DynamicTemperature {
                range: 0.7,
                exponent: 1.0,
            },
            ..open.clone()
        },
        SamplingParams {
            top_n_sigma: 1.5,
            ..open.clone()
        },
    ];
    for params in sets {
        check_draws(&bench, &params);
    }
}
