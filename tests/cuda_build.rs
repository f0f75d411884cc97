//! What `build.rs` decides under feature `cuda`: for which GPUs, with which toolkit.

#[path = "../build/architectures.rs"]
mod architectures;
#[path = "../build/toolkit.rs"]
mod toolkit;

use std::path::Path;

use architectures::{Architectures, DEFAULT};

fn check_choice(setting: Option<&str>, nvidia_smi: Option<&str>, expected: &str) {
    let chosen = Architectures::choose(setting, nvidia_smi).expect("a list");
    assert_eq!(chosen.list(), expected, "{setting:?} {nvidia_smi:?}");
}

#[test]
fn the_setting_decides_then_the_gpus_then_the_default() {
    check_choice(Some("90;80"), Some("7.5\n"), "80;90");
    check_choice(Some("75, 90 90"), None, "75;90");
    check_choice(None, Some("9.0\n8.6\n9.0\n"), "86;90");
    check_choice(Some(" "), Some("12.0\n"), "120");
    check_choice(None, None, DEFAULT);
    check_choice(None, Some("No devices were found\n"), DEFAULT);
    // Older than what CUDA 13 compiles for.
    check_choice(None, Some("6.1\n"), DEFAULT);
    check_choice(None, Some("6.1\n8.9\n"), "89");
}

#[test]
fn a_setting_that_is_not_a_list_of_compute_capabilities_is_refused_with_an_example() {
    for list in ["native", "9.0", "61", "sm_90", ";", "-90", "90000"] {
        let error = Architectures::choose(Some(list), Some("9.0\n")).unwrap_err();
        assert!(error.contains("REIN_CUDA_ARCHITECTURES"), "{list}: {error}");
        assert!(
            error.contains(DEFAULT) || error.contains("75"),
            "{list}: {error}"
        );
    }
}

#[test]
fn each_gets_machine_code_and_the_lowest_and_highest_ptx() {
    let check = |list: &str, expected: &[&str]| {
        assert_eq!(
            Architectures::parse(list).expect("a list").nvcc_arguments(),
            expected
        );
    };
    check(
        "90;75;80",
        &[
            "-gencode=arch=compute_75,code=sm_75",
            "-gencode=arch=compute_80,code=sm_80",
            "-gencode=arch=compute_90,code=sm_90",
            "-gencode=arch=compute_75,code=compute_75",
            "-gencode=arch=compute_90,code=compute_90",
        ],
    );
    check(
        "86",
        &[
            "-gencode=arch=compute_86,code=sm_86",
            "-gencode=arch=compute_86,code=compute_86",
        ],
    );
}

#[test]
fn the_scripts_have_the_same_default() {
    let library = include_str!("../scripts/lib.sh");
    assert!(library.contains(&format!("cuda_architectures_by_default='{DEFAULT}'")));
}

fn find(env: &[(&str, &str)], files: &[&str]) -> Result<String, String> {
    let value = |name: &str| {
        let found = env.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let is_file = |path: &Path| files.iter().any(|file| path == Path::new(file));
    toolkit::find(&value, &is_file).map(|found| found.display().to_string())
}

fn check_toolkit(env: &[(&str, &str)], files: &[&str], expected: &str) {
    assert_eq!(find(env, files).as_deref(), Ok(expected), "{env:?}");
}

#[test]
fn the_toolkit_is_the_one_named_then_the_one_in_path_then_the_one_that_was_made() {
    let everywhere = [
        "/a/bin/nvcc",
        "/b/bin/nvcc",
        "/home/.cache/rein/cuda-13.0/bin/nvcc",
        "/usr/local/cuda/bin/nvcc",
    ];
    let home = ("HOME", "/home");
    let path = ("PATH", "/bin:/b/bin");
    check_toolkit(&[("CUDA_HOME", "/a"), path, home], &everywhere, "/a");
    check_toolkit(&[("CUDA_PATH", "/a"), path, home], &everywhere, "/a");
    check_toolkit(&[("CUDA_HOME", ""), path, home], &everywhere, "/b");
    check_toolkit(&[home], &everywhere, "/home/.cache/rein/cuda-13.0");
    let made = ["/cache/rein/cuda-13.0/bin/nvcc"];
    check_toolkit(
        &[("XDG_CACHE_HOME", "/cache"), home],
        &made,
        "/cache/rein/cuda-13.0",
    );
    check_toolkit(
        &[("REIN_CACHE", "/cache/rein"), home],
        &made,
        "/cache/rein/cuda-13.0",
    );
    check_toolkit(&[("PATH", "/bin")], &everywhere, "/usr/local/cuda");
}

#[test]
fn without_a_toolkit_the_error_says_how_to_get_one() {
    let error = find(&[("HOME", "/home")], &[]).unwrap_err();
    assert!(error.contains("scripts/cuda-toolkit.sh"), "{error}");
    let error = find(&[("CUDA_HOME", "/wrong")], &["/b/bin/nvcc"]).unwrap_err();
    assert!(error.contains("CUDA_HOME is /wrong"), "{error}");
}
