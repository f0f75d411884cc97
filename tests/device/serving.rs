//! `rein serve` with the device.

use std::io::{BufRead, BufReader, Lines, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use super::models::smollm2;
use super::stand_in;

/// A server; ended also where a check fails.
struct Server {
    process: Child,
    address: String,
    /// Open until the end: the server has more to say.
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Server {
    /// Starts it and waits until it listens.
    fn start(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_rein"))
            .args(["serve", "--port", "0", "--ctx-size", "1024", "--model"])
            .arg(smollm2())
            .args(arguments)
            .env("REIN_BACKEND_DIR", stand_in::directory())
            .env_remove("REIN_LOG")
            .env_remove("REIN_MODEL")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("rein starts");
        let stdout = BufReader::new(process.stdout.take().expect("piped"));
        let mut server = Self {
            process,
            address: String::new(),
            stdout: stdout.lines(),
        };
        server.address = server
            .stdout
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, rest) = line.split_once("Listening on http://")?;
                rest.split_whitespace().next().map(str::to_owned)
            })
            .expect("the server listens");
        server
    }

    /// What it logged, once it is ended.
    fn log(mut self) -> String {
        self.process.kill().expect("it runs");
        let mut log = String::new();
        let mut stderr = self.process.stderr.take().expect("piped");
        stderr.read_to_string(&mut log).expect("text");
        log
    }

    /// The answer to a question, once the model is loaded, and then what `/api/health` says computes.
    fn ask(&self) -> (Value, Value) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let client = reqwest::Client::new();
            let question = json!({
                "messages": [{"role": "user", "content": "What is the capital of France?"}],
                "temperature": 0,
                "max_tokens": 24,
                "ignore_eos": true,
            });
            let answer = loop {
                let request = client.post(format!("http://{}/v1/chat/completions", self.address));
                let answer = request.json(&question).send().await.expect("an answer");
                let answer: Value = answer.json().await.expect("JSON");
                if answer["error"]["code"] != "model_loading" {
                    break answer;
                }
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            };
            let health = client.get(format!("http://{}/api/health", self.address));
            let health = health.send().await.expect("an answer");
            let health: Value = health.json().await.expect("JSON");
            (answer, health["device_type"].clone())
        })
    }
}

/// The text of the answer.
fn check(arguments: &[&str], expected: &str) -> String {
    let server = Server::start(arguments);
    let (answer, device) = server.ask();
    assert_eq!(device, expected, "{arguments:?}");
    assert_eq!(answer["usage"]["completion_tokens"], 24, "{answer}");
    let text = answer["choices"][0]["message"]["content"].as_str();
    let text = text.unwrap_or_default().to_owned();
    let log = server.log();
    assert!(log.contains("CUDA computes on Stand-in 0"), "{log}");
    text
}

#[test]
fn a_server_says_what_computes_and_answers_the_same_on_both() {
    let on = check(&[], "cuda");
    let off = check(&["--n-gpu-layers", "0"], "cpu");
    assert_eq!(on, off);
    assert!(!on.is_empty());
}
