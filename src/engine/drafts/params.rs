//! [`DraftParams`]: how long n-grams and drafts are.

use super::kind::DraftKind;

/// Lengths of one source of drafts, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NgramParams {
    /// How many of the last tokens must have been seen before. Range 1..=[`NgramParams::MAX_MATCH`].
    pub n_match: usize,
    /// A source that knows fewer following tokens than this proposes nothing. Range 1..=`n_max`. It judges
    /// the source: the policy may still have fewer of them computed.
    pub n_min: usize,
    /// The most tokens of a draft. Range 1..=[`NgramParams::MAX_DRAFT`].
    pub n_max: usize,
}

impl NgramParams {
    /// The longest n-gram: the bound of llama-server's `--spec-ngram-*` options.
    pub const MAX_MATCH: usize = 1024;
    /// The longest draft. Each of its tokens needs a row of logits, a megabyte where vocabularies are large.
    pub const MAX_DRAFT: usize = 64;

    /// `ngram-simple`: 4, 1, 48. llama.cpp matches 12 tokens, and so needs 12 after each change of a text
    /// before it drafts again; here what a short match is worth is learnt (see [`super::Acceptance`]).
    pub const SIMPLE: Self = Self {
        n_match: 4,
        n_min: 1,
        n_max: 48,
    };

    /// `ngram-mod`: 24, 48, 64 (reference 3.8).
    pub const MOD: Self = Self {
        n_match: 24,
        n_min: 48,
        n_max: 64,
    };

    /// Checks every range.
    pub fn check(&self) -> Result<(), DraftParamsError> {
        check_range("n_match", self.n_match, Self::MAX_MATCH)?;
        check_range("n_max", self.n_max, Self::MAX_DRAFT)?;
        check_range("n_min", self.n_min, self.n_max)
    }
}

fn check_range(name: &'static str, value: usize, max: usize) -> Result<(), DraftParamsError> {
    if (1..=max).contains(&value) {
        Ok(())
    } else {
        Err(DraftParamsError { name, value, max })
    }
}

/// A length out of its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("drafts: {name} is {value}, and must be between 1 and {max}")]
pub struct DraftParamsError {
    /// The field of [`NgramParams`].
    pub name: &'static str,
    /// What it was.
    pub value: usize,
    /// The largest allowed value.
    pub max: usize,
}

/// The sources of a run's drafts. The run's own tokens are asked first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DraftParams {
    /// The run's own tokens ([`super::NgramSimple`]).
    pub own: Option<NgramParams>,
    /// The table shared by the runs of a namespace ([`super::NgramMod`]). The same for all runs of an
    /// engine: n-grams of different lengths do not find each other.
    pub shared: Option<NgramParams>,
}

impl DraftParams {
    /// Checks the ranges of both sources.
    pub fn check(&self) -> Result<(), DraftParamsError> {
        [self.own, self.shared]
            .iter()
            .flatten()
            .try_for_each(NgramParams::check)
    }
}

impl From<DraftKind> for DraftParams {
    /// The defaults of each name.
    fn from(kind: DraftKind) -> Self {
        let (own, shared) = match kind {
            // A model's guesses come from outside (`RunDrafts::propose_by`).
            DraftKind::Off | DraftKind::Model => (None, None),
            DraftKind::NgramSimple => (Some(NgramParams::SIMPLE), None),
            DraftKind::NgramMod => (None, Some(NgramParams::MOD)),
            // Here the table only has to help where the run's own tokens do not, so it may speak sooner.
            DraftKind::Default => (
                Some(NgramParams::SIMPLE),
                Some(NgramParams {
                    n_match: 16,
                    n_min: 4,
                    n_max: 48,
                }),
            ),
        };
        Self { own, shared }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_every_kind_are_within_their_ranges() {
        for kind in DraftKind::ALL {
            assert_eq!(DraftParams::from(kind).check(), Ok(()), "{kind}");
        }
    }

    #[test]
    fn lengths_out_of_range_are_named() {
        let check = |n_match, n_min, n_max| {
            let params = NgramParams {
                n_match,
                n_min,
                n_max,
            };
            params.check().map_err(|error| (error.name, error.max))
        };
        assert_eq!(check(1, 1, 1), Ok(()));
        assert_eq!(check(1024, 64, 64), Ok(()));
        assert_eq!(check(0, 1, 1), Err(("n_match", 1024)));
        assert_eq!(check(1025, 1, 1), Err(("n_match", 1024)));
        assert_eq!(check(4, 1, 65), Err(("n_max", 64)));
        assert_eq!(check(4, 1, 0), Err(("n_max", 64)));
        assert_eq!(check(4, 0, 8), Err(("n_min", 8)));
        assert_eq!(check(4, 9, 8), Err(("n_min", 8)));
    }
}
