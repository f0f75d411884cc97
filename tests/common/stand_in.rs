//! [`on_device`]: tests on a GPU that is none (`tests/device/stand_in`; docs/testing.md, "A device without a GPU").

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/device/stand_in");
const LIBRARY: &str = "libggml-cuda.so";

/// Set where a test runs in the process that [`on_device`] started.
const MARK: &str = "REIN_STAND_IN_TEST";

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// When the sources were last changed, those of ggml included.
fn sources_changed() -> Option<SystemTime> {
    let files = fs::read_dir(SOURCES).expect("the sources are there");
    let files = files.map(|file| file.expect("a file").path());
    let ggml = Path::new(env!("REIN_LLAMA_INCLUDE")).join("ggml-backend.h");
    files.chain([ggml]).filter_map(|path| modified(&path)).max()
}

/// The directory for `REIN_BACKEND_DIR`: the device's library is in it, compiled when its sources are newer.
pub fn directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stand-in");
    let library = directory.join(LIBRARY);
    if modified(&library) > sources_changed() {
        return directory;
    }
    fs::create_dir_all(&directory).expect("a directory");
    // Each test is a process of its own: whoever is first has it whole, and the others replace it by the same.
    let made = directory.join(format!("{LIBRARY}.{}", std::process::id()));
    let status = Command::new("c++")
        .args(["-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror"])
        .args(["-shared", "-fPIC", "-fvisibility=hidden", "-pthread"])
        .args(["-I", env!("REIN_LLAMA_INCLUDE"), "-o"])
        .arg(&made)
        .arg(Path::new(SOURCES).join("stand_in.cpp"))
        .status()
        .expect("c++ runs");
    assert!(status.success(), "{SOURCES} does not compile");
    fs::rename(&made, &library).expect("it is put in place");
    directory
}

/// Runs `test` in a process of its own whose GPUs are the stand-in, set up by `settings` (names without `REIN_STAND_IN_`).
///
/// A process, because backends are looked for once, where an environment says that cannot be changed safely. The test is
/// found again by the name of the function whose closure `test` is.
pub fn on_device<Test: FnOnce()>(settings: &[(&str, &str)], test: Test) {
    if std::env::var_os(MARK).is_some() {
        return test();
    }
    // device::module::function::{{closure}}
    let path = std::any::type_name::<Test>();
    let (_, name) = path.split_once("::").expect("a path within a crate");
    let name = name
        .strip_suffix("::{{closure}}")
        .expect("a closure written in the test itself");
    let mut command = Command::new(std::env::current_exe().expect("a path"));
    command
        .args([name, "--exact", "--nocapture"])
        .env(MARK, "1")
        .env("REIN_BACKEND_DIR", directory());
    for (setting, value) in settings {
        command.env(format!("REIN_STAND_IN_{setting}"), value);
    }
    let output = command.output().expect("the test runs");
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}");
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{name} on the device: {}",
        output.status
    );
}
