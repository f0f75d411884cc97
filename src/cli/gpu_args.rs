//! Which GPUs a model goes to.

use clap::{Args, ValueEnum};

use crate::llama::{PlacementError, Shares};
use crate::models::{GpuChoice, Split};
use crate::sampling::cuda::GpuSampling;

/// Which GPUs a model goes to, and how it is spread over them.
#[derive(Debug, Clone, Args)]
pub(super) struct GpuArgs {
    /// The GPUs to use, in CUDA's order from 0 on, as in 0,1; without it as few as hold the model
    #[arg(long, value_name = "N,N", value_delimiter = ',', env = "REIN_GPUS")]
    gpus: Vec<usize>,
    /// How a model is spread over GPUs: layer by layer, or not at all (none), on the GPU with most free memory
    #[arg(
        long,
        value_name = "MODE",
        default_value = "layer",
        env = "REIN_SPLIT_MODE"
    )]
    split_mode: SplitMode,
    /// The part of the model that each GPU takes, as in 3,1; without it parts are as large as what is free
    #[arg(
        long,
        value_name = "N,N",
        value_delimiter = ',',
        env = "REIN_TENSOR_SPLIT"
    )]
    tensor_split: Vec<f32>,
    /// With --split-mode none: the GPU that takes the model
    #[arg(long, value_name = "N", env = "REIN_MAIN_GPU")]
    main_gpu: Option<usize>,
    /// What draws tokens from logits that a GPU has computed: rein's kernels on it, the same source compiled for the
    /// CPU (to look for faults), or the CPU's own sampler
    #[arg(
        long,
        value_name = "WHERE",
        default_value = "kernels",
        env = "REIN_GPU_SAMPLING"
    )]
    gpu_sampling: SamplingPlace,
}

/// What draws tokens from logits that a GPU has computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SamplingPlace {
    Kernels,
    Reference,
    Host,
}

/// How a model is spread over GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SplitMode {
    Layer,
    None,
}

impl GpuArgs {
    /// What is to draw tokens.
    pub(super) fn sampling(&self) -> GpuSampling {
        match self.gpu_sampling {
            SamplingPlace::Kernels => GpuSampling::Kernels,
            SamplingPlace::Reference => GpuSampling::Reference,
            SamplingPlace::Host => GpuSampling::Host,
        }
    }

    /// What is asked for. That the GPUs are there is seen when a model is loaded.
    pub(super) fn choice(&self) -> Result<GpuChoice, PlacementError> {
        let shares = match &self.tensor_split[..] {
            [] => None,
            shares => Some(Shares::new(shares.to_vec())?),
        };
        match (self.split_mode, self.main_gpu) {
            (SplitMode::Layer, _) => GpuChoice::new(self.gpus.clone(), Split::Layers(shares)),
            (SplitMode::None, _) if shares.is_some() => Err(PlacementError::SharesOfOne),
            // As in llama-server the number counts within the GPUs that are named.
            (SplitMode::None, Some(main)) => {
                let gpus = self.gpus.len();
                let named = self.gpus.get(main).copied();
                let gpu = named.or((gpus == 0).then_some(main));
                let gpu = gpu.ok_or(PlacementError::NoSuchGpu { gpu: main, gpus })?;
                GpuChoice::new(vec![gpu], Split::OneGpu)
            }
            (SplitMode::None, None) => GpuChoice::new(self.gpus.clone(), Split::OneGpu),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        gpus: GpuArgs,
    }

    fn choice(line: &str) -> Result<GpuChoice, String> {
        let line = Line::try_parse_from(format!("rein {line}").split_whitespace());
        let line = line.map_err(|error| error.to_string())?;
        line.gpus.choice().map_err(|error| error.to_string())
    }

    #[test]
    fn options_say_which_gpus_and_how_they_share() {
        let check = |line: &str, gpus: &[usize], split: Split| {
            let expected = GpuChoice::new(gpus.to_vec(), split).unwrap();
            assert_eq!(choice(line), Ok(expected), "{line}");
        };
        let shares = |shares: &[f32]| Split::Layers(Some(Shares::new(shares.to_vec()).unwrap()));
        check("", &[], Split::default());
        check("--gpus 0", &[0], Split::default());
        check("--gpus 2,0", &[2, 0], Split::default());
        check("--tensor-split 3,1", &[], shares(&[3.0, 1.0]));
        check(
            "--gpus 1,0 --tensor-split 0.5,1",
            &[1, 0],
            shares(&[0.5, 1.0]),
        );
        check("--split-mode none", &[], Split::OneGpu);
        check("--split-mode none --gpus 0,1", &[0, 1], Split::OneGpu);
        check("--split-mode none --main-gpu 1", &[1], Split::OneGpu);
        check(
            "--split-mode none --gpus 3,5 --main-gpu 1",
            &[5],
            Split::OneGpu,
        );
        // llama-server takes it and does nothing, too.
        check("--main-gpu 0", &[], Split::default());
    }

    #[test]
    fn options_that_make_no_sense_say_why() {
        let check = |line: &str, expected: &str| {
            let error = choice(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        };
        check("--gpus 0,0", "named twice");
        check("--gpus a", "invalid");
        check("--tensor-split 0,0", "no sum");
        check("--tensor-split=-1,2", "0 or more");
        check("--gpus 0 --tensor-split 1,2", "2 shares are given for 1");
        check("--split-mode none --tensor-split 1,2", "leave them out");
        check(
            "--split-mode none --gpus 1 --main-gpu 1",
            "there is no GPU 1",
        );
        // CUDA's backend has no rows to split, and what tensor parallelism takes cannot be measured.
        check("--split-mode row", "layer, none");
        check("--split-mode tensor", "layer, none");
    }
}
