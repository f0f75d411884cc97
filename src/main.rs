//! The `rein` command.

fn main() -> std::process::ExitCode {
    rein::cli::main()
}
