//! A binary with feature `cuda` starts whatever is missing, says what, and serves on the CPU.
//!
//! The libraries are small ones made here: what a real one does on a GPU, `make gpu-test` asks.
#![cfg(feature = "cuda")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A backend as ggml loads one, without devices. It needs ggml of the executable: `ggml_abort` and `ggml_nbytes`
/// are what every file of the real one needs.
const NO_DEVICES: &str = r#"
#include <stddef.h>
struct reg { int api_version; const char *(*name)(void *); size_t (*count)(void *);
             void *(*device)(void *, size_t); void *(*address)(void *, const char *); void *context; };
void ggml_abort(const char *, int, const char *, ...);
size_t ggml_nbytes(const void *);
void *const needed[] = { (void *)ggml_abort, (void *)ggml_nbytes };
static const char *name(void *r) { return "CUDA"; }
static size_t count(void *r) { return 0; }
static void *device(void *r, size_t i) { return NULL; }
static void *address(void *r, const char *n) { return NULL; }
static struct reg reg = { API_VERSION, name, count, device, address, NULL };
void *ggml_backend_init(void) { return needed[0] && needed[1] ? &reg : NULL; }
"#;

/// `GGML_BACKEND_API_VERSION` of the llama.cpp that is linked.
const API_VERSION: u32 = 3;

/// Makes `directory/libggml-cuda.so` from C.
fn make_library(directory: &Path, source: &str, arguments: &[&str]) {
    let file = directory.join("library.c");
    std::fs::write(&file, source).expect("the source is written");
    let status = Command::new("cc")
        .args(["-shared", "-fPIC", "-w", "-o"])
        .arg(directory.join("libggml-cuda.so"))
        .arg(&file)
        .args(arguments)
        .status()
        .expect("cc runs");
    assert!(status.success());
}

/// Ends the server also where a check fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Starts the server with the library of a directory; waits until it listens. Gives its log until then, and what
/// `/api/health` says computes.
fn start(directory: &Path) -> (String, String) {
    let mut server = Server(
        Command::new(env!("CARGO_BIN_EXE_rein"))
            .args(["serve", "--port", "0"])
            .env("REIN_BACKEND_DIR", directory)
            .env_remove("REIN_LOG")
            .env_remove("REIN_MODEL")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rein starts"),
    );
    let stdout = BufReader::new(server.0.stdout.take().expect("piped"));
    let address = stdout
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, rest) = line.split_once("Listening on http://")?;
            rest.split_whitespace().next().map(str::to_owned)
        })
        .expect("the server listens");
    let device = device_of(&address);
    server.0.kill().expect("it runs");
    let mut log = String::new();
    let mut stderr = server.0.stderr.take().expect("piped");
    stderr.read_to_string(&mut log).expect("text");
    (log, device)
}

fn device_of(address: &str) -> String {
    let url = format!("http://{address}/api/health");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let body: serde_json::Value = runtime.block_on(async {
        let answer = reqwest::get(url).await.expect("an answer");
        answer.json().await.expect("JSON")
    });
    body["device_type"].as_str().expect("a string").to_owned()
}

fn check(make: impl FnOnce(&Path), expected: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    make(directory.path());
    let (log, device) = start(directory.path());
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("no CUDA device was found"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(expected), "{log}");
    assert_eq!(device, "cpu");
}

#[test]
fn without_the_library_it_serves_on_the_cpu() {
    check(|_| {}, "libggml-cuda.so, is missing");
}

#[test]
fn without_a_driver_it_serves_on_the_cpu_and_gives_the_loaders_words() {
    // A driver of a name that no machine has stands for one that is not installed.
    check(
        |directory| {
            let stub = directory.join("stub.so");
            let stub = stub.to_str().expect("UTF-8");
            let made = Command::new("cc")
                .args(["-shared", "-x", "c", "/dev/null", "-o", stub])
                .arg("-Wl,-soname,libcuda.so.none")
                .status();
            assert!(made.expect("cc runs").success());
            make_library(directory, "", &["-Wl,--no-as-needed", stub]);
        },
        "libcuda.so.none: cannot open shared object file",
    );
}

#[test]
fn without_a_device_it_serves_on_the_cpu() {
    let version = format!("-DAPI_VERSION={API_VERSION}");
    check(
        |directory| make_library(directory, NO_DEVICES, &[&version]),
        "the driver offers no usable GPU",
    );
}

#[test]
fn a_library_of_another_llama_cpp_is_refused() {
    let unknown = "int ggml_of_the_future(void);\nvoid *ggml_backend_init(void) { return (void *)ggml_of_the_future; }";
    check(
        |directory| make_library(directory, unknown, &[]),
        "undefined symbol: ggml_of_the_future",
    );
    let version = format!("-DAPI_VERSION={}", API_VERSION - 1);
    check(
        |directory| make_library(directory, NO_DEVICES, &[&version]),
        "incompatible API version",
    );
}

/// `make gpu-test` runs this where there is a GPU: else its other tests would test the CPU once more.
#[test]
#[ignore = "needs a GPU and scripts/cuda-backend.sh"]
fn with_library_driver_and_device_the_gpu_computes() {
    let directory = std::env::var("REIN_BACKEND_DIR").expect("REIN_BACKEND_DIR is set");
    let (log, device) = start(Path::new(&directory));
    assert!(log.contains("CUDA computes on "), "{log}");
    assert_eq!(device, "cuda");
}
