//! The grid of deterministic runs: where their prompt chunks begin and end.
//!
//! What a decode gives depends a little on its shape: kernels for many rows round differently from those for
//! one. So a deterministic run is computed in shapes that depend on nothing but its own tokens: prompt
//! chunks between points of a grid that begins at position 0, then rows in decodes of their own.

/// Tokens between two points. A chunk has to fit a step beside running streams, on a CPU too.
pub const GRID: usize = 16;

/// From a position to the next point, 1..=[`GRID`].
#[must_use]
pub fn to_next(position: usize) -> usize {
    GRID - position % GRID
}

/// The last point at or before a position.
#[must_use]
pub fn floor(position: usize) -> usize {
    position - position % GRID
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chunk_ends_on_a_point() {
        for position in 0..5 * GRID {
            let next = position + to_next(position);
            assert_eq!(next % GRID, 0);
            assert_eq!(floor(next), next);
            assert_eq!(floor(next - 1), next - GRID);
        }
    }
}
