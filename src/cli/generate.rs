//! `rein generate`: one answer, for scripts and tests.

use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::form::FormArgs;
use super::options::{ModelArgs, find_model, show_progress};
use super::sampling_args::SamplingArgs;
use crate::api::openai::{logprobs_json, timings_json, usage_json};
use crate::chat::ChatMessage;
use crate::generation::{
    self, ChatPrompt, Delta, FinishReason, GenerateRequest, Prompt, Summary, TokenLogprob,
};
use crate::llama::Token;
use crate::models::ModelRegistry;
use crate::stop::{StopCause, StopFlag};

/// Exit status after Ctrl-C, as shells have it.
const INTERRUPTED: u8 = 130;

/// `rein generate -m model.gguf -p "Hello"`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rein generate -m model.gguf -p \"Name three rivers.\" --temperature 0\n  rein generate -m model.gguf --raw -p \"Once upon a time\" -n 64 --json\n  rein generate -m model.gguf -p \"A cat, as JSON.\" --json-schema cat.schema.json\n  cat notes.txt | rein generate -m model.gguf --system \"Summarise.\""
)]
pub(super) struct GenerateArgs {
    /// The model: a .gguf file, or its name in rein's model directory
    #[arg(short, long, value_name = "FILE", env = "REIN_MODEL")]
    model: String,
    /// The prompt; without it, standard input is read
    #[arg(short, long)]
    prompt: Option<String>,
    /// Instructions for the model
    #[arg(long)]
    system: Option<String>,
    /// Continue the prompt as it is, without the chat template
    #[arg(long, conflicts_with = "system")]
    raw: bool,
    /// The most tokens to generate; without it, what is left of the context
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// A string that ends the answer; may be given several times
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// Go on until another limit ends the answer, as if the model never wanted to end it
    #[arg(long)]
    ignore_eos: bool,
    /// Give the same text for the same --seed whatever else this build computes: slower
    #[arg(long)]
    deterministic: bool,
    /// Print one JSON object: text, tokens, finish reason, usage and timings
    #[arg(long)]
    json: bool,
    /// Tell in it how likely each token was, and the N most likely in its place
    #[arg(long, value_name = "N", requires = "json", value_parser = clap::value_parser!(u8).range(0..=20))]
    logprobs: Option<u8>,
    #[command(flatten)]
    form: FormArgs,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten, next_help_heading = "Sampling")]
    sampling: SamplingArgs,
}

pub(super) fn generate(args: &GenerateArgs) -> anyhow::Result<ExitCode> {
    let file = find_model(&args.model)?;
    let request = request(args)?;
    let options = args.load.load_options(1)?;
    let flag = StopFlag::new();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let interrupt = flag.clone();
    runtime.spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.set(StopCause::User);
        }
    });
    let models = ModelRegistry::new();
    let progress = show_progress(&models, &file.display_name);
    // The load has a flag of its own for its own life, and Ctrl-C reaches both.
    let load_flag = StopFlag::new();
    let (theirs, ours) = (flag.clone(), load_flag.clone());
    runtime.spawn(async move {
        theirs.stopped().await;
        ours.set(StopCause::User);
    });
    let (model, _) = models.load(file, options, false, &load_flag)?;
    drop(progress);

    let mut generation = generation::start(&model, &request, &flag, None)?;
    let (mut whole, mut ids, mut logprobs) = (String::new(), Vec::new(), Vec::new());
    while let Some(delta) = generation.next_blocking() {
        match delta {
            // Thoughts are part of the text.
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
            Delta::Text {
                text,
                tokens,
                logprobs: theirs,
            } => {
                if !args.json {
                    print!("{text}");
                    std::io::stdout().flush()?;
                }
                whole.push_str(&text);
                ids.extend(tokens);
                logprobs.extend(theirs);
            }
            Delta::Done(summary) => return finish(args, &whole, &ids, &logprobs, &summary),
            Delta::Failed { message } => anyhow::bail!(message),
        }
    }
    anyhow::bail!("the answer ended without a result")
}

fn request(args: &GenerateArgs) -> anyhow::Result<GenerateRequest> {
    let prompt = if let Some(prompt) = &args.prompt {
        prompt.clone()
    } else {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("the prompt cannot be read from standard input")?;
        text
    };
    let prompt = if args.raw {
        Prompt::Text(prompt)
    } else {
        let system = args.system.clone().map(ChatMessage::system);
        let messages = system
            .into_iter()
            .chain([ChatMessage::user(prompt)])
            .collect();
        Prompt::Chat(ChatPrompt::new(messages))
    };
    let mut request = GenerateRequest::new(prompt);
    request.max_tokens = args.max_tokens;
    request.thoughts.inline = true;
    request.stop.clone_from(&args.stop);
    request.deterministic = args.deterministic;
    if args.ignore_eos {
        request.min_tokens = usize::MAX;
    }
    request.sampling = args.sampling.params();
    request.sampling.logprobs = args.logprobs;
    request.constraint = args.form.constraint()?;
    Ok(request)
}

fn finish(
    args: &GenerateArgs,
    text: &str,
    tokens: &[Token],
    logprobs: &[TokenLogprob],
    summary: &Summary,
) -> anyhow::Result<ExitCode> {
    if args.json {
        let ids: Vec<i32> = tokens.iter().map(|token| token.0).collect();
        let mut object = json!({
            "text": text,
            "tokens": ids,
            "finish_reason": summary.reason.as_openai(),
            "usage": usage_json(&summary.usage),
            "timings": timings_json(summary),
        });
        if args.logprobs.is_some() {
            object["logprobs"] = logprobs_json(logprobs);
        }
        println!("{}", serde_json::to_string_pretty(&object)?);
    } else {
        println!();
    }
    Ok(match summary.reason {
        FinishReason::Stopped(_) => ExitCode::from(INTERRUPTED),
        _ => ExitCode::SUCCESS,
    })
}
