//! Stopping a load beside three running generations, in one process: from the flag to the return of the
//! load, after which nothing of it computes any more.
//!
//! Usage: `stop_load RUNNING.gguf LOADED.gguf [TRIES]`
//!
//! The server has one model at a time and refuses such a load; as a library, rein can have several.

use std::time::{Duration, Instant};

use rein::{Delta, GenerateRequest, LoadOptions, LocalModel, SamplingParams, StopCause, StopFlag};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [running, loaded, rest @ ..] = &args[..] else {
        return Err("usage: stop_load RUNNING.gguf LOADED.gguf [TRIES]".into());
    };
    let tries: u32 = rest.first().map_or(Ok(50), |tries| tries.parse())?;
    let model = LocalModel::load(
        running,
        LoadOptions {
            context: 8192,
            ..LoadOptions::default()
        },
    )?;
    let others: Vec<_> = (0..3)
        .map(|i| endless(&model, i))
        .collect::<Result<_, _>>()?;
    let flags: Vec<StopFlag> = others.iter().map(|run| run.stop_flag().clone()).collect();
    let readers: Vec<_> = others
        .into_iter()
        .map(|run| {
            std::thread::spawn(move || {
                run.filter(|delta| matches!(delta, Delta::Text { .. }))
                    .count()
            })
        })
        .collect();

    let whole = timed_load(loaded, Duration::MAX).0;
    let mut latencies: Vec<Duration> = Vec::new();
    let mut delay = Duration::ZERO;
    while latencies.len() < tries as usize {
        if flags.iter().any(StopFlag::is_released) {
            return Err("a running generation ended before the last try".into());
        }
        // Spread over the whole load.
        delay = (delay + whole.mul_f64(0.37)).min(whole * 4);
        while delay > whole {
            delay -= whole;
        }
        if let (_, Some(latency)) = timed_load(loaded, delay) {
            latencies.push(latency);
        }
    }
    latencies.sort();
    let at = |share: f64| {
        latencies[((latencies.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1000.0
    };
    println!(
        "load of {:.0} ms, {} tries: p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        whole.as_secs_f64() * 1000.0,
        latencies.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    for flag in &flags {
        flag.set(StopCause::User);
    }
    for reader in readers {
        reader.join().map_err(|_| "a reader failed")?;
    }
    Ok(())
}

/// Loads, stops after `delay`, and tells how long the load took and how long it went on after the stop;
/// `None` where it was over before.
fn timed_load(path: &str, delay: Duration) -> (Duration, Option<Duration>) {
    let flag = StopFlag::new();
    let (theirs, path) = (flag.clone(), path.to_owned());
    let begun = Instant::now();
    let load = std::thread::spawn(move || {
        let options = LoadOptions {
            context: 2048,
            ..LoadOptions::default()
        };
        let stopped = LocalModel::load_stoppable(&path, options, &theirs).is_err();
        (stopped, Instant::now())
    });
    if delay < Duration::MAX {
        std::thread::sleep(delay);
        flag.set(StopCause::User);
    }
    let (stopped, ended) = load.join().unwrap_or((false, begun));
    let latency = flag
        .set_at()
        .map(|set| ended.saturating_duration_since(set));
    (ended - begun, latency.filter(|_| stopped))
}

fn endless(model: &LocalModel, number: usize) -> Result<rein::Generation, rein::GenerateError> {
    let vocab = model.loaded().engine.model().vocab();
    let mut request =
        GenerateRequest::user(format!("Write chapter {number} of a very long story."));
    request.sampling = SamplingParams {
        logit_bias: vocab
            .ends()
            .map(|token| (token, f32::NEG_INFINITY))
            .collect(),
        ..SamplingParams::greedy()
    };
    model.generate(request)
}
