//! [`Answer`]: a generation on its way to a client, as a stream of events or as a whole.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, stream};

use crate::api::{ApiError, sse};
use crate::generation::{Choice, Choices, Delta};
use crate::stop::RunGuard;

/// A generation and its entry in the stop registry. Whatever drops it (the last byte, a closed connection,
/// a panic) ends both.
pub(super) struct Answer {
    pub(super) choices: Choices,
    pub(super) _guard: RunGuard,
}

/// A protocol's state machine from deltas to wire bytes.
pub(super) trait Encoder: Send + 'static {
    /// What is sent before anything is computed.
    fn start(&mut self) -> Bytes;
    /// What a delta of an answer becomes; may be empty.
    fn delta(&mut self, choice: usize, delta: &Delta) -> Bytes;
    /// True once the last frame was written.
    fn is_ended(&self) -> bool;
}

/// Silence after which a comment is sent: it keeps proxies from closing the connection, and finds out
/// clients that are gone without a word.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Deltas that were ready together travel together, up to this many bytes.
const MAX_WRITE: usize = 16 * 1024;

/// The answer as server-sent events.
pub(super) fn stream_reply(answer: Answer, mut encoder: impl Encoder) -> Response {
    let first = encoder.start();
    let state = (answer, encoder, Some(first));
    let frames = stream::unfold(state, |(mut answer, mut encoder, first)| async move {
        let bytes = match first {
            Some(bytes) if !bytes.is_empty() => bytes,
            _ => next_frames(&mut answer.choices, &mut encoder).await?,
        };
        Some((Ok::<_, Infallible>(bytes), (answer, encoder, None)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache"),
        // Asks buffering proxies to pass every frame on at once.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Body::from_stream(frames)).into_response()
}

/// The frames of the next delta, and of those that are ready behind it.
async fn next_frames(choices: &mut Choices, encoder: &mut impl Encoder) -> Option<Bytes> {
    let mut frames = BytesMut::new();
    loop {
        let next = if encoder.is_ended() {
            None
        } else if frames.is_empty() {
            match tokio::time::timeout(KEEP_ALIVE, choices.next()).await {
                Ok(delta) => delta,
                Err(_) => return Some(sse::comment("keep-alive")),
            }
        } else {
            match choices.next().now_or_never() {
                Some(Some(delta)) if frames.len() < MAX_WRITE => Some(delta),
                Some(Some((choice, delta))) => {
                    frames.extend_from_slice(&encoder.delta(choice, &delta));
                    None
                }
                _ => None,
            }
        };
        match next {
            Some((choice, delta)) => frames.extend_from_slice(&encoder.delta(choice, &delta)),
            None if frames.is_empty() => return None,
            None => return Some(frames.freeze()),
        }
    }
}

/// Waits for all answers. A stopped run gives what it has.
pub(super) async fn whole(mut answer: Answer) -> Result<Vec<Choice>, ApiError> {
    let mut whole = vec![Choice::default(); answer.choices.len()];
    while let Some((choice, delta)) = answer.choices.next().await {
        let choice = &mut whole[choice];
        match delta {
            Delta::Progress(_) => {}
            Delta::Reasoning { text } => choice.reasoning.push_str(&text),
            Delta::ToolCall(call) => choice.take_call(call),
            Delta::Text { text, logprobs, .. } => {
                choice.text.push_str(&text);
                choice.logprobs.extend(logprobs);
            }
            Delta::Done(summary) => choice.summary = Some(summary),
            Delta::Failed { message } => return Err(ApiError::internal(message)),
        }
    }
    Ok(whole)
}
