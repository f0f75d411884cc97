//! Loading ggml's CUDA backend.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use llama_cpp_sys_2 as sys;

use super::super::backend::take_recent_errors;
use super::super::device::Device;
use super::finding::Finding;

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

/// Loads the backend, tells in the log what came of it, and says what computes from now on.
///
/// To be called once, before the first model is loaded.
pub(in super::super) fn load() -> Device {
    let setting = std::env::var_os("REIN_BACKEND_DIR").map(PathBuf::from);
    let library = location(setting, std::env::current_exe().ok().as_deref());
    let finding = find(&library);
    if let Finding::Devices(_) = &finding {
        tracing::info!("{finding}");
        Device::Cuda
    } else {
        tracing::warn!("{finding}");
        Device::Cpu
    }
}

fn find(library: &Path) -> Finding {
    if !library.is_file() {
        return Finding::NoLibrary {
            looked_for: library.to_owned(),
        };
    }
    let Ok(path) = CString::new(library.as_os_str().as_encoded_bytes()) else {
        return Finding::of_refusal(library, "its path holds a zero byte".to_owned());
    };
    // What was logged before is not about this.
    take_recent_errors();
    // SAFETY: the path is NUL-terminated and lives for the call. The library was chosen by who runs the process
    // (its own directory, or the environment), like the process's other libraries; ggml checks its version.
    let registry = unsafe { sys::ggml_backend_load(path.as_ptr()) };
    if registry.is_null() {
        return Finding::of_refusal(library, take_recent_errors());
    }
    Finding::of_devices(device_names(registry), take_recent_errors())
}

/// `registry` is one that ggml gave, which lives as long as the process.
fn device_names(registry: sys::ggml_backend_reg_t) -> Vec<String> {
    // SAFETY: the registry is live; an index under the count has a device; its description is NUL-terminated and
    // lives as long.
    unsafe {
        (0..sys::ggml_backend_reg_dev_count(registry))
            .map(|index| {
                let device = sys::ggml_backend_reg_dev_get(registry, index);
                CStr::from_ptr(sys::ggml_backend_dev_description(device))
                    .to_string_lossy()
                    .into_owned()
            })
            .collect()
    }
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
        assert_eq!(find(&looked_for), Finding::NoLibrary { looked_for });
    }

    #[test]
    fn a_file_that_is_no_library_is_refused_with_the_loaders_words() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LIBRARY);
        std::fs::write(&path, "text").unwrap();
        super::super::super::Backend::init().unwrap();
        let Finding::Unusable { library, said } = find(&path) else {
            panic!("text was loaded as a library");
        };
        assert_eq!(library, path);
        assert!(
            said.contains("file too short") || said.contains("invalid ELF header"),
            "{said}"
        );
    }
}
