//! Where the CUDA toolkit is. Pure: the environment and the file system come as functions.

use std::path::{Path, PathBuf};

/// The name of the directory that `scripts/cuda-toolkit.sh` keeps in rein's cache.
const FROM_PACKAGES: &str = "cuda-13.0";

/// Where NVIDIA's own installers put it.
const USUAL: &str = "/usr/local/cuda";

/// The directory whose `bin/nvcc` compiles: `CUDA_HOME` or `CUDA_PATH` where one is set (a wrong one is an error),
/// else that of the nvcc in `PATH`, else the one that `scripts/cuda-toolkit.sh` has made, else the usual place.
pub fn find(
    env: &dyn Fn(&str) -> Option<String>,
    is_file: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, String> {
    let has_nvcc = |directory: &Path| is_file(&directory.join("bin/nvcc"));
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    for name in ["CUDA_HOME", "CUDA_PATH"] {
        if let Some(directory) = set(name).map(PathBuf::from) {
            return if has_nvcc(&directory) {
                Ok(directory)
            } else {
                Err(format!(
                    "{name} is {}, where there is no bin/nvcc: it must name a CUDA toolkit",
                    directory.display()
                ))
            };
        }
    }
    let in_path = set("PATH").and_then(|path| {
        std::env::split_paths(&path)
            .filter(|directory| is_file(&directory.join("nvcc")))
            .find_map(|directory| directory.parent().map(Path::to_path_buf))
    });
    let made = cache(&set).map(|cache| cache.join(FROM_PACKAGES));
    in_path
        .into_iter()
        .chain(made)
        .chain([PathBuf::from(USUAL)])
        .find(|directory| has_nvcc(directory))
        .ok_or_else(|| {
            "feature `cuda` needs nvcc: run scripts/cuda-toolkit.sh, which makes a CUDA toolkit from Python \
             packages, or set CUDA_HOME to one that is installed"
                .to_owned()
        })
}

/// rein's cache, as `scripts/lib.sh` has it.
fn cache(set: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    set("REIN_CACHE")
        .map(PathBuf::from)
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| PathBuf::from(cache).join("rein")))
        .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache/rein")))
}
