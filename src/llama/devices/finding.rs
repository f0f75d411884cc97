//! What came of looking for GPUs, and the line that tells it.

use std::fmt;
use std::path::{Path, PathBuf};

/// What came of loading ggml's CUDA backend. Shown, it is the line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// The library is not where it is looked for.
    NoLibrary {
        /// The file that was looked for.
        looked_for: PathBuf,
    },
    /// The library cannot be loaded because the driver's library is missing.
    NoDriver {
        /// What the loader said.
        said: String,
    },
    /// The library cannot be loaded for another reason: cuBLAS is missing, or it is of another llama.cpp.
    Unusable {
        /// The library.
        library: PathBuf,
        /// What the loader or ggml said.
        said: String,
    },
    /// Library and driver are there, but no GPU that they can use.
    NoDevice {
        /// What CUDA said.
        said: String,
    },
    /// The names of the GPUs, in CUDA's order; at least one.
    Devices(Vec<String>),
}

/// The driver's library, as the loader names it when it is missing.
const DRIVER: &str = "libcuda.so";

impl Finding {
    /// Why the library was not loaded, from what was logged meanwhile.
    pub(super) fn of_refusal(library: &Path, said: String) -> Self {
        if said.contains(DRIVER) {
            Self::NoDriver { said }
        } else {
            Self::Unusable {
                library: library.to_owned(),
                said,
            }
        }
    }

    /// What a loaded library found, from the names of its devices and from what was logged meanwhile.
    pub(super) fn of_devices(names: Vec<String>, said: String) -> Self {
        if names.is_empty() {
            Self::NoDevice { said }
        } else {
            Self::Devices(names)
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ON_CPU: &str = "no CUDA device was found, so the CPU computes";
        match self {
            Self::NoLibrary { looked_for } => write!(
                f,
                "{ON_CPU}: ggml's CUDA backend, {}, is missing; build it with scripts/cuda-backend.sh, or name its \
                 directory in REIN_BACKEND_DIR",
                looked_for.display()
            ),
            Self::NoDriver { said } => write!(
                f,
                "{ON_CPU}: NVIDIA's driver is missing; install it where there is a GPU ({said})"
            ),
            Self::Unusable { library, said } => write!(
                f,
                "{ON_CPU}: {} cannot be loaded; build it again with scripts/cuda-backend.sh, and see that the \
                 libraries of the CUDA toolkit are found (LD_LIBRARY_PATH) ({said})",
                library.display()
            ),
            Self::NoDevice { said } => write!(
                f,
                "{ON_CPU}: the driver offers no usable GPU; see what nvidia-smi says, and CUDA_VISIBLE_DEVICES ({said})"
            ),
            Self::Devices(names) => write!(f, "CUDA computes on {}", names.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(said: &str) -> Finding {
        Finding::of_refusal(Path::new("/opt/libggml-cuda.so"), said.to_owned())
    }

    fn check(finding: &Finding, cause: &str, next_step: &str) {
        let line = finding.to_string();
        assert!(line.contains(cause), "{line}");
        assert!(line.contains(next_step), "{line}");
        assert!(!line.contains('\n'), "{line}");
        let without_gpu = !matches!(finding, Finding::Devices(_));
        assert_eq!(
            line.starts_with("no CUDA device was found"),
            without_gpu,
            "{line}"
        );
    }

    #[test]
    fn the_line_names_what_is_missing_and_what_to_do() {
        let looked_for = PathBuf::from("/opt/libggml-cuda.so");
        check(
            &Finding::NoLibrary { looked_for },
            "/opt/libggml-cuda.so, is missing",
            "scripts/cuda-backend.sh",
        );
        check(
            &refusal("libcuda.so.1: cannot open shared object file: No such file or directory"),
            "driver is missing",
            "install it",
        );
        check(
            &refusal("libcublas.so.13: cannot open shared object file"),
            "/opt/libggml-cuda.so cannot be loaded",
            "LD_LIBRARY_PATH",
        );
        check(
            &Finding::of_devices(vec![], "no CUDA-capable device is detected".into()),
            "(no CUDA-capable device is detected)",
            "nvidia-smi",
        );
        check(
            &Finding::of_devices(vec!["A".into(), "B".into()], String::new()),
            "A, B",
            "CUDA computes",
        );
    }

    #[test]
    fn what_the_loader_said_is_kept() {
        let said = "libcuda.so.1: cannot open shared object file: No such file or directory";
        assert!(refusal(said).to_string().contains(said));
        assert!(matches!(refusal(said), Finding::NoDriver { .. }));
        let said = "undefined symbol: ggml_nbytes";
        assert!(refusal(said).to_string().contains(said));
        assert!(matches!(refusal(said), Finding::Unusable { .. }));
    }
}
