//! [`Held`]: a value in tags that cannot be sent before all of it is known.

use super::super::coerce;
use super::super::declared::Kinds;
use super::super::json::{JsonScanner, Scan};

/// A value that is read as a whole, because its kind depends on all of it.
#[derive(Debug)]
pub(super) struct Held {
    kinds: Kinds,
    text: String,
    /// While it is JSON: what looks like a closer inside one of its strings is none.
    json: Option<JsonScanner>,
}

impl Held {
    pub(super) fn new(kinds: Kinds) -> Self {
        let json = kinds.array || kinds.object;
        Self {
            kinds,
            text: String::new(),
            json: json.then(JsonScanner::new),
        }
    }

    pub(super) fn push(&mut self, c: char) {
        self.text.push(c);
        self.json = self.json.take().and_then(|mut json| {
            let inside = json.push(c) == Scan::Inside;
            inside.then_some(json)
        });
    }

    pub(super) fn in_json_text(&self) -> bool {
        self.json.as_ref().is_some_and(JsonScanner::in_text)
    }

    /// Bytes read.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The value as the kind that the parameter takes.
    pub(super) fn into_json(self) -> String {
        coerce::from_text(&self.text, self.kinds)
    }
}
