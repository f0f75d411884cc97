//! Reads streams of events back, and forgives nothing: for tests of the encoders.

use serde_json::Value;

use super::json;

/// A frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Frame {
    /// `data:` with JSON.
    Json(Value),
    /// `data: [DONE]`.
    Done,
    /// A line that clients skip.
    Comment(String),
}

/// The frames of a stream; panics where a client might stumble. Each is one line and a blank one, without carriage
/// returns, and ends the stream or not.
pub(crate) fn frames(stream: &[u8]) -> Vec<Frame> {
    let stream = std::str::from_utf8(stream).expect("a stream is UTF-8");
    assert!(
        stream.is_empty() || stream.ends_with("\n\n"),
        "the last frame is whole: {stream:?}"
    );
    assert!(
        !stream.contains('\r'),
        "a carriage return ends a line: {stream:?}"
    );
    let frames: Vec<Frame> = stream.split_terminator("\n\n").map(frame).collect();
    let dones = frames.iter().filter(|frame| **frame == Frame::Done).count();
    assert!(
        dones <= 1 && (dones == 0 || frames.last() == Some(&Frame::Done)),
        "{stream:?}"
    );
    frames
}

fn frame(text: &str) -> Frame {
    assert!(!text.contains('\n'), "a frame is one line: {text:?}");
    if let Some(comment) = text.strip_prefix(": ") {
        return Frame::Comment(comment.to_owned());
    }
    let data = text.strip_prefix("data: ").expect(text);
    if data == "[DONE]" {
        return Frame::Done;
    }
    // This reader allows no key to be there twice; NUL characters, which it refuses too, are fine here.
    let value = match json::parse(data.as_bytes()) {
        Err(_) if data.contains("\\u0000") => serde_json::from_str(data).expect(data),
        value => value.expect(data),
    };
    Frame::Json(value)
}
