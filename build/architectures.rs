//! Which GPUs CUDA code is compiled for. Pure; `scripts/lib.sh` (`cuda_architectures`) decides the same for the
//! scripts.

/// What is compiled for where neither the setting nor a GPU says otherwise: Turing to Hopper.
pub const DEFAULT: &str = "75;80;86;89;90";

/// CUDA 13 compiles for Turing and newer.
const OLDEST: u32 = 75;

/// Compute capabilities times ten (90 is Hopper), ascending, each once, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architectures(Vec<u32>);

impl Architectures {
    /// Decides: the setting, else the GPUs that are there (as nvidia-smi prints compute capabilities, `8.9` a
    /// line), else [`DEFAULT`]. Fails where the setting is not a list of compute capabilities.
    pub fn choose(setting: Option<&str>, nvidia_smi: Option<&str>) -> Result<Self, String> {
        match setting.filter(|list| !list.trim().is_empty()) {
            Some(list) => Self::parse(list),
            None => nvidia_smi
                .and_then(Self::present)
                .map_or_else(|| Self::parse(DEFAULT), Ok),
        }
    }

    /// Reads `75;80;90`, also with commas or spaces.
    pub fn parse(list: &str) -> Result<Self, String> {
        let mut found = Vec::new();
        for word in list.split([';', ',', ' ']).filter(|word| !word.is_empty()) {
            match word.parse::<u32>() {
                Ok(number) if (OLDEST..1000).contains(&number) => found.push(number),
                _ => {
                    return Err(format!(
                        "`{word}` is not a compute capability that CUDA 13 compiles for; \
                         REIN_CUDA_ARCHITECTURES is a list of numbers from {OLDEST} on, such as {DEFAULT}"
                    ));
                }
            }
        }
        Self::of(found).ok_or_else(|| {
            format!("REIN_CUDA_ARCHITECTURES names no compute capability; try {DEFAULT}")
        })
    }

    /// Ascending and each once; none where there is none.
    fn of(mut numbers: Vec<u32>) -> Option<Self> {
        numbers.sort_unstable();
        numbers.dedup();
        (!numbers.is_empty()).then_some(Self(numbers))
    }

    /// Those of the GPUs in this machine that can be compiled for; none where nothing is.
    fn present(nvidia_smi: &str) -> Option<Self> {
        let found = nvidia_smi
            .lines()
            .filter_map(|line| {
                let (major, minor) = line.trim().split_once('.')?;
                Some(major.parse::<u32>().ok()? * 10 + minor.parse::<u32>().ok()?)
            })
            .filter(|number| *number >= OLDEST);
        Self::of(found.collect())
    }

    /// nvcc's arguments: machine code for each, and PTX of the lowest (for a GPU between two of the list) and of
    /// the highest (for newer ones), which the driver compiles when it is loaded.
    pub fn nvcc_arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = self
            .0
            .iter()
            .map(|number| format!("-gencode=arch=compute_{number},code=sm_{number}"))
            .collect();
        let mut ptx: Vec<u32> = self.0.iter().copied().take(1).collect();
        ptx.extend(self.0.last());
        ptx.dedup();
        arguments.extend(
            ptx.iter()
                .map(|number| format!("-gencode=arch=compute_{number},code=compute_{number}")),
        );
        arguments
    }

    /// As the setting is written: `75;80;90`.
    pub fn list(&self) -> String {
        let words: Vec<String> = self.0.iter().map(u32::to_string).collect();
        words.join(";")
    }
}
