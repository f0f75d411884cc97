//! A draw by rein's sampler beside one by llama.cpp's chain, on the same rows in one run.
//!
//! Usage: `sampling MODEL.gguf TEXT [ROUNDS [CHAIN]]`, `CHAIN` being a part of the names of chains to measure
//!
//! The rows are real logits of the model after each of the last tokens of the text. Every round draws once from
//! every row with each of the two, in turn. Prints a table: medians of the rounds in microseconds a row, their
//! 10th and 90th percentiles, and the ratio of llama.cpp's time to rein's. Then what drawing four rows costs
//! on two threads instead of one, and how long DRY's breakers take to be looked up in the vocabulary.

#[path = "../tests/common/oracle.rs"]
mod oracle;
#[path = "../tests/common/rows.rs"]
mod rows;

use std::path::Path;
use std::time::Instant;

use rein::engine::dry_breakers;
use rein::llama::{Backend, Model, ModelParams, Token};
use rein::sampling::{Dry, Mirostat, MirostatVersion, Sampler, SamplingParams, TokenMask};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, text, rest @ ..] = &args[..] else {
        return Err("usage: sampling MODEL.gguf TEXT [ROUNDS [CHAIN]]".into());
    };
    let rounds: usize = rest.first().map_or(Ok(200), |rounds| rounds.parse())?;
    let params = ModelParams::default();
    let model = Model::load(
        Backend::init()?,
        Path::new(path),
        &params,
        &mut |_| {},
        &|| false,
    )?;
    let (prompt, rows) = rows::of_text(&model, text, 8)?;
    let n_vocab = rows[0].len();
    println!("{n_vocab} logits, {} rows, {rounds} rounds", rows.len());
    println!("| chain | rein, µs a row | 10th..90th | llama.cpp | 10th..90th | ratio |");
    println!("| --- | --- | --- | --- | --- | --- |");
    let wanted = rest.get(1).map_or("", |part| part);
    for (name, params) in chains() {
        if !name.contains(wanted) {
            continue;
        }
        let mut ours = Sampler::new(params.clone());
        let mut theirs = oracle::chain(&params, model.vocab(), n_vocab, 1)?;
        ours.accept_all(&prompt);
        for &token in &prompt {
            theirs.accept(token)?;
        }
        compare(name, &rows, rounds, &mut ours, None, |row| {
            theirs.draw(row).map(|_| ())
        })?;
    }
    if !wanted.is_empty() {
        return Ok(());
    }
    // llama.cpp has no masks: its grammar sampler sets logits to minus infinity one by one.
    for (name, every) in [
        ("default, mask of 1 in 100", 100),
        ("default, mask of 9 in 10", 0),
    ] {
        let mut mask = TokenMask::new(n_vocab);
        let allowed = |id: &i32| {
            if every > 0 {
                id % every == 0
            } else {
                id % 10 != 0
            }
        };
        mask.extend((0..n_vocab as i32).filter(allowed).map(Token));
        let params = SamplingParams::default();
        let mut theirs = oracle::chain(&params, model.vocab(), n_vocab, 1)?;
        let mut ours = Sampler::new(params);
        let mut masked = Vec::new();
        compare(name, &rows, rounds, &mut ours, Some(&mask), |row| {
            masked.clear();
            masked.extend((0..).zip(row).map(|(id, &logit)| {
                if mask.allows(Token(id)) {
                    logit
                } else {
                    f32::NEG_INFINITY
                }
            }));
            theirs.draw(&masked).map(|_| ())
        })?;
    }
    threads(&rows, rounds);
    let start = Instant::now();
    dry_breakers(model.vocab(), &Dry::default().sequence_breakers)?;
    println!(
        "looking up DRY's breakers: {:.1} ms",
        start.elapsed().as_secs_f64() * 1e3
    );
    Ok(())
}

