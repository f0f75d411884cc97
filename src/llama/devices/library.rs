//! Loading ggml's CUDA backend.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use llama_cpp_sys_2 as sys;

use super::super::backend::take_recent_errors;
use super::finding::Finding;
use super::gpu_device::GpuDevice;

/// What `scripts/cuda-backend.sh` makes.
const LIBRARY: &str = "libggml-cuda.so";

/// Where the library is looked for: in the directory that `REIN_BACKEND_DIR` names, else beside the binary.
fn location(setting: Option<PathBuf>, binary: Option<&Path>) -> PathBuf {
    setting
        .filter(|directory| !directory.as_os_str().is_empty())
        .or_else(|| binary.and_then(Path::parent).map(Path::to_owned))
        .unwrap_or_default()
        .join(LIBRARY)
}

/// Loads the backend, tells in the log what came of it, and gives its GPUs; none where the CPU computes.
///
/// To be called once, before the first model is loaded. A build without feature `cuda` uses a library that is there, and
/// does not miss one that is not.
pub(in super::super) fn load() -> Vec<GpuDevice> {
    let (finding, gpus) = linked().unwrap_or_else(|| {
        let setting = std::env::var_os("REIN_BACKEND_DIR").map(PathBuf::from);
        find(&location(setting, std::env::current_exe().ok().as_deref()))
    });
    match &finding {
        Finding::Devices(_) => tracing::info!("{finding}"),
        Finding::NoLibrary { .. } if !cfg!(feature = "cuda") => tracing::debug!("{finding}"),
        _ => tracing::warn!("{finding}"),
    }
    gpus
}

/// What a backend that is part of the binary has found; none where it is none (docs/gpu.md, "The single file").
fn linked() -> Option<(Finding, Vec<GpuDevice>)> {
    // SAFETY: the name is NUL-terminated, and ggml's own registries are made when they are first asked for.
    let registry = unsafe { sys::ggml_backend_reg_by_name(c"CUDA".as_ptr()) };
    (!registry.is_null()).then(|| found(registry))
}

/// The devices of a registry that ggml gave.
fn found(registry: sys::ggml_backend_reg_t) -> (Finding, Vec<GpuDevice>) {
    let gpus = GpuDevice::all_of(registry);
    let names = gpus.iter().map(|gpu| gpu.name().to_owned()).collect();
    (Finding::of_devices(names, take_recent_errors()), gpus)
}

fn find(library: &Path) -> (Finding, Vec<GpuDevice>) {
    if !library.is_file() {
        let looked_for = library.to_owned();
        return (Finding::NoLibrary { looked_for }, Vec::new());
    }
    let Ok(path) = CString::new(library.as_os_str().as_encoded_bytes()) else {
        let said = "its path holds a zero byte".to_owned();
        return (Finding::of_refusal(library, said), Vec::new());
    };
    // What was logged before is not about this.
    take_recent_errors();
    // SAFETY: the path is NUL-terminated and lives for the call. The library was chosen by who runs the process
    // (its own directory, or the environment), like the process's other libraries; ggml checks its version.
    let registry = unsafe { sys::ggml_backend_load(path.as_ptr()) };
    if registry.is_null() {
        let finding = Finding::of_refusal(library, take_recent_errors());
        return (finding, Vec::new());
    }
    found(registry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_is_looked_for_where_the_setting_says_else_beside_the_binary() {
        let check = |setting: Option<&str>, binary: Option<&str>, expected: &str| {
            let found = location(setting.map(PathBuf::from), binary.map(Path::new));
            assert_eq!(found, Path::new(expected));
        };
        check(Some("/a"), Some("/b/rein"), "/a/libggml-cuda.so");
        check(None, Some("/b/rein"), "/b/libggml-cuda.so");
        check(Some(""), Some("/b/rein"), "/b/libggml-cuda.so");
        check(None, None, "libggml-cuda.so");
    }

    #[test]
    fn a_library_that_is_not_there_is_not_loaded() {
        let looked_for = PathBuf::from("/nonexistent/libggml-cuda.so");
        assert_eq!(find(&looked_for).0, Finding::NoLibrary { looked_for });
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_with_the_loaders_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LIBRARY);
        std::fs::write(&path, "text").unwrap();
        super::super::super::Backend::init().unwrap();
        let Finding::Unusable { library, said } = find(&path).0 else {
            panic!("text was loaded as a library");
        };
        assert_eq!(library, path);
        assert!(
            said.contains("file too short") || said.contains("invalid ELF header"),
            "{said}"
        );
    }
}
