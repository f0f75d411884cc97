//! How long the kernels of the sampler take on a GPU, beside the sampler on the CPU on the same rows.
//!
//! Usage: `gpu_sampling [ROWS [LOGITS [ROUNDS]]]`, 32 rows of 150,000 logits and 1000 rounds by default
//!
//! Prints a table: medians in microseconds of all rows together. `kernels` is the three launches between two events
//! of the stream; `step` is what a decode step waits for: upload, kernels, download. The last column is one
//! thread of the CPU, for all rows. Every token is compared with the CPU's. Without a GPU it says so.
//!
//! The last line judges the `step` of the first row by the bound, whatever the number of rows; where that is missed the
//! exit code is 1.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use cudarc::driver::{CudaContext, CudaStream, DevicePtr, sys};
use rein::llama::Token;
use rein::sampling::cuda::{GpuSampler, Logits, NumberFormat, Upload};
use rein::sampling::{Sampler, SamplingParams, TokenMask};

/// What the first chain may take for 32 rows of 150,000 logits, in microseconds.
const BOUND: f64 = 150.0;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |default: usize| {
        let arg = args.next();
        arg.map_or(Ok(default), |arg| arg.parse::<usize>())
    };
    let (n_rows, n_logits, rounds) = (number(32)?, number(150_000)?, number(1000)?);
    // SAFETY: loads the driver's library, as its first use would.
    #[expect(unsafe_code, reason = "asks whether there is a driver")]
    if !unsafe { sys::is_culib_present() } || CudaContext::device_count()? == 0 {
        println!("skipped: there is no GPU");
        return Ok(ExitCode::SUCCESS);
    }
    let context = CudaContext::new(0)?;
    println!(
        "{}: {n_rows} rows of {n_logits} logits, {rounds} rounds",
        context.name()?
    );
    println!("| chain | kernels, µs | step, µs | 90th | CPU, one thread, µs |");
    println!("| --- | --- | --- | --- | --- |");
    let mut bench = Bench::new(context.default_stream(), n_rows, n_logits, rounds)?;
    let mut steps = Vec::new();
    for (name, params, is_masked) in chains() {
        steps.push(bench.run(name, &params, is_masked)?);
    }
    Ok(judge(steps[0]))
}