/// The chains that are measured; the first is the one that the bounds are about.
fn chains() -> Vec<(&'static str, SamplingParams)> {
    let default = || SamplingParams {
        seed: Some(1),
        ..SamplingParams::default()
    };
    let first = |name, change: fn(&mut SamplingParams)| {
        let mut params = default();
        change(&mut params);
        (name, params)
    };
    let alone = |name, change: fn(&mut SamplingParams)| {
        let mut params = default();
        (params.temperature, params.top_k) = (1.0, 0);
        (params.top_p, params.min_p) = (1.0, 0.0);
        change(&mut params);
        (name, params)
    };
    vec![
        first("temperature 0.6, top-k 20, top-p 0.95, min-p 0.01", |_| {}),
        first("greedy", |p| p.temperature = 0.0),
        first("the first, log-probabilities (llama.cpp: without)", |p| {
            p.logprobs = Some(5);
        }),
        first("the first with penalties", penalised),
        first("the first with DRY", |p| p.dry.multiplier = 0.8),
        first("the first without top-k", |p| p.top_k = 0),
        first("the first without top-k, with penalties", |p| {
            p.top_k = 0;
            penalised(p);
        }),
        alone("temperature 1 alone", |_| {}),
        alone("top-p 0.95 alone", |p| p.top_p = 0.95),
        alone("min-p 0.05 alone", |p| p.min_p = 0.05),
        alone("typical 0.9 alone", |p| p.typical_p = 0.9),
        alone("top-n-sigma 1 alone", |p| p.top_n_sigma = 1.0),
        alone("XTC alone", |p| p.xtc.probability = 1.0),
        alone("dynamic temperature alone", |p| {
            p.dynamic_temperature.range = 0.5;
        }),
        alone("Mirostat", |p| {
            p.mirostat = Some(mirostat(MirostatVersion::V1));
        }),
        alone("Mirostat 2", |p| {
            p.mirostat = Some(mirostat(MirostatVersion::V2));
        }),
    ]
}

fn penalised(params: &mut SamplingParams) {
    params.repetition_penalty = 1.1;
    params.presence_penalty = 0.1;
}

fn mirostat(version: MirostatVersion) -> Mirostat {
    Mirostat {
        version,
        target: 5.0,
        learning_rate: 0.1,
    }
}

fn compare<E: std::error::Error + 'static>(
    name: &str,
    rows: &[Vec<f32>],
    rounds: usize,
    ours: &mut Sampler,
    mask: Option<&TokenMask>,
    mut theirs: impl FnMut(&[f32]) -> Result<(), E>,
) -> Result<(), Error> {
    let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
    // llama.cpp's slow chains get fewer rounds, but never few.
    let limit = Instant::now();
    for round in 0..rounds {
        if round >= 30 && limit.elapsed().as_secs_f64() > 4.0 {
            break;
        }
        let start = Instant::now();
        for row in rows {
            ours.draw(row, mask)?;
        }
        let middle = Instant::now();
        for row in rows {
            theirs(row)?;
        }
        let each = 1e6 / rows.len() as f64;
        our_times.push((middle - start).as_secs_f64() * each);
        their_times.push(middle.elapsed().as_secs_f64() * each);
    }
    let [ours, theirs] = [our_times, their_times].map(percentiles);
    println!(
        "| {name} | {:.1} | {:.1}..{:.1} | {:.1} | {:.1}..{:.1} | {:.1} |",
        ours[1],
        ours[0],
        ours[2],
        theirs[1],
        theirs[0],
        theirs[2],
        theirs[1] / ours[1]
    );
    Ok(())
}

/// The 10th percentile, the median, the 90th.
fn percentiles(mut times: Vec<f64>) -> [f64; 3] {
    times.sort_by(f64::total_cmp);
    [10, 50, 90].map(|percent| times[(times.len() - 1) * percent / 100])
}

/// Four rows by one thread, and by two of which one is started for it.
fn threads(rows: &[Vec<f32>], rounds: usize) {
    let mut samplers: Vec<Sampler> = (0..4)
        .map(|_| Sampler::new(SamplingParams::default()))
        .collect();
    let draw = |samplers: &mut [Sampler], rows: &[Vec<f32>]| {
        for (sampler, row) in samplers.iter_mut().zip(rows) {
            let _ = sampler.draw(row, None);
        }
    };
    let (mut one, mut two) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let start = Instant::now();
        draw(&mut samplers, rows);
        let middle = Instant::now();
        let (left, right) = samplers.split_at_mut(2);
        std::thread::scope(|scope| {
            scope.spawn(|| draw(right, &rows[2..]));
            draw(left, rows);
        });
        one.push((middle - start).as_secs_f64() * 1e6);
        two.push(middle.elapsed().as_secs_f64() * 1e6);
    }
    let [one, two] = [one, two].map(percentiles);
    println!(
        "four rows: one thread {:.1} µs ({:.1}..{:.1}), two {:.1} µs ({:.1}..{:.1})",
        one[1], one[0], one[2], two[1], two[0], two[2]
    );
}
