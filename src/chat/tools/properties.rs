//! What holds for every answer, whatever is in it. Unit tests and `fuzz/` ask for the same.

use serde_json::Value;

use super::corpus::{SAMPLES, tools};
pub(crate) use super::json::is_value;
use super::{Ending, ToolCallParser, ToolEvent, ToolFormat, ToolParserOptions};
use crate::fuzz_input::{FuzzInput, dictionary, pieces};

pub(super) const HEAL: ToolParserOptions = ToolParserOptions { auto_heal: true };
pub(super) const STRICT: ToolParserOptions = ToolParserOptions { auto_heal: false };

/// A call as a client has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) json: String,
    /// `None` while it has not ended; false where it was abandoned.
    pub(super) ended: Option<bool>,
}

/// What a client has in the end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Reading {
    pub(super) content: String,
    calls: Vec<Call>,
}

impl Reading {
    fn take(&mut self, events: Vec<ToolEvent>) {
        for event in events {
            match event {
                ToolEvent::Text(text) => {
                    assert!(!text.is_empty());
                    assert!(self.calls.last().is_none_or(|call| call.ended.is_some()));
                    self.content.push_str(&text);
                }
                ToolEvent::CallBegun { index, name } => {
                    assert_eq!(index, self.calls.len());
                    assert!(self.calls.last().is_none_or(|call| call.ended.is_some()));
                    self.calls.push(Call {
                        name,
                        json: String::new(),
                        ended: None,
                    });
                }
                ToolEvent::Arguments { index, json } => {
                    assert!(!json.is_empty());
                    let call = self.open(index);
                    call.json.push_str(&json);
                }
                ToolEvent::CallEnded { index } => self.open(index).ended = Some(true),
                ToolEvent::CallAbandoned { index } => self.open(index).ended = Some(false),
            }
        }
    }

    fn open(&mut self, index: usize) -> &mut Call {
        assert_eq!(index + 1, self.calls.len());
        let call = &mut self.calls[index];
        assert_eq!(call.ended, None);
        call
    }

    /// Names and arguments of the calls that ended.
    pub(super) fn calls(&self) -> Vec<(String, Value)> {
        let ended = self.calls.iter().filter(|call| call.ended == Some(true));
        let json = |text: &str| serde_json::from_str(text).expect(text);
        ended
            .map(|call| (call.name.clone(), json(&call.json)))
            .collect()
    }

    /// The promises about arguments.
    pub(super) fn check(&self, what: &str) {
        for call in &self.calls {
            let ended = call.ended.expect("every call ends or is abandoned");
            assert_eq!(is_value(&call.json), ended, "{what}: {call:?}");
            assert!(call.json.starts_with('{'), "{what}: {call:?}");
            let declared = tools().iter().any(|tool| tool.name == call.name);
            assert!(declared, "{what}: {call:?}");
        }
    }
}

/// Reads an answer in these pieces.
pub(super) fn read(
    formats: &[ToolFormat],
    pieces: &[&str],
    options: ToolParserOptions,
    ending: Ending,
) -> Reading {
    let mut parser = ToolCallParser::new(formats, &tools(), options);
    let mut reading = Reading::default();
    for piece in pieces {
        reading.take(parser.push(piece));
    }
    reading.take(parser.finish(ending));
    let chars: usize = pieces.iter().map(|piece| piece.chars().count()).sum();
    let most = 3 * chars + pieces.len() + 20;
    assert!(
        parser.steps <= most,
        "{} steps for {chars} characters",
        parser.steps
    );
    reading
}

/// Reads an answer one character at a time.
pub(super) fn read_chars(
    formats: &[ToolFormat],
    text: &str,
    options: ToolParserOptions,
    ending: Ending,
) -> Reading {
    let chars: Vec<String> = text.chars().map(String::from).collect();
    let pieces: Vec<&str> = chars.iter().map(String::as_str).collect();
    read(formats, &pieces, options, ending)
}

/// Reads a whole answer strictly.
pub(super) fn strict(format: ToolFormat, text: &str) -> Reading {
    read(&[format], &[text], STRICT, Ending::Natural)
}

/// Reads any bytes in any way; panics where a promise is broken. The first bytes choose formats, options and pieces.
pub(crate) fn check(data: &[u8]) {
    let mut input = FuzzInput::new(data);
    let formats = match usize::from(input.byte()) {
        one if one < ToolFormat::ALL.len() => vec![ToolFormat::ALL[one]],
        _ => ToolFormat::ALL.to_vec(),
    };
    let options = if input.byte() & 1 == 0 { HEAL } else { STRICT };
    let size = input.byte();
    let ending = if size & 1 == 0 {
        Ending::Natural
    } else {
        Ending::Cut
    };
    let text = String::from_utf8_lossy(input.rest());
    let whole = read(&formats, &[&text], options, ending);
    let in_pieces = read(
        &formats,
        &pieces(&text, usize::from(size / 2) + 1),
        options,
        ending,
    );
    assert_eq!(whole, in_pieces, "{text:?}");
    whole.check(&text);
    assert!(whole.content.len() <= text.len());
    check_without_tools(&formats, &text, options);
}

/// Where nothing is declared, nothing is a call.
fn check_without_tools(formats: &[ToolFormat], text: &str, options: ToolParserOptions) {
    let mut parser = ToolCallParser::new(formats, &[], options);
    let mut shown = parser.push(text);
    shown.extend(parser.finish(Ending::Natural));
    let everything = (!text.is_empty()).then(|| ToolEvent::Text(text.to_owned()));
    assert_eq!(shown, Vec::from_iter(everything), "without tools");
}

/// Inputs for [`check`] to begin with.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let seed = |sample: &super::corpus::Sample| {
        let format = ToolFormat::ALL
            .iter()
            .position(|&format| format == sample.format);
        let head = [format.unwrap_or_default() as u8, 0, 0];
        [&head, sample.text.as_bytes()].concat()
    };
    SAMPLES.iter().map(seed).collect()
}

/// What means something in an answer.
pub(crate) fn words() -> String {
    let marks = ['>', '|', '{', '}', '"', ',', ':', ']', ')', '\n', '｜'];
    dictionary(
        SAMPLES
            .iter()
            .flat_map(|sample| sample.text.split_inclusive(marks)),
    )
}
