//! `rein serve`.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::options::{ModelArgs, find_model, show_progress};
use crate::models::ModelRegistry;
use crate::server::{AppState, ServerConfig, serve as serve_http};
use crate::stop::{StopCause, StopFlag};

/// `rein serve -m model.gguf`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  rein serve -m model.gguf -c 16384 -np 4\n  curl http://127.0.0.1:8888/v1/chat/completions -H 'content-type: application/json' \\\n    -d '{\"messages\":[{\"role\":\"user\",\"content\":\"Hello!\"}],\"stream\":true}'"
)]
pub(super) struct ServeArgs {
    /// The model to load at once: a .gguf file, or its name in rein's model directory. Without one the
    /// server waits for POST /api/inference/load
    #[arg(short, long, value_name = "FILE", env = "REIN_MODEL")]
    model: Option<String>,
    #[command(flatten)]
    load: ModelArgs,
    /// Runs that compute at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=256), env = "REIN_PARALLEL")]
    parallel: u32,
    /// Runs that may wait for a place; more are answered 429
    #[arg(long, value_name = "N", default_value_t = 64, env = "REIN_MAX_QUEUE")]
    max_queue: usize,
    /// How long others may compute between two tokens of a stream [default: 100, on GPUs 35]
    #[arg(long, value_name = "MS", value_parser = clap::value_parser!(u32).range(1..), env = "REIN_MAX_STEP_MS")]
    max_step_ms: Option<u32>,
    /// The most prompt tokens that are computed at once [default: 512, on GPUs 2048]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(32..=4096), env = "REIN_UBATCH_SIZE")]
    ubatch_size: Option<u32>,
    /// Wall clock of every generation; 0 means none
    #[arg(
        long,
        value_name = "S",
        default_value_t = 600,
        env = "REIN_MAX_GENERATION_SECONDS"
    )]
    max_generation_seconds: u64,
    /// Where thoughts go unless a request says otherwise: into a field of their own (`reasoning_content`), or into
    /// the content, between `<think>` and `</think>`
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "auto",
        env = "REIN_REASONING_FORMAT"
    )]
    reasoning_format: ReasoningPlace,
    /// Address to listen on; one that others can reach needs --api-key
    #[arg(long, default_value = "127.0.0.1", env = "REIN_HOST")]
    host: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8888, env = "REIN_PORT")]
    port: u16,
    /// A key that requests must carry; may be given several times
    #[arg(
        long = "api-key",
        value_name = "KEY",
        env = "REIN_API_KEY",
        hide_env_values = true
    )]
    api_keys: Vec<String>,
    /// A web origin whose pages may call this server; may be given several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// Accepted for llama-server's users; /metrics is always there
    #[arg(long)]
    metrics: bool,
    /// Accepted for llama-server's users; /slots is always there
    #[arg(long)]
    slots: bool,
}

/// Where thoughts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReasoningPlace {
    /// A field of their own
    Auto,
    /// The content
    #[value(alias = "none")]
    Inline,
}

pub(super) fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    if !args.host.is_loopback() && args.api_keys.is_empty() {
        bail!(
            "{} can be reached by others: give --api-key, or listen on 127.0.0.1",
            args.host
        );
    }
    let mut load = args.load.load_options(args.parallel)?;
    load.max_queue = args.max_queue;
    load.max_step_ms = args.max_step_ms;
    load.max_chunk = args.ubatch_size;
    let config = ServerConfig {
        host: args.host,
        port: args.port,
        api_keys: args.api_keys,
        allowed_origins: args.allowed_origins,
        max_generation: (args.max_generation_seconds > 0)
            .then(|| Duration::from_secs(args.max_generation_seconds)),
        inline_thoughts: args.reasoning_format == ReasoningPlace::Inline,
        load,
        ..ServerConfig::default()
    };
    // What computes is said at once, not when the first model is loaded.
    crate::llama::Backend::init()?;
    // The compute threads belong to the engine; HTTP needs little.
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("the async runtime could not start")?
        .block_on(run(config, args.model))
}

async fn run(config: ServerConfig, model: Option<String>) -> anyhow::Result<ExitCode> {
    let address = SocketAddr::new(config.host, config.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server using the port?")
    })?;
    let address = listener.local_addr().context("the socket has no address")?;
    let models = ModelRegistry::new();
    let state = AppState::new(config.clone(), models.clone(), install_metrics()?);
    let (down, shutdown) = watch::channel(false);
    let load_flag = StopFlag::new();
    tokio::spawn(watch_signals(down.clone(), load_flag.clone()));

    let server = tokio::spawn(serve_http(listener, state, shutdown.clone()));
    if let Some(name) = model
        && let Err(error) = load(&models, &config, &name, &load_flag).await
    {
        if *shutdown.borrow() {
            return Ok(ExitCode::SUCCESS);
        }
        return Err(error);
    }
    announce(address, &models);
    server.await.context("the server failed")??;
    Ok(ExitCode::SUCCESS)
}

async fn load(
    models: &ModelRegistry,
    config: &ServerConfig,
    name: &str,
    flag: &StopFlag,
) -> anyhow::Result<()> {
    let file = find_model(name)?;
    let progress = show_progress(models, &file.display_name);
    let (models, options, flag) = (models.clone(), config.load.clone(), flag.clone());
    let loaded =
        tokio::task::spawn_blocking(move || models.load(file, options, false, &flag)).await;
    drop(progress);
    loaded.context("the load failed")??;
    Ok(())
}

/// Tells on standard output where the server is. Who started it need not read that: a closed output is no error.
fn announce(address: SocketAddr, models: &ModelRegistry) {
    let url = format!("http://{address}");
    let model = models.current().map_or_else(
        || format!("No model is loaded yet: POST one to {url}/api/inference/load"),
        |model| {
            format!(
                "{} is ready: {} runs at a time, {} tokens of context each",
                model.file.display_name,
                model.engine.params().parallel,
                model.context_length()
            )
        },
    );
    let text = format!(
        "{model}\nListening on {url}   (Ctrl-C ends the server)\n\nTry it:\n  curl -N {url}/v1/chat/completions -H 'content-type: application/json' \\\n    -d '{{\"messages\":[{{\"role\":\"user\",\"content\":\"Why is the sky blue?\"}}],\"stream\":true}}'\n"
    );
    let mut output = std::io::stdout().lock();
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}

/// The first signal drains, the second one ends the process at once.
async fn watch_signals(down: watch::Sender<bool>, load: StopFlag) {
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        tracing::error!("signals cannot be watched; end the server with SIGKILL");
        return;
    };
    for first in [true, false] {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if first {
            load.set(StopCause::Shutdown);
            // Nobody listens any more where the server has already ended.
            let _ = down.send(true);
        }
    }
    std::process::exit(0);
}

/// Bucket bounds in seconds, from a millisecond's stop to a minute's prompt.
const SECONDS: [f64; 18] = [
    0.001, 0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0, 60.0,
];

fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)
        .context("the buckets of the metrics are wrong")?
        .install_recorder()
        .context("the metrics could not be set up")
}
