//! [`GpuChoice`]: which GPUs a model may be put on, as somebody asked.

use crate::llama::{PlacementError, Shares, check_gpus, check_shares};

/// Which GPUs a model may be put on, and how it is spread over them. The default leaves both to rein.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GpuChoice {
    gpus: Vec<usize>,
    split: Split,
}

/// How a model is spread over GPUs.
#[derive(Debug, Clone, PartialEq)]
pub enum Split {
    /// Whole layers, with their KV cells; in these shares, or by free memory.
    Layers(Option<Shares>),
    /// Not at all: one GPU takes the whole model.
    OneGpu,
}

impl Default for Split {
    fn default() -> Self {
        Self::Layers(None)
    }
}

impl GpuChoice {
    /// These GPUs, as indexes in CUDA's order; where none is named rein chooses, or with shares takes all.
    pub fn new(gpus: Vec<usize>, split: Split) -> Result<Self, PlacementError> {
        check_gpus(&gpus)?;
        if let (Split::Layers(Some(shares)), false) = (&split, gpus.is_empty()) {
            check_shares(shares, gpus.len())?;
        }
        Ok(Self { gpus, split })
    }

    /// The same way of spreading, over other GPUs and so without shares. No GPU leaves everything as it is.
    pub fn with_gpus(&self, gpus: Vec<usize>) -> Result<Self, PlacementError> {
        if gpus.is_empty() {
            return Ok(self.clone());
        }
        let split = match self.split {
            Split::Layers(_) => Split::Layers(None),
            Split::OneGpu => Split::OneGpu,
        };
        Self::new(gpus, split)
    }

    /// Whether a machine with so many GPUs has all that is asked for.
    pub fn check(&self, gpus: usize) -> Result<(), PlacementError> {
        if let Some(&gpu) = self.gpus.iter().find(|&&gpu| gpu >= gpus) {
            return Err(PlacementError::NoSuchGpu { gpu, gpus });
        }
        match &self.split {
            Split::Layers(Some(shares)) if self.gpus.is_empty() => check_shares(shares, gpus),
            _ => Ok(()),
        }
    }

    /// The GPUs that were named; empty where rein is to choose.
    #[must_use]
    pub fn gpus(&self) -> &[usize] {
        &self.gpus
    }

    /// How the model is spread.
    #[must_use]
    pub fn split(&self) -> &Split {
        &self.split
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_shares(shares: &[f32]) -> Split {
        Split::Layers(Some(Shares::new(shares.to_vec()).unwrap()))
    }

    #[test]
    fn gpus_and_shares_must_be_there() {
        let check = |gpus: &[usize], split: Split, there: usize, expected: &str| {
            let result = GpuChoice::new(gpus.to_vec(), split).and_then(|it| it.check(there));
            match result {
                Ok(()) => assert_eq!(expected, "", "{gpus:?}"),
                Err(error) => assert!(
                    !expected.is_empty() && error.to_string().contains(expected),
                    "{error}"
                ),
            }
        };
        check(&[], Split::default(), 0, "");
        check(&[], Split::OneGpu, 0, "");
        check(&[1, 0], Split::default(), 2, "");
        check(&[1, 0], in_shares(&[3.0, 1.0]), 2, "");
        check(&[], in_shares(&[3.0, 1.0]), 2, "");
        check(&[0], Split::default(), 0, "no GPU was found");
        check(&[2], Split::default(), 2, "indexes 0 to 1");
        check(&[0, 0], Split::default(), 2, "named twice");
        check(&[0, 1], in_shares(&[1.0]), 2, "1 shares are given for 2");
        check(&[], in_shares(&[1.0]), 2, "1 shares are given for 2");
        check(&[], in_shares(&[1.0]), 0, "1 shares are given for 0");
    }

    #[test]
    fn other_gpus_keep_the_way_of_spreading_without_its_shares() {
        let choice = |gpus: &[usize], split| GpuChoice::new(gpus.to_vec(), split).unwrap();
        let check = |from: GpuChoice, gpus: &[usize], expected: GpuChoice| {
            assert_eq!(from.with_gpus(gpus.to_vec()), Ok(expected));
        };
        let shared = choice(&[0, 1], in_shares(&[3.0, 1.0]));
        check(shared.clone(), &[], shared.clone());
        check(shared, &[1, 2], choice(&[1, 2], Split::default()));
        check(
            choice(&[], Split::OneGpu),
            &[1],
            choice(&[1], Split::OneGpu),
        );
    }
}
