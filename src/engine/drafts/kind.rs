//! [`DraftKind`]: the names of `speculative_type`.

use std::fmt;
use std::str::FromStr;

/// Where a run's drafts come from, by the names of Studio's `speculative_type` (reference 3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DraftKind {
    /// `off`: no drafts.
    #[default]
    Off,
    /// `default`: the run's own tokens first, then the shared table.
    Default,
    /// `ngram-simple`: the run's own tokens.
    NgramSimple,
    /// `ngram-mod`: a table that the runs of a namespace share.
    NgramMod,
    /// `model`: a second, smaller model. Studio has no such name.
    Model,
}

/// A `speculative_type` that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is not a kind of draft; send one of off, default, ngram-simple, ngram-mod, model"
)]
pub struct UnknownDraftKind {
    /// What was sent.
    pub name: String,
}

impl DraftKind {
    /// Every kind, in the order in which messages list them.
    pub const ALL: [Self; 5] = [
        Self::Off,
        Self::Default,
        Self::NgramSimple,
        Self::NgramMod,
        Self::Model,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Default => "default",
            Self::NgramSimple => "ngram-simple",
            Self::NgramMod => "ngram-mod",
            Self::Model => "model",
        }
    }
}

impl FromStr for DraftKind {
    type Err = UnknownDraftKind;

    /// Names are exact: lower case, no spaces. What an unknown name means is the caller's decision: Studio's
    /// route takes it for `off` (reference 3.8), a command line refuses it.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .ok_or_else(|| UnknownDraftKind {
                name: name.to_owned(),
            })
    }
}

impl fmt::Display for DraftKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for kind in DraftKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
        }
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_names() {
        for name in ["", "ngram", "Off", "ngram-simple ", "eagle3"] {
            let error = name.parse::<DraftKind>().unwrap_err();
            assert_eq!(error.name, name);
            for kind in DraftKind::ALL {
                assert!(error.to_string().contains(kind.name()), "{error}");
            }
        }
    }
}
