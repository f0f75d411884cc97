//! The `rein` command: one file a command.

mod form;
mod generate;
mod gpu_args;
mod options;
mod run;
mod sampling_args;
mod serve;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Exit status of a failed command.
const FAILED: u8 = 1;

#[derive(Debug, Parser)]
#[command(
    name = "rein",
    version,
    about = "Runs GGUF language models, and stops when you say stop",
    after_help = "Examples:\n  rein serve -m model.gguf\n  rein run model.gguf\n  rein generate -m model.gguf -p \"Why is the sky blue?\" --json"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a model over HTTP
    Serve(serve::ServeArgs),
    /// Chat in the terminal; Ctrl-C stops the answer, not the program
    Run(run::RunArgs),
    /// Answer once, as text or as JSON: for scripts and tests
    Generate(generate::GenerateArgs),
}

/// Runs the command line of this process. The exit status is 0 on success, 1 on failure, 2 for wrong
/// arguments, and 130 where Ctrl-C ended it.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(expand_long_shorts(std::env::args_os()));
    tracing_subscriber::fmt()
        .with_env_filter(
            EnvFilter::try_from_env("REIN_LOG")
                .unwrap_or_else(|_| EnvFilter::new("warn,rein=info")),
        )
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let result = match cli.command {
        Command::Serve(args) => serve::serve(args),
        Command::Run(args) => run::run(args),
        Command::Generate(args) => generate::generate(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rein: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

/// llama-server's two-letter short flags, which clap does not know the like of.
fn expand_long_shorts(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    args.map(|arg| match arg.to_str() {
        Some("-np") => "--parallel".into(),
        Some("-ngl") => "--n-gpu-layers".into(),
        Some("-sm") => "--split-mode".into(),
        Some("-ts") => "--tensor-split".into(),
        Some("-mg") => "--main-gpu".into(),
        Some("-ub") => "--ubatch-size".into(),
        _ => arg,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn llama_servers_flags_are_understood() {
        let line = "rein serve -m x.gguf -c 4096 -np 2 -t 3 -ngl 0 -sm layer -ts 3,1 -mg 0 -ub 256 --host 127.0.0.1 --port 1 --api-key k --metrics --slots";
        let args = expand_long_shorts(line.split(' ').map(OsString::from));
        Cli::try_parse_from(args).unwrap();
    }
}
