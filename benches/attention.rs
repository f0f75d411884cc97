//! What a decode costs by its number of rows and its depth, for each kind of attention and KV type: the
//! figures by which the planner's chunk sizes and the engine's defaults were chosen.
//!
//! Usage: `attention MODEL.gguf THREADS [ROUNDS]`
//!
//! Prints a Markdown table of medians in milliseconds; the kinds are interleaved within each round.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use rein::llama::{
    Backend, Batch, Context, ContextParams, FlashAttention, KvType, LlamaError, Model, ModelParams,
    SeqId, Token,
};

const DEPTHS: [usize; 2] = [0, 1000];
/// Sequences and rows of each: decode steps, and prompt chunks of one sequence.
const SHAPES: [(u32, usize); 9] = [
    (1, 1),
    (4, 1),
    (1, 8),
    (1, 16),
    (1, 24),
    (1, 32),
    (1, 48),
    (1, 64),
    (1, 256),
];
const KINDS: [(&str, FlashAttention, KvType); 5] = [
    ("flash f16", FlashAttention::On, KvType::F16),
    ("flash q8_0", FlashAttention::On, KvType::Q8_0),
    ("plain f16", FlashAttention::Off, KvType::F16),
    ("plain bf16", FlashAttention::Off, KvType::Bf16),
    ("plain f32", FlashAttention::Off, KvType::F32),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, threads, rest @ ..] = &args[..] else {
        return Err("usage: attention MODEL.gguf THREADS [ROUNDS]".into());
    };
    let rounds: usize = rest.first().map_or(Ok(3), |rounds| rounds.parse())?;
    let model = Model::load(
        Backend::init()?,
        Path::new(path),
        &ModelParams::default(),
        &mut |_| {},
        &|| false,
    )?;
    let mut contexts = Vec::new();
    for (_, flash_attention, kv_type) in KINDS {
        let params = ContextParams {
            n_ctx: 4 * 4096,
            n_seq_max: 4,
            n_threads: threads.parse()?,
            kv_type,
            flash_attention,
            ..ContextParams::default()
        };
        contexts.push(Context::new(&model, &params, &|| false)?);
    }
    println!(
        "| depth | sequences x rows | {} |",
        KINDS.map(|kind| kind.0).join(" | ")
    );
    println!("|---|---|{}", "---|".repeat(KINDS.len()));
    for depth in DEPTHS {
        for context in &mut contexts {
            for seq in 0..4 {
                fill(context, SeqId(seq), depth)?;
            }
        }
        for shape in SHAPES {
            let mut times = vec![Vec::new(); KINDS.len()];
            for _ in 0..rounds {
                for (context, times) in contexts.iter_mut().zip(&mut times) {
                    times.push(measure(context, depth, shape)?);
                }
            }
            let medians: Vec<String> = times.iter_mut().map(|times| median(times)).collect();
            println!(
                "| {depth} | {} x {} | {} |",
                shape.0,
                shape.1,
                medians.join(" | ")
            );
        }
    }
    Ok(())
}

/// Makes a sequence hold `depth` tokens.
fn fill(context: &mut Context, seq: SeqId, depth: usize) -> Result<(), LlamaError> {
    let held = context.bounds(seq)?.map_or(0, |bounds| bounds.end as usize);
    let mut batch = Batch::new();
    for begin in (held..depth).step_by(500) {
        batch.clear();
        push(&mut batch, seq, begin..(begin + 500).min(depth));
        context.decode(&mut batch, &|| false)?;
    }
    context.rest();
    Ok(())
}

/// Milliseconds of a decode of that shape after `depth` tokens; the sequences are left as they were.
fn measure(
    context: &mut Context,
    depth: usize,
    (seqs, rows): (u32, usize),
) -> Result<f64, LlamaError> {
    let mut batch = Batch::new();
    for seq in 0..seqs {
        push(&mut batch, SeqId(seq), depth..depth + rows);
    }
    let begun = Instant::now();
    context.decode(&mut batch, &|| false)?;
    let took = begun.elapsed().as_secs_f64() * 1000.0;
    // The threads of one context must not poll while another is measured.
    context.rest();
    for seq in 0..seqs {
        context.truncate(SeqId(seq), depth as u32)?;
    }
    Ok(took)
}

fn push(batch: &mut Batch, seq: SeqId, positions: Range<usize>) {
    let last = positions.end - 1;
    for position in positions {
        let token = Token(1000 + (position * 7919 % 30_000) as i32);
        batch.push(token, position, seq, position == last);
    }
}

fn median(times: &mut [f64]) -> String {
    times.sort_by(f64::total_cmp);
    format!("{:.1}", times[times.len() / 2])
}
