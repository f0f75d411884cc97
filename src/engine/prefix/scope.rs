//! [`Scope`]: who may go on from whose cells.

use crate::engine::grid;

/// Runs share prefixes within a scope and never beyond it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The runs of a namespace.
    Namespace(u64),
    /// The deterministic runs of a namespace: they share what was computed on the grid, up to one of its
    /// points.
    Deterministic(u64),
    /// One run alone, named by its number.
    Alone(u64),
}

impl Scope {
    /// How much of a common beginning of so many tokens a run may go on from. `n_prompt`: the tokens that were
    /// computed as a prompt.
    pub(super) fn usable(self, common: usize, n_prompt: usize) -> usize {
        match self {
            Self::Namespace(_) => common,
            Self::Deterministic(_) => grid::floor(common.min(n_prompt)),
            Self::Alone(_) => 0,
        }
    }

    /// The namespace in which a prefix may also go to host memory and come from there. Cells that come back
    /// may lie elsewhere than they did, which changes the order of additions.
    #[must_use]
    pub fn in_host(self) -> Option<u64> {
        match self {
            Self::Namespace(namespace) => Some(namespace),
            Self::Deterministic(_) | Self::Alone(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deterministic_runs_share_what_is_on_the_grid() {
        let check = |scope: Scope, common, n_prompt, usable| {
            assert_eq!(scope.usable(common, n_prompt), usable, "{scope:?}");
        };
        check(Scope::Namespace(1), 47, 40, 47);
        check(Scope::Deterministic(1), 47, 100, 32);
        check(Scope::Deterministic(1), 47, 30, 16);
        check(Scope::Alone(1), 47, 100, 0);
    }
}
