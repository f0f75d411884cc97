//! [`CharSet`]: a set of Unicode characters as ranges.

use std::fmt::Write as _;

/// The characters that are no surrogates: what a text can hold.
const ALL: [(u32, u32); 2] = [(0, 0xD7FF), (0xE000, 0x10_FFFF)];

/// Sorted ranges (first and last included) that neither overlap nor touch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct CharSet(Vec<(u32, u32)>);

impl CharSet {
    /// Any character.
    pub(super) fn any() -> Self {
        Self(ALL.to_vec())
    }

    pub(super) fn single(c: char) -> Self {
        Self(vec![(c.into(), c.into())])
    }

    /// The characters of these ranges; surrogates are left out.
    pub(super) fn of_ranges(ranges: &[(u32, u32)]) -> Self {
        let mut clipped = Vec::new();
        for &(first, last) in ranges {
            for (lowest, highest) in ALL {
                let range = (first.max(lowest), last.min(highest));
                if range.0 <= range.1 {
                    clipped.push(range);
                }
            }
        }
        let mut set = Self(clipped);
        set.normalize();
        set
    }

    /// Every other character.
    pub(super) fn negated(&self) -> Self {
        let mut gaps = Vec::new();
        let mut next = 0;
        for &(first, last) in &self.0 {
            if next < first {
                gaps.push((next, first - 1));
            }
            next = last + 1;
        }
        gaps.push((next, u32::MAX));
        Self::of_ranges(&gaps)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.0.iter(), other.0.iter());
        let (mut left, mut right) = (a.next(), b.next());
        while let (Some(x), Some(y)) = (left, right) {
            if x.0 <= y.1 && y.0 <= x.1 {
                return true;
            }
            if x.1 < y.1 {
                left = a.next();
            } else {
                right = b.next();
            }
        }
        false
    }

    /// Adds the characters of another set. True where it had more.
    pub(super) fn extend(&mut self, other: &Self) -> bool {
        if other.0.iter().all(|&range| self.covers(range)) {
            return false;
        }
        self.0.extend_from_slice(&other.0);
        self.normalize();
        true
    }

    fn covers(&self, (first, last): (u32, u32)) -> bool {
        let at = self.0.partition_point(|range| range.1 < first);
        self.0
            .get(at)
            .is_some_and(|range| range.0 <= first && last <= range.1)
    }

    fn normalize(&mut self) {
        self.0.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(self.0.len());
        for &(first, last) in &self.0 {
            match merged.last_mut() {
                Some(range) if first <= range.1.saturating_add(1) => range.1 = range.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        self.0 = merged;
    }

    /// Appends the set as a class of the crate `regex`. Nothing in it needs to be escaped again.
    pub(super) fn write_regex(&self, out: &mut String) {
        out.push('[');
        for &(first, last) in &self.0 {
            // Writing to a string cannot fail.
            let _ = if first == last {
                write!(out, r"\u{{{first:x}}}")
            } else {
                write!(out, r"\u{{{first:x}}}-\u{{{last:x}}}")
            };
        }
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn has(set: &CharSet, c: u32) -> bool {
        set.covers((c, c))
    }

    proptest! {
        #[test]
        fn set_operations_agree_with_each_character(
            left in proptest::collection::vec((0u32..60, 0u32..8), 0..6),
            right in proptest::collection::vec((0u32..60, 0u32..8), 0..6),
        ) {
            let ranges = |pairs: &[(u32, u32)]| {
                pairs.iter().map(|&(first, n)| (first, first + n)).collect::<Vec<_>>()
            };
            let within = |ranges: &[(u32, u32)], c| ranges.iter().any(|r| r.0 <= c && c <= r.1);
            let (left, right) = (ranges(&left), ranges(&right));
            let (a, b) = (CharSet::of_ranges(&left), CharSet::of_ranges(&right));
            let mut union = a.clone();
            let grew = union.extend(&b);
            prop_assert_eq!(grew, union != a);
            let mut overlap = false;
            for c in 0..80 {
                let (in_a, in_b) = (within(&left, c), within(&right, c));
                prop_assert_eq!(has(&a, c), in_a);
                prop_assert_eq!(has(&a.negated(), c), !in_a);
                prop_assert_eq!(has(&union, c), in_a || in_b);
                overlap |= in_a && in_b;
            }
            prop_assert_eq!(a.overlaps(&b), overlap);
        }
    }

    #[test]
    fn surrogates_are_in_no_set() {
        assert!(!has(&CharSet::of_ranges(&[(0, u32::MAX)]), 0xD800));
        assert!(!has(&CharSet::single('a').negated(), 0xDFFF));
        assert!(CharSet::of_ranges(&[(0xD800, 0xDFFF)]).is_empty());
    }
}
