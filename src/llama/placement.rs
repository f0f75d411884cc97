//! [`Placement`]: which layers of a model go to which GPUs.

use llama_cpp_sys_2 as sys;

use super::{GpuDevice, LlamaError};

/// The most GPUs that one model can be spread over: llama.cpp's limit (`llama_max_devices`).
pub const MAX_GPUS: usize = 16;

/// How much of a model each GPU takes, in proportion.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares(Vec<f32>);

impl Shares {
    /// Numbers of 0 or more, one for each GPU, that are not all 0. Who has 0 takes no layer.
    pub fn new(shares: Vec<f32>) -> Result<Self, PlacementError> {
        if !shares
            .iter()
            .all(|share| share.is_finite() && *share >= 0.0)
        {
            return Err(PlacementError::NoShare);
        }
        let sum: f32 = shares.iter().sum();
        if sum <= 0.0 || !sum.is_finite() {
            return Err(PlacementError::NoSum);
        }
        Ok(Self(shares))
    }

    /// The numbers.
    #[must_use]
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }
}

/// Where the layers of a model go.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    n_gpu_layers: i32,
    gpus: Vec<usize>,
    shares: Option<Shares>,
}

impl Default for Placement {
    /// All layers on GPUs, on all that there are.
    fn default() -> Self {
        Self {
            n_gpu_layers: -1,
            gpus: Vec::new(),
            shares: None,
        }
    }
}

impl Placement {
    /// The last `n_gpu_layers` layers (-1: all) on these of [`Backend::gpus`](super::Backend::gpus), in this order;
    /// all GPUs where none is named. Without shares they are by free memory.
    pub fn new(
        n_gpu_layers: i32,
        gpus: Vec<usize>,
        shares: Option<Shares>,
    ) -> Result<Self, PlacementError> {
        check_gpus(&gpus)?;
        if let Some(shares) = &shares {
            check_shares(shares, gpus.len())?;
        }
        Ok(Self {
            n_gpu_layers: n_gpu_layers.max(-1),
            gpus,
            shares,
        })
    }

    /// The same places for another number of layers.
    #[must_use]
    pub fn with_layers(&self, n_gpu_layers: i32) -> Self {
        Self {
            n_gpu_layers: n_gpu_layers.max(-1),
            ..self.clone()
        }
    }

    /// Layers on GPUs; -1 means all.
    #[must_use]
    pub fn n_gpu_layers(&self) -> i32 {
        self.n_gpu_layers
    }

    /// The GPUs, as indexes of [`Backend::gpus`](super::Backend::gpus); empty for all.
    #[must_use]
    pub fn gpus(&self) -> &[usize] {
        &self.gpus
    }

    /// How the layers are shared out; `None` is by free memory.
    #[must_use]
    pub fn shares(&self) -> Option<&Shares> {
        self.shares.as_ref()
    }

    /// As llama.cpp wants it, given all GPUs there are.
    pub(super) fn to_native(&self, all: &[GpuDevice]) -> Result<NativePlacement, LlamaError> {
        let chosen: Option<Vec<_>> = self
            .gpus
            .iter()
            .map(|&gpu| all.get(gpu).map(GpuDevice::as_ptr))
            .collect();
        let mut devices = chosen.ok_or(LlamaError::Unusable {
            what: "the placement",
            problem: "names a GPU that is not there",
        })?;
        let is_named = !devices.is_empty();
        if self.n_gpu_layers == 0 {
            // With a device but no layer on it llama.cpp still computes large batches there.
            devices.clear();
        }
        devices.push(std::ptr::null_mut());
        let mut split = [0.0; MAX_GPUS];
        if let Some(shares) = &self.shares {
            for (to, share) in split.iter_mut().zip(shares.as_slice()) {
                *to = *share;
            }
        }
        Ok(NativePlacement {
            n_gpu_layers: self.n_gpu_layers,
            devices: (is_named || (self.n_gpu_layers == 0 && !all.is_empty())).then_some(devices),
            split: self.shares.is_some().then_some(split),
        })
    }
}

/// GPUs that can be named together: each once, and not too many.
pub(crate) fn check_gpus(gpus: &[usize]) -> Result<(), PlacementError> {
    if gpus.len() > MAX_GPUS {
        return Err(PlacementError::TooMany { gpus: gpus.len() });
    }
    let twice = (1..gpus.len()).find(|&at| gpus[..at].contains(&gpus[at]));
    twice.map_or(Ok(()), |at| Err(PlacementError::Twice { gpu: gpus[at] }))
}

/// As many shares as GPUs.
pub(crate) fn check_shares(shares: &Shares, gpus: usize) -> Result<(), PlacementError> {
    let shares = shares.as_slice().len();
    if shares == gpus {
        Ok(())
    } else {
        Err(PlacementError::SharesCount { shares, gpus })
    }
}

/// A placement for llama.cpp. Its pointers must not outlive it.
pub(super) struct NativePlacement {
    n_gpu_layers: i32,
    /// NULL-terminated.
    devices: Option<Vec<sys::ggml_backend_dev_t>>,
    split: Option<[f32; MAX_GPUS]>,
}

