//! Loads a model, streams an answer, and stops it after 20 pieces.
//!
//! ```sh
//! cargo run --release --example generate -- path/to/model.gguf "Tell me a long story."
//! ```

use std::io::Write;

use rein::{Delta, GenerateRequest, LoadOptions, LocalModel, StopCause};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: generate MODEL.gguf [PROMPT]")?;
    let prompt = args
        .next()
        .unwrap_or_else(|| "Tell me a long story.".into());

    let model = LocalModel::load(path, LoadOptions::default())?;
    let answer = model.generate(GenerateRequest::user(prompt))?;
    let stop = answer.stop_flag().clone();
    for (count, delta) in answer.enumerate() {
        match delta {
            Delta::Progress(_) | Delta::Reasoning { .. } | Delta::ToolCall(_) => {}
            Delta::Text { text, .. } => {
                print!("{text}");
                std::io::stdout().flush()?;
            }
            Delta::Done(summary) => println!("\n[{:?}, {:?}]", summary.reason, summary.usage),
            Delta::Failed { message } => return Err(message.into()),
        }
        if count == 20 {
            stop.set(StopCause::User);
        }
    }
    Ok(())
}
