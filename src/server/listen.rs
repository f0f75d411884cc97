//! [`serve`]: accepts connections, within limits, until the process is told to end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::{AppState, router};
use crate::models::ModelRegistry;

/// A client gets this long for its request head.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a request head; more is answered 431. hyper looks after each read, so up to twice that may pass.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Headers of a request; more is answered 431.
const MAX_HEADERS: usize = 128;

/// Serves on a bound socket until `shutdown` says so, then lets answers end for the drain time, stops
/// what is left, and returns.
pub async fn serve(
    listener: TcpListener,
    state: AppState,
    mut shutdown: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let app = router(state.clone());
    let places = Arc::new(Semaphore::new(state.config.max_connections));
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|&down| down) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others must finish first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        match places.clone().try_acquire_owned() {
            Ok(place) => {
                let connection = connection(stream, peer, app.clone(), &graceful);
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(_) => {
                tokio::spawn(refuse(stream));
            }
        }
    }
    drop(listener);
    state.drain();
    tracing::info!("shutting down: waiting for running answers");
    let drained = tokio::time::timeout(state.config.drain, wait_until_idle(&state.models)).await;
    if drained.is_err() {
        tracing::info!("stopping the answers that still run");
    }
    let models = state.models.clone();
    // Joins the decode thread, so not on the async threads.
    let _ = tokio::task::spawn_blocking(move || models.shut_down()).await;
    // The stopped streams still have their last frames to write.
    let _ = tokio::time::timeout(Duration::from_secs(2), graceful.shutdown()).await;
    Ok(())
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    app: Router,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + use<> {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, %peer, "no TCP_NODELAY");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let connection = graceful.watch(connection);
    async move {
        // A client that goes away in the middle of an answer ends here: dropping the connection drops
        // the answer, and that stops the run.
        if let Err(error) = connection.await {
            tracing::debug!(%error, %peer, "the connection ended early");
        }
    }
}

/// Tells a client that there are too many others.
async fn refuse(stream: TcpStream) {
    use tokio::io::AsyncWriteExt;
    let mut stream = stream;
    let answer = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(answer)).await;
}

async fn wait_until_idle(models: &ModelRegistry) {
    let busy = || models.current().is_some_and(|model| model.busy() > 0);
    while busy() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
