//! Server-sent events: `data:` frames and comments, as bytes.

use bytes::Bytes;
use serde_json::Value;

/// The last frame of a stream of chunks.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// A comment that keeps intermediaries from closing a silent connection.
pub const KEEP_ALIVE: &str = "keep-alive";

/// Appends `data: {json}\n\n`. JSON has no raw line breaks, so one line is enough.
pub fn push_json(out: &mut Vec<u8>, value: &Value) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(value.to_string().as_bytes());
    out.extend_from_slice(b"\n\n");
}

/// One `data:` frame.
#[must_use]
pub fn json(value: &Value) -> Bytes {
    let mut out = Vec::new();
    push_json(&mut out, value);
    out.into()
}

/// One comment frame, which clients ignore. Line breaks in the text become spaces.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    let line = text.replace(['\r', '\n'], " ");
    format!(": {line}\n\n").into()
}

/// Appends a JSON string literal, quotes included.
pub(crate) fn push_escaped(out: &mut Vec<u8>, text: &str) {
    // Writing a string into a Vec has no way to fail.
    if serde_json::to_writer(&mut *out, text).is_err() {
        debug_assert!(false, "a string is always JSON");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn a_frame_is_one_line_and_a_blank_one() {
        let frame = json(&value!({"text": "a\r\nb"}));
        assert_eq!(&frame[..], b"data: {\"text\":\"a\\r\\nb\"}\n\n");
    }

    #[test]
    fn a_comment_cannot_break_out_of_its_line() {
        assert_eq!(&comment(KEEP_ALIVE)[..], b": keep-alive\n\n");
        assert_eq!(&comment("a\ndata: x")[..], b": a data: x\n\n");
    }
}
