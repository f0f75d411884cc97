//! [`CompletionHead`]: what every chunk of an answer repeats.

use uuid::Uuid;

/// A new answer's id: `chatcmpl-` and 12 random hexadecimal digits.
#[must_use]
pub fn completion_id() -> String {
    id("chatcmpl")
}

/// The prefix and 12 random hexadecimal digits.
fn id(prefix: &str) -> String {
    let random = Uuid::new_v4().simple().to_string();
    format!("{prefix}-{}", &random[..12])
}

/// Identity of one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompletionHead {
    /// See [`completion_id`].
    pub id: String,
    /// Unix seconds.
    pub created: u64,
    /// The model that answers.
    pub model: String,
    /// The same as long as the same model is computed by the same code (`system_fingerprint`).
    pub fingerprint: String,
}

impl CompletionHead {
    /// A head with a new id. `created` is in Unix seconds.
    #[must_use]
    pub fn new(model: impl Into<String>, fingerprint: impl Into<String>, created: u64) -> Self {
        Self {
            id: completion_id(),
            created,
            model: model.into(),
            fingerprint: fingerprint.into(),
        }
    }

    /// As [`Self::new`], for an answer without messages: its id begins with `cmpl-`.
    #[must_use]
    pub fn of_text(model: impl Into<String>, fingerprint: impl Into<String>, created: u64) -> Self {
        Self {
            id: id("cmpl"),
            ..Self::new(model, fingerprint, created)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_twelve_hex_digits_and_differ() {
        let text = || CompletionHead::of_text("m", "f", 0).id;
        for (prefix, id, other) in [
            ("chatcmpl-", completion_id(), completion_id()),
            ("cmpl-", text(), text()),
        ] {
            let digits = id.strip_prefix(prefix).expect("the prefix");
            assert_eq!(digits.len(), 12);
            assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            assert_ne!(id, other);
        }
    }
}