/// Says whether the bound is kept. `benches/gpu_report.py` reads that line.
fn judge(step: f64) -> ExitCode {
    let is_kept = step <= BOUND;
    let word = if is_kept { "kept" } else { "missed" };
    println!("\nbound: {step:.1} of {BOUND} µs, {word}");
    if is_kept {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The chains that are measured; the first is the one that the bound (150 µs) is about.
fn chains() -> Vec<(&'static str, SamplingParams, bool)> {
    let with = |change: fn(&mut SamplingParams)| {
        let mut params = SamplingParams::default();
        change(&mut params);
        params
    };
    let penalised = with(|p| {
        (p.repetition_penalty, p.presence_penalty) = (1.1, 0.2);
    });
    let alone = |change: fn(&mut SamplingParams)| {
        let mut params = with(|p| (p.temperature, p.top_k, p.top_p, p.min_p) = (1.0, 0, 1.0, 0.0));
        change(&mut params);
        params
    };
    vec![
        (
            "temperature 0.6, top-k 20, top-p 0.95, min-p 0.01",
            with(|_| {}),
            false,
        ),
        ("greedy", with(|p| p.temperature = 0.0), false),
        ("the first with top-k 100", with(|p| p.top_k = 100), false),
        (
            "the first, 5 log-probabilities",
            with(|p| p.logprobs = Some(5)),
            false,
        ),
        ("the first with penalties", penalised, false),
        ("the first, mask of 1 in 100", with(|_| {}), true),
        ("the first without top-k", with(|p| p.top_k = 0), false),
        ("temperature 1 alone", alone(|_| {}), false),
        ("min-p 0.05 alone", alone(|p| p.min_p = 0.05), false),
    ]
}

struct Bench {
    stream: Arc<CudaStream>,
    gpu: GpuSampler,
    rows: Vec<Vec<f32>>,
    /// On the GPU, one after the other.
    logits: cudarc::driver::CudaSlice<f32>,
    rounds: usize,
}

impl Bench {
    fn new(
        stream: Arc<CudaStream>,
        n_rows: usize,
        n_logits: usize,
        rounds: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let rows: Vec<Vec<f32>> = (0..n_rows as u64).map(|seed| row(seed, n_logits)).collect();
        let logits = stream.clone_htod(&rows.concat())?;
        let gpu = GpuSampler::new(stream.clone())?;
        Ok(Self {
            stream,
            gpu,
            rows,
            logits,
            rounds,
        })
    }

    /// Prints the row of a chain and returns the median of its `step`, in microseconds.
    fn run(
        &mut self,
        name: &str,
        params: &SamplingParams,
        is_masked: bool,
    ) -> Result<f64, Box<dyn Error>> {
        let n_logits = self.rows[0].len();
        let mut mask = TokenMask::new(n_logits);
        mask.extend((0..n_logits as i32).step_by(100).map(Token));
        let mask = is_masked.then_some(&mask);
        let prompt: Vec<Token> = (0..64).map(|i| Token(i * 97 % n_logits as i32)).collect();
        let samplers = (0..self.rows.len() as u64).map(|seed| {
            let mut sampler = Sampler::new(SamplingParams {
                seed: Some(seed),
                ..params.clone()
            });
            sampler.accept_all(&prompt);
            sampler
        });
        let mut asking: Vec<Sampler> = samplers.collect();
        let mut drawing = asking.clone();
        let address = self.logits.device_ptr(&self.stream).0;
        let mut upload = Upload::default();
        let (mut kernels, mut steps, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..self.rounds {
            upload.clear();
            for (number, sampler) in asking.iter_mut().enumerate() {
                let logits = Logits {
                    address: address + (number * n_logits * size_of::<f32>()) as u64,
                    len: n_logits,
                };
                upload.push(logits, &sampler.request(mask));
            }
            let start = Instant::now();
            self.gpu.prepare(&mut upload)?;
            let flags = Some(sys::CUevent_flags::CU_EVENT_DEFAULT);
            let before = self.stream.record_event(flags)?;
            // SAFETY: the rows are on the GPU, computed, and as long as they say.
            #[expect(unsafe_code, reason = "launches kernels")]
            unsafe {
                self.gpu.launch(&upload, NumberFormat::F32)?;
            }
            let after = self.stream.record_event(flags)?;
            let results = self.gpu.read(&upload)?;
            steps.push(start.elapsed().as_secs_f64() * 1e6);
            kernels.push(f64::from(before.elapsed_ms(&after)?) * 1e3);
            // The CPU needs much longer: a few rounds tell enough.
            if round < 20 {
                let start = Instant::now();
                let drawn = drawing.iter_mut().zip(&self.rows);
                let expected: Result<Vec<_>, _> = drawn
                    .map(|(sampler, row)| sampler.draw(row, mask))
                    .collect();
                cpu.push(start.elapsed().as_secs_f64() * 1e6);
                for (found, expected) in results.iter().zip(expected?) {
                    if found.drawn(params)?.token != expected.token {
                        return Err(
                            format!("{name}: the GPU drew another token than the CPU").into()
                        );
                    }
                }
            }
        }
        let step = quantile(&mut steps, 0.5);
        println!(
            "| {name} | {:.1} | {step:.1} | {:.1} | {:.0} |",
            quantile(&mut kernels, 0.5),
            quantile(&mut steps, 0.9),
            quantile(&mut cpu, 0.5)
        );
        Ok(step)
    }
}

/// Logits about as a model's are: most of them about normal, a few stand out.
fn row(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut unit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut normal = || (0..4).map(|_| unit() - 0.5).sum::<f32>() * 1.73;
    let mut row: Vec<f32> = (0..n).map(|_| normal() * 2.5 - 4.0).collect();
    for rank in 0..40.min(n) {
        let at = (rank * 7919 + seed as usize * 131) % n;
        row[at] = 14.0 - (1.0 + rank as f32).ln() * 2.0 + normal();
    }
    row
}

fn quantile(times: &mut [f64], at: f64) -> f64 {
    times.sort_unstable_by(f64::total_cmp);
    let index = (times.len().saturating_sub(1) as f64 * at).round() as usize;
    times.get(index).copied().unwrap_or(f64::NAN)
}