impl NativePlacement {
    /// Sets the parameters, which then point into this.
    pub(super) fn apply(&mut self, native: &mut sys::llama_model_params) {
        native.n_gpu_layers = self.n_gpu_layers;
        native.split_mode = sys::LLAMA_SPLIT_MODE_LAYER;
        if let Some(devices) = &mut self.devices {
            native.devices = devices.as_mut_ptr();
        }
        if let Some(split) = &self.split {
            native.tensor_split = split.as_ptr();
        }
    }
}

/// Why GPUs cannot be used as was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// There is no such GPU.
    #[error("{}", no_such_gpu(*gpu, *gpus))]
    NoSuchGpu {
        /// The index that was asked for.
        gpu: usize,
        /// How many GPUs there are.
        gpus: usize,
    },
    /// A GPU is named twice.
    #[error("GPU {gpu} is named twice; name each once")]
    Twice {
        /// Its index.
        gpu: usize,
    },
    /// More GPUs than one model can be spread over.
    #[error("a model can be spread over at most {MAX_GPUS} GPUs, and {gpus} are named")]
    TooMany {
        /// How many are named.
        gpus: usize,
    },
    /// A share is no number of 0 or more.
    #[error("the shares of GPUs must be numbers of 0 or more, as in 3,1")]
    NoShare,
    /// There is nothing to share out.
    #[error("the shares of GPUs have no sum: they are all 0, or too large; give numbers as in 3,1")]
    NoSum,
    /// Not as many shares as GPUs.
    #[error("{shares} shares are given for {gpus} GPUs; give one for each")]
    SharesCount {
        /// How many shares.
        shares: usize,
        /// How many GPUs.
        gpus: usize,
    },
    /// Shares are given where one GPU takes everything.
    #[error("shares are for several GPUs, and one is to take the whole model; leave them out")]
    SharesOfOne,
}

fn no_such_gpu(gpu: usize, gpus: usize) -> String {
    match gpus {
        0 => format!("there is no GPU {gpu}: no GPU was found, so the CPU computes"),
        1 => format!("there is no GPU {gpu}: there is 1, with index 0"),
        n => format!(
            "there is no GPU {gpu}: there are {n}, with indexes 0 to {}",
            n - 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_numbers_with_a_sum() {
        for good in [&[1.0][..], &[3.0, 1.0], &[0.0, 1.0]] {
            assert_eq!(Shares::new(good.to_vec()).unwrap().as_slice(), good);
        }
        let refused = |shares: &[f32]| Shares::new(shares.to_vec()).unwrap_err();
        for bad in [&[-1.0, 2.0][..], &[f32::NAN], &[f32::INFINITY, 1.0]] {
            assert_eq!(refused(bad), PlacementError::NoShare, "{bad:?}");
        }
        for bad in [&[][..], &[0.0, 0.0], &[f32::MAX, f32::MAX]] {
            assert_eq!(refused(bad), PlacementError::NoSum, "{bad:?}");
        }
    }

    #[test]
    fn gpus_are_named_once_and_have_a_share_each() {
        let shares = |shares: &[f32]| Some(Shares::new(shares.to_vec()).unwrap());
        let check = |gpus: &[usize], shares: Option<Shares>, expected: Option<PlacementError>| {
            let got = Placement::new(-1, gpus.to_vec(), shares).err();
            assert_eq!(got, expected, "{gpus:?}");
        };
        check(&[], None, None);
        check(&[2, 0], shares(&[1.0, 3.0]), None);
        check(&[0, 1, 0], None, Some(PlacementError::Twice { gpu: 0 }));
        let too_many: Vec<usize> = (0..=MAX_GPUS).collect();
        check(&too_many, None, Some(PlacementError::TooMany { gpus: 17 }));
        let wrong = PlacementError::SharesCount { shares: 1, gpus: 2 };
        check(&[0, 1], shares(&[1.0]), Some(wrong));
    }

    #[test]
    fn what_is_not_asked_for_is_left_to_llama_cpp() {
        let check = |placement: &Placement| {
            // SAFETY: a plain getter of default values.
            let mut native = unsafe { sys::llama_model_default_params() };
            let mut own = placement.to_native(&[]).unwrap();
            own.apply(&mut native);
            assert!(native.devices.is_null() && native.tensor_split.is_null());
            assert_eq!(native.n_gpu_layers, placement.n_gpu_layers());
        };
        check(&Placement::default());
        check(&Placement::default().with_layers(0));
        check(&Placement::default().with_layers(7));
    }

    #[test]
    fn a_gpu_that_is_not_there_never_reaches_llama_cpp() {
        let placement = Placement::new(-1, vec![0], None).unwrap();
        let error = placement.to_native(&[]).err().unwrap();
        assert!(error.to_string().contains("not there"), "{error}");
    }

    #[test]
    fn an_index_without_a_gpu_is_told_how_many_there_are() {
        for (gpus, expected) in [(0, "no GPU was found"), (1, "there is 1"), (4, "0 to 3")] {
            let error = PlacementError::NoSuchGpu { gpu: 9, gpus };
            let text = error.to_string();
            assert!(text.contains("GPU 9") && text.contains(expected), "{text}");
        }
    }
}
