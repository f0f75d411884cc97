//! What a form costs a decode: runs under a constraint beside runs without one, of the same number of tokens, through
//! the engine, in turns.
//!
//! Usage: `structured MODEL.gguf [N_TOKENS] [ROUNDS] [THREADS] [PARALLEL]`
//!
//! Prints milliseconds a token, and how many times as fast as without a form each round was: median, lowest and
//! highest. `PARALLEL` runs decode at the same time.

use rein::constraint::Constraint;
use rein::{
    Delta, FinishReason, GenerateRequest, LoadOptions, LocalModel, Prompt, SamplingParams, Summary,
};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, default: u32| args.get(at).map_or(Ok(default), |arg| arg.parse());
    let path = args
        .first()
        .ok_or("usage: structured MODEL.gguf [N_TOKENS] [ROUNDS] [THREADS] [PARALLEL]")?;
    let (n_tokens, rounds) = (number(1, 200)?, number(2, 7)?);
    let (threads, parallel) = (number(3, 2)?, number(4, 1)?);
    let options = LoadOptions {
        context: 2048,
        parallel,
        threads,
        ..LoadOptions::default()
    };
    let model = LocalModel::load(path, options)?;
    let forms = forms();
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); forms.len()];
    // The first round reads everything once.
    for round in 0..=u64::from(rounds) {
        for (form, times) in forms.iter().zip(&mut times) {
            let time = measure(&model, form.1.as_ref(), n_tokens, parallel, round)?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    println!("{:<12} {:>9} {:>7}", "form", "ms/token", "speed");
    let free = times[0].clone();
    for ((name, _), times) in forms.iter().zip(&times) {
        let mut ratios: Vec<f64> = free
            .iter()
            .zip(times)
            .map(|(free, time)| free / time)
            .collect();
        println!(
            "{name:<12} {:>9.3} {:>7.3} ({:.3} to {:.3})",
            median(&mut times.clone()),
            median(&mut ratios),
            ratios.first().copied().unwrap_or_default(),
            ratios.last().copied().unwrap_or_default(),
        );
    }
    Ok(())
}

/// None first; the others go on for longer than any run does.
fn forms() -> Vec<(&'static str, Option<Constraint>)> {
    let many = |items: Value| {
        let schema = json!({"type": "array", "items": items, "minItems": 500});
        Some(Constraint::JsonSchema(schema))
    };
    let person = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 60},
            "age": {"type": "integer", "minimum": 0, "maximum": 150},
            "email": {"type": "string", "format": "email"},
            "born": {"type": "string", "format": "date"},
            "role": {"enum": ["admin", "user", "guest"]},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 10},
        },
        "required": ["name", "age", "email", "born", "role", "tags"],
        "additionalProperties": false,
    });
    let gbnf = "root ::= sum\nsum ::= (atom [-+*/] ){500} atom\natom ::= [0-9]+ | \"(\" sum \")\"";
    vec![
        ("none", None),
        ("person", many(person)),
        (
            "any object",
            many(json!({"type": "object", "minProperties": 1})),
        ),
        (
            "words",
            Some(Constraint::Regex("([A-Za-z]{1,12}[ ,.]){500}".to_owned())),
        ),
        ("sums (GBNF)", Some(Constraint::Gbnf(gbnf.to_owned()))),
    ]
}

/// Milliseconds a token, on average over the runs.
fn measure(
    model: &LocalModel,
    form: Option<&Constraint>,
    n_tokens: u32,
    parallel: u32,
    round: u64,
) -> Result<f64, Failure> {
    let vocab = model.loaded().engine.model().vocab();
    let bans: Vec<_> = vocab
        .ends()
        .map(|token| (token, f32::NEG_INFINITY))
        .collect();
    let runs = (0..parallel).map(|run| {
        let text =
            format!("List number {run} of the people in the office and what they do, as JSON:\n");
        model.generate(GenerateRequest {
            sampling: SamplingParams {
                seed: Some(round * 100 + u64::from(run)),
                logit_bias: bans.clone(),
                ..SamplingParams::default()
            },
            max_tokens: Some(n_tokens),
            constraint: form.cloned(),
            ..GenerateRequest::new(Prompt::Text(text))
        })
    });
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let mut total = 0.0;
    for run in runs {
        let summary = last(run)?;
        if summary.reason != FinishReason::Length {
            return Err(format!("a run ended early: {summary:?}").into());
        }
        total += summary.timings.decode.as_secs_f64();
    }
    Ok(total * 1000.0 / f64::from(parallel * (n_tokens - 1)))
}

fn last(run: rein::Generation) -> Result<Summary, Failure> {
    for delta in run {
        match delta {
            Delta::Progress(_)
            | Delta::Text { .. }
            | Delta::Reasoning { .. }
            | Delta::ToolCall(_) => {}
            Delta::Done(summary) => return Ok(summary),
            Delta::Failed { message } => return Err(message.into()),
        }
    }
    Err("a run ended without a result".into())
}

/// Sorts, and takes the middle.
fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
