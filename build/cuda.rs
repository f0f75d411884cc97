//! Feature `cuda`: our own kernels, compiled to fat binaries that rein embeds.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::architectures::Architectures;
use crate::toolkit;

const SOURCES: &str = "kernels/cuda";

/// Compiles every `kernels/cuda/NAME.cu` to `$OUT_DIR/cuda/NAME.fatbin`.
pub fn build() -> Result<(), String> {
    println!("cargo:rerun-if-changed={SOURCES}");
    for name in ["CUDA_HOME", "CUDA_PATH", "REIN_CUDA_ARCHITECTURES"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let toolkit = toolkit::find(&|name| env::var(name).ok(), &Path::is_file)?;
    let setting = env::var("REIN_CUDA_ARCHITECTURES").ok();
    let architectures = Architectures::choose(setting.as_deref(), nvidia_smi().as_deref())?;
    println!(
        "cargo:rustc-env=REIN_CUDA_ARCHITECTURES_BUILT={}",
        architectures.list()
    );
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?).join("cuda");
    fs::create_dir_all(&out).map_err(|error| format!("cannot make {}: {error}", out.display()))?;
    for source in sources()? {
        compile(&toolkit, &architectures, &source, &out)?;
    }
    Ok(())
}

/// The compute capabilities of the GPUs here, one a line; nothing where there is no driver.
fn nvidia_smi() -> Option<String> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=compute_cap", "--format=csv,noheader"])
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn sources() -> Result<Vec<PathBuf>, String> {
    let entries =
        fs::read_dir(SOURCES).map_err(|error| format!("cannot read {SOURCES}: {error}"))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "cu"))
        .collect();
    found.sort();
    Ok(found)
}

fn compile(
    toolkit: &Path,
    architectures: &Architectures,
    source: &Path,
    out: &Path,
) -> Result<(), String> {
    let target = out
        .join(source.file_name().unwrap_or_default())
        .with_extension("fatbin");
    let threads = env::var("NUM_JOBS").unwrap_or_else(|_| "1".to_owned());
    let output = Command::new(toolkit.join("bin/nvcc"))
        .args(["-fatbin", "-O3", "-std=c++17", "-Xcompiler", "-Wall"])
        .args(["--threads", &threads])
        .args(architectures.nvcc_arguments())
        .arg("-o")
        .arg(&target)
        .arg(source)
        .output()
        .map_err(|error| format!("cannot run nvcc of {}: {error}", toolkit.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("nvcc cannot compile {}:\n{said}", source.display()));
    }
    for line in said.lines().filter(|line| !line.trim().is_empty()) {
        println!("cargo:warning={line}");
    }
    Ok(())
}
