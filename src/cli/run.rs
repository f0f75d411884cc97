//! `rein run`: chat in the terminal.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use super::options::{ModelArgs, find_model, show_progress};
use super::sampling_args::SamplingArgs;
use crate::chat::ChatMessage;
use crate::generation::{self, ChatPrompt, Delta, GenerateRequest, Prompt, Summary};
use crate::models::{LoadedModel, ModelRegistry, model_directory};
use crate::stop::{StopCause, StopFlag};

/// `rein run model.gguf`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rein run model.gguf --system \"Answer briefly.\"\n\nIn the chat: Ctrl-C stops the answer, /clear forgets the conversation, Ctrl-D or /exit leaves."
)]
pub(super) struct RunArgs {
    /// The model: a .gguf file, or its name in rein's model directory
    model: String,
    /// Instructions for the model
    #[arg(long)]
    system: Option<String>,
    #[command(flatten)]
    load: ModelArgs,
    #[command(flatten, next_help_heading = "Sampling")]
    sampling: SamplingArgs,
}

pub(super) fn run(args: RunArgs) -> anyhow::Result<ExitCode> {
    let file = find_model(&args.model)?;
    let models = ModelRegistry::new();
    let options = args.load.load_options(1)?;
    let progress = show_progress(&models, &file.display_name);
    let (model, _) = models.load(file, options, false, &StopFlag::new())?;
    drop(progress);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut editor = DefaultEditor::new()?;
    let history = model_directory().with_file_name("history");
    // There is none the first time.
    let _ = editor.load_history(&history);
    println!(
        "{} - Ctrl-C stops an answer, Ctrl-D leaves",
        model.file.display_name
    );
    let system: Vec<ChatMessage> = args.system.map(ChatMessage::system).into_iter().collect();
    let mut messages = system.clone();
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => {
                println!("(Ctrl-D leaves)");
                continue;
            }
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        };
        match line.trim() {
            "" => continue,
            "/exit" | "/bye" | "/quit" => break,
            "/clear" => {
                messages.clone_from(&system);
                println!("(forgotten)");
                continue;
            }
            text => {
                editor.add_history_entry(text)?;
                messages.push(ChatMessage::user(text));
            }
        }
        let mut request = GenerateRequest::new(Prompt::Chat(ChatPrompt::new(messages.clone())));
        request.sampling = args.sampling.params();
        request.thoughts.inline = true;
        match runtime.block_on(answer(&model, request)) {
            Ok((text, note)) => {
                println!("{note}");
                messages.push(ChatMessage::assistant(text));
            }
            Err(error) => {
                println!("({error:#})");
                messages.pop();
            }
        }
    }
    if let Err(error) = editor.save_history(&history) {
        tracing::debug!(%error, "the history was not saved");
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints an answer while it comes; Ctrl-C stops it. What there is of it becomes part of the conversation.
async fn answer(
    model: &std::sync::Arc<LoadedModel>,
    request: GenerateRequest,
) -> anyhow::Result<(String, String)> {
    let flag = StopFlag::new();
    let mut generation = generation::start(model, &request, &flag, None)?;
    let mut whole = String::new();
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let delta = tokio::select! {
            delta = generation.next() => delta,
            _ = &mut interrupted, if !flag.is_set() => {
                flag.set(StopCause::User);
                continue;
            }
        };
        match delta {
            // Thoughts are part of the text.
            Some(Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_)) => {}
            Some(Delta::Text { text, .. }) => {
                print!("{text}");
                std::io::stdout().flush()?;
                whole.push_str(&text);
            }
            Some(Delta::Done(summary)) => return Ok((whole, note(&summary))),
            Some(Delta::Failed { message }) => anyhow::bail!(message),
            None => anyhow::bail!("the answer ended without a result"),
        }
    }
}

fn note(summary: &Summary) -> String {
    let seconds = summary.timings.decode.as_secs_f64();
    let tokens = summary.usage.completion_tokens;
    let speed = if seconds > 0.0 {
        f64::from(tokens.saturating_sub(1)) / seconds
    } else {
        0.0
    };
    format!(
        "\n({tokens} tokens, {speed:.1} a second, {})",
        summary.reason.as_openai()
    )
}
